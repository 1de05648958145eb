"""Who may hold the photos of a listing: whom to ask, and who may ask us."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from dht.keys import covers
from protocols.envelope import Record

from .elsewhere import Elsewhere, Target
from .hearsay import ways_to
from .neighbours import Neighbours
from .state import Network, State

if TYPE_CHECKING:
    from .core import Core

MAX_HOLDERS = 6  # asked for one photo


class Holders:
    def __init__(self, state: State, neighbours: Neighbours, elsewhere: Elsewhere) -> None:
        self._state = state
        self._neighbours = neighbours
        self._elsewhere = elsewhere

    def asker(self, peer: str, network_id: bytes) -> bytes | None:
        """Who asks, if he is told what listings of a network show: one whose profile is held here, and who is a member
        where the network is joined by invite only."""
        network = self._state.networks.get(network_id)
        author = self._state.directory.author_of(peer)
        if network is None or author is None:
            return None
        return author if network.genesis.open or network.member(author) else None

    def may_ask(self, peer: str, network_id: bytes) -> bool:
        return self.asker(peer, network_id) is not None

    def connected(self, network: Network, record: Record) -> list[Target]:
        """Of the connected peers the author's, then those who keep its cell."""
        author = self._state.directory.peers_of(record.author)
        kept = self._state.gossip.scopes(network.id)
        keepers = sorted(peer for peer, scopes in kept.items() if covers(scopes, record.scope) and peer not in author)
        keepers.sort(key=lambda _: self._state.rng.random())
        here = self._state.connected
        return [
            Target(peer, (), record.scope, "")
            for peer in (*author, *keepers)
            if peer in here and peer not in self._state.banned and self.may_ask(peer, network.id)
        ][:MAX_HOLDERS]

    def reachable(self, network: Network, record: Record, now: int) -> list[Target]:
        """Whom to dial as well, when our user looks: the author, and of cells not kept here others who keep them."""
        author = [
            Target(peer, ways, record.scope, "")
            for peer in self._state.directory.peers_of(record.author)
            if peer not in self._state.connected
            and peer not in self._state.banned
            and self.may_ask(peer, network.id)
            and (ways := ways_to(self._state, self._neighbours.known, peer))
        ]
        others = () if covers(network.scopes, record.scope) else self._elsewhere.whom(network, record.scope, "", now)
        return [*author, *others][:MAX_HOLDERS]

    def elsewhere(self, photos: Collection[bytes]) -> dict[bytes, tuple[Network, Record]]:
        """Which of these photos are named by listings that were found elsewhere, and by one of which."""
        found: dict[bytes, tuple[Network, Record]] = {}
        for network, record, listing in self._elsewhere.listings():
            for photo in listing.photos:
                if photo in photos:
                    found.setdefault(photo, (network, record))
        return found


def holders_of(core: "Core") -> Holders:
    """As the core knows them now."""
    return Holders(core.state, core.neighbours, core.elsewhere)
