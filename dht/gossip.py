"""Spreading of records among neighbours, over all networks of a node. Pure: frames and times in, steps out.

    g = Gossip(load, rng)
    g.join(network, catalog, scopes, now)         also to change the scopes
    g.connected(peer, now)                        and `received`, `woke`, `disconnected`

`Deliver` hands over records that the catalog does not hold. The caller checks them (signature, age, author),
admits them to the catalog, stores them, and calls `spread` for each that was added.
"""

from collections.abc import Iterable
from random import Random
from typing import Final, NamedTuple

from protocols.errors import Reject
from protocols.gossip_messages import Hello, Unknown, encode_message, parse_message
from protocols.limits import MAX_CELLS, MINUTE, SECOND

from .arrivals import Arrivals
from .catalog import Catalog
from .flights import Flights
from .keys import covers
from .neighbour import Neighbour
from .pushing import Pushing
from .telling import Load
from .timetable import Timetable
from .tree import COPIES, ENOUGH, OWN

GREET_AGAIN: Final = 5 * SECOND  # a greeting may be lost, or the peer may join the network later
GREET_SELDOM: Final = 5 * MINUTE
TURNS: Final = 8  # neighbours for which is done what is due, before others than gossip get their turn
EAGER: Final = 6  # neighbours of those that know no tree that are sent a new record at once; the others are told its id


class SendFrame(NamedTuple):
    peer: str
    frame: bytes


class Deliver(NamedTuple):
    """Wires of records that this node does not hold, unchecked."""

    peer: str
    network: bytes
    wires: tuple[bytes, ...]


class Strike(NamedTuple):
    """The peer sent what no honest one sends."""

    peer: str
    reason: str


class Told(NamedTuple):
    """What time the peer says it is, ms."""

    peer: str
    now: int


class Synced(NamedTuple):
    """This node has been offered all that the peer held of their common scopes, and has fetched what it lacked."""

    peer: str
    network: bytes


Step = SendFrame | Deliver | Strike | Told | Synced


_Link = tuple[str, bytes]  # a peer, and the network


class _Membership(NamedTuple):
    catalog: Catalog
    scopes: tuple[str, ...]
    flights: Flights
    arrivals: Arrivals


class Gossip:
    """All neighbours of all networks. load: the wire of a stored record by (network, id), or none."""

    def __init__(self, load: Load, rng: Random) -> None:
        self._load = load
        self._rng = rng
        self._networks: dict[bytes, _Membership] = {}
        self._nonces: dict[str, bytes] = {}  # of the peers connected
        self._neighbours: dict[bytes, dict[str, Neighbour]] = {}
        self._pushing = Pushing()
        self._times = Timetable[_Link]()
        self._touched: dict[_Link, None] = {}  # when these are due has to be asked
        self._greet: dict[_Link, int] = {}  # not heard from yet -> pause until they are greeted again
        self._greetings = Timetable[_Link]()

    def join(self, network: bytes, catalog: Catalog, scopes: Iterable[str], now: int) -> list[Step]:
        """Take part in a network, or change the scopes (geohash prefixes; empty: all) that this node keeps of it."""
        kept = tuple(sorted(set(scopes)))
        if len(kept) > MAX_CELLS:
            raise ValueError(f"at most {MAX_CELLS} scopes")
        before = self._networks.get(network)
        if before is not None and before.catalog is not catalog:
            self.leave(network)
        before = self._networks.get(network)
        flights, arrivals = (Flights(), Arrivals()) if before is None else (before.flights, before.arrivals)
        self._networks[network] = _Membership(catalog, kept, flights, arrivals)
        neighbours = self._neighbours.setdefault(network, {})
        for neighbour in neighbours.values():
            neighbour.rescoped(kept, now)
            self._touched[neighbour.peer, network] = None
        for peer in self._nonces:
            if peer not in neighbours:
                self._greet_later(peer, network, now, GREET_AGAIN)
        return [self._hello(peer, network, now, peer in neighbours) for peer in self._nonces]

    def leave(self, network: bytes) -> None:
        self._networks.pop(network, None)
        for peer in self._neighbours.pop(network, {}):
            self._times.drop((peer, network))
        for peer in self._nonces:
            self._greet_no_more(peer, network)

    def connected(self, peer: str, now: int, chosen: bool = True) -> list[Step]:
        """A connection to a peer is open: greet. One that was there before counts as lost. chosen: see `Pushes`."""
        self.disconnected(peer)
        self._pushing.of(peer, now).chosen = chosen
        self._nonces[peer] = self._rng.randbytes(8)
        for network in self._networks:
            self._greet_later(peer, network, now, GREET_AGAIN)
        return [self._hello(peer, network, now, False) for network in self._networks]

    def disconnected(self, peer: str) -> None:
        self._nonces.pop(peer, None)
        for network in self._networks:
            self._greet_no_more(peer, network)
        for network, neighbours in self._neighbours.items():
            if peer in neighbours:
                gone = neighbours.pop(peer)
                self._times.drop((peer, network))
                gone.gone()
                self._networks[network].arrivals.left(peer, gone.level)
                if gone.branch.carries_all:
                    for neighbour in _lacking(neighbours):
                        neighbour.greet_tree(False)
                        self._touched[neighbour.peer, network] = None

    def received(self, peer: str, frame: bytes, now: int) -> list[Step]:
        """A frame of a peer. Nothing that it holds raises."""
        if peer not in self._nonces:
            return []
        try:
            message = parse_message(frame)
        except Reject as e:
            return [Strike(peer, str(e))]
        membership = self._networks.get(message.network)
        if membership is None or isinstance(message, Unknown):
            return []
        if isinstance(message, Hello):
            return self._greeted(peer, message, membership, now)
        neighbour = self._neighbours[message.network].get(peer)
        if neighbour is None:
            return []
        steps: list[Step] = []
        try:
            neighbour.received(message, now)
        except Reject as e:
            steps.append(Strike(peer, str(e)))
        neighbours = self._neighbours[message.network]
        copies = ((row.scope, sum(n.has_sent(row.id) for n in neighbours.values())) for row in neighbour.in_vain)
        for scope in sorted({scope for scope, count in copies if count > COPIES}):
            self._spare(message.network, neighbour, scope, now)
        struck = self._pushing.of(peer, now).strikes()
        steps += [Strike(peer, "pushes more records than any neighbour")] * struck
        return steps + self._drain(message.network, neighbour)

    def spread(self, network: bytes, record_id: bytes, source: str | None, now: int) -> None:
        """Pass on a record that was just added to the catalog. source: the peer it came from.

        It leaves with the next `woke`, which is due at once, so that a burst makes few frames.
        """
        membership = self._networks.get(network)
        row = membership.catalog.row(record_id) if membership is not None else None
        if membership is None or row is None:
            return
        membership.arrivals.add(record_id, source)
        membership.flights.land(record_id)
        neighbours = self._neighbours[network]
        for neighbour in _lacking(neighbours):
            neighbour.bridge(now)
            self._touched[neighbour.peer, network] = None
        if source in neighbours:
            neighbours[source].took(row, now)
            self._touched[source, network] = None
        concerned = [n for p, n in neighbours.items() if p != source and covers(n.theirs, row.scope)]
        plain = sorted((n for n in concerned if not n.branch.known), key=_rank)[:EAGER]
        may_push = source is None or self._pushing.of(source, now).may_pass(now)
        for neighbour in concerned:
            carries = neighbour.branch.carries(row.scope) if neighbour.branch.known else neighbour in plain
            due = neighbour.tell(record_id, carries, may_push, now)
            if due is not None:
                self._times.sooner((neighbour.peer, network), due)

    def woke(self, now: int) -> list[Step]:
        """Do what is due, for some neighbours at a time; `next_wake` is at once while there are more."""
        steps: list[Step] = []
        for peer, network in self._greetings.take(now, len(self._greet)):
            self._greet_later(peer, network, now, min(2 * self._greet[peer, network], GREET_SELDOM))
            steps.append(self._hello(peer, network, now, False))
        self._ask()
        for peer, network in self._times.take(now, TURNS):
            steps += self._wake(peer, network, now)
        return steps

    def next_wake(self) -> int | None:
        """When to call `woke`, ms; it may be in the past, then at once."""
        self._ask()
        times = [due for table in (self._times, self._greetings) if (due := table.first()) is not None]
        return min(times, default=None)

    def _ask(self) -> None:
        """Those to whom something has happened since: when they are due. What others do makes nobody due sooner."""
        for peer, network in self._touched:
            neighbour = self._neighbours.get(network, {}).get(peer)
            if neighbour is not None:
                self._times.put((peer, network), neighbour.next_wake())
        self._touched.clear()

    def neighbours(self, network: bytes) -> list[str]:
        """The peers that are in this network too."""
        return list(self._neighbours.get(network, ()))

    def lag(self, network: bytes, now: int) -> int | None:
        """Since when we no longer know to hold the same as that neighbour for which it is longest ago, ms; None if
        nobody has been compared with."""
        times = [one.compared for one in self._neighbours.get(network, {}).values() if one.compared]
        return max(0, now - min(times)) if times else None

    def scopes(self, network: bytes) -> dict[str, tuple[str, ...]]:
        """What the peers that are in this network too keep of it, by their own word."""
        return {peer: one.theirs for peer, one in self._neighbours.get(network, {}).items()}

    def kept(self, network: bytes, peer: str) -> tuple[str, ...] | None:
        """The scopes that a connected peer says it keeps, if it is in this network too."""
        neighbour = self._neighbours.get(network, {}).get(peer)
        return None if neighbour is None else neighbour.theirs

    def replicas(self, network: bytes, record_id: bytes) -> int:
        """How many connected neighbours are known to have been given a record, or to have given it."""
        membership = self._networks.get(network)
        row = membership.catalog.row(record_id) if membership is not None else None
        return 0 if row is None else sum(n.has(row) for n in self._neighbours[network].values())

    def _greeted(self, peer: str, hello: Hello, membership: _Membership, now: int) -> list[Step]:
        self._greet_no_more(peer, hello.network)
        neighbours = self._neighbours[hello.network]
        neighbour = neighbours.get(peer)
        fresh = neighbour is None or neighbour.nonce != hello.nonce
        if neighbour is None or fresh:
            if neighbour is not None:
                neighbour.gone()
                membership.arrivals.left(peer, neighbour.level)
            pushes = self._pushing.of(peer, now)
            shared = (membership.flights, membership.arrivals, self._rng, pushes)
            neighbour = Neighbour(peer, membership.catalog, self._load, *shared, now)
            neighbours[peer] = neighbour
        steps: list[Step] = [Told(peer, hello.now)]
        if not hello.heard:
            steps.append(self._hello(peer, hello.network, now, True))
        if fresh or neighbour.theirs != hello.scopes:
            neighbour.greeted(hello, membership.scopes, self._nonces[peer] >= hello.nonce, now)
        if fresh:
            enough = sum(n.branch.carries_all for n in neighbours.values()) >= ENOUGH
            neighbour.greet_tree(enough and (not neighbour.chosen or _own(neighbours) >= OWN))
            level = membership.arrivals.back(peer)
            if level is not None:
                neighbour.resume(level, now)
        return steps + self._wake(peer, hello.network, now)

    def _wake(self, peer: str, network: bytes, now: int) -> list[Step]:
        """Have a neighbour do what is due; what it had said before may turn out only now to be wrong."""
        neighbour, steps = self._neighbours[network][peer], list[Step]()
        try:
            neighbour.woke(now)
        except Reject as e:
            steps.append(Strike(peer, str(e)))
        return steps + self._drain(network, neighbour)

    def _spare(self, network: bytes, sender: Neighbour, scope: str, now: int) -> None:
        """A record of this scope came by more than one link: one that carries this scope alone is spared first."""
        neighbours = self._neighbours[network]
        own = [n for n in neighbours.values() if scope in n.branch.scopes]
        spared = own[0] if own and sender not in own else sender
        if spared is not sender or not sender.chosen or _own(neighbours) > OWN:
            spared.prune(scope, now)
            self._touched[spared.peer, network] = None

    def _greet_later(self, peer: str, network: bytes, now: int, pause: int) -> None:
        self._greet[peer, network] = pause
        self._greetings.put((peer, network), now + pause)

    def _greet_no_more(self, peer: str, network: bytes) -> None:
        self._greet.pop((peer, network), None)
        self._greetings.drop((peer, network))

    def _hello(self, peer: str, network: bytes, now: int, heard: bool) -> SendFrame:
        scopes = self._networks[network].scopes
        return SendFrame(peer, encode_message(Hello(network, self._nonces[peer], now, heard, scopes)))

    def _drain(self, network: bytes, neighbour: Neighbour) -> list[Step]:
        peer = neighbour.peer
        self._touched[peer, network] = None
        steps: list[Step] = [SendFrame(peer, encode_message(message)) for message in neighbour.out]
        neighbour.out.clear()
        if neighbour.delivered:
            steps.append(Deliver(peer, network, tuple(neighbour.delivered)))
            neighbour.delivered.clear()
        if neighbour.synced:
            neighbour.synced = False
            steps.append(Synced(peer, network))
        return steps


def _own(neighbours: dict[str, Neighbour]) -> int:
    """How many of the links that we chose carry everything."""
    return sum(n.chosen and n.branch.carries_all for n in neighbours.values())


def _lacking(neighbours: dict[str, Neighbour]) -> list[Neighbour]:
    """Whose links are to carry everything too: those that did are gone, or were pruned from the other end."""
    known = [n for n in neighbours.values() if n.branch.known]
    idle = sorted((n for n in known if not n.branch.carries_all), key=_rank)
    own = [n for n in idle if n.chosen][: max(0, OWN - _own(neighbours))]
    return own or ([] if len(idle) < len(known) else idle[:1])


def _rank(neighbour: Neighbour) -> tuple[bool, float]:
    """Who carries records first: those that we chose; of them, any."""
    return not neighbour.chosen, neighbour.weight
