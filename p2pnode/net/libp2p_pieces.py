"""The parts of py-libp2p 0.8.1 that the node is built from, and how they are put together. Nothing else imports libp2p
but `dht.kad`, which is handed what it needs.

Taken as they are: keys, peer ids, the Noise XX handshake, KadDHT. Replaced, because 0.8.1 has no bounds where a
stranger is on the other end:

* multistream-select (`Multiselect`, `MultiselectCommunicator`): a length prefix could ask for any amount of memory;
  here a message has at most 1 KiB, and a negotiation a bounded number of messages;
* the multiplexer: see `p2pnode.net.yamux`;
* reading the socket in pieces of 2 bytes and a body (`TrioTCPStream`, `NoisePacketReadWriter`): here 64 KiB at a time;
* `Swarm` and `BasicHost`: see `p2pnode.net.host`.

`FINGERPRINTS` names the pieces of libp2p whose inner workings this module relies on; a test compares them.

Importing the package `libp2p` executes every transport it has. Only some of its modules are needed, so its packages are
entered into `sys.modules` without running their `__init__`; any attribute of them that somebody asks for later loads
them in full; and QUIC, which one annotation names, is stood in for. That saves 45 MB and half a second.
"""

import hashlib
import importlib
import inspect
import logging
import os
import warnings
from collections.abc import Iterable
from types import ModuleType
from typing import Any, Final, cast

import trio

from p2pnode.bounds import MAX_EMPTY_MESSAGES, MAX_NEGOTIATION_MESSAGE, MAX_NEGOTIATION_MESSAGES
from p2pnode.lean import enter_lazily, standing_in

WRITTEN_FOR: Final = "0.8.1"


enter_lazily(
    (
        "libp2p",
        "libp2p.bitswap",
        "libp2p.discovery",
        "libp2p.discovery.random_walk",
        "libp2p.host",
        "libp2p.kad_dht",
        "libp2p.network",
        "libp2p.rcmgr",
        "libp2p.records",
        "libp2p.stream_muxer.yamux",
        "libp2p.transport",
        "libp2p.transport.quic",
    )
)

# What libp2p logs on the way is of no use to a household, and without a handler Python would print it.
logging.getLogger("libp2p").addHandler(logging.NullHandler())
logging.getLogger("libp2p").propagate = False

_quic = ModuleType("libp2p.transport.quic.stream")
_quic.QUICStream = object  # type: ignore[attr-defined]  # named in one annotation, which would import all of QUIC

with warnings.catch_warnings(), standing_in(_quic.__name__, _quic):
    # Generated protobuf code and trio_typing warn when they are imported; that is theirs to mend.
    warnings.simplefilter("ignore")
    from libp2p.abc import IRawConnection
    from libp2p.crypto.ed25519 import create_new_key_pair as ed25519_pair
    from libp2p.crypto.x25519 import create_new_key_pair as x25519_pair
    from libp2p.peer.id import ID
    from libp2p.security.noise.exceptions import PeerIDMismatchesPubkey
    from libp2p.security.noise.io import NoiseTransportReadWriter
    from libp2p.security.noise.patterns import PatternXX
    from libp2p.security.secure_session import SecureSession

MULTISTREAM: Final = "/multistream/1.0.0"
NOISE: Final = "/noise"
YAMUX: Final = "/yamux/1.0.0"
NOT_AVAILABLE: Final = "na"
RECEIVE_SIZE: Final = 64 * 1024
MAX_PLAINTEXT: Final = 65_535 - 16

# Fingerprint of each piece that is called here beyond its public face, or stood in for.
FINGERPRINTS: Final = {
    "libp2p.security.noise.patterns:PatternXX": "c93d72d8a624e940ef6e444fca227a6e",
    "libp2p.security.noise.io:BaseNoiseMsgReadWriter": "5de7adf52fc39c9fe2aad95ff03a3bcf",
    "libp2p.security.noise.io:NoiseTransportReadWriter": "a84247055c8da4c34baabf5a05ab172f",
    "libp2p.io.msgio:FixedSizeLenMsgReadWriter": "4bd0eb835fa93615899d0ba795f906dd",
    "libp2p.io.utils:read_exactly": "ae12723eff6b556d340497cf6b4a7c0b",
    "libp2p.peer.id:ID": "8beca2d05dbc60f2b6d2bfd8b409e66d",
}


def fingerprint(piece: str) -> str:
    """The first half of the sha256 of the source of `module:name` in the installed libp2p."""
    module, _, name = piece.partition(":")
    found = getattr(importlib.import_module(module), name)
    return hashlib.sha256(inspect.getsource(found).encode()).hexdigest()[:32]


class ConnectionEnded(ConnectionError):
    """The other side closed the connection."""


class NegotiationFailed(Exception):
    """The other side speaks no protocol of ours, or does not speak multistream-select at all."""


class NotSpoken(NegotiationFailed):
    """The other side has said that it does not speak this protocol."""


class RawChannel:
    """A socket with a read buffer, in the shape libp2p's Noise handshake wants (`IRawConnection`)."""

    def __init__(self, stream: trio.SocketStream, is_initiator: bool) -> None:
        self.is_initiator = is_initiator
        self._stream = stream
        self._buffer = bytearray()
        self._drained = True  # nothing was left in the socket

    async def read(self, n: int | None = None) -> bytes:
        """At most `n` bytes (all that are there when None). Raises ConnectionEnded at the end."""
        if not self._buffer:
            await self._fill()
        size = len(self._buffer) if n is None else min(n, len(self._buffer))
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def read_exactly(self, n: int) -> bytes:
        while len(self._buffer) < n:
            await self._fill()
        data = bytes(self._buffer[:n])
        del self._buffer[:n]
        return data

    async def _fill(self) -> None:
        # What SocketStream does around each call costs as much as the call; and a read that is tried before there is
        # anything is one for nothing.
        if not self._drained:
            await trio.lowlevel.checkpoint()
        while True:
            if self._drained:
                await trio.lowlevel.wait_readable(self._file())
            try:
                data = os.read(self._file(), RECEIVE_SIZE)
                break
            except BlockingIOError:
                self._drained = True
        self._drained = len(data) < RECEIVE_SIZE
        if not data:
            raise ConnectionEnded("closed by the other side")
        self._buffer += data

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._file(), view) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._file())

    def _file(self) -> int:
        """Of a socket that is closed trio would remember that somebody waits for it, for good."""
        number = self._stream.socket.fileno()
        if number < 0:
            raise ConnectionEnded("closed by us")
        return number

    async def close(self) -> None:
        await self._stream.aclose()

    def abort(self) -> None:
        self._stream.socket.close()

    def get_remote_address(self) -> tuple[str, int] | None:
        return None


class SecureChannel:
    """A Noise session over a socket: encrypted, and the peer at the other end known."""

    def __init__(self, raw: RawChannel, peer: ID, cipher: NoiseTransportReadWriter) -> None:
        self.peer = peer
        self._raw = raw
        self._cipher = cipher
        self._left = b""

    async def read_some(self) -> bytes:
        """The next bytes, at least one."""
        if self._left:
            data, self._left = self._left, b""
            return data
        for _ in range(MAX_EMPTY_MESSAGES):
            size = int.from_bytes(await self._raw.read_exactly(2), "big")
            data = self._cipher.decrypt(await self._raw.read_exactly(size))
            if data:
                return data
        raise ConnectionEnded("sends messages without content")

    async def read(self, n: int | None = None) -> bytes:
        data = await self.read_some()
        if n is not None:
            data, self._left = data[:n], data[n:]
        return data

    async def write(self, data: bytes) -> None:
        out = bytearray()
        for start in range(0, len(data), MAX_PLAINTEXT):
            message = self._cipher.encrypt(data[start : start + MAX_PLAINTEXT])
            out += len(message).to_bytes(2, "big") + message
        await self._raw.write(bytes(out))

    def abort(self) -> None:
        self._raw.abort()


class HostKey:
    """The node's Ed25519 host key, its peer id, and a Noise key made for this run."""

    def __init__(self, seed: bytes) -> None:
        self.pair = ed25519_pair(seed)
        self.id = ID.from_pubkey(self.pair.public_key)
        self._noise = x25519_pair()

    def handshake(self) -> PatternXX:
        return PatternXX(self.id, self.pair.private_key, self._noise.private_key)


def _message(text: str) -> bytes:
    body = text.encode() + b"\n"
    size = len(body)
    prefix = bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])
    return prefix + body


async def _byte(source: Any) -> int:
    data = await source.read(1)
    if not data:
        raise NegotiationFailed("ended while a protocol was being agreed")
    return cast(int, data[0])


async def _read_message(source: Any) -> str:
    size = await _byte(source)
    if size & 0x80:
        high = await _byte(source)
        size = size & 0x7F | high << 7
        if high & 0x80 or size > MAX_NEGOTIATION_MESSAGE:
            raise NegotiationFailed("announced a message out of bounds")
    body = bytearray()
    while len(body) < size:
        data = await source.read(size - len(body))
        if not data:
            raise NegotiationFailed("ended while a protocol was being agreed")
        body += data
    if not body.endswith(b"\n"):
        raise NegotiationFailed("not multistream-select")
    try:
        return body[:-1].decode()
    except UnicodeDecodeError:
        raise NegotiationFailed("not multistream-select") from None


async def propose(channel: Any, protocol: str) -> None:
    """Ask the other side for `protocol`, in one message with the greeting. Raises NotSpoken, NegotiationFailed."""
    await channel.write(_message(MULTISTREAM) + _message(protocol))
    if await _read_message(channel) != MULTISTREAM:
        raise NegotiationFailed("not multistream-select")
    answer = await _read_message(channel)
    if answer != protocol:
        failed = NotSpoken if answer == NOT_AVAILABLE else NegotiationFailed
        raise failed(f"does not speak {protocol}")


async def agree(channel: Any, supported: Iterable[str]) -> str:
    """Answer the other side's proposals until one is in `supported`. Raises NegotiationFailed."""
    protocols = set(supported)
    await channel.write(_message(MULTISTREAM))
    if await _read_message(channel) != MULTISTREAM:
        raise NegotiationFailed("not multistream-select")
    for _ in range(MAX_NEGOTIATION_MESSAGES):
        proposed = await _read_message(channel)
        if proposed in protocols:
            await channel.write(_message(proposed))
            return proposed
        await channel.write(_message(NOT_AVAILABLE))
    raise NegotiationFailed("proposes and proposes")


async def upgrade(stream: trio.SocketStream, key: HostKey, expected: ID | None) -> SecureChannel:
    """Take a TCP connection through Noise to the point where yamux can start.

    expected: the peer that was dialled; None for a connection that came in.
    Raises PeerIDMismatchesPubkey, NegotiationFailed, and whatever a failing handshake raises: catch Exception.
    """
    raw = RawChannel(stream, is_initiator=expected is not None)
    connection = cast(IRawConnection, raw)
    if expected is not None:
        await propose(raw, NOISE)
        session = await key.handshake().handshake_outbound(connection, expected)
    else:
        await agree(raw, [NOISE])
        session = await key.handshake().handshake_inbound(connection)
    secure = cast(SecureSession, session)
    channel = SecureChannel(raw, secure.get_remote_peer(), cast(NoiseTransportReadWriter, secure.conn))
    if expected is not None:
        await propose(channel, YAMUX)
    else:
        await agree(channel, [YAMUX])
    return channel


async def is_answered_by(stream: trio.SocketStream, key: HostKey, expected: ID) -> bool:
    """Whether this peer answers on a TCP connection: it has shown its key when Noise is through. Closes it."""
    raw = RawChannel(stream, is_initiator=True)
    try:
        await propose(raw, NOISE)
        await key.handshake().handshake_outbound(cast(IRawConnection, raw), expected)
        return True
    except Exception:  # whatever a failing handshake raises
        return False
    finally:
        raw.abort()


__all__ = [
    "FINGERPRINTS",
    "ID",
    "WRITTEN_FOR",
    "ConnectionEnded",
    "HostKey",
    "NegotiationFailed",
    "PeerIDMismatchesPubkey",
    "SecureChannel",
    "agree",
    "fingerprint",
    "is_answered_by",
    "propose",
    "upgrade",
]
