"""Single times as they are typed: `2027-03-01T14:00/16:00`, a whole day, or from one day into another."""

from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from protocols.errors import Refusal

from .times import clock_time

_HINT = "Write 2027-03-01T14:00/16:00, 2027-03-01 for the whole day, or 2027-03-01T20:00/2027-03-02T02:00."


def parse_slot(text: str, zone: str | None) -> tuple[int, int]:
    """From and until, ms, by the clocks of a zone; None is this machine's. `Refusal` (usage)."""
    first, slash, last = (part.strip() for part in text.partition("/"))
    try:
        place = ZoneInfo(zone) if zone else None
        start = datetime.fromisoformat(first)
        if not slash:
            end = start + timedelta(days=1)
        else:
            end = datetime.fromisoformat(last if "-" in last else f"{start.date()}T{last}")
        found = _moment(start, place), _moment(end, place)
    except (ValueError, OverflowError, ZoneInfoNotFoundError, OSError) as e:
        raise Refusal("usage", f"not a time: {text!r}", _HINT) from e
    if (not slash and "T" in first.upper().replace(" ", "T")) or found[0] >= found[1]:
        raise Refusal("usage", f"when does it end? {text!r}", _HINT)
    return found


def _moment(at: datetime, place: tzinfo | None) -> int:
    aware = at if at.tzinfo else at.replace(tzinfo=place) if place else at.astimezone()
    return int(aware.timestamp() * 1_000)


def in_words(slots: list[dict[str, int]], now: int) -> str:
    """The times that are not over, the next first: `1 Mar 14:00 - 1 Mar 16:00`."""
    coming = [slot for slot in slots if slot["until"] > now] or slots
    said = [f"{clock_time(slot['from'], now)} - {clock_time(slot['until'], now)}" for slot in coming[:3]]
    return ", ".join(said) + (f", and {len(coming) - 3} more" if len(coming) > 3 else "")
