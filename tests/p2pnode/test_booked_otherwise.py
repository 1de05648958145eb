"""Bookings of several things or by several people at one time; fees, pictures, deposits: how a booking may go."""

from base64 import b64decode

import pytest

from p2pnode.core.held import agreement, step_payload
from protocols.double_booking import check_challenge, check_rebuttal, encode_challenge, parse_agreement
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.lab import Lab
from tests.p2pnode.test_bookings import Rental, saturday
from tests.sim.simulator import Node


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
    refund, rating = lab.ask(lab.ben, "exchange.show", id=one)["next"]
    assert (refund["who"], refund["duty"], rating["who"]) == ("you", "refund", "Cleo")
    ladder.do(lab.ben, "pay", one)
    shown = lab.ask(lab.cleo, "exchange.show", id=one)
    assert (shown["payments"][-1]["state"], shown["status"]) == ("settled", "defaulted")
    assert [step["command"].split()[1] for step in shown["next"]] == ["attest"]


def test_a_deposit_stays_where_it_was_left_for_what_never_came_back() -> None:
    ladder = Rental(form="full", kind="lend", title="Ladder", price=None)
    lab = ladder.lab
    one = ladder.propose(lab.cleo, deposit="1")
    for node, verb in ((lab.ben, "accept"), (lab.cleo, "pay"), (lab.ben, "handover")):
        ladder.do(node, verb, one)
    lab.leap(ladder.start + 4 * HOUR - lab.now)
    assert ladder.do(lab.ben, "default", one, duty="return") == "defaulted"
    (step,) = lab.ask(lab.ben, "exchange.show", id=one)["next"]
    assert (step["who"], step["command"].split()[1]) == ("you", "attest")
    with pytest.raises(Refusal, match="first: return Ladder"):
        ladder.do(lab.ben, "pay", one)


@pytest.mark.parametrize(("kind", "zone", "when"), [("service", "Europe/Berlin", "Sat"), ("help", None, None)])
def test_work_is_not_said_to_be_done_before_its_time(kind: str, zone: str | None, when: str | None) -> None:
    work = Rental(form="full", kind=kind, title="Pruning", when=when and "mon-sun", zone=zone)
    lab = work.lab
    one = work.propose(lab.cleo)
    work.do(lab.ben, "accept", one)
    said = work.refused(lab.ben, "done", one)
    assert said.message.startswith("do: Pruning: that is not to be done before " if kind == "service" else "help: ")
    assert said.message.endswith(f"({zone or 'UTC'})")
    kinds = [f.kind for f in lab.ben.core.exchanges.held[bytes.fromhex(one)].facts.values()]
    assert "done" not in kinds
    step = lab.ask(lab.ben, "exchange.show", id=one)["next"][0]
    assert (step["command"], step["from"]) == (f"p2pnode exchange done {one[:8]}", work.start)
    lab.leap(work.start - lab.now - MINUTE - 1)
    work.refused(lab.ben, "done", one)
    lab.leap(MINUTE)
    assert lab.ask(lab.ben, "exchange.show", id=one)["next"][0]["from"] is None
    assert work.do(lab.ben, "done", one) == "active"


def test_work_that_another_node_says_to_be_done_before_its_time_counts_as_before() -> None:
    work = Rental(form="full", kind="help", title="Pruning")
    lab = work.lab
    one = work.propose(lab.cleo)
    work.do(lab.ben, "accept", one)
    held = lab.ben.core.exchanges.held[bytes.fromhex(one)]
    view = lab.ben.core.exchanges.view(held, lab.now)
    lab.ben.core.exchanges.say(held, "done", agreement(view), step_payload("", view.terms.duties[0].id), lab.now)
    lab.sim.perform(lab.ben, lab.ben.core.state.journal.take())
    lab.sim.run(MINUTE)
    assert lab.ask(lab.cleo, "exchange.show", id=one)["duties"][0]["state"] == "done"


@pytest.mark.parametrize("form", ["plain", "full"])
def test_what_is_back_early_can_be_had_for_the_rest_of_its_time(form: str) -> None:
    mower = Rental(form=form)
    lab = mower.lab
    one, other = mower.propose(lab.cleo, hours=8), mower.propose(lab.dora, hour=4)
    mower.do(lab.ben, "accept", one)
    lab.leap(mower.start - lab.now)
    mower.do(lab.ben, "handover", one)
    lab.leap(2 * HOUR)
    mower.do(lab.cleo, "return", one)
    assert "has the same listing" in mower.refused(lab.ben, "accept", other).message, "Ben has not seen it yet"
    mower.do(lab.ben, "confirm", one)
    assert mower.do(lab.ben, "accept", other) == "agreed"
    again = mower.propose(lab.anna, hour=1)
    assert "has the same listing" in mower.refused(lab.ben, "accept", again).message, "that time is gone"
    if form == "full":
        files = [lab.ask(lab.ben, "exchange.agreement", id=id_)["agreement"] for id_ in (one, other)]
        challenge = encode_challenge([parse_agreement(b64decode(file)) for file in files])
        assert check_challenge(challenge).booked == 2
        rebuttal = b64decode(lab.ask(lab.ben, "exchange.rebut", id=one)["rebuttal"])
        assert check_rebuttal(challenge, [rebuttal]).reason == "returned"
        later = {"start": mower.start + HOUR, "end": mower.start + 9 * HOUR}
        assert "has the same listing" in mower.refused(lab.ben, "amend", one, **later).message
        mower.do(lab.ben, "amend", one, price="6")


@pytest.mark.parametrize("form", ["plain", "full"])
def test_he_says_how_long_his_offer_holds_its_time(form: str) -> None:
    either = Rental(form=form)
    lab = either.lab
    other = either.propose(lab.dora)
    for hold, asked in ((12 * HOUR, {}), (2 * HOUR, {"hold": 2 * HOUR}), (7 * DAY, {"hold": 7 * DAY})):
        one = either.propose(lab.cleo)
        either.do(lab.ben, "counter", one, price="3/hour", **asked)
        until = lab.ask(lab.ben, "exchange.show", id=one)["terms"]["expires"]
        assert lab.now - 2 * MINUTE < until - hold <= lab.now
        if hold < DAY:
            lab.leap(hold - 4 * MINUTE)
            assert "holds" in either.refused(lab.ben, "accept", other).message
            lab.leap(4 * MINUTE)
            assert lab.ask(lab.ben, "exchange.show", id=one)["status"] == "expired"
    assert either.do(lab.cleo, "decline", one) == "declined"
    assert either.do(lab.ben, "accept", other) == "agreed"  # at once


@pytest.mark.parametrize("form", ["plain", "full"])
def test_what_she_asks_in_return_stands_as_long_as_what_was_asked(form: str) -> None:
    either = Rental(form=form)
    lab = either.lab
    one = either.propose(lab.cleo)
    either.do(lab.ben, "counter", one, price="3/hour")
    either.do(lab.cleo, "counter", one, price="2/hour")
    assert lab.ask(lab.ben, "exchange.show", id=one)["terms"]["expires"] == either.start
    with pytest.raises(Refusal):
        either.do(lab.ben, "counter", one, hold=8 * DAY)


def left(lab: Lab, node: Node, listing: str) -> tuple[int | None, int | None, int | None]:
    shown = lab.ask(node, "listing.show", id=listing)
    return shown["left"], shown["left_at"], shown["free_now"]


def test_an_owner_sees_what_is_left_of_a_stock() -> None:
    eggs = Rental(kind="sell", title="Eggs", price="1", quantity=9)
    lab = eggs.lab
    assert left(lab, lab.ben, eggs.listing) == (9, None, None)
    one = lab.ask(lab.cleo, "exchange.propose", listing=eggs.listing, quantity=4)["exchange_id"]
    lab.sim.run(MINUTE)
    assert left(lab, lab.ben, eggs.listing) == (9, None, None), "nothing is agreed"
    eggs.do(lab.ben, "accept", one)
    assert left(lab, lab.ben, eggs.listing) == (5, None, None)
    assert left(lab, lab.cleo, eggs.listing) == (None, None, None), "what others sold is not known to her"
    lab.ask(lab.ben, "listing.edit", id=eggs.listing, quantity=8)
    assert left(lab, lab.ben, eggs.listing) == (8, None, None)


def test_an_owner_sees_how_many_are_free_now() -> None:
    bikes = Rental(form="full", title="Bike", quantity=5)
    lab = bikes.lab
    bikes.do(lab.ben, "accept", bikes.propose(lab.cleo, items=2))
    assert left(lab, lab.ben, bikes.listing) == (None, None, 5)
    lab.leap(bikes.start - lab.now)
    assert left(lab, lab.ben, bikes.listing) == (None, None, 3)
    lab.leap(3 * HOUR)
    assert left(lab, lab.ben, bikes.listing) == (None, None, 5)


def test_a_grower_sees_what_is_left_of_the_next_box() -> None:
    box = Rental(kind="food", title="Box", price="2", quantity=3, when="FREQ=WEEKLY;BYDAY=SA")
    lab = box.lab
    coming = saturday(lab.now, 0)
    coming += 7 * DAY if coming // DAY * DAY + DAY <= lab.now else 0
    midnight = coming // DAY * DAY
    assert left(lab, lab.ben, box.listing) == (3, max(midnight, lab.now), None)
    order = {"listing": box.listing, "start": midnight + 23 * HOUR, "end": midnight + 24 * HOUR, "quantity": 2}
    one = lab.ask(lab.cleo, "exchange.propose", **order)["exchange_id"]
    lab.sim.run(MINUTE)
    box.do(lab.ben, "accept", one)
    assert left(lab, lab.ben, box.listing) == (1, max(midnight, lab.now), None)
