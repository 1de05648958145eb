"""Projects: a whole split into tasks that neighbours claim themselves; your own, and those of others."""

from collections import Counter
from typing import Any

from p2pnode.bounds import TASKS_AT_ONCE
from p2pnode.web.languages import N_
from p2pnode.web.view import File, View, Visit

SHOWN = 60  # projects of others

STATE = {
    "free": N_("free"),
    "asked": N_("asked for"),
    "claimed": N_("claimed"),
    "overdue": N_("overdue"),
    "done": N_("done, to be looked at"),
    "contested": N_("contested"),
    "confirmed": N_("confirmed"),
    "withdrawn": N_("taken back"),
}
TONE = {"claimed": "open", "overdue": "bad", "done": "warning", "contested": "bad", "confirmed": "ok"}


async def show(visit: Visit) -> dict[str, Any]:
    mine = [one for one in await visit.ask("listing.list", direction="request") if one["kind"] == "project"]
    others: list[dict[str, Any]] = []
    if visit.status.get("network"):
        found = await visit.ask("search", kind="project", direction="request", limit=SHOWN, here=True)
        others = [one for one in found if not one["mine"]]
    return {"mine": mine, "others": others}


async def one(visit: Visit) -> dict[str, Any] | File:
    listing = await visit.ask("listing.show", id=visit.params["id"])
    id_ = listing["listing_id"]
    shared = {"listing": listing, "title": listing["title"], "states": STATE, "tones": TONE, "most": TASKS_AT_ONCE}
    if not listing["mine"]:
        claimed = await visit.ask("project.claimed", listing=id_)
        return {**shared, "claimed": claimed}
    results = await visit.ask("project.results", listing=id_)
    if visit.query.get("file") == "results":
        texts = [row["text"] for row in results["results"] if row["text"] and not row["hash"]]
        return File("".join(f"{text}\n" for text in texts).encode(), "text/plain; charset=utf-8", f"{id_[:8]}.txt")
    project = await visit.ask("project.show", listing=id_)
    tasks = project["tasks"]
    return {
        **shared,
        "claimed": None,
        "project": project,
        "results": results["results"],
        "elsewhere": [row["number"] for row in results["results"] if row["hash"]],
        "counts": [(word, n) for word, n in project["counts"].items() if n],
        "to_confirm": sum(task["state"] == "done" or task["again"] for task in tasks) > 1,
        "to_pay": sum(task["state"] == "confirmed" and task["payment"] == "due" for task in tasks) > 0,
        "next": max((task["number"] for task in tasks), default=0) + 1,
        "foreseen": await _foreseen(visit, id_),
    }


async def _foreseen(visit: Visit, listing: str) -> dict[str, Any] | None:
    """What the tasks in a form that is looked at come to, with these tasks."""
    tasks = (visit.looked or {}).get("tasks")
    if not tasks:
        return None
    prices = dict(Counter(task.price for task in tasks))
    last = max(task.number for task in tasks)
    return {**await visit.ask("project.foresee", listing=listing, count=last, prices=prices), "tasks": tasks}


VIEWS = (
    View("projects", "/projects", N_("Projects"), show, group="yours", order=50, live=("projects", "listings")),
    View("project", "/project/{id}", N_("Project"), one, live=("projects", "exchanges")),
)
