"""Standing rules: what is accepted by itself, and what the rules have said of the proposals that wait."""

from typing import Any

from p2pnode.web.kind_words import DAYS
from p2pnode.web.languages import N_
from p2pnode.web.times import zone_name
from p2pnode.web.view import View, Visit

ASKED = 20  # proposals that are looked at, the newest
WHO = {
    "regulars": N_("regulars"),
    "members": N_("members of the network"),
    "anyone": N_("anyone"),
}


async def show(visit: Visit) -> dict[str, Any]:
    if not visit.status["networks"]:
        return {"rules": [], "waiting": [], "listings": [], "kinds": [], "zone": "", "WHO": WHO, "DAYS": DAYS}
    rows = await visit.ask("exchange.list", open=True)
    proposed = [row for row in rows if row["status"] == "proposed" and row["proposer"] == row["counterparty"]]
    proposed.sort(key=lambda row: -row["began_at"])
    shown = [await visit.ask("exchange.show", id=row["exchange_id"], unread=True) for row in proposed[:ASKED]]
    return {
        "rules": await visit.ask("rule.list"),
        "waiting": [row for row in shown if row.get("rule") and not row["rule"]["number"]],
        "listings": [(row["listing_id"], row["title"]) for row in await visit.ask("listing.list")],
        "kinds": [row["kind"] for row in await visit.ask("kinds.list")],
        "zone": zone_name(visit.reader.zone),
        "WHO": WHO,
        "DAYS": DAYS,
    }


VIEW = View("rules", "/rules", N_("Rules"), show, group="yours", order=80, live=("rules", "exchanges", "listings"))
