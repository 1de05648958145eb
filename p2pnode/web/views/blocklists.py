"""Block lists: yours, those you follow, and what is hidden here and why."""

from collections.abc import Mapping
from typing import Any

from p2pnode.web.languages import N_
from p2pnode.web.view import View, Visit
from protocols.errors import Refusal

REASON = {
    "spam": N_("spam"),
    "fraud": N_("fraud"),
    "unsafe": N_("unsafe"),
    "illegal": N_("illegal"),
    "other": N_("something else"),
}


async def show(visit: Visit) -> dict[str, Any]:
    if not visit.status["networks"]:
        return {"mine": [], "others": [], "hidden": [], "names": [], "REASON": REASON}
    rows = await visit.ask("blocklist.list")
    lists = [{**row, "named": await _named(visit, row)} for row in rows]
    return {
        "mine": [row for row in lists if row["mine"]],
        "others": [row for row in lists if not row["mine"]],
        "hidden": await visit.ask("blocklist.hidden"),
        "names": [(row["name"], row["name"]) for row in lists if row["mine"] and row["name"] != "mine"],
        "REASON": REASON,
    }


async def _named(visit: Visit, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What stands on a list; nothing, where it is followed and not held here."""
    try:
        whole = await visit.ask("blocklist.show", name=row["name"], peer=None if row["mine"] else row["author"])
    except Refusal:
        return []
    named: list[dict[str, Any]] = whole["named"]
    return named


VIEW = View("blocklists", "/blocklists", N_("Block lists"), show, group="people", order=50, live=("blocklists",))
