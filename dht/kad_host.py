"""The libp2p host that KadDHT 0.8.1 is given, standing on the node's own.

KadDHT names its protocol with a constant, `/ipfs/kad/1.0.0`, and keeps whatever peers it hears of. `KadHost` opens and
serves streams of `/p2pnode/kad/1.0.0` whatever name KadDHT uses, so that our DHT and the public one never mix; it dials
the peers that are not connected, and bounds what is kept of them and what can be sent on a stream.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final, Protocol

import trio
from libp2p.peer.id import ID
from libp2p.peer.peerstore import _peer_record_signer_matches
from multiaddr import Multiaddr

from protocols.nearness import LOOPBACK, is_taken

PROTOCOL: Final = "/p2pnode/kad/1.0.0"
MAX_PEERS: Final = 1_024
MAX_ADDRESSES: Final = 8  # kept per peer
MAX_ADDRESS_BYTES: Final = 128
MAX_ENVELOPE: Final = 4 * 1024
MAX_REQUEST: Final = 64 * 1024  # bytes of requests on one stream
MAX_RESPONSE: Final = 512 * 1024
MAX_ANSWERS: Final = 8  # on one stream
MAX_DIALS: Final = 8
RETRY_AFTER: Final = 30.0  # seconds until a peer that could not be dialled is dialled again

# The parts of libp2p whose inner workings `dht.kad*` rely on; see `p2pnode.net.libp2p_pieces`.
FINGERPRINTS: Final = {
    "libp2p.kad_dht.kad_dht:KadDHT": "220931de72cd587994e94d5800437c47",
    "libp2p.kad_dht.value_store:ValueStore": "005a6d53ae01eb8b7bb8f2996868cd43",
    "libp2p.kad_dht.utils:maybe_consume_signed_record": "fccef20585107b27303258cb016aed8f",
    "libp2p.peer.peerstore:env_to_send_in_RPC": "9fea9d702c187d224bec58beb9b09961",
    "libp2p.peer.peerstore:_peer_record_signer_matches": "b048e4def8c02614abcfe022c139c5e1",
}


class Stream(Protocol):
    async def read(self, n: int | None = None) -> bytes: ...
    async def write(self, data: bytes) -> None: ...
    async def finish(self) -> None: ...
    async def reset(self) -> None: ...


class Network(Protocol):
    """What the DHT needs of the node's host."""

    @property
    def peer_id(self) -> str: ...
    @property
    def private_key(self) -> Any: ...  # libp2p's PrivateKey
    def addresses(self) -> list[str]: ...
    def connected_peers(self) -> list[str]: ...
    def scope_of(self, peer: str) -> int: ...  # how near a connected peer is: see `protocols.nearness`
    def group_of(self, peer: str) -> str: ...  # likewise; empty for one that is near, or not connected
    async def dial(self, address: Iterable[str], *, keep: bool = True) -> str: ...
    async def ask(self, peer: str, protocol: str) -> Any: ...
    def handle(self, protocol: str, handler: Callable[[str, Any], Awaitable[None]] | None) -> None: ...


_far: ContextVar[int] = ContextVar("far", default=LOOPBACK)  # how near the peer is that this task speaks with
_asked: ContextVar[bool] = ContextVar("asked", default=False)  # whether this task answers it
_asker: ContextVar[str] = ContextVar("asker", default="")  # whom it answers: the group of addresses, or the peer id


def asker() -> str:
    """Who brought what this task keeps for him; empty for ourselves."""
    return _asker.get()


def speaking_with(host: "KadHost", peer: ID) -> None:
    """From here on this task speaks with a peer, who is told and believed what one so near may be."""
    _far.set(host.scope_of(peer))


def fitting(addresses: Iterable[Multiaddr]) -> list[Multiaddr]:
    """Of these addresses those that are told to, and taken from, the peer that this task speaks with: none is nearer
    than it is. A stranger learns nothing of our local network, and cannot have us knock at doors there.
    """
    return [one for one in addresses if (text := text_of(one)) is not None and is_taken(text, _far.get())]


def text_of(address: Multiaddr) -> str | None:
    """An address without its peer id; None for bytes that are no address: libp2p takes any, and finds out here."""
    return text_in(address.to_bytes())


@lru_cache(maxsize=4_096)
def text_in(raw: bytes) -> str | None:
    """The same from an address's bytes."""
    if len(raw) == 8 and raw[0] == 4 and raw[5] == 6:  # /ip4/…/tcp/…, without libp2p's long way
        return f"/ip4/{'.'.join(map(str, raw[1:5]))}/tcp/{int.from_bytes(raw[6:], 'big')}"
    try:
        return str(Multiaddr(raw)).split("/p2p/")[0]
    except Exception:  # whatever a part of it raises
        return None


@lru_cache(maxsize=1_024)
def id_of(peer: str) -> ID:
    """Of a connected peer: its name is sound."""
    return ID.from_base58(peer)


class KadStream:
    """A stream in the shape KadDHT expects, bounded in what can be read from it and how often it is written to."""

    def __init__(self, stream: Stream, peer: ID, *, budget: int, writes: int) -> None:
        self.muxed_conn = self  # KadDHT asks it for the peer id
        self.metric_send_channel = None
        self.peer_id = peer
        self._stream = stream
        self._budget = budget
        self._writes = writes

    async def read(self, n: int | None = None) -> bytes:
        if n is not None and n > self._budget:
            raise ValueError("more than a message may hold")
        data = await self._stream.read(n)
        self._budget -= len(data)
        return data

    async def write(self, data: bytes) -> None:
        self._writes -= 1
        if self._writes < 0:
            raise ValueError("too many requests on one stream")
        await self._stream.write(data)

    def allow(self, budget: int) -> None:
        """So many bytes may be read from now on."""
        self._budget = budget

    async def close(self) -> None:
        await self._stream.finish()

    async def reset(self) -> None:
        await self._stream.reset()


class _Peers:
    """The peerstore that KadDHT sees: addresses and signed records of the peers heard of last."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[ID, dict[Multiaddr, float]] = OrderedDict()
        self._records: dict[ID, Any] = {}
        self._own: Any = None
        self.untold: set[ID] = set()  # known from our address book only: nobody else's business

    def addrs(self, peer: ID) -> list[Multiaddr]:
        """What KadDHT is shown: to answer somebody, what that one may know."""
        found = self.known(peer)
        if not _asked.get():
            return found
        return [] if peer in self.untold else fitting(found)

    def known(self, peer: ID) -> list[Multiaddr]:
        now = time.monotonic()
        return [address for address, until in self._addresses.get(peer, {}).items() if until > now]

    def add_addrs(self, peer: ID, addresses: Iterable[Multiaddr], ttl: int) -> None:
        if not 34 <= len(peer.to_bytes()) <= 42:
            return
        addresses = fitting(addresses)
        known = self._addresses.setdefault(peer, {})
        self._addresses.move_to_end(peer)
        until = time.monotonic() + ttl
        for address in addresses:
            if len(address.to_bytes()) <= MAX_ADDRESS_BYTES:
                known.pop(address, None)
                known[address] = until
        while len(known) > MAX_ADDRESSES:
            del known[next(iter(known))]
        while len(self._addresses) > MAX_PEERS:
            dropped, _ = self._addresses.popitem(last=False)
            self._records.pop(dropped, None)
            self.untold.discard(dropped)

    def peer_ids(self) -> list[ID]:
        return list(self._addresses)

    def get_protocols(self, peer: ID) -> list[str]:
        return []

    def get_peer_record(self, peer: ID) -> Any:
        record = self._records.get(peer) if self.known(peer) else None
        if record is None or len(fitting(addresses := record.record().addrs)) < len(addresses):
            return None  # a signed record is told whole or not at all
        return record

    def consume_peer_record(self, envelope: Any, ttl: int) -> bool:
        """Take the addresses from a signed record; an older one than we have is not an offence (clocks go wrong)."""
        if not _peer_record_signer_matches(envelope) or len(envelope.marshal_envelope()) > MAX_ENVELOPE:
            return False
        record = envelope.record()
        known = self._records.get(record.peer_id)
        if known is None or known.record().seq <= record.seq:
            self._addresses.pop(record.peer_id, None)
            self.add_addrs(record.peer_id, list(record.addrs)[:MAX_ADDRESSES], ttl)
            if record.peer_id in self._addresses:
                self._records[record.peer_id] = envelope
        return True

    def get_local_record(self) -> Any:
        return self._own

    def set_local_record(self, envelope: Any) -> None:
        self._own = envelope


class KadHost:
    """The libp2p host that KadDHT sees."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._id = ID.from_base58(network.peer_id)
        self._peers = _Peers()
        self._dials = trio.CapacityLimiter(MAX_DIALS)
        self._failed: OrderedDict[ID, float] = OrderedDict()
        self._own: list[Multiaddr] = []
        self._own_at = -1e9

    def get_id(self) -> ID:
        return self._id

    def get_private_key(self) -> Any:
        return self._network.private_key

    def get_peerstore(self) -> _Peers:
        return self._peers

    def get_connected_peers(self) -> list[ID]:
        return [id_of(peer) for peer in self._network.connected_peers()]

    def get_addrs(self) -> list[Multiaddr]:
        if trio.current_time() - self._own_at > 5:
            self._own = [Multiaddr(text) for text in self._network.addresses()][:MAX_ADDRESSES]
            self._own_at = trio.current_time()
        return fitting(self._own)

    def set_stream_handler(self, protocol: str, handler: Callable[[Any], Awaitable[None]]) -> None:
        async def serve(peer: str, stream: Stream) -> None:
            _far.set(self._network.scope_of(peer))
            _asked.set(True)
            _asker.set(self._network.group_of(peer) or peer)
            await handler(KadStream(stream, id_of(peer), budget=MAX_REQUEST, writes=2 * MAX_ANSWERS))

        self._network.handle(PROTOCOL, serve)

    def remove_stream_handler(self, protocol: str) -> None:
        self._network.handle(PROTOCOL, None)

    def scope_of(self, peer: ID) -> int:
        return self._network.scope_of(str(peer))

    async def open(self, peer: ID, addresses: Sequence[str] = ()) -> KadStream:
        """A stream to a peer, who is dialled at the addresses heard of if he is not connected. addresses: more of them,
        without the peer id."""
        name = str(peer)
        if name not in self._network.connected_peers():
            await self._dial(peer, addresses)
        speaking_with(self, peer)
        return KadStream(await self._network.ask(name, PROTOCOL), peer, budget=MAX_RESPONSE, writes=64)

    async def _dial(self, peer: ID, more: Sequence[str]) -> None:
        if trio.current_time() - self._failed.get(peer, -1e9) < RETRY_AFTER:
            raise ConnectionError("could not be dialled a moment ago")
        known = full_addresses(peer, self._peers.known(peer))
        addresses = list(dict.fromkeys([*known, *(f"{text}/p2p/{peer}" for text in more)]))
        if not addresses:
            raise ConnectionError("no address is known")
        try:
            async with self._dials:
                await self._network.dial(addresses, keep=False)
        except Exception:
            self._failed[peer] = trio.current_time()
            self._failed.move_to_end(peer)
            while len(self._failed) > MAX_PEERS:
                self._failed.popitem(last=False)
            raise
        self._failed.pop(peer, None)


def full_addresses(peer: ID, addresses: Iterable[Multiaddr]) -> list[str]:
    """The addresses as text, each ending in the peer id."""
    return [f"{text}/p2p/{peer}" for one in addresses if (text := text_of(one)) is not None]


def full_texts(peer: ID, addresses: Iterable[str]) -> list[str]:
    return [f"{text}/p2p/{peer}" for text in addresses]
