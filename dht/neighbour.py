"""One neighbour in one network: what it is told, asked for and served. Pure; `dht.gossip` routes to it.

Everything moves by being asked for, one frame an answer and few requests at a time, so a slow neighbour slows down
only itself. What is pushed unasked may get lost on the way: a comparison soon after finds it.
"""

from random import Random
from typing import Final

from protocols.codec import decode
from protocols.errors import DecodeError
from protocols.gossip_messages import Answer, Done, Graft, Have, Hello, Message, Prune, Range, Reconcile, Records, Want
from protocols.identity import digest
from protocols.limits import MAX_NUMBER, MAX_RECORD, MAX_SKEW, MINUTE, SECOND

from .arrivals import Arrivals, Level
from .budget import Work
from .catalog import Catalog, Row
from .fetching import MAX_NEED, Fetching
from .flights import Flights
from .keys import covers, item_id, shared
from .pushing import Pushes
from .reconcile import Found, Session, answering
from .telling import Load, Telling
from .tree import Branch

# Node-local bounds and times; a neighbour need not have the same.
SYNC_INTERVAL: Final = 5 * MINUTE
SYNC_PATIENCE: Final = 10 * SECOND  # how long the other may take to begin
SYNC_SOON: Final = 2 * SECOND
LIVE_CHECK: Final = 15 * SECOND  # after something was pushed, compare
SESSION_TIMEOUT: Final = 30 * SECOND
LAZY_PATIENCE: Final = 200  # how long an announced record may come by itself,
LAZY_JITTER: Final = 400  # and how much longer, so that of several who miss it one asks and the others get it from him
PRUNE_ODDS: Final = 4  # one in so many: two nodes that each cut the same circle would leave two halves
RESUME_PAUSE: Final = 1 * SECOND  # for what each was told on coming back to be fetched, before both compare
RESUME_EACH: Final = 4  # ms more for each record
RESUME_PATIENCE: Final = 15 * SECOND
RESUME_AGAIN: Final = 250
PIECE: Final = 2_000  # steps of a comparison at a time: some milliseconds


class Neighbour:
    """The state of one neighbour in one network for as long as a connection lasts.

    flights, arrivals: shared by all neighbours of the network. pushes: shared by all networks of the peer.
    Methods put messages into `out`, wires for the caller into `delivered`, and set `synced`. level: until when both are
    known to have held the same. in_vain: what the last message brought
    unasked, if all of it was here already.
    """

    def __init__(
        self,
        peer: str,
        catalog: Catalog,
        load: Load,
        flights: Flights,
        arrivals: Arrivals,
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
        self.weight = rng.random()  # who gets records at once, of those that know no tree
        self.branch = Branch(now)
        self.level: Level | None = None
        self.in_vain: tuple[Row, ...] = ()
        self._fetched: frozenset[bytes] = frozenset()  # ids that the last message brought, that had been named before
        self._telling = Telling(catalog, load, rng, pushes.serving, now)
        self._arrivals = arrivals
        self._catalog = catalog
        self._rng = rng
        self._pushes = pushes
        self._shared: frozenset[str] = frozenset()
        self._offset = 0
        self._fetching = Fetching(catalog, flights, rng, pushes)
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
        self._resuming = now  # until when to wait for what is being fetched, before the first comparison
        self._begun: Level | None = None  # where the comparison under way, ours or theirs, found us

    def greeted(self, hello: Hello, mine: tuple[str, ...], first: bool, now: int) -> None:
        """The neighbour's HELLO. first: it is on us to begin the comparison."""
        self.level = self._begun = None
        self.theirs, self.nonce = hello.scopes, hello.nonce
        self._shared = shared(mine, hello.scopes)
        self._offset = max(0, min(MAX_SKEW, hello.now - now))
        self._answering = None
        self._drop_session()
        self._closing = False
        self._next_sync = now if first else now + SYNC_PATIENCE

    def resume(self, level: Level, now: int) -> None:
        """It was connected before: name what has come since both held the same, before anything is compared."""
        if level.shared != self._shared:
            return
        rows = (self._catalog.row(id_) for id_ in self._arrivals.since(level.number, self.peer))
        items = [row.item for row in rows if row is not None and covers(self._shared, row.scope)]
        self._telling.offer(items)
        self._next_sync += RESUME_PAUSE + RESUME_EACH * len(items)
        self._resuming = now + RESUME_PATIENCE

    @property
    def chosen(self) -> bool:
        """Whether we connected to it by our own choice."""
        return self._pushes.chosen

    def greet_tree(self, enough: bool) -> None:
        """Say whether we need this link to carry records; enough: others do."""
        say = Graft if self.branch.begun(enough) else Prune
        self.out.append(say(self._catalog.network, ""))

    def bridge(self, now: int) -> None:
        """Have the link carry everything again."""
        if self.branch.bridged(now):
            self.out.append(Graft(self._catalog.network, ""))

    def prune(self, scope: str, now: int) -> None:
        if self._jitter(PRUNE_ODDS) == 0 and self.branch.in_vain(scope, now):
            self.out.append(Prune(self._catalog.network, scope))

    def rescoped(self, mine: tuple[str, ...], now: int) -> None:
        self.level = self._begun = None
        self._shared = shared(mine, self.theirs)
        self._drop_session()
        self._closing = False
        self._next_sync = now

    def has_sent(self, record_id: bytes) -> bool:
        return self._telling.has_sent(record_id)

    def has(self, row: Row) -> bool:
        """Whether the neighbour sent this record, named it, was sent it, or has compared with us since it was made."""
        return self._telling.knows(row.id) or (row.created < self.compared and covers(self._shared, row.scope))

    def tell(self, record_id: bytes, eager: bool, may_push: bool, now: int) -> int | None:
        """Pass a new record on, itself or its id, unless the neighbour is known to have it; when to wake it for that.
        Beyond what may be pushed it is the id, and soon: nobody else may bring the record."""
        if self._telling.knows(record_id):
            return None
        may = eager and may_push and self._pushes.may_send(now)
        if self._telling.tell(record_id, may, now, soon=eager):
            return min(self._telling.times())
        self._next_sync = min(self._next_sync, now + SYNC_SOON)
        return self._next_sync

    def took(self, row: Row, now: int) -> None:
        """A record that it sent was new: if it had to be asked for, the link should have carried it."""
        if row.id in self._fetched and self.branch.missed(row.scope, now):
            self.out.append(Graft(self._catalog.network, row.scope))

    def received(self, message: Message, now: int) -> None:
        """Take a message in; `Reject` if no honest neighbour sends it."""
        self.in_vain, self._fetched = (), frozenset()
        match message:
            case Reconcile(_, turn, as_of, ranges):
                self._answering = turn, Work(answering(self._catalog.view(self._shared), as_of, ranges))
                if len(ranges) == 1 and not ranges[0].upper:
                    self._begun = Level(self._arrivals.number, self._shared)
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
                    self._telling.remember(item_id(item))
                self._fetching.require(items, now, self._patience())
            case Want():
                self._telling.ask(message)
            case Records():
                self._records(message, now)
            case Prune(_, scope):
                self.branch.pruned(scope)
            case Graft(_, scope):
                self.branch.grafted(scope, now)
        self.woke(now)

    def woke(self, now: int) -> None:
        """Do what is due; `Reject` if something that came before turns out to be what no honest neighbour sends."""
        if self._session is not None and now >= self._deadline and not self._held:
            self._drop_session()
            self._next_sync = now + SYNC_SOON + self._jitter(SYNC_SOON)
        self._toil(now)
        self.out += self._fetching.woke(now)
        self.out += self._telling.serve(now)
        said, news = self._telling.flush(now)
        self.out += said
        if news:
            self._check_soon(now)
        if self._session is not None and self._held and len(self._fetching) < MAX_NEED // 4:
            self._held = False
            self._continue(now)
        if self._session is None and not self._closing and now >= self._next_sync:
            if now < self._resuming <= now + RESUME_PATIENCE and not self._fetching.idle:
                self._next_sync = now + RESUME_AGAIN
            else:
                self._begin(now)
        self._toil(now)
        if self._closing and not self._telling.offering:
            self._closing = False
            self._finished = True
            self.out.append(Done(self._catalog.network, self._turn))
        if self._finished and self._fetching.idle:
            self._finished = False
            self.synced = True
            self.compared = now
            self.level = self._begun
            if self._fetching.missed:
                self._fetching.missed = False
                self._next_sync = min(self._next_sync, now + SYNC_SOON + self._jitter(SYNC_SOON))

    def next_wake(self) -> int:
        """When `woke` has something to do, ms; 0: at once."""
        if self.out:
            return 0
        times = self._fetching.times()
        if self._answering is not None or self._asking is not None or self._taking is not None:
            times.append(self._pushes.toil_due())
        if self._session is None:
            if not self._closing:
                times.append(self._next_sync)
        elif not self._held:
            times.append(self._deadline)
        times += self._telling.times()
        return min(times, default=self._next_sync)

    def gone(self) -> None:
        """The connection is lost: what was asked for may be asked of others."""
        self._fetching.gone()

    # Comparing

    def _begin(self, now: int) -> None:
        self._session = Session(self._catalog.view(self._shared), max(now, now + self._offset))
        self._begun = Level(self._arrivals.number, self._shared)
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
                    if taking.result.have:
                        self._begun = None  # until it has fetched them
                    self._telling.offer(taking.result.have)
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

    def _patience(self) -> int:
        """How long what is named may come by itself: not at all from who would have sent it, could it send more."""
        if not self.branch.known:
            return LAZY_PATIENCE
        return 0 if self.branch.carries_all else LAZY_PATIENCE + self._jitter(LAZY_JITTER)

    def _records(self, message: Records, now: int) -> None:
        wires, asked = self._fetching.answered(message, now)
        if len(wires) < len(message.wires):
            self._check_soon(now)
        new, fetched, in_vain = set[bytes](), set[bytes](), list[Row]()
        try:
            for wire in wires:
                id_ = _id_of(wire)
                row = self._catalog.row(id_)
                if row is not None and not message.request and not self._telling.has_sent(id_):
                    in_vain.append(row)
                if asked and self._telling.knows(id_):
                    fetched.add(id_)
                self._telling.remember(id_, sent=True)
                if row is None and id_ not in new:
                    new.add(id_)
                    self.delivered.append(wire)
        finally:
            self._fetched = frozenset(fetched)
            if not new:
                self.in_vain = tuple(in_vain)

    def _check_soon(self, now: int) -> None:
        self._next_sync = min(self._next_sync, now + LIVE_CHECK + self._jitter(LIVE_CHECK // 2))


def _id_of(wire: bytes) -> bytes:
    value = decode(wire, MAX_RECORD)
    if not (type(value) is list and len(value) == 3 and type(value[0]) is bytes):
        raise DecodeError("not a record", "field")
    return digest(value[0])
