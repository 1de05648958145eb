"""Recurrence rules of listings: read as people mean them, and never at the cost of whoever searches."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.when import available_at, is_rule
from protocols.listing import Availability

SINCE = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp() * 1000)  # a Monday


def on(day: int, hour: int = 12) -> int:
    return int(datetime(2026, 11, day, hour, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=WEEKLY;BYDAY=SA,SU", {7, 8, 14, 15, 21, 22, 28, 29}),
        ("FREQ=DAILY;INTERVAL=10", {2, 12, 22}),
        ("FREQ=MONTHLY;BYMONTHDAY=3", {3}),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", {2, 16, 30}),
        ("FREQ=DAILY;COUNT=2", {2, 3}),
    ],
)
def test_the_days_are_those_of_the_rule(rule: str, days: set[int]) -> None:
    assert is_rule(rule)
    available = Availability(rrule=rule, zone="UTC")
    assert {day for day in range(2, 31) if available_at(available, on(day), SINCE)} == days


def test_the_day_is_that_of_the_zone() -> None:
    available = Availability(rrule="FREQ=WEEKLY;BYDAY=SA", zone="Pacific/Auckland")
    assert available_at(available, on(6, 20), SINCE) and not available_at(available, on(7, 20), SINCE)


def test_slots_count_before_a_rule_and_nothing_said_is_always() -> None:
    slots = Availability(slots=((on(5, 8), on(5, 10)),))
    assert available_at(slots, on(5, 9), SINCE) and not available_at(slots, on(5, 11), SINCE)
    assert available_at(None, on(5), SINCE) and available_at(Availability(), on(5), SINCE)


@pytest.mark.parametrize(
    "text", ["FREQ=FOO", "FREQ=NEVER", "every sunday", "FREQ=SECONDLY", "BYDAY=MO", "FREQ=DAILY;BYSECOND=1"]
)
def test_what_cannot_be_read_is_no_rule_and_hides_nothing(text: str) -> None:
    assert not is_rule(text)
    assert available_at(Availability(rrule=text, zone="UTC"), on(5), SINCE)


def test_a_rule_without_an_end_that_never_comes_true_ends() -> None:
    assert not available_at(Availability(rrule="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31", zone="UTC"), on(5), SINCE)


@given(st.text(alphabet="FREQDAILYWKMONTHBSU=;,0123456789+-", max_size=60))
def test_no_text_raises(text: str) -> None:
    is_rule(text)
    available_at(Availability(rrule=text, zone="UTC"), on(5), SINCE)
