"""What one neighbour in one network is told unasked, and what it is served. Pure; `dht.neighbour` decides what.

All waits in lines of bounded length and leaves a frame at a time, so who reads slowly, or not at all, costs nobody else
anything.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from random import Random
from typing import Final

from protocols.gossip_messages import Have, Message, Records, Want
from protocols.limits import GOSSIP_FRAME, MAX_BATCH, MAX_HAVE

from .budget import Budget
from .catalog import Catalog

Load = Callable[[bytes, bytes], bytes | None]

LAZY_DELAY: Final = 250  # ids gather this long, or up to thrice, before they are told: often the other tells first
PACE: Final = 50  # between two bursts of ids
PUSH_PACE: Final = 20  # and of records: each node on the way adds some of it
MAX_QUEUE: Final = 4_096  # ids waiting to be pushed
MAX_REQUESTS: Final = 16
MAX_KNOWN: Final = 8_192
BURST_FRAMES: Final = 4


class Telling:
    """The lines of one neighbour. load: the wire of a stored record by (network, id), or none. serving: bytes that may
    leave. Times in ms."""

    def __init__(self, catalog: Catalog, load: Load, rng: Random, serving: Budget, now: int) -> None:
        self._catalog = catalog
        self._load = load
        self._rng = rng
        self._known: OrderedDict[bytes, bool] = OrderedDict()  # id -> whether the neighbour has sent the record
        self._push: dict[bytes, None] = {}
        self._push_at = now
        self._lazy: dict[bytes, None] = {}
        self._lazy_at = now
        self._offers: deque[bytes] = deque()
        self._offers_at = now
        self._requests: deque[Want] = deque()
        self._serving = serving

    def knows(self, id_: bytes) -> bool:
        """Whether the neighbour sent this record, named it, or was sent it."""
        return id_ in self._known

    def has_sent(self, id_: bytes) -> bool:
        return self._known.get(id_, False)

    def remember(self, id_: bytes, sent: bool = False) -> None:
        """The neighbour has this record. sent: it has just sent it."""
        self._known[id_] = sent or self._known.get(id_, False)
        self._push.pop(id_, None)
        self._lazy.pop(id_, None)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def tell(self, id_: bytes, eager: bool, now: int, soon: bool = False) -> bool:
        """Send a new record, or name it. soon: do not wait for many. False: the line is full."""
        queue = self._push if eager else self._lazy
        if len(queue) >= MAX_QUEUE:
            return False
        if not queue:
            if eager:
                self._push_at = max(self._push_at, now)
            else:
                self._lazy_at = now + LAZY_DELAY + self._rng.randrange(2 * LAZY_DELAY)
        if soon and not eager:
            self._lazy_at = min(self._lazy_at, now + PACE)
        queue[id_] = None
        return True

    def offer(self, items: Iterable[bytes]) -> None:
        """Name these items."""
        self._offers.extend(items)

    @property
    def offering(self) -> bool:
        return bool(self._offers)

    def ask(self, want: Want) -> None:
        if len(self._requests) < MAX_REQUESTS:
            self._requests.append(want)

    def serve(self, now: int) -> list[Message]:
        """Answers to what the neighbour asked for, as fast as it may be served."""
        out: list[Message] = []
        while self._requests and self._serving.ready(now):
            want = self._requests.popleft()
            dealt, wires = self._batch(want.ids)
            out.append(Records(want.network, want.request, dealt, wires))
        return out

    def flush(self, now: int) -> tuple[list[Message], bool]:
        """What is due of the rest; and whether something new was told, so that one should compare soon."""
        network, out, told = self._catalog.network, list[Message](), False
        if self._push and now >= self._push_at:
            for _ in range(BURST_FRAMES):
                if self._push and self._serving.ready(now):
                    ids = tuple(self._push)
                    dealt, wires = self._batch(ids)
                    for id_ in ids[:dealt]:
                        self.remember(id_)
                    if wires:
                        out.append(Records(network, 0, 0, wires))
            self._push_at = now + PUSH_PACE
            told = True
        if self._lazy and now >= self._lazy_at:
            rows = (self._catalog.row(id_) for id_ in self._lazy)
            self._offers.extend(row.item for row in rows if row is not None)
            self._lazy.clear()
            told = True
        if self._offers and now >= self._offers_at:
            items = [self._offers.popleft() for _ in range(min(MAX_HAVE, len(self._offers)))]
            out.append(Have(network, tuple(items)))
            self._offers_at = now + PACE
        return out, told

    def times(self) -> list[int]:
        """When something is due, ms."""
        times = []
        if self._push:
            times.append(self._push_at)
        if self._lazy:
            times.append(self._lazy_at)
        if self._offers:
            times.append(self._offers_at)
        if self._requests:
            times.append(self._serving.due())
        return times

    def _batch(self, ids: tuple[bytes, ...]) -> tuple[int, tuple[bytes, ...]]:
        """As many records as fit into a frame, and how many of the ids they answer."""
        wires: list[bytes] = []
        size = 128
        for dealt, id_ in enumerate(ids):
            wire = self._load(self._catalog.network, id_) if id_ in self._catalog else None
            if wire is None:
                continue
            if size + len(wire) + 4 > GOSSIP_FRAME or len(wires) == MAX_BATCH:
                self._serving.spend(size)
                return dealt, tuple(wires)
            size += len(wire) + 4
            wires.append(wire)
            self.remember(id_)
        self._serving.spend(size)
        return len(ids), tuple(wires)
