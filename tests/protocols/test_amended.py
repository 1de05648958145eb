"""Terms of the second form that are changed after the agreement: by both, or by one of them and the mediator."""

import pytest
from msgspec.structs import replace

from protocols.duties import DutyState
from protocols.exchange import Dispute, Status
from protocols.limits import DAY
from protocols.payments import Payment
from tests.protocols.deals import ANN, BOB, EVE
from tests.protocols.full_deals import END, START, Deal, booking, duty, used
from tests.strategies import NOW

STATE = DutyState


def test_an_amendment_by_both_replaces_the_terms():
    deal = used()
    amendment = deal.amend(BOB, START + 5, amount=500, duties=cheaper(500))
    waiting = deal.seen(START + 6)
    assert waiting.amendment is not None and waiting.amendment[0] == amendment
    assert waiting.terms.amount == 600
    deal.agree(ANN, amendment, START + 7)
    view = deal.seen(START + 8)
    assert (view.terms.amount, view.amendment, view.dispute) == (500, None, Dispute.NONE)
    assert view.duties["handover"] is STATE.DONE, "what was done stays done"
    assert [len(a.acceptances) for a in view.agreements] == [1, 1]
    deal.say(ANN, "done", END - 1, duty="return")
    assert deal.seen(END).duties["return"] is STATE.DONE


def cheaper(amount: int):
    return tuple(replace(d, amount=amount) if d.id == "pay" else d for d in booking().duties)


def test_no_amendment_by_one_or_by_a_stranger():
    deal = used()
    amendment = deal.amend(BOB, START + 5, amount=500, duties=cheaper(500))
    deal.accept(BOB, amendment, START + 6)
    assert deal.seen(END).terms.amount == 600
    other = Deal(booking(mediator=b""))
    mine = other.amend(BOB, START + 5, amount=500, duties=cheaper(500))
    other.accept(EVE, mine, START + 6)
    assert other.seen(END).terms.amount == 600


def test_a_declined_amendment_does_not_wait():
    deal = used()
    amendment = deal.amend(BOB, START + 5, amount=500, duties=cheaper(500))
    deal.say(ANN, "decline", START + 6, amendment)
    assert deal.seen(END).amendment is None


@pytest.mark.parametrize("by", [ANN, BOB])
def test_the_mediator_and_one_party_decide(by):
    deal = used()
    deal.say(ANN, "dispute", START + 5, text="The roof leaks.")
    assert deal.seen(START + 5).dispute is Dispute.OPEN
    award = duty("award-1", BOB, ANN, amount=200, unit="hour", within=DAY)
    done = [d for d in booking().duties if d.id in ("handover", "fetch")]
    ruling = deal.amend(EVE, START + 9, amount=0, unit="", duties=(*done, award), cancellation=())
    assert deal.seen(START + 9).dispute is Dispute.OPEN
    deal.agree(by, ruling, START + 10)
    view = deal.seen(START + 11)
    assert (view.dispute, view.status) == (Dispute.RULED, Status.ACTIVE)
    assert view.payments == {"award-1": Payment.PENDING}
    assert view.may_take(award)
    deal.say(ANN, "confirm", START + 11, duty="handover")
    assert deal.seen(START + 12, {"award-1": Payment.SETTLED}).status is Status.SETTLED
    assert [d.id for d in deal.seen(START + 3 * DAY).overdue(START + 3 * DAY)] == ["award-1"]


def test_a_ruling_that_nothing_is_owed():
    deal = Deal(booking())
    ruling = deal.amend(EVE, NOW + 9, amount=0, unit="", duties=(), cancellation=())
    deal.agree(BOB, ruling, NOW + 10)
    assert deal.seen(NOW + 11).status is Status.SETTLED


def test_two_amendments_accepted_the_earlier_acceptance_counts():
    deal = used()
    first = deal.amend(BOB, START + 5, amount=500, duties=cheaper(500))
    second = deal.amend(EVE, START + 4, amount=400, duties=cheaper(400))
    deal.accept(ANN, second, START + 7)
    deal.accept(ANN, first, START + 6)
    assert deal.seen(END).terms.amount == 500


@pytest.mark.parametrize(
    "changes",
    [
        {"proposer": EVE.author, "mediator": ANN.author},
        {"mediator": b""},
        {"listing": b"\x12" * 32, "capacity": 2},
        {"previous": bytes(32)},
    ],
)
def test_amendments_of_something_else_are_none(changes):
    deal = used()
    duties = tuple(d for d in booking().duties if d.id == "pay")
    if "proposer" in changes:
        duties = (duty("pay", EVE, BOB, amount=600, unit="hour"),)
    amendment = deal.amend(
        BOB, START + 5, duties=tuple(replace(d, after="") for d in duties), cancellation=(), **changes
    )
    deal.accept(ANN, amendment, START + 6)
    assert deal.seen(END).amendment is None
    assert len(deal.seen(END).agreements) == 1
