"""A proposal for a time: until when it stands, since nobody can say yes to a time that is over; and what has one."""

import pytest

from p2pnode.core.drafting import stands_until
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.test_bookings import SATURDAY, Rental


@pytest.mark.parametrize(
    ("start", "end", "stands"),
    [(0, 0, 7 * DAY), (9 * DAY, 10 * DAY, 7 * DAY), (2 * DAY, 3 * DAY, 2 * DAY), (MINUTE, 2 * HOUR, HOUR),
     (-HOUR, 2 * HOUR, 2 * HOUR), (-HOUR, 0, 7 * DAY)],
)  # fmt: skip
def test_a_proposal_stands_until_its_time_begins(start: int, end: int, stands: int) -> None:
    now = 1_700_000_000_000
    assert stands_until(start and now + start, end and now + end, now) == now + stands


def test_what_is_proposed_for_the_day_after_tomorrow_lapses_then() -> None:
    mower = Rental()
    lab = mower.lab
    start = lab.now + 2 * DAY
    one = lab.ask(lab.cleo, "exchange.propose", listing=mower.listing, start=start, end=start + DAY)["exchange_id"]
    shown = lab.ask(lab.cleo, "exchange.show", id=one)
    assert shown["terms"]["expires"] == start
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "exchange.counter", id=one, price="3", hold=3 * HOUR)
    assert lab.ask(lab.ben, "exchange.show", id=one)["terms"]["expires"] < lab.now + 3 * HOUR


def test_a_box_that_is_packed_each_week_is_asked_for_by_its_day() -> None:
    box = Rental(kind="food", title="Box", price="2", quantity=3, when=SATURDAY)
    with pytest.raises(Refusal, match="at certain times only"):
        box.lab.ask(box.lab.cleo, "exchange.propose", listing=box.listing)


@pytest.mark.parametrize(("quantity", "hours"), [(None, 1), (3, 3)])
def test_what_is_rented_by_the_hour_has_an_end_though_nobody_says_it(quantity: int | None, hours: int) -> None:
    mower = Rental()
    lab = mower.lab
    asked = {"listing": mower.listing, "start": mower.start} | ({"quantity": quantity} if quantity else {})
    terms = lab.ask(lab.cleo, "exchange.propose", **asked)["terms"]
    assert (terms["until"], terms["quantity"]) == (mower.start + hours * HOUR, hours)
