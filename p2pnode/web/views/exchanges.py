"""Your exchanges: first those that wait for you, then those that wait for others, then what is over."""

from typing import Any

from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit
from p2pnode.web.words import step_of


async def show(visit: Visit) -> dict[str, Any]:
    everything = visit.query.get("all") == "yes"
    rows = await visit.ask("exchange.list", all=everything)
    groups: dict[str, list[dict[str, Any]]] = {"yours": [], "theirs": [], "over": []}
    for row in rows:
        steps = [
            (step["who"], meant[0].rpartition(".")[2], step["until"])
            for step in row["next"]
            if (meant := step_of(step["command"]))
        ]
        mine = [(word, until) for who, word, until in steps if who == "you"]
        untils = [until for _, _, until in steps if until]
        where = "yours" if mine else "theirs" if steps else "over"
        groups[where].append({**row, "words": [word for word, _ in mine], "until": min(untils, default=None)})
    for group in groups.values():
        group.sort(key=lambda row: (row["until"] or row["began_at"] + 10**13, -row["began_at"]))
    return {"groups": groups, "everything": everything, "count": len(rows)}


VIEW = View("exchanges", "/exchanges", N_("Exchanges"), show, group="yours", order=10, live=("exchanges",))
