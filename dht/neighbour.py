"""One neighbour in one network: what it is told, asked for and served. Pure; `dht.gossip` routes to it.

Everything moves by being asked for, one frame an answer and few requests at a time, so a slow neighbour slows down
only itself. What is pushed unasked may get lost on the way: a comparison soon after finds it.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Final

from protocols.codec import decode
from protocols.errors import DecodeError
from protocols.gossip_messages import Answer, Done, Have, Hello, Message, Reconcile, Records, Want
from protocols.identity import digest
from protocols.limits import GOSSIP_FRAME, MAX_BATCH, MAX_HAVE, MAX_NUMBER, MAX_RECORD, MAX_SKEW, MINUTE, SECOND

from .catalog import Catalog, Row
from .keys import covers, item_id, shared
from .pushing import Pushes
from .reconcile import Session, answer

Load = Callable[[bytes, bytes], bytes | None]

# Node-local bounds and times; a neighbour need not have the same.
SYNC_INTERVAL: Final = 5 * MINUTE
SYNC_PATIENCE: Final = 10 * SECOND  # how long the other may take to begin
SYNC_SOON: Final = 2 * SECOND
LIVE_CHECK: Final = 15 * SECOND  # after something was pushed, compare
SESSION_TIMEOUT: Final = 30 * SECOND
WANT_TIMEOUT: Final = 15 * SECOND
MAX_FAILURES: Final = 3
LAZY_DELAY: Final = 100  # ids gather this long before they are told
LAZY_PATIENCE: Final = 200  # how long an announced record may come by itself
BLOCKED_DELAY: Final = 1 * SECOND  # before asking for what another neighbour was asked for
PACE: Final = 50  # between two bursts
WINDOW: Final = 4  # requests under way
WANT_SIZE: Final = 128
MAX_NEED: Final = 8_192
MAX_QUEUE: Final = 4_096  # ids waiting to be pushed
MAX_REQUESTS: Final = 16
MAX_LATE: Final = 64  # requests given up whose answers may still come
MAX_KNOWN: Final = 8_192
BURST_FRAMES: Final = 4
SERVE_RATE: Final = 8 * 1024  # bytes a millisecond
SERVE_BURST: Final = 4 * 1024 * 1024


class Neighbour:
    """The state of one neighbour in one network for as long as a connection lasts.

    in_flight: shared by all neighbours of the network: id asked for -> when to ask somebody else. pushes: shared by all
    networks of the peer.
    Methods put messages into `out`, wires for the caller into `delivered`, and set `synced`.
    """

    def __init__(
        self,
        peer: str,
        catalog: Catalog,
        load: Load,
        in_flight: dict[bytes, int],
        rng: Random,
        pushes: Pushes,
        now: int,
    ) -> None:
        self.peer = peer
        self.out: list[Message] = []
        self.delivered: list[bytes] = []
        self.synced = False
        self.compared = 0  # when we last knew to hold the same
        self.theirs: tuple[str, ...] = ()
        self.nonce = b""
        self.weight = rng.random()  # who gets records at once, where there are many
        self._catalog = catalog
        self._load = load
        self._in_flight = in_flight
        self._rng = rng
        self._pushes = pushes
        self._shared: frozenset[str] = frozenset()
        self._offset = 0
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._push: dict[bytes, None] = {}
        self._push_at = now
        self._lazy: dict[bytes, None] = {}
        self._lazy_at = now
        self._offers: deque[bytes] = deque()
        self._offers_at = now
        self._need: OrderedDict[bytes, bytes] = OrderedDict()
        self._later: list[tuple[int, bytes]] = []
        self._asked: dict[int, tuple[tuple[bytes, ...], int]] = {}  # request -> items, deadline
        self._late: OrderedDict[int, int] = OrderedDict()  # request -> how many ids were asked for
        self._request = rng.randrange(MAX_NUMBER)  # so that late answers of an earlier connection find no match
        self._failures = 0
        self._missed = False
        self._requests: deque[Want] = deque()
        self._tokens = SERVE_BURST
        self._tokens_at = now
        self._session: Session | None = None
        self._turn = rng.randrange(MAX_NUMBER)
        self._waiting = False  # for the answer to this turn
        self._deadline = now
        self._held = False  # the session waits until less is needed
        self._closing = False  # the session is over, its offers are not all told
        self._finished = False
        self._next_sync = now

    def greeted(self, hello: Hello, mine: tuple[str, ...], first: bool, now: int) -> None:
        """The neighbour's HELLO. first: it is on us to begin the comparison."""
        self.theirs, self.nonce = hello.scopes, hello.nonce
        self._shared = shared(mine, hello.scopes)
        self._offset = max(0, min(MAX_SKEW, hello.now - now))
        self._session, self._held, self._closing = None, False, False
        self._next_sync = now if first else now + SYNC_PATIENCE

    def rescoped(self, mine: tuple[str, ...], now: int) -> None:
        self._shared = shared(mine, self.theirs)
        self._session, self._held, self._closing = None, False, False
        self._next_sync = now

    def has(self, row: Row) -> bool:
        """Whether the neighbour sent this record, named it, was sent it, or has compared with us since it was made."""
        return row.id in self._known or (row.created < self.compared and covers(self._shared, row.scope))

    def tell(self, record_id: bytes, eager: bool, now: int) -> None:
        """Pass a new record on, itself or its id, unless the neighbour is known to have it. Beyond what may be pushed
        it is the id."""
        if record_id in self._known:
            return
        eager = eager and self._pushes.may_send(now)
        queue = self._push if eager else self._lazy
        if len(queue) >= MAX_QUEUE:
            self._next_sync = min(self._next_sync, now + SYNC_SOON)
            return
        if not queue:
            if eager:
                self._push_at = max(self._push_at, now)
            else:
                self._lazy_at = now + LAZY_DELAY
        queue[record_id] = None

    def received(self, message: Message, now: int) -> None:
        """Take a message in; `Reject` if no honest neighbour sends it."""
        match message:
            case Reconcile(network, turn, as_of, ranges):
                said = answer(self._catalog.view(self._shared), as_of, ranges)
                self.out.append(Answer(network, turn, said))
                self._next_sync = max(self._next_sync, now + SYNC_PATIENCE)
            case Answer(_, turn, ranges):
                if self._session is not None and self._waiting and turn == self._turn:
                    self._waiting = False
                    found = self._session.answered(ranges)
                    self._offers.extend(found.have)
                    self._require(found.need, now, 0)
                    self._continue(now)
            case Done():
                self._finished = True
                self._schedule(now)
            case Have(_, items):
                for item in items:
                    self._remember(item_id(item))
                self._require(items, now, LAZY_PATIENCE)
            case Want():
                if len(self._requests) < MAX_REQUESTS:
                    self._requests.append(message)
            case Records():
                self._records(message, now)
        self.woke(now)

    def woke(self, now: int) -> None:
        """Do what is due."""
        if self._session is not None and now >= self._deadline and not self._held:
            self._session, self._next_sync = None, now + SYNC_SOON + self._jitter(SYNC_SOON)
        for request in [r for r, (_, deadline) in self._asked.items() if deadline <= now]:
            items, _ = self._asked.pop(request)
            self._late[request] = len(items)
            if len(self._late) > MAX_LATE:
                self._late.popitem(last=False)
            self._failures += 1
            self._return(items)
        if self._failures > MAX_FAILURES:
            self._failures = 0
            self._need.clear()
            self._missed = True
        while self._later and self._later[0][0] <= now:
            _, item = heappop(self._later)
            self._need[item_id(item)] = item
        self._ask_for(now)
        self._serve(now)
        self._flush(now)
        if self._session is not None and self._held and len(self._need) < MAX_NEED // 4:
            self._held = False
            self._continue(now)
        if self._session is None and not self._closing and now >= self._next_sync:
            self._begin(now)
        if self._closing and not self._offers:
            self._closing = False
            self._finished = True
            self.out.append(Done(self._catalog.network, self._turn))
        if self._finished and not (self._need or self._later or self._asked):
            self._finished = False
            self.synced = True
            self.compared = now
            if self._missed:
                self._missed = False
                self._next_sync = min(self._next_sync, now + SYNC_SOON + self._jitter(SYNC_SOON))

    def next_wake(self) -> int:
        """When `woke` has something to do, ms."""
        times = [deadline for _, deadline in self._asked.values()]
        if self._session is None:
            if not self._closing:
                times.append(self._next_sync)
        elif not self._held:
            times.append(self._deadline)
        if self._later:
            times.append(self._later[0][0])
        if self._push:
            times.append(self._push_at)
        if self._lazy:
            times.append(self._lazy_at)
        if self._offers:
            times.append(self._offers_at)
        if self._requests:
            times.append(self._tokens_at + 1 + max(0, -self._tokens) // SERVE_RATE)
        return min(times, default=self._next_sync)

    def gone(self) -> None:
        """The connection is lost: what was asked for may be asked of others."""
        for items, _ in self._asked.values():
            for item in items:
                self._in_flight.pop(item_id(item), None)

    # Comparing

    def _begin(self, now: int) -> None:
        self._session = Session(self._catalog.view(self._shared), max(now, now + self._offset))
        self._continue(now)

    def _continue(self, now: int) -> None:
        session = self._session
        if session is None:
            return
        self._deadline = now + SESSION_TIMEOUT
        if len(self._need) >= MAX_NEED // 2:
            self._held = True
            return
        ranges = session.ask()
        if ranges:
            self._turn = self._turn % MAX_NUMBER + 1
            self._waiting = True
            self.out.append(Reconcile(self._catalog.network, self._turn, session.as_of, ranges))
            return
        self._session, self._closing = None, True
        self._missed = self._missed or session.overflow
        self._schedule(now)

    def _schedule(self, now: int) -> None:
        self._next_sync = now + SYNC_INTERVAL + self._jitter(SYNC_INTERVAL // 4)

    def _jitter(self, most: int) -> int:
        return self._rng.randrange(most)

    # Fetching

    def _require(self, items: list[bytes] | tuple[bytes, ...], now: int, delay: int) -> None:
        for item in items:
            if not self._catalog.wants(item, now):
                continue
            if len(self._need) + len(self._later) >= MAX_NEED:
                self._missed = True
            elif delay:
                heappush(self._later, (now + delay, item))
            else:
                self._need[item_id(item)] = item

    def _ask_for(self, now: int) -> None:
        while self._need and len(self._asked) < WINDOW:
            items: list[bytes] = []
            while self._need and len(items) < WANT_SIZE:
                id_, item = self._need.popitem(last=False)
                if not self._catalog.wants(item, now):
                    continue
                if self._in_flight.get(id_, 0) > now:
                    heappush(self._later, (now + BLOCKED_DELAY, item))
                else:
                    items.append(item)
            if not items:
                return
            self._request = self._request % MAX_NUMBER + 1
            deadline = now + WANT_TIMEOUT
            self._asked[self._request] = (tuple(items), deadline)
            ids = tuple(item_id(item) for item in items)
            self._in_flight.update(dict.fromkeys(ids, deadline))
            self.out.append(Want(self._catalog.network, self._request, ids))

    def _records(self, message: Records, now: int) -> None:
        items, _ = self._asked.pop(message.request, ((), 0))
        due = len(items) or self._late.pop(message.request, 0)
        wires = message.wires
        if len(wires) > due:
            wires = wires[: due + self._pushes.take(len(wires) - due, now)]
            if len(wires) < len(message.wires):
                self._check_soon(now)
        if items:
            self._failures = 0
            dealt = message.dealt or len(items)
            self._return(items[dealt:])
            for item in items[:dealt]:
                self._in_flight.pop(item_id(item), None)
        for wire in wires:
            id_ = _id_of(wire)
            self._remember(id_)
            if id_ not in self._catalog:
                self.delivered.append(wire)

    def _return(self, items: tuple[bytes, ...]) -> None:
        for item in reversed(items):
            self._in_flight.pop(item_id(item), None)
            self._need[item_id(item)] = item
            self._need.move_to_end(item_id(item), last=False)

    def _remember(self, id_: bytes) -> None:
        self._known[id_] = None
        self._push.pop(id_, None)
        self._lazy.pop(id_, None)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    # Telling and serving

    def _serve(self, now: int) -> None:
        self._tokens = min(SERVE_BURST, self._tokens + (now - self._tokens_at) * SERVE_RATE)
        self._tokens_at = now
        while self._requests and self._tokens > 0:
            want = self._requests.popleft()
            dealt, wires = self._batch(want.ids)
            self.out.append(Records(want.network, want.request, dealt, wires))

    def _flush(self, now: int) -> None:
        if self._push and now >= self._push_at:
            for _ in range(BURST_FRAMES):
                if self._push and self._tokens > 0:
                    ids = tuple(self._push)
                    dealt, wires = self._batch(ids)
                    for id_ in ids[:dealt]:
                        self._remember(id_)
                    if wires:
                        self.out.append(Records(self._catalog.network, 0, 0, wires))
            self._push_at = now + PACE
            self._check_soon(now)
        if self._lazy and now >= self._lazy_at:
            rows = (self._catalog.row(id_) for id_ in self._lazy)
            self._offers.extend(row.item for row in rows if row is not None)
            self._lazy.clear()
            self._check_soon(now)
        if self._offers and now >= self._offers_at:
            items = [self._offers.popleft() for _ in range(min(MAX_HAVE, len(self._offers)))]
            self.out.append(Have(self._catalog.network, tuple(items)))
            self._offers_at = now + PACE

    def _check_soon(self, now: int) -> None:
        self._next_sync = min(self._next_sync, now + LIVE_CHECK + self._jitter(LIVE_CHECK // 2))

    def _batch(self, ids: tuple[bytes, ...]) -> tuple[int, tuple[bytes, ...]]:
        """As many records as fit into a frame, and how many of the ids they answer."""
        wires: list[bytes] = []
        size = 128
        for dealt, id_ in enumerate(ids):
            wire = self._load(self._catalog.network, id_) if id_ in self._catalog else None
            if wire is None:
                continue
            if size + len(wire) + 4 > GOSSIP_FRAME or len(wires) == MAX_BATCH:
                self._tokens -= size
                return dealt, tuple(wires)
            size += len(wire) + 4
            wires.append(wire)
            self._remember(id_)
        self._tokens -= size
        return len(ids), tuple(wires)


def _id_of(wire: bytes) -> bytes:
    value = decode(wire, MAX_RECORD)
    if not (type(value) is list and len(value) == 3 and type(value[0]) is bytes):
        raise DecodeError("not a record", "field")
    return digest(value[0])
