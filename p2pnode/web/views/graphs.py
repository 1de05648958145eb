"""The node's figures over the last day or the last ninety: lines, and the same as tables."""

from typing import Any

from p2pnode.web.languages import N_
from p2pnode.web.lines import HEIGHT, WIDTH, draw
from p2pnode.web.view import View, Visit
from protocols.limits import DAY, HOUR, MINUTE

SPANS = {"day": ("minute", DAY, MINUTE), "quarter": ("hour", 90 * DAY, HOUR)}
ROWS = 24  # of a table, at most
MB = 1_000_000
FIGURES = (  # column of `history`, what it is, by what it is divided, its unit
    ("peers", N_("Neighbours connected"), 1, ""),
    ("listings", N_("Listings held"), 1, ""),
    ("exchanges", N_("Exchanges"), 1, ""),
    ("ledger_entries", N_("Entries of your ledger"), 1, ""),
    ("records", N_("Records held"), 1, ""),
    ("frames_in", N_("Messages that came in"), 1, ""),
    ("frames_out", N_("Messages that went out"), 1, ""),
    ("sync_lag_ms", N_("Since the last comparison with a neighbour"), 1000, "s"),
    ("latency_ms", N_("How late the node was, at worst"), 1, "ms"),
    ("queue", N_("Steps that waited"), 1, ""),
    ("bans", N_("Peers shut out"), 1, ""),
    ("memory_bytes", N_("Memory"), MB, "MB"),
    ("store_bytes", N_("Database"), MB, "MB"),
    ("index_bytes", N_("Search index"), MB, "MB"),
    ("disk_free_bytes", N_("Free on the disk"), MB, "MB"),
)


async def show(visit: Visit) -> dict[str, Any]:
    chosen = visit.query.get("span", "day")
    step, span, apart = SPANS.get(chosen, SPANS["day"])
    until = visit.reader.now
    history = await visit.ask("history", step=step, since=until - span)
    columns, rows = history["columns"], history["rows"]
    graphs = []
    for name, title, divided, unit in FIGURES:
        if name in columns:
            place = columns.index(name)
            points = [(row[0], row[place] // divided) for row in rows]
            line = draw(points, until - span, until, apart)
            if line is not None:
                every = -(-len(points) // ROWS)
                graphs.append((name, title, unit, line, points[::-1][::every]))
    return {
        "graphs": graphs,
        "chosen": chosen if chosen in SPANS else "day",
        "since": until - span,
        "until": until,
        "width": WIDTH,
        "height": HEIGHT,
    }


VIEW = View("graphs", "/graphs", N_("Figures"), show, group="node", order=50, every=60)
