"""A trade in which one side is killed at each of its steps. If it comes back, both hold the same receipt; if it never
does, the other side holds a proof of how far it came, with what the one that stopped had signed.

Most of it in the simulator: the true cores and bytes, on virtual time, killed between two effects of a step of its own
or of the other side's. Some with real processes, killed around a command. The control says nothing again after a
restart what had not been acknowledged.
"""

import random
import threading
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.entry import parse_entry, settlement_of
from ledger.proof import check_proof
from p2pnode.core.effects import Effect, Write
from p2pnode.core.events import Command, Event
from p2pnode.core.keys import ENTRY
from p2pnode.core.outbox import Outbox
from protocols.codec import decode
from protocols.errors import Refusal
from protocols.fact import parse_fact
from protocols.limits import MINUTE
from tests.e2e import killer
from tests.e2e.deal import Deal
from tests.e2e.nodes import Node as RealNode
from tests.e2e.nodes import until
from tests.e2e.story import finds
from tests.faults.figures import length, record
from tests.sim.simulator import Node, Simulator
from tests.sim.street import People, look, street
from tests.sim.test_street import chain, propose

STEPS = (  # who, and the command or the entry
    ("Cleo", "exchange.propose"),
    ("Ben", "exchange.counter"),
    ("Cleo", "exchange.accept"),
    ("Cleo", "AGREE"),
    ("Ben", "AGREE"),
    ("Ben", "exchange.handover"),
    ("Cleo", "exchange.confirm"),
    ("Cleo", "exchange.return"),
    ("Ben", "exchange.confirm"),
    ("Cleo", "exchange.pay"),
    ("Cleo", "PAY_PROPOSE"),
    ("Ben", "PAY_ACCEPT"),
    ("Cleo", "PAY_COMPLETE"),
    ("Ben", "PAY_RECEIPT"),
)
PROVES = ("AGREE", "PAY_ACCEPT", "PAY_COMPLETE", "PAY_RECEIPT")  # what an entry proves, the least first
WORDS = ("propose", "counter", "accept", "handover", "confirm", "return", "pay")
WITHIN = 12 * MINUTE


class Countering(random.Random):
    """The giver always makes a counter-offer first."""

    def random(self) -> float:
        return 0.0


class Interrupted(Simulator):
    """Kills a victim around a step: at any of its effects if it is the victim's own, else soon after, or at the
    effects of what the victim does about it.
    """

    def __init__(self, seed: int, step: tuple[str, str], back: bool) -> None:
        super().__init__(seed)
        self.step, self.back = step, back
        self.victim: Node | None = None
        self.armed = self.fired = False

    def handle(self, node: Node, event: Event) -> None:
        if not node.alive:
            return
        effects = node.core.handle(event, self.now)
        if self.victim is None or self.fired:
            return self.perform(node, effects)
        is_step = node.name == self.step[0] and self.step[1] in _labels(event, effects)
        if node is self.victim and (is_step or (self.armed and any(isinstance(e, Write) for e in effects))):
            self.fired = True
            self.perform(node, effects[: self.rng.randrange(len(effects) + 1)])
            return self._die()
        self.perform(node, effects)
        if is_step and not self.armed:
            if self.rng.random() < 0.5:
                self.armed = True
            else:
                self.fired = True
                self.at(self.now + self.rng.randrange(120), self._die)

    def _die(self) -> None:
        assert self.victim is not None
        self.crash(self.victim, away=self.rng.randrange(500, MINUTE) if self.back else 10 * WITHIN)


def _labels(event: Event, effects: list[Effect]) -> set[str]:
    """The command, if it was carried out, and the kinds of the entries that were written."""
    written = [e for e in effects if isinstance(e, Write)]
    kinds = {parse_entry(v).kind for e in written for k, v in e.puts.items() if k.startswith(ENTRY)}
    return kinds | ({event.name} if isinstance(event, Command) and written else set())


def trade(step: tuple[str, str], victim: str, back: bool, seed: int) -> str:
    """One trade with one kill. What became of it; `AssertionError` if that is not as it should be."""
    sim = Interrupted(seed, step, back)
    _, cleo, ben = street(sim, ("Anna", "Cleo", "Ben"))
    listing = sim.ask_now(ben, "listing.publish", direction="offer", kind="rent", title="Snowblower", price="2/hour")
    sim.run(MINUTE)
    sim.victim = cleo if victim == "Cleo" else ben
    People(sim, [cleo, ben], Countering(seed))
    propose(sim, cleo, listing["listing_id"], [])
    end = sim.now + WITHIN
    while not sim.fired and sim.now < end:
        sim.run(1_000)
    assert sim.fired, "the step was never made"
    if back:
        return _both_hold_it(sim, cleo, ben, end)
    sim.run(5 * MINUTE)
    other = ben if victim == "Cleo" else cleo
    return _proves(sim, other, sim.victim.core.state.me)


def _both_hold_it(sim: Simulator, cleo: Node, ben: Node, end: int) -> str:
    shown: list[Any] = [None, None]
    while sim.now < end and not all(x and x["receipt"] and x["status"] in ("settled", "closed") for x in shown):
        sim.run(10_000)
        lists = [look(n, "exchange.list", sim.now) if n.alive else [] for n in (cleo, ben)]
        assert all(len(found) < 2 for found in lists), "one exchange, whatever was repeated"
        shown = [found[0] if found else None for found in lists]
    mine, theirs = shown
    assert mine and theirs, "one side knows nothing of it"
    assert mine["receipt"] == theirs["receipt"] and mine["receipt"], "the same receipt"
    assert mine["terms"] == theirs["terms"]
    amount = mine["settlement"]["amount"]["amount"]
    for node, balance in ((cleo, -amount), (ben, amount)):
        chain(node, [mine["exchange_id"]])
        figures = look(node, "ledger.balance", sim.now)
        assert (figures["balance"]["amount"], figures["hold"]["amount"]) == (balance, 0)
    return "same receipt"


def _proves(sim: Simulator, node: Node, stopped: bytes) -> str:
    """The strongest proof that a node has against a partner that stopped; or that nothing binds it."""
    exchanges = look(node, "exchange.list", sim.now)
    rows = [row for row in look(node, "ledger.log", sim.now) if row["exchange_id"]]
    best = max((row["kind"] for row in rows if row["kind"] in PROVES), key=PROVES.index, default=None)
    if best is None:
        figures = look(node, "ledger.balance", sim.now)
        assert not rows and figures["balance"]["amount"] == figures["hold"]["amount"] == 0
        return "not bound"
    assert not any(step["who"] == "you" and "attest" not in step["command"] for step in exchanges[0]["next"]), exchanges
    try:
        proof = b64decode(sim.ask_now(node, "ledger.prove", exchange=exchanges[0]["exchange_id"])["proof"])
    except Refusal as e:
        raise AssertionError(f"no proof: {e.message}") from e
    return _signed_by(proof, best, node.core.state.me, stopped)


def _signed_by(proof: bytes, kind: str, author: bytes, stopped: bytes) -> str:
    """Check a proof as `ledger check` does, and that it holds what the partner signed."""
    shown = check_proof(proof)
    assert (shown["author"], shown["counterparty"]) == (author.hex(), stopped.hex())
    assert shown["kind"] == kind, f"the ledger holds {kind}, the proof shows {shown['kind']}"
    said = settlement_of(parse_entry(decode(proof)[3]))
    assert said is not None
    signer = parse_fact(said.half).author if kind == "AGREE" else parse_entry(said.half).author
    assert signer == stopped, "the half is the other side's"
    return f"proved by {kind}"


def forgets_what_is_unsaid(patch: pytest.MonkeyPatch) -> None:
    """The control: after a restart nothing is said again that had not been acknowledged."""
    make: Callable[..., None] = Outbox.__init__
    add: Callable[..., None] = Outbox.add

    def empty(self: Outbox, *args: Any) -> None:
        make(self, *args)
        self.items.clear()

    def only_new(
        self: Outbox, item: bytes, network: bytes, author: bytes, protocol: str, *rest: Any, **keep: Any
    ) -> None:
        if rest[1]:  # 0: when it is read again
            add(self, item, network, author, protocol, *rest, **keep)

    patch.setattr(Outbox, "__init__", empty)
    patch.setattr(Outbox, "add", only_new)


def matrix(times: int, first: int) -> Iterator[tuple[tuple[str, str], str, bool, int]]:
    for turn in range(times):
        for number, step in enumerate(STEPS):
            for victim in ("Cleo", "Ben"):
                for back in (True, False):
                    yield step, victim, back, first + turn * 1_000 + number * 4 + (victim == "Ben") * 2 + back


def tried(cases: Iterator[tuple[tuple[str, str], str, bool, int]]) -> tuple[Counter[str], list[str]]:
    counts: Counter[str] = Counter()
    problems = []
    for step, victim, back, seed in cases:
        try:
            counts[trade(step, victim, back, seed)] += 1
        except AssertionError as e:
            problems.append(f"{' '.join(step)}, {victim} killed, {'back' if back else 'never back'}, {seed}: {e}")
    return counts, problems


def test_a_partner_that_is_killed_at_any_step(monkeypatch: pytest.MonkeyPatch) -> None:
    first, times = killer.seed(), length(1, 20)
    counts, problems = tried(matrix(times, first))
    forgets_what_is_unsaid(monkeypatch)
    control, caught = tried(case for case in matrix(1, first) if case[2])
    record(
        "partner",
        how="simulated",
        trials=sum(counts.values()) + len(problems),
        each=times,
        failures=len(problems),
        **{kind.replace(" ", "_"): count for kind, count in sorted(counts.items())},
        control_trials=sum(control.values()) + len(caught),
        control_failures=len(caught),
    )
    assert not problems, problems[:10]
    expected = {"same receipt", "not bound", *(f"proved by {kind}" for kind in PROVES)}
    assert expected == counts.keys() or (times < 5 and counts.keys() < expected)
    assert caught, "where nothing is said again after a restart, some trades never end"


class Watched(Deal):
    """Kills one side around the first command of a word, sees what the other can prove meanwhile, starts it again."""

    def __init__(
        self, giver: RealNode, taker: RealNode, listing: str, word: str, victim: RealNode, delay: float
    ) -> None:
        super().__init__(giver, taker, listing)
        self.word, self.victim, self.delay = word, victim, delay
        self.other = taker if victim is giver else giver
        self.killer: threading.Thread | None = None
        self.stopped = bytes.fromhex(victim.cli("status")["author"])
        self.outcome = ""
        self.problem: BaseException | None = None

    def _say(self, node: RealNode, *args: str) -> Any:
        if args[0] == self.word and self.killer is None:
            self.killer = threading.Thread(target=self._interrupt, daemon=True)
            self.killer.start()
        return super()._say(node, *args)

    def _interrupt(self) -> None:
        try:
            time.sleep(self.delay)
            self.victim.kill()
            time.sleep(0.3)
            self.outcome = self._proved()
        except BaseException as e:
            self.problem = e
        finally:
            self.victim.start()

    def _proved(self) -> str:
        """What the command line of the other side proves, checked by that of somebody who has no node."""
        open_ = [x["exchange_id"] for x in self.other.cli("exchange", "list") if not x["receipt"]]
        rows = [
            r for r in self.other.cli("ledger", "log") if r["exchange_id"] and r["exchange_id"] in (self.id, *open_)
        ]
        best = max((row["kind"] for row in rows if row["kind"] in PROVES), key=PROVES.index, default=None)
        if best is None:
            return "not bound"
        file = self.other.home.parent / "proof.p2p"
        file.unlink(missing_ok=True)
        self.other.cli("ledger", "prove", self.id, "--out", str(file))
        shown = RealNode("Nobody", self.other.home.parent).cli("ledger", "check", str(file))
        assert shown["ok"] and PROVES.index(shown["kind"]) >= PROVES.index(best)
        mine = bytes.fromhex(self.other.cli("status")["author"])
        return _signed_by(file.read_bytes(), shown["kind"], mine, self.stopped)


def test_a_partner_that_is_killed_around_a_command(tmp_path: Path) -> None:
    rng, trials = random.Random(killer.seed()), length(1, 28)
    counts: Counter[str] = Counter()
    problems: list[str] = []
    nodes = killer.street(tmp_path, lambda name: RealNode(name, tmp_path))
    try:
        _, ben, cleo = nodes
        fields = ["--kind", "rent", "--title", "Snowblower", "--price", "0.02/hour"]
        listing = ben.cli("offer", "publish", *fields, "--wait", "30")["listing_id"]
        until("Cleo finds it", lambda: finds(cleo, listing, "snow"))
        cases = [(word, victim) for word in WORDS for victim in (ben, cleo)]
        rng.shuffle(cases)
        for number in range(trials):
            word, victim = cases[number % len(cases)]
            deal = Watched(ben, cleo, listing, word, victim, rng.uniform(0, 0.3))
            deal.act_out()
            assert deal.killer is not None
            deal.killer.join(60)
            if deal.problem is not None:
                problems.append(f"{word}, {victim.name}: {deal.problem}")
            counts[deal.outcome] += 1
            counts["same receipt"] += 1
        for node in (ben, cleo):
            rows = [(r["exchange_id"], r["kind"]) for r in node.cli("ledger", "log") if r["exchange_id"]]
            assert len(rows) == len(set(rows)) and node.cli("ledger", "verify")["ok"]
            assert node.cli("ledger", "balance")["hold"]["amount"] == 0
    finally:
        for node in nodes:
            node.kill()
        record(
            "partner",
            how="processes",
            trials=counts["same receipt"],
            failures=len(problems),
            **{kind.replace(" ", "_"): count for kind, count in sorted(counts.items()) if kind},
        )
    assert not problems, problems
