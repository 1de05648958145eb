"""Yamux, the stream multiplexer of a connection (https://github.com/hashicorp/yamux/blob/master/spec.md).

It speaks the same wire protocol as `libp2p.stream_muxer.yamux` of 0.8.1 and stands in its place, because that one
neither enforces its receive window nor bounds the streams a peer opens, and answers pings from the reading task, so
that two sides with full buffers wait for each other. Here one task reads and never writes, one task writes, and:

* what a peer may make us hold is bounded per stream (the window), per connection (`MAX_BUFFERED`) and in streams;
* a peer that sends more than its window, or answers nothing for `silence` seconds, loses the connection;
* frames that are ready together leave in one Noise message, and credit is returned when half a window was read.
"""

import math
import secrets
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import trio

from p2pnode.bounds import (
    MAX_BUFFERED,
    MAX_CONTROL_BACKLOG,
    MAX_DIRECT_FRAMES,
    MAX_DISCARDED,
    MAX_INBOUND_STREAMS,
    MAX_WRITE_BACKLOG,
    MUX_BURST,
    MUX_RATE,
    STREAM_LINGER,
    WRITE_TIMEOUT,
)

from .guard import TokenBucket
from .pool import Pool
from .stream import (
    ACK,
    CHUNK,
    DATA,
    FIN,
    GO_AWAY,
    HEADER,
    PING,
    RST,
    SYN,
    WINDOW,
    WINDOW_SIZE,
    Stream,
    StreamBroken,
    Violation,
)

__all__ = [
    "ACK", "BATCH", "DATA", "FIN", "GO_AWAY", "HEADER", "PING", "RST", "SYN", "WINDOW", "WINDOW_SIZE",
    "Pool", "Stream", "StreamBroken", "Yamux",
]  # fmt: skip

BATCH: Final = 60 * 1024  # of frames in one write


class Channel(Protocol):
    """An encrypted byte channel in which message boundaries mean nothing."""

    async def read_some(self) -> bytes: ...
    async def write(self, data: bytes) -> None: ...
    def abort(self) -> None: ...


class Yamux:
    """All streams of one connection.

    on_stream: called (synchronously, by the reading task) with each stream that the peer opens; False refuses it.
    silence: seconds without a sign of life after which the peer is taken for gone; it is pinged well before.
    pool: shared by the connections of a node; when it is full, who holds most is closed.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        initiator: bool,
        on_stream: Callable[[Stream], bool],
        silence: float = 18.0,
        pool: Pool | None = None,
    ) -> None:
        self.streams: dict[int, Stream] = {}
        self.closed = trio.Event()
        self.reason = ""
        self.violation = False
        self.rtt = 0.0  # seconds, the shortest; 0 until measured
        self._channel = channel
        self._next_id = 1 if initiator else 2
        self._on_stream = on_stream
        self._silence = silence
        self._scope = trio.CancelScope()
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._control = 0
        self._queue_filled = trio.Event()
        self._buffered = 0
        self._held = 0  # of what was read from streams, by whoever is not done with it
        self._waiting = 0  # of what the connection above holds back to send
        self._pool = pool or Pool()
        self._meter = TokenBucket(MUX_RATE, MUX_BURST, _milliseconds())
        self._frames = 0  # since the last time that they were charged
        self._discarded = 0
        self._heard_at = trio.current_time()
        self._writing_since = math.inf  # not writing
        self._pinged_at = 0.0
        self._ping_value = 0

    @property
    def received(self) -> int:
        """Bytes that came and were not handled yet."""
        return self._buffered + self._held

    @property
    def sending(self) -> int:
        """Bytes that wait to be sent."""
        return self._queued + self._waiting

    @property
    def has_room(self) -> bool:
        return self._queued < MAX_WRITE_BACKLOG

    @property
    def is_quiet(self) -> bool:
        """Whether hardly anything waits to be sent."""
        return self.has_room and len(self._queue) < MAX_DIRECT_FRAMES

    @property
    def inbound(self) -> int:
        return sum(1 for stream in self.streams.values() if not stream.outbound)

    async def run(self) -> None:
        """Serve the connection until it ends; never raises for what a peer or the network does."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._keep_alive)
                    nursery.start_soon(self._write)
                    await self._read()
        except* Violation as group:
            self.violation = True
            self.close(f"protocol violation: {group.exceptions[0]}")
        except* Exception as group:
            # The network's own errors come here as well as whatever the decryption of a forged message raises.
            self.close(f"connection lost ({type(group.exceptions[0]).__name__})")
        finally:
            self.close("closed by the peer")
            self._channel.abort()

    def close(self, reason: str) -> None:
        """End the connection; the first reason is kept."""
        if not self.closed.is_set():
            self.reason = reason
            self._pool.receive(-self.received)
            self._pool.send(-self.sending)
            self.closed.set()
            for stream in list(self.streams.values()):
                stream._break()
            self._scope.cancel()

    def open_stream(self) -> Stream:
        if self.closed.is_set() or self._next_id >= 2**31:
            raise StreamBroken("the connection is closed")
        stream = Stream(self, self._next_id, outbound=True)
        self._next_id += 2
        self.streams[stream.id] = stream
        self.queue(HEADER.pack(0, WINDOW, SYN, stream.id, 0), control=True)
        return stream

    def queue(self, data: bytes, *, control: bool) -> None:
        """Put a frame into the line for the writing task. Control frames always fit, but a peer that provokes
        them and reads nothing is cut off."""
        if self.closed.is_set():
            return
        self._queue.append(data)
        self._queued += len(data)
        self._queue_filled.set()
        self._pool.send(len(data))
        if control:
            self._control += len(data)
            if self._control > MAX_CONTROL_BACKLOG:
                self.close("provokes answers and reads none")

    def released(self, size: int) -> None:
        self._buffer(-size)

    def _buffer(self, size: int) -> None:
        self._buffered += size
        if not self.closed.is_set():
            self._pool.receive(size)

    def hold(self, size: int) -> None:
        """So much more (or less) that was read from streams is held by whoever is not done with it."""
        self._held += size
        if not self.closed.is_set():
            self._pool.receive(size)

    def hold_back(self, size: int) -> None:
        """So much more (or less) waits above to be written into a stream."""
        self._waiting += size
        if not self.closed.is_set():
            self._pool.send(size)

    async def _write(self) -> None:
        while True:
            while not self._queue:
                self._queue_filled = trio.Event()
                await self._queue_filled.wait()
            batch = bytearray()
            while self._queue and (not batch or len(batch) + len(self._queue[0]) <= BATCH):
                batch += self._queue.popleft()
            if not self._queue:
                self._control = 0
            self._writing_since = trio.current_time()
            await self._channel.write(bytes(batch))
            self._writing_since = math.inf
            if self.closed.is_set():
                return  # all that was queued is off the pool already
            self._queued -= len(batch)
            self._pool.send(-len(batch))
            if self.has_room:
                for stream in self.streams.values():
                    stream._writable.set()

    async def _keep_alive(self) -> None:
        ping_after = self._silence * 0.4
        while True:
            await trio.sleep(self._silence / 6)
            now = trio.current_time()
            quiet = now - self._heard_at
            if quiet >= self._silence:
                self.close("no answer")
            elif now - self._writing_since > WRITE_TIMEOUT:
                self.close("takes no data")
            elif quiet >= ping_after or not self.rtt:
                self._pinged_at = now
                self._ping_value = secrets.randbits(32)  # or an answer could be sent before the question
                self.queue(HEADER.pack(0, PING, SYN, 0, self._ping_value), control=True)
            for stream in list(self.streams.values()):
                if stream.local_closed and now - stream.local_closed_at > STREAM_LINGER:
                    stream.abort()

    async def _read(self) -> None:
        buffer = bytearray()
        while True:
            while len(buffer) < HEADER.size:
                buffer += await self._receive()
            version, kind, flags, stream_id, length = HEADER.unpack_from(buffer)
            del buffer[: HEADER.size]
            self._frames += 1
            if version != 0 or kind > GO_AWAY:
                raise Violation(f"frame of version {version}, type {kind}")
            if kind == PING:
                self._ping(flags, length)
            elif kind == GO_AWAY:
                self.close("closed by the peer")
                return
            else:
                stream = self._stream(stream_id, flags)
                if kind == DATA:
                    if stream is not None:
                        stream.expect(length)
                    await self._data(stream, length, buffer)
                elif stream is not None and length:
                    stream.granted(length)
                if stream is not None and flags & RST:
                    stream._break()
                elif stream is not None and flags & FIN:
                    stream.finished()

    async def _receive(self) -> bytes:
        wait = self._meter.charge(1 + self._frames, _milliseconds())
        self._frames = 0
        if wait:
            await trio.sleep(wait / 1000)
        data = await self._channel.read_some()
        self._heard_at = trio.current_time()
        return data

    async def _data(self, stream: Stream | None, length: int, buffer: bytearray) -> None:
        """Move the body of a frame to its stream piece by piece, so that a large frame is never held twice."""
        while length:
            if not buffer:
                buffer += await self._receive()
            piece = bytes(buffer[:length])
            del buffer[: len(piece)]
            length -= len(piece)
            if stream is None or stream.broken:
                self._discarded += len(piece)
                if self._discarded > MAX_DISCARDED:
                    raise Violation("keeps sending into closed streams")
                continue
            self._buffer(len(piece))
            if self._buffered > MAX_BUFFERED:
                raise Violation("filled more streams than are read")
            stream.received(piece)

    def _ping(self, flags: int, value: int) -> None:
        if flags & SYN:
            self.queue(HEADER.pack(0, PING, ACK, 0, value), control=True)
        elif self._pinged_at and value == self._ping_value:
            rtt = trio.current_time() - self._pinged_at
            self.rtt = min(rtt, self.rtt or rtt)
            self._pinged_at = 0.0

    def _stream(self, stream_id: int, flags: int) -> Stream | None:
        stream = self.streams.get(stream_id)
        if not flags & SYN:
            return stream
        if stream is not None or stream_id == 0 or stream_id % 2 == self._next_id % 2:
            raise Violation(f"opens stream {stream_id}, which is not its to open")
        stream = Stream(self, stream_id, outbound=False)
        if self.inbound < MAX_INBOUND_STREAMS:
            self.streams[stream_id] = stream
            if self._on_stream(stream):
                self.queue(HEADER.pack(0, WINDOW, ACK, stream_id, 0), control=True)
                return stream
            self.streams.pop(stream_id, None)
        self.queue(HEADER.pack(0, WINDOW, RST, stream_id, 0), control=True)
        self._discarded = max(0, self._discarded - CHUNK)
        return None


def _milliseconds() -> int:
    return int(trio.current_time() * 1000)
