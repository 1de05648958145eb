"""What arrived and fits: a saved search, or a listing of yours; and the searches that go on."""

from collections.abc import Mapping
from typing import Any

from p2pnode.web.finding import of_saved
from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit
from p2pnode.web.words import DIRECTION, KIND

SHOWN = 60


async def show(visit: Visit) -> dict[str, Any]:
    rows = await visit.ask("notices.list")
    rows.sort(key=lambda row: row["seen"])  # the newest first within each
    mine = {row["listing_id"]: row["title"] for row in await visit.ask("listing.list")}
    everything = visit.query.get("all") == "yes"
    return {
        "rows": rows if everything else rows[:SHOWN],
        "more": 0 if everything else max(0, len(rows) - SHOWN),
        "unseen": sum(not row["seen"] for row in rows),
        "mine": mine,
        "saved": [
            {**row, "words": _in_words(visit, row["search"]), "query": of_saved(row["search"], visit.reader.zone)}
            for row in await visit.ask("search.saved")
        ],
    }


def _in_words(visit: Visit, search: Mapping[str, Any]) -> list[str]:
    """What a saved search asks for."""
    say, read = visit.reader.say, visit.reader
    found = [say(N_("“%(words)s”")) % {"words": search["query"]}] if search.get("query") else []
    if search.get("direction") in DIRECTION:
        found.append(say({"offer": N_("offers"), "request": N_("wanted")}[search["direction"]]))
    if search.get("kind"):
        found.append(say(KIND[search["kind"]]) if search["kind"] in KIND else search["kind"])
    if search.get("within_km"):
        found.append(say(N_("within %(km)s km")) % {"km": read.number(round(float(search["within_km"]) * 10), 1)})
    if search.get("max_price"):
        found.append(say(N_("at most %(price)s")) % {"price": search["max_price"]})
    if search.get("available"):
        found.append(say(N_("free on %(day)s")) % {"day": read.day(read.local(search["available"]).date())})
    if search.get("min_trust"):
        score = read.number(round(float(search["min_trust"]) * 100), 2)
        found.append(say(N_("of people with a score of %(score)s or more")) % {"score": score})
    return found or [say(N_("whatever arrives"))]


VIEW = View(
    "notices", "/notices", N_("What fits"), show, group="market", order=15, live=("notices", "searches", "listings")
)
