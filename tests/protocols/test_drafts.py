"""Terms drafted from templates: as they always were where nothing new is asked, and sound whatever is."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.conditions import needs_second_form
from protocols.drafts import (
    Asked,
    Fee,
    Leg,
    asked_before,
    both_may_cancel,
    draft_terms,
    full_by_itself,
    is_offered,
    role_of,
    way_of,
)
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR
from protocols.templates import WAYS, parse_template, template, templates
from protocols.terms import Cancellation, Goal, Share, encode_terms, parse_terms
from tests.protocols.deals import ANN, BOB, EVE, LAPSES, terms_of
from tests.protocols.old_rows import ROWS, old_draft
from tests.strategies import NOW, lines, signer

START, END = NOW + 10 * DAY, NOW + 10 * DAY + 4 * HOUR
LEGS = (Leg(ANN.author, "a basket of apples"), Leg(BOB.author, "two hours of help"))


def fields(**changes):
    return {
        "listing": b"\x11" * 32, "name": b"\x22" * 16, "proposer": ANN.author, "responder": BOB.author,
        "offered": True, "kind": "rent", "title": "Snowblower", "quantity": 1, "start": START, "end": END,
        "amount": 200, "unit": "hour", "price_text": "2 hour", "note": "", "previous": b"", "expires": LAPSES,
    } | changes  # fmt: skip


@given(
    kind=st.sampled_from([*ROWS, "tool-sharpening"]),
    title=lines(120),
    amount=st.sampled_from([0, 1, 7, 200]),
    offered=st.booleans(),
    start=st.sampled_from([0, START]),
    end=st.sampled_from([0, END]),
    instalments=st.sampled_from([1, 2, 7]),
    deposit=st.sampled_from([0, 5]),
)
def test_plain_terms_are_those_of_the_version_before_byte_for_byte(
    kind, title, amount, offered, start, end, instalments, deposit
):
    asked = fields(
        kind=kind, title=title, amount=amount, offered=offered, start=start, end=end, instalments=instalments,
        deposit=(deposit, "hour"),
    )  # fmt: skip
    try:
        old = old_draft(**asked)
    except Refusal as e:
        with pytest.raises(Refusal) as refused:
            draft_terms(**asked)
        assert refused.value.message == e.message
        return
    assert encode_terms(draft_terms(**asked)) == encode_terms(old)


SPLIT = (Share(BOB.author, 2), Share(EVE.author, 1))


@st.composite
def wishes(draw, kind):
    """What may be asked of a kind that it can do, times and a price."""
    of = template(kind)
    timed = of.time or draw(st.booleans())
    start, end = (START, END) if timed else (0, 0)
    amount = draw(st.sampled_from([1, 7, 200] if of.price else [0, 1, 7, 200]))
    parties = (ANN.author, BOB.author)
    rules = draw(st.sampled_from([None, (), both_may_cancel(parties, START - DAY)]))
    fees = draw(st.sampled_from([None, (Fee(ANN.author, 5, "hour"),)])) if rules else None
    goal = Goal(least=10, until=START - DAY, unit="hour" if of.goal == "amount" else "")
    asked = Asked(
        full=of.full_when == "always" or draw(st.booleans()),
        parent=draw(st.sampled_from([b"", b"\x07" * 32])),
        mediator=draw(st.sampled_from([b"", EVE.author])),
        capacity=draw(st.integers(1, 5)),
        within=draw(st.sampled_from([0, 2 * DAY])),
        goal=goal if of.goal or draw(st.booleans()) else None,
        cancellation=rules,
        fees=fees,
        legs=LEGS if of.legs else (),
        split=draw(st.sampled_from([(), SPLIT])),
        way=draw(st.sampled_from(WAYS)) if of.goes else "",
    )
    deposit = (5, "hour") if of.deposit and draw(st.booleans()) else (0, "")
    witnesses = (signer(9).author,) if amount and draw(st.booleans()) else ()
    return fields(
        kind=kind, start=start, end=end, amount=amount, unit="hour" if amount else "", asked=asked, deposit=deposit,
        offered=draw(st.booleans()), witnesses=witnesses,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [*sorted(templates()), "tool-sharpening"])
@given(st.data())
def test_terms_of_every_kind_with_whatever_is_asked_hold_together(kind, data):
    wanted = data.draw(wishes(kind))
    terms = draft_terms(**wanted)
    assert parse_terms(encode_terms(terms)) == terms
    asked = wanted["asked"]
    beyond = (
        asked.full, asked.parent, asked.mediator, asked.within, asked.goal, asked.cancellation, asked.fees, asked.split
    )  # fmt: skip
    assert (terms.form == 2) == (any(beyond) or needs_second_form(terms))
    assert any(beyond) or terms.form == 1, "form 1 where nothing of form 2 is asked"
    assert is_offered(terms, template(kind)) == wanted["offered"] or template(kind).legs


@pytest.mark.parametrize("kind", [*sorted(templates()), "tool-sharpening"])
@given(st.data())
def test_terms_drafted_again_from_what_they_say_are_the_same(kind, data):
    """A counter-proposal that changes nothing changes nothing."""
    wanted = data.draw(wishes(kind))
    terms = draft_terms(**wanted)
    assert draft_terms(**{**wanted, "asked": asked_before(terms, terms.start)}) == terms


def test_a_booking_of_a_rental():
    terms = draft_terms(**fields(asked=Asked(full=True, capacity=3)))
    assert [(d.id, d.provider == BOB.author, d.until, d.along) for d in terms.duties] == [
        ("fetch", False, START + HOUR // 2, "handover"),
        ("handover", True, START + HOUR // 2, ""),
        ("return", False, END + HOUR // 2, ""),
        ("pay", False, END + 7 * DAY, ""),
    ]
    assert (terms.form, terms.capacity) == (2, 3)
    assert terms.cancellation == (
        Cancellation(BOB.author, START - DAY),
        Cancellation(ANN.author, START - DAY),
    )


def test_who_is_to_be_there_need_not_be_before_the_deposit_is_paid():
    terms = draft_terms(**fields(asked=Asked(full=True), deposit=(5, "hour")))
    assert {d.id: d.after for d in terms.duties} == {
        "deposit": "", "fetch": "deposit", "handover": "deposit", "return": "handover", "refund": "return", "pay": "",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["rent", "lend"])
def test_a_deposit_cannot_be_kept_for_ever(kind):
    full = draft_terms(**fields(kind=kind, asked=Asked(full=True), deposit=(5, "hour")))
    assert full.duty("refund").within == 7 * DAY
    assert draft_terms(**fields(kind=kind, deposit=(5, "hour"))).form == 1, "the plain form has no such deadline"


def test_when_a_kind_is_full_by_itself():
    rent, sell, task = (template(kind) for kind in ("rent", "sell", "task"))
    assert full_by_itself(rent, START, END) and not full_by_itself(rent, 0, 0) and not full_by_itself(rent, START, 0)
    assert full_by_itself(task, 0, 0)
    assert not full_by_itself(sell, START, END)


def test_barter_goes_to_and_fro_and_needs_no_price():
    legs = (*LEGS, Leg(BOB.author, "a ladder for a day"))
    terms = draft_terms(**fields(kind="barter", amount=0, unit="", start=0, end=0, asked=Asked(legs=legs)))
    assert terms.form == 1, "a neighbour of the version before can barter"
    assert [(d.id, d.what, d.provider) for d in terms.duties] == [
        (f"leg-{k}", leg.what, leg.provider) for k, leg in enumerate(legs, 1)
    ]


def test_a_backer_pays_who_asks_for_it():
    goal = Goal(least=500, until=NOW + DAY, unit="hour")
    terms = draft_terms(**fields(kind="fund", offered=False, start=0, end=0, asked=Asked(full=True, goal=goal)))
    assert [(d.id, d.provider) for d in terms.duties] == [("pay", ANN.author), ("work", BOB.author)]
    assert not is_offered(terms, template("fund"))


def test_a_pledge_is_plain_without_a_goal_and_waits_for_others_with_one():
    assert draft_terms(**fields(kind="pledge")).form == 1
    terms = draft_terms(**fields(kind="pledge", asked=Asked(goal=Goal(least=3, until=NOW + DAY))))
    assert (terms.form, terms.goal) == (2, Goal(least=3, until=NOW + DAY))


HALVES = parse_template(
    'kind = "halves"\ntitle = "x"\nabout = "x"\ngiver = "a"\ntaker = "b"\n'
    'cancel = [{ by = "taker", before = "2d", fee = "1/4" }]\n'
    '[[duties]]\nid = "pay-1"\naction = "transfer"\nby = "taker"\nwhat = "pay the first half"\nprice = "1/2"\n'
    '[[duties]]\nid = "work"\naction = "work"\nby = "giver"\nwhat = "do {title}"\nafter = "pay-1"\n'
    '[[duties]]\nid = "pay-2"\naction = "transfer"\nby = "taker"\nwhat = "pay the rest"\nprice = "1/2"\n'
    'after = "work"\n',
    "halves.toml",
)  # fmt: skip


@given(st.integers(2, 10**9))
def test_a_price_in_parts_is_the_price(amount):
    terms = draft_terms(**fields(kind="halves", amount=amount, of=HALVES))
    assert parse_terms(encode_terms(terms)).payments
    assert sum(d.amount for d in terms.payments) == amount


def test_what_comes_after_a_payment_comes_first_where_there_is_no_price():
    terms = draft_terms(**fields(kind="halves", amount=0, unit="", of=HALVES))
    assert [(d.id, d.after) for d in terms.duties] == [("work", "")]


def test_a_price_that_is_too_small_for_its_parts():
    with pytest.raises(Refusal, match="too small"):
        draft_terms(**fields(kind="halves", amount=1, of=HALVES))


def test_the_fee_of_a_kind_is_a_part_of_the_price():
    terms = draft_terms(**fields(kind="halves", of=HALVES, asked=Asked(full=True)))
    assert terms.cancellation == (Cancellation(ANN.author, START - 2 * DAY),)
    (fee,) = (d for d in terms.duties if d.on)
    assert (fee.id, fee.provider, fee.amount) == ("fee-taker", ANN.author, 50)
    assert parse_terms(encode_terms(terms)) == terms
    assert not [d for d in draft_terms(**fields(kind="halves", of=HALVES)).duties if d.on]


def test_what_may_be_cancelled_moves_with_the_start():
    old = draft_terms(**fields(asked=Asked(full=True)))
    assert {rule.until for rule in asked_before(old, START + HOUR).cancellation} == {START - DAY + HOUR}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "barn", "start": 0, "end": 0}, "at a time"),
        ({"kind": "barn"}, "goes ahead when enough"),
        ({"kind": "barn", "asked": Asked(goal=Goal(least=1, until=NOW, unit="hour"))}, "number of people"),
        ({"kind": "fund", "asked": Asked(goal=Goal(least=1, until=NOW))}, "amount of a unit"),
        ({"kind": "fund", "amount": 0, "asked": Asked(goal=Goal(least=1, until=NOW, unit="hour"))}, "needs an amount"),
        ({"kind": "barter"}, "to and fro"),
        ({"kind": "barter", "asked": Asked(legs=LEGS[:1])}, "to and fro"),
        ({"kind": "barter", "asked": Asked(legs=LEGS * 7)}, "14 legs"),
        ({"kind": "sell", "asked": Asked(legs=LEGS)}, "no legs"),
    ],
)
def test_what_a_kind_needs_or_has_no_room_for(changes, said):
    with pytest.raises(Refusal, match=said):
        draft_terms(**fields(**changes))


def test_terms_of_form_one_are_not_taken_for_more():
    kept = asked_before(terms_of(), 0)
    assert kept == Asked()
    assert msgspec.structs.replace(terms_of(), note="x").form == 1


@pytest.mark.parametrize("kind", [kind for kind, of in templates().items() if of.goes])
@given(way=st.sampled_from(WAYS), title=lines(120), parts=st.sampled_from([1, 3, 12]), full=st.booleans())
def test_which_way_a_thing_goes_is_said_and_read_again(kind, way, title, parts, full):
    of = template(kind)
    parts = parts if [row.id for row in of.plain] == ["handover", "pay"] else 1
    terms = draft_terms(**fields(kind=kind, title=title, instalments=parts, asked=Asked(full=full, way=way)))
    said = " ".join(duty.what for duty in terms.duties)
    assert ("bring" in said or "brought" in said) == (way == "bring") or "br" in title
    assert way_of(parse_terms(encode_terms(terms)), of) == way == asked_before(terms, START).way
    assert terms.form == 2 if full else terms.form == 1, "nodes from before it understand it"


def test_what_is_not_said_in_the_words_of_the_kind_goes_no_way():
    terms = terms_of(kind="sell", title="Saw")
    assert way_of(terms, template("sell")) == ""
    odd = msgspec.structs.replace(terms.duties[0], what="send Saw by drone")
    assert way_of(msgspec.structs.replace(terms, duties=(odd, *terms.duties[1:])), template("sell")) == ""
    assert way_of(terms, template("tool-sharpening")) == ""


def test_what_does_not_go_anywhere_is_not_brought():
    with pytest.raises(Refusal, match="nothing is brought or fetched in a service"):
        draft_terms(**fields(kind="service", asked=Asked(way="bring")))


@pytest.mark.parametrize(
    ("kind", "offered", "asks", "answers"),
    [
        ("sell", True, "buyer", "seller"), ("want", False, "owner", "seeker"), ("lend", True, "borrower", "lender"),
        ("deliver", True, "sender", "courier"), ("task", False, "doer", "organiser"),
        ("barter", True, None, None), ("tool-sharpening", True, "taker", "giver"),
    ],
)  # fmt: skip
def test_the_parties_are_called_as_in_their_kind(kind, offered, asks, answers):
    legs = LEGS if kind == "barter" else ()
    terms = draft_terms(**fields(kind=kind, offered=offered, asked=Asked(full=True, legs=legs)))
    assert [role_of(terms, who.author, template(kind)) for who in (ANN, BOB)] == [asks, answers]
    assert role_of(terms, EVE.author, template(kind)) == "mediator"


def test_who_produces_what_others_pay_for_is_no_giver():
    goal = Goal(least=5, until=START, unit="hour")
    terms = draft_terms(**fields(kind="fund", offered=False, asked=Asked(full=True, goal=goal)))
    assert [role_of(terms, who.author, template("fund")) for who in (ANN, BOB)] == ["backer", "organiser"]
