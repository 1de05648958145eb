"""Hours of the day and days of the week as people write them, read in a time zone."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from protocols.errors import Refusal

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_START: Final = re.compile(r"([a-z]{3,9}) ([0-9]{1,2}):([0-9]{2})")
_EVERY: Final = re.compile(r"(?:([1-8]) )?weeks?")


def zone_of(name: str) -> ZoneInfo:
    """`Refusal` (usage) for what is no time zone of this machine."""
    try:
        return ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError, OSError) as e:
        raise Refusal("usage", f"not a time zone: {name!r}", "Write it as Europe/Berlin.") from e


def parse_hours(text: str) -> tuple[int, int]:
    """`08:00-20:00` as minutes of the day; the end may be 24:00. `Refusal` (usage)."""
    match = _HOURS.fullmatch(text.strip())
    first, last = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0)
    if match is None or max(int(match[2]), int(match[4])) > 59 or not first < last <= 24 * 60:
        raise Refusal("usage", f"not hours of a day: {text!r}", "Write 08:00-20:00.")
    return first, last


def parse_days(text: str) -> frozenset[int]:
    """`mon-fri`, `sat,sun` as numbers of weekdays, Monday 0. `Refusal` (usage)."""
    found: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if first not in WEEKDAYS or (last if dash else first) not in WEEKDAYS:
            raise Refusal("usage", f"not days of the week: {text!r}", "Write mon-fri, or sat,sun.")
        a, b = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        found |= {day % 7 for day in range(a, b + 1 if b >= a else b + 8)}
    return frozenset(found)


def lies_within(start: int, end: int, hours: tuple[int, int], days: frozenset[int], zone: ZoneInfo) -> bool:
    """Whether a span, ms, lies on one of these days within these hours. It may end when the day does, and not later."""
    try:
        first, last = (datetime.fromtimestamp(at / 1000, UTC).astimezone(zone) for at in (start, max(start, end)))
    except (ValueError, OverflowError, OSError):
        return False
    midnight = last.date() == first.date() + timedelta(days=1) and (last.hour, last.minute, last.second) == (0, 0, 0)
    till = 24 * 60 if midnight else last.hour * 60 + last.minute + (last.second > 0 or last.microsecond > 0)
    same = midnight or last.date() == first.date()
    return same and first.weekday() in days and hours[0] <= first.hour * 60 + first.minute and till <= hours[1]


def parse_start(text: str) -> tuple[int, int]:
    """`Sat 10:00` as weekday, Monday 0, and minute of the day. `Refusal` (usage)."""
    match = _START.fullmatch(text.strip().lower())
    if match is None or match[1][:3] not in WEEKDAYS or int(match[2]) > 23 or int(match[3]) > 59:
        raise Refusal("usage", f"not a day and a time: {text!r}", "Write it as 'Sat 10:00'.")
    return WEEKDAYS.index(match[1][:3]), int(match[2]) * 60 + int(match[3])


def parse_every(text: str) -> int:
    """`week`, `2 weeks` as days; 1 to 8 weeks. `Refusal` (usage)."""
    match = _EVERY.fullmatch(text.strip().lower())
    if match is None:
        raise Refusal("usage", f"not how often: {text!r}", "Write week, or '2 weeks'; 8 at most.")
    return 7 * int(match[1] or 1)


def first_day(now: int, weekday: int, minute: int, zone: ZoneInfo) -> int:
    """The ordinal of the first such weekday on which that time is still to come."""
    today = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone).date().toordinal()
    day = today + (weekday - date.fromordinal(today).weekday()) % 7
    return day if moment_of(day, minute, zone) > now else day + 7


def next_day(now: int, first: int, every: int, minute: int, zone: ZoneInfo) -> int:
    """The ordinal of the next occurrence, counted from the first one, that is still to come."""
    today = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone).date().toordinal()
    day = first + max(0, -(-(today - first) // every)) * every
    return day if moment_of(day, minute, zone) > now else day + every


def moment_of(day: int, minute: int, zone: ZoneInfo) -> int:
    """When a clock on the wall shows that minute on that day, ms; of an hour that is left out, as if it were not."""
    local = datetime.combine(date.fromordinal(day), time(minute // 60, minute % 60), zone)
    return int(local.timestamp() * 1000)
