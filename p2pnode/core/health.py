"""What the node knows of how it is, for `p2pnode doctor` and the page: figures and words, no verdicts.

What they mean stands in p2pnode/doctor/checks.py; the fields in p2pnode/doctor/seen.py.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core import Core


class Health:
    def __init__(self, core: "Core") -> None:
        self._core = core

    def health(self, args: object, now: int) -> dict[str, Any]:
        state, core = self._core.state, self._core
        connected, known = state.connected, core.neighbours.known
        problems = Counter(k.problem for peer, k in known.items() if k.problem and peer not in connected)
        return {
            "networks": len(state.networks),
            "joining": [j.problem for j in core.membership.joining.values()],
            "peers": len(connected),
            "chosen": sum(c.chosen for c in connected.values()),
            "known": sum(bool(k.addresses) for k in known.values()),
            "banned": len(state.banned),
            "dial_problem": problems.most_common(1)[0][0] if problems else "",
            "addresses": list(state.addresses),
            "reach": core.reachability.json(),
            "lan": core.local.json(),
            "lan_page": core.status.lan_page(),
            "neighbours_ahead_ms": state.time.difference(),
            "clock_warnings": state.time.warnings(state.wall),
            "recovering": [
                {"network": n.genesis.name, "entries": n.chain.state.count} for n in state.joined if not n.chain.whole
            ],
            "keeps": str(core.narrowing.json()["keeps"]),
            "indexing": core.status.indexing(),
            "warnings": list(core.status.warnings()),  # what is recovering has a row of its own
        }
