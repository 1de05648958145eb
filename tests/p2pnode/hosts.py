"""Hosts on loopback, and what they told."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from dht.gossip import Gossip, Step
from p2pnode.net.delivery import FrameReceived, HostEvent, PeerConnected, PeerDisconnected
from p2pnode.net.host import Host

LOOPBACK = ("/ip4/127.0.0.1/tcp/0",)
GOSSIP = "/p2pnode/gossip/1.0.0"
EXCHANGE = "/p2pnode/exchange/1.0.0"


class Node:
    """A host with a record of its events. `stop()` ends it, as leaving the nursery does."""

    def __init__(self, number: int, listen: Sequence[str] = LOOPBACK, **options: Any) -> None:
        self.events: list[HostEvent] = []
        self.gate: Callable[[HostEvent], Any] | None = None
        self.host = Host(bytes([number]) * 32, list(listen), self._on_event, **options)
        self.id = self.host.peer_id
        self.addresses: list[str] = []
        self._scope = trio.CancelScope()
        self._stopped = trio.Event()

    async def _on_event(self, event: HostEvent) -> None:
        self.events.append(event)
        if self.gate is not None:
            await self.gate(event)

    async def run(self, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    self.addresses = await nursery.start(self.host.run)
                    task_status.started(self)
        finally:
            self._stopped.set()

    async def stop(self) -> None:
        self._scope.cancel()
        await self._stopped.wait()

    def of(self, kind: type[HostEvent], peer: "Node | None" = None) -> list[Any]:
        return [one for one in self.events if isinstance(one, kind) and (peer is None or one.peer == peer.id)]

    def frames(self, peer: "Node") -> list[bytes]:
        return [one.data for one in self.of(FrameReceived, peer)]

    def is_connected(self, peer: "Node") -> bool:
        return len(self.of(PeerConnected, peer)) > len(self.of(PeerDisconnected, peer))


@asynccontextmanager
async def nodes(*started: Node) -> AsyncIterator[trio.Nursery]:
    """Run the nodes; the nursery takes more."""
    async with trio.open_nursery() as nursery:
        for node in started:
            await nursery.start(node.run)
        yield nursery
        nursery.cancel_scope.cancel()


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    """Wait until the condition holds; fail loudly when it does not in time."""
    with trio.move_on_after(seconds):
        while not condition():
            await trio.sleep(0.005)
        return
    raise AssertionError(f"not within {seconds} s")


async def connect(a: Node, b: Node) -> None:
    await a.host.dial(b.addresses)
    await until(lambda: a.is_connected(b) and b.is_connected(a))


def steps_of(gossip: Gossip, event: HostEvent, now: int) -> list[Step]:
    """What gossip wants done about an event of a host. now: ms."""
    match event:
        case PeerConnected(peer):
            return gossip.connected(peer, now)
        case PeerDisconnected(peer):
            gossip.disconnected(peer)
        case FrameReceived(peer, protocol, data) if protocol == GOSSIP:
            return gossip.received(peer, data, now)
    return []
