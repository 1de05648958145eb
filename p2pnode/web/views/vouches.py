"""The vouches you gave and took: what is left of each, what is at risk, what was asked back."""

from typing import Any

from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit

from .neighbour import VOUCH


async def show(visit: Visit) -> dict[str, Any]:
    rows = await visit.ask("vouch.list") if visit.status["networks"] else []
    standing = [row for row in rows if row["state"] != "ended"]
    return {
        "given": [row for row in standing if row["direction"] == "given"],
        "taken": [row for row in standing if row["direction"] != "given"],
        "ended": [row for row in rows if row["state"] == "ended"],
        "VOUCH": VOUCH,
    }


VIEW = View("vouches", "/vouches", N_("Vouches"), show, group="people", order=40, live=("vouches",))
