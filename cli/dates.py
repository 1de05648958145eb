"""When somebody means who types `tomorrow 10:00`, `24.11.` or `friday`. Pure: now and the zone are arguments."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock
from typing import Final

from protocols.errors import Refusal
from protocols.spans import UNITS

HINT: Final = (
    "Write 'tomorrow 10:00', 24.11.2026 or '2026-11-24 10:00'; friday, 24.11. and 10:00 are the next ones, 3d and 2h "
    "are counted from now"
)
_SPAN = re.compile(r"\+?([0-9]{1,6})\s*(s|min|m|h|d|w)")
_WEEKDAY = r"mon(?:day)?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:rs|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?"
_DAY = rf"today|tomorrow|{_WEEKDAY}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{1,2}}\.\s?[0-9]{{1,2}}\.\s?(?:[0-9]{{4}})?"
_MEANT = re.compile(rf"({_DAY})?(?:(?:^|T|,?\s+(?:at\s+)?)([0-9]{{1,2}}:[0-9]{{2}}))?", re.IGNORECASE)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST_WAIT = 9  # years until the next 29 February, at most


def time_of(text: str, now: int, zone: tzinfo | None, end: bool = False) -> int:
    """ms of a time as people type it, by the clocks of a zone; None: this machine's. now: ms. end: a bare day means its
    end, and not its beginning.

    A day and a month, a weekday or an hour alone is the next one: of weekdays one after today, of days today's too.
    `Refusal` (usage) for what is no time.
    """
    text = text.strip()
    if span := _SPAN.fullmatch(text):
        return now + int(span[1]) * UNITS[span[2]]
    try:
        if (match := _MEANT.fullmatch(text)) and (match[1] or match[2]):
            return _meant((match[1] or "").lower(), match[2] or "", now, zone, end)
        return _ms(datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError, OSError) as e:
        raise Refusal("usage", f"not a time: {text!r}", HINT) from e


def _meant(day: str, hour: str, now: int, zone: tzinfo | None, end: bool) -> int:
    today = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone).date()
    meant = _date(day, today) if day else today
    if not hour:
        start = _ms(datetime.combine(meant + timedelta(days=end), clock()), zone)
        return start - 1000 if end else start
    hours, minutes = hour.split(":")
    at = clock(int(hours), int(minutes))
    found = _ms(datetime.combine(meant, at), zone)
    if not day and found <= now:  # the next time that the clock shows this
        found = _ms(datetime.combine(meant + timedelta(days=1), at), zone)
    return found


def _date(day: str, today: date) -> date:
    if day in ("today", "tomorrow"):
        return today + timedelta(days=day == "tomorrow")
    if day[:3] in _WEEKDAYS:
        ahead = (_WEEKDAYS.index(day[:3]) - today.weekday()) % 7
        return today + timedelta(days=ahead or 7)
    if "-" in day:
        return date.fromisoformat(day)
    number, month, year = (part.strip() for part in day.split("."))
    if year:
        return date(int(year), int(month), int(number))
    return next(found for found in _each_year(int(month), int(number), today.year) if found >= today)


def _each_year(month: int, day: int, first: int) -> Iterator[date]:
    """That day in each year that has it. `ValueError` if none has."""
    date(2000, month, day)  # a leap year
    for year in range(first, first + _LONGEST_WAIT):
        try:
            yield date(year, month, day)
        except ValueError:
            continue
    raise ValueError("no such day")


def _ms(at: datetime, zone: tzinfo | None) -> int:
    """A datetime without a zone is by the clocks of `zone`."""
    aware = at if at.tzinfo else at.replace(tzinfo=zone) if zone is not None else at.astimezone()
    return int(aware.timestamp() * 1000)
