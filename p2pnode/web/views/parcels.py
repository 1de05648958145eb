"""Parcels: who has one, by which hands it came, what is offered; receipts as text, as a code, and as a file."""

from typing import Any

from p2pnode import qr
from p2pnode.web.languages import N_
from p2pnode.web.view import File, View, Visit
from protocols.errors import Refusal

from .ledger import people


async def show(visit: Visit) -> dict[str, Any]:
    data = await visit.ask("parcel.list")
    return {"parcels": data["parcels"], "offered": data["offered"]}


async def one(visit: Visit) -> dict[str, Any] | File:
    parcel = await visit.ask("parcel.show", id=visit.params["id"])
    match visit.query.get("file"):
        case "receipts":
            return File(parcel["texts"].encode(), "text/plain; charset=utf-8", f"parcel-{parcel['parcel'][:8]}.p2p")
        case "qr":
            return _picture(parcel["texts"].split()[-1] if parcel["texts"].split() else "")
        case "door":
            return _picture(await _door(visit, parcel))
    return {
        "parcel": parcel,
        "code": await _door(visit, parcel),
        "people": await people(visit) if parcel["mine"] else [],
        "title": f"{visit.reader.short(parcel['parcel'])}",
    }


async def _door(visit: Visit, parcel: dict[str, Any]) -> str:
    """The code for the door; empty if this node made none."""
    for exchange in parcel["exchanges"]:
        try:
            answer = await visit.ask("parcel.code", exchange=exchange)
        except Refusal:
            continue
        return str(answer["code"])
    return ""


def _picture(text: str) -> File:
    if not text:
        raise Refusal("not_found", N_("There is nothing here"))
    try:
        return File(qr.svg(text), "image/svg+xml")
    except ValueError as e:
        raise Refusal("not_found", N_("There is nothing here")) from e


VIEWS = (
    View("parcels", "/parcels", N_("Parcels"), show, group="yours", order=60, live=("parcels",)),
    View("parcel", "/parcel/{id}", N_("Parcel"), one, live=("parcels",)),
)
