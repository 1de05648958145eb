"""What time, bounds and a full outbox do to an agreement, between real cores."""

import pytest

from p2pnode.bounds import FORGET_AFTER
from p2pnode.core import outbox
from p2pnode.core.effects import Emit
from p2pnode.core.events import Woke
from protocols.errors import Refusal
from protocols.limits import DAY
from tests.p2pnode.test_amending import PAUSE, Booked


def test_what_time_changes_is_told_once_though_somebody_has_looked_since() -> None:
    lab = Booked()
    core = lab.ben.core
    held = core.exchanges.find(lab.id)
    until = core.exchanges.view(held, lab.now).changes_at
    core.exchanges.view(held, until)  # as any command does
    told = [e.data for _ in range(2) for e in core.handle(Woke(), until) if isinstance(e, Emit)]
    assert [data["exchange_id"] for data in told if "exchange_id" in data] == [lab.id]


def test_a_price_beyond_all_bounds_is_refused() -> None:
    lab = Booked()
    with pytest.raises(Refusal, match="too high"):
        lab.do(lab.ben, "amend", price="9000000000000/item", quantity=1_000_000)


def test_less_of_what_costs_nothing_is_an_amendment() -> None:
    lab = Booked(form="full")
    given = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Eggs", quantity=9)
    lab.sim.run(PAUSE)
    lab.id = lab.ask(lab.cleo, "exchange.propose", listing=given["listing_id"], quantity=3, form="full")["exchange_id"]
    lab.sim.run(PAUSE)
    lab.do(lab.ben, "accept")
    with pytest.raises(Refusal, match="changes nothing"):
        lab.do(lab.ben, "amend", quantity=3)
    lab.do(lab.ben, "amend", quantity=2)
    assert lab.shown(lab.cleo)["amendment"]["changes"] == ["quantity: 2 instead of 3"]
    lab.do(lab.cleo, "accept")
    assert {shown["terms"]["quantity"] for shown in lab.both()} == {2}


def test_a_mediator_and_who_cannot_write_it_down_keep_what_was_agreed() -> None:
    lab = Booked()
    lab.do(lab.cleo, "dispute", note="The roof leaks")
    lab.network(lab.dora).chain.whole = False  # her ledger is in doubt, and nobody answers
    given = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Eggs")["listing_id"]
    lab.sim.run(PAUSE)
    gift = lab.ask(lab.dora, "exchange.propose", listing=given)["exchange_id"]
    lab.sim.run(PAUSE)
    lab.ask(lab.ben, "exchange.accept", id=gift)
    lab.sim.run(PAUSE)
    for _ in range(2):
        lab.leap(FORGET_AFTER + DAY)
    assert lab.shown(lab.anna)["dispute"] == "open"
    for _ in range(5):
        lab.leap(FORGET_AFTER + DAY)
    assert not lab.network(lab.dora).chain.ready
    assert lab.ask(lab.dora, "exchange.show", id=gift)["status"] == "agreed"
    with pytest.raises(Refusal, match="no exchange"):
        lab.shown(lab.anna)


def test_what_takes_several_steps_is_refused_before_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Booked()
    lab.sim.now += 3 * DAY
    lab.do(lab.ben, "handover")
    items, said = lab.cleo.core.outbox.items, lab.cleo.core.exchanges.find(lab.id)
    facts = len(said.facts)
    monkeypatch.setattr(outbox, "MAX_OUTBOX", len(items) + 1)
    with pytest.raises(Refusal, match="wait to be delivered"):
        lab.do(lab.cleo, "dispute", note="It leaks")  # contests the duty, and calls the mediator
    assert len(said.facts) == facts
    monkeypatch.setattr(outbox, "MAX_OUTBOX", len(items) + 2)
    assert lab.do(lab.cleo, "dispute", note="It leaks")["dispute"] == "open"
