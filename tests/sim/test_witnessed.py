"""Payments with witnesses on a street under faults: never settled for one and cancelled for another, and all end.

Ben is to be paid; now and then his node is cut off for good, before or after it has accepted.
"""

import os
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest

from ledger import outcome
from ledger.entry import Entry, parse_entry
from ledger.settlement import Deal, State
from ledger.tokens import Token, parse_token
from ledger.witnessing import Verdict, decode_verdict
from p2pnode.core import witnesses
from p2pnode.core.events import Received
from p2pnode.core.keys import VERDICT
from p2pnode.core.settlements import Settlements
from p2pnode.core.witnesses import Witnesses
from protocols import exchange_messages as messages
from protocols.errors import Refusal
from protocols.limits import HOUR, MAX_INT, MINUTE, SECOND
from tests.longer import LONGER, seeds
from tests.sim.simulator import Faults, Node, Simulator
from tests.sim.street import look, storm, street

SEEDS = int(os.environ.get("P2PNODE_SEEDS", "8" if os.environ.get("P2PNODE_LONG") else "5"))
Patch = pytest.MonkeyPatch
NAMES = ("Anna", "Ben", "Cleo", "Emil", "Finn", "Dora")
WITNESSES = {1: ("Anna",), 3: ("Anna", "Emil", "Finn"), 4: ("Anna", "Emil", "Finn", "Dora")}
WITHIN = 2 * MINUTE
CALLED_OFF_WITHIN = 5 * MINUTE  # after the expiry


class Street:
    """Cleo agrees to pay Ben, and names witnesses. `at_rest` once everything is said that is going to be."""

    def __repr__(self) -> str:  # a failing assertion would else show every node in it
        return f"Street({self.seed}, {self.count})"

    def __init__(self, seed: int, count: int) -> None:
        self.seed, self.count = seed, count
        self.sim = Simulator(seed)
        self.nodes = {node.name: node for node in street(self.sim, NAMES)}
        self.sim.run(MINUTE)
        self.witnesses = [self.nodes[name] for name in WITNESSES[count]]
        listing = self.sim.ask_now(
            self.ben, "listing.publish", direction="offer", kind="service", title="Sharpen a saw", price="1"
        )
        self.sim.run(MINUTE)
        proposed = self.sim.ask_now(
            self.cleo, "exchange.propose", listing=listing["listing_id"], witness=[w.peer_id for w in self.witnesses]
        )
        self.id = proposed["exchange_id"]
        self.sim.ask_now(self.ben, "exchange.accept", id=self.id)
        self.sim.run(MINUTE)

    @property
    def ben(self) -> Node:
        return self.nodes["Ben"]

    @property
    def cleo(self) -> Node:
        return self.nodes["Cleo"]

    def pay(self) -> list[Any]:
        answers: list[Any] = []
        self.sim.ask(self.cleo, "exchange.pay", answers.append, id=self.id, within=WITHIN)
        return answers

    def deal(self, node: Node) -> Deal | None:
        deals: dict[Any, Deal] = node.core.settlements.deals
        return next((d for d in deals.values() if d.id.hex() == self.id), None)

    def show(self, node: Node) -> Any:
        return look(node, "exchange.show", self.sim.now, id=self.id)

    def vanish(self, node: Node) -> None:
        """Gone for good, with its disk."""
        self.sim.crash(node, away=1_000 * HOUR)

    def evidence(self) -> tuple[list[Entry], list[Token]]:
        """All that parties and witnesses have on their disks."""
        deals = [d for node in (self.ben, self.cleo) if (d := self.deal(node)) is not None]
        entries = [parse_entry(each) for d in deals for each in (d.mine, d.theirs) if each]
        verdicts = [parse_token(v.token) for v in verdicts_of(self.nodes.values())]
        return entries, [*verdicts, *(parse_token(t) for d in deals for t in d.tokens)]


def verdicts_of(nodes: Iterable[Node]) -> list[Verdict]:
    return [decode_verdict(value) for node in nodes for _, value in node.disk.scan(VERDICT)]


def final(deal: Deal | None) -> str:
    if deal is None:
        return ""
    return "settled" if deal.settled else "cancelled" if deal.closed else ""


def agree(run: Street) -> set[str]:
    """What is final for the two. They may not differ from each other, nor from what all evidence together says."""
    said = {final(run.deal(node)) for node in (run.ben, run.cleo)} - {""}
    assert len(said) <= 1, said
    entries, tokens = run.evidence()
    if said and entries:
        assert said == {outcome.outcome(entries, tokens)}
    for witness in run.witnesses:
        mine = {t.decision for t in tokens if t.witness == witness.core.state.me}
        assert len(mine) <= 1, f"{witness.name} decided twice"
    return said


def trade(seed: int, count: int, *, patience: int = 15 * MINUTE) -> Street:
    """A payment through a storm. Sometimes Ben vanishes in it, or one witness of several does."""
    run = Street(seed, count)
    rng = Random(seed)
    run.sim.faults = storm(rng)
    answers = run.pay()
    if rng.random() < 0.5:  # before, while or after the two have spoken
        healed = run.sim.now + rng.randrange(2 * WITHIN)
        run.sim.at(run.sim.now + rng.randrange(2 * SECOND), lambda: cut(run, run.ben, run.cleo, healed))
    gone = None
    if rng.random() < 0.6:
        gone = run.ben
        run.sim.at(run.sim.now + rng.randrange(10 * SECOND), lambda: run.vanish(run.ben))
    if count == 3 and rng.random() < 0.5:
        run.sim.at(run.sim.now + rng.randrange(3 * MINUTE), lambda: run.vanish(run.witnesses[0]))
    for _ in range(8):
        run.sim.run(MINUTE)
        agree(run)
    run.sim.faults = Faults()
    run.sim.run(patience)
    assert answers and not isinstance(answers[0], Refusal)
    said = agree(run)
    mine = run.deal(run.cleo)
    assert mine is not None
    if gone is None:
        assert said == {"settled"} or said == {"cancelled"}, (mine.state, run.deal(run.ben))
    else:
        tokens = run.evidence()[1]
        accepted = sum(t.decision == "accept" for t in {t.wire: t for t in tokens}.values())
        assert final(mine) or accepted > 0, (mine.state, "a payer that waits for ever")
    for node in (run.cleo, *run.witnesses):
        if node.alive:
            network = next(iter(node.core.state.networks.values()))
            assert network.chain.audit().ok
    return run


@pytest.mark.parametrize("count", (1, 3, 4))
@pytest.mark.parametrize("seed", seeds(SEEDS, 1))
def test_nobody_honest_differs_and_every_payment_ends(seed: int, count: int) -> None:
    trade(seed, count)


@LONGER
def test_both_ends_are_met() -> None:
    """The seeds say something: some payments settle, some are called off."""
    ends: set[str] = set()
    for seed in range(8):
        run = trade(seed, 1)
        ends.add(final(run.deal(run.cleo)))
        if ends == {"settled", "cancelled"}:
            return
    raise AssertionError(ends)


@pytest.mark.parametrize("count", (1, 3, 4))
def test_a_payee_that_vanished_binds_the_credit_no_longer_than_the_expiry(count: int) -> None:
    run = Street(1, count)
    run.vanish(run.ben)
    run.pay()
    run.sim.run(WITHIN)
    shown = run.show(run.cleo)
    assert (
        shown["settlement"]["state"] == "proposed" and look(run.cleo, "ledger.balance", run.sim.now)["hold"]["amount"]
    )
    run.sim.run(CALLED_OFF_WITHIN)
    shown = run.show(run.cleo)
    assert shown["settlement"]["state"] == "released"
    assert shown["settlement"]["witnessed"]["cancel"] >= shown["terms"]["quorum"]
    assert look(run.cleo, "ledger.balance", run.sim.now)["hold"]["amount"] == 0


def test_the_payee_that_comes_back_later_holds_it_to_be_cancelled_too() -> None:
    run = Street(2, 3)
    run.sim.crash(run.ben, away=15 * MINUTE)
    run.pay()
    run.sim.run(30 * MINUTE)
    assert final(run.deal(run.cleo)) == final(run.deal(run.ben)) == "cancelled"
    shown = run.show(run.ben)
    assert shown["settlement"]["state"] == "released"
    assert not {"handover", "done"} & {step["command"].split()[2] for step in shown["next"]}
    assert not run.cleo.core.outbox.items
    before = look(run.ben, "ledger.balance", run.sim.now)
    for node in (run.ben, run.cleo):
        run.sim.crash(node)
    run.sim.run(MINUTE)
    assert run.show(run.ben)["settlement"]["state"] == "released" and not run.cleo.core.outbox.items
    assert look(run.ben, "ledger.balance", run.sim.now) == before
    assert look(run.ben, "ledger.statement", run.sim.now) and look(run.ben, "ledger.verify", run.sim.now)["ok"]


@pytest.mark.parametrize("count", (1, 3, 4))
def test_an_acceptance_that_reached_a_quorum_settles_although_the_payee_is_gone(count: int) -> None:
    """The witnesses saw it, the payer did not: they hand it on."""
    run = accepted_in_private(count)
    assert run.show(run.ben)["settlement"]["state"] == "settled"  # a quorum has signed that it saw the acceptance
    ends_settled(run)


def accepted_in_private(count: int, missing: int = 0) -> Street:
    """Ben has accepted, then vanished; the witnesses, but for so many, know it. One of them crashes. Cleo hears nothing
    from anybody until the expiry, and then first from those who do not know."""
    run = Street(3, count)
    expiry = run.sim.now + WITHIN
    for place, node in enumerate(run.witnesses):
        cut(run, node, run.cleo, expiry + (0 if place < missing else 30 * SECOND))
    for node in (run.cleo, *run.witnesses[:missing]):
        cut(run, run.ben, node)
    run.pay()
    run.sim.run(SECOND)
    give(run, run.cleo, run.ben, "PAY_PROPOSE")
    run.sim.run(5 * SECOND)
    run.vanish(run.ben)
    run.sim.crash(run.witnesses[-1])
    return run


def ends_settled(run: Street) -> None:
    run.sim.run(WITHIN + CALLED_OFF_WITHIN)
    assert agree(run) == {"settled"}
    deal = run.deal(run.cleo)
    assert deal is not None and deal.state == State.COMPLETED
    assert look(run.cleo, "ledger.balance", run.sim.now)["hold"]["amount"] == 0


def cut(run: Street, one: Node, other: Node, until: int = MAX_INT) -> None:
    """These two cannot talk to each other until then."""
    transmit = run.sim._transmit

    def apart(node: Node, peer: str, protocol: str, data: bytes) -> None:
        if {node.peer_id, peer} != {one.peer_id, other.peer_id} or run.sim.now >= until:
            transmit(node, peer, protocol, data)

    run.sim._transmit = apart  # type: ignore[method-assign]


def give(run: Street, sender: Node, receiver: Node, kind: str) -> None:
    """Carry the newest entry of the deal over by hand, past a cut."""
    deal = run.deal(sender)
    assert deal is not None and parse_entry(deal.mine).kind == kind
    frame = messages.encode_message(messages.EntryMessage(deal.network, deal.mine))
    run.sim.handle(receiver, Received(sender.peer_id, messages.PROTOCOL, frame))


# Rules taken away


def decides_anew(patch: Patch) -> None:
    """A witness does not remember what it decided."""
    weigh = witnesses.weigh
    patch.setattr(witnesses, "weigh", lambda known, *rest: weigh(None, *rest))


def forgets_in_a_crash(patch: Patch) -> None:
    """What a witness decides is in its memory only."""
    patch.setattr(Witnesses, "_store", lambda self, verdict: self.__dict__.setdefault("mine", []).append(verdict))


def asks_nobody(patch: Patch) -> None:
    """A payer waits for an answer and does nothing else."""
    patch.setattr(Settlements, "woke", lambda self, now: None)
    patch.setattr(Settlements, "next_wake", lambda self: None)


def cancels_alone(patch: Patch) -> None:
    """One token is enough to cancel, whatever the quorum."""
    patch.setattr(Deal, "decided", lambda self, decision: any(parse_token(t).decision == decision for t in self.tokens))


def hands_nothing_on(patch: Patch) -> None:
    """A witness says that it saw an acceptance, and keeps it to itself."""
    tell = Witnesses._tell
    patch.setattr(Witnesses, "_tell", lambda self, peer, verdict, author: tell(self, peer, verdict, verdict.payee))


MUTANTS: dict[Callable[[Patch], None], tuple[int, int]] = {
    # witnesses, and how many of them do not hear of the acceptance
    decides_anew: (1, 0),
    forgets_in_a_crash: (1, 0),
    cancels_alone: (3, 1),
    hands_nothing_on: (3, 0),
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: str(m.__name__))
def test_without_this_rule_somebody_is_deceived_or_left_waiting(
    mutant: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    count, missing = MUTANTS[mutant]
    ends_settled(accepted_in_private(count, missing))
    mutant(monkeypatch)
    with pytest.raises(AssertionError) as raised:
        ends_settled(accepted_in_private(count, missing))
    print(f"{mutant.__name__}: {str(raised.value)[:120]}")


def test_without_asking_the_credit_stays_bound(monkeypatch: Patch) -> None:
    asks_nobody(monkeypatch)
    with pytest.raises(AssertionError):
        test_a_payee_that_vanished_binds_the_credit_no_longer_than_the_expiry(1)
