"""One connection to one peer: frames of our protocols both ways, and streams of request-and-answer protocols.

For each frame protocol there is one stream that lives as long as the connection; whoever has something to say first
opens it, both use it, and both read every stream of the protocol that is open (two, when both opened at once).
Frames arrive in order and none is lost while the connection lives: whatever would lose one ends the connection, so that
the machines above start over instead of waiting for what never comes.
"""

import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import trio

from p2pnode.bounds import (
    FRAME_OVERHEAD,
    MAX_INBOUND_STREAMS,
    MAX_SEND_FRAMES,
    MAX_SEND_QUEUE,
    MAX_STREAMS_PER_PROTOCOL,
    NEGOTIATION_TIMEOUT,
    RPC_STREAM_TIMEOUT,
)
from protocols.errors import DecodeError
from protocols.frames import FrameReader, frame

from .guard import wide_block
from .libp2p_pieces import NegotiationFailed, NotSpoken, SecureChannel, agree, propose
from .yamux import BATCH, Pool, Stream, StreamBroken, Yamux

log = logging.getLogger(__name__)
READ_SIZE: Final = 32 * 1024  # many small frames in one read would hold up the loop
Handler = Callable[[str, Stream], Awaitable[None]]  # peer id, stream


class Observer(Protocol):
    """What a connection tells its host."""

    async def frame_arrived(self, connection: "Connection", protocol: str, data: bytes) -> None: ...
    async def bytes_arrived(self, connection: "Connection", size: int) -> None: ...
    async def requested(self, connection: "Connection") -> None: ...
    async def unspoken(self, connection: "Connection", protocol: str) -> None: ...
    def misbehaved(self, connection: "Connection", reason: str) -> None: ...


class Connection:
    """protocols: the frame protocols; handlers: who serves each request-and-answer protocol."""

    def __init__(
        self,
        channel: SecureChannel,
        observer: Observer,
        *,
        address: str,
        block: str,
        outbound: bool,
        kept: bool,
        protocols: frozenset[str],
        handlers: Mapping[str, Handler],
        silence: float,
        pool: Pool,
    ) -> None:
        self.peer = str(channel.peer)
        self.address = address
        self.block = block
        self.wide = wide_block(block)
        self.outbound = outbound
        self.kept = kept  # it does not give way to another
        self.useful_at = 0.0
        self.since = self._said_at = trio.current_time()  # said_at: anything above the multiplexer
        self._said_frame = False
        self.waits = False  # for the end of the connection that it replaces
        self.finished = trio.Event()  # set by the host when the last event of this connection was delivered
        self._observer = observer
        self._protocols = protocols
        self._handlers = handlers
        self._mux = Yamux(channel, initiator=outbound, on_stream=self._opened, silence=silence, pool=pool)
        self._nursery: trio.Nursery | None = None
        self._lines: dict[str, _Line] = {}
        self._queued = 0
        self._frames = 0
        self._tasks = 0  # that serve streams which the peer opened
        self._inbound: Counter[str] = Counter()
        self._serving: dict[str, trio.CapacityLimiter] = {}

    @property
    def closed(self) -> bool:
        return self._mux.closed.is_set()

    @property
    def reason(self) -> str:
        return self._mux.reason

    @property
    def rtt(self) -> float:
        return self._mux.rtt

    def close(self, reason: str) -> None:
        self._mux.close(reason)

    @property
    def idle(self) -> float:
        """Seconds for which nothing was said; 0 for a peer that ever said a frame: neighbours may be quiet."""
        return 0.0 if self._said_frame else trio.current_time() - self._said_at

    def holds(self, what: str) -> int:
        """Bytes that it has `received` and not handled, or that wait for `sending`."""
        return self._mux.received if what == "received" else self._mux.sending

    async def run(self) -> None:
        """Serve the connection until it ends. Raises nothing but Cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                for protocol, line in self._lines.items():
                    nursery.start_soon(self._send, protocol, line)
                await self._mux.run()
                nursery.cancel_scope.cancel()
        finally:
            self._mux.close("stopped")
        if self._mux.violation:
            self._observer.misbehaved(self, self._mux.reason)

    def send(self, protocol: str, data: bytes) -> bool:
        """Queue a frame; False if it will not be sent. A peer whose queue is full loses the connection."""
        line = self._lines.get(protocol)
        if self.closed or (line is not None and line.refused):
            return False
        if line is None:
            line = self._lines[protocol] = _Line()
            if self._nursery is not None:
                self._nursery.start_soon(self._send, protocol, line)
        item = frame(data)
        if line.sent_now(item):
            return not self.closed
        if self._queued + len(item) > MAX_SEND_QUEUE or self._frames >= MAX_SEND_FRAMES:
            self.close("takes its frames too slowly")
            return False
        line.items.append(item)
        self._count(len(item), 1)
        line.filled.set()
        return not self.closed

    def _count(self, size: int, frames: int) -> None:
        self._queued += size
        self._frames += frames
        self._mux.hold_back(size)

    async def ask(self, protocol: str) -> Stream:
        """Open a stream of a request-and-answer protocol. Raises StreamBroken, NegotiationFailed, TooSlowError."""
        with trio.fail_after(NEGOTIATION_TIMEOUT):
            stream = self._mux.open_stream()
            try:
                await propose(stream, protocol)
            except BaseException:
                stream.abort()
                raise
        return stream

    async def _send(self, protocol: str, line: "_Line") -> None:
        batch = bytearray()
        try:
            while True:
                while not line.items:
                    line.filled = trio.Event()
                    await line.filled.wait()
                batch = bytearray()
                while line.items and (not batch or len(batch) + len(line.items[0]) <= BATCH):
                    batch += line.items.popleft()
                    self._frames -= 1
                line.sending = True
                stream = await self._stream_for(protocol, line)
                await stream.write(bytes(batch))
                line.sending = False
                self._count(-len(batch), 0)
        except NegotiationFailed as failure:
            log.debug("peer %s: %s", self.peer, failure)
            line.refused = True
            self._count(-len(batch) - sum(map(len, line.items)), -len(line.items))
            line.items.clear()
            if isinstance(failure, NotSpoken):
                await self._observer.unspoken(self, protocol)
        except (StreamBroken, trio.TooSlowError):
            self.close(f"the stream of {protocol} broke")

    async def _stream_for(self, protocol: str, line: "_Line") -> Stream:
        if line.stream() is None:
            stream = await self.ask(protocol)
            line.streams.append(stream)
            assert self._nursery is not None
            self._nursery.start_soon(self._read_frames, protocol, stream)
        return line.streams[0]

    def _opened(self, stream: Stream) -> bool:
        if self._tasks >= MAX_INBOUND_STREAMS:
            return False  # streams may end sooner than the tasks that serve them
        assert self._nursery is not None
        self._tasks += 1
        self._nursery.start_soon(self._serve, stream)
        return True

    async def _serve(self, stream: Stream) -> None:
        try:
            await self._serve_one(stream)
        finally:
            self._tasks -= 1

    async def _serve_one(self, stream: Stream) -> None:
        try:
            with trio.fail_after(NEGOTIATION_TIMEOUT):
                protocol = await agree(stream, self._protocols | self._handlers.keys())
        except (NegotiationFailed, StreamBroken, trio.TooSlowError):
            stream.abort()
            return
        if protocol in self._protocols:
            await self._serve_frames(protocol, stream)
        else:
            await self._serve_requests(protocol, stream)

    async def _serve_frames(self, protocol: str, stream: Stream) -> None:
        if self._inbound[protocol] >= MAX_STREAMS_PER_PROTOCOL:
            stream.abort()
            self._observer.misbehaved(self, f"opens one stream of {protocol} after another")
            return
        self._inbound[protocol] += 1
        line = self._lines.get(protocol)
        if line is None:
            line = self._lines[protocol] = _Line()
            assert self._nursery is not None
            self._nursery.start_soon(self._send, protocol, line)
        line.streams.append(stream)
        try:
            await self._read_frames(protocol, stream)
        finally:
            self._inbound[protocol] -= 1

    async def _read_frames(self, protocol: str, stream: Stream) -> None:
        reader = FrameReader()
        held = 0
        try:
            while data := await stream.read(READ_SIZE):
                self._mux.hold(len(data))
                held += len(data)
                await self._observer.bytes_arrived(self, len(data))
                items = reader.feed(data)
                self._mux.hold(len(items) * FRAME_OVERHEAD)
                held += len(items) * FRAME_OVERHEAD
                for item in items:
                    self._said_frame = True
                    await self._observer.frame_arrived(self, protocol, item)
                self._mux.hold(reader.pending - held)
                held = reader.pending
        except DecodeError as error:
            self._observer.misbehaved(self, f"{protocol}: {error}")
            self.close("sent a malformed frame")
        except StreamBroken:
            self.close(f"the stream of {protocol} broke")
        else:
            if reader.pending:
                self.close(f"the stream of {protocol} ended within a frame")
            await stream.finish()
        finally:
            self._mux.hold(-held)

    async def _serve_requests(self, protocol: str, stream: Stream) -> None:
        limiter = self._serving.setdefault(protocol, trio.CapacityLimiter(MAX_STREAMS_PER_PROTOCOL))
        try:
            with trio.fail_after(RPC_STREAM_TIMEOUT):
                async with limiter:
                    self._said_at = trio.current_time()
                    await self._observer.requested(self)
                    await self._handlers[protocol](self.peer, stream)
                    await stream.finish()
        except (StreamBroken, trio.TooSlowError):
            stream.abort()
        except Exception:
            # Not ours to die of: whatever a handler raises costs the peer its stream and a strike.
            log.warning("the handler of %s failed for peer %s", protocol, self.peer, exc_info=True)
            stream.abort()
            self._observer.misbehaved(self, f"{protocol}: a request that the handler fails on")


class _Line:
    """What waits to be sent on one protocol, and the streams it can leave by."""

    def __init__(self) -> None:
        self.items: deque[bytes] = deque()
        self.filled = trio.Event()
        self.streams: list[Stream] = []
        self.refused = False
        self.sending = False

    def stream(self) -> Stream | None:
        """The one that frames leave by: always the oldest that is open."""
        if self.streams and (self.streams[0].broken or self.streams[0].local_closed):
            self.streams = [s for s in self.streams if not s.broken and not s.local_closed]
        return self.streams[0] if self.streams else None

    def sent_now(self, item: bytes) -> bool:
        """Send a frame without a task in between, if nothing waits before it and there is room."""
        if self.items or self.sending:
            return False
        stream = self.stream()
        return stream is not None and stream.write_now(item)
