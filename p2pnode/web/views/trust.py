"""The trust graph: you in the centre, around you whom you can trust, by whom, and how far."""

from collections.abc import Mapping
from typing import Any

from p2pnode.web.drawing import around, tone_of
from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit

FEW = 8  # people, where there is little room
ROWS = 20  # of the table, at first
NARROW = 0.7  # the drawing is so much wider than high there


async def show(visit: Visit) -> dict[str, Any]:
    graph: dict[str, Any] = {"people": [], "more": 0}
    if visit.status["networks"]:
        graph = await visit.ask("reputation.graph")
    people = graph["people"]
    rows = people if visit.query.get("all") else people[:ROWS]
    return {
        "people": [{**person, "tone": tone_of(person), "missing": _missing(person)} for person in rows],
        "hidden": len(people) - len(rows),
        "more": graph["more"],
        "wide": around(graph, len(people)) if people else None,
        "narrow": around(graph, FEW, NARROW) if people else None,
        "few": FEW,
    }


def _missing(person: Mapping[str, Any]) -> list[str]:
    """What would let us trust him further, as texts to be translated."""
    found = []
    if not person["confidence"]:
        found.append(N_("a rating of yours, or of somebody you trust"))
    if person["most"] is not None and not person["most"]["amount"]:
        found.append(N_("deals that went well, or a vouch"))
    return found


VIEW = View(
    "trust",
    "/trust",
    N_("Trust"),
    show,
    group="people",
    order=15,
    live=("records", "exchanges", "vouches", "peers"),
)
