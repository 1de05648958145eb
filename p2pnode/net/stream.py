"""One stream of `p2pnode.net.yamux`, and the frames that it sends and receives."""

import struct
from typing import TYPE_CHECKING, Final

import trio

from p2pnode.bounds import WRITE_TIMEOUT

from .pieces import Pieces

if TYPE_CHECKING:
    from .yamux import Yamux

HEADER: Final = struct.Struct("!BBHII")  # version, type, flags, stream id, length
DATA, WINDOW, PING, GO_AWAY = 0, 1, 2, 3
SYN, ACK, FIN, RST = 1, 2, 4, 8
WINDOW_SIZE: Final = 256 * 1024
MAX_SEND_WINDOW: Final = 64 * 1024 * 1024
CHUNK: Final = 32 * 1024  # of one stream at a time, so that streams share a connection fairly


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
        self._buffer = Pieces()
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
        data = self._buffer.take(len(self._buffer) if n is None or n < 0 else n)
        self._consumed(len(data))
        return data

    async def write(self, data: bytes) -> None:
        """All of `data`, as the window allows. Raises StreamBroken, also when the peer takes nothing for long."""
        view = memoryview(data)
        while len(view):
            if not self._may_write:
                with trio.move_on_after(WRITE_TIMEOUT) as scope:
                    while not self._may_write and not self.broken and not self.local_closed:
                        self._writable = trio.Event()
                        await self._writable.wait()
                if scope.cancelled_caught:
                    self.mux.close("takes no data")
            if self.broken or self.local_closed:
                raise StreamBroken("the stream is closed")
            view = view[self._put(view) :]
        await trio.lowlevel.checkpoint()

    def write_now(self, data: bytes) -> bool:
        """All of `data` at once; False, and nothing was written, if that is not possible now."""
        if (
            not self._may_write
            or not self.mux.is_quiet
            or len(data) > min(self._send_window, CHUNK)
            or self.broken
            or self.local_closed
        ):
            return False
        self._put(memoryview(data))
        return True

    @property
    def _may_write(self) -> bool:
        return self._send_window > 0 and self.mux.has_room

    def _put(self, data: memoryview) -> int:
        """Queue a frame with the beginning of the data; how much that was."""
        size = min(len(data), self._send_window, CHUNK)
        self._send_window -= size
        self.mux.queue(HEADER.pack(0, DATA, 0, self.id, size) + data[:size], control=False)
        return size

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
            self._buffer.add(data)
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
