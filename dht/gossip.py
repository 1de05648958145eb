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

from .catalog import Catalog
from .keys import covers
from .neighbour import Load, Neighbour
from .pushing import Pushing

GREET_AGAIN: Final = 5 * SECOND  # a greeting may be lost, or the peer may join the network later
GREET_SELDOM: Final = 5 * MINUTE
TURNS: Final = 8  # neighbours for which is done what is due, before others than gossip get their turn
EAGER: Final = 6  # neighbours that are sent a new record at once; the others are told its id


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


class _Membership(NamedTuple):
    catalog: Catalog
    scopes: tuple[str, ...]
    in_flight: dict[bytes, int]


class Gossip:
    """All neighbours of all networks. load: the wire of a stored record by (network, id), or none."""

    def __init__(self, load: Load, rng: Random) -> None:
        self._load = load
        self._rng = rng
        self._networks: dict[bytes, _Membership] = {}
        self._nonces: dict[str, bytes] = {}  # of the peers connected
        self._neighbours: dict[bytes, dict[str, Neighbour]] = {}
        self._pushing = Pushing()
        self._first = 0  # whose turn it is
        self._greet: dict[tuple[str, bytes], tuple[int, int]] = {}  # not heard from yet -> when to greet again, pause

    def join(self, network: bytes, catalog: Catalog, scopes: Iterable[str], now: int) -> list[Step]:
        """Take part in a network, or change the scopes (geohash prefixes; empty: all) that this node keeps of it."""
        kept = tuple(sorted(set(scopes)))
        if len(kept) > MAX_CELLS:
            raise ValueError(f"at most {MAX_CELLS} scopes")
        before = self._networks.get(network)
        if before is not None and before.catalog is not catalog:
            self.leave(network)
        in_flight: dict[bytes, int] = before.in_flight if before is not None else {}
        self._networks[network] = _Membership(catalog, kept, in_flight)
        neighbours = self._neighbours.setdefault(network, {})
        for neighbour in neighbours.values():
            neighbour.rescoped(kept, now)
        for peer in self._nonces:
            if peer not in neighbours:
                self._greet[peer, network] = (now + GREET_AGAIN, GREET_AGAIN)
        return [self._hello(peer, network, now, peer in neighbours) for peer in self._nonces]

    def leave(self, network: bytes) -> None:
        self._networks.pop(network, None)
        self._neighbours.pop(network, None)

    def connected(self, peer: str, now: int, chosen: bool = True) -> list[Step]:
        """A connection to a peer is open: greet. One that was there before counts as lost. chosen: see `Pushes`."""
        self.disconnected(peer)
        self._pushing.of(peer, now).chosen = chosen
        self._nonces[peer] = self._rng.randbytes(8)
        for network in self._networks:
            self._greet[peer, network] = (now + GREET_AGAIN, GREET_AGAIN)
        return [self._hello(peer, network, now, False) for network in self._networks]

    def disconnected(self, peer: str) -> None:
        self._nonces.pop(peer, None)
        for network in self._networks:
            self._greet.pop((peer, network), None)
        for neighbours in self._neighbours.values():
            if peer in neighbours:
                neighbours.pop(peer).gone()

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
        struck = self._pushing.of(peer, now).strikes()
        steps += [Strike(peer, "pushes more records than any neighbour")] * struck
        return steps + self._drain(message.network, neighbour)

    def spread(self, network: bytes, record_id: bytes, source: str | None, now: int) -> None:
        """Pass on a record that was just added to the catalog. source: the peer it came from.

        It leaves with the next `woke`, which is due at once, so that a burst makes few frames.
        """
        membership = self._networks.get(network)
        row = membership.catalog.row(record_id) if membership is not None else None
        if row is None:
            return
        concerned = [n for p, n in self._neighbours[network].items() if p != source and covers(n.theirs, row.scope)]
        concerned.sort(key=lambda n: n.weight)
        eager = EAGER if source is None or self._pushing.of(source, now).may_pass(now) else 0
        for place, neighbour in enumerate(concerned):
            neighbour.tell(record_id, place < eager, now)

    def woke(self, now: int) -> list[Step]:
        """Do what is due, for some neighbours at a time; `next_wake` is at once while there are more."""
        steps: list[Step] = []
        for (peer, network), (due, pause) in list(self._greet.items()):
            if due <= now:
                self._greet[peer, network] = (now + 2 * pause, min(2 * pause, GREET_SELDOM))
                steps.append(self._hello(peer, network, now, False))
        everybody = [(network, one) for network, ones in self._neighbours.items() for one in ones.values()]
        start = self._first % max(1, len(everybody))
        turns = 0
        for place, (network, neighbour) in enumerate(everybody[start:] + everybody[:start]):
            if neighbour.next_wake() <= now:
                if turns == TURNS:
                    self._first = start + place
                    break
                turns += 1
                try:
                    neighbour.woke(now)
                except Reject as e:
                    steps.append(Strike(neighbour.peer, str(e)))
                steps += self._drain(network, neighbour)
        return steps

    def next_wake(self) -> int | None:
        """When to call `woke`, ms; it may be in the past, then at once."""
        greetings = [due for due, _ in self._greet.values()]
        return min(
            [*greetings, *(n.next_wake() for ns in self._neighbours.values() for n in ns.values())], default=None
        )

    def neighbours(self, network: bytes) -> list[str]:
        """The peers that are in this network too."""
        return list(self._neighbours.get(network, ()))

    def replicas(self, network: bytes, record_id: bytes) -> int:
        """How many connected neighbours are known to have been given a record, or to have given it."""
        membership = self._networks.get(network)
        row = membership.catalog.row(record_id) if membership is not None else None
        return 0 if row is None else sum(n.has(row) for n in self._neighbours[network].values())

    def _greeted(self, peer: str, hello: Hello, membership: _Membership, now: int) -> list[Step]:
        self._greet.pop((peer, hello.network), None)
        neighbours = self._neighbours[hello.network]
        neighbour = neighbours.get(peer)
        fresh = neighbour is None or neighbour.nonce != hello.nonce
        if neighbour is None or fresh:
            if neighbour is not None:
                neighbour.gone()
            pushes = self._pushing.of(peer, now)
            neighbour = Neighbour(peer, membership.catalog, self._load, membership.in_flight, self._rng, pushes, now)
            neighbours[peer] = neighbour
        steps: list[Step] = [Told(peer, hello.now)]
        if not hello.heard:
            steps.append(self._hello(peer, hello.network, now, True))
        if fresh or neighbour.theirs != hello.scopes:
            neighbour.greeted(hello, membership.scopes, self._nonces[peer] >= hello.nonce, now)
            neighbour.woke(now)
        return steps + self._drain(hello.network, neighbour)

    def _hello(self, peer: str, network: bytes, now: int, heard: bool) -> SendFrame:
        scopes = self._networks[network].scopes
        return SendFrame(peer, encode_message(Hello(network, self._nonces[peer], now, heard, scopes)))

    def _drain(self, network: bytes, neighbour: Neighbour) -> list[Step]:
        peer = neighbour.peer
        steps: list[Step] = [SendFrame(peer, encode_message(message)) for message in neighbour.out]
        neighbour.out.clear()
        if neighbour.delivered:
            steps.append(Deliver(peer, network, tuple(neighbour.delivered)))
            neighbour.delivered.clear()
        if neighbour.synced:
            neighbour.synced = False
            steps.append(Synced(peer, network))
        return steps
