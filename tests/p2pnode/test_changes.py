"""Whoever accepts other terms is told everything that they change."""

from typing import Any

import pytest
from msgspec.structs import replace

from p2pnode.core.changes import changes
from protocols.limits import DAY, HOUR
from tests.p2pnode.test_amending import Booked


@pytest.fixture(scope="module")
def lab() -> Booked:
    return Booked(fee="1", cancel_until=DAY)


def told(lab: Booked, **changed: Any) -> list[str]:
    """changed: fields of the terms, or duty__field of one duty."""
    node = lab.cleo
    old = node.core.exchanges.view(node.core.exchanges.held[bytes.fromhex(lab.id)], lab.now).terms
    new = old
    for name, value in changed.items():
        duty, _, field = name.rpartition("__")
        duties = tuple(replace(d, **{field: value}) if d.id == duty else d for d in new.duties)
        new = replace(new, duties=duties) if duty else replace(new, **{field: value})
    return changes(node.core.state, lab.network(node), old, new, "UTC")


def test_nothing_is_said_of_what_stays(lab: Booked) -> None:
    assert told(lab) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pay__within": 30 * DAY}, "pay: within 30d"),
        ({"pay__amount": 5}, "pay: 0.05 hours instead of 6 hours"),
        ({"fee-taker__amount": 700}, "fee-taker: 7 hours instead of 1 hour"),
        ({"return__confirm": 0}, "return: no more: can be contested for 2d"),
        ({"return__confirm": HOUR}, "return: can be contested for 1h"),
        ({"handover__until": 0}, "handover: no more: until a time"),
        ({"handover__what": "hand over the key"}, "handover: hand over the key instead of hand over Barn"),
        ({"fee-taker__on": ""}, "fee-taker: how much, or when it is owed, is not as before"),
        ({"cancellation": ()}, "who may cancel alone: not as before"),
        ({"mediator": b""}, "mediator: not as before"),
    ],
)
def test_what_changes_within_a_duty_or_beside_them_is_said(lab: Booked, changed: dict[str, Any], said: str) -> None:
    assert said in told(lab, **changed)


def test_who_owes_it_is_said(lab: Booked) -> None:
    me = lab.cleo.core.state.me
    ben = lab.ben.core.state.me
    assert told(lab, return__provider=ben, return__receiver=me) == ["return: by Ben, to you"]
