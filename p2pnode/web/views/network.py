"""Your network: whether this node is connected and why not, whom it knows, and how others come in."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from p2pnode.qr import svg
from p2pnode.web.cell_map import SIZE, draw
from p2pnode.web.languages import N_
from p2pnode.web.view import File, View, Visit

SHOWN = 60
REACH = {
    "yes": N_("Others reach this node from outside."),
    "no": N_("Nobody outside can dial this node; it works by dialling others."),
    "lan": N_("It is reached from the local network; nobody outside was asked."),
    "unknown": N_("Not known yet: no neighbour could be asked to dial back."),
}
LAN = {
    "off": N_("Neighbours on the local network are not looked for: that is switched off."),
    "none": N_("Neighbours on the local network are not looked for: this node listens at no address of one."),
    "problem": N_(
        "Neighbours on the local network cannot be found: the network or this machine lets no multicast through, or"
        " something floods it."
    ),
}
STATE = {
    "joined": N_("You are connected."),
    "joining": N_("The node is trying to join."),
    "alone": N_("You are not connected to anybody."),
    "recovering": N_("The node is asking neighbours for what it may have lost, and signs nothing until then."),
}


async def show(visit: Visit) -> dict[str, Any] | File:
    invites = await visit.ask("invite.list")
    invite = _made(visit, invites)
    if visit.query.get("code") == "invite" and invite:
        return File(svg(invite["link"]), "image/svg+xml")
    peers = await visit.ask("peers.list")
    rows = sorted(peers, key=lambda peer: (not peer["connected"], -(peer["last_seen"] or 0)))
    cells = await _cells(visit)
    everybody = visit.query.get("all") == "yes"
    lan = visit.status.get("lan") or {"state": "off"}
    reach = visit.status["reach"] if visit.status.get("reach") else {"state": "unknown"}
    return {
        "peers": rows if everybody else rows[:SHOWN],
        "more": 0 if everybody else max(0, len(rows) - SHOWN),
        "lan": lan,
        "lan_words": LAN.get(lan["state"]),
        "near": [peer for peer in rows if peer["lan"]],
        "banned": await visit.ask("peers.banned"),
        "cells": cells,
        "map": await _map(visit, cells) if cells else None,
        "invite": invite,
        "invites": invites,
        "reach": reach,
        "reach_words": REACH.get(reach["state"], REACH["unknown"]),
        "state_words": STATE.get(visit.status["state"], STATE["alone"]),
    }


def _made(visit: Visit, invites: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The link that was made last in this session, as long as it is good."""
    made = visit.session.kept.get("invite")
    return made if made and any(one["invite_id"] == made["invite_id"] for one in invites) else None


async def _cells(visit: Visit) -> list[tuple[str, int, int]]:
    """Each cell, how many authors list something there, and how many listings; of what this node holds."""
    if not visit.status.get("network"):
        return []
    cells: dict[str, list[str]] = {}
    for row in await visit.ask("search", here=True, limit=1_000, everywhere=True):
        cells.setdefault(row.get("area") or "", []).append(row["author"])
    return sorted(((cell, len(set(who)), len(who)) for cell, who in cells.items()), key=lambda row: (-row[2], row[0]))


async def _map(visit: Visit, cells: list[tuple[str, int, int]]) -> dict[str, Any]:
    """What `map.html` draws. A cell leads to its listings on Near."""
    who = await visit.ask("whoami")
    counts = {cell: listings for cell, _, listings in cells}
    drawn = draw(counts, who["area"], also=who["cells"])
    home, kept = who["area"], any(not one.number and not one.own for one in drawn.squares)
    return {
        "kept": kept,
        "drawn": drawn,
        "size": SIZE,
        "home": home,
        "links": {cell: urlencode({"cell": cell}) for cell in counts},
    }


VIEW = View("network", "/network", N_("Network"), show, group="people", order=10, live=("peers", "networks"))
