"""When a listing is to be had: as it is typed, and as faces show it."""

from p2pnode.hours import zone_of
from p2pnode.when import rule_in_words, rule_of
from protocols.errors import Refusal
from protocols.listing import Availability


def availability_of(text: str | None, zone: str | None) -> Availability | None:
    """None for nothing. `Refusal` (usage)."""
    if not text:
        if zone is not None and text is None:
            raise Refusal("usage", "a time zone, and no times", "Say when with --when sat,sun.")
        return None
    zone_of(zone or "UTC")
    return Availability(rrule=rule_of(text), zone=zone or "UTC")


def availability_json(available: Availability | None) -> dict[str, str | None]:
    if available is None:
        return {"when": None, "zone": None, "times": None}
    words = rule_in_words(available.rrule) or None
    return {"when": available.rrule, "zone": available.zone or None, "times": words}
