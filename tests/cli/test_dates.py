"""Times as people type them, by a given clock and zone."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.dates import time_of
from protocols.errors import Refusal

BERLIN = ZoneInfo("Europe/Berlin")
NOW = int(datetime(2026, 11, 23, 9, 30, tzinfo=BERLIN).timestamp() * 1000)  # a Monday
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ZONES = st.sampled_from([UTC, BERLIN, ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/St_Johns")])
INSTANTS = st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2090-01-01"))


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def read(text: str, end: bool = False) -> str:
    return f"{datetime.fromtimestamp(time_of(text, NOW, BERLIN, end) / 1000, BERLIN):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-24 10:00", "2026-11-24 10:00"),
        ("2026-11-24T10:00", "2026-11-24 10:00"),
        ("2026-07-01T10:00Z", "2026-07-01 12:00"),
        ("24.11.2026", "2026-11-24 00:00"),
        ("24.11.2026 10:00", "2026-11-24 10:00"),
        ("4.1.2027, 9:05", "2027-01-04 09:05"),
        ("24. 11. 2026 10:00", "2026-11-24 10:00"),
        ("24.11. 10:00", "2026-11-24 10:00"),
        ("24.11.", "2026-11-24 00:00"),
        ("23.11.", "2026-11-23 00:00"),
        ("23.11. 8:00", "2026-11-23 08:00"),
        ("22.11.", "2027-11-22 00:00"),
        ("29.2.", "2028-02-29 00:00"),
        ("today", "2026-11-23 00:00"),
        ("Today 18:00", "2026-11-23 18:00"),
        ("tomorrow", "2026-11-24 00:00"),
        ("tomorrow 10:00", "2026-11-24 10:00"),
        ("tomorrow at 10:00", "2026-11-24 10:00"),
        ("tuesday", "2026-11-24 00:00"),
        ("Sat 10:00", "2026-11-28 10:00"),
        ("sunday", "2026-11-29 00:00"),
        ("monday", "2026-11-30 00:00"),
        ("mon 18:00", "2026-11-30 18:00"),
        ("10:00", "2026-11-23 10:00"),
        ("9:30", "2026-11-24 09:30"),
        ("2h", "2026-11-23 11:30"),
        ("+3d", "2026-11-26 09:30"),
    ],
)
def test_a_time_is_read_as_people_type_it(text: str, at: str) -> None:
    assert read(text) == f"{at}:00"


@pytest.mark.parametrize("text", ["24.11.2026", "24.11.", "tomorrow", "tue", "2026-11-24"])
def test_a_bare_day_that_ends_something_is_meant_whole(text: str) -> None:
    assert read(text, end=True) == "2026-11-24 23:59:59"
    assert read(f"{text} 10:00", end=True) == "2026-11-24 10:00:00"


@pytest.mark.parametrize(
    "text",
    [
        "", "someday", "31.2.2026", "31.11.", "0.1.", "24.13.", "24.11", "24.11.26", "10.30", "25:00", "tomorrow 24:00",
        "mo", "friday 13", "today tomorrow", "10:00 tomorrow", "1.1.9999 10:00:00", "31.12.99999",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_three_right_examples(text: str) -> None:
    with pytest.raises(Refusal) as e:
        read(text)
    assert e.value.code == "usage" and repr(text) in e.value.message
    for example in ("tomorrow 10:00", "24.11.2026", "2026-11-24 10:00"):
        assert example in e.value.hint
        read(example)


@given(INSTANTS, INSTANTS, ZONES)
def test_the_same_time_may_be_written_in_each_way(now: datetime, meant: datetime, zone: tzinfo) -> None:
    at = meant.replace(second=0, microsecond=0, fold=0)  # an hour that there is twice is meant for the first time
    wanted = ms(at.replace(tzinfo=zone))
    local = f"{at.day}.{at.month}.{at.year} {at:%H:%M}"
    for text in (f"{at:%Y-%m-%d %H:%M}", f"{at:%Y-%m-%dT%H:%M}", f"{at:%d.%m.%Y %H:%M}", local):
        assert time_of(text, ms(now.replace(tzinfo=UTC)), zone) == wanted


@given(INSTANTS, ZONES, st.integers(0, 6), st.times())
def test_what_names_no_date_is_the_next_one(instant: datetime, zone: tzinfo, weekday: int, hour: object) -> None:
    now = ms(instant.replace(tzinfo=UTC))
    today = datetime.fromtimestamp(now / 1000, zone).date()
    for text in (NAMES[weekday], NAMES[weekday][:3].lower()):
        found = datetime.fromtimestamp(time_of(f"{text} 12:00", now, zone) / 1000, zone).date()
        assert found.weekday() == weekday and timedelta(1) <= found - today <= timedelta(7)
    found = datetime.fromtimestamp(time_of(f"{today.day}.{today.month}. 12:00", now, zone) / 1000, zone).date()
    assert found == today
    assert now < time_of(f"{hour:%H:%M}", now, zone) <= now + 25 * 3_600_000
