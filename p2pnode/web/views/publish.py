"""Publishing: first what kind of thing it is, then one form for this kind; before it is signed, what it comes to."""

from typing import Any

from p2pnode.web.drafting import drafted, prices_of, values_of
from p2pnode.web.kind_words import ABOUT, DAYS, HANDOVER, ORDER, PER_WORDS, fields_of, per_of
from p2pnode.web.languages import N_
from p2pnode.web.picturing import here
from p2pnode.web.times import zone_name
from p2pnode.web.view import View, Visit
from protocols.errors import Refusal, Reject

COMPARED = 200  # listings whose prices are looked at
DIRECTIONS = ("offer", "request")
NOTHING = N_("nothing is said")


async def choose(visit: Visit) -> dict[str, Any]:
    kinds = {kind["kind"]: kind for kind in await visit.ask("kinds.list")}
    direction = visit.query.get("direction", "")
    direction = direction if direction in DIRECTIONS else "offer"
    usual = [kinds[name] for name in ORDER[direction] if name in kinds]
    return {
        "direction": direction,
        "usual": usual,
        "own": [kind for kind in kinds.values() if kind["own"]],
        "rest": [kind for name, kind in kinds.items() if name not in ORDER[direction] and not kind["own"]],
        "ABOUT": ABOUT,
    }


async def fill(visit: Visit) -> dict[str, Any]:
    kind = await kind_called(visit, visit.params["kind"])
    asked = visit.query.get("direction", "")
    usual = "offer" if kind["kind"] in ORDER["offer"] or kind["own"] else "request"
    network = visit.status.get("network")
    values: dict[str, Any] = {}
    if visit.query.get("copy"):
        copied = await visit.ask("listing.show", id=visit.query["copy"])
        values, usual = values_of(copied, network), copied["direction"]
        if not copied["mine"]:
            values["photos"] = []  # they show somebody else's
    direction = asked if asked in DIRECTIONS else usual
    return {
        **await about_fields(visit, kind, direction, values),
        "networks": [(n["id"], n["name"]) for n in visit.status.get("networks") or ()],
        "ABOUT": ABOUT,
        "pictures": await here(visit, [visit.looked or {}], all_of_them=True),
        "copied": visit.query.get("copy", ""),
        "preview": await _preview(visit, network) if visit.looked is not None else None,
    }


async def kind_called(visit: Visit, name: str) -> dict[str, Any]:
    for kind in await visit.ask("kinds.list"):
        if kind["kind"] == name:
            found: dict[str, Any] = kind
            return found
    raise Refusal("not_found", f"no kind {name!r}")


async def about_fields(visit: Visit, kind: dict[str, Any], direction: str, values: dict[str, Any]) -> dict[str, Any]:
    """What templates/listing_fields.html needs."""
    area, say = await own_area(visit), visit.reader.say
    part = values.get("part_of", "")
    projects = [
        (row["listing_id"], row["title"]) for row in await visit.ask("listing.list") if row["kind"] == "project"
    ]
    current = next((pair for pair in projects if part and pair[0].startswith(part)), None)
    if part and current is None:
        current = (part, part[:8])
        projects.append(current)
    return {
        "kind": kind,
        "direction": direction,
        "fields": fields_of(kind),
        "values": {**values, "part_of": current[0] if current else ""},
        "per": [
            (word, say(PER_WORDS[word]) if word in PER_WORDS else word)
            for word in per_of(kind["kind"], values.get("per", ""))
        ],
        "days": [(day, say(text)) for day, text in DAYS.items()],
        "handovers": [("", say(NOTHING)), *((way, say(text)) for way, text in HANDOVER.items())],
        "projects": [("", say(NOTHING)), *projects],
        "zone": values.get("zone") or zone_name(visit.reader.zone),
        "area": area,
        "prices": await similar(visit, kind["kind"], direction),
    }


async def own_area(visit: Visit) -> str:
    """The cell that others see of a listing of ours that names none."""
    area: str = (await visit.ask("whoami"))["area"]
    rows = await _found(visit, here=True, limit=1)
    return area[: len(rows[0]["area"]) if rows else 5]


async def similar(visit: Visit, kind: str, direction: str, words: str = "") -> list[dict[str, Any]]:
    """What the like costs near here: by these words, if enough is found by them."""
    wanted = {"kind": "sell", "direction": "offer"} if kind == "want" else {"kind": kind, "direction": direction}
    if words:
        found = prices_of(await _found(visit, query=words, here=True, limit=COMPARED, **wanted))
        if found and found[0]["n"] >= 3:
            return found
    return prices_of(await _found(visit, here=True, limit=COMPARED, **wanted))


async def _found(visit: Visit, **asked: Any) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = await visit.ask("search", **asked)
        return rows
    except (Refusal, Reject):  # in no network, or while the index is made
        return []


async def _preview(visit: Visit, network: Any) -> dict[str, Any]:
    args = visit.looked or {}
    named = args.get("network")
    known = next((n for n in visit.status.get("networks") or () if n["id"] == named), network)
    home = await own_area(visit)
    shown = drafted(args, known, home)
    return {
        **args,
        **shown,
        "home": home,
        "similar": await similar(visit, args["kind"], args["direction"], args["title"][:256]),
        "author_name": visit.status.get("name"),
    }


VIEWS = (
    View("publish", "/publish", N_("Publish"), choose, group="market", order=20, live=("networks",)),
    View("publish_kind", "/publish/{kind}", N_("Publish"), fill),
)
