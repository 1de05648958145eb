"""When a listing is to be had: as it is typed, and as faces show it."""

from itertools import pairwise
from typing import Any

from p2pnode.arguments import Times
from p2pnode.hours import zone_of
from p2pnode.when import date_of, rule_in_words, rule_of
from protocols.errors import Refusal
from protocols.listing import Availability


def availability_of(text: str | None, zone: str | None, on: Times | None = None) -> Availability | None:
    """None for nothing. on: single times, ms. `Refusal` (usage)."""
    if on:
        if text:
            raise Refusal("usage", "--on and --when", "Name single times, or days that come again.")
        slots = sorted(on)
        if any(start >= end for start, end in slots) or any(a[1] > b[0] for a, b in pairwise(slots)):
            raise Refusal("usage", "times that overlap, or end before they begin", "Name each once: FROM/UNTIL.")
        return Availability(slots=tuple(slots))
    if not text:
        if zone is not None and text is None:
            raise Refusal("usage", "a time zone, and no times", "Say when with --when sat,sun.")
        return None
    zone_of(zone or "UTC")
    return Availability(rrule=rule_of(text), zone=zone or "UTC")


def check_times(on: Times | None, now: int) -> None:
    """`Refusal` (usage) for a time that is over."""
    over = [end for _, end in on or () if end <= now]
    if over:
        raise Refusal("usage", f"a time that ended on {date_of(min(over))} (UTC) is over", "Leave it out of --on.")


def availability_json(available: Availability | None) -> dict[str, Any]:
    if available is None:
        return {"when": None, "zone": None, "times": None, "on": None}
    words = rule_in_words(available.rrule) or None
    on = [{"from": start, "until": end} for start, end in available.slots] or None
    return {"when": available.rrule, "zone": available.zone or None, "times": words, "on": on}
