"""Terms of form 2: deadlines, defaults, cancelling alone, amendments and rulings, goals, custody."""

import pytest
from msgspec.structs import replace

from p2pnode.core.next_steps import next_steps
from protocols.duties import DutyState, door_hash
from protocols.errors import DecodeError
from protocols.exchange import Status
from protocols.limits import DAY, HOUR
from protocols.payments import Payment, instalments_of
from protocols.terms import Cancellation, Goal, encode_terms, parse_terms
from tests.protocols.deals import ANN, BOB, EVE, seen
from tests.protocols.full_deals import END, GRACE, START, Deal, booking, duty, pledge, used
from tests.strategies import NOW

STATE = DutyState


def test_a_booking_that_goes_well():
    deal = used()
    deal.say(ANN, "done", END - HOUR, duty="return")
    view = deal.seen(END)
    assert view.duties == {
        "fetch": STATE.CONFIRMED,
        "handover": STATE.CONFIRMED,
        "return": STATE.DONE,
        "pay": STATE.PENDING,
        "fee": STATE.PENDING,
    }
    assert view.changes_at == END - HOUR + DAY + 1  # then its return is confirmed by time
    assert deal.seen(view.changes_at).duties["return"] is STATE.CONFIRMED
    paid = deal.seen(END, {"pay": Payment.SETTLED})
    assert paid.status is Status.SETTLED
    for by in (ANN, BOB):
        deal.say(by, "rated", END, commitment=b"\x33" * 32)
    assert deal.seen(view.changes_at, {"pay": Payment.SETTLED}).status is Status.CLOSED


def test_nobody_is_late_before_his_turn():
    deal = Deal(booking())
    view = deal.seen(START + GRACE)
    assert view.deadlines == {"fetch": START + GRACE, "handover": START + GRACE}
    assert not view.overdue(START + GRACE)
    assert [d.id for d in deal.seen(END + DAY).overdue(END + DAY)] == ["fetch", "handover"]  # and not `return`, `pay`


def test_who_says_nothing_of_what_he_did_is_due_all_the_same():
    """What comes after a return is due from the return on, though nobody has said a word of the handover."""
    terms = booking()
    back = replace(terms.duty("pay"), id="thanks", provider=BOB.author, receiver=ANN.author, amount=0, unit="")
    deal = Deal(booking(duties=(*terms.duties, back)))
    deal.say(ANN, "done", END - HOUR, duty="return")
    view = deal.seen(END)
    assert view.duties["handover"] is STATE.CONFIRMED
    assert view.deadlines["thanks"] == view.deadlines["pay"] == END - HOUR + 7 * DAY
    deal.say(ANN, "default", END + 7 * DAY, duty="thanks")
    assert deal.seen(END + 7 * DAY).duties["thanks"] is STATE.DEFAULTED


def test_who_pays_for_a_step_has_had_it_by_then():
    duties = (
        duty("work-1", BOB, ANN),
        duty("pay-1", ANN, BOB, amount=300, unit="hour", after="work-1"),
        duty("work-2", BOB, ANN, within=DAY, after="pay-1"),
        duty("pay-2", ANN, BOB, amount=300, unit="hour", after="work-2"),
    )
    deal = Deal(booking(duties=duties, cancellation=(), capacity=0))
    view = deal.seen(NOW + DAY, {"pay-1": Payment.SETTLED}, paid_at={"pay-1": NOW + HOUR})
    assert (view.duties["work-1"], view.deadlines) == (STATE.CONFIRMED, {"work-2": NOW + HOUR + DAY})


def test_a_late_handover_leaves_time_to_return():
    deal = Deal(booking())
    deal.say(BOB, "done", END + HOUR, duty="handover")
    assert deal.seen(END + HOUR).deadlines["return"] == END + HOUR + GRACE


@pytest.mark.parametrize(("by", "name"), [(ANN, "handover"), (BOB, "fetch")])
def test_no_show_of_either(by, name):
    deal = Deal(booking())
    deal.say(by, "default", START + GRACE, duty=name)
    assert deal.seen(END).duties[name] is STATE.PENDING  # not a moment too soon
    deal.say(by, "default", START + GRACE + 1, duty=name)
    assert deal.seen(START + GRACE).duties[name] is STATE.PENDING  # a date that lies ahead makes nobody late
    view = deal.seen(END)
    assert view.duties[name] is STATE.DEFAULTED
    assert view.status is Status.ACTIVE
    deal.say(by, "cancel", END)
    view = deal.seen(END)
    assert (view.status, view.cancelled_by) == (Status.DEFAULTED, by.author)


def test_a_default_dated_ahead_counts_when_its_deadline_is_over():
    deal = Deal(booking())
    deal.say(ANN, "default", END, duty="handover")
    deal.say(ANN, "cancel", END)
    early = deal.seen(START)
    assert (early.duties["handover"], early.called_off) == (STATE.PENDING, False)
    assert deal.seen(START + GRACE + 1).duties["handover"] is STATE.DEFAULTED
    deal.say(BOB, "done", START + GRACE, duty="handover")
    assert deal.seen(END).duties["handover"] is STATE.DONE
    late = used()
    late.say(BOB, "default", END + DAY, duty="return")
    late.say(ANN, "done", END + HOUR + 1, duty="return")
    view = late.seen(END)
    assert (view.duties["return"], view.changes_at) == (STATE.DONE, END + 1), "the view knows when it changes"
    assert late.seen(END + 1).duties["return"] is STATE.DEFAULTED


def test_a_deposit_that_was_waived_needs_no_refund():
    duties = tuple(
        replace(d, after=after)
        for d, after in (
            (duty("deposit", ANN, BOB, amount=50, unit="hour"), ""),
            (duty("handover", BOB, ANN), "deposit"),
            (duty("return", ANN, BOB), "handover"),
            (duty("refund", BOB, ANN, amount=50, unit="hour"), "return"),
        )
    )
    deal = Deal(booking(duties=duties, deposit=50, amount=0, unit="", cancellation=()))
    deal.say(BOB, "waive", START, duty="deposit")
    view = deal.seen(START)
    assert view.duties["refund"] is STATE.WAIVED
    assert [(who, word) for who, word, _ in next_steps(view, START)] == [(BOB.author, "handover")]
    for by, name in ((BOB, "handover"), (ANN, "return")):
        deal.say(by, "done", START + 1, duty=name)
    deal.say(BOB, "confirm", START + 2, duty="return")
    assert deal.seen(START + 3).status is Status.SETTLED


def test_who_defaulted_cannot_cancel_alone():
    deal = Deal(booking())
    deal.say(ANN, "default", START + GRACE + 1, duty="handover")
    deal.say(BOB, "cancel", END)
    assert deal.seen(END).status is Status.ACTIVE


def test_done_in_time_beats_default_and_done_later_does_not():
    deal = used()
    deal.say(BOB, "default", END + HOUR, duty="return")
    deal.say(ANN, "done", END, duty="return")
    assert deal.seen(END + HOUR).duties["return"] is STATE.DONE
    late = used()
    late.say(BOB, "default", END + HOUR, duty="return")
    late.say(ANN, "done", END + 2, duty="return")
    assert late.seen(END + HOUR).duties["return"] is STATE.DEFAULTED


def test_only_the_receiver_says_that_a_duty_was_not_done():
    deal = Deal(booking())
    deal.say(BOB, "default", START + GRACE + 1, duty="handover")
    deal.say(EVE, "default", START + GRACE + 1, duty="handover")
    assert deal.seen(END).duties["handover"] is STATE.PENDING


def test_making_good_after_a_default():
    deal = used()
    deal.say(ANN, "confirm", START + 1, duty="handover")
    deal.say(BOB, "default", END + 1, duty="return")
    assert deal.seen(END + DAY).duties["return"] is STATE.DEFAULTED
    assert deal.seen(END + DAY).status is Status.DEFAULTED  # what comes after the return can come no more
    deal.say(ANN, "done", END + DAY, duty="return")
    assert deal.seen(END + DAY).duties["return"] is STATE.DEFAULTED
    deal.say(BOB, "confirm", END + DAY, duty="return")
    assert deal.seen(END + DAY).status is Status.FULFILLED


def test_waived():
    deal = used()
    deal.say(BOB, "waive", END, duty="return")
    deal.say(BOB, "waive", END, duty="pay")
    assert deal.seen(END).duties["return"] is STATE.WAIVED
    assert deal.seen(END).status is Status.SETTLED
    under_way = deal.seen(END, {"pay": Payment.PROPOSED})
    assert under_way.duties["pay"] is STATE.PENDING


def test_contested_in_time_and_too_late():
    deal = used()
    deal.say(ANN, "done", END, duty="return")
    deal.say(BOB, "contest", END + DAY + 1, duty="return")
    assert deal.seen(END + 2 * DAY).duties["return"] is STATE.CONFIRMED
    deal.say(BOB, "contest", END + DAY, duty="return")
    assert deal.seen(END + 2 * DAY).duties["return"] is STATE.CONTESTED


def test_cancelling_alone_within_the_rule():
    deal = Deal(booking())
    deal.say(ANN, "cancel", START - DAY)
    view = deal.seen(START)
    assert (view.status, view.cancelled_by) == (Status.CANCELLED, ANN.author)
    fee, pay = view.terms.duty("fee"), view.terms.duty("pay")
    assert view.due(fee) and view.may_take(fee)
    assert not view.may_take(pay)


def test_who_agrees_to_cancel_owes_no_fee():
    """Bob asks, Ann agrees, at a time when she might have cancelled alone."""
    deal = Deal(booking())
    deal.say(BOB, "cancel", NOW + 5)
    deal.say(ANN, "cancel", NOW + 6)
    view = deal.seen(START)
    assert (view.status, view.cancelled_by) == (Status.CANCELLED, b"")
    assert not view.due(view.terms.duty("fee"))


def test_a_fee_that_nobody_owes_leaves_what_was_paid_paid():
    deal = Deal(booking())
    view = deal.seen(START, {"pay": Payment.SETTLED, "fee": Payment.PENDING})
    assert instalments_of(view.terms) == 1
    assert view.payment is Payment.SETTLED and not view.can_be_called_off
    deal.say(ANN, "cancel", START - DAY)
    off = deal.seen(START, {"pay": Payment.RELEASED, "fee": Payment.PROPOSED})
    assert (off.status, off.payment) == (Status.CANCELLED, Payment.PROPOSED)


@pytest.mark.parametrize(("by", "at"), [(ANN, START - DAY + 1), (BOB, NOW + 5)])
def test_cancelling_alone_outside_the_rule_is_a_request(by, at):
    deal = Deal(booking())
    deal.say(by, "cancel", at)
    view = deal.seen(START)
    assert (view.status, view.cancelled_by, view.called_off) == (Status.AGREED, b"", False)
    assert not view.due(view.terms.duty("fee"))
    deal.say({ANN: BOB, BOB: ANN}[by], "cancel", START)
    assert deal.seen(START).status is Status.CANCELLED
    assert not deal.seen(START).due(view.terms.duty("fee"))


def test_nobody_cancels_alone_what_has_begun():
    deal = Deal(booking())
    deal.say(BOB, "done", NOW + 5, duty="handover")
    deal.say(ANN, "cancel", NOW + 6)
    assert deal.seen(NOW + 7).status is Status.ACTIVE
    paid = Deal(booking())
    paid.say(ANN, "cancel", NOW + 6)
    assert paid.seen(NOW + 7, {"pay": Payment.SETTLED}).status is Status.ACTIVE


def test_a_goal_reached_and_not_reached():
    deal = Deal(pledge())
    pay = pledge().duties[0]
    waiting = deal.seen(NOW + DAY)
    assert waiting.status is Status.AGREED and waiting.waits_for_go
    assert waiting.may_take(pay) is None and not waiting.due(pay) and not waiting.deadlines
    assert waiting.changes_at == NOW + 10 * DAY + 1
    lapsed = deal.seen(NOW + 10 * DAY + 1)
    assert lapsed.status is Status.LAPSED
    assert lapsed.may_take(pay) is False
    deal.say(BOB, "go", NOW + 9 * DAY, counted=30, total=9_999)
    deal.say(ANN, "go", NOW + 9 * DAY, counted=30, total=10_000)
    deal.say(BOB, "go", NOW + 10 * DAY + 1, counted=30, total=10_000)
    assert deal.seen(NOW + 11 * DAY).status is Status.LAPSED
    deal.say(BOB, "go", NOW + 10 * DAY, counted=30, total=10_000)
    gone = deal.seen(NOW + 11 * DAY)
    assert gone.status is Status.AGREED
    assert gone.may_take(pay) and gone.deadlines["pay"] == NOW + 17 * DAY
    assert deal.seen(NOW + 11 * DAY, {"pay": Payment.SETTLED}).status is Status.SETTLED


def test_custody_is_proved_by_a_receipt_or_by_the_code_at_the_door():
    parcel, code = b"\x77" * 32, "K7QM2XPD9V3T"
    duties = (
        duty("pickup", BOB, ANN, custody=True),
        duty("dropoff", BOB, ANN, custody=True, after="pickup", within=DAY),
    )
    terms = booking(
        duties=duties, parcel=parcel, door=door_hash(parcel, code), amount=0, unit="", cancellation=(), capacity=0
    )
    deal = Deal(terms)
    deal.say(BOB, "done", NOW + 5, duty="pickup", code=code)
    assert deal.seen(NOW + 6).duties["pickup"] is STATE.PENDING, "the code opens the last door alone"
    passed = {"passed": {"pickup": NOW + 5}}
    assert deal.seen(NOW + 6, **passed).duties["pickup"] is STATE.CONFIRMED
    assert deal.seen(NOW + 6, **passed).deadlines == {"dropoff": NOW + 5 + DAY}
    deal.say(BOB, "done", NOW + 7, duty="dropoff")
    deal.say(BOB, "done", NOW + 7, duty="dropoff", code="wrong")
    assert deal.seen(NOW + 8, **passed).duties["dropoff"] is STATE.PENDING
    deal.say(BOB, "done", NOW + 9, duty="dropoff", code=code)
    assert deal.seen(NOW + 9, **passed).status is Status.SETTLED


@pytest.mark.parametrize(
    "wrong",
    [
        {"form": 1},
        {"mediator": ANN.author},
        {"mediator": b"short"},
        {"cancellation": (Cancellation(EVE.author, START),)},
        {"cancellation": ()},  # and a fee stands there
        {"cancellation": (Cancellation(ANN.author, START), Cancellation(ANN.author, END))},
        {"capacity": 1, "start": 0, "end": 0},
        {"parcel": b"\x01" * 32},
        {"door": b"\x01" * 32},
        {"recipient": EVE.author},
        {"duties": (duty("x", ANN, BOB, along="y"),), "amount": 0, "unit": ""},
        {"duties": (duty("x", ANN, BOB, custody=True),), "amount": 0, "unit": ""},
        {"duties": (duty("x", ANN, BOB, start=5, until=5),), "amount": 0, "unit": ""},
        {"duties": (duty("x", ANN, BOB, measure="kg"),), "amount": 0, "unit": ""},
        {"duties": (duty("x", ANN, BOB, on="cancel"),), "amount": 0, "unit": ""},
        {"goal": Goal(1, NOW), "form": 1, "duties": (duty("x", ANN, BOB),), "mediator": b"", "cancellation": ()},
    ],
)
def test_terms_that_do_not_hold_together(wrong):
    with pytest.raises(DecodeError):
        parse_terms(encode_terms(booking(**wrong)))


def test_terms_that_do():
    for terms in (booking(), pledge()):
        assert parse_terms(encode_terms(terms)) == terms


def test_in_form_1_the_new_words_mean_nothing():
    from tests.protocols.deals import accept, propose, say

    root = propose()
    yes = accept(root, BOB, root, NOW + 1)
    for kind in ("waive", "default"):
        fact = say(root, ANN, kind, yes, NOW + 10**9, duty="handover")
        assert seen([root, yes, fact], now=NOW + 10**10).duties["handover"] is STATE.PENDING
