"""Bookings of a listing whose days are those of its owner's clock."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.p2pnode.test_bookings import Rental


def test_a_whole_local_saturday_is_within_saturdays() -> None:
    mower = Rental(when="sat", zone="Europe/Berlin")
    lab = mower.lab
    berlin = ZoneInfo("Europe/Berlin")
    today = datetime.fromtimestamp(lab.now / 1000, berlin).date()
    saturday = today + timedelta(days=7 + (5 - today.weekday()) % 7)
    start, end = (
        int(datetime.combine(saturday + timedelta(days=n), time(), berlin).timestamp() * 1000) for n in (0, 1)
    )
    assert mower.do(lab.ben, "accept", mower.propose(lab.cleo, start=start, end=end)) == "agreed"
    lab.ask(lab.ben, "listing.edit", id=mower.listing, zone="UTC")  # where it begins an hour or two later
    lab.sim.run(MINUTE)
    with pytest.raises(Refusal, match=r"not to be had at that time; .*\(UTC\)"):
        mower.propose(lab.dora, start=start, end=end)
    with pytest.raises(Refusal, match="not a time zone"):
        lab.ask(lab.ben, "listing.edit", id=mower.listing, zone="Nowhere/Land")
    with pytest.raises(Refusal, match="a time zone, and no times"):
        lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title="Saw", zone="UTC")
    shown = lab.ask(lab.ben, "listing.show", id=mower.listing)
    assert (shown["when"], shown["zone"], shown["times"]) == ("FREQ=WEEKLY;BYDAY=SA", "UTC", "Sat each week")
