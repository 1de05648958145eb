"""Whether all is well with the node, and what to do where it is not: the checks of `p2pnode doctor`."""

from typing import Any

from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit

ORDER = ("problem", "note", "ok", "skipped")
WORDS = {
    "problem": N_("to be mended"),
    "note": N_("worth knowing"),
    "ok": N_("well"),
    "skipped": N_("cannot be told now"),
}
TONES = {"problem": "bad", "note": "warning", "ok": "ok", "skipped": "open"}


async def show(visit: Visit) -> dict[str, Any]:
    rows = await visit.ask("doctor")
    groups = [(state, [row for row in rows if row["state"] == state]) for state in ORDER]
    return {
        "groups": [(state, found) for state, found in groups if found],
        "words": WORDS,
        "tones": TONES,
        "problems": sum(row["state"] == "problem" for row in rows),
        "notes": sum(row["state"] == "note" for row in rows),
    }


VIEW = View("health", "/health", N_("Health"), show, group="node", order=40, live=("health",))
