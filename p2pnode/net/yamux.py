"""Yamux, the stream multiplexer of a connection (https://github.com/hashicorp/yamux/blob/master/spec.md).

It speaks the same wire protocol as `libp2p.stream_muxer.yamux` of 0.8.1 and stands in its place, because that one
neither enforces its receive window nor bounds the streams a peer opens, and answers pings from the reading task, so
that two sides with full buffers wait for each other. Here one task reads and never writes, one task writes, and:

* what a peer may make us hold is bounded per stream (the window), per connection (`MAX_BUFFERED`) and in streams;
* a peer that sends more than its window, or answers nothing for `silence` seconds, loses the connection;
* frames that are ready together leave in one Noise message, and credit is returned when half a window was read.
"""

import struct
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import trio

from p2pnode.bounds import (
    MAX_BUFFERED,
    MAX_CONTROL_BACKLOG,
    MAX_DISCARDED,
    MAX_INBOUND_STREAMS,
    MAX_POOL,
    MAX_WRITE_BACKLOG,
    STREAM_LINGER,
    WRITE_TIMEOUT,
)

HEADER: Final = struct.Struct("!BBHII")  # version, type, flags, stream id, length
DATA, WINDOW, PING, GO_AWAY = 0, 1, 2, 3
SYN, ACK, FIN, RST = 1, 2, 4, 8
WINDOW_SIZE: Final = 256 * 1024
MAX_SEND_WINDOW: Final = 64 * 1024 * 1024
CHUNK: Final = 32 * 1024  # of one stream at a time, so that streams share a connection fairly
BATCH: Final = 60 * 1024  # of frames in one write


class Channel(Protocol):
    """An encrypted byte channel in which message boundaries mean nothing."""

    async def read_some(self) -> bytes: ...
    async def write(self, data: bytes) -> None: ...
    def abort(self) -> None: ...


class StreamBroken(ConnectionError):
    """The stream, or the connection under it, has ended in the middle."""


class Violation(Exception):
    """The peer broke the multiplexer's rules."""


class Stream:
    """One stream. Reading and writing are each for one task at a time."""

    def __init__(self, mux: "Yamux", stream_id: int, outbound: bool) -> None:
        self.mux = mux
        self.id = stream_id
        self.outbound = outbound
        self.remote_closed = False
        self.local_closed = False
        self.broken = False
        self._unwanted = False
        self.local_closed_at = 0.0
        self._buffer = bytearray()
        self._credit = WINDOW_SIZE  # what the peer may still send
        self._unreturned = 0  # what was read and not yet given back to the peer
        self._send_window = WINDOW_SIZE
        self._readable = trio.Event()
        self._writable = trio.Event()

    async def read(self, n: int | None = None) -> bytes:
        """At most `n` bytes, as soon as there are any; b"" at the end. Raises StreamBroken."""
        while not self._buffer:
            if self.broken:
                raise StreamBroken("the stream was reset")
            if self.remote_closed:
                return b""
            self._readable = trio.Event()
            await self._readable.wait()
        size = len(self._buffer) if n is None or n < 0 else min(n, len(self._buffer))
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._consumed(size)
        return data

    async def write(self, data: bytes) -> None:
        """All of `data`, as the window allows. Raises StreamBroken, also when the peer takes nothing for long."""
        view = memoryview(data)
        while len(view):
            with trio.move_on_after(WRITE_TIMEOUT) as scope:
                while not self.broken and not self.local_closed and not (self._send_window and self.mux.has_room):
                    self._writable = trio.Event()
                    await self._writable.wait()
            if scope.cancelled_caught:
                self.mux.close("takes no data")
            if self.broken or self.local_closed:
                raise StreamBroken("the stream is closed")
            size = min(len(view), self._send_window, CHUNK)
            self._send_window -= size
            self.mux.queue(HEADER.pack(0, DATA, 0, self.id, size) + view[:size], control=False)
            view = view[size:]
        await trio.lowlevel.checkpoint()

    async def close(self) -> None:
        """Say that nothing more will be written; what the peer sends can still be read."""
        if not self.local_closed and not self.broken:
            self.local_closed = True
            self.local_closed_at = trio.current_time()
            self.mux.queue(HEADER.pack(0, WINDOW, FIN, self.id, 0), control=True)
            self._wake()
            self._drop_if_done()

    async def finish(self) -> None:
        """Close, and throw away whatever still comes: for a stream that nobody will read any more."""
        self._unwanted = True
        self.mux.released(len(self._buffer))
        self._buffer.clear()
        await self.close()

    async def reset(self) -> None:
        """End the stream at once, in both directions."""
        self.abort()

    def abort(self) -> None:
        if not self.broken:
            if not (self.local_closed and self.remote_closed):
                self.mux.queue(HEADER.pack(0, WINDOW, RST, self.id, 0), control=True)
            self._break()

    def _break(self) -> None:
        self.broken = True
        self.mux.released(len(self._buffer))
        self._buffer.clear()
        self.mux.streams.pop(self.id, None)
        self._wake()

    def _drop_if_done(self) -> None:
        if self.local_closed and self.remote_closed:
            self.mux.streams.pop(self.id, None)

    def _wake(self) -> None:
        self._readable.set()
        self._writable.set()

    def _consumed(self, size: int) -> None:
        self.mux.released(size)
        self._unreturned += size
        if self._unreturned >= WINDOW_SIZE // 2 and not self.remote_closed and not self.broken:
            self._credit += self._unreturned
            self.mux.queue(HEADER.pack(0, WINDOW, 0, self.id, self._unreturned), control=True)
            self._unreturned = 0

    # What follows is called by the reading task of the multiplexer.

    def expect(self, size: int) -> None:
        if size > self._credit:
            raise Violation(f"sent {size} bytes where the window allows {self._credit}")
        if self.remote_closed and size:
            raise Violation("sent data after the end of the stream")
        self._credit -= size

    def received(self, data: bytes) -> None:
        if self._unwanted:
            self.mux.released(len(data))
        else:
            self._buffer += data
            self._readable.set()

    def granted(self, size: int) -> None:
        self._send_window += size
        if self._send_window > MAX_SEND_WINDOW:
            raise Violation("window out of bounds")
        self._writable.set()

    def finished(self) -> None:
        self.remote_closed = True
        self._readable.set()
        self._drop_if_done()


class Pool:
    """What all connections of a node together hold of data that was received and not yet read, in bytes."""

    def __init__(self) -> None:
        self.used = 0


class Yamux:
    """All streams of one connection.

    on_stream: called (synchronously, by the reading task) with each stream that the peer opens; False refuses it.
    silence: seconds without a sign of life after which the peer is taken for gone; it is pinged well before.
    pool: shared by the connections of a node; when it is full, those that hold more than a window are closed.
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
        self.rtt = 0.0  # seconds; 0 until measured
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
        self._pool = pool or Pool()
        self._discarded = 0
        self._heard_at = trio.current_time()
        self._pinged_at = 0.0

    @property
    def has_room(self) -> bool:
        return self._queued < MAX_WRITE_BACKLOG

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
            self._pool.used -= self._buffered
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
        if control:
            self._control += len(data)
            if self._control > MAX_CONTROL_BACKLOG:
                self.close("provokes answers and reads none")

    def released(self, size: int) -> None:
        self._buffered -= size
        if not self.closed.is_set():
            self._pool.used -= size

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
            with trio.fail_after(WRITE_TIMEOUT):
                await self._channel.write(bytes(batch))
            self._queued -= len(batch)
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
            elif quiet >= ping_after:
                self._pinged_at = now
                self.queue(HEADER.pack(0, PING, SYN, 0, 1), control=True)
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
            self._buffered += len(piece)
            self._pool.used += len(piece)
            if self._buffered > MAX_BUFFERED:
                raise Violation("filled more streams than are read")
            if self._pool.used > MAX_POOL and self._buffered > WINDOW_SIZE:
                self.close("memory is short")
                return
            stream.received(piece)

    def _ping(self, flags: int, value: int) -> None:
        if flags & SYN:
            self.queue(HEADER.pack(0, PING, ACK, 0, value), control=True)
        elif self._pinged_at:
            self.rtt = trio.current_time() - self._pinged_at

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
