"""Rendezvous: a Kademlia of our own protocol id, safe to be asked by strangers. py-libp2p's KadDHT answers, we ask.

The DHT is one way among others to find peers: every operation here ends in time, and one that fails answers with
nothing. It keeps no values but those that a validator of ours accepts, and bounded numbers of everything. See
`dht.kad_host` for how it stands on the node's host.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol, TypeVar

import trio
from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
from libp2p.kad_dht.pb.kademlia_pb2 import Message, Record
from libp2p.peer.id import ID
from libp2p.records.validator import NamespacedValidator
from multiaddr import Multiaddr

from protocols.nearness import group_of

from .kad_asking import Asker, heard_in
from .kad_host import (
    MAX_ADDRESSES,
    PROTOCOL,
    KadHost,
    Network,
    fitting,
    full_addresses,
    full_texts,
    speaking_with,
    text_of,
)
from .kad_kept import MAX_KEY, KeptPeers, KeptProviders, KeptValues
from .routing import Contact, RoutingTable, contact_of

log = logging.getLogger(__name__)
T = TypeVar("T")

NAMESPACE: Final = "p2pnode"
MAX_VALUE: Final = 4 * 1024
OPERATION_TIMEOUT: Final = 10.0
MAINTENANCE: Final = 600.0
PROVIDER_RATE: Final = 100  # ADD_PROVIDER per peer and 10 s: a node announces all its cells at once
MAX_REQUESTS: Final = 256  # served at a time; KadDHT's own 12 would be filled by six peers that say nothing
TOLD_AT_ONCE: Final = 8
REMEMBERED: Final = 24 * 3600  # seconds that addresses from the address book are used


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


class Rendezvous:
    """The DHT of a node. server: whether it answers others; a node that cannot be dialled should not.

    Every operation takes at most `OPERATION_TIMEOUT` seconds, one that stores twice that, and raises nothing but
    Cancelled.
    """

    def __init__(self, network: Network, validator: ValueValidator | None = None, *, server: bool = True) -> None:
        self._network = network
        self._host = KadHost(network)
        host: Any = self._host
        ours: Any = _Namespaced(validator or NothingValid())
        self._own = self._host.get_id().to_bytes()
        self._dht = KadDHT(
            host,
            DHTMode.SERVER if server else DHTMode.CLIENT,
            validator=NamespacedValidator({NAMESPACE: ours}, strict_validation=True),
            validator_changed=True,
            strict_validation=True,
        )
        self._table = RoutingTable(self._own)
        peers: Any = KeptPeers(self._table)
        self._dht.routing_table = self._dht.peer_routing.routing_table = peers
        self._values = self._dht.value_store = KeptValues(host, trio.current_time)
        providers: Any = KeptProviders(self._host, trio.current_time)
        self._providers: KeptProviders = providers
        self._dht.provider_store = providers
        self._dht._provider_rate_max = PROVIDER_RATE
        self._dht._inbound_limiter.total_tokens = MAX_REQUESTS
        self._asker = Asker(self._host, self._table)
        self._validator = ours

    @property
    def size(self) -> int:
        """How many peers the routing table holds."""
        return len(self._table)

    def remember(self, peer: str, addresses: Iterable[str]) -> None:
        """A peer that was known before this start: somebody to ask before there is a connection. addresses: full."""
        try:
            other = ID.from_base58(peer)
            where = fitting([Multiaddr(address.split("/p2p/")[0]) for address in addresses])
        except Exception as error:  # no peer id, or no address, as libp2p sees it
            log.debug("DHT: %s is not remembered: %r", peer, error)
            return
        if where and 34 <= len(other.to_bytes()) <= 42 and other.to_bytes() not in self._table:
            self._host.get_peerstore().untold.add(other)
            self._host.get_peerstore().add_addrs(other, where, REMEMBERED)
            texts = [text for one in where if (text := text_of(one)) is not None]
            self._table.heard(contact_of(other.to_bytes(), {group for text in texts if (group := group_of(text))}))

    async def maintain(self) -> None:
        """Look for new peers, drop what has expired, close what is not used; until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._asker.close_idle)
            while True:
                await trio.sleep(MAINTENANCE)
                await self._bounded("refresh", self._refresh, None)
                self._values.cleanup_expired()
                self._providers.cleanup_expired()
                self._dht._provider_rate_limits.clear()

    async def connected(self, peer: str, address: str, outbound: bool) -> None:
        """A peer was connected: ask it for the peers near us, which makes both known to each other."""
        other = ID.from_base58(peer)
        where = [address.split("/p2p/")[0]] if outbound else []

        async def introduce() -> None:
            await self._asker.ask(other.to_bytes(), Message(type=Message.FIND_NODE, key=self._own), where)

        await self._bounded("introduction", introduce, None)

    async def provide(self, key: bytes) -> bool:
        """Announce that this node holds what `key` stands for; True if at least one other node has noted it."""
        self._providers.own.add(key)

        def request(peer: ID) -> Message:
            speaking_with(self._host, peer)
            addresses = [address.to_bytes() for address in self._host.get_addrs()]
            mine = Message.Peer(id=self._own, addrs=addresses)
            return Message(type=Message.ADD_PROVIDER, key=key, providerPeers=[mine])

        async def announce() -> bool:
            nearest = await self._asker.look(key, Message.GET_PROVIDERS, lambda answer, scope: True, storing=True)
            return await self._tell(nearest, request) > 0

        return await self._bounded("provide", announce, False, 2)

    def withdraw(self, key: bytes) -> None:
        """This node no longer holds what `key` stands for. Others forget it in a day."""
        self._providers.own.discard(key)

    async def find_providers(self, key: bytes, count: int = 20) -> list[tuple[str, list[str]]]:
        """Who announced `key`: peer ids with full multiaddrs, this node left out."""
        found: dict[bytes, list[str]] = {}

        def take(answer: Message, scope: int) -> bool:
            others = [one for one in heard_in(answer.providerPeers, scope) if one.contact.peer != self._own]
            for contact, addresses in others[:count]:
                known = found.setdefault(contact.peer, [])
                known += [one for one in addresses if one not in known][: MAX_ADDRESSES - len(known)]
            return bool(others)

        async def search() -> None:
            for info in self._providers.get_providers(key):
                if info.peer_id != self._host.get_id():
                    found[info.peer_id.to_bytes()] = [t for one in info.addrs if (t := text_of(one)) is not None]
            await self._asker.look(key, Message.GET_PROVIDERS, take, enough=1)

        await self._bounded("find_providers", search, None)
        return [(str(ID(peer)), full_texts(ID(peer), known)) for peer, known in list(found.items())[:count]]

    async def find_peer(self, peer: str) -> list[str]:
        """Where a peer can be dialled: full multiaddrs, empty if nobody knows."""
        try:
            wanted = ID.from_base58(peer)
        except ValueError:
            return []
        found = full_addresses(wanted, self._host.get_peerstore().known(wanted))

        def take(answer: Message, scope: int) -> bool:
            where = [one for one in heard_in(answer.closerPeers, scope) if one.contact.peer == wanted.to_bytes()]
            found.extend(t for one in where for t in full_texts(wanted, one.addresses) if t not in found)
            return any(one.addresses for one in where)

        async def search() -> None:
            await self._asker.look(wanted.to_bytes(), Message.FIND_NODE, take, enough=1)

        if not found:
            await self._bounded("find_peer", search, None)
        return found[:MAX_ADDRESSES]

    async def put(self, key: bytes, value: bytes) -> bool:
        """Keep a value under a key at the nodes near it; False if it is not valid, or an older one than is known."""
        text = _text_of(key)
        record = Record(key=text.encode(), value=value)
        newer = False

        def take(answer: Message, scope: int) -> bool:
            nonlocal newer
            newer = newer or self._better(text, answer, value)
            return True

        async def store() -> bool:
            self._validator.validate(text, value)
            mine = self._own_value(text)
            if mine is not None and mine != value and self._validator.select(text, [mine, value]) == 0:
                return False
            self._values.put_record(record.key, record)
            nearest = await self._asker.look(record.key, Message.GET_VALUE, take, storing=True)
            if not newer:
                await self._tell(nearest, lambda peer: Message(type=Message.PUT_VALUE, key=record.key, record=record))
            return not newer

        return await self._bounded("put", store, False, 2)

    async def get(self, key: bytes) -> bytes | None:
        """The best value that the nodes near the key have; ours if they have none better."""
        text = _text_of(key)
        found = self._own_value(text)

        def take(answer: Message, scope: int) -> bool:
            nonlocal found
            if found is not None and answer.record.value == found:
                return True
            if not self._better(text, answer, found):
                return False
            found = answer.record.value
            return True

        async def search() -> None:
            await self._asker.look(text.encode(), Message.GET_VALUE, take, enough=1)

        await self._bounded("get", search, None)
        return found

    def _better(self, text: str, answer: Message, than: bytes | None) -> bool:
        """Whether an answer brings a valid value that is better than this one."""
        value = answer.record.value
        if not value or value == than:
            return False
        try:
            self._validator.validate(text, value)
        except Exception as error:
            log.debug("DHT: a value that is not valid: %s", error)
            return False
        return than is None or self._validator.select(text, [than, value]) == 1

    def _own_value(self, text: str) -> bytes | None:
        """What we keep under this key, if it is still valid."""
        record = self._values.get(text.encode())
        try:
            self._validator.validate(text, record.value if record is not None else b"")
        except Exception:
            return None
        return record.value if record is not None else None

    async def _tell(self, peers: Iterable[Contact], request: Callable[[ID], Message]) -> int:
        """Have them keep something; how many do."""
        kept = 0
        limit = trio.CapacityLimiter(TOLD_AT_ONCE)

        async def tell(peer: bytes) -> None:
            nonlocal kept
            try:
                async with limit:
                    await self._asker.ask(peer, request(ID(peer)), may_refuse=True)
                kept += 1
            except Exception as error:
                log.debug("DHT: %s", error)

        async with trio.open_nursery() as nursery:
            for contact in peers:
                nursery.start_soon(tell, contact.peer)
        return kept

    async def _refresh(self) -> None:
        """Ask after who is near us, and into one of the other buckets."""
        if self._table or self._host.get_connected_peers():
            await self._asker.look(self._own, Message.FIND_NODE, lambda answer, scope: True)
            await self._asker.look(secrets.token_bytes(32), Message.FIND_NODE, lambda answer, scope: True)

    async def _bounded(self, name: str, operation: Callable[[], Awaitable[T]], failed: T, longer: int = 1) -> T:
        try:
            with trio.move_on_after(OPERATION_TIMEOUT * longer):
                return await operation()
        except Exception as error:
            log.debug("DHT: %s failed: %s", name, error)
        return failed


__all__ = ["PROTOCOL", "Network", "NothingValid", "Rendezvous", "ValueValidator"]
