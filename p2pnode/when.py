"""When a listing is to be had: its recurrence rule (RFC 5545, 3.3.10), read within bounds that no stranger can exceed.

A rule is not unrolled: of a single day it can be said at once whether the rule names it. Only COUNT makes it necessary
to look at the days before, and so many are not looked at.
"""

import re
from calendar import isleap, monthrange
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from protocols.booking import Span
from protocols.errors import Refusal
from protocols.listing import Availability

from .hours import WEEKDAYS, parse_days

# What people use. Anything finer (BYSECOND and the like) could name thousands of moments a day; such a rule is shown as
# it is written, and taken at its word.
_LATEST: Final = 253_402_300_799  # seconds: the end of the year 9999, where dates end
_PARTS: Final = frozenset({"FREQ", "INTERVAL", "BYDAY", "BYMONTH", "BYMONTHDAY", "UNTIL", "COUNT", "WKST"})
_FREQUENCIES: Final = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BYDAY: Final = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T[0-9]{6}Z?)?")
MOST_DAYS: Final = 400
_COUNTED: Final = 400  # days of a rule with a COUNT that are looked at; later ones are taken at its word


class Rule(NamedTuple):
    """byday: (which of the month or year, 0 for each; weekday, Monday 0); times: its COUNT, 0 for none."""

    frequency: str
    interval: int
    byday: tuple[tuple[int, int], ...]
    bymonth: frozenset[int]
    bymonthday: frozenset[int]
    until: date
    times: int
    wkst: int


def is_rule(text: str) -> bool:
    """Whether this is a rule that we can read, such as `FREQ=WEEKLY;BYDAY=SA,SU`."""
    return _parse(text) is not None


def rule_of(text: str) -> str:
    """The rule that is meant by a rule, or by days of the week (`sat,sun`, `mon-fri`). `Refusal` (usage)."""
    if is_rule(text):
        return text
    try:
        days = parse_days(text)
    except Refusal as e:
        hint = "Write sat,sun or mon-fri, or a rule as RFC 5545 has it: FREQ=WEEKLY;BYDAY=SA,SU"
        raise Refusal("usage", f"neither days nor a rule: {text!r}", hint) from e
    return "FREQ=DAILY" if len(days) == 7 else f"FREQ=WEEKLY;BYDAY={','.join(_WEEKDAYS[day] for day in sorted(days))}"


def rule_in_words(text: str) -> str:
    """`Sat, Sun each week`, `every day`; any other rule as it is written."""
    rule = _parse(text)
    if rule is None or rule != Rule(rule.frequency, 1, rule.byday, frozenset(), frozenset(), date.max, 0, rule.wkst):
        return text
    if rule.frequency == "DAILY" and not rule.byday:
        return "every day"
    if rule.frequency != "WEEKLY" or not rule.byday or any(nth for nth, _ in rule.byday):
        return text
    return f"{', '.join(WEEKDAYS[day].capitalize() for _, day in sorted(rule.byday))} each week"


def available_at(available: Availability | None, at: int, since: int) -> bool:
    """Whether a listing is to be had at this time. at, since: ms; since: when it was published, where a rule begins.

    True where it says nothing about that, or something that we cannot read.
    """
    if available is None:
        return True
    if available.slots:
        return any(start <= at < end for start, end in available.slots)
    rule = _parse(available.rrule)
    if rule is None:
        return True
    try:
        zone = ZoneInfo(available.zone or "UTC")
        day = _day(at, zone)
        start = min(_day(since, zone), day)
    except (ValueError, OverflowError, ZoneInfoNotFoundError, OSError):  # a folder of the time zones among them
        return True
    if not _names(rule, start, day):
        return False
    if not rule.times:
        return True
    before = (day - start).days
    if before > _COUNTED:
        return True
    return sum(_names(rule, start, start + timedelta(days=n)) for n in range(before)) < rule.times


def available_within(available: Availability | None, within: Span, since: int) -> bool:
    """Whether it is to be had at any time of a span."""
    return available is None or bool(windows(available, since, within))


def windows(available: Availability | None, since: int, within: Span) -> tuple[Span, ...]:
    """When a listing is to be had, of the span that is asked for: each slot, or each day that its rule names, cut to no
    size, so the first may begin before and the last end after. since: as above. The whole span where it says nothing
    that we can read. At most `MOST_DAYS` days of a rule are looked at; what lies behind is not offered.
    """
    if available is None:
        return (within,)
    if available.slots:
        return tuple(Span(*s) for s in available.slots if s[0] < within.end and within.start < s[1])
    rule = _parse(available.rrule)
    if rule is None:
        return (within,)
    try:
        zone = ZoneInfo(available.zone or "UTC")
        first, last = _day(within.start, zone), _day(within.end - 1, zone)
        days = [first + timedelta(days=n) for n in range(min((last - first).days, MOST_DAYS) + 1)]
        return tuple(
            Span(_midnight(day, zone), _midnight(day + timedelta(days=1), zone))
            for day in days
            if available_at(available, _midnight(day, zone), since)
        )
    except (ValueError, OverflowError, ZoneInfoNotFoundError, OSError):  # as above
        return (within,)


def days_in_words(spans: Sequence[Span], zone: str) -> str:
    """`Sat 7 Nov 9:00–12:00, Sun 8 Nov 0:00–24:00`, on the clocks of that zone, or of UTC; for a person."""
    place = _place(zone)
    return ", ".join(_in_words(span, place) for span in spans)


def moment_in_words(at: int, zone: str) -> str:
    """`Sat 7 Nov 09:00`, likewise."""
    moment = datetime.fromtimestamp(min(at // 1_000, _LATEST), UTC).astimezone(_place(zone))
    return f"{_written(moment)} {moment:%H:%M}"


def _place(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone or "UTC")
    except (ValueError, ZoneInfoNotFoundError, OSError):
        return ZoneInfo("UTC")


def _in_words(span: Span, zone: ZoneInfo) -> str:
    start, end = (datetime.fromtimestamp(min(at // 1_000, _LATEST), UTC).astimezone(zone) for at in span)
    last = (end - timedelta(seconds=1)).date()
    until = "24:00" if end.date() > last else f"{end:%H:%M}"
    return f"{_written(start)} {start:%H:%M}–{'' if last == start.date() else f'{_written(last)} '}{until}"


def _written(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _midnight(day: date, zone: ZoneInfo) -> int:
    """The first moment of a day, ms; where the clocks skip midnight, the moment at which they do."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1_000


def date_of(at: int) -> str:
    """The date in UTC, for a person; the year 9999 for all that lies behind it. at: ms since 1970."""
    return datetime.fromtimestamp(min(at // 1_000, _LATEST), UTC).date().isoformat()


@lru_cache(maxsize=1_024)
def _parse(text: str) -> Rule | None:
    """The rule, or None for what we do not read."""
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name not in _PARTS or name in parts:
            return None
        parts[name] = value
    try:
        ordinals = [_BYDAY.fullmatch(one) for one in _listed(parts.get("BYDAY"))]
        until = _UNTIL.fullmatch(parts["UNTIL"]) if "UNTIL" in parts else None
        rule = Rule(
            parts.get("FREQ", ""),
            _number(parts.get("INTERVAL", "1"), 1, 9_999),
            tuple((_number(m[1] or "0", -53, 53), _WEEKDAYS.index(m[2])) for m in ordinals if m),
            frozenset(_number(one, 1, 12) for one in _listed(parts.get("BYMONTH"))),
            frozenset(_number(one, -31, 31) for one in _listed(parts.get("BYMONTHDAY"))),
            date(int(until[1]), int(until[2]), int(until[3])) if until else date.max,
            _number(parts["COUNT"], 1, 999_999) if "COUNT" in parts else 0,
            _WEEKDAYS.index(parts.get("WKST", "MO")),
        )
    except ValueError:
        return None
    sound = rule.frequency in _FREQUENCIES and None not in ordinals and 0 not in rule.bymonthday
    return rule if sound and (until is not None or "UNTIL" not in parts) else None


def _listed(value: str | None) -> Sequence[str]:
    return () if value is None else value.split(",")


def _number(text: str, least: int, most: int) -> int:
    """`ValueError` for what is no number within these bounds."""
    if len(text) > 6 or not least <= int(text) <= most:
        raise ValueError(text)
    return int(text)


def _names(rule: Rule, start: date, day: date) -> bool:
    """Whether the rule, begun at `start`, names a day from there on. Its COUNT is not looked at."""
    weekdays = rule.byday
    months, days = rule.bymonth, rule.bymonthday
    if not weekdays and not days:  # what is not said is as it was on the first day
        match rule.frequency:
            case "WEEKLY":
                weekdays = ((0, start.weekday()),)
            case "MONTHLY":
                days = frozenset({start.day})
            case "YEARLY":
                months, days = months or frozenset({start.month}), frozenset({start.day})
    return (
        day <= rule.until
        and _periods(rule, start, day) % rule.interval == 0
        and (not months or day.month in months)
        and (not days or day.day in days or day.day - monthrange(day.year, day.month)[1] - 1 in days)
        and (not weekdays or any(_is_the(rule, nth, weekday, day) for nth, weekday in weekdays))
    )


def _periods(rule: Rule, start: date, day: date) -> int:
    match rule.frequency:
        case "DAILY":
            return (day - start).days
        case "WEEKLY":
            first = start.toordinal() - (start.weekday() - rule.wkst) % 7
            return (day.toordinal() - first) // 7
        case "MONTHLY":
            return (day.year - start.year) * 12 + day.month - start.month
    return day.year - start.year


def _is_the(rule: Rule, nth: int, weekday: int, day: date) -> bool:
    """Whether a day is this weekday, and which one of its month or year; that counts in monthly and yearly rules."""
    if day.weekday() != weekday:
        return False
    if nth == 0 or rule.frequency in ("DAILY", "WEEKLY"):
        return True
    if rule.frequency == "MONTHLY" or rule.bymonth:
        place, length = day.day, monthrange(day.year, day.month)[1]
    else:
        place, length = day.timetuple().tm_yday, 366 if isleap(day.year) else 365
    return nth in ((place - 1) // 7 + 1, -((length - place) // 7 + 1))


def _day(at: int, zone: ZoneInfo) -> date:
    """The day that the calendar in that zone showed."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).date()
