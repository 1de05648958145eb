"""Your inbox: a thread for each exchange, and for each neighbour with whom you write about none; what is new first,
with what was said last and what you can do."""

from collections.abc import Mapping, Sequence
from typing import Any

from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit
from p2pnode.web.words import step_of

from .exchange import how

SHOWN = 60


async def show(visit: Visit) -> dict[str, Any]:
    written = await visit.ask("message.threads")
    about: dict[str, list[Mapping[str, Any]]] = {}
    for row in written:
        about.setdefault(row["exchange_id"] or "", []).append(row)
    threads = [_exchange(visit, row, about.get(row["exchange_id"], ())) for row in await visit.ask("exchange.list")]
    listed = {thread["exchange_id"] for thread in threads}
    threads += [_neighbour(row) for row in written if row["exchange_id"] not in listed]
    threads.sort(key=lambda thread: (not thread["new"], -thread["at"]))
    everything = visit.query.get("all") == "yes"
    return {
        "threads": threads if everything else threads[:SHOWN],
        "more": 0 if everything else max(0, len(threads) - SHOWN),
        "fresh": sum(thread["new"] for thread in threads),
    }


def _exchange(visit: Visit, row: Mapping[str, Any], written: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """written: the newest message with each of its people."""
    steps = [(step["who"], meant[0].rpartition(".")[2]) for step in row["next"] if (meant := step_of(step["command"]))]
    mine = [word for who, word in steps if who == "you"]
    terms = {"from": row["terms_by"], "text": row["terms"]["note"], "at": row["terms"]["at"]}
    said = max([terms, *row["notes"], *map(_said, written)], key=lambda one: one["at"])
    read = visit.session.read.get(row["exchange_id"])
    moved = read != how(row) if read else any(word != "attest" for word in mine)
    return {
        **row,
        "path": f"exchange/{row['exchange_id']}",
        "words": mine,
        "waits_for": sorted({who for who, _ in steps if who != "you"}),
        "said": said,
        "at": max([row["began_at"], said["at"], *(duty["since"] or 0 for duty in row["duties"])]),
        "new": moved or any(one["new"] for one in written),
        "unread": sum(one["new"] for one in written),
    }


def _neighbour(row: Mapping[str, Any]) -> dict[str, Any]:
    """A thread about no exchange, or about one that was put away."""
    theirs = row["to_name"] == "you"
    peer, name = (row["from"], row["from_name"]) if theirs else (row["to"], row["to_name"])
    path = f"exchange/{row['exchange_id']}" if row["exchange_id"] else f"neighbour/{peer}"
    said = {**_said(row), "stranger": row["stranger"]}
    new = row["new"]
    thread = {"exchange_id": None, "path": path, "name": name, "said": said, "at": row["at"]}
    return {**thread, "new": new > 0, "unread": new, "words": [], "waits_for": []}


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"from": row["from_name"], "text": row["text"], "at": row["at"]}


VIEW = View("inbox", "/inbox", N_("Inbox"), show, group="yours", order=5, live=("exchanges", "messages"))
