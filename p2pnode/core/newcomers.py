"""Who is no newcomer in a network: its founders, whom they have let in or publicly vouch for, whom those have, …

Where the genesis bounds what newcomers may fill (`newcomer_records`), they share that room; everybody else has his own.
In an open network anybody can make identities, let them in and vouch for them: a chain counts that begins at a founder.
"""

from collections.abc import Callable, Iterable

from .state import Network, State


def reached(roots: Iterable[bytes], edges: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """All to whom edges (from, to) lead from the roots, these included."""
    onward: dict[bytes, list[bytes]] = {}
    for source, target in edges:
        onward.setdefault(source, []).append(target)
    found = set(roots)
    waiting = list(found)
    while waiting:
        fresh = [target for target in onward.get(waiting.pop(), ()) if target not in found]
        found.update(fresh)
        waiting += fresh
    return frozenset(found)


class Newcomers:
    """gone: deletes records that the catalog let go of."""

    def __init__(self, state: State, gone: Callable[[Network, tuple[bytes, ...]], None]) -> None:
        self._state = state
        self._gone = gone
        self._seen: dict[bytes, frozenset[bytes]] = {}  # network → ids of the records that this rests on

    def look(self, network: Network) -> None:
        """See who is known now, as far as the records here tell. Cheap where nothing has changed."""
        genesis, catalog = network.genesis, network.catalog
        if not genesis.newcomer_records:
            return
        rows = [r for kind in ("redemption", "vouch") for r in catalog.rows(kind=kind) if not r.withdrawn]
        ids = frozenset(row.id for row in rows)
        if self._seen.get(network.id) == ids:
            return
        self._seen[network.id] = ids
        roots = {*genesis.stewards, *(founder for founder, _ in genesis.endowments)}
        edges = [
            (row.author, row.name) if row.kind == "vouch" else (network.inviter_of(row.id), row.author) for row in rows
        ]
        # What is ours stays here all the same, whatever others do.
        self._gone(network, catalog.know(reached(roots, edges) | {self._state.me}))

    def woke(self, now: int) -> None:
        for network in self._state.joined:
            self.look(network)
