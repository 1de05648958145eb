"""Standing orders: the same thing again and again, proposed by the node some days before."""

from typing import Any

from p2pnode.hours import WEEKDAYS
from p2pnode.web.kind_words import HANDOVER, open_ways
from p2pnode.web.languages import N_
from p2pnode.web.times import zone_name
from p2pnode.web.view import View, Visit
from protocols.errors import Refusal

STATE = {"stands": N_("stands"), "paused": N_("paused"), "ended": N_("ended")}
TONE = {"stands": "ok", "paused": "warning", "ended": "open"}
DAYS = dict(
    zip(
        WEEKDAYS,
        (N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday")),
        strict=True,
    )
)
MOST_WEEKS = 8


async def show(visit: Visit) -> dict[str, Any]:
    there = bool(visit.status["networks"])
    listing = None
    if there and visit.query.get("listing"):
        try:
            listing = await visit.ask("listing.show", id=visit.query["listing"])
        except Refusal:
            listing = None
    kinds = await visit.ask("kinds.list") if listing else []
    kind = next((k for k in kinds if listing and k["kind"] == listing["kind"]), None)
    any_way = [(way, visit.reader.say(text)) for way, text in HANDOVER.items() if way != "both"]
    return {
        "handovers": open_ways(listing, kind, visit.reader) if listing else any_way,
        "WAY": HANDOVER,
        "orders": await visit.ask("order.list") if there else [],
        "chosen": listing,
        "weeks": range(1, MOST_WEEKS + 1),
        "zone": zone_name(visit.reader.zone),
        "STATE": STATE,
        "TONE": TONE,
        "DAYS": DAYS,
    }


VIEW = View("orders", "/orders", N_("Standing orders"), show, group="yours", order=70, live=("orders", "exchanges"))
