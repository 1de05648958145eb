"""Recurrence rules of listings: read as people mean them, and never at the cost of whoever searches."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
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


NEVER = ["FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYDAY=+53MO;BYMONTH=2", "FREQ=MONTHLY;BYDAY=+6MO"]


@pytest.mark.parametrize("text", [*NEVER, "FREQ=DAILY;COUNT=999999"])
def test_a_rule_that_goes_on_and_on_costs_who_searches_nothing(text: str) -> None:
    available = Availability(rrule=text, zone="UTC")
    began = time.thread_time()
    for day in range(2, 22):
        assert available_at(available, on(day), SINCE) == (text not in NEVER)
    assert time.thread_time() - began < 0.2


@pytest.mark.parametrize("zone", ["America", "Etc/", "Nowhere", "leapseconds", "-", "/etc/passwd"])
def test_what_is_no_time_zone_hides_nothing(zone: str) -> None:
    assert available_at(Availability(rrule="FREQ=WEEKLY;BYDAY=SA", zone=zone), on(5), SINCE)


numbers = st.integers(1, 12)
weekdays = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
ordinals = st.builds(lambda n, day: f"{n:+d}{day}", st.sampled_from([-5, -2, -1, 1, 2, 4, 5]), weekdays)
PARTS = {
    "INTERVAL": st.integers(1, 5).map(str),
    "BYDAY": (st.lists(weekdays, min_size=1, max_size=3) | st.lists(ordinals, min_size=1, max_size=3)).map(",".join),
    "BYMONTH": st.lists(numbers.map(str), min_size=1, max_size=4).map(",".join),
    "BYMONTHDAY": st.lists(st.sampled_from(["1", "15", "31", "-1", "-31"]), min_size=1, max_size=3).map(",".join),
    "COUNT": st.integers(1, 40).map(str),
    "UNTIL": st.sampled_from(["20261201", "20270214T120000", "20280229"]),
    "WKST": weekdays,
}
frequencies = st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"])
rules = st.builds(
    lambda frequency, parts: ";".join([f"FREQ={frequency}", *(f"{name}={value}" for name, value in parts.items())]),
    frequencies,
    st.fixed_dictionaries({}, optional=PARTS),  # type: ignore[arg-type]
)


@pytest.mark.filterwarnings("ignore:Using both:DeprecationWarning")
@given(rules, st.integers(0, 390))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_the_days_are_those_that_another_program_unrolls(text: str, later: int) -> None:
    assert is_rule(text)
    first = date(2026, 11, 2)
    unrolled = rrulestr(text + ("" if "UNTIL" in text else ";UNTIL=20281231"), dtstart=datetime(2026, 11, 2))  # noqa: DTZ001
    day = datetime(2026, 11, 2) + timedelta(days=later)  # noqa: DTZ001
    at = SINCE + later * 86_400_000 + 3_600_000
    named = bool(unrolled.between(day, day + timedelta(hours=23), inc=True))
    assert available_at(Availability(rrule=text, zone="UTC"), at, SINCE) == named, (text, first, day)
