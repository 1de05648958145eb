"""A box each week: one proposal for each, whatever restarts and clocks do; in local time; and why there is none."""

from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from p2pnode.bounds import ORDER_AHEAD, ORDER_RETRY
from p2pnode.core.events import Woke
from p2pnode.hours import first_day, moment_of, next_day, parse_every, parse_start
from protocols.errors import Refusal, Reject
from protocols.limits import DAY, HOUR, MINUTE
from protocols.terms import parse_terms
from tests.longer import LONGER
from tests.p2pnode.lab import Lab
from tests.sim.street import look

BERLIN = ZoneInfo("Europe/Berlin")
THU = "Thu 10:00"  # the lab begins on a Friday


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


@pytest.fixture
def lab() -> Lab:
    made = Lab()
    listing = made.ask(made.ben, "listing.publish", direction="offer", kind="food", title="Box", price="1", quantity=9)
    made.listing = listing["listing_id"]
    made.sim.run(MINUTE)
    return made


def order(lab: Lab, **fields: Any) -> Any:
    return lab.ask(lab.cleo, "order.add", **{"listing": lab.listing, "start": THU, "zone": "Europe/Berlin", **fields})


def later(lab: Lab, span: int, step: int = 6 * HOUR) -> None:
    """Time goes by in leaps; after each the nodes that run wake."""
    end = lab.now + span
    while lab.now < end:
        lab.sim.now += min(step, end - lab.now)
        lab.sim.run(300)
        for node in (lab.ben, lab.cleo):
            lab.sim.handle(node, Woke())
        lab.sim.run(300)


def boxes(lab: Lab, node: Any = None) -> list[str]:
    """The local times for which something was proposed, in their order."""
    held = (node or lab.cleo).core.exchanges.held.values()
    starts = sorted(parse_terms(h.proposal.payload).start for h in held)
    return [datetime.fromtimestamp(s / 1000, UTC).astimezone(BERLIN).strftime("%Y-%m-%d %a %H:%M") for s in starts]


def listed(lab: Lab) -> dict[str, Any]:
    return look(lab.cleo, "order.list", lab.now)[0]


@LONGER
def test_a_year_of_boxes_with_restarts_and_summer_time(lab):
    lab.ask(lab.ben, "listing.edit", id=lab.listing, price="free", quantity=1_000)
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "rule.add", who=("anyone",))
    order(lab)
    begun = lab.now
    seen: set[str] = set()
    for week in range(52):
        later(lab, 7 * DAY, DAY)
        seen |= {*boxes(lab)}
        lab.sim.crash(lab.cleo)
        if week % 3 == 0:
            lab.sim.crash(lab.ben)
        lab.sim.run(3_000)
        assert len(boxes(lab)) == len({*boxes(lab)}), "the same box twice"
    assert all(text.endswith("Thu 10:00") for text in seen)
    days = sorted(date.fromisoformat(text[:10]).toordinal() for text in seen)
    assert 52 <= len(days) <= 53 and {b - a for a, b in pairwise(days)} == {7}
    assert begun < at(min(seen)[:10] + " 10:00") < begun + 8 * DAY
    offsets = {datetime.fromisoformat(t[:10]).replace(tzinfo=BERLIN).utcoffset() for t in seen}
    assert len(offsets) == 2
    assert all(look(lab.ben, "exchange.show", lab.now, id=h.hex())["rule"]["number"] == 1
               for h in lab.ben.core.exchanges.held)  # fmt: skip


def test_it_is_proposed_when_its_time_comes_and_not_before(lab):
    start = order(lab)["next"]
    later(lab, start - ORDER_AHEAD - lab.now - 2 * MINUTE)
    assert boxes(lab) == []
    later(lab, 5 * MINUTE, MINUTE)
    assert len(boxes(lab)) == 1 and listed(lab)["status"] == "proposed"
    assert listed(lab)["next"] == start + 7 * DAY or listed(lab)["next"] > start


def test_who_was_away_has_missed_some(lab):
    order(lab)
    later(lab, 7 * DAY)
    before = len(boxes(lab))
    lab.sim.crash(lab.cleo, away=21 * DAY)
    lab.sim.run(0)
    lab.sim.now += 21 * DAY
    lab.sim.restart(lab.cleo)
    later(lab, 5 * MINUTE, MINUTE)
    assert len(boxes(lab)) <= before + 1
    later(lab, 7 * DAY)
    assert before + 1 <= len(boxes(lab)) <= before + 2
    assert all(at(text[:10] + " 10:00") > lab.now - 29 * DAY for text in boxes(lab))


def test_a_clock_that_jumps_makes_no_second_one_and_loses_none(lab):
    order(lab)
    later(lab, 7 * DAY)
    first = boxes(lab)
    assert len(first) >= 1
    for skew in (14 * DAY, 0, -20 * HOUR, 0):
        lab.sim.set_clock(lab.cleo, skew)
        later(lab, 3 * MINUTE, MINUTE)
        assert len(boxes(lab)) == len({*boxes(lab)})
    later(lab, 21 * DAY)
    days = [date.fromisoformat(text[:10]).toordinal() for text in boxes(lab)]
    assert {b - a for a, b in pairwise(days)} == {7}


def due(lab: Lab) -> None:
    later(lab, max(0, listed(lab)["next"] - ORDER_AHEAD - lab.now) + 2 * MINUTE)


def test_no_proposal_without_credit_and_the_reason_is_shown(lab):
    lab.ask(lab.ben, "listing.edit", id=lab.listing, price="50")
    lab.sim.run(MINUTE)
    order(lab)
    due(lab)
    assert boxes(lab) == [] and "which you cannot spend" in listed(lab)["reason"]
    lab.ask(lab.ben, "listing.edit", id=lab.listing, price="2")
    later(lab, ORDER_RETRY + 2 * MINUTE, MINUTE)
    assert len(boxes(lab)) == 1 and listed(lab)["reason"] == ""


def test_a_higher_price_waits_for_our_user(lab):
    order(lab)
    lab.ask(lab.ben, "listing.edit", id=lab.listing, price="2")
    due(lab)
    assert boxes(lab) == [] and "costs more than when it was ordered" in listed(lab)["reason"]
    lab.ask(lab.cleo, "order.resume", number=1)
    later(lab, 3 * MINUTE, MINUTE)
    assert len(boxes(lab)) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"quantity": 1}, "only 1 are offered"),
        ({"when": "FREQ=WEEKLY;BYDAY=MO"}, "not to be had at that time"),
        ({}, "paused"),
        (None, "no listing"),
    ],
)
def test_why_nothing_is_proposed(lab, change, reason):
    order(lab, quantity=2)
    if change is None:
        lab.ask(lab.ben, "listing.withdraw", id=lab.listing)
    elif change:
        lab.ask(lab.ben, "listing.edit", id=lab.listing, **change)
    else:
        lab.ask(lab.ben, "listing.pause", id=lab.listing)
    due(lab)
    assert boxes(lab) == [] and reason in listed(lab)["reason"]


def test_pause_skip_until_and_remove(lab):
    start = order(lab, until=lab.now + 30 * DAY)["next"]
    assert lab.ask(lab.cleo, "order.skip", number=1)["next"] == start + 7 * DAY
    lab.ask(lab.cleo, "order.pause", number=1)
    later(lab, 12 * DAY)
    assert boxes(lab) == [] and listed(lab)["state"] == "paused"
    lab.ask(lab.cleo, "order.resume", number=1)
    later(lab, 40 * DAY)
    assert listed(lab)["state"] == "ended" and 1 <= len(boxes(lab)) <= 3
    lab.ask(lab.cleo, "order.remove", number=1)
    lab.sim.crash(lab.cleo)
    lab.sim.run(MINUTE)
    assert look(lab.cleo, "order.list", lab.now) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"start": "10:00"},
        {"start": "Sat 24:00"},
        {"every": "fortnight"},
        {"every": "9 weeks"},
        {"zone": "X"},
        {"until": 5},
    ],
)
def test_orders_that_make_no_sense(lab, fields):
    with pytest.raises(Refusal):
        order(lab, **fields)


def test_what_is_had_by_the_hour_is_booked(lab):
    mower = lab.ask(lab.ben, "listing.publish", direction="offer", kind="rent", title="Mower", price="1/hour")
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal, match="by the hour"):
        order(lab, listing=mower["listing_id"])


def test_days():
    assert parse_start("Saturday 9:05") == (5, 545) and (parse_every("week"), parse_every("2 weeks")) == (7, 14)
    day = first_day(at("2027-03-20 10:00"), 5, 600, BERLIN)
    assert date.fromordinal(day) == date(2027, 3, 27), "that very minute is over"
    assert moment_of(day + 7, 600, BERLIN) - moment_of(day, 600, BERLIN) == 7 * DAY - HOUR
    assert moment_of(date(2027, 3, 28).toordinal(), 150, BERLIN) == at("2027-03-28 03:30"), "02:30 is left out"
    for now, found in ((-100, 0), (0, 7), (1, 7), (7, 14)):
        assert next_day(moment_of(day + now, 600, BERLIN), day, 7, 600, BERLIN) == day + found


def test_what_is_near_is_proposed_at_once(lab):
    assert order(lab)["exchange_id"] is None  # in six days
    assert order(lab, start="Sat 23:59")["status"] == "proposed" and len(boxes(lab)) == 1


@pytest.mark.parametrize("changes", [{"kind": "lend"}, {"goal": "10"}])
def test_something_else_than_was_ordered_waits_for_our_user(lab, changes):
    order(lab)
    lab.ask(lab.ben, "listing.edit", id=lab.listing, title="Box of October", text="With pumpkins")
    lab.sim.run(MINUTE)
    later(lab, 7 * DAY)
    assert len(boxes(lab)) == 1
    lab.ask(lab.ben, "listing.edit", id=lab.listing, **changes)
    lab.sim.run(MINUTE)
    later(lab, 7 * DAY)
    assert len(boxes(lab)) == 1 and "something else" in listed(lab)["reason"]
    lab.ask(lab.cleo, "order.resume", number=1)
    later(lab, 7 * DAY)
    assert len(boxes(lab)) == 2


def test_what_cannot_be_signed_stops_no_node(lab):
    order(lab)

    def unsound(args: Any, now: int) -> Any:
        raise Reject("field", "duty work: twice")

    lab.cleo.core.standing.orders.propose = unsound
    later(lab, 7 * DAY)
    assert boxes(lab) == [] and listed(lab)["reason"] == "duty work: twice"


def test_whether_it_is_brought_is_proposed_each_time(lab):
    lab.ask(lab.ben, "listing.edit", id=lab.listing, handover="both")
    lab.sim.run(MINUTE)
    made = order(lab, way="bring")
    assert made["handover"] == "bring"
    lab.sim.crash(lab.cleo)
    later(lab, 15 * DAY)
    shown = look(lab.cleo, "exchange.list", lab.now)
    assert len(shown) == 2 and {row["terms"]["handover"] for row in shown} == {"bring"}
    lab.ask(lab.ben, "listing.edit", id=lab.listing, handover="fetch")
    lab.sim.run(MINUTE)
    later(lab, 7 * DAY)
    (row,) = look(lab.cleo, "order.list", lab.now)
    assert "only to be fetched" in row["reason"] and len(look(lab.cleo, "exchange.list", lab.now)) == 2
    with pytest.raises(Refusal, match="only to be fetched"):
        order(lab, way="bring")
