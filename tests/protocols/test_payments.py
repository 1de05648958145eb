"""Payments in steps: what terms must say, what they amount to, and what whoever stops half way owes."""

import random
from itertools import accumulate

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocols.codec import encode, plain
from protocols.duties import DutyState
from protocols.errors import DecodeError, Refusal
from protocols.exchange import Exchange, Status
from protocols.identity import digest
from protocols.limits import MAX_INSTALMENTS, MAX_INT
from protocols.payments import Payment, deal_of, in_one_word, instalments_of, part_of, shares
from protocols.terms import Terms, encode_terms, parse_terms
from tests.protocols.deals import ANN, BOB, accept, propose, say, seen, terms_of
from tests.strategies import NOW

PARTS = {"kind": "help", "instalments": 3, "amount": 200}
LENT = {"kind": "lend", "amount": 0, "unit": "", "deposit": (500, "hour")}
RENTED = {"kind": "rent", "deposit": (500, "hour")}
STEPS = terms_of(**PARTS)
BEHIND = terms_of(**RENTED)


@given(st.integers(1, MAX_INT), st.integers(1, MAX_INSTALMENTS))
def test_shares_sum_up_and_differ_by_one_at_most(amount, parts):
    made = shares(amount, parts)
    assert len(made) == parts and sum(made) == amount
    assert max(made) - min(made) <= 1 and list(made) == sorted(made, reverse=True)


def test_the_id_of_a_settlement():
    exchange = bytes(range(32))
    assert deal_of(exchange, "pay") == exchange
    assert deal_of(exchange, "pay-1") == digest(b"p2pnode/v1/payment\0" + exchange + b"pay-1")
    assert len({deal_of(e, d) for e in (exchange, bytes(32)) for d in ("pay", "pay-1", "pay-2", "deposit")}) == 8


def test_parts():
    assert part_of("pay-12") == ("pay", 12)
    for whole in ("pay", "pay-0", "pay-01", "pay-100", "pay-", "hand-over-1"):
        assert part_of(whole) == (whole, 0)


@pytest.mark.parametrize("kind", ["sell", "food", "give", "service", "help", "design", "pledge", "something"])
@pytest.mark.parametrize("offered", [True, False])
@pytest.mark.parametrize("parts", [2, 3, MAX_INSTALMENTS])
def test_work_and_price_alternate(kind, offered, parts):
    terms = parse_terms(encode_terms(terms_of(kind=kind, offered=offered, instalments=parts, title="雪" * 120)))
    giver, taker = (BOB, ANN) if offered else (ANN, BOB)
    assert [d.provider for d in terms.duties] == [giver.author, taker.author] * parts
    assert [d.after for d in terms.duties] == ["", *(d.id for d in terms.duties[:-1])]
    assert [d.id for d in terms.payments] == [f"pay-{k}" for k in range(1, parts + 1)]
    assert tuple(d.amount for d in terms.payments) == shares(200, parts)
    assert instalments_of(terms) == parts and terms.payment is None


@pytest.mark.parametrize("kind", ["rent", "lend"])
@pytest.mark.parametrize("offered", [True, False])
def test_a_deposit_goes_before_and_comes_back_after(kind, offered):
    terms = parse_terms(encode_terms(terms_of(kind=kind, offered=offered, deposit=(500, "hour"))))
    giver, taker = (BOB.author, ANN.author) if offered else (ANN.author, BOB.author)
    assert [d.id for d in terms.duties] == ["deposit", "handover", "return", "refund", "pay"]
    deposit, handover, back, refund, _ = terms.duties
    assert (deposit.provider, deposit.receiver, deposit.amount) == (taker, giver, 500)
    assert (refund.provider, refund.receiver, refund.amount) == (giver, taker, 500)
    assert (handover.after, back.after, refund.after) == ("deposit", "handover", "return")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "rent", "instalments": 2},
        {"kind": "deliver", "instalments": 2},
        {"kind": "help", "amount": 0, "unit": "", "instalments": 2},
        {"kind": "help", "amount": 2, "instalments": 3},
        {"kind": "help", "instalments": MAX_INSTALMENTS + 1},
        {"kind": "help", "instalments": 0},
        {"kind": "help", "deposit": (5, "hour")},
    ],
    ids=str,
)
def test_what_cannot_go_in_steps_is_refused_in_words(change):
    with pytest.raises(Refusal) as refused:
        terms_of(**change)
    assert refused.value.hint


def changed(terms: Terms, duty: str, **fields) -> Terms:
    duties = tuple(msgspec.structs.replace(d, **fields) if d.id == duty else d for d in terms.duties)
    return msgspec.structs.replace(terms, duties=duties)


REPLACE = msgspec.structs.replace


@pytest.mark.parametrize(
    "terms",
    [
        REPLACE(STEPS, amount=201),
        REPLACE(STEPS, amount=0, unit="", duties=(*STEPS.duties, REPLACE(STEPS.duties[1], id="pay"))),
        REPLACE(STEPS, unit="EUR"),
        REPLACE(STEPS, duties=STEPS.duties[:4]),
        REPLACE(STEPS, amount=67, duties=STEPS.duties[:2]),
        changed(STEPS, "pay-1", amount=68),
        changed(STEPS, "pay-1", unit="EUR"),
        changed(STEPS, "pay-1", action="work"),
        changed(STEPS, "pay-1", provider=BOB.author, receiver=ANN.author),
        changed(STEPS, "pay-2", after=""),
        changed(STEPS, "pay-3", id="pay-4"),
        changed(STEPS, "pay-3", id="pay-03"),
        changed(STEPS, "work-1", id="pay-back"),
        REPLACE(BEHIND, deposit=501),
        REPLACE(BEHIND, duties=BEHIND.duties[:3] + BEHIND.duties[4:]),
        REPLACE(STEPS, deposit=500),
        changed(BEHIND, "deposit", action="work"),
        changed(BEHIND, "refund", action="work"),
        changed(BEHIND, "refund", amount=499),
        changed(BEHIND, "refund", unit="EUR"),
        changed(BEHIND, "refund", after=""),
        changed(BEHIND, "handover", after=""),
        changed(BEHIND, "refund", provider=ANN.author, receiver=BOB.author),
    ],
)
def test_what_does_not_hold_together(terms):
    with pytest.raises(DecodeError):
        parse_terms(encode(plain(terms)))


def test_names_alone_make_no_payment():
    """Terms that were good before there were steps mean what they meant."""
    pay = terms_of(kind="help").duties[-1]
    named = [REPLACE(pay, id=i, amount=5, action="transfer") for i in ("pay-1", "pay-2", "deposit", "refund")]
    both = REPLACE(terms_of(kind="help"), duties=(pay, *named))
    assert [d.id for d in parse_terms(encode_terms(both)).payments] == ["pay"]
    free = REPLACE(both, amount=0, unit="", duties=tuple(named))
    assert parse_terms(encode_terms(free)).payments == ()
    assert "deposit" not in plain(both)


# What they amount to


def agreed(**changes):
    root = propose(**changes)
    return root, accept(root, BOB, root)


def view(facts, payments, now: int = NOW) -> Exchange:
    return seen(facts, payments, now)


def test_each_instalment_comes_after_its_step_and_settles_the_one_before():
    root, yes = agreed(**PARTS)
    facts, paid = [root, yes], {}

    def due():
        shown = view(facts, paid)
        return [d.id for d in shown.terms.duties if shown.due(d) and shown.duties[d.id] is DutyState.PENDING]

    assert due() == ["work-1"] and view(facts, paid).payment is Payment.PENDING
    facts.append(say(root, BOB, "done", yes, NOW + 1, duty="work-1"))
    assert due() == ["pay-1"] and view(facts, paid).duties["work-1"] is DutyState.DONE
    paid["pay-1"] = Payment.PROPOSED
    assert view(facts, paid).payment is Payment.PROPOSED and "work-2" not in due()
    paid["pay-1"] = Payment.ACCEPTED  # the payer may still not complete
    shown = view(facts, paid)
    assert shown.duties["pay-1"] is DutyState.DONE and shown.duties["work-1"] is DutyState.CONFIRMED
    assert due() == []
    paid["pay-1"] = Payment.SETTLED
    assert due() == ["work-2"] and view(facts, paid).status is Status.ACTIVE
    assert view(facts, paid).payment is Payment.PENDING
    for k in (2, 3):
        facts.append(say(root, BOB, "done", yes, NOW + k, duty=f"work-{k}"))
        assert due() == [f"pay-{k}"]
        paid[f"pay-{k}"] = Payment.SETTLED
    assert view(facts, paid).status is Status.SETTLED and view(facts, paid).payment is Payment.SETTLED
    facts += [say(root, p, "rated", yes, NOW + 9, commitment=b"\x33" * 32) for p in (ANN, BOB)]
    assert view(facts, paid).status is Status.CLOSED


def test_work_that_is_confirmed_and_not_paid_is_fulfilled():
    root, yes = agreed(**PARTS)
    facts = [root, yes] + [say(root, ANN, "confirm", yes, duty=f"work-{k}") for k in (1, 2, 3)]
    assert view(facts, {"pay-1": Payment.SETTLED}).status is Status.FULFILLED


def test_facts_about_a_payment_of_the_ledger_do_not_count():
    root, yes = agreed(**PARTS)
    lies = [say(root, BOB, "confirm", yes, duty="pay-1"), say(root, ANN, "done", yes, duty="pay-1")]
    shown = view([root, yes, *lies], {})
    assert shown.duties["pay-1"] is DutyState.PENDING and shown.duties["work-1"] is DutyState.PENDING


def test_a_price_too_small_for_so_many_instalments_says_how_many_it_bears():
    for amount, parts, hint in ((2, 3, "2 can."), (5, 6, "2 to 5 can."), (200, 13, "2 to 12 can."), (1, 2, "Leave")):
        with pytest.raises(Refusal) as e:
            terms_of(kind="help", amount=amount, instalments=parts)
        assert e.value.hint.startswith(hint)


def test_instalments_in_cash_are_duties_like_the_others():
    root, yes = agreed(**PARTS, unit="EUR")
    facts = [root, yes]
    assert view(facts, {}).payment is Payment.NONE and view(facts, {}).payments == {}
    for k in (1, 2, 3):
        facts.append(say(root, BOB, "done", yes, NOW + k, duty=f"work-{k}"))
        facts.append(say(root, BOB, "confirm", yes, NOW + k, duty=f"pay-{k}"))
    assert view(facts, {}).status is Status.SETTLED


def cancels(root, yes):
    return [say(root, p, "cancel", yes, NOW + 9) for p in (ANN, BOB)]


@pytest.mark.parametrize(
    ("payments", "status"),
    [
        ({}, Status.CANCELLED),
        ({"pay-1": Payment.SETTLED}, Status.CANCELLED),
        ({"pay-1": Payment.SETTLED, "pay-2": Payment.RELEASED}, Status.CANCELLED),
        ({"pay-1": Payment.SETTLED, "pay-2": Payment.PROPOSED}, Status.ACTIVE),
        ({"pay-1": Payment.ACCEPTED}, Status.ACTIVE),
        ({f"pay-{k}": Payment.SETTLED for k in (1, 2, 3)}, Status.SETTLED),
    ],
)
def test_both_may_stop_between_two_steps(payments, status):
    root, yes = agreed(**PARTS)
    assert view([root, yes, *cancels(root, yes)], payments).status is status


def test_a_deposit_goes_before_the_thing_and_back_after_it():
    root, yes = agreed(**LENT)
    facts, paid = [root, yes], {}

    def due():
        shown = view(facts, paid)
        return [d.id for d in shown.terms.duties if shown.due(d) and shown.duties[d.id] is DutyState.PENDING]

    assert due() == ["deposit"]
    paid["deposit"] = Payment.ACCEPTED
    assert due() == []
    paid["deposit"] = Payment.SETTLED
    assert due() == ["handover"]
    facts.append(say(root, BOB, "done", yes, NOW + 1, duty="handover"))
    assert due() == ["return"]
    facts.append(say(root, ANN, "done", yes, NOW + 2, duty="return"))
    assert due() == ["refund"] and view(facts, paid).duties["return"] is DutyState.DONE
    assert view(facts, paid).status is Status.ACTIVE
    paid["refund"] = Payment.SETTLED
    shown = view(facts, paid)
    assert shown.status is Status.SETTLED and shown.duties["return"] is DutyState.CONFIRMED


def test_no_refund_without_a_deposit():
    root, yes = agreed(**LENT)
    facts = [root, yes, say(root, ANN, "done", yes, duty="return")]
    shown = view(facts, {})
    assert not shown.due(shown.terms.duty("refund"))


def test_a_deposit_comes_back_before_an_exchange_is_cancelled():
    root, yes = agreed(**RENTED)
    facts = [root, yes, *cancels(root, yes)]
    paid = {"deposit": Payment.SETTLED}
    shown = view(facts, paid)
    assert shown.status is Status.ACTIVE and shown.can_be_called_off
    assert [d.id for d in shown.terms.duties if shown.due(d)] == ["refund"]
    paid["refund"] = Payment.ACCEPTED
    assert view(facts, paid).status is Status.ACTIVE
    paid["refund"] = Payment.SETTLED
    assert view(facts, paid).status is Status.CANCELLED
    assert view(facts, {}).status is Status.CANCELLED
    both_paid = view(facts, {"deposit": Payment.SETTLED, "pay": Payment.SETTLED})
    assert both_paid.can_be_called_off and both_paid.due(both_paid.terms.duty("refund"))


def test_called_off_after_the_handover_the_thing_comes_back_first():
    root, yes = agreed(**LENT)
    facts = [root, yes, say(root, BOB, "done", yes, NOW + 1, duty="handover"), *cancels(root, yes)]
    paid = {"deposit": Payment.SETTLED}
    shown = view(facts, paid)
    assert [d.id for d in shown.terms.duties if shown.due(d)] == ["return"]
    facts.append(say(root, ANN, "done", yes, NOW + 10, duty="return"))
    shown = view(facts, paid)
    assert "refund" in [d.id for d in shown.terms.duties if shown.due(d)]
    assert view(facts, {**paid, "refund": Payment.SETTLED}).status is Status.SETTLED


def test_what_a_payee_may_take():
    root, yes = agreed(**RENTED)
    pay = parse_terms(root.payload).duty("pay")
    deposit, refund = (parse_terms(root.payload).duty(d) for d in ("deposit", "refund"))
    assert view([root], {}).may_take(pay) is None
    assert view([root, say(root, BOB, "decline", root)], {}).may_take(pay) is False
    assert view([root, yes], {}).may_take(pay) is True and view([root, yes], {}).may_take(refund) is None
    off = view([root, yes, *cancels(root, yes)], {"deposit": Payment.SETTLED})
    assert off.may_take(pay) is False and off.may_take(refund) is True
    assert view([root, yes, *cancels(root, yes)], {}).may_take(deposit) is False


@given(st.lists(st.sampled_from([p for p in Payment if p is not Payment.NONE]), min_size=1, max_size=4))
def test_several_payments_in_one_word(states):
    word = in_one_word(states)
    assert word in states and (word is Payment.SETTLED) == (set(states) == {Payment.SETTLED})
    if {Payment.PROPOSED, Payment.ACCEPTED} & set(states):
        assert word in (Payment.PROPOSED, Payment.ACCEPTED)
    assert in_one_word(states[:1]) is states[0] and in_one_word([]) is Payment.NONE


# Whoever stops owes one step at most


def exposed(shown: Exchange, payments: dict[str, Payment]) -> int:
    """Value of the work that was done less what was paid for it, in minor units."""
    steps = shown.terms.payments
    work = sum(d.amount for k, d in enumerate(steps, 1) if shown.duties[f"work-{k}"] is not DutyState.PENDING)
    return work - sum(d.amount for d in steps if payments.get(d.id) is Payment.SETTLED)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 6), st.integers(6, 1_000), st.sampled_from(["", "giver", "taker"]))
@example(1, 2, 6, "giver")
def test_whoever_stops_owes_one_step(seed, parts, amount, stops):
    """Both do in any order what is due and nothing else; one of them stops at a random moment. A payment needs both:
    the payer proposes, the payee accepts if it is due on its side too, the payer completes."""
    rng = random.Random(seed)
    root, yes = agreed(kind="help", instalments=parts, amount=amount)
    facts, paid = [root, yes], dict[str, Payment]()
    largest = max(shares(amount, parts))
    until = rng.randrange(6 * parts)
    for turn in range(12 * parts):
        shown = view(facts, paid)
        giver = stops != "giver" or turn < until
        taker = stops != "taker" or turn < until
        moves = []
        for duty in shown.terms.duties:
            state = paid.get(duty.id, Payment.PENDING)
            if duty.id not in shown.payments:
                if giver and shown.due(duty) and shown.duties[duty.id] is DutyState.PENDING:
                    moves.append((duty.id, None))
            elif taker and state is Payment.PENDING and shown.due(duty):
                moves.append((duty.id, Payment.PROPOSED))
            elif giver and state is Payment.PROPOSED and shown.due(duty):
                moves.append((duty.id, Payment.ACCEPTED))
            elif taker and state is Payment.ACCEPTED:
                moves.append((duty.id, Payment.SETTLED))
        if not moves:
            break
        duty_id, becomes = rng.choice(moves)
        if becomes is None:
            facts.append(say(root, BOB, "done", yes, NOW + turn, duty=duty_id))
        else:
            paid[duty_id] = becomes
        assert 0 <= exposed(view(facts, paid), paid) <= largest
    if not stops:
        assert view(facts, paid).status is Status.SETTLED


@given(st.integers(1, 10_000), st.integers(1, MAX_INSTALMENTS))
def test_what_is_left_is_never_more_than_the_average(amount, parts):
    for done, paid in enumerate(accumulate(shares(amount, parts)), 1):
        assert (amount - paid) * parts <= amount * (parts - done)
