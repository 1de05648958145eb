"""What the calendar of a node shows, and the files about one exchange."""

from base64 import b64decode
from typing import Any

import pytest

from protocols.double_booking import parse_agreement
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR
from tests.p2pnode.test_bookings import Rental
from tests.sim.street import look


def shown(mower: Rental, node: Any, at: int = 0, **args: Any) -> list[tuple[str, str, int, int]]:
    data = look(node, "calendar", at or mower.lab.now, **args)
    return [(r["what"], r["role"], r["from"] - mower.start, r["until"] - mower.start) for r in data["rows"]]


def test_from_asked_to_held_to_booked_to_free() -> None:
    mower = Rental()
    lab = mower.lab
    one = mower.propose(lab.cleo)
    assert shown(mower, lab.ben) == [("asked", "giver", 0, 2 * HOUR)]
    assert shown(mower, lab.cleo) == [("asked", "taker", 0, 2 * HOUR)]
    mower.do(lab.ben, "counter", one, start=mower.start + HOUR, end=mower.start + 3 * HOUR)
    assert shown(mower, lab.ben) == [("held", "giver", HOUR, 3 * HOUR)]
    assert shown(mower, lab.cleo) == [("asked", "taker", HOUR, 3 * HOUR)]
    mower.do(lab.cleo, "accept", one)
    for node, role in ((lab.ben, "giver"), (lab.cleo, "taker")):
        assert shown(mower, node) == [("booked", role, HOUR, 3 * HOUR)]
        assert not shown(mower, node, start=mower.start + 3 * HOUR) and not shown(mower, node, end=mower.start + HOUR)
        assert shown(mower, node, start=mower.start, end=mower.start + HOUR + 1)
    free = look(lab.ben, "calendar", lab.now, listing=mower.listing, start=mower.start, end=mower.start + DAY)["free"]
    assert [(f["from"] - mower.start, f["until"] - mower.start) for f in free] == [(0, HOUR), (3 * HOUR, DAY)]
    mower.do(lab.ben, "cancel", one)
    mower.do(lab.cleo, "cancel", one)
    assert not shown(mower, lab.ben) and not shown(mower, lab.cleo)


def test_a_time_that_is_none() -> None:
    mower = Rental()
    lab = mower.lab
    with pytest.raises(Refusal):
        lab.ask(lab.ben, "calendar", start=5, end=5)
    with pytest.raises(Refusal):
        lab.ask(lab.ben, "calendar", listing="ffffffff")


def test_what_was_agreed_is_a_file_once_it_is() -> None:
    mower = Rental()
    lab = mower.lab
    one = mower.propose(lab.cleo)
    with pytest.raises(Refusal):
        lab.ask(lab.ben, "exchange.agreement", id=one)
    mower.do(lab.ben, "accept", one)
    for node in (lab.ben, lab.cleo):
        found = parse_agreement(b64decode(look(node, "exchange.agreement", lab.now, id=one)["agreement"]))
        assert found.fact.id.hex() == one and found.terms.start == mower.start
    with pytest.raises(Refusal):
        lab.ask(lab.ben, "exchange.rebut", id=one)
    mower.do(lab.cleo, "cancel", one)
    mower.do(lab.ben, "cancel", one)
    assert look(lab.ben, "exchange.rebut", lab.now, id=one)["facts"] == ["cancel", "cancel"]
