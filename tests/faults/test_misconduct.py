"""A rule of the ledger is broken before one node's eyes, or a barn is given twice: every honest node of the street
gives who did it no score and begins nothing with him, after a restart too, and who was away hears of it. What is
invented convicts nobody, and shuts out who says it; what is rebutted convicts nobody either. The control is a node that
keeps to itself what it found.
"""

import random
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from p2pnode import clock
from p2pnode.client import Client
from protocols.double_booking import encode_challenge, parse_agreement
from protocols.identity import incept
from protocols.limits import DAY
from protocols.misconduct import BALANCE, FORK, LIMIT, Misconduct, seal_misconduct
from tests.e2e.killer import seed
from tests.e2e.nodes import PATIENCE, Node, until
from tests.faults import offenders
from tests.faults.figures import LONG, length, record
from tests.faults.mutant import mutant
from tests.faults.offenders import Offender, all_of, broken, forked, spread, stranger

WITHIN = 5.0  # seconds from the first node that knows to the last
LIES = 12  # false accusations: some more than shut a peer out
HONEST = ("Anna", "Cleo", "Dora", "Emil", "Finn", "Gina", "Hugo", "Ines")


@contextmanager
def street(root: Path, names: tuple[str, ...], **prefix: list[str]) -> Iterator[list[Node]]:
    """The first founded the network and invited the others. All run. prefix: by name in lower case."""
    nodes = [Node(name, root, prefix=prefix.get(name.lower(), [])) for name in names]
    try:
        first, *others = nodes
        first.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour", "--decimals", "2")
        first.start()
        link = first.cli("invite", "--uses", str(len(others)))["link"]
        for node in others:
            node.init("--area", "u33dc", "--join", link)
            node.start()
        for node in others:
            until(f"{node.name} has credit", lambda n=node: n.cli("ledger", "balance")["limit"]["amount"])
        yield nodes
    finally:
        for node in nodes:
            node.kill()


def shown(offender: Offender, nodes: list[Node], patience: float = PATIENCE) -> tuple[float, float]:
    """An offender says what there is against him: `spread`."""
    offender.start()
    try:
        assert offender.ready.wait(30) and offender.problem is None, offender.problem
        offender.go.set()
        return spread(nodes, offender.name, patience)
    finally:
        offender.end()


def slandered(victim: Node, accused: bytes, network: bytes, rng: random.Random) -> tuple[int, bool]:
    """Somebody accuses, again and again, with a true fork of somebody else's: whether that shut him out."""
    liar = stranger(victim, network, rng.randbytes(32), "Liar")
    true = offenders.proof(broken(FORK, liar.signer, network))
    liar.records = [
        seal_misconduct(incept(rng.randbytes(32))[0], network, Misconduct(accused, FORK, true), created=clock.now())
        for _ in range(LIES)
    ]
    liar.start()
    try:
        assert liar.ready.wait(30) and liar.problem is None, liar.problem
        liar.go.set()
        banned = until("he is shut out", lambda: _bans(victim, liar.host.peer_id))
    finally:
        liar.end()
    return len(liar.records), bool(banned)


def _bans(node: Node, peer: str) -> bool:
    return peer in {row["peer_id"] for row in node.cli("peers", "list", "--banned")}


def test_everybody_knows_what_is_proven(tmp_path: Path) -> None:
    rng = random.Random(seed())
    names = HONEST if LONG else HONEST[:3]
    with street(tmp_path, (names[0], "Ben", *names[1:])) as (anna, ben, *others):
        network = bytes.fromhex(anna.cli("status")["network"]["id"])
        honest, away = [anna, *others], others[-1]
        until("Cleo keeps his entries", lambda: others[0].cli("reputation", "Ben"))
        times: list[tuple[float, float]] = []
        back: list[float] = []
        cases = [FORK, BALANCE, LIMIT] * length(1, 20)
        for number, what in enumerate(cases):
            offender = stranger(anna, network, rng.randbytes(32), f"{what.title()} {number}")
            offender.entries = broken(what, offender.signer, network)
            times.append(shown(offender, honest))
        away.stop()
        ben.stop()
        fork = forked(ben, anna, network)
        fork.name = "Ben"
        times.append(shown(fork, honest[:-1]))
        away.start()
        back.append(all_of([away], lambda node: offenders.seen(node, "Ben"), PATIENCE)[0])
        honest[0].stop()
        honest[0].start()
        assert all(offenders.seen(anna, offender) for offender in ("Ben", "Fork 0")), "forgotten over a restart"
        me = anna.cli("whoami")
        lies, shut_out = slandered(others[0], bytes.fromhex(me["author"]), network, rng)
        wrong = sum(convicted(node, "Anna") for node in others)

        anna.stop()
        anna.prefix = mutant("keeps_to_itself")
        anna.start()
        until("Anna is among them again", lambda: anna.cli("status")["peers"])
        quiet = stranger(anna, network, rng.randbytes(32), "Control")
        quiet.entries = broken(FORK, quiet.signer, network)
        control = shown(quiet, honest, WITHIN)[1]
    late = sum(took > WITHIN for _, took in times)
    record(
        "misconduct",
        how="proofs",
        trials=len(times),
        failures=late,
        nodes=len(honest),
        first_knows_max_s=round(max(first for first, _ in times), 2),
        all_know_max_s=round(max(took for _, took in times), 2),
        back_again_s=round(max(back), 2),
        lies=lies,
        convicted_by_lies=wrong,
        control_all_know="never" if control == float("inf") else f"{control:.2f}",
    )
    assert all(took < float("inf") for _, took in times), "somebody never knew"
    assert max(back) < float("inf"), "who was away never knew"
    assert shut_out and not wrong
    assert control == float("inf"), "where nothing is published, not everybody knows"
    assert not LONG or not late


def ask(node: Node, command: str, **fields: Any) -> Any:
    """A command as `p2pnode` sends it, without a process for each."""
    return Client(node.home).call(command, fields)


def looks(node: Node, id_: str) -> str:
    """The status of an exchange, or nothing where it is not known yet."""
    rows = {row["exchange_id"]: str(row["status"]) for row in ask(node, "exchange.list")}
    return rows.get(id_, "")


def booked(owner: Node, guest: Node, listing: str) -> str:
    """A guest has the listing for a day; the id of the exchange."""
    until("it is known", lambda: finds(guest, listing))
    start = clock.now() // DAY * DAY + 5 * DAY
    id_: str = ask(guest, "exchange.propose", listing=listing, start=start, end=start + DAY)["exchange_id"]
    until("the owner has it", lambda: looks(owner, id_))
    assert ask(owner, "exchange.accept", id=id_)["status"] == "agreed"
    until("the guest knows", lambda: looks(guest, id_) == "agreed")
    return id_


def finds(node: Node, listing: str) -> bool:
    return listing in {row["listing_id"] for row in ask(node, "search")}


def challenged(owner: Node, guests: list[Node], rebutted: bool) -> tuple[str, list[str]]:
    """Two have the same day, and show it: the challenge, and what rebuts it. rebutted: the first guest had called it
    off before, as the terms allow, and the owner can show it."""
    fields = {"direction": "offer", "kind": "rent", "price": "0.02/hour"}
    listing = ask(owner, "listing.publish", title="Barn" if rebutted else "Sauna", **fields)["listing_id"]
    agreements, ended = [], list[str]()
    for guest in guests:
        id_ = booked(owner, guest, listing)
        agreements.append(parse_agreement(b64decode(ask(guest, "exchange.agreement", id=id_)["agreement"])))
        if rebutted and guest is guests[0]:
            ask(guest, "exchange.cancel", id=id_)
            until("it is over", lambda i=id_: looks(owner, i) == "cancelled")  # type: ignore[misc]
            ended.append(ask(owner, "exchange.rebut", id=id_)["rebuttal"])
    return b64encode(encode_challenge(agreements)).decode(), ended


def test_everybody_knows_who_gave_a_barn_twice(tmp_path: Path) -> None:
    names = ("Anna", "Ben", "Cleo", "Dora") if LONG else ("Anna", "Ben", "Cleo")
    with street(tmp_path, names, ben=mutant("promises_twice")) as (anna, ben, *others):
        honest = [anna, *others]
        challenge, ended = challenged(ben, [anna, others[0]], rebutted=True)
        ask(anna, "misconduct.publish", challenge=challenge)
        falsely = spread(honest, "Ben", PATIENCE)[1]
        ask(ben, "misconduct.publish", challenge=challenge, rebuttals=ended)
        cleared = all_of(honest, lambda node: not convicted(node, "Ben"), PATIENCE)[1]
        challenge, _ = challenged(ben, [anna, others[0]], rebutted=False)
        ask(others[0], "misconduct.publish", challenge=challenge)
        took = spread(honest, "Ben", PATIENCE)[1]
        anna.stop()
        anna.start()
        (proof,) = ask(anna, "reputation", peer="Ben")["proofs"]
    record(
        "misconduct",
        how="double bookings",
        trials=2,
        failures=sum(seconds > WITHIN for seconds in (cleared, took)),
        nodes=len(honest),
        all_know_s=round(took, 2),
        all_cleared_s=round(cleared, 2),
    )
    assert falsely < float("inf") and cleared < float("inf"), "what was rebutted convicts nobody"
    assert took < float("inf"), "somebody never knew"
    assert proof["what"] == "double_booking" and "Sauna" in proof["text"], "the rebutted one stays rebutted"
    assert not LONG or max(cleared, took) <= WITHIN


def convicted(node: Node, name: str) -> bool:
    return bool(ask(node, "reputation", peer=name)["misconduct"])
