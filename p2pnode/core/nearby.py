"""Which peers keep what we keep, as far as is known, and so which of those to be connected to are to be chosen by it.

A connected peer says so itself (HELLO); of another its author's profile names the cell of its home, or the DHT named it
for a cell. All three can lie: at most `BY_CELL` of our connections are chosen so, and others before them.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar

from dht.keys import covers
from dht.nearby import Cover, Scopes, most, ring
from p2pnode.bounds import ANY_OUTBOUND, BY_CELL, HELLO_WITHIN, MAX_HEARD, WANTED_OUTBOUND

from .state import Network, State

T = TypeVar("T")


class Nearby:
    def __init__(self, state: State) -> None:
        self._state = state
        # Of each network and peer: for which of our cells the DHT named it; and what it said when it was connected.
        self._heard: OrderedDict[tuple[bytes, str], Scopes] = OrderedDict()
        self._said: OrderedDict[tuple[bytes, str], Scopes | None] = OrderedDict()

    def heard(self, network: Network, cell: str, peers: Iterable[str]) -> None:
        """The DHT names these for a cell."""
        for peer in peers if cell else ():
            before = self._heard.pop((network.id, peer), ())
            self._heard[network.id, peer] = tuple(sorted({cell, *before} & set(network.scopes)))
            _bound(self._heard)

    def look(self, linked: Iterable[str], now: int) -> "Look":
        """How it stands with these connections, those that we are making among them; the oldest first."""
        return Look(self, self._state, list(linked), now)

    def keepers(self, peers: Iterable[str], now: int) -> list[str]:
        """Those who keep our own cell, in any network of ours."""
        area = self._state.settings.area
        homes = [(network, network.home(area)) for network in self._state.joined]
        return [p for p in peers if any(covers(self.scopes(n, p, now) or (), home or "?") for n, home in homes)]

    def unreached(self, network: Network) -> list[str]:
        """The scopes of ours in a network that none of our connections keeps, whoever made it."""
        cover = Cover(network.home(self._state.settings.area), network.scopes)
        kept = (self._state.gossip.kept(network.id, peer) for peer in self._state.connected)
        cover.needed((None, scopes) for scopes in kept if scopes is not None)
        return cover.unreached

    def scopes(self, network: Network, peer: str, now: int) -> Scopes | None:
        """What a peer keeps of a network as far as is known; None if it seems to be in it no more than anybody."""
        said = self._state.gossip.kept(network.id, peer)
        connection = self._state.connected.get(peer)
        if said is not None or (connection is not None and now - connection.since > HELLO_WITHIN):
            self._said[network.id, peer] = said
            _bound(self._said)
            return said
        if (network.id, peer) in self._said:
            return self._said[network.id, peer]
        author = self._state.directory.author_of(peer)
        profile = self._state.directory.profile(author) if author is not None and network.has(author) else None
        if profile is None:
            return self._heard.get((network.id, peer))
        precision = network.genesis.cell_precision
        return ring(profile.area[:precision]) if len(profile.area) >= precision else (profile.area,)


def _bound(rows: OrderedDict[tuple[bytes, str], T]) -> None:
    if len(rows) > MAX_HEARD:
        rows.popitem(last=False)


class Look:
    """needed: connections without which a scope of ours would be kept by too few of them."""

    def __init__(self, nearby: Nearby, state: State, linked: list[str], now: int) -> None:
        self._nearby, self._now = nearby, now
        home = state.settings.area
        self._covers = [(n, Cover(n.home(home), n.scopes)) for n in state.joined]
        self._most = min(WANTED_OUTBOUND - ANY_OUTBOUND, BY_CELL * len(self._covers))
        self.needed: set[str] = set()
        for peer in linked:
            self.add(peer)

    def add(self, peer: str) -> None:
        """We are connected to this one, too, or are going to be."""
        for network, cover in self._covers:
            theirs = self._nearby.scopes(network, peer, self._now)
            if theirs is not None:
                self.needed.update(cover.needed([(peer, theirs)]))

    def best(self, among: Iterable[tuple[str, T]], lacking: int) -> list[T]:
        """Of peers that may be dialled those that bring most, if the next connection is to be chosen so. lacking: how
        many are to be made, this one among them."""
        spare = self._most - len(self.needed)
        if spare <= 0 or lacking > spare + ANY_OUTBOUND:
            return []
        return most((one, self._worth(peer)) for peer, one in among)

    def _worth(self, peer: str) -> int:
        known = ((cover, self._nearby.scopes(network, peer, self._now)) for network, cover in self._covers)
        return sum(cover.worth(theirs) for cover, theirs in known if theirs is not None)
