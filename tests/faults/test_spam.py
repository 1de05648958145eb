"""Records that nobody asked for, a thousand a second: the spammer is cut off, and the street does not notice.

An honest neighbour of Ben publishes ten records a second, one of Cleo's listens; Ben is the one that is spammed. Wrong
signatures meet a node by itself. The controls: a node that looks at all that it is sent, and one that forgives all.
"""

import random
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.killer import seed, street
from tests.e2e.nodes import Node, until
from tests.faults.figures import LONG, Figure, length, record
from tests.faults.mutant import mutant
from tests.faults.speakers import Neighbour, Spammer, Speaker, forged, listings

RATE = 1_000  # records a second, of each spammer
HONEST = 10
WARM_UP = 1.0  # seconds of honest records before the spam
SPAM_SECONDS = 12 if LONG else 4
AFTERWARDS = 20 if LONG else 0


class Outcome(NamedTuple):
    """Seconds; peers that are banned in the end, and who of them came in again."""

    delivered: float
    p99: float
    cut_off: float
    banned: set[str]
    spammers: set[str]
    returns: int
    problems: list[str]


def spam(root: Path, spammers: int, rng: random.Random, rule: str = "") -> Outcome:
    """One street, spammed once. rule: what is taken away from Ben."""
    nodes = street(root, lambda n: Node(n, root, prefix=mutant(rule) if rule and n == "Ben" else ()))
    _, ben, cleo = nodes
    speakers: list[Speaker] = []
    try:
        network = bytes.fromhex(ben.cli("status")["network"]["id"])
        until("Ben and Cleo are connected", lambda: ben.cli("peers", "show", "Cleo")["connected"], 60)
        author, reader = (Neighbour(node, network, rng.randbytes(32)) for node in (ben, cleo))
        honest = listings(network, int((WARM_UP + SPAM_SECONDS + AFTERWARDS) * HONEST), rng)
        crowd = []
        for _ in range(spammers):
            made = listings(network, RATE * SPAM_SECONDS, rng)
            crowd.append(Spammer(ben, network, rng.randbytes(32), made, RATE))
        speakers += [author, reader, *crowd]
        for one in speakers:
            one.start()
            assert one.ready.wait(30) and one.problem is None, one.problem
        time.sleep(1.0)  # the comparison after the greeting
        began = time.monotonic()
        for number, one in enumerate(honest):
            time.sleep(max(0.0, began + number / HONEST - time.monotonic()))
            author.say(one)
            if number == int(WARM_UP * HONEST):
                for each in crowd:
                    each.go.set()
        end = time.monotonic() + 25  # a comparison finds what was lost
        while time.monotonic() < end and not all(one.id in reader.heard for one in honest):
            time.sleep(0.1)
        delays = sorted(reader.heard[one.id] - author.said[one.id] for one in honest if one.id in reader.heard)
        banned = {row["peer_id"] for row in ben.cli("peers", "list", "--banned")}
        problems = [f"{node.name} ended" for node in nodes if node.process is None or node.process.poll() is not None]
        for one in speakers:
            one.end()
        return Outcome(
            delivered=len(delays) / len(honest),
            p99=delays[min(len(delays) - 1, int(len(delays) * 0.99))] if delays else float("inf"),
            cut_off=max(each.cut_off_after for each in crowd),
            banned=banned,
            spammers={each.host.peer_id for each in crowd},
            returns=sum(each.returns for each in crowd),
            problems=problems,
        )
    finally:
        for one in speakers:
            one.stopped.set()
        for node in nodes:
            node.kill()


def lone(root: Path, rng: random.Random, rule: str = "", lie: bool = False) -> Outcome:
    """One node with nobody else, and one spammer. lie: no signature is right."""
    with Node("Anna", root, prefix=mutant(rule) if rule else ()) as anna:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
        anna.start()
        network = bytes.fromhex(anna.cli("status")["network"]["id"])
        made = listings(network, RATE * SPAM_SECONDS, rng)
        spammer = Spammer(anna, network, rng.randbytes(32), forged(made) if lie else made, RATE)
        spammer.start()
        try:
            assert spammer.ready.wait(30) and spammer.problem is None, spammer.problem
            spammer.go.set()
            time.sleep(SPAM_SECONDS)
            banned = {row["peer_id"] for row in anna.cli("peers", "list", "--banned")}
        finally:
            spammer.end()
        alive = anna.process is not None and anna.process.poll() is None
        problems = [] if alive else ["Anna ended"]
        name = {spammer.host.peer_id}
        return Outcome(1.0, 0.0, spammer.cut_off_after, banned, name, spammer.returns, problems)


def counted(how: str, outcomes: list[Outcome], failures: int, control: Outcome, **figures: Figure) -> None:
    record(
        "spam",
        how=how,
        trials=len(outcomes),
        failures=failures,
        cut_off_s=round(max(o.cut_off for o in outcomes), 2),
        control_cut_off="never" if control.cut_off == float("inf") else f"{control.cut_off:.2f}",
        **figures,
    )


@pytest.mark.parametrize("spammers", [1, 3] if LONG else [3])
def test_a_thousand_records_a_second(tmp_path: Path, spammers: int) -> None:
    rng = random.Random(seed())
    outcomes = [spam(tmp_path / f"{i}", spammers, rng) for i in range(length(1, 5))]
    rule = "looks_at_everything"
    control = spam(tmp_path / "c", spammers, rng, rule) if LONG else lone(tmp_path / "c", rng, rule)
    failures = sum(o.delivered < 0.99 or o.p99 > 0.5 or o.cut_off > 3.0 for o in outcomes)
    counted(
        f"{spammers} x {RATE}/s",
        outcomes,
        failures,
        control,
        delivered_percent=round(100 * min(o.delivered for o in outcomes), 1),
        p99_ms=round(1_000 * max(o.p99 for o in outcomes)),
        **({"control_p99_ms": round(1_000 * control.p99)} if LONG else {}),
    )
    for one in outcomes:
        assert not one.problems and one.delivered >= 0.99, one
        assert one.banned == one.spammers and not one.returns, one
        assert one.cut_off < float("inf"), one
    assert not LONG or not failures, outcomes
    assert control.cut_off > 3.0 and not control.banned, "whose records are not counted is not banned"


def test_a_thousand_wrong_signatures_a_second(tmp_path: Path) -> None:
    rng = random.Random(seed())
    outcomes = [lone(tmp_path / f"{i}", rng, lie=True) for i in range(length(1, 10))]
    control = lone(tmp_path / "control", rng, "forgives", lie=True)
    failures = sum(o.cut_off > 2.0 for o in outcomes)
    counted(f"wrong signatures, {RATE}/s", outcomes, failures, control)
    for one in outcomes:
        assert not one.problems and one.banned == one.spammers and not one.returns, one
    assert not LONG or not failures, outcomes
    assert control.cut_off == float("inf") and not control.banned, "without bans it goes on"
