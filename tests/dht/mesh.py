"""Gossip machines in one mesh, on virtual time, without faults but those that a test adds. One seed, one run."""

from collections import Counter
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from random import Random

from dht.catalog import Catalog
from dht.gossip import Deliver, Gossip, SendFrame, Step, Strike
from dht.keys import covers
from protocols.envelope import Record, parse_record
from protocols.gossip_messages import Records, parse_message
from protocols.limits import SECOND
from tests.dht.records import NETWORK, NOW, record

HOP = 50  # ms from one node to the next

Wire = Callable[[int, int, bytes], bytes | None]
"""What becomes of a frame from one node to another: none, it is lost."""


class Node:
    """catalog and gossip of one node; came: when each record did, ms; given: how often it was handed over."""

    def __init__(self, rng: Random, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes
        self.wires: dict[bytes, bytes] = {}
        self.catalog = Catalog(NETWORK)
        self.gossip = Gossip(lambda _, id_: self.wires.get(id_), rng)
        self.came: dict[bytes, int] = {}
        self.given: Counter[bytes] = Counter()
        self.woken = 0


class Mesh:
    """So many nodes, each linked to `degree` others. frames, bytes: by type of message; copies: of records unasked."""

    def __init__(
        self,
        seed: int,
        count: int,
        degree: int,
        wire: Wire | None = None,
        scopes: Callable[[int], tuple[str, ...]] = lambda _: ("",),
    ) -> None:
        self.rng = Random(seed)
        self.now = NOW
        self.wire: Wire = wire or (lambda _source, _target, frame: frame)
        self.frames: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.copies = 0
        self.strikes: list[Strike] = []
        self.published = 0
        self._queue: list[tuple[int, int, tuple[int, int | None, bytes]]] = []
        self._number = 0
        self.nodes = [Node(self.rng, scopes(i)) for i in range(count)]
        self.links: set[frozenset[int]] = set()
        for i, node in enumerate(self.nodes):
            self._do(i, node.gossip.join(NETWORK, node.catalog, node.scopes, self.now))
        for pair in sorted(mesh(self.rng, count, degree)):
            self.connect(*pair)

    def connect(self, a: int, b: int) -> None:
        self.links.add(frozenset((a, b)))
        for me, peer in ((a, b), (b, a)):
            self._do(me, self.nodes[me].gossip.connected(str(peer), self.now))

    def cut(self, a: int, b: int) -> None:
        self.links.discard(frozenset((a, b)))
        for me, peer in ((a, b), (b, a)):
            self.nodes[me].gossip.disconnected(str(peer))
            self._arm(me)

    def publish(self, who: int, scope: str = "", payload: bytes = b"x") -> bytes:
        """A new record of one node; its id."""
        self.published += 1
        r = record(who, self.published, created=self.now, scope=scope, payload=payload)
        self._admit(who, r, None)
        self._arm(who)
        return r.id

    def hold(self, who: Iterable[int], records: Iterable[Record]) -> None:
        """Records that have been there for long: nobody is told."""
        for r in records:
            for i in who:
                self.nodes[i].catalog.admit(r, self.now)
                self.nodes[i].wires[r.id] = r.wire

    def run(self, time: int) -> None:
        end = self.now + time
        while self._queue and self._queue[0][0] <= end:
            self.now, _, (target, source, frame) = heappop(self._queue)
            node = self.nodes[target]
            if source is None:
                if node.woken == self.now:
                    node.woken = 0
                    self._do(target, node.gossip.woke(self.now))
            elif frozenset((source, target)) in self.links:
                self._do(target, node.gossip.received(str(source), frame, self.now))
        self.now = end

    def holders(self, record_id: bytes) -> int:
        return sum(record_id in node.catalog for node in self.nodes)

    def took(self, record_id: bytes, start: int) -> int:
        """How long until the last of those who have it had it, ms."""
        return max(node.came[record_id] for node in self.nodes if record_id in node.came) - start

    def _do(self, who: int, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case SendFrame(peer, frame):
                    self._send(who, int(peer), frame)
                case Deliver(peer, _, wires):
                    for wire in wires:
                        r = parse_record(wire)
                        self.nodes[who].given[r.id] += 1
                        if covers(self.nodes[who].scopes, r.scope):
                            self._admit(who, r, peer)
                case Strike():
                    self.strikes.append(step)
        self._arm(who)

    def _send(self, source: int, target: int, frame: bytes) -> None:
        message = parse_message(frame)
        name = type(message).__name__
        self.frames[name] += 1
        self.bytes[name] += len(frame)
        if isinstance(message, Records) and not message.request:
            self.copies += len(message.wires)
        left = self.wire(source, target, frame)
        if left is not None:
            self._put(self.now + HOP, (target, source, left))

    def _admit(self, who: int, r: Record, source: str | None) -> None:
        node = self.nodes[who]
        if node.catalog.admit(r, self.now).added:
            node.wires[r.id] = r.wire
            node.came[r.id] = self.now
            node.gossip.spread(NETWORK, r.id, source, self.now)

    def _arm(self, who: int) -> None:
        wake = self.nodes[who].gossip.next_wake()
        first = [n.next_wake() for ns in self.nodes[who].gossip._neighbours.values() for n in ns.values()]
        assert not first or (wake is not None and wake <= min(first)), "somebody would be woken too late"
        due = max(self.now + 1, wake) if wake is not None else self.now + SECOND
        node = self.nodes[who]
        if not self.now < node.woken <= due:
            node.woken = due
            self._put(due, (who, None, b""))

    def _put(self, when: int, what: tuple[int, int | None, bytes]) -> None:
        self._number += 1
        heappush(self._queue, (when, self._number, what))


def mesh(rng: Random, count: int, degree: int) -> set[tuple[int, int]]:
    """Links of a connected graph in which each node has about so many."""
    links = {(i, i + 1) for i in range(count - 1)}
    while len(links) < min(count * degree // 2, count * (count - 1) // 2):
        a, b = sorted(rng.sample(range(count), 2))
        links.add((a, b))
    return links
