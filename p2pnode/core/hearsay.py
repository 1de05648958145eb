"""Which addresses are taken from whom: none that is nearer to us than who names it."""

from collections.abc import Mapping

from p2pnode.bounds import ADDRESSES_OF_ONE
from protocols.nearness import LAN, LOOPBACK, PUBLIC, group_of, is_taken, scope_of

from .book import Known
from .multiaddrs import with_peer
from .state import State


def judged(state: State, addresses: tuple[str, ...], via: str, source: str) -> tuple[str, ...]:
    """Those that may be taken from there. via, source: see `Neighbours.add`."""
    scope, _ = scope_of_source(state, via, source)
    return tuple(a for a in addresses if is_taken(a, scope))


def scope_of_source(state: State, via: str, source: str) -> tuple[int, str]:
    """How far away it is who names an address, and that one's group. Of the DHT, and where nobody remembers who it
    was, the farthest peer that is connected may have said it. All that is found on the local network counts as one."""
    if via == "lan":
        return LAN, via
    connection = state.connected.get(source)
    if connection is not None:
        scope = scope_of(connection.address)
        return (PUBLIC, group_of(connection.address) or via) if scope in (None, PUBLIC) else (scope or LOOPBACK, "")
    scopes = [scope_of(c.address) for c in state.connected.values()]
    farthest = max((PUBLIC if s is None else s for s in scopes), default=PUBLIC)
    return farthest, via if farthest == PUBLIC else ""


def ways_to(state: State, book: Mapping[str, Known], peer: str, told: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Where a peer may be dialled once, for a question: as the book, its profile or (`told`) the DHT says."""
    known = book.get(peer)
    if known is not None and known.addresses:
        return tuple(known.addresses)
    addresses = state.directory.addresses_of(peer) if told is None else told
    taken = judged(state, addresses, "profile" if told is None else "dht", "")
    return tuple(with_peer(a, peer) for a in taken[:ADDRESSES_OF_ONE])
