"""What a node of the DHT keeps for others, in the shapes that KadDHT's server asks: peers, providers, values.

All of it is bounded, and shared out fairly among those who brought it (`dht.shares`): who floods pushes out himself.
`now` gives seconds of a clock that nobody sets: the machine's may be set, and that ends nothing, nor keeps it for ever.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from libp2p.kad_dht.pb.kademlia_pb2 import Record
from libp2p.kad_dht.value_store import ValueStore
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from .kad_host import MAX_ADDRESS_BYTES, MAX_ADDRESSES, KadHost, asker, fitting
from .routing import RoutingTable, place_of
from .shares import Shares

MAX_VALUES: Final = 2_048
MAX_KEY: Final = 64
MAX_PROVIDED: Final = 8_192  # rows of (key, provider)
PROVIDERS: Final = 20  # of a key
PROVIDER_LIFETIME: Final = 24 * 3600.0  # seconds
VALUE_LIFETIME: Final = 24 * 3600.0


class KeptPeers:
    """Our routing table in the shape of libp2p's. Who only asks is not entered, and nobody is named to others who has
    not answered us: somebody else's word, or our address book, is no business of theirs."""

    def __init__(self, table: RoutingTable) -> None:
        self._table = table
        self.buckets: Sequence[Any] = ()

    def find_local_closest_peers(self, key: bytes, count: int) -> list[ID]:
        return [ID(contact.peer) for contact in self._table.closest(place_of(key), count, proven=True)]

    async def add_peer(self, peer: ID | PeerInfo, *, skip_server_mode_check: bool = False) -> bool:
        return False

    def size(self) -> int:
        return len(self._table)


class _Provider(NamedTuple):
    addresses: list[Multiaddr]
    until: float
    source: str


class KeptProviders:
    """Who provides what. own: keys that we provide ourselves; our addresses are looked up when somebody asks."""

    def __init__(self, host: KadHost, now: Callable[[], float]) -> None:
        self.own: set[bytes] = set()
        self._host = host
        self._now = now
        self._providers: dict[bytes, dict[ID, _Provider]] = {}
        self._shares: Shares[tuple[bytes, ID]] = Shares(MAX_PROVIDED)

    def __len__(self) -> int:
        return len(self._shares)

    def add_provider(self, key: bytes, provider: PeerInfo) -> None:
        """A peer said that it provides a key. Of a key with many providers the group of addresses with most of them
        loses one, if there is a group with more than the newcomer's."""
        if not 1 <= len(key) <= MAX_KEY:
            return
        peer, source = provider.peer_id, asker()
        beside = self._providers.get(key, {})
        if len(beside) >= PROVIDERS and peer not in beside:
            sources = [row.source for row in beside.values()]
            heaviest = max(sources, key=sources.count)
            if sources.count(heaviest) <= sources.count(source) + 1:
                return
            self._drop(key, next(other for other, row in beside.items() if row.source == heaviest))
        gone = self._shares.add((key, peer), source)
        if gone is not None:
            self._forget(*gone)
        addresses = [one for one in provider.addrs if len(one.to_bytes()) <= MAX_ADDRESS_BYTES][:MAX_ADDRESSES]
        rows = self._providers.setdefault(key, {})
        rows.pop(peer, None)
        rows[peer] = _Provider(fitting(addresses), self._now() + PROVIDER_LIFETIME, source)

    def get_providers(self, key: bytes) -> list[PeerInfo]:
        now = self._now()
        found = [
            PeerInfo(peer, fitting(row.addresses))
            for peer, row in self._providers.get(key, {}).items()
            if row.until > now
        ]
        if key in self.own:
            found.append(PeerInfo(self._host.get_id(), self._host.get_addrs()))
        return found

    def cleanup_expired(self) -> None:
        now = self._now()
        for key, rows in list(self._providers.items()):
            for peer in [peer for peer, row in rows.items() if row.until <= now]:
                self._drop(key, peer)

    def _drop(self, key: bytes, peer: ID) -> None:
        self._shares.drop((key, peer))
        self._forget(key, peer)

    def _forget(self, key: bytes, peer: ID) -> None:
        rows = self._providers.get(key, {})
        rows.pop(peer, None)
        if not rows:
            self._providers.pop(key, None)


class KeptValues(ValueStore):
    """The values of others, and our own, as the validator let them in."""

    def __init__(self, host: Any, now: Callable[[], float]) -> None:
        super().__init__(host=host, local_peer_id=host.get_id())
        self._now = now
        self._shares: Shares[bytes] = Shares(MAX_VALUES)

    def put_record(self, key: bytes, record: Record) -> None:
        gone = self._shares.add(key, asker())
        if gone is not None:
            self.store.pop(gone, None)
        self.store[key] = (record, self._now() + VALUE_LIFETIME)

    def get(self, key: bytes) -> Record | None:
        record, until = self.store.get(key, (None, 0.0))
        return record if until is not None and self._now() < until else None

    def remove(self, key: bytes) -> bool:
        self._shares.drop(key)
        return self.store.pop(key, None) is not None

    def cleanup_expired(self) -> int:
        now = self._now()
        expired = [key for key, (_, until) in self.store.items() if until is None or until <= now]
        return sum(self.remove(key) for key in expired)

    def keys(self) -> Iterable[bytes]:
        return self.store.keys()
