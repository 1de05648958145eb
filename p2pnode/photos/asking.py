"""Asks one peer for one photo, and believes nothing of the answer but what its hash says."""

from collections.abc import Sequence
from typing import Protocol
from weakref import WeakValueDictionary

import trio
from structlog.typing import FilteringBoundLogger

from p2pnode.bounds import RPC_STREAM_TIMEOUT
from p2pnode.core.elsewhere import Target
from p2pnode.net.connection import Connection
from p2pnode.net.dialing import Unreachable
from p2pnode.net.libp2p_pieces import NegotiationFailed
from p2pnode.net.yamux import Stream, StreamBroken
from protocols.errors import DecodeError, Reject
from protocols.frames import FrameReader, frame
from protocols.identity import digest
from protocols.limits import MAX_FRAME
from protocols.photo import check_photo
from protocols.photo_messages import PROTOCOL, Busy, Get, Nothing, Piece, encode_message, parse_message

PIECE = 32 * 1024  # bytes read at a time


class Asks(Protocol):
    """What of the host is needed."""

    def connections(self) -> Sequence[Connection]: ...
    async def ask(self, peer: str, protocol: str) -> Stream: ...
    async def dial(self, address: str | Sequence[str], *, keep: bool = True) -> str: ...
    async def disconnect(self, peer: str) -> None: ...
    def strike(self, peer: str, reason: str) -> None: ...


class Assembly:
    """What one peer answers, frame by frame. Pure."""

    def __init__(self, photo: bytes) -> None:
        self._photo = photo
        self._data = bytearray()
        self._size = 0

    def take(self, item: bytes) -> bytes | None:
        """The photo once it is whole, b"" if the peer does not give it, None while more is to come. `Reject` for what
        no honest peer sends."""
        match parse_message(item):
            case Piece(size, data) if self._size in (0, size) and len(self._data) + len(data) <= size:
                self._size = size
                self._data += data
                if len(self._data) < size:
                    return None
                return self._whole()
            case Nothing() | Busy() if not self._data:
                return b""
        raise Reject("state", "not an answer to what was asked")

    def _whole(self) -> bytes:
        photo = bytes(self._data)
        if digest(photo) != self._photo:
            raise Reject("field", "other bytes than those that were asked for")
        check_photo(photo)
        return photo


class Asking:
    """One question at a time to one peer. within: seconds."""

    def __init__(self, host: Asks, log: FilteringBoundLogger, within: float = RPC_STREAM_TIMEOUT) -> None:
        self._host = host
        self._log = log
        self._within = within
        self._lines: WeakValueDictionary[str, trio.Lock] = WeakValueDictionary()

    async def ask(self, target: Target, network: bytes, photo: bytes) -> bytes | None:
        """The photo, None if this peer does not give it. A connection that was made for this alone is let go."""
        peer = target.peer
        line = self._lines.setdefault(peer, trio.Lock())
        try:
            with trio.fail_after(self._within):
                async with line:
                    if target.addresses:
                        await self._host.dial(target.addresses, keep=False)
                    return await self._put(peer, Get(network, photo), Assembly(photo))
        except (Unreachable, StreamBroken, NegotiationFailed, trio.TooSlowError) as e:
            self._log.info("a photo was not given", peer=peer, problem=str(e))
        except Reject as e:
            self._host.strike(peer, f"photo: {e}")
        finally:
            if target.addresses:
                await self._let_go(peer)
        return None

    async def _put(self, peer: str, asked: Get, assembly: Assembly) -> bytes | None:
        stream = await self._host.ask(peer, PROTOCOL)
        try:
            await stream.write(frame(encode_message(asked)))
            reader = FrameReader(MAX_FRAME)
            while data := await stream.read(PIECE):
                for item in reader.feed(data):
                    answer = assembly.take(item)
                    if answer is not None:
                        return answer or None
            if reader.pending:
                raise DecodeError("ended within a message", "field")
            raise StreamBroken("ended without an answer")
        finally:
            await stream.finish()

    async def _let_go(self, peer: str) -> None:
        if any(c.peer == peer and not c.kept for c in self._host.connections()):
            with trio.CancelScope(shield=True):
                await self._host.disconnect(peer)
