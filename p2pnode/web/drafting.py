"""A listing before it is signed: what a form of it shows, what it would come to, what others ask for the like. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median_low
from typing import Any

from p2pnode.core.availability import availability_json, availability_of
from protocols.amounts import decimals_of, parse_price
from protocols.cell import coarsen
from protocols.decimals import OTHER_DECIMALS, format_amount
from protocols.errors import Refusal, Reject
from protocols.labels import without_labels
from protocols.spans import format_span

from .forms import Malformed


def values_of(listing: Mapping[str, Any], network: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the fields of a form show of a listing. network: as `status` has it; None for a draft's."""
    labels = listing.get("labels") or {}
    price = listing.get("price") or {}
    days = _days(listing.get("when") or "")
    goal = labels.get("goal")
    known = network or {"unit": "", "decimals": OTHER_DECIMALS}
    return {
        "title": listing["title"],
        "text": listing["text"],
        "price": _decimal(price["amount"], price["unit"], known) if price else listing.get("asks") or "",
        "per": "" if price.get("per", "item") == "item" else price["per"],
        "quantity": listing.get("quantity") or "",
        "tags": ", ".join(without_labels(listing.get("tags") or ())),
        "days": days,
        "rule": "" if days else listing.get("when") or "",
        "zone": listing.get("zone"),
        "on": [(slot["from"], slot["until"]) for slot in listing.get("on") or ()],
        "to": listing.get("to") or "",
        "goal": _goal(goal, known) if goal else "",
        "orders": format_span(labels["orders"]) if labels.get("orders") else "",
        "instant": bool(labels.get("instant")),
        "handover": labels.get("handover") or "",
        "part_of": labels.get("part_of") or "",
        "photos": listing.get("photos") or [],
    }


def drafted(args: Mapping[str, Any], network: Mapping[str, Any] | None, area: str) -> dict[str, Any]:
    """What the arguments of `listing.publish` come to, as far as it can be said before; `Malformed` says what is wrong
    with which. network: as `status` has it, or None; area: the cell of the listing, if none is given."""
    shown: dict[str, Any] = {"price": None, "asks": args.get("price"), "area": area, "to": ""}
    with _about("price"):
        if network is not None and args.get("price"):
            price = parse_price(args["price"], network["unit"], network["decimals"])
            shown["price"] = {"amount": price.amount, "unit": price.unit, "per": price.per} if price else None
            shown["asks"] = None
    with _about("area"):
        shown["area"] = coarsen(args["area"], len(area) or 5) if args.get("area") else area
    with _about("to"):
        shown["to"] = coarsen(args["to"], len(area) or 5) if args.get("to") else ""
    with _about("on" if args.get("on") else "when"):
        shown |= availability_json(availability_of(args.get("when"), args.get("zone"), args.get("on")))
    return shown


def prices_of(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is asked for the like: for each unit, and what a price is for, the lowest, the middle and the highest; what
    is asked most often first. Our own listings do not count."""
    found: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        if row["price"] and not row["mine"]:
            found.setdefault((row["price"]["unit"], row["price"]["per"]), []).append(row["price"]["amount"])
    ordered = sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [
        {
            "n": len(amounts),
            **{
                name: {"amount": pick(amounts), "unit": unit, "per": per}
                for name, pick in (("low", min), ("middle", median_low), ("high", max))
            },
        }
        for (unit, per), amounts in ordered
    ]


@contextmanager
def _about(field: str) -> Iterator[None]:
    """Within, what is refused is about this field."""
    try:
        yield
    except (Refusal, Reject) as e:
        raise Malformed(e.message, field, getattr(e, "hint", "")) from e


def _days(rule: str) -> list[str]:
    """The days of a rule that says nothing but days of the week; none for another."""
    if rule == "FREQ=DAILY":
        return ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    words = {"MO": "mon", "TU": "tue", "WE": "wed", "TH": "thu", "FR": "fri", "SA": "sat", "SU": "sun"}
    head, _, days = rule.partition("BYDAY=")
    named = days.split(",")
    return [words[day] for day in named] if head == "FREQ=WEEKLY;" and all(day in words for day in named) else []


def _goal(goal: Mapping[str, Any], network: Mapping[str, Any]) -> str:
    unit = goal["unit"]
    return _decimal(goal["amount"], unit, network) if unit else str(goal["amount"])


def _decimal(amount: int, unit: str, network: Mapping[str, Any]) -> str:
    return f"{format_amount(amount, decimals_of(unit, network['unit'], network['decimals']))} {unit}"
