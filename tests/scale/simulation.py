"""The clock, the links and the fates of all nodes. A run is a function of its options and seed.

Not modelled: the host below the gossip machine (handshakes, yamux, the guard's buckets), the address book (each node
knows of every other), the store and its batches. A step takes a node a millisecond; what it sends, its uplink's time.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from math import exp
from random import Random
from typing import Any, Final

from dht.nearby import Cover, most
from p2pnode.bounds import ANY_OUTBOUND, BY_CELL_EVERY, DIAL_BACKOFF_MIN, MAX_CONNECTIONS, VISIT
from protocols.cell import neighbours
from protocols.envelope import Record
from protocols.limits import SECOND

from .node import Node, Sybil
from .records import Records
from .world import Dials, Weather, cells

START: Final = 1_800_000_000_000
NOT: Final = -1
GREETING: Final = 10 * SECOND  # in which all nodes come up
STEP: Final = 1  # ms that a node takes for a step
PICKS: Final = 8  # tries at a time to find somebody to dial
KNOWN: Final = 256  # nodes that a node knows of by chance
PROVIDERS: Final = 20  # whom the DHT names of those that keep a cell, at a time
TRIES: Final = 10
SPAM_EVERY: Final = 100

Any_ = Node | Sybil


class Link:
    """A connection between two nodes. base: its latency; visit: for a while; due: when the last frame to either end
    arrives, as they stay in order."""

    __slots__ = ("a", "b", "base", "due_a", "due_b", "visit")

    def __init__(self, dialler: Any_, other: Any_, base: float, visit: bool) -> None:
        self.a, self.b, self.base, self.visit = dialler, other, base, visit
        self.due_a = self.due_b = 0.0


class Simulation:
    """`count` nodes, sybils among them, in cells of about forty; `run` to let time pass.

    frames, bytes: what honest nodes sent, by the type of the message (`protocols.gossip_messages`). hops, at: of each
    record that was published, by node: over how many nodes it came, and when; −1 where it has not come. strikes: of
    honest nodes, by whether they were against honest ones.
    """

    def __init__(self, count: int, weather: Weather, seed: int, dials: Dials = Dials()) -> None:  # noqa: B008
        self.weather, self.dials = weather, dials
        self.now = START
        self.chance = Random(f"{seed} nodes")
        self.records = Records(Random(f"{seed} records"))
        self.network = self.records.network
        self.load = self.records.load
        self.parsed = self.records.parsed
        self.verified = self.records.verified
        self.frames = [0] * 128
        self.bytes = [0] * 128
        self.strikes: Counter[bool] = Counter()
        self.hops: dict[bytes, array[int]] = {}
        self.at: dict[bytes, array[int]] = {}
        self.events = 0
        self.split: list[bool] | None = None  # on which side of a cut network each node is
        self._fate = Random(f"{seed} weather")
        self._graph = Random(f"{seed} graph")
        self._queue: list[tuple[int, int, Any, Any, Any]] = []
        self._ticket = 0
        self._in_cell: dict[str, list[int]] = {}
        self._keeping: dict[str, list[int]] = {}
        self.nodes = self._settle(count)
        self.honest = [node for node in self.nodes if isinstance(node, Node)]
        self.sybils = [node for node in self.nodes if isinstance(node, Sybil)]
        self._open_doors()

    # Time

    def run(self, until: int) -> None:
        """Let time pass, ms."""
        queue = self._queue
        while queue and queue[0][0] <= until:
            self.now, _, what, target, frame = heappop(queue)
            self.events += 1
            if type(what) is Link:
                source = what.b if target is what.a else what.a
                if target.up and target.links.get(source.name) is what:
                    target.received(source.name, frame)
            elif what is None:
                if target.armed == self.now and target.up:
                    target.armed = 0
                    target.woke()
            else:
                what()
        self.now = until

    def after(self, pause: float, what: Callable[[], None]) -> None:
        self._at(self.now + int(pause), what)

    def arm(self, node: Node, when: int) -> None:
        """Wake a node then, or earlier as it was said before."""
        when = max(self.now + STEP, when)
        if not self.now <= node.armed <= when:
            node.armed = when
            self._at(when, None, node)

    def _at(self, when: int, what: Any, target: Any = None, frame: Any = None) -> None:
        self._ticket += 1
        heappush(self._queue, (when, self._ticket, what, target, frame))

    # Frames

    def send(self, source: Any_, peer: str, frame: bytes) -> None:
        link = source.links.get(peer)
        if link is None:
            return
        weather, fate = self.weather, self._fate
        free = float(self.now)
        if isinstance(source, Node):
            self.frames[frame[1]] += 1
            self.bytes[frame[1]] += len(frame)
            free = source.uplink_free = max(free, source.uplink_free) + len(frame) / weather.uplink
        if weather.lost and fate.random() < weather.lost:
            return
        due = free + link.base + fate.random() * 2 * weather.jitter
        if weather.resent and fate.random() < weather.resent:
            due += 200 * 2 ** fate.randrange(3)
        target = link.b if source is link.a else link.a
        if weather.reordered and fate.random() < weather.reordered:
            due += fate.random() * 500
        elif target is link.a:
            due = link.due_a = max(due, link.due_a)
        else:
            due = link.due_b = max(due, link.due_b)
        self._at(int(due) + 1, link, target, frame)
        if weather.doubled and fate.random() < weather.doubled:
            self._at(int(due) + 1 + fate.randrange(400), link, target, frame)

    # Connections

    def connect(self, a: Any_, b: Any_, visit: bool = False) -> Link:
        link = Link(a, b, self.weather.latency * exp(self._graph.gauss(0, self.weather.spread)), visit)
        a.links[b.name] = b.links[a.name] = link
        a.connected(b.name)
        b.connected(a.name)
        return link

    def cut(self, node: Any_, peer: str) -> None:
        """End a connection; who had dialled it looks for another."""
        link = node.links.pop(peer, None)
        if link is None:
            return
        other = link.b if node is link.a else link.a
        node.disconnected(peer)
        if other.links.get(node.name) is link:
            del other.links[node.name]
            other.disconnected(node.name)
        for end in (node, other):
            if end is link.a and end.up and isinstance(end, Node):
                self._later(end)

    def dial(self, node: Node, tries: int = 0) -> None:
        """Make the connections that this node lacks, as far as somebody answers, in the order of `core.neighbours`."""
        if not node.up:
            return
        cover, needed = self._cover(node)
        lacking = self.dials.wanted - len(self._made(node))
        missed = False
        for left in range(lacking, 0, -1):
            spare = self.dials.by_cell - len(needed)
            by_cell = spare > 0 and left <= spare + ANY_OUTBOUND
            peer = (self._pick_by_cell(node, cover) if by_cell else None) or self._pick(node)
            if peer is None:
                missed = True
                continue
            self.connect(node, peer)
            needed += cover.needed([(peer.name, peer.scopes)])
        if missed and tries < TRIES:
            self._later(node, tries + 1)

    def better(self, node: Node) -> None:
        """A connection that is not needed gives way to one that is, if this node knows of one."""
        if node.up:
            cover, needed = self._cover(node)
            idle = [peer for peer in self._made(node) if peer not in needed]
            if len(needed) < self.dials.by_cell and idle and len(self._made(node)) >= self.dials.wanted:
                peer = self._pick_by_cell(node, cover)
                if peer is not None:
                    self.connect(node, peer)
                    self.cut(node, idle[-1])
        self.after(BY_CELL_EVERY, lambda: self.better(node))

    def visit(self, node: Node) -> None:
        """Connect to somebody for a while, to compare: to anybody, or to who keeps our cell."""
        if node.up:
            keepers = self._keepers(node.home) if self._graph.random() < 0.5 else ()
            peer = self._pick(node, keepers)
            if peer is not None:
                link = self.connect(node, peer, visit=True)
                self.after(VISIT, lambda: self.cut(node, peer.name) if node.links.get(peer.name) is link else None)
        self.after(self.dials.visits * (0.8 + 0.4 * self._graph.random()), lambda: self.visit(node))

    def _made(self, node: Node) -> list[str]:
        return [peer for peer, link in node.links.items() if link.a is node and not link.visit]

    def _cover(self, node: Node) -> tuple[Cover, list[str]]:
        cover = Cover(node.home, node.scopes)
        return cover, cover.needed([(peer, self.nodes[int(peer)].scopes) for peer in self._made(node)])

    def _later(self, node: Node, tries: int = 0) -> None:
        self.after(DIAL_BACKOFF_MIN + self._graph.randrange(SECOND), lambda: self.dial(node, tries))

    def _pick(self, node: Node, among: Sequence[int] = ()) -> Any_ | None:
        """Any of these, or anybody."""
        found = (self.nodes[self._graph.choice(among or range(len(self.nodes)))] for _ in range(PICKS))
        return next((peer for peer in found if self._answers(node, peer)), None)

    def _pick_by_cell(self, node: Node, cover: Cover) -> Any_ | None:
        """The best of those that it happens to know, and of those that the DHT names for its own cell."""
        keepers = self._keepers(node.home)
        known = Random(node.place).sample(range(len(self.nodes)), min(KNOWN, len(self.nodes)))
        known += self._graph.sample(keepers, min(PROVIDERS, len(keepers)))
        peers = [peer for place in dict.fromkeys(known) if self._answers(node, peer := self.nodes[place])]
        best = most((peer, cover.worth(peer.scopes)) for peer in peers)
        return self._graph.choice(best) if best else None

    def _answers(self, node: Node, peer: Any_) -> bool:
        return (
            peer is not node
            and peer.up
            and peer.name not in node.links
            and peer.name not in node.banned
            and node.name not in peer.banned
            and len(peer.links) < MAX_CONNECTIONS
            and (self.split is None or self.split[peer.place] == self.split[node.place])
        )

    # Fates

    def leave(self, node: Node) -> None:
        """Off, with its store: by saying so or, half of the time, without."""
        node.up = False
        silent = self._fate.random() < 0.5
        for peer, link in list(node.links.items()):
            if silent:
                self.after(self.weather.silence, lambda link=link: self._noticed(node, link))  # type: ignore[misc]
            else:
                self.cut(node, peer)
        node.links.clear()

    def back(self, node: Node) -> None:
        node.up, node.armed, node.since = True, 0, self.now
        node.start()
        self.dial(node)

    def part(self, sides: list[bool]) -> None:
        """Cut the network in two: on which side each node is."""
        self.split = sides
        for node in self.nodes:
            for peer in list(node.links):
                if sides[node.place] != sides[int(peer)]:
                    self.cut(node, peer)

    def heal(self) -> None:
        """The cut is over. Nobody is told."""
        self.split = None

    def _noticed(self, node: Node, link: Link) -> None:
        other = link.b if node is link.a else link.a
        if other.links.get(node.name) is link:
            self.cut(other, node.name)

    def _come_and_go(self, node: Node) -> None:
        away = self.weather.away
        pause = self.weather.session * (1 if node.up else away / (1 - away))

        def turn() -> None:
            if node.up:
                self.leave(node)
            else:
                self.back(node)
            self._come_and_go(node)

        self.after(self._fate.expovariate(1 / pause), turn)

    # Records

    def publish(self, node: Node, scope: str) -> Record:
        record = self.records.make(scope, self.now)
        self.hops[record.id] = array("h", [NOT]) * len(self.nodes)
        self.at[record.id] = array("q", [NOT]) * len(self.nodes)
        node.publish(record)
        return record

    def arrived(self, node: Node, record_id: bytes, peer: str | None) -> None:
        """A node holds a record, from a peer or its own."""
        hops = self.hops.get(record_id)
        if hops is not None and hops[node.place] == NOT:
            hops[node.place] = 0 if peer is None else hops[int(peer)] + 1
            self.at[record_id][node.place] = self.now

    def betray(self, record: Record) -> None:
        """One of the crowd has heard of a record: all announce it."""
        if record.id in self.hops:
            for sybil in self.sybils:
                if record.id not in sybil.told:
                    sybil.announce(record)

    def struck(self, node: Node, peer: str) -> None:
        self.strikes[self.nodes[int(peer)].honest] += 1

    def _spam(self) -> None:
        count = max(1, round(self.weather.spam * SPAM_EVERY / SECOND))
        for sybil in self.sybils:
            sybil.push([self.records.make("", self.now).wire for _ in range(count)])
        self.after(SPAM_EVERY, self._spam)

    # The beginning

    def _settle(self, count: int) -> list[Any_]:
        homes = cells(count)
        scopes = {home: tuple(sorted({home, *neighbours(home)})) for home in homes}
        bad = set(self._graph.sample(range(count), round(self.weather.sybils * count)))
        nodes: list[Any_] = []
        for place in range(count):
            home = homes[place % len(homes)]
            skew = self._fate.randint(-self.weather.skew, self.weather.skew)
            self._in_cell.setdefault(home, []).append(place)
            if place in bad:
                nodes.append(Sybil(self, place, home, ("",), self.weather.withhold))
            else:
                nodes.append(Node(self, place, home, scopes[home], skew))
        return nodes

    def _keepers(self, home: str) -> list[int]:
        """Who keeps a cell: those at home in it and around."""
        found = self._keeping.get(home)
        if found is None:
            around = [cell for cell in neighbours(home) if cell in self._in_cell]
            found = self._keeping[home] = [place for cell in around for place in self._in_cell[cell]]
        return found

    def _open_doors(self) -> None:
        """Sybils first, then in some seconds all others."""
        for sybil in self.sybils:
            for node in self._graph.sample(self.honest, min(self.weather.crowd, len(self.honest))):
                if len(node.links) < MAX_CONNECTIONS:
                    self.connect(sybil, node)
        for node in self.honest:
            if self._fate.random() < self.weather.away:
                node.up = False
            else:
                self.after(self._fate.randrange(GREETING), lambda node=node: self.dial(node))  # type: ignore[misc]
            if self.dials.by_cell:
                self.after(self._fate.randrange(BY_CELL_EVERY), lambda node=node: self.better(node))  # type: ignore[misc]
            if self.dials.visits:
                self.after(self._fate.randrange(self.dials.visits), lambda node=node: self.visit(node))  # type: ignore[misc]
            if self.weather.away:
                self._come_and_go(node)
        if self.weather.spam:
            self.after(GREETING, self._spam)
