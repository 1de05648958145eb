"""When a listing is to be had: its recurrence rule (RFC 5545), read within bounds that no stranger can exceed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrulestr

from protocols.listing import Availability

# What people use. Anything finer (BYSECOND and the like) could name thousands of moments a day; such a rule is shown as
# it is written, and taken at its word.
_PARTS = frozenset({"FREQ", "INTERVAL", "BYDAY", "BYMONTH", "BYMONTHDAY", "UNTIL", "COUNT", "WKST"})
_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_LATEST = 253_402_300_799  # seconds: the end of the year 9999, where dates end


def is_rule(text: str) -> bool:
    """Whether this is a rule that we can read, such as `FREQ=WEEKLY;BYDAY=SA,SU`."""
    if not _readable(text):
        return False
    try:
        rrulestr(text, dtstart=datetime(2026, 1, 1))  # noqa: DTZ001 (any day will do)
    except (ValueError, KeyError, TypeError, OverflowError):
        return False
    return True


def available_at(available: Availability | None, at: int, since: int) -> bool:
    """Whether a listing is to be had at this time. at, since: ms; since: when it was published, where a rule begins.

    True where it says nothing about that, or something that we cannot read.
    """
    if available is None:
        return True
    if available.slots:
        return any(start <= at < end for start, end in available.slots)
    if not available.rrule or not _readable(available.rrule):
        return True
    try:
        zone = ZoneInfo(available.zone or "UTC")
        day = _day(at, zone)
        rule = rrulestr(available.rrule, dtstart=min(_day(since, zone), day))
        return bool(rule.between(day, day + timedelta(days=1) - timedelta(seconds=1), inc=True))
    except (ValueError, KeyError, TypeError, OverflowError, ZoneInfoNotFoundError):
        return True


def date_of(at: int) -> str:
    """The date in UTC, for a person; the year 9999 for all that lies behind it. at: ms since 1970."""
    return datetime.fromtimestamp(min(at // 1_000, _LATEST), UTC).date().isoformat()


def _readable(rule: str) -> bool:
    parts = dict(part.split("=", 1) for part in rule.split(";") if "=" in part)
    return parts.keys() <= _PARTS and parts.get("FREQ") in _FREQUENCIES


def _day(at: int, zone: ZoneInfo) -> datetime:
    """The midnight before, as the clock in that zone showed it."""
    local = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
