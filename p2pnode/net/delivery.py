"""What the network tells the core, and the line in which it waits to be handled."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from p2pnode.bounds import EVENT_BACKLOG, STOP_TIMEOUT

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """address: where the connection leads; one that came in (not outbound) names a port that cannot be dialled.
    chosen: of one that we dialled, whether for ourselves: the DHT leads to peers that strangers have named."""

    peer: str
    address: str
    outbound: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class PeerDisconnected:
    peer: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FrameReceived:
    peer: str
    protocol: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ProtocolUnspoken:
    """A frame was not sent: the peer has said that it does not speak this protocol. Once on each connection."""

    peer: str
    protocol: str


@dataclass(frozen=True, slots=True)
class PeerBanned:
    """Too many strikes. duration: ms, from now."""

    peer: str
    reason: str
    duration: int


HostEvent = PeerConnected | PeerDisconnected | FrameReceived | ProtocolUnspoken | PeerBanned


class Delivery:
    """Hands events to `on_event` one by one, in the order of each sender, taking turns among senders that wait.

    Few fit into the line: while the core is busy, the tasks that read from peers wait, and so do the peers.
    """

    def __init__(self, on_event: Callable[[HostEvent], Awaitable[None]]) -> None:
        self._on_event = on_event
        self._in, self._out = trio.open_memory_channel[HostEvent](EVENT_BACKLOG)

    async def put(self, event: HostEvent) -> None:
        try:
            self._in.send_nowait(event)  # who waits already comes first: there is no room then
        except trio.WouldBlock:
            await self._in.send(event)

    async def run(self) -> None:
        """Until cancelled; an event that is being handled then gets a moment to be finished."""
        stopping = handling = False
        scope = trio.CancelScope(shield=True)

        async def allow_a_moment() -> None:
            nonlocal stopping
            try:
                await trio.sleep_forever()
            finally:
                stopping = True
                scope.deadline = trio.current_time() + (STOP_TIMEOUT if handling else 0)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(allow_a_moment)
            with scope:
                while not stopping:
                    event = await self._out.receive()
                    handling = True
                    await self._handle(event)
                    handling = False
            await trio.lowlevel.checkpoint_if_cancelled()

    async def _handle(self, event: HostEvent) -> None:
        try:
            await self._on_event(event)
        except Exception:
            log.exception("handling %s failed", type(event).__name__)
