"""A calendar as RFC 5545 has it: lines that end in CRLF, at most 75 octets each, text escaped."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

_OCTETS = 75
_LATEST = 253_402_300_799  # seconds: the end of the year 9999


def as_ics(rows: Iterable[dict[str, Any]], now: int) -> str:
    """Rows of `p2pnode calendar` as events. They name the other party by the name that stands in the rows, and no
    address of anybody's. now: when this was made, ms."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//p2pnode//calendar//EN", "CALSCALE:GREGORIAN"]
    for row in rows:
        lines += _event(row, now)
    return "".join(fold(line) + "\r\n" for line in [*lines, "END:VCALENDAR"])


def _event(row: dict[str, Any], now: int) -> list[str]:
    what, duty = str(row["what"]), str(row["duty"] or "")
    words = f"{what}: {row['title']}" + (f" ({duty})" if duty else "")
    lines = [
        "BEGIN:VEVENT",
        f"UID:{row['exchange_id']}-{what}{f'-{duty}' if duty else ''}-{row['from']}@p2pnode",
        f"DTSTAMP:{_time(now)}",
        f"DTSTART:{_time(row['from'])}",
        f"SUMMARY:{escape(words)}",
        f"DESCRIPTION:{escape(_description(row))}",
        f"STATUS:{'TENTATIVE' if what in ('held', 'asked') else 'CONFIRMED'}",
        f"TRANSP:{'OPAQUE' if what == 'booked' else 'TRANSPARENT'}",
    ]
    if row["until"] > row["from"]:
        lines.insert(4, f"DTEND:{_time(row['until'])}")
    return [*lines, "END:VEVENT"]


def _description(row: dict[str, Any]) -> str:
    who = f"\n{row['who']} must do it" if row.get("who") else ""
    role = row.get("role_name") or row["role"]
    return f"with {row['counterparty_name']}; you are the {role}\nexchange {row['exchange_id'][:8]}{who}"


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(min(ms // 1_000, _LATEST), UTC):%Y%m%dT%H%M%SZ}"


def escape(text: str) -> str:
    """TEXT of 3.3.11: backslash, semicolon, comma and line ends; other control characters are left out."""
    for character, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r\n", "\\n"), ("\n", "\\n")):
        text = text.replace(character, written)
    return "".join(c for c in text if c >= " " and c != "\x7f")


def fold(line: str) -> str:
    """Content lines of 3.1: cut after 75 octets at most, never within a character; the next begins with a space."""
    pieces, size = [""], 0
    for character in line:
        octets = len(character.encode())
        if size + octets > _OCTETS:
            pieces.append(" ")
            size = 1
        pieces[-1] += character
        size += octets
    return "\r\n".join(pieces)
