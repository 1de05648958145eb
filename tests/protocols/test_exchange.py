"""What a set of facts amounts to: a table of every status against every fact, and properties of whole sets."""

import random
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.duties import DutyState
from protocols.exchange import Status, evaluate
from protocols.fact import KINDS, Fact
from protocols.payments import Payment
from protocols.terms import parse_terms
from tests.protocols.deals import ANN, BOB, EVE, LAPSES, NOW, accept, again, counter, propose, say, seen

ROOT = propose()
COUNTER = counter(ROOT, BOB, ROOT, NOW + 1, amount=300)
YES = accept(ROOT, BOB, ROOT, NOW + 2)
DUTIES = ("handover", "return")
LENT = propose(kind="lend", amount=0, unit="")
LENT_YES = accept(LENT, BOB, LENT, NOW + 1)
SEALED = {"commitment": b"\x33" * 32}


def confirmed(root: Fact, yes: Fact) -> list[Fact]:
    return [
        say(root, ANN, "confirm", yes, NOW + 5, duty="handover"),
        say(root, BOB, "confirm", yes, NOW + 6, duty="return"),
    ]


def cancelled(root: Fact, yes: Fact) -> list[Fact]:
    return [say(root, p, "cancel", yes, NOW + 9) for p in (ANN, BOB)]


def rated(root: Fact, yes: Fact) -> list[Fact]:
    return [say(root, p, "rated", yes, NOW + 9, **SEALED) for p in (ANN, BOB)]


# status -> facts, payment and the facts (by whom, kind) that move it elsewhere, with where to
STATES: dict[Status, tuple[list[Fact], Payment, dict[tuple[str, str], Status]]] = {
    Status.PROPOSED: (
        [ROOT],
        Payment.PENDING,
        {
            ("Bob", "counter"): Status.COUNTERED,
            ("Bob", "accept"): Status.AGREED,
            ("Bob", "decline"): Status.DECLINED,
            ("Ann", "withdraw"): Status.WITHDRAWN,
        },
    ),
    Status.COUNTERED: (
        [ROOT, COUNTER],
        Payment.PENDING,
        {
            ("Ann", "accept"): Status.AGREED,
            ("Ann", "decline"): Status.DECLINED,
            ("Bob", "withdraw"): Status.WITHDRAWN,
        },
    ),
    Status.AGREED: (
        [ROOT, YES],
        Payment.PENDING,
        {(by, kind): Status.ACTIVE for by in ("Ann", "Bob") for kind in ("done", "confirm", "contest")},
    ),
    Status.ACTIVE: ([ROOT, YES, say(ROOT, BOB, "done", YES, NOW + 3, duty="handover")], Payment.PENDING, {}),
    Status.FULFILLED: ([ROOT, YES, *confirmed(ROOT, YES)], Payment.PENDING, {}),
    Status.SETTLED: ([ROOT, YES, *confirmed(ROOT, YES)], Payment.SETTLED, {}),
    Status.CLOSED: ([ROOT, YES, *confirmed(ROOT, YES), *rated(ROOT, YES)], Payment.SETTLED, {}),
    Status.DECLINED: (
        [ROOT, say(ROOT, BOB, "decline", ROOT, NOW + 1)],
        Payment.PENDING,
        {("Bob", "accept"): Status.AGREED, ("Bob", "counter"): Status.COUNTERED},
    ),
    Status.WITHDRAWN: (
        [ROOT, say(ROOT, ANN, "withdraw", ROOT, NOW + 1)],
        Payment.PENDING,
        {("Bob", "accept"): Status.AGREED, ("Bob", "counter"): Status.COUNTERED, ("Bob", "decline"): Status.DECLINED},
    ),
    Status.CANCELLED: ([ROOT, YES, *cancelled(ROOT, YES)], Payment.PENDING, {}),
}


def next_fact(root: Fact, facts: list[Fact], by: str, kind: str) -> Fact:
    """One more fact of this kind, as its author would make it at this point."""
    signer = {"Ann": ANN, "Bob": BOB}[by]
    terms = seen(facts).terms_fact
    if kind == "counter":
        return counter(root, signer, terms, NOW + 20, amount=250)
    if kind == "accept":
        return accept(root, signer, terms, NOW + 20)
    if kind in ("decline", "withdraw"):
        return say(root, signer, kind, terms, NOW + 20)
    prev = seen(facts).acceptance or terms
    duty = "handover" if (by == "Ann") == (kind != "done") else "return"
    step = {"duty": duty} if kind in ("done", "confirm", "contest") else SEALED if kind == "rated" else {"text": "hm"}
    return say(root, signer, kind, prev, NOW + 20, **step)


@pytest.mark.parametrize("kind", sorted(KINDS - {"propose"}))
@pytest.mark.parametrize("by", ["Ann", "Bob"])
@pytest.mark.parametrize("status", STATES, ids=str)
def test_every_status_against_every_fact(status, by, kind):
    facts, payment, moves = STATES[status]
    assert seen(facts, payment).status is status
    new = next_fact(ROOT, facts, by, kind)
    assert seen([*facts, new], payment).status is moves.get((by, kind), status)


def test_expiry_ends_negotiation_and_nothing_else():
    assert seen([ROOT], now=LAPSES).status is Status.PROPOSED
    assert seen([ROOT], now=LAPSES + 1).status is Status.EXPIRED
    for status, (facts, payment, _) in STATES.items():
        late = seen(facts, payment, LAPSES + 1).status
        assert late is (Status.EXPIRED if status in (Status.PROPOSED, Status.COUNTERED) else status)


def test_an_acceptance_after_the_end_is_void():
    assert seen([ROOT, accept(ROOT, BOB, ROOT, LAPSES)]).agreed
    assert not seen([ROOT, accept(ROOT, BOB, ROOT, LAPSES + 1)]).agreed


def test_an_acceptance_names_both_parties_and_the_terms():
    assert not seen([ROOT, accept(ROOT, BOB, ROOT, party=EVE.author)]).agreed
    assert not seen([ROOT, accept(ROOT, BOB, ROOT, terms=bytes(32))]).agreed
    assert not seen([ROOT, accept(ROOT, ANN, ROOT)]).agreed


@pytest.mark.parametrize("payment", Payment)
def test_payments(payment):
    facts, _, _ = STATES[Status.FULFILLED]
    shown = seen(facts, payment)
    assert (shown.status is Status.SETTLED) == (payment is Payment.SETTLED)
    both = seen([ROOT, YES, *cancelled(ROOT, YES)], payment).status
    under_way = payment in (Payment.PROPOSED, Payment.ACCEPTED)
    # A payment under way or done cannot be cancelled. `none` is never so here: there is a price in credit.
    assert (both is Status.CANCELLED) == (not under_way and payment is not Payment.SETTLED)


def test_a_price_in_another_unit_is_a_duty_like_the_others():
    root = propose(unit="EUR")
    yes = accept(root, BOB, root)
    facts = [root, yes, *confirmed(root, yes)]
    assert seen(facts).payment is Payment.NONE and seen(facts).status is Status.FULFILLED
    facts.append(say(root, BOB, "confirm", yes, duty="pay"))
    assert seen(facts).status is Status.SETTLED


def test_what_is_confirmed_by_all_is_not_cancelled_afterwards():
    facts = [LENT, LENT_YES, *confirmed(LENT, LENT_YES), *cancelled(LENT, LENT_YES)]
    assert seen(facts).status is Status.SETTLED
    assert seen([*facts, *rated(LENT, LENT_YES)]).status is Status.CLOSED
    assert seen([LENT, LENT_YES, *cancelled(LENT, LENT_YES)]).status is Status.CANCELLED


def test_what_was_said_before_the_agreement_does_not_count_after_it():
    early = [say(ROOT, ANN, "cancel", ROOT), say(ROOT, BOB, "done", ROOT, duty="handover")]
    early += [say(ROOT, p, "rated", ROOT, **SEALED) for p in (ANN, BOB)]
    shown = seen([ROOT, *early, YES])
    assert shown.status is Status.AGREED and not shown.cancel_asked and not shown.rated


def test_who_gives_a_thing_back_has_received_it():
    root = propose()
    yes = accept(root, BOB, root)
    returned = say(root, ANN, "done", yes, NOW + 3, duty="return")
    assert seen([root, yes, returned]).duties["handover"] is DutyState.CONFIRMED
    # Only by the word of who gives it back: the other cannot say it for him.
    back = say(root, BOB, "confirm", yes, NOW + 3, duty="return")
    assert seen([root, yes, back]).duties["handover"] is DutyState.PENDING
    # And what was contested stays so.
    contested = say(root, ANN, "contest", yes, NOW + 2, duty="handover")
    assert seen([root, yes, contested, returned]).duties["handover"] is DutyState.CONTESTED


def test_a_receiver_may_contest_and_then_be_satisfied():
    contest = say(ROOT, ANN, "contest", YES, NOW + 9, duty="handover")
    assert seen([ROOT, YES, contest]).duties["handover"] is DutyState.CONTESTED
    facts = [ROOT, YES, contest, say(ROOT, ANN, "confirm", YES, NOW + 3, duty="handover")]
    assert seen(facts).duties["handover"] is DutyState.CONFIRMED
    assert seen([ROOT, YES, say(ROOT, BOB, "confirm", YES, duty="handover")]).duties["handover"] is DutyState.PENDING
    assert seen([ROOT, YES, say(ROOT, ANN, "done", YES, duty="handover")]).duties["handover"] is DutyState.PENDING


# Races: what crosses on the way, and what a liar says afterwards


def test_accept_against_withdraw():
    facts = [ROOT, say(ROOT, ANN, "withdraw", ROOT, NOW), accept(ROOT, BOB, ROOT, NOW + 9)]
    assert {seen(p).status for p in permutations(facts)} == {Status.AGREED}


def test_two_counters_at_once():
    two = [counter(ROOT, BOB, ROOT, NOW + 1, amount=a) for a in (300, 400)]
    first = min(two, key=lambda f: (f.at, f.id))
    assert {seen([ROOT, *p]).terms_fact for p in permutations(two)} == {first}


@pytest.mark.parametrize("at", [0, NOW, NOW + 50])
def test_an_answered_counter_is_not_replaced_by_another(at):
    agreed = [ROOT, COUNTER, accept(ROOT, ANN, COUNTER, NOW + 9)]
    liar = [
        counter(ROOT, BOB, ROOT, at, amount=9_999),
        accept(ROOT, BOB, ROOT, at),
        say(ROOT, BOB, "decline", ROOT, at),
        say(ROOT, BOB, "withdraw", COUNTER, at),
        say(ROOT, BOB, "cancel", agreed[2], at),
    ]
    for more in range(len(liar)):
        shown = seen([*agreed, *liar[: more + 1]])
        assert (shown.status, shown.terms.amount) == (Status.AGREED, 300)


@pytest.mark.parametrize("at", [0, NOW, NOW + 50])
def test_older_terms_cannot_be_accepted_once_newer_ones_are(at):
    """Ann proposes 200, Bob counters 300, Ann counters 280, Bob accepts; then Bob turns up with a yes to the 200."""
    third = counter(ROOT, ANN, COUNTER, NOW + 3, amount=280)
    facts = [ROOT, COUNTER, third, accept(ROOT, BOB, third, NOW + 4)]
    assert seen(facts).terms.amount == 280
    assert seen([*facts, accept(ROOT, BOB, ROOT, at)]).terms.amount == 280
    assert seen([*facts, accept(ROOT, ANN, COUNTER, at)]).terms.amount == 280
    assert seen([*facts[:3], accept(ROOT, BOB, ROOT, at)]).terms.amount == 280


# Properties


def story(rng: random.Random, length: int) -> list[Fact]:
    """Facts that two parties might make, honest or not."""
    facts = [ROOT]
    for _ in range(length):
        signer = rng.choice([ANN, BOB])
        at = NOW + rng.randrange(-5, 40)
        terms = rng.choice([f for f in facts if f.kind in ("propose", "counter")])
        prev = rng.choice(facts)
        match rng.choice(sorted(KINDS - {"propose"})):
            case "counter":
                facts.append(counter(ROOT, signer, terms, at, amount=rng.choice([0, 100, 300]) or 50))
            case "accept":
                facts.append(accept(ROOT, signer, terms, at))
            case "rated":
                facts.append(say(ROOT, signer, "rated", prev, at, **SEALED))
            case "done" | "confirm" | "contest" as kind:
                facts.append(say(ROOT, signer, kind, prev, at, duty=rng.choice(DUTIES)))
            case kind:
                facts.append(say(ROOT, signer, kind, rng.choice([terms, prev]), at))
    return facts


seeds = st.integers(0, 2**32)
payments = st.sampled_from(Payment)


@settings(max_examples=100, deadline=None)
@given(seeds, st.integers(0, 14), payments)
def test_a_function_of_the_set(seed, length, payment):
    rng = random.Random(seed)
    facts = story(rng, length)
    others = [again(f) for f in facts for _ in range(rng.randrange(1, 3))]
    rng.shuffle(others)
    assert seen(facts, payment) == seen(others, payment)


@settings(max_examples=100, deadline=None)
@given(seeds, st.integers(0, 10), payments)
def test_a_stranger_changes_nothing(seed, length, payment):
    rng = random.Random(seed)
    facts = story(rng, length)
    eve = [say(ROOT, EVE, k, rng.choice(facts), **s) for k, s in (("cancel", {}), ("decline", {}), ("rated", SEALED))]
    eve += [accept(ROOT, EVE, f) for f in facts if f.kind in ("propose", "counter")]
    eve += [counter(ROOT, EVE, ROOT, 0), say(ROOT, EVE, "confirm", facts[-1], 0, duty="handover")]
    eve += [propose(NOW + 99, amount=1), *story(random.Random(seed + 1), 3)[1:0]]
    mixed = [*facts, *eve]
    rng.shuffle(mixed)
    assert seen(mixed, payment) == seen(facts, payment)


@settings(max_examples=100, deadline=None)
@given(seeds, st.integers(1, 8), st.integers(1, 12))
def test_who_keeps_to_the_rules_is_not_undone(seed, moves, lies):
    """Ann answers only what is hers to answer; whatever Bob signs besides, what she once saw as agreed stays agreed."""
    rng = random.Random(seed)
    facts, agreed = [ROOT], None
    for _ in range(moves + lies):
        shown = seen(facts)
        if agreed is None and shown.turn == ANN.author and shown.status is Status.COUNTERED:
            newest = shown.terms_fact
            facts.append(rng.choice([accept, counter])(ROOT, ANN, newest, NOW + rng.randrange(30)))
        else:
            liar = story(rng, 0) + [f for f in facts if f.kind in ("propose", "counter")]
            terms = rng.choice(liar)
            if terms.author == ANN.author:
                make = rng.choice([counter, accept])
                facts.append(make(ROOT, BOB, terms, rng.randrange(2 * NOW) if make is counter else rng.randrange(NOW)))
            else:
                facts.append(say(ROOT, BOB, rng.choice(["withdraw", "cancel", "decline"]), terms, rng.randrange(NOW)))
        shown = seen(facts)
        if agreed is not None:
            assert shown.agreed and shown.terms_fact == agreed
        elif shown.agreed:
            agreed = shown.terms_fact


def test_without_a_proposal_there_is_no_exchange():
    with pytest.raises(Exception, match="no proposal"):
        evaluate([YES], Payment.PENDING, "hour", NOW)


def test_a_counter_about_something_else_is_none():
    for change in ({"listing": b"\x44" * 32}, {"name": b"\x44" * 16}, {"previous": b"\x44" * 32}):
        assert seen([ROOT, counter(ROOT, BOB, ROOT, **change)]).terms_fact == ROOT
    swapped = counter(ROOT, BOB, ROOT, proposer=BOB.author, responder=ANN.author)
    assert seen([ROOT, swapped]).terms_fact == ROOT
    assert parse_terms(ROOT.payload) == seen([ROOT, counter(ROOT, ANN, ROOT)]).terms
