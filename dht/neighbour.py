"""One neighbour in one network: what it is told, asked for and served. Pure; `dht.gossip` routes to it.

Everything moves by being asked for, one frame an answer and few requests at a time, so a slow neighbour slows down
only itself. What is pushed unasked may get lost on the way: a comparison soon after finds it.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from random import Random
from typing import Final

from protocols.codec import decode
from protocols.errors import DecodeError
from protocols.gossip_messages import Answer, Done, Have, Hello, Message, Range, Reconcile, Records, Want
from protocols.identity import digest
from protocols.limits import GOSSIP_FRAME, MAX_BATCH, MAX_HAVE, MAX_NUMBER, MAX_RECORD, MAX_SKEW, MINUTE, SECOND

from .budget import Work
from .catalog import Catalog, Row
from .fetching import MAX_NEED, Fetching
from .keys import covers, item_id, shared
from .pushing import Pushes
from .reconcile import Found, Session, answering

Load = Callable[[bytes, bytes], bytes | None]

# Node-local bounds and times; a neighbour need not have the same.
SYNC_INTERVAL: Final = 5 * MINUTE
SYNC_PATIENCE: Final = 10 * SECOND  # how long the other may take to begin
SYNC_SOON: Final = 2 * SECOND
LIVE_CHECK: Final = 15 * SECOND  # after something was pushed, compare
SESSION_TIMEOUT: Final = 30 * SECOND
LAZY_DELAY: Final = 100  # ids gather this long before they are told
LAZY_PATIENCE: Final = 200  # how long an announced record may come by itself
PACE: Final = 50  # between two bursts
MAX_QUEUE: Final = 4_096  # ids waiting to be pushed
MAX_REQUESTS: Final = 16
MAX_KNOWN: Final = 8_192
BURST_FRAMES: Final = 4
PIECE: Final = 2_000  # steps of a comparison at a time: some milliseconds


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
        self._fetching = Fetching(catalog, in_flight, rng, pushes)
        self._requests: deque[Want] = deque()
        self._answering: tuple[int, Work[tuple[Range, ...]]] | None = None  # what the neighbour asked in this turn
        self._asking: Work[tuple[Range, ...]] | None = None
        self._taking: Work[Found] | None = None
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
        self._answering = None
        self._drop_session()
        self._closing = False
        self._next_sync = now if first else now + SYNC_PATIENCE

    def rescoped(self, mine: tuple[str, ...], now: int) -> None:
        self._shared = shared(mine, self.theirs)
        self._drop_session()
        self._closing = False
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
            case Reconcile(_, turn, as_of, ranges):
                self._answering = turn, Work(answering(self._catalog.view(self._shared), as_of, ranges))
                self._next_sync = max(self._next_sync, now + SYNC_PATIENCE)
            case Answer(_, turn, ranges):
                if self._session is not None and self._waiting and turn == self._turn:
                    self._waiting = False
                    self._taking = Work(self._session.taking(ranges))
            case Done():
                self._finished = True
                self._schedule(now)
            case Have(_, items):
                for item in items:
                    self._remember(item_id(item))
                self._fetching.require(items, now, LAZY_PATIENCE)
            case Want():
                if len(self._requests) < MAX_REQUESTS:
                    self._requests.append(message)
            case Records():
                self._records(message, now)
        self.woke(now)

    def woke(self, now: int) -> None:
        """Do what is due; `Reject` if something that came before turns out to be what no honest neighbour sends."""
        if self._session is not None and now >= self._deadline and not self._held:
            self._drop_session()
            self._next_sync = now + SYNC_SOON + self._jitter(SYNC_SOON)
        self._toil(now)
        self.out += self._fetching.woke(now)
        self._serve(now)
        self._flush(now)
        if self._session is not None and self._held and len(self._fetching) < MAX_NEED // 4:
            self._held = False
            self._continue(now)
        if self._session is None and not self._closing and now >= self._next_sync:
            self._begin(now)
        self._toil(now)
        if self._closing and not self._offers:
            self._closing = False
            self._finished = True
            self.out.append(Done(self._catalog.network, self._turn))
        if self._finished and self._fetching.idle:
            self._finished = False
            self.synced = True
            self.compared = now
            if self._fetching.missed:
                self._fetching.missed = False
                self._next_sync = min(self._next_sync, now + SYNC_SOON + self._jitter(SYNC_SOON))

    def next_wake(self) -> int:
        """When `woke` has something to do, ms."""
        times = self._fetching.times()
        if self._answering is not None or self._asking is not None or self._taking is not None:
            times.append(self._pushes.toil_due())
        if self._session is None:
            if not self._closing:
                times.append(self._next_sync)
        elif not self._held:
            times.append(self._deadline)
        if self._push:
            times.append(self._push_at)
        if self._lazy:
            times.append(self._lazy_at)
        if self._offers:
            times.append(self._offers_at)
        if self._requests:
            times.append(self._pushes.serving.due())
        return min(times, default=self._next_sync)

    def gone(self) -> None:
        """The connection is lost: what was asked for may be asked of others."""
        self._fetching.gone()

    # Comparing

    def _begin(self, now: int) -> None:
        self._session = Session(self._catalog.view(self._shared), max(now, now + self._offset))
        self._continue(now)

    def _continue(self, now: int) -> None:
        session = self._session
        if session is None:
            return
        self._deadline = now + SESSION_TIMEOUT
        if len(self._fetching) >= MAX_NEED // 2:
            self._held = True
            return
        self._asking = Work(session.asking())

    def _ask(self, session: Session, ranges: tuple[Range, ...], now: int) -> None:
        self._deadline = now + SESSION_TIMEOUT
        if ranges:
            self._turn = self._turn % MAX_NUMBER + 1
            self._waiting = True
            self.out.append(Reconcile(self._catalog.network, self._turn, session.as_of, ranges))
            return
        self._session, self._closing = None, True
        self._fetching.missed = self._fetching.missed or session.overflow
        self._schedule(now)

    def _toil(self, now: int) -> None:
        """Go on with what takes long, as far as one turn and the budgets allow: others are to get theirs."""
        left = PIECE
        while left > 0 and self._pushes.may_toil(now):
            cost = 0
            if self._answering is not None:
                (turn, work), self._answering = self._answering, None
                cost = work.go_on(left)
                if work.result is None:
                    self._answering = turn, work
                else:
                    self.out.append(Answer(self._catalog.network, turn, work.result))
            elif self._session is not None and self._taking is not None:
                taking, self._taking = self._taking, None
                cost = taking.go_on(left)
                if taking.result is None:
                    self._taking = taking
                else:
                    self._offers.extend(taking.result.have)
                    self._fetching.require(taking.result.need, now, 0)
                    self._continue(now)
            elif self._session is not None and self._asking is not None:
                cost = self._asking.go_on(left)
                if self._asking.result is not None:
                    ranges, self._asking = self._asking.result, None
                    self._ask(self._session, ranges, now)
            else:
                return
            self._pushes.toiled(cost)
            left -= cost

    def _drop_session(self) -> None:
        self._session, self._asking, self._taking, self._held = None, None, None, False

    def _schedule(self, now: int) -> None:
        self._next_sync = now + SYNC_INTERVAL + self._jitter(SYNC_INTERVAL // 4)

    def _jitter(self, most: int) -> int:
        return self._rng.randrange(most)

    # Fetching

    def _records(self, message: Records, now: int) -> None:
        wires = self._fetching.answered(message, now)
        if len(wires) < len(message.wires):
            self._check_soon(now)
        for wire in wires:
            id_ = _id_of(wire)
            self._remember(id_)
            if id_ not in self._catalog:
                self.delivered.append(wire)

    def _remember(self, id_: bytes) -> None:
        self._known[id_] = None
        self._push.pop(id_, None)
        self._lazy.pop(id_, None)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    # Telling and serving

    def _serve(self, now: int) -> None:
        while self._requests and self._pushes.serving.ready(now):
            want = self._requests.popleft()
            dealt, wires = self._batch(want.ids)
            self.out.append(Records(want.network, want.request, dealt, wires))

    def _flush(self, now: int) -> None:
        if self._push and now >= self._push_at:
            for _ in range(BURST_FRAMES):
                if self._push and self._pushes.serving.ready(now):
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
                self._pushes.serving.spend(size)
                return dealt, tuple(wires)
            size += len(wire) + 4
            wires.append(wire)
            self._remember(id_)
        self._pushes.serving.spend(size)
        return len(ids), tuple(wires)


def _id_of(wire: bytes) -> bytes:
    value = decode(wire, MAX_RECORD)
    if not (type(value) is list and len(value) == 3 and type(value[0]) is bytes):
        raise DecodeError("not a record", "field")
    return digest(value[0])
