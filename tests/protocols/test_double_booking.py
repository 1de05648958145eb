"""Double bookings that are shown to anybody, what rebuts them, and what never makes one."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from protocols.booked import Agreement, agreement, standing_terms
from protocols.booking import Span
from protocols.codec import decode, encode
from protocols.double_booking import (
    check_challenge,
    check_rebuttal,
    encode_agreement,
    encode_challenge,
    encode_rebuttal,
    parse_agreement,
)
from protocols.errors import Reject
from protocols.fact import Fact
from protocols.identity import Signer
from protocols.limits import DAY, HOUR, MAX_AGREEMENTS, MAX_CHALLENGE, MAX_SKEW
from protocols.terms import Cancellation, Terms
from tests.protocols.bookings import BOB, START, Deal, barn
from tests.strategies import NOW, signer

GUESTS = [signer(n) for n in range(10, 10 + MAX_AGREEMENTS + 2)]
ANN, CLEO, DORA = GUESTS[:3]


def booked(by: Signer, at: int = NOW, **changes: Any) -> Deal:
    """`by` proposes at `at`, Bob accepts a second later."""
    deal = Deal(barn(by, **changes), at)
    deal.accept(BOB, deal.root, at + 1_000)
    return deal


def countered(by: Signer, at: int = NOW, accepted: int | None = None, **changes: Any) -> Deal:
    """`by` proposes, Bob counters a second later, `by` accepts that."""
    deal = Deal(barn(by), at)
    counter = deal.counter(BOB, deal.root, at + 1_000, **changes)
    deal.accept(by, counter, at + 2_000 if accepted is None else accepted)
    return deal


def challenge(*deals: Deal) -> bytes:
    return encode_challenge([deal.agreement for deal in deals])


def test_two_guests_at_one_time_are_a_double_booking():
    one, other = booked(ANN), booked(CLEO, NOW + HOUR, start=barn(CLEO).end - HOUR, end=barn(CLEO).end + HOUR)
    shown = check_challenge(challenge(one, other))
    terms = barn(CLEO)
    assert shown.overlap == Span(terms.end - HOUR, terms.end)
    assert (shown.provider, shown.name, shown.booked, shown.capacity) == (BOB.author, terms.name, 2, 1)
    assert shown.exchanges == (one.root.id, other.root.id) and shown.at == NOW + HOUR + 1_000
    assert check_challenge(challenge(other, one)) == shown._replace(exchanges=shown.exchanges[::-1])


def test_an_agreement_travels_as_a_file():
    one = booked(ANN).agreement
    assert parse_agreement(encode_agreement(one)) == one
    known = countered(ANN)
    known.know()
    assert parse_agreement(encode_agreement(known.agreement)) == known.agreement
    with pytest.raises(Reject):
        parse_agreement(challenge(booked(ANN), booked(CLEO)))


def of_doras(by: Signer) -> Deal:
    deal = Deal(barn(by, responder=DORA.author), NOW)
    deal.accept(DORA, deal.root, NOW + 1_000)
    return deal


def end_to_start(by: Signer) -> Deal:
    terms = barn(by)
    return booked(by, start=terms.end, end=terms.end + HOUR)


@pytest.mark.parametrize(
    ("why", "deals"),
    [
        ("one after the other", lambda: [booked(ANN), end_to_start(CLEO)]),
        ("room for two", lambda: [booked(ANN, capacity=2), booked(CLEO)]),
        ("one exchange twice", lambda: [d := booked(ANN), d]),
        ("another listing", lambda: [booked(ANN), booked(CLEO, name=b"\x44" * 16)]),
        ("no capacity named", lambda: [booked(ANN), booked(CLEO, capacity=0)]),
        ("another provider", lambda: [booked(ANN), of_doras(CLEO)]),
        ("an offer that lapsed before", lambda: [countered(ANN, expires=NOW + DAY), booked(CLEO, NOW + 2 * DAY)]),
        ("three who do not all meet", lambda: [booked(ANN), booked(CLEO), end_to_start(DORA)]),
        ("one alone", lambda: [booked(ANN)]),
    ],
)
def test_no_double_booking(why, deals):
    with pytest.raises(Reject):
        check_challenge(challenge(*deals()))


def test_a_lapsed_offer_binds_once_he_shows_that_it_was_accepted():
    one, other = countered(ANN, expires=NOW + DAY), booked(CLEO, NOW + 2 * DAY)
    with pytest.raises(Reject):
        check_challenge(challenge(one, other))
    one.know(NOW + DAY + 1)
    assert check_challenge(challenge(one, other)).booked == 2
    one.know(NOW + 3 * DAY)
    with pytest.raises(Reject, match="lapsed"):
        check_challenge(challenge(one, other))


def test_two_offers_of_his_at_once_bind_if_both_are_taken():
    assert check_challenge(challenge(countered(ANN), countered(CLEO, NOW + HOUR))).booked == 2


def test_every_signature_counts():
    one, other = booked(ANN), booked(CLEO)
    good = decode(challenge(one, other), MAX_CHALLENGE)
    for row in range(2):
        for fact in range(2):
            header, signature, inception = decode(good[2][row][fact])
            forged = bytes([signature[0] ^ 1]) + signature[1:]
            rows = [[*r] for r in good[2]]
            rows[row][fact] = encode([header, forged, inception])
            with pytest.raises(Reject):
                check_challenge(encode([*good[:2], rows]))


def test_more_than_two_where_the_capacity_is_more():
    three = [booked(g, capacity=2) for g in GUESTS[:3]]
    assert check_challenge(challenge(*three)).booked == 3
    assert check_challenge(challenge(booked(ANN, capacity=3, quantity=2), booked(CLEO, capacity=3, quantity=2)))
    many = [booked(g, capacity=MAX_AGREEMENTS - 1) for g in GUESTS]
    data = challenge(*many[:MAX_AGREEMENTS])
    assert check_challenge(data).booked == MAX_AGREEMENTS and len(data) <= MAX_CHALLENGE
    with pytest.raises(Reject):
        check_challenge(challenge(*many[: MAX_AGREEMENTS + 1]))


# What rebuts it

T = NOW + HOUR + 1_000  # when Bob signed the second one


def accused(**changes: Any) -> tuple[Deal, bytes]:
    one = booked(ANN, **changes)
    return one, challenge(one, booked(CLEO, NOW + HOUR))


@pytest.mark.parametrize(("his", "hers"), [(NOW + 5_000, NOW + 6_000), (T, T + MAX_SKEW)])
def test_both_had_cancelled_before(his, hers):
    one, data = accused()
    facts = [one.say(BOB, "cancel", his), one.say(ANN, "cancel", hers)]
    assert check_rebuttal(data, [encode_rebuttal(facts)]) == (one.root.id, "cancelled by both")
    assert check_rebuttal(data, [encode_rebuttal([f]) for f in facts])


@pytest.mark.parametrize("cancels", [[(BOB, NOW + 5_000)], [(BOB, T + 1), (ANN, NOW + 5_000)]])
def test_it_stands_where_one_of_them_was_late_or_said_nothing(cancels):
    one, data = accused()
    facts = [one.say(by, "cancel", at) for by, at in cancels]
    with pytest.raises(Reject):
        check_rebuttal(data, [encode_rebuttal(facts)])


def test_her_clock_may_not_be_ahead_for_ever():
    one, data = accused()
    facts = [one.say(BOB, "cancel", NOW + 5_000), one.say(ANN, "cancel", T + MAX_SKEW + 1)]
    with pytest.raises(Reject):
        check_rebuttal(data, [encode_rebuttal(facts)])


def test_cancels_of_another_exchange_say_nothing():
    _, data = accused()
    other = booked(ANN, NOW + 1)
    facts = [other.say(by, "cancel", NOW + 5_000) for by in (ANN, BOB)]
    with pytest.raises(Reject):
        check_rebuttal(data, [encode_rebuttal(facts)])


def test_one_alone_cancels_where_the_terms_allow_it():
    one, data = accused(cancellation=(Cancellation(ANN.author, NOW + 10_000),))
    assert check_rebuttal(data, [encode_rebuttal([one.say(ANN, "cancel", NOW + 10_000)])])
    with pytest.raises(Reject):
        check_rebuttal(data, [encode_rebuttal([one.say(ANN, "cancel", NOW + 10_001)])])
    with pytest.raises(Reject):
        check_rebuttal(data, [encode_rebuttal([one.say(BOB, "cancel", NOW + 10_000)])])


def test_it_was_moved_before():
    one, data = accused()
    terms = barn(ANN)
    moved = one.amend(BOB, NOW + 5_000, start=terms.end + DAY, end=terms.end + 2 * DAY)
    yes = one.accept(ANN, moved, NOW + 6_000, keep=False)
    assert check_rebuttal(data, [encode_rebuttal([moved, yes])]) == (one.root.id, "amended")
    with pytest.raises(Reject):
        check_rebuttal(data, [encode_rebuttal([moved])])


def test_it_was_amended_and_not_moved_out_of_the_way():
    one, data = accused()
    amended = one.amend(BOB, NOW + 5_000, start=barn(ANN).start + HOUR)
    yes = one.accept(ANN, amended, NOW + 6_000, keep=False)
    with pytest.raises(Reject):
        check_rebuttal(data, [encode_rebuttal([amended, yes])])
    later = [one.say(by, "cancel", NOW + 7_000, yes) for by in (ANN, BOB)]
    assert check_rebuttal(data, [encode_rebuttal([amended, yes, *later])])
    with pytest.raises(Reject):  # a cancellation of what nobody here knows to be agreed
        check_rebuttal(data, [encode_rebuttal(later)])


def test_she_had_declined_his_offer_and_took_it_later_all_the_same():
    one = countered(ANN)
    data = challenge(one, booked(CLEO, NOW + HOUR))
    offer = one.agreement.fact
    for kind in ("decline", "counter"):
        said = one.say(ANN, kind, NOW + 1_500, offer) if kind == "decline" else one.counter(ANN, offer, NOW + 1_500)
        assert check_rebuttal(data, [encode_rebuttal([said])]).reason == (
            "declined" if kind == "decline" else "countered"
        )
    one.know(NOW + 3_000)
    with pytest.raises(Reject):  # he knew
        check_rebuttal(challenge(one, booked(CLEO, NOW + HOUR)), [encode_rebuttal([said])])


def test_his_own_withdrawal_is_no_rebuttal():
    one = countered(ANN)
    said = one.say(BOB, "withdraw", NOW + 1_500, one.agreement.fact)
    with pytest.raises(Reject):
        check_rebuttal(challenge(one, booked(CLEO, NOW + HOUR)), [encode_rebuttal([said])])


def test_what_is_left_may_still_be_too_much():
    three = [booked(g, NOW + n * HOUR, capacity=1) for n, g in enumerate(GUESTS[:3])]
    facts = [three[0].say(by, "cancel", NOW + 5_000) for by in (ANN, BOB)]
    with pytest.raises(Reject):
        check_rebuttal(challenge(*three), [encode_rebuttal(facts)])


def lent(**changes: Any) -> Deal:
    """Ann has the barn for its two hours, and hands it back."""
    duties = barn(ANN).duties
    back = replace(duties[0], id="return", what="leave the barn", provider=ANN.author, receiver=BOB.author)
    return booked(ANN, duties=(*duties, back), **changes)


BACK = START + HOUR


def accused_of_the_rest(one: Deal, start: int = BACK) -> bytes:
    return challenge(one, booked(CLEO, START + HOUR, start=start, end=START + 2 * HOUR, expires=START + DAY))


def test_it_was_back_before_and_both_had_signed_that():
    one = lent()
    said = [one.say(ANN, "done", BACK - 2_000, duty="return"), one.say(BOB, "confirm", BACK, duty="return")]
    data = accused_of_the_rest(one)
    assert check_rebuttal(data, [encode_rebuttal(said)]) == (one.root.id, "returned")
    assert standing_terms(one.agreement, said, BACK)[0].end == BACK
    for alone in said:
        with pytest.raises(Reject):
            check_rebuttal(data, [encode_rebuttal([alone])])
    with pytest.raises(Reject):  # a moment of it was not his to give
        check_rebuttal(accused_of_the_rest(one, BACK - 1), [encode_rebuttal(said)])


def test_what_is_not_the_return_frees_nothing():
    one = lent()
    handed = [one.say(BOB, "done", NOW + 5_000, duty="handover"), one.say(ANN, "confirm", NOW + 6_000, duty="handover")]
    crossed = [one.say(BOB, "done", NOW + 5_000, duty="return"), one.say(ANN, "confirm", NOW + 6_000, duty="return")]
    late = [one.say(ANN, "done", BACK, duty="return"), one.say(BOB, "confirm", START + HOUR + 1_001, duty="return")]
    for said in (handed, crossed, late):
        with pytest.raises(Reject):
            check_rebuttal(accused_of_the_rest(one), [encode_rebuttal(said)])
    wanted = booked(ANN, duties=tuple(replace(d, provider=ANN.author, receiver=BOB.author) for d in barn(ANN).duties))
    got = [wanted.say(ANN, "done", BACK, duty="handover"), wanted.say(BOB, "confirm", BACK, duty="handover")]
    assert standing_terms(wanted.agreement, got, BACK) == (wanted.agreement.terms, "")


def test_who_brings_it_back_before_the_start_has_ended_it():
    one = lent()
    said = [one.say(ANN, "done", START, duty="return"), one.say(BOB, "confirm", START, duty="return")]
    assert standing_terms(one.agreement, said, START) == (None, "returned")


@pytest.mark.parametrize(
    ("changes", "counts"), [({"note": "less"}, True), ({"start": BACK, "end": START + 9 * HOUR}, False)]
)
def test_what_is_lent_once_more_is_not_back(changes, counts):
    one = lent()
    said = [one.say(ANN, "done", BACK - 2_000, duty="return"), one.say(BOB, "confirm", BACK - 1_000, duty="return")]
    moved = one.amend(BOB, BACK, expires=START + DAY, **changes)
    said += [moved, one.accept(ANN, moved, BACK, keep=False)]
    terms, reason = standing_terms(one.agreement, said, BACK)
    assert (reason == "returned") is counts and (terms.end == BACK - 1_000) is counts


# An owner who looks at what stands before he signs is never shown to have booked twice


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_who_goes_by_what_stands_is_never_shown_to_have_booked_twice(data):
    """Bob accepts or offers only what fits beside all that binds him by the rule of a rebuttal; his guests accept at
    any time, date it as they like, decline and counter first, and cancel: whatever pairs of signatures come of it,
    each challenge fails, or is rebutted by facts that he holds."""
    capacity = data.draw(st.integers(1, 2))
    deals: list[Deal] = []
    pairs: list[tuple[Deal, Agreement]] = []
    now = NOW
    for guest in GUESTS[: data.draw(st.integers(2, 4))]:
        now += data.draw(st.integers(0, 3)) * HOUR // 2
        start = barn(guest).start + data.draw(st.integers(0, 1)) * 2 * HOUR
        deal = Deal(barn(guest, capacity=capacity, start=start, end=start + 2 * HOUR), now)
        taken = sum((b := binding(d, pairs, now)) is not None and b.start == start for d in deals)
        deals.append(deal)
        if taken >= capacity:
            continue
        if data.draw(st.booleans()):
            offer = deal.counter(BOB, deal.root, now, expires=now + data.draw(st.integers(1, 3)) * HOUR)
            deal.offers.append(offer)
            if data.draw(st.sampled_from([False, False, True])):
                deal.say(guest, "decline", now, offer)
            elif data.draw(st.booleans()):
                pairs.append((deal, deal.accept(guest, offer, now)))
        else:
            pairs.append((deal, deal.accept(BOB, deal.root, now)))
            if data.draw(st.booleans()):
                for by in data.draw(st.permutations([guest, BOB])):
                    now += 1_000
                    deal.say(by, "cancel", now)
    for deal in deals:  # what comes in late, or is dated so that it seems to have been signed in time
        if deal.offers and deal.agreement is None:
            pairs.append((deal, deal.accept(deal.guest, deal.offers[0], deal.terms_of(deal.offers[0]).expires)))
    for n in range(2, len(pairs) + 1):
        for chosen in combinations(pairs, n):
            wire = encode_challenge([one for _, one in chosen])
            try:
                check_challenge(wire)
            except Reject:
                continue
            check_rebuttal(wire, [encode_rebuttal(d.facts) for d, _ in chosen])


def binding(deal: Deal, pairs: list[tuple[Deal, Agreement]], now: int) -> Terms | None:
    for whose, one in pairs:
        if whose is deal and (standing := standing_terms(one, deal.facts, now)[0]) is not None:
            return standing
    for offer in deal.offers:
        answered = any(f.prev == offer.id and f.author != BOB.author and f.kind != "accept" for f in deal.facts)
        terms = deal.terms_of(offer)
        if now <= terms.expires and not answered:
            return terms
    return None


def test_facts_that_are_no_agreement():
    one = booked(ANN).agreement
    other = booked(CLEO).agreement
    for fact, acceptance in [
        (one.fact, other.acceptance),
        (one.acceptance, one.fact),
        (one.fact, one.fact),
        (one.fact, Deal(barn(ANN), NOW).accept(ANN, one.fact, NOW).acceptance),
    ]:
        with pytest.raises(Reject):
            agreement(fact, acceptance)
    with pytest.raises(Reject):
        agreement(one.fact, one.acceptance, other.acceptance)
    late: Fact = Deal(barn(ANN), NOW).accept(BOB, one.fact, one.terms.expires + 1).acceptance
    with pytest.raises(Reject):
        agreement(one.fact, late)
