"""Spans of time as people write them: 30s, 20min, 2h, 3d, 1w."""

import re
from typing import Final

from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE, SECOND

UNITS: Final = {"s": SECOND, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_SPAN = re.compile(r"([0-9]{1,6})\s*(s|min|m|h|d|w)")


def parse_span(text: str) -> int:
    """Milliseconds of a span in words. `Refusal` (usage) for what is no span."""
    if not (span := _SPAN.fullmatch(text.strip())):
        raise Refusal("usage", f"not a span of time: {text!r}", "Write 30s, 20min, 2h or 3d.")
    return int(span[1]) * UNITS[span[2]]


def format_span(ms: int) -> str:
    """As `parse_span` reads it, in the largest unit that leaves nothing over: 90 min stays 90min, 1w is 7d."""
    for unit in ("d", "h", "min"):
        if ms % UNITS[unit] == 0 and ms:
            return f"{ms // UNITS[unit]}{unit}"
    return f"{ms // SECOND}s"
