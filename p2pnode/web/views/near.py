"""What is offered and looked for near here, with filters: as cards, or as a map of cells."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from p2pnode.web.cell_map import SIZE, draw
from p2pnode.web.finding import NARROWS, Asked, arguments, as_query, asked_of, to_save
from p2pnode.web.languages import N_
from p2pnode.web.picturing import here
from p2pnode.web.view import View, Visit
from protocols.errors import Refusal, Reject

DISTANCES = (1, 2, 5, 10, 25, 50)  # km
SHOWN = 60
COUNTED = 1_000  # listings on the map, and of one cell
TRUSTS = (  # scores, as on a neighbour's page; everybody begins with 0.9 or so
    ("0.4", N_("nobody of ill repute")),
    ("0.7", N_("good repute, or new")),
    ("0.95", N_("known to be good")),
)


async def show(visit: Visit) -> dict[str, Any]:
    asked = asked_of(visit.query)
    as_map = visit.query.get("show") == "map"
    problem, rows, given = "", [], {}
    try:
        given = arguments(asked, visit.reader.now, visit.reader.zone)
        many = as_map or bool(asked["cell"])
        rows = await visit.ask("search", **given, limit=COUNTED if many else SHOWN, here=True)
    except (Refusal, Reject) as e:
        if isinstance(e, Refusal) and e.code not in ("usage", "not_found"):
            raise
        problem = visit.reader.say(e.message)
    if asked["cell"]:
        rows = [row for row in rows if row["area"] == asked["cell"]]
    return {
        "rows": rows[:SHOWN],
        "pictures": frozenset() if as_map else await here(visit, rows[:SHOWN]),
        "problem": problem,
        "asked": asked,
        "filtered": any(asked[name] for name in NARROWS),
        "kinds": [kind["kind"] for kind in await visit.ask("kinds.list")],
        "distances": DISTANCES,
        "trusts": TRUSTS,
        "most": SHOWN,
        "home": (await visit.ask("whoami"))["area"] if asked["cell"] else "",
        "map": await _map(visit, asked, rows) if as_map and not problem else None,
        "as_map": as_map,
        "saveable": to_save(given) if given and not problem and visit.status["network"] and not asked["cell"] else {},
        "to_list": as_query(asked),
        "to_map": as_query(asked, cell=None, show="map"),
        "farther": as_query(asked, within_km=None, cell=None, place=asked["cell"], go="yes"),
        "anywhere": as_query(asked, cell=None),
        "invite": visit.session.kept.get("invite"),
    }


async def _map(visit: Visit, asked: Asked, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What stands on the map and beside it."""
    home = (await visit.ask("whoami"))["area"]
    counts = Counter(row["area"] for row in rows if row["area"])
    drawn = draw(counts, home, reach_of(visit.query))
    whole = {**asked, "cell": None}
    return {
        "drawn": drawn,
        "size": SIZE,
        "home": home,
        "links": {cell: as_query(asked, cell=cell) for cell in counts},
        "wider": drawn.wider and as_query(whole, show="map", reach=drawn.wider),
        "closer": drawn.closer and as_query(whole, show="map", reach=drawn.closer),
        "nowhere": len(rows) - sum(counts.values()),
        "most": COUNTED if len(rows) >= COUNTED else 0,
    }


def reach_of(query: Mapping[str, str]) -> float | None:
    """How far a map is to show, km; None: what the map thinks best."""
    try:
        return float(query["reach"]) if "reach" in query else None
    except ValueError:
        return None


VIEW = View(
    "near", "/", N_("Near"), show, group="market", order=10, live=("listings", "records", "networks", "peers", "photos")
)
