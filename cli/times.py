"""Times as people type and read them: local and relative. In between they are integer milliseconds UTC."""

import os
import re
import time
from datetime import UTC, datetime

from protocols.spans import parse_span as parse_span

from .dates import time_of


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def parse_time(text: str, now: int, end: bool = False) -> int:
    """Milliseconds of a time in local words, by the clocks of this machine: see `time_of`."""
    return time_of(text, now, None, end)


def local(ms: int) -> datetime:
    """On this machine's clock. `ValueError` or `OverflowError` for what no calendar has."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone()


def moment(ms: int) -> str:
    """The very second, with the zone of this machine; for dates that no calendar has, the end of the year 9999."""
    return local(min(ms, 253_402_214_400_000)).isoformat(" ", "seconds")


def format_time(ms: int | None, now: int) -> str:
    """`5 min ago`, `in 3 h`, `yesterday 14:00`, `1 May 14:00`: near times relative, others as a local date."""
    if not ms:
        return "-"
    try:
        at, today = local(ms), local(now)
    except (ValueError, OverflowError, OSError):
        return "for ever"
    seconds = (ms - now) / 1000
    span = abs(seconds)
    if span < 45:
        return "in a moment" if seconds > 0 else "just now"
    if span < 6 * 3600:
        words = f"{max(1, round(span / 60))} min" if span < 90 * 60 else f"{round(span / 3600)} h"
        return f"in {words}" if seconds > 0 else f"{words} ago"
    return _by_date(at, today)


def until(ms: int, now: int) -> str:
    """`until today 14:00`, `until 1 May 14:00`: never `until in 3 h`."""
    shown = clock_time(ms, now)
    return f"until {shown}" if shown else "for ever"


def clock_time(ms: int, now: int) -> str:
    """For what stands after `from` or `since`: `today 14:00`, and empty for a time beyond all calendars."""
    try:
        return _by_date(local(ms), local(now))
    except (ValueError, OverflowError, OSError):
        return ""


def _by_date(at: datetime, today: datetime) -> str:
    days = (at.date() - today.date()).days
    if abs(days) <= 1:
        return f"{['yesterday', 'today', 'tomorrow'][days + 1]} {at:%H:%M}"
    if abs(days) < 300:
        return f"{at.day} {at:%b} {at:%H:%M}"
    return f"{at:%Y-%m-%d}"


def local_zone() -> str:
    """The name of this machine's time zone, as Europe/Berlin; UTC where it says none."""
    named = os.environ.get("TZ", "").removeprefix(":")
    where = named or os.path.realpath("/etc/localtime")
    _, found, name = where.rpartition("zoneinfo/")
    zone = name if found else named
    known = zone != "Etc/UTC" and re.fullmatch(r"[A-Za-z][A-Za-z0-9_+/-]{0,62}", zone)
    return zone if known else "UTC"
