"""Rendezvous: py-libp2p's KadDHT under a protocol id of our own, made safe to be asked by strangers.

The DHT is one way among others to find peers: every operation here ends in time, and one that fails answers with
nothing. It keeps no values but those that a validator of ours accepts, and bounded numbers of everything. See
`dht.kad_host` for how it stands on the node's host.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol, TypeVar

import trio
from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
from libp2p.kad_dht.pb.kademlia_pb2 import Record
from libp2p.kad_dht.provider_store import ProviderStore
from libp2p.kad_dht.value_store import ValueStore
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from libp2p.records.validator import NamespacedValidator
from multiaddr import Multiaddr  # type: ignore[import-untyped]

from .kad_host import MAX_ADDRESS_BYTES, MAX_ADDRESSES, PING, PROTOCOL, KadHost, Network, fitting, full_addresses

log = logging.getLogger(__name__)
T = TypeVar("T")

NAMESPACE: Final = "p2pnode"
MAX_VALUE: Final = 4 * 1024
MAX_VALUES: Final = 2_048
MAX_KEYS: Final = 4_096  # for which providers are kept
MAX_KEY: Final = 64
OPERATION_TIMEOUT: Final = 10.0
MAINTENANCE: Final = 600.0
PROVIDER_RATE: Final = 100  # ADD_PROVIDER per peer and 10 s: a node announces all its cells at once
MAX_REQUESTS: Final = 256  # served at a time; KadDHT's own 12 would be filled by six peers that say nothing
PER_BUCKET: Final = 2  # peers of one public /24; private networks are exempt
PER_TABLE: Final = 10


class ValueValidator(Protocol):
    """Decides which values may stand under a key, and which of several is the best."""

    def validate(self, key: bytes, value: bytes) -> None:
        """Raises if the value must not be kept."""

    def select(self, key: bytes, values: Sequence[bytes]) -> int:
        """The index of the best of them; all are valid."""


class NothingValid:
    """Keeps no values at all."""

    def validate(self, key: bytes, value: bytes) -> None:
        raise ValueError("no values are kept here")

    def select(self, key: bytes, values: Sequence[bytes]) -> int:
        return 0


class _Namespaced:
    """Our validator in the shape of libp2p's."""

    def __init__(self, ours: ValueValidator) -> None:
        self._ours = ours

    def validate(self, key: str, value: bytes) -> None:
        if len(value) > MAX_VALUE:
            raise ValueError(f"a value of {len(value)} bytes, at most {MAX_VALUE}")
        self._ours.validate(_key_of(key), value)

    def select(self, key: str, values: list[bytes]) -> int:
        return self._ours.select(_key_of(key), values)


def _text_of(key: bytes) -> str:
    return f"/{NAMESPACE}/{key.hex()}"


def _key_of(text: str) -> bytes:
    key = bytes.fromhex(text.removeprefix(f"/{NAMESPACE}/"))
    if not 1 <= len(key) <= MAX_KEY or _text_of(key) != text:
        raise ValueError("not a key of ours")
    return key


class _Values(ValueStore):
    def _evict_if_full(self) -> None:
        while len(self.store) >= MAX_VALUES:
            del self.store[next(iter(self.store))]


class _Providers(ProviderStore):
    def add_provider(self, key: bytes, provider: PeerInfo) -> None:
        addresses = [one for one in provider.addrs if len(one.to_bytes()) <= MAX_ADDRESS_BYTES][:MAX_ADDRESSES]
        if len(key) <= MAX_KEY:
            while len(self.providers) >= MAX_KEYS and key not in self.providers:
                del self.providers[next(iter(self.providers))]
            super().add_provider(key, PeerInfo(provider.peer_id, fitting(addresses)))

    def get_providers(self, key: bytes) -> list[PeerInfo]:
        return [PeerInfo(one.peer_id, fitting(one.addrs)) for one in super().get_providers(key)]


class Rendezvous:
    """The DHT of a node. server: whether it answers others; a node that cannot be dialled should not.

    Every operation takes at most `OPERATION_TIMEOUT` seconds and raises nothing but Cancelled.
    """

    def __init__(self, network: Network, validator: ValueValidator | None = None, *, server: bool = True) -> None:
        self._network = network
        self._host = KadHost(network)
        host: Any = self._host
        ours: Any = _Namespaced(validator or NothingValid())
        self._dht = KadDHT(
            host,
            DHTMode.SERVER if server else DHTMode.CLIENT,
            validator=NamespacedValidator({NAMESPACE: ours}, strict_validation=True),
            validator_changed=True,
            strict_validation=True,
            max_peers_per_subnet=PER_BUCKET,
            max_peers_per_subnet_table=PER_TABLE,
        )
        self._dht.value_store = _Values(host=host, local_peer_id=self._host.get_id())
        self._dht.provider_store = _Providers(host=host, peer_routing=self._dht.peer_routing)
        self._dht._provider_rate_max = PROVIDER_RATE
        self._dht._inbound_limiter.total_tokens = MAX_REQUESTS
        self._validator = ours

    @property
    def size(self) -> int:
        """How many peers the routing table holds."""
        return self._dht.get_routing_table_size()

    async def maintain(self) -> None:
        """Look for new peers and drop what has expired, until cancelled."""
        while True:
            await trio.sleep(MAINTENANCE)
            await self._bounded("refresh", self._dht.refresh_routing_table, None)
            self._dht.value_store.cleanup_expired()
            self._dht.provider_store.cleanup_expired()
            self._dht._provider_rate_limits.clear()

    async def connected(self, peer: str, address: str, outbound: bool) -> None:
        """A peer was connected: ask it for the peers near us, which makes both known to each other."""
        other = ID.from_base58(peer)
        if outbound:
            self._host.get_peerstore().add_addrs(other, [Multiaddr(address)], 3600)

        async def introduce() -> None:
            await self._dht.peer_routing._query_peer_for_closest(other, self._host.get_id().to_bytes())
            await self._dht.routing_table.add_peer(other)

        if await self._speaks(peer):
            await self._bounded("introduction", introduce, None)

    async def provide(self, key: bytes) -> bool:
        """Announce that this node holds what `key` stands for; True if at least one other node has noted it."""
        return await self._bounded("provide", lambda: self._dht.provider_store.provide(key), False)

    async def find_providers(self, key: bytes, count: int = 20) -> list[tuple[str, list[str]]]:
        """Who announced `key`: peer ids with full multiaddrs, this node left out."""
        found: dict[ID, list[Multiaddr]] = {}

        def note(infos: Iterable[PeerInfo]) -> None:
            for info in infos:
                if info.peer_id != self._host.get_id():
                    known = found.setdefault(info.peer_id, [])
                    known.extend(one for one in info.addrs[:MAX_ADDRESSES] if one not in known)

        async def ask(peer: ID) -> None:
            with trio.move_on_after(OPERATION_TIMEOUT / 2):
                providers, _ = await self._dht.provider_store._get_providers_from_peer_with_closers(peer, key)
                note(providers[:count])

        async def search() -> None:
            note(self._dht.provider_store.get_providers(key))
            closest = await self._dht.peer_routing.find_closest_peers_network(key)
            async with trio.open_nursery() as nursery:
                for peer in closest:
                    if peer != self._host.get_id():
                        nursery.start_soon(self._quietly, ask, peer)

        await self._bounded("find_providers", search, None)
        return [(str(peer), full_addresses(peer, known[:MAX_ADDRESSES])) for peer, known in list(found.items())[:count]]

    async def find_peer(self, peer: str) -> list[str]:
        """Where a peer can be dialled: full multiaddrs, empty if nobody knows."""
        try:
            wanted = ID.from_base58(peer)
        except ValueError:
            return []
        info = await self._bounded("find_peer", lambda: self._dht.peer_routing.find_peer(wanted), None)
        return full_addresses(wanted, info.addrs[:MAX_ADDRESSES]) if info is not None else []

    async def put(self, key: bytes, value: bytes) -> bool:
        """Keep a value under a key at the nodes near it; False if it is not valid, or an older one than is known."""

        async def store() -> bool:
            await self._dht.put_value(_text_of(key), value)
            return True

        return await self._bounded("put", store, False)

    async def get(self, key: bytes) -> bytes | None:
        """The best value that the nodes near the key have; ours if they have none better."""
        text = _text_of(key)
        local: tuple[Record, float] | None = self._dht.value_store.store.pop(text.encode(), None)
        found: bytes | None = None
        try:
            # KadDHT would answer with the local value and never learn of a newer one.
            found = await self._bounded("get", lambda: self._dht.get_value(text), None)
        finally:
            if local is not None:
                mine = local[0].value
                if found is None or self._validator.select(text, [found, mine]) == 1:
                    self._dht.value_store.store[text.encode()] = local
                    found = mine
        return found

    async def _speaks(self, peer: str) -> bool:
        try:
            stream = await self._network.ask(peer, PROTOCOL)
        except Exception:
            return False
        await stream.finish()
        return True

    async def _quietly(self, operation: Callable[[ID], Awaitable[None]], peer: ID) -> None:
        try:
            await operation(peer)
        except Exception as error:
            log.debug("DHT: %s", error)

    async def _bounded(self, name: str, operation: Callable[[], Awaitable[T]], failed: T) -> T:
        try:
            with trio.move_on_after(OPERATION_TIMEOUT):
                return await operation()
        except Exception as error:
            log.debug("DHT: %s failed: %s", name, error)
        return failed


__all__ = ["PING", "PROTOCOL", "Network", "NothingValid", "Rendezvous", "ValueValidator"]
