"""Bookings of several things or by several people at one time; fees, pictures, deposits: how a booking may go."""

import pytest

from protocols.errors import Refusal
from protocols.limits import HOUR
from tests.p2pnode.test_bookings import Rental


def test_many_help_on_one_date() -> None:
    barn = Rental(form="full", direction="request", kind="barn", title="Raise the barn", price=None, goal="2")
    lab = barn.lab
    one, other = barn.propose(lab.cleo, quantity=1), barn.propose(lab.dora, quantity=1)
    assert [barn.do(lab.ben, "accept", id_) for id_ in (one, other)] == ["agreed", "agreed"]
    booked = [row for row in lab.ask(lab.ben, "calendar")["rows"] if row["what"] == "booked"]
    assert {row["exchange_id"] for row in booked} == {one, other}


def test_no_more_help_than_there_is_room_for() -> None:
    barn = Rental(
        form="full", direction="request", kind="barn", title="Raise the barn", price=None, goal="1", quantity=1
    )
    lab = barn.lab
    one, other = barn.propose(lab.cleo, quantity=1), barn.propose(lab.dora, quantity=1)
    assert barn.do(lab.ben, "accept", one) == "agreed"
    assert barn.refused(lab.ben, "accept", other).message == "1 is wanted, none is left"


def test_two_of_five_bikes_for_three_hours() -> None:
    bikes = Rental(form="full", title="Bike", quantity=5)
    lab = bikes.lab
    one = bikes.propose(lab.cleo, hours=3, items=2)
    shown = lab.ask(lab.cleo, "exchange.show", id=one)["terms"]
    assert (shown["quantity"], shown["items"], shown["price"]["amount"]) == (6, 2, 600)
    with pytest.raises(Refusal, match="6 are wanted, there are 5"):
        bikes.propose(lab.dora, items=6)
    with pytest.raises(Refusal, match="only the full form"):
        bikes.propose(lab.dora, items=2, form="plain")
    with pytest.raises(Refusal, match="from one time to another"):
        lab.ask(lab.dora, "exchange.propose", listing=bikes.listing, items=2)
    other = bikes.propose(lab.dora, hours=3, items=4)
    assert bikes.do(lab.ben, "accept", one) == "agreed"
    assert "4 are wanted" not in bikes.refused(lab.ben, "accept", other).message
    assert bikes.do(lab.ben, "counter", other, items=3) == "countered"
    terms = lab.ask(lab.dora, "exchange.show", id=other)["terms"]
    assert (terms["quantity"], terms["items"], terms["price"]["amount"]) == (9, 3, 900)
    assert bikes.do(lab.dora, "counter", other, end=bikes.start + HOUR, price="1.50/hour") == "countered"
    terms = lab.ask(lab.dora, "exchange.show", id=other)["terms"]
    assert (terms["quantity"], terms["items"], terms["price"]["amount"]) == (3, 3, 450)
    assert bikes.do(lab.ben, "accept", other) == "agreed"


def test_several_are_booked_at_once_as_the_listing_says_and_goods_have_no_items() -> None:
    bikes = Rental(form="full", title="Bike", quantity=5, instant=True)
    lab = bikes.lab
    one = bikes.propose(lab.cleo, hours=3, items=2)
    assert lab.ask(lab.ben, "exchange.show", id=one)["status"] == "agreed"
    eggs = Rental(kind="food", title="Eggs", price="1", quantity=9)
    with pytest.raises(Refusal, match="not had by the hour"):
        eggs.lab.ask(eggs.lab.cleo, "exchange.propose", listing=eggs.listing, items=2)


def test_chairs_without_a_price_are_booked_at_once_too() -> None:
    chairs = Rental(form="full", kind="lend", title="Chairs", price=None, quantity=10, instant=True)
    one = chairs.propose(chairs.lab.cleo, quantity=4)
    assert chairs.lab.ask(chairs.lab.ben, "exchange.show", id=one)["status"] == "agreed"


def test_who_fetches_is_no_giver_and_a_fee_is_no_instalment() -> None:
    mower = Rental(form="full")
    lab = mower.lab
    one = mower.propose(lab.cleo, fee="0.50", cancel_until=HOUR)
    assert lab.ask(lab.cleo, "exchange.show", id=one)["role"] == "taker"
    assert lab.ask(lab.ben, "exchange.show", id=one)["role"] == "giver"
    mower.do(lab.ben, "counter", one, price="3")
    duties = [d["id"] for d in lab.ask(lab.cleo, "exchange.show", id=one)["duties"]]
    assert "pay" in duties and "pay-1" not in duties
    assert "instalments" not in mower.refused(lab.cleo, "accept", one, terms="00" * 8).message
    mower.do(lab.cleo, "accept", one)
    mower.do(lab.ben, "handover", one, photos=["ab" * 32])
    assert lab.ask(lab.cleo, "exchange.show", id=one)["notes"][-1]["photos"] == ["ab" * 32]


def test_a_deposit_goes_back_when_nobody_opens() -> None:
    ladder = Rental(form="full", kind="lend", title="Ladder", price=None)
    lab = ladder.lab
    one = ladder.propose(lab.cleo, deposit="1")
    assert ladder.do(lab.ben, "accept", one) == "agreed"
    assert ladder.do(lab.cleo, "pay", one) == "active"
    lab.leap(ladder.start + 2 * HOUR - lab.now)
    ladder.do(lab.cleo, "default", one, duty="handover")
    asked = [(step["who"], step["command"].split()[2]) for step in lab.ask(lab.cleo, "exchange.show", id=one)["next"]]
    assert ("you", "cancel") in asked
    assert ladder.do(lab.cleo, "cancel", one) == "defaulted"
    (step,) = lab.ask(lab.ben, "exchange.show", id=one)["next"]
    assert (step["who"], step["duty"]) == ("you", "refund")
    ladder.do(lab.ben, "pay", one)
    shown = lab.ask(lab.cleo, "exchange.show", id=one)
    assert (shown["payments"][-1]["state"], shown["status"], shown["next"]) == ("settled", "defaulted", [])


def test_a_deposit_stays_where_it_was_left_for_what_never_came_back() -> None:
    ladder = Rental(form="full", kind="lend", title="Ladder", price=None)
    lab = ladder.lab
    one = ladder.propose(lab.cleo, deposit="1")
    for node, verb in ((lab.ben, "accept"), (lab.cleo, "pay"), (lab.ben, "handover")):
        ladder.do(node, verb, one)
    lab.leap(ladder.start + 4 * HOUR - lab.now)
    assert ladder.do(lab.ben, "default", one, duty="return") == "defaulted"
    assert lab.ask(lab.ben, "exchange.show", id=one)["next"] == []
    with pytest.raises(Refusal, match="first: return Ladder"):
        ladder.do(lab.ben, "pay", one)
