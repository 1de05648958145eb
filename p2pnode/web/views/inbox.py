"""Your inbox: a thread for each exchange, what is new first, with what was said last and what you can do."""

from typing import Any

from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit
from p2pnode.web.words import step_of

from .exchange import how

SHOWN = 60


async def show(visit: Visit) -> dict[str, Any]:
    threads = []
    for row in await visit.ask("exchange.list"):
        steps = [
            (step["who"], meant[0].rpartition(".")[2]) for step in row["next"] if (meant := step_of(step["command"]))
        ]
        mine = [word for who, word in steps if who == "you"]
        terms = {"from": row["terms_by"], "text": row["terms"]["note"], "at": row["terms"]["at"]}
        said = max([terms, *row["notes"]], key=lambda one: one["at"])
        read = visit.session.read.get(row["exchange_id"])
        threads.append(
            {
                **row,
                "words": mine,
                "waits_for": sorted({who for who, _ in steps if who != "you"}),
                "said": said,
                "at": max([row["began_at"], said["at"], *(duty["since"] or 0 for duty in row["duties"])]),
                "new": read != how(row) if read else any(word != "attest" for word in mine),
            }
        )
    threads.sort(key=lambda thread: (not thread["new"], -thread["at"]))
    everything = visit.query.get("all") == "yes"
    return {
        "threads": threads if everything else threads[:SHOWN],
        "more": 0 if everything else max(0, len(threads) - SHOWN),
        "fresh": sum(thread["new"] for thread in threads),
    }


VIEW = View("inbox", "/inbox", N_("Inbox"), show, group="yours", order=5, live=("exchanges",))
