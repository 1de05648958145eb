"""What the page says of the kinds of exchange, and which fields of a listing make sense for each. Pure.

A kind of somebody's own, or one that is not known here, gets every field; what it is says its own file.
"""

from collections.abc import Mapping
from typing import Any, Final

from .languages import N_
from .reading import Reader

ABOUT: Final = {
    "barn": N_("Many help on one date; it goes ahead when enough have said that they come."),
    "barter": N_("Something for something else; a price may come on top."),
    "deliver": N_("Somebody picks something up and brings it where it is to go."),
    "design": N_("Plans, a pattern or a program that others build from."),
    "food": N_("Food from farm, garden or kitchen, handed over at a time that is agreed."),
    "fund": N_("Many promise credit towards one thing: all is paid if enough comes together, else none."),
    "give": N_("Something is given away; nothing is owed for it."),
    "help": N_("A hand with something, by the hour or as a whole, for credit or for thanks."),
    "lend": N_("Something is lent and comes back; nothing is owed for it."),
    "pledge": N_("Somebody promises to do something; with a goal, only if enough others promise it, too."),
    "project": N_("A whole that small tasks belong to."),
    "rent": N_("Something is used for hours or days and comes back, for a price."),
    "sell": N_("Something changes hands for a price."),
    "service": N_("Work that somebody does as a trade, by the hour or as a whole."),
    "task": N_("A small part of a project, done within a week, for pay or for thanks."),
    "want": N_("You look for a thing, and those who have it say what they would let it go for."),
}

# What people offer, and what they look for, the usual first. Each kind stands in both directions somewhere.
ORDER: Final = {
    "offer": ("lend", "rent", "sell", "give", "food", "help", "service", "barter", "deliver", "design", "pledge"),
    "request": ("want", "help", "rent", "lend", "service", "food", "deliver", "barter", "project", "task", "barn",
                "fund"),
}  # fmt: skip

FOR_NOTHING: Final = frozenset({"give", "lend", "barter", "barn", "pledge", "project", "fund"})  # as the CLI has it
_OPEN_WAYS: Final = (None, "", "both")  # of a listing that leaves it to the exchange whether it is fetched or brought
_COUNTED: Final = frozenset({"sell", "rent", "lend", "give", "food", "want", "barter", "task"})
_ONE_PLACE: Final = frozenset({"deliver"})
_PER: Final = {
    "rent": ("day", "hour", "week", "month", ""),
    "service": ("hour", "", "day"),
    "help": ("hour", "", "day"),
    "food": ("", "kg"),
    "sell": ("", "kg"),
    "want": ("", "kg"),
    "deliver": ("", "km", "kg"),
}
PER_WORDS: Final = {
    "": N_("as a whole, or each"),
    "hour": N_("per hour"),
    "day": N_("per day"),
    "week": N_("per week"),
    "month": N_("per month"),
    "km": N_("per km"),
    "kg": N_("per kg"),
}
DAYS: Final = {
    "mon": N_("Mon"), "tue": N_("Tue"), "wed": N_("Wed"), "thu": N_("Thu"), "fri": N_("Fri"), "sat": N_("Sat"),
    "sun": N_("Sun"),
}  # fmt: skip
HANDOVER: Final = {
    "fetch": N_("It is fetched"),
    "bring": N_("It is brought"),
    "both": N_("Fetched or brought, as agreed"),
}


def fields_of(kind: Mapping[str, Any]) -> frozenset[str]:
    """The fields of a listing that make sense. kind: a row of `kinds.list`."""
    name, known = kind["kind"], kind["kind"] in ABOUT
    return frozenset(
        field
        for field, fits in {
            "price": name not in FOR_NOTHING,
            "quantity": not known or name in _COUNTED,
            "goal": not known or bool(kind["goal"]) or name == "pledge",
            "handover": any(duty["brought"] for duty in kind["duties"]),
            "to": not known or name in _ONE_PLACE,
            "part_of": not known or name == "task",
            "orders": not known or name in ("food", "service", "rent", "lend"),
            "booked": kind["slot"],
        }.items()
        if fits
    )


def ways_of(kind: Mapping[str, Any] | None, reader: Reader) -> list[tuple[str, str]]:
    """How the thing of such an exchange can get to who has it then: (word of the command, text). kind: as above."""
    if kind is None or not any(duty["brought"] for duty in kind["duties"]):
        return []
    return [(way, reader.say(text)) for way, text in HANDOVER.items() if way != "both"]


def open_ways(listing: Mapping[str, Any], kind: Mapping[str, Any] | None, reader: Reader) -> list[tuple[str, str]]:
    """The same for a listing, where it leaves that to the exchange."""
    return ways_of(kind, reader) if (listing.get("labels") or {}).get("handover") in _OPEN_WAYS else []


def per_of(kind: str, now: str = "") -> list[str]:
    """What a price may be for, the usual first. now: what it is for already."""
    known = _PER.get(kind, tuple(PER_WORDS))
    return [*known, now] if now not in known else [*known]
