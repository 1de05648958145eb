"""Your own listings, as they stand; and the form that changes one."""

from typing import Any

from p2pnode.web.drafting import values_of
from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit
from protocols.errors import Refusal

from .publish import about_fields, kind_called

STATES = {  # how far a listing has come
    "draft": (N_("Draft"), "warning"),
    "stored": (N_("on its way"), "open"),
    "spread": (N_("published"), "ok"),
}


async def show(visit: Visit) -> dict[str, Any]:
    rows = await visit.ask("listing.list")
    rows.sort(key=lambda row: (row["valid_until"], row["listing_id"]))
    groups = [
        (title, direction, [row for row in rows if row["direction"] == direction])
        for title, direction in ((N_("You offer"), "offer"), (N_("You look for"), "request"))
    ]
    return {
        "groups": [group for group in groups if group[2]],
        "STATES": STATES,
        "running": sum(not row.get("paused") and row["state"] != "draft" for row in rows),
        "paused": sum(bool(row.get("paused")) for row in rows),
    }


async def change(visit: Visit) -> dict[str, Any]:
    listing = await visit.ask("listing.show", id=visit.params["id"])
    if not listing["mine"]:
        raise Refusal("refused", N_("This listing is somebody else's"))
    if listing["state"] == "draft":
        raise Refusal("refused", N_("A draft is not changed: publish it anew as it should be, and take this one back"))
    networks = visit.status.get("networks") or ()
    network = next((n for n in networks if n["id"] == listing["network"]), visit.status.get("network"))
    values = values_of(listing, network)
    values["on"] = [slot for slot in values["on"] if slot[1] > visit.reader.now]
    kind = await _kind(visit, listing["kind"])
    return {
        **await about_fields(visit, kind, listing["direction"], values),
        "listing": listing,
        "title": listing["title"],
    }


async def _kind(visit: Visit, name: str) -> dict[str, Any]:
    """What is known of the kind of a listing; of one that is not known here, nothing."""
    try:
        return await kind_called(visit, name)
    except Refusal:
        return {"kind": name, "title": name, "about": "", "own": True, "goal": None, "duties": (), "slot": False}


VIEWS = (
    View("mine", "/mine", N_("Your listings"), show, group="yours", order=20, live=("listings", "records")),
    View("edit", "/listing/{id}/edit", N_("Change a listing"), change),
)
