"""Leaving a neighbourhood: what ends by it, what stays, and the button."""

from typing import Any

from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit


async def show(visit: Visit) -> dict[str, Any]:
    named = visit.query.get("network")
    joined = visit.status.get("networks") or []
    network = next((one for one in joined if one["id"] == named), joined[0] if len(joined) == 1 else None)
    seen = await visit.ask("leave.foresee", network=network["id"]) if network is not None else None
    return {"network": network, "seen": seen, "owed": seen is not None and seen["balance"]["amount"] < 0}


VIEW = View("leaving", "/leaving", N_("Leave a neighbourhood"), show, live=("networks", "exchanges", "listings"))
