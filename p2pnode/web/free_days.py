"""When something is free, as a month of days and as the hours of a day. Pure."""

import re
from calendar import Calendar
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final

_HOUR: Final = 3_600_000  # ms
_DAYTIME: Final = (9 * _HOUR, 18 * _HOUR)
_MONTH = re.compile(r"(\d{4})-(\d{2})")
Span = tuple[int, int]  # ms


def month_of(text: str, today: date) -> date:
    """The first day of the month that is asked for as `2027-01`; this one if none is, or none that can be."""
    match = _MONTH.fullmatch(text)
    try:
        return date(int(match[1]), int(match[2]), 1) if match else today.replace(day=1)
    except ValueError:
        return today.replace(day=1)


def span_of(first: date, last: date, zone: tzinfo | None) -> Span:
    """From the beginning of a day to the end of another, ms. `ValueError` for days that no clock knows."""
    try:
        return _midnight(first, zone), _midnight(last + timedelta(days=1), zone)
    except (OverflowError, OSError) as e:
        raise ValueError("no such days") from e


def around(month: date) -> tuple[str, str]:
    """The months before and after, as `month_of` reads them; empty where there is none."""
    before = f"{month - timedelta(days=1):%Y-%m}" if month > date(1970, 1, 1) else ""
    after = f"{month + timedelta(days=31):%Y-%m}" if month.year < 9000 else ""
    return before, after


def weeks_of(
    month: date, free: Iterable[Mapping[str, Any]], zone: tzinfo | None, now: int
) -> list[list[dict[str, Any]]]:
    """Weeks from Monday, of days: `n`, `date` as text, whether of this month, and `state`: free, part, none or over."""
    spans = [(one["from"], one["until"]) for one in free]
    weeks = []
    for week in Calendar().monthdatescalendar(month.year, month.month):
        row = []
        for day in week:
            start, end = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
            inside = day.month == month.month
            row.append(
                {"n": day.day, "date": day.isoformat(), "inside": inside, "state": _state(start, end, spans, now)}
            )
        weeks.append(row)
    return weeks


def hours_of(day: date, free: Iterable[Mapping[str, Any]], zone: tzinfo | None) -> list[Span]:
    """What of a day is free."""
    start, end = span_of(day, day, zone)
    return [
        (max(start, one["from"]), min(end, one["until"])) for one in free if one["from"] < end and start < one["until"]
    ]


def suggested(day: date, hours: Sequence[Span], hourly: bool, zone: tzinfo | None, now: int) -> Span | None:
    """What one might want of a day: of what is free, the first that lies in the daytime; an hour of it, if it is had by
    the hour. None if nothing is left of the day. hours: as `hours_of` has them."""
    length = _HOUR if hourly else _DAYTIME[1] - _DAYTIME[0]
    begin, end = (_midnight(day, zone) + at for at in _DAYTIME)
    soon = -(-now // _HOUR) * _HOUR
    left = [(max(since, soon), until) for since, until in hours if until > max(since, soon)]
    awake = [(max(since, begin), min(until, end)) for since, until in left]
    found = next((one for one in [*awake, *left] if one[1] > one[0]), None)
    return (found[0], min(found[1], found[0] + length)) if found is not None else None


def _state(start: int, end: int, spans: Iterable[Span], now: int) -> str:
    if end <= now:
        return "over"
    begin = max(start, now)
    had = sum(max(0, min(end, until) - max(begin, since)) for since, until in spans)
    return "none" if had <= 0 else "free" if had >= end - begin - 60_000 else "part"


def _midnight(day: date, zone: tzinfo | None) -> int:
    at = datetime.combine(day, time(), zone)
    return int((at if zone is not None else at.astimezone()).timestamp() * 1000)
