"""Targets below the frames: the negotiation, the handshake, the multiplexer with all that stands on it, the DHT.

Each input is one connection, in memory and on a clock that jumps: who waits for more than comes is timed out at once.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any

import trio
from trio.testing import MockClock

from dht.kad_host import PROTOCOL as KAD
from p2pnode.net.connection import Connection
from p2pnode.net.delivery import HostEvent
from p2pnode.net.host import PROTOCOLS, Host
from p2pnode.net.libp2p_pieces import (  # before libp2p itself: it makes that import light
    NOISE,
    YAMUX,
    HostKey,
    NegotiationFailed,
    RawChannel,
    SecureChannel,
    agree,
    propose,
    upgrade,
)
from p2pnode.net.ping import PING
from p2pnode.net.yamux import ACK, DATA, FIN, GO_AWAY, HEADER, RST, SYN, WINDOW, Pool
from p2pnode.net.yamux import PING as YAMUX_PING
from protocols.errors import Reject
from protocols.frames import frame
from protocols.nearness import PUBLIC

from .pairs import pair
from .parsing import MESSAGES
from .sound import frames_of
from .table import Target

MINE, THEIRS = HostKey(b"\1" * 32), HostKey(b"\2" * 32)
GREETING = b"\x13/multistream/1.0.0\n"


def negotiation(data: bytes) -> None:
    async def main() -> None:
        try:
            agreed = await agree(_Source(data), PROTOCOLS)
        except NegotiationFailed as e:
            raise Reject("state", str(e)) from None
        assert agreed in PROTOCOLS

    _run(main)


def proposal(data: bytes) -> None:
    """What a node that we dialled answers."""

    async def main() -> None:
        try:
            await propose(_Source(data), NOISE)
        except NegotiationFailed as e:
            raise Reject("state", str(e)) from None

    _run(main)


def knock(data: bytes) -> None:
    """Whatever comes to the port."""

    async def main() -> None:
        host = Host(b"\1" * 32, [], _ignore, dht=False)
        with pair() as (server, client):
            await client.send_all(data)
            await client.send_eof()
            await host._accept(server)
        assert not host._handshakes and not host._peers

    _run(main)


def handshake(data: bytes) -> None:
    """The payload of a Noise handshake that is sound otherwise, of who dials us."""

    async def main() -> None:
        host = Host(b"\1" * 32, [], _ignore, dht=False)
        with pair() as (server, client):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_dial_oddly, client, data)
                await host._accept(server)
        assert not host._handshakes and not host._peers

    _run(main)


def answered_handshake(data: bytes) -> None:
    """The same, of whom we dialled: whatever is raised ends that dial."""

    async def main() -> None:
        problem: Exception | None = None
        with pair() as (server, client):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_answer_oddly, server, data)
                try:
                    with trio.fail_after(5):
                        await upgrade(client, MINE, THEIRS.id)
                except Exception as e:
                    problem = e
                nursery.cancel_scope.cancel()
        if problem is not None:
            raise Reject("state", repr(problem))

    _run(main)


def multiplexed(data: bytes) -> None:
    """Everything that a peer can say after the handshake: yamux, negotiations, frames, pings."""

    async def main() -> None:
        observer = _Observer()
        connection = Connection(
            _Channel(data),  # type: ignore[arg-type]
            observer,
            address="/ip4/192.0.2.1/tcp/1",
            block="192.0.2.1",
            outbound=False,
            kept=False,
            protocols=PROTOCOLS,
            handlers=_dht()[1].handlers,
            silence=18.0,
            pool=(pool := Pool()),
        )
        await connection.run()
        assert connection.closed and pool.used == 0
        if observer.reasons:
            raise Reject("state", observer.reasons[0])

    _run(main)


def dht_request(data: bytes) -> None:
    """A stream of the DHT's protocol. What the handler raises costs the peer its stream (`Connection`), no more."""

    async def main() -> None:
        try:
            with trio.fail_after(10):
                await _dht()[1].handlers[KAD](str(THEIRS.id), _Source(data))
        except Exception as e:
            raise Reject("state", repr(e)) from None

    _run(main)


def dht_answer(data: bytes) -> None:
    """What a peer answers to our own questions."""

    async def main() -> None:
        rendezvous, network = _dht()
        network.answer = data
        await rendezvous.connected(str(THEIRS.id), "/ip4/192.0.2.1/tcp/1", True)
        await rendezvous.find_providers(b"\7" * 32)
        await rendezvous.find_peer(str(MINE.id))
        await rendezvous.provide(b"\7" * 32)
        await rendezvous.get(b"\7" * 32)
        await rendezvous.put(b"\7" * 32, b"v")

    _run(main)


# What stands at the other end


def _run(main: Callable[[], Awaitable[None]]) -> None:
    trio.run(main, clock=MockClock(autojump_threshold=0))


async def _ignore(event: HostEvent) -> None: ...


class _Source:
    """Gives what it has, then the end; takes everything."""

    def __init__(self, data: bytes) -> None:
        self._left = data
        self.written = 0

    async def read(self, n: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        size = len(self._left) if n is None else n
        data, self._left = self._left[:size], self._left[size:]
        return data

    async def write(self, data: bytes) -> None:
        self.written += len(data)
        await trio.lowlevel.checkpoint()

    async def finish(self) -> None: ...
    async def close(self) -> None: ...
    async def reset(self) -> None: ...

    def abort(self) -> None: ...


class _Channel:
    """A secure channel whose other side has said all that it will, and goes when it was heard."""

    def __init__(self, data: bytes) -> None:
        self.peer = THEIRS.id
        self._left = data

    async def read_some(self) -> bytes:
        if not self._left:
            await trio.sleep(30)  # longer than anybody waits
            raise ConnectionError("gone")
        piece, self._left = self._left[:1_000], self._left[1_000:]
        for _ in range(3):  # whom that wakes does something, too
            await trio.lowlevel.checkpoint()
        return piece

    async def write(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()

    def abort(self) -> None: ...


class _Observer:
    def __init__(self) -> None:
        self.reasons: list[str] = []

    async def frame_arrived(self, connection: Connection, protocol: str, data: bytes) -> None:
        assert protocol in PROTOCOLS and 1 <= len(data) <= 65_536

    async def bytes_arrived(self, connection: Connection, size: int) -> None: ...
    async def requested(self, connection: Connection) -> None: ...
    async def unspoken(self, connection: Connection, protocol: str) -> None: ...

    def misbehaved(self, connection: Connection, reason: str) -> None:
        self.reasons.append(reason)


class _Odd:
    """In place of the payload of a handshake."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def serialize(self) -> bytes:
        return self._data


async def _dial_oddly(stream: Any, data: bytes) -> None:
    pattern = THEIRS.handshake()
    pattern.make_handshake_payload = lambda *_: _Odd(data)  # type: ignore[method-assign, assignment, return-value]
    raw: Any = RawChannel(stream, True)
    try:
        await propose(raw, NOISE)
        await pattern.handshake_outbound(raw, MINE.id)
    except Exception:
        pass
    finally:
        await stream.aclose()


async def _answer_oddly(stream: Any, data: bytes) -> None:
    pattern = THEIRS.handshake()
    pattern.make_handshake_payload = lambda *_: _Odd(data)  # type: ignore[method-assign, assignment, return-value]
    raw: Any = RawChannel(stream, False)
    try:
        await agree(raw, [NOISE])
        session: Any = await pattern.handshake_inbound(raw)
        await agree(SecureChannel(raw, MINE.id, session.conn), [YAMUX])
    except Exception:
        pass
    finally:
        await stream.aclose()


class _Network:
    """A host to which one peer is connected, that answers every question alike."""

    def __init__(self) -> None:
        self.peer_id = str(MINE.id)
        self.private_key = MINE.pair.private_key
        self.handlers: dict[str, Any] = {}
        self.answer = b""

    def addresses(self) -> list[str]:
        return [f"/ip4/192.0.2.7/tcp/4001/p2p/{self.peer_id}"]

    def connected_peers(self) -> list[str]:
        return [str(THEIRS.id)]

    def scope_of(self, peer: str) -> int:
        return PUBLIC

    def group_of(self, peer: str) -> str:
        return ""

    async def dial(self, address: Any, *, keep: bool = True) -> str:
        raise ConnectionError("nobody answers")

    async def ask(self, peer: str, protocol: str) -> Any:
        await trio.lowlevel.checkpoint()
        return _Source(self.answer)

    def handle(self, protocol: str, handler: Any) -> None:
        self.handlers[protocol] = handler


@cache
def _dht() -> tuple[Any, _Network]:
    from dht.kad import Rendezvous
    from p2pnode.net.ping import echo

    network = _Network()
    network.handle(PING, echo)
    return Rendezvous(network), network


# Seeds


def negotiations() -> Sequence[bytes]:
    said = [bytes([len(p) + 1]) + p.encode() + b"\n" for p in sorted(PROTOCOLS)]
    return [GREETING + said[0], GREETING + b"\x03na\n" + said[1], GREETING + b"\x07/noise\n"]


def payloads() -> Sequence[bytes]:
    return [THEIRS.handshake().make_handshake_payload().serialize()]


def knocks() -> Sequence[bytes]:
    start = GREETING + b"\x07/noise\n"
    return [start, start + b"\x00\x20" + b"\x09" * 32, start + b"\x00\x20" + b"\x09" * 32 + b"\x01\x00" + bytes(256)]


def conversations() -> Sequence[bytes]:
    """What a peer says that speaks a protocol as it should, asks the DHT, pings, resets, and goes."""
    found = []
    for name in MESSAGES:
        protocol = f"/p2pnode/{name}/1.0.0"
        found.append(_stream(1, protocol, b"".join(frame(f) for f in frames_of(name)[:6])))
    found.append(_stream(1, PING, bytes(32)) + HEADER.pack(0, YAMUX_PING, SYN, 0, 7))
    found.append(_stream(1, KAD, requests()[0]) + HEADER.pack(0, WINDOW, RST, 1, 0))
    found.append(found[0] + HEADER.pack(0, WINDOW, 0, 1, 1_000) + HEADER.pack(0, GO_AWAY, 0, 0, 0))
    return found


def _stream(number: int, protocol: str, data: bytes) -> bytes:
    said = GREETING + bytes([len(protocol) + 1]) + protocol.encode() + b"\n" + data
    opened = HEADER.pack(0, WINDOW, SYN, number, 0) + HEADER.pack(0, YAMUX_PING, ACK, 0, 0)
    return opened + HEADER.pack(0, DATA, 0, number, len(said)) + said + HEADER.pack(0, DATA, FIN, number, 0)


@cache
def requests() -> Sequence[bytes]:
    from libp2p.kad_dht.pb.kademlia_pb2 import Message, Record

    found = []
    for kind in Message.MessageType.values():
        message = Message(type=kind, key=b"/p2pnode/" + b"07" * 32, clusterLevelRaw=10)
        peer = Message.Peer(id=THEIRS.id.to_bytes(), addrs=[b"\x04\xc0\x00\x02\x01\x06\x0f\xa1"], connection=1)
        message.closerPeers.append(peer)
        message.providerPeers.append(peer)
        message.record.CopyFrom(Record(key=message.key, value=b"v0001", timeReceived="2026-01-01T00:00:00Z"))
        found.append(_prefixed(message.SerializeToString()))
    return found


def _prefixed(data: bytes) -> bytes:
    size = len(data)
    return (bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])) + data


TARGETS: Sequence[Target] = (
    Target("negotiation", negotiation, negotiations),
    Target("proposal", proposal, lambda: [GREETING + b"\x07/noise\n", GREETING + b"\x03na\n"]),
    Target("knock", knock, knocks),
    Target("handshake", handshake, payloads),
    Target("answered-handshake", answered_handshake, payloads),
    Target("multiplexed", multiplexed, conversations),
    Target("dht-requests", dht_request, requests),
    Target("dht-answers", dht_answer, requests),
)
