"""What neighbours owe each other beside the network's credit."""

from typing import Any

from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit

from .ledger import people

STATE = {
    "offered": N_("waits for the other side"),
    "asked": N_("waits for you"),
    "open": N_("agreed, open"),
    "closed": N_("paid"),
    "declined": N_("not agreed"),
}
TONE = {"offered": "open", "asked": "warning", "open": "ok", "closed": "open", "declined": "bad"}
LIVE = frozenset({"offered", "asked", "open"})


async def show(visit: Visit) -> dict[str, Any]:
    rows = await visit.ask("claim.list")
    return {
        "rows": [row for row in rows if row["state"] in LIVE],
        "over": [row for row in rows if row["state"] not in LIVE],
        "states": STATE,
        "tones": TONE,
        "people": await people(visit) if visit.status.get("network") else [],
    }


VIEW = View("claims", "/claims", N_("Claims"), show, group="yours", order=40, live=("claims",))
