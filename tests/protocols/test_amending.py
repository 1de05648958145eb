"""What a mediator decides holds together, whatever had been done and paid of whatever kind of exchange."""

from itertools import product

import pytest
from msgspec.structs import replace

from protocols.amending import amended, award, ruling
from protocols.drafts import Asked, Leg, draft_terms
from protocols.duties import DutyState
from protocols.errors import Refusal
from protocols.exchange import Dispute, Exchange, Status
from protocols.limits import DAY
from protocols.negotiation import check_amendment
from protocols.parcel import with_parcel
from protocols.payments import Payment, pays_as
from protocols.templates import templates
from protocols.terms import Goal, Terms, encode_terms, parse_terms
from tests.protocols.deals import ANN, BOB, EVE
from tests.protocols.full_deals import END, START, Deal, booking, duty
from tests.strategies import NOW, signer

STATE = DutyState


def asked_of(kind: str, **changes) -> Terms:
    of = templates()[kind]
    goal = Goal(1, NOW + DAY, "hour" if of.goal == "amount" else "") if of.goal else None
    legs = tuple(Leg(party.author, "apples") for party in (ANN, BOB)) if of.legs else ()
    fields = {
        "listing": b"\x11" * 32, "name": b"\x22" * 16, "proposer": ANN.author, "responder": BOB.author, "offered": True,
        "kind": kind, "title": "x", "quantity": 1, "start": START, "end": END, "amount": 6, "unit": "hour",
        "price_text": "6", "note": "", "previous": b"", "expires": NOW + DAY,
        "asked": Asked(full=True, mediator=EVE.author, goal=goal, legs=legs),
    }  # fmt: skip
    return draft_terms(**(fields | changes))


def variants(kind: str) -> list[Terms]:
    found = []
    for instalments, deposit, witnesses in product((1, 3), ((0, ""), (5, "hour")), ((), (signer(9).author,))):
        try:
            found.append(asked_of(kind, instalments=instalments, deposit=deposit, witnesses=witnesses))
        except Refusal:  # not of this kind
            continue
    return found + [with_parcel(terms, b"P" * 32) for terms in found if kind == "deliver"]


def after(view: Exchange, over: set[str], waived: set[str]) -> Exchange:
    """The exchange with these duties over."""
    states = dict.fromkeys(view.duties, STATE.PENDING) | dict.fromkeys(over, STATE.CONFIRMED)
    paid = {name: Payment.SETTLED if name in over - waived else Payment.PENDING for name in view.payments}
    return replace(view, duties=states | dict.fromkeys(waived, STATE.WAIVED), payments=paid)


@pytest.mark.parametrize("kind", sorted(templates()))
def test_a_mediator_can_always_decide(kind):
    for terms in variants(kind):
        new = Deal(terms).seen(NOW + 2)
        names = [*new.duties]
        for bits in range(2 ** len(names)):
            over = {name for k, name in enumerate(names) if bits >> k & 1 and not terms.duty(name).on}
            for waived, refund, pays in product((set(), over), (True, False), (0, 3)):
                view = after(new, over, waived)
                due = award(view, ANN.author, pays, "hour") if pays else None
                ruled = ruling(view, expires=NOW + DAY, award=due, refund=refund, note="")
                assert parse_terms(encode_terms(ruled)) == ruled
                check_amendment(terms, ruled)
                paid = [d for d in terms.payments if view.payments[d.id] is Payment.SETTLED]
                assert all(pays_as(ruled, d) for d in paid), "what was paid stays"


def test_a_ruling_on_work_that_was_paid_and_is_contested():
    duties = (
        duty("work", BOB, ANN, confirm=DAY),
        duty("pay", ANN, BOB, amount=600, unit="hour", after="work"),
    )
    deal = Deal(booking(duties=duties, cancellation=(), capacity=0))
    deal.say(BOB, "done", NOW + 5, duty="work")
    deal.say(ANN, "contest", NOW + 9, duty="work")
    settled = {"pay": Payment.SETTLED}
    view = deal.seen(NOW + 10, settled)
    back = award(view, BOB.author, 600, "hour")
    ruled = ruling(view, expires=NOW + DAY, award=back, refund=True, note="Half a wall.")
    assert [(d.id, d.after) for d in ruled.duties] == [("pay", ""), ("award-1", "")]
    amendment = deal._seal(EVE, deal.root.id, "amend", deal.agreement.id, NOW + 11, encode_terms(ruled))
    deal.facts.append(amendment)
    deal.agree(ANN, amendment, NOW + 12)
    view = deal.seen(NOW + 13, settled)
    assert (view.status, view.dispute, view.duties["pay"]) == (Status.ACTIVE, Dispute.RULED, STATE.CONFIRMED)
    assert deal.seen(NOW + 13, settled | {"award-1": Payment.SETTLED}).status is Status.SETTLED


def test_a_delivery_that_did_not_arrive_falls_away_with_its_parcel():
    terms = with_parcel(asked_of("deliver"), b"P" * 32, recipient=signer(4).author, door=b"D" * 32)
    deal = Deal(terms)
    view = deal.seen(NOW + 2, passed={"pickup": NOW + 1})
    assert view.duties["pickup"] is STATE.CONFIRMED
    ruled = ruling(view, expires=NOW + DAY, award=None, refund=True, note="")
    assert (ruled.duties, ruled.parcel, ruled.recipient, ruled.door) == ((), b"", b"", b"")
    amendment = deal._seal(EVE, deal.root.id, "amend", deal.agreement.id, NOW + 3, encode_terms(ruled))
    deal.facts.append(amendment)
    deal.agree(BOB, amendment, NOW + 4)
    assert deal.seen(NOW + 5).status is Status.SETTLED
    arrived = ruling(after(view, {"pickup", "dropoff"}, set()), expires=NOW + DAY, award=None, refund=True, note="")
    assert ([d.id for d in arrived.duties], arrived.parcel) == (["pickup", "dropoff"], b"P" * 32)


def test_no_amendment_with_another_parcel():
    deal = Deal(with_parcel(asked_of("deliver"), b"P" * 32))
    amendment = deal.amend(ANN, NOW + 5, parcel=b"Q" * 32)
    deal.accept(BOB, amendment, NOW + 6)
    assert deal.seen(NOW + 7).terms.parcel == b"P" * 32


def test_a_payment_that_work_waits_for_does_not_fall_away():
    view = Deal(asked_of("fund")).seen(NOW + 2)
    with pytest.raises(Refusal, match=r"carry out: .*: that comes after the payment") as e:
        amended(view, expires=NOW + DAY, amount=0)
    assert "exchange waive" in e.value.hint
    assert amended(view, expires=NOW + DAY, amount=1).amount == 1


def test_what_does_not_hold_together_is_refused_in_words():
    view = Deal(asked_of("rent")).seen(NOW + 2)
    with pytest.raises(Refusal, match="hold together"):
        amended(view, expires=NOW + DAY, end=view.terms.start - 1)


def test_a_gift_has_no_witnesses():
    view = Deal(asked_of("service", witnesses=(signer(9).author,))).seen(NOW + 2)
    free = amended(view, expires=NOW + DAY, amount=0)
    assert (free.amount, free.witnesses, free.quorum) == (0, (), 0)
