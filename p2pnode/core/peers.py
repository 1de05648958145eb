"""The peers this node knows, as its user sees them."""

from typing import Any

from p2pnode.bounds import WANTED_OUTBOUND
from protocols.errors import Refusal

from .book import CALLER, Known
from .local import Local
from .multiaddrs import with_peer
from .neighbours import Neighbours
from .state import State


class Peers:
    def __init__(self, state: State, neighbours: Neighbours, local: Local) -> None:
        self._state = state
        self._known = neighbours.known
        self._neighbours = neighbours
        self._local = local

    def list(self, now: int) -> list[dict[str, Any]]:
        listed = {p for a in self._state.directory.authors() for p in self._state.directory.peers_of(a)}
        peers = {*self._known, *self._state.connected, *listed}
        return [self._json(p, now) for p in sorted(peers, key=lambda p: (p not in self._state.connected, p))]

    def show(self, text: str, now: int) -> dict[str, Any]:
        return self._json(self.resolve(text), now)

    def name(self, text: str, name: str, now: int) -> dict[str, Any]:
        peer = self.resolve(text)
        self._state.directory.pet_names[peer] = name
        self._neighbours.book.named(peer, self._state.directory.addresses_of(peer), now)
        return self._json(peer, now)

    def resolve(self, text: str) -> str:
        """The one peer that this names: by peer id, prefix of one, or the name of its author."""
        known = {*self._known, *self._state.connected}
        found = [p for p in known if p == text] or [p for p in known if len(text) >= 6 and p.startswith(text)]
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            raise Refusal("conflict", f"{len(found)} peers start with {text}", "Give more of the id.")
        return self._state.directory.peer_id(self._state.directory.resolve(text))

    def _json(self, peer: str, now: int) -> dict[str, Any]:
        known = self._known.get(peer)
        connection = self._state.connected.get(peer)
        author = self._state.directory.author_of(peer)
        named = self._state.directory.pet_names.get(peer)
        addresses = [with_peer(a, peer) for a in self._state.directory.addresses_of(peer)]
        return {
            "peer_id": peer,
            "author": author.hex() if author else None,
            "name": named or (self._state.directory.name(author) if author else None),
            "addresses": list(dict.fromkeys([*(known.addresses if known else []), *addresses])),
            "connected": connection is not None,
            "direction": None if connection is None else "out" if connection.outbound else "in",
            "connected_since": connection.since if connection else None,
            "via": known.via if known else "profile",
            "told_by": known.source or None if known else None,
            "known_since": known.since or None if known else None,
            "table": known.table if known and known.table != CALLER else None,
            "lan": peer in self._local.near,
            "anchor": peer in self._neighbours.anchors,
            "reachable": _reachable(known),
            "last_seen": known.seen or None if known else None,
            "last_reached": known.reached or None if known else None,
            "problem": known.problem or None if known else None,
            "next_try": self._next_try(peer, known, now),
        }

    def _next_try(self, peer: str, known: Known | None, now: int) -> int | None:
        """When this node will dial it, if it is among those that it would dial now."""
        if known is None or not known.addresses or peer in self._state.connected:
            return None
        outbound = sum(c.chosen for c in self._state.connected.values())
        waited_for = peer in self._state.wanted
        return max(now, known.next_at) if waited_for or outbound < WANTED_OUTBOUND else None


def _reachable(known: Known | None) -> bool | None:
    """Whether it answered when we last dialled it; None if we never did."""
    if known is None or not (known.reached or known.problem):
        return None
    return not known.problem
