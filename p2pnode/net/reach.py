"""`/p2pnode/reach/1.0.0`: whether a node can be dialled from where its peer is.

Whoever is asked dials back the IP address from which it sees the one who asks, and no other, and goes as far as to see
that the right peer answers. Dials are few, for each peer, each block of addresses, and in all.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import trio

from p2pnode.bounds import (
    DIAL_TIMEOUT,
    MAX_TRACKED,
    REACH_BURST,
    REACH_EVERY,
    REACH_RATE,
    RPC_STREAM_TIMEOUT,
)
from protocols.errors import DecodeError
from protocols.frames import FrameReader, frame
from protocols.reach_messages import PROTOCOL, Answer, Back, Busy, Message, encode_message, parse_message

from .addresses import IP, Address, BadAddress, parse_address
from .connection import Connection
from .dialing import Unreachable, connect
from .guard import TokenBucket
from .libp2p_pieces import ID, HostKey, NegotiationFailed, is_answered_by
from .yamux import Stream, StreamBroken

MAX_MESSAGE = 512  # bytes


class Asks(Protocol):
    """What of the host is needed."""

    key: HostKey

    def connections(self) -> Sequence[Connection]: ...
    async def ask(self, peer: str, protocol: str) -> Stream: ...


class Reach:
    def __init__(self, host: Asks) -> None:
        self._host = host
        self._last: OrderedDict[str, float] = OrderedDict()  # peer or block → when it was dialled back
        self._all = TokenBucket(REACH_RATE, REACH_BURST, _now())

    async def serve(self, peer: str, stream: Stream) -> None:
        """Answer one request. What is no request raises, and costs the peer."""
        asked = await _read(stream)
        if not isinstance(asked, Back):
            raise DecodeError("not a request", "field")
        await stream.write(frame(encode_message(await self._dial_back(peer, asked.port))))

    async def ask(self, peer: str, port: int) -> tuple[bool | None, str]:
        """Have a connected peer dial us back: whether it reached us, and where it tried; None if it did not say."""
        try:
            with trio.fail_after(RPC_STREAM_TIMEOUT):
                stream = await self._host.ask(peer, PROTOCOL)
                try:
                    await stream.write(frame(encode_message(Back(port))))
                    answer = await _read(stream)
                finally:
                    stream.abort()
        except (Unreachable, StreamBroken, NegotiationFailed, DecodeError, trio.TooSlowError):
            return None, ""
        return (answer.reached, answer.seen) if isinstance(answer, Answer) else (None, "")

    async def _dial_back(self, peer: str, port: int) -> Message:
        connection = next((c for c in self._host.connections() if c.peer == peer), None)
        try:
            seen = parse_address(connection.address) if connection is not None else None
        except BadAddress:
            seen = None
        if seen is None or connection is None or seen.kind not in IP or not self._may(peer, connection.block):
            return Busy()
        where = Address(seen.kind, seen.host, port)
        reached = False
        try:
            with trio.fail_after(DIAL_TIMEOUT):
                reached = await is_answered_by(await connect(where), self._host.key, ID.from_base58(peer))
        except (OSError, trio.TooSlowError):
            pass
        return Answer(reached, str(where))

    def _may(self, peer: str, block: str) -> bool:
        now = trio.current_time()
        if any(self._last.get(who, now - REACH_EVERY) > now - REACH_EVERY for who in (peer, block)):
            return False
        if not self._all.take(1, _now()):
            return False
        for who in (peer, block):
            self._last[who] = now
            self._last.move_to_end(who)
        while len(self._last) > MAX_TRACKED:
            self._last.popitem(last=False)
        return True


async def _read(stream: Stream) -> Message:
    """The one frame that comes."""
    reader = FrameReader(MAX_MESSAGE)
    while data := await stream.read(MAX_MESSAGE):
        for item in reader.feed(data):
            return parse_message(item)
    raise DecodeError("ended without a message", "field")


def _now() -> int:
    try:
        return int(trio.current_time() * 1000)
    except RuntimeError:  # made before the loop runs
        return 0
