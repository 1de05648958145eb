"""Which kinds take the time of their listing: what is booked, and who is busy; not a year's membership, nor a trip."""

import pytest

from protocols.errors import Refusal
from protocols.limits import DAY, HOUR
from tests.p2pnode.test_bookings import Rental

KINDS = [("rent", True), ("lend", True), ("help", True), ("service", True), ("deliver", False), ("tool-library", False)]


@pytest.mark.parametrize(("kind", "taken"), KINDS)
def test_the_same_time_twice(kind: str, taken: bool) -> None:
    price = {} if kind == "lend" else {"price": "1"}
    thing = Rental(kind=kind, **{"price": None, **price})
    one, other = (thing.propose(node) for node in (thing.lab.cleo, thing.lab.dora))
    assert thing.do(thing.lab.ben, "accept", one) == "agreed"
    if not taken:
        assert thing.do(thing.lab.ben, "accept", other) == "agreed"
    else:
        assert f"exchange {one[:8]} has the same listing" in thing.refused(thing.lab.ben, "accept", other).message
    end = thing.start + DAY
    shown = thing.lab.ask(thing.lab.ben, "calendar", listing=thing.listing, start=thing.start, end=end)
    booked = [row for row in shown["rows"] if row["what"] == "booked"]
    assert len(booked) == (1 if taken else 2), "what is agreed stands in the calendar all the same"
    assert shown["free"] == [{"from": thing.start + (2 * HOUR if taken else 0), "until": end}]


def test_how_many_there_are_is_counted_where_no_time_is_taken() -> None:
    thing = Rental(kind="tool-library", quantity=1, price="2")
    one, other = (thing.propose(node) for node in (thing.lab.cleo, thing.lab.dora))
    assert thing.do(thing.lab.ben, "accept", one) == "agreed"
    with pytest.raises(Refusal, match="1 is wanted, none is left"):
        thing.do(thing.lab.ben, "accept", other)
    with pytest.raises(Refusal, match="paused"):
        thing.do(thing.lab.ben, "accept", thing.propose(thing.lab.dora, hour=2 * DAY // HOUR))
