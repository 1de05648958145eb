"""Peers of a test that speak the real protocol to real nodes: honest ones with the whole gossip machine, and spammers.

Each runs in a thread of its own. Their records are listings by a fresh author each, as an open network takes them.
"""

import random
import threading
import time
from collections.abc import Sequence
from typing import Final

import trio

from dht.catalog import Catalog
from dht.gossip import Deliver, Gossip, SendFrame, Step
from p2pnode import clock
from p2pnode.net.delivery import HostEvent, PeerDisconnected
from p2pnode.net.dialing import Unreachable
from p2pnode.net.host import Host
from protocols.codec import encode
from protocols.envelope import Record, parse_record
from protocols.gossip_messages import PROTOCOL, Hello, Records, encode_message
from protocols.identity import incept
from protocols.limits import DAY
from protocols.listing import Listing, seal_listing
from tests.e2e.nodes import Node
from tests.p2pnode.hosts import steps_of

TICK: Final = 0.01  # seconds
LOOPBACK: Final = "/ip4/127.0.0.1/tcp/0"


def listings(network: bytes, count: int, rng: random.Random) -> list[Record]:
    """Each by an author of its own."""
    now = clock.now()
    text = " ".join(rng.choice(["snow", "blower", "ladder", "apples", "strong", "garden"]) for _ in range(30))
    return [
        seal_listing(
            incept(rng.randbytes(32))[0],
            network,
            Listing(direction="offer", kind="rent", title=f"Thing {number}", text=text, area="u33dc"),
            name=rng.randbytes(16),
            created=now,
            until=now + DAY,
        )
        for number in range(count)
    ]


def forged(records: Sequence[Record]) -> list[Record]:
    """The same, with signatures that nobody made."""
    return [parse_record(encode([r.header, bytes(64), r.inception])) for r in records]


class Speaker(threading.Thread):
    """A host of its own. What goes wrong in its thread is raised by `end()`. Times are those of `time.monotonic()`."""

    def __init__(self, node: Node, network: bytes, seed: bytes) -> None:
        super().__init__(daemon=True)
        self.address, self.network = node.address, network
        self.ready = threading.Event()
        self.stopped = threading.Event()
        self.parted_at = 0.0
        self.problem: BaseException | None = None
        self.host = Host(seed, [LOOPBACK], self.happened, dht=False)
        self.peer = ""

    def run(self) -> None:
        try:
            trio.run(self._run)
        except BaseException as e:
            self.problem = e
            self.ready.set()

    def end(self) -> None:
        self.stopped.set()
        self.join(30)
        if self.problem is not None:
            raise self.problem

    async def _run(self) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.host.run)
            self.peer = await self.host.dial([self.address])
            await self.speak()
            nursery.cancel_scope.cancel()

    async def happened(self, event: HostEvent) -> None:
        if isinstance(event, PeerDisconnected) and not self.parted_at:
            self.parted_at = time.monotonic()

    async def speak(self) -> None:
        raise NotImplementedError


class Neighbour(Speaker):
    """An honest neighbour: says what it is given, and remembers when it first heard of each record."""

    def __init__(self, node: Node, network: bytes, seed: bytes) -> None:
        super().__init__(node, network, seed)
        self.catalog = Catalog(network)
        self.wires: dict[bytes, bytes] = {}
        self.gossip = Gossip(lambda _, id_: self.wires.get(id_), random.Random(seed))
        self.heard: dict[bytes, float] = {}
        self.said: dict[bytes, float] = {}
        self._given: list[Record] = []

    def say(self, record: Record) -> None:
        """From another thread: publish."""
        self._given.append(record)

    async def happened(self, event: HostEvent) -> None:
        await super().happened(event)
        self._do(steps_of(self.gossip, event, clock.now()))

    async def speak(self) -> None:
        self._do(self.gossip.join(self.network, self.catalog, [""], clock.now()))
        while not self.stopped.is_set():
            await trio.sleep(TICK)
            while self._given:
                record = self._given.pop(0)
                self.said[record.id] = time.monotonic()
                self._take(record, None)
            if self.gossip.neighbours(self.network):
                self.ready.set()
            self._do(self.gossip.woke(clock.now()))

    def _do(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case SendFrame(peer, frame):
                    self.host.send(peer, PROTOCOL, frame)
                case Deliver(peer, _, wires):
                    for wire in wires:
                        record = parse_record(wire)
                        self.heard.setdefault(record.id, time.monotonic())
                        self._take(record, peer)

    def _take(self, record: Record, source: str | None) -> None:
        if self.catalog.admit(record, clock.now()).added:
            self.wires[record.id] = record.wire
            self.gossip.spread(self.network, record.id, source, clock.now())


class Spammer(Speaker):
    """Pushes records at a rate, until it is cut off; then it knocks again and again under the same name."""

    def __init__(self, node: Node, network: bytes, seed: bytes, records: Sequence[Record], rate: int) -> None:
        super().__init__(node, network, seed)
        self.records, self.rate = [r.wire for r in records], rate
        self.began_at = 0.0
        self.sent = self.returns = 0
        self.go = threading.Event()

    @property
    def cut_off_after(self) -> float:
        """Seconds from the first record to the end of the connection; infinite if it never came."""
        return self.parted_at - self.began_at if self.parted_at else float("inf")

    async def speak(self) -> None:
        self.host.send(self.peer, PROTOCOL, encode_message(Hello(self.network, bytes(8), clock.now(), True, ("",))))
        self.ready.set()
        while not self.go.is_set():
            await trio.sleep(TICK)
        self.began_at = time.monotonic()
        while not self.stopped.is_set() and not self.parted_at:
            due = int((time.monotonic() - self.began_at) * self.rate)
            while self.sent < min(due, len(self.records)) and not self.parted_at:
                some = tuple(self.records[self.sent : min(due, self.sent + 10)])
                self.host.send(self.peer, PROTOCOL, encode_message(Records(self.network, 0, 0, some)))
                self.sent += len(some)
            await trio.sleep(TICK)
        while not self.stopped.is_set():
            await trio.sleep(0.5)
            try:
                await self.host.dial([self.address])
            except Unreachable:
                continue
            await trio.sleep(0.3)
            self.returns += bool(self.host.connected_peers())
