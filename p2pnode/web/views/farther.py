"""Searching where this node keeps nothing: others are asked, and what they answer is shown as it comes."""

from collections.abc import Mapping
from typing import Any

import trio

from p2pnode.gazetteer import area_of
from p2pnode.web.finding import arguments, as_query, asked_of
from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit
from protocols.errors import Refusal, Reject
from protocols.limits import MAX_SCOPE

from .near import SHOWN, TRUSTS

WITHIN = 2_000  # ms that the node may wait for another answer
STATE = {
    "asked": N_("has not answered yet"),
    "answered": N_("has answered"),
    "silent": N_("did not answer"),
    "busy": N_("has no time for it now"),
    "unreachable": N_("could not be reached"),
    "unsound": N_("gave an answer that is not believed"),
}


async def show(visit: Visit) -> dict[str, Any]:
    """`go` begins; `search` and `step`, as the page before said, go on with it."""
    asked = {**asked_of(visit.query), "within_km": None, "cell": None}
    place = visit.query.get("place", "")
    problem, hint, found = "", "", None
    try:
        if "search" in visit.query:
            found = await _more(visit)
        elif "go" in visit.query:
            found = await visit.ask("search.begin", **await _where(place), **_what(visit, asked), limit=SHOWN)
    except (Refusal, Reject) as e:
        if isinstance(e, Refusal) and e.code not in ("usage", "not_found"):
            raise
        problem = visit.reader.say(e.message)
        hint = visit.reader.say(e.hint) if isinstance(e, Refusal) and e.hint else ""
    told = found["asked"] if found else []
    return {
        "asked": asked,
        "home": (await visit.ask("whoami"))["area"] if told else "",
        "place": place,
        "problem": problem,
        "hint": hint,
        "found": found,
        "rows": found["rows"] if found else [],
        "told": [{**one, "words": STATE.get(one["state"], STATE["silent"])} for one in told],
        "answered": sum(one["state"] != "asked" for one in told),
        "more": any(one["more"] for one in told),
        "kinds": [kind["kind"] for kind in await visit.ask("kinds.list")],
        "trusts": TRUSTS,
        "again": as_query(asked, place=place, go="yes"),
        "next": found and as_query(asked, place=place, search=found["search"], step=found["step"]),
        "near": as_query(asked),
    }


async def _more(visit: Visit) -> Any:
    step = visit.query.get("step", "0")
    search = visit.query["search"]
    try:
        return await visit.ask("search.more", search=search, step=int(step[:15]), within=WITHIN)
    except ValueError as e:
        raise Refusal("usage", N_("This search is over.")) from e
    except Refusal as e:
        raise Refusal("not_found", N_("This search is over.")) if e.code == "not_found" else e from e


async def _where(place: str) -> dict[str, Any]:
    return {"cell": await trio.to_thread.run_sync(area_of, place, MAX_SCOPE)} if place else {"everywhere": True}


def _what(visit: Visit, asked: Mapping[str, str | None]) -> dict[str, Any]:
    return arguments(asked, visit.reader.now, visit.reader.zone)


VIEW = View("farther", "/farther", N_("Search farther away"), show)
