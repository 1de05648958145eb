"""What is offered and looked for near here, with filters."""

from typing import Any

from p2pnode.web.forms import decimal_of
from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit
from protocols.errors import Refusal, Reject

DISTANCES = (1, 2, 5, 10, 25, 50)  # km
SHOWN = 60


async def show(visit: Visit) -> dict[str, Any]:
    asked = {key: visit.query.get(key) for key in ("query", "kind", "direction", "within_km", "max_price", "sort")}
    problem, rows = "", []
    try:
        rows = await visit.ask(
            "search",
            **{
                **asked,
                "within_km": _km(asked["within_km"]),
                "max_price": _price(asked["max_price"]),
                "limit": SHOWN,
                "here": True,
            },
        )
    except (Refusal, Reject) as e:
        if isinstance(e, Refusal) and e.code not in ("usage", "not_found"):
            raise
        problem = e.message
    return {
        "rows": rows,
        "problem": problem,
        "asked": asked,
        "filtered": any(value for key, value in asked.items() if key != "sort"),
        "kinds": [kind["kind"] for kind in await visit.ask("kinds.list")],
        "distances": DISTANCES,
        "most": SHOWN,
    }


def _price(text: str | None) -> str | None:
    return decimal_of(text) if text else None


def _km(text: str | None) -> float | None:
    try:
        return float(decimal_of(text)) if text else None
    except ValueError as e:
        raise Refusal("usage", f"not a distance: {text!r}") from e


VIEW = View("near", "/", N_("Near"), show, group="market", order=10, live=("listings", "records", "networks", "peers"))
