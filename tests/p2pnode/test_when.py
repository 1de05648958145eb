"""Recurrence rules of listings: read as people mean them, and never at the cost of whoever searches."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.when import MOST_DAYS, available_at, days_in_words, is_rule, rule_in_words, rule_of, windows
from protocols.booking import Span, merged
from protocols.errors import Refusal
from protocols.listing import Availability
from tests.longer import LONGER

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


@LONGER
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


def berlin(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1000)


def test_windows_are_the_days_of_the_rule_on_the_clocks_of_its_zone() -> None:
    saturdays = Availability(rrule="FREQ=WEEKLY;BYDAY=SA", zone="Europe/Berlin")
    found = windows(saturdays, SINCE, Span(berlin(2026, 11, 6), berlin(2026, 11, 15)))
    assert found == tuple(Span(berlin(2026, 11, d), berlin(2026, 11, d + 1)) for d in (7, 14))


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25), (3, 28, 24)])
def test_a_day_on_which_the_clocks_are_changed_is_shorter_or_longer(month: int, day: int, hours: int) -> None:
    daily = Availability(rrule="FREQ=DAILY", zone="Europe/Berlin")
    noon = berlin(2026, month, day, 12)
    (window,) = windows(daily, 0, Span(noon, noon + 1))
    assert (window.end - window.start) == hours * 3_600_000
    assert window == Span(berlin(2026, month, day), berlin(2026, month, day + 1))


def test_where_the_clocks_skip_midnight_days_still_touch() -> None:
    daily = Availability(rrule="FREQ=DAILY", zone="America/Santiago")  # 6 September 2026: 24:00 is 1:00
    start = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp() * 1000)
    found = windows(daily, 0, Span(start, start + 10 * 86_400_000))
    assert len(merged(found)) == 1 and len({s.start for s in found}) == len(found)


@given(st.integers(0, 400 * 86_400_000), st.integers(1, 30 * 86_400_000), st.integers(0, 1_000))
def test_windows_and_available_at_say_the_same(after: int, length: int, where: int) -> None:
    available = Availability(rrule="FREQ=WEEKLY;BYDAY=TU,SA;INTERVAL=2", zone="Europe/Berlin")
    asked = Span(SINCE + after, SINCE + after + length)
    at = asked.start + length * where // 1_001
    inside = any(s.start <= at < s.end for s in windows(available, SINCE, asked))
    assert inside == available_at(available, at, SINCE)


def test_what_says_nothing_that_we_read_is_open_all_the_time() -> None:
    asked = Span(SINCE, SINCE + 1)
    for nothing in (
        None,
        Availability(rrule="FREQ=HOURLY", zone="UTC"),
        Availability(rrule="FREQ=DAILY", zone="No/Where"),
    ):
        assert windows(nothing, SINCE, asked) == (asked,)
    slots = Availability(slots=((on(5, 8), on(5, 10)), (on(6, 8), on(6, 10))))
    assert windows(slots, SINCE, Span(on(5, 9), on(6, 8))) == (Span(on(5, 8), on(5, 10)),)


def test_no_span_makes_many_windows() -> None:
    daily = Availability(rrule="FREQ=DAILY", zone="UTC")
    assert len(windows(daily, 0, Span(0, 2**53 - 1))) <= MOST_DAYS + 1
    assert windows(daily, 2**53 - 1, Span(2**53 - 2, 2**53 - 1)) == (Span(2**53 - 2, 2**53 - 1),)


def test_times_in_words() -> None:
    assert (
        days_in_words([Span(berlin(2026, 11, 7, 9), berlin(2026, 11, 7, 12))], "Europe/Berlin")
        == "Sat 7 Nov 09:00–12:00"
    )
    whole = [Span(berlin(2026, 11, 7), berlin(2026, 11, 9)), Span(on(8, 23), on(9, 1))]
    assert days_in_words(whole, "Europe/Berlin") == "Sat 7 Nov 00:00–Sun 8 Nov 24:00, Mon 9 Nov 00:00–02:00"
    assert days_in_words([Span(on(8, 23), on(9, 1))], "No/Where") == "Sun 8 Nov 23:00–Mon 9 Nov 01:00"


@pytest.mark.parametrize(
    ("typed", "rule", "words"),
    [
        ("sat,sun", "FREQ=WEEKLY;BYDAY=SA,SU", "Sat, Sun each week"),
        ("sun, Sat", "FREQ=WEEKLY;BYDAY=SA,SU", "Sat, Sun each week"),
        ("fri-mon", "FREQ=WEEKLY;BYDAY=MO,FR,SA,SU", "Mon, Fri, Sat, Sun each week"),
        ("mon-sun", "FREQ=DAILY", "every day"),
        ("FREQ=MONTHLY;BYDAY=1SA", "FREQ=MONTHLY;BYDAY=1SA", "FREQ=MONTHLY;BYDAY=1SA"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SA", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SA", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SA"),
        ("FREQ=WEEKLY", "FREQ=WEEKLY", "FREQ=WEEKLY"),
        ("FREQ=DAILY;BYDAY=SA", "FREQ=DAILY;BYDAY=SA", "FREQ=DAILY;BYDAY=SA"),
    ],
)
def test_days_of_the_week_are_a_rule_and_a_rule_is_said_in_words(typed: str, rule: str, words: str) -> None:
    assert rule_of(typed) == rule and rule_in_words(rule) == words


def test_what_names_no_days_says_what_does() -> None:
    with pytest.raises(Refusal, match="neither days nor a rule") as e:
        rule_of("weekends")
    assert "sat,sun" in e.value.hint
