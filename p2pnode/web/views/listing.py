"""One listing: what it says, when it is free, who is behind it, and the form that proposes an exchange."""

from datetime import date
from typing import Any

from p2pnode.web import picturing
from p2pnode.web.drawing import between, ways_to
from p2pnode.web.free_days import around, hours_of, month_of, span_of, suggested, weeks_of
from p2pnode.web.kind_words import DAYS, HANDOVER, fields_of, open_ways
from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit
from p2pnode.web.words import MONTHS, parents_of
from protocols.errors import Refusal
from protocols.labels import without_labels

VOICES = 4  # ratings that are shown; the neighbour's own page has all
REASONS = {
    "other": N_("something else"),
    "spam": N_("the same thing over and over"),
    "fraud": N_("a swindle"),
    "unsafe": N_("dangerous"),
    "illegal": N_("forbidden"),
}


async def show(visit: Visit) -> dict[str, Any]:
    listing = await visit.ask("listing.show", id=visit.params["id"])
    draft = listing["state"] == "draft"
    kind = next((k for k in await visit.ask("kinds.list") if k["kind"] == listing["kind"]), None)
    others = not listing["mine"]
    hidden = others and listing.get("hidden")
    exchanges = [] if draft else await visit.ask("exchange.list")
    return {
        "listing": listing,
        "home": (await visit.ask("whoami"))["area"],
        "pictures": await picturing.here(visit, () if hidden else [listing], all_of_them=True),
        "draft": draft,
        "tags": without_labels(listing.get("tags") or ()),
        "labels": listing.get("labels") or {},
        "kind": kind,
        "fields": fields_of(kind) if kind else frozenset({"price", "quantity"}),
        "timed": bool(listing.get("when") or listing.get("on") or (kind and kind["slot"])),
        "handovers": open_ways(listing, kind, visit.reader),
        "parents": parents_of(exchanges),
        "WAY": {way: visit.reader.say(text) for way, text in HANDOVER.items()},
        "owner": await _owner(visit, listing) if others and listing.get("peer_id") else None,
        "free": None if draft else await _free(visit, listing, kind),
        "exchanges": [e for e in exchanges if e["listing_id"] == listing["listing_id"]],
        "foreseen": await visit.ask("exchange.foresee", **visit.looked)
        if visit.looked is not None and others
        else None,
        "hidden_as": await _hidden_as(visit, listing) if listing.get("hidden") and others else {},
        "HANDOVER": HANDOVER,
        "reasons": [(word, visit.reader.say(text)) for word, text in REASONS.items()],
        "title": listing["title"],
    }


async def _owner(visit: Visit, listing: dict[str, Any]) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = await visit.ask("reputation", peer=listing["peer_id"], why=True)
    except Refusal:  # nothing is known of somebody who was found elsewhere
        return None
    ways = between(visit.status["peer_id"], found, ways_to(found))
    return {**found, "ways": ways, "voices": found["why"][:VOICES], "more": max(0, len(found["why"]) - VOICES)}


async def _hidden_as(visit: Visit, listing: dict[str, Any]) -> dict[str, str]:
    """What an entry of a block list names: this listing, or all of its owner."""
    rows = await visit.ask("blocklist.hidden")
    if any(row["listing_id"] == listing["listing_id"] for row in rows):
        return {"listing": listing["listing_id"]}
    return {"peer": listing["author"]}


async def _free(visit: Visit, listing: dict[str, Any], kind: dict[str, Any] | None) -> dict[str, Any] | None:
    """The month that is asked for, and of one day the hours, and what might be proposed of them."""
    if not (listing.get("when") or listing.get("on") or (kind and kind["slot"])):
        return None
    zone, now = visit.reader.zone, visit.reader.now
    today = visit.reader.local(now).date()
    month = month_of(visit.query.get("month", "") or visit.query.get("day", "")[:7], today)
    day = _day(visit.query.get("day", ""))
    before, after = around(month)
    try:
        start, end = span_of(month, _last(month), zone)
        found = await visit.ask("calendar", listing=listing["listing_id"], start=max(0, start), end=end)
        free = found["free"] or []
        weeks = weeks_of(month, free, zone, now)
    except (Refusal, ValueError, OverflowError, OSError):  # found elsewhere, or a month that no clock knows
        return None
    hours = hours_of(day, free, zone) if day and day.replace(day=1) == month else None
    hourly = (listing.get("price") or {}).get("per") == "hour"
    return {
        "chosen": suggested(day, hours, hourly, zone, now) if day and hours else None,
        "to": "when" if listing["mine"] or listing["paused"] else "propose",
        "weeks": weeks,
        "name": f"{visit.reader.say(MONTHS[month.month - 1])} {month.year}",
        "before": before if month > today.replace(day=1) else "",
        "after": after,
        "days": [visit.reader.say(text) for text in DAYS.values()],
        "day": day,
        "hours": hours,
    }


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _last(month: date) -> date:
    after = month_of(around(month)[1], month)
    return date.fromordinal(after.toordinal() - 1) if after > month else month


VIEW = View("listing", "/listing/{id}", N_("Listing"), show, live=("listings", "records", "exchanges", "photos"))
