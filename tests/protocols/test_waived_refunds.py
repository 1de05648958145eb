"""A deposit that need not come back: once that is said, it keeps nothing open, unless the thing is still out."""

import pytest
from msgspec.structs import replace

from protocols.amending import ruling
from protocols.exchange import Status
from protocols.limits import DAY
from protocols.payments import Payment
from tests.protocols.deals import ANN, BOB
from tests.protocols.full_deals import END, GRACE, START, Deal, booking, duty

PAID = {"deposit": Payment.SETTLED}


def secured() -> Deal:
    """Ann books Bob's barn, with a deposit of five hours, which is back a day after the barn is."""
    plain = booking()
    duties = (
        duty("deposit", ANN, BOB, amount=500, unit="hour"),
        *(replace(d, after="deposit") if d.id == "handover" else d for d in plain.duties if d.id != "fee"),
        duty("refund", BOB, ANN, amount=500, unit="hour", within=DAY, after="return"),
    )
    return Deal(replace(plain, duties=duties, deposit=500, cancellation=()))


def cancelled(deal: Deal, at: int) -> Deal:
    for party in (ANN, BOB):
        deal.say(party, "cancel", at)
    return deal


@pytest.mark.parametrize("first", ["waive", "cancel"])
def test_what_both_call_off_is_over_when_the_refund_is_waived(first: str) -> None:
    deal = secured()
    if first == "waive":
        deal.say(ANN, "waive", START - DAY, duty="refund")
    cancelled(deal, START - DAY + 1)
    assert deal.seen(START, PAID).status is (Status.ACTIVE if first == "cancel" else Status.CANCELLED)
    if first == "cancel":
        deal.say(ANN, "waive", START - DAY + 2, duty="refund")
    shown = deal.seen(START, PAID)
    assert shown.status is Status.CANCELLED and not shown.deposit_is_out
    assert not [d.id for d in shown.terms.duties if shown.due(d)]


def test_who_has_the_thing_cannot_keep_it_by_waiving_the_refund() -> None:
    deal = secured()
    deal.say(BOB, "done", START, duty="handover")
    cancelled(deal, START + 1)
    deal.say(ANN, "waive", START + 2, duty="refund")
    shown = deal.seen(START + 3, PAID)
    assert shown.status is Status.ACTIVE and shown.due(shown.terms.duty("return"))
    deal.say(ANN, "done", END, duty="return")
    assert deal.seen(END + 2 * DAY + GRACE, PAID).status is Status.CANCELLED


def test_all_that_was_paid_cannot_be_called_off_for_a_deposit_that_stays() -> None:
    deal = secured()
    deal.say(BOB, "done", START, duty="handover")
    deal.say(ANN, "done", END, duty="return")
    paid = {**PAID, "pay": Payment.SETTLED}
    assert deal.seen(END + 1, paid).can_be_called_off
    deal.say(ANN, "waive", END + 1, duty="refund")
    assert not deal.seen(END + 2, paid).can_be_called_off


def test_a_mediator_does_not_send_back_what_was_waived() -> None:
    deal = secured()
    deal.say(BOB, "contest", START, duty="handover")
    before = ruling(deal.seen(START, PAID), expires=END, award=None, refund=True, note="")
    assert any(d.id == "refund" for d in before.duties)
    deal.say(ANN, "waive", START, duty="refund")
    after = ruling(deal.seen(START + 1, PAID), expires=END, award=None, refund=True, note="")
    assert not any(d.id == "refund" for d in after.duties)


def test_one_that_came_back_although_it_was_waived_is_not_out() -> None:
    deal = cancelled(secured(), START - DAY)
    deal.say(ANN, "waive", START - DAY + 1, duty="refund")
    shown = deal.seen(START, {**PAID, "refund": Payment.SETTLED})
    assert shown.status is Status.CANCELLED and not shown.deposit_is_out
