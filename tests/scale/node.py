"""A node: the gossip machine and the catalog as a real one has them, and around them as little as will do.

Records are parsed, and their signatures checked, once in the simulation; how often a real node would have to check one
is counted. What is stored is one dictionary for all: whether a node has a record is what its catalog says.
"""

from typing import TYPE_CHECKING

from dht.catalog import Catalog
from dht.gossip import Deliver, Gossip, SendFrame, Step, Strike
from dht.keys import covers, item_of
from p2pnode.bounds import MAX_STRIKES
from protocols.envelope import Record
from protocols.errors import Reject
from protocols.gossip_messages import (
    Answer,
    Graft,
    Have,
    Hello,
    Reconcile,
    Records,
    Want,
    encode_message,
    parse_message,
)
from protocols.limits import MAX_SKEW

if TYPE_CHECKING:
    from .simulation import Link, Simulation


class Node:
    """An honest node. place: its number, which is its name among peers."""

    __slots__ = (
        "armed",
        "banned",
        "catalog",
        "checks",
        "gossip",
        "home",
        "links",
        "name",
        "place",
        "scopes",
        "sim",
        "since",
        "skew",
        "strikes",
        "up",
        "uplink_free",
    )
    honest = True

    def __init__(self, sim: "Simulation", place: int, home: str, scopes: tuple[str, ...], skew: int) -> None:
        self.sim, self.place, self.home, self.scopes, self.skew = sim, place, home, scopes, skew
        self.name = str(place)
        self.catalog = Catalog(sim.network)
        self.links: dict[str, Link] = {}
        self.strikes: dict[str, int] = {}
        self.banned: set[str] = set()
        self.armed = 0  # when it is woken next; 0: not at all
        self.checks = 0  # signatures that a real node would have checked
        self.up = True
        self.since = sim.now
        self.uplink_free = 0.0
        self.start()

    @property
    def now(self) -> int:
        return self.sim.now + self.skew

    def start(self) -> None:
        """As after a restart: what was stored is there, what was known of neighbours is not."""
        self.gossip = Gossip(self.sim.load, self.sim.chance)
        self._do(self.gossip.join(self.sim.network, self.catalog, self.scopes, self.now))

    def connected(self, peer: str) -> None:
        self._do(
            self.gossip.connected(peer, self.now, chosen=self.links[peer].a is self and not self.links[peer].visit)
        )

    def disconnected(self, peer: str) -> None:
        self.gossip.disconnected(peer)

    def received(self, peer: str, frame: bytes) -> None:
        self._do(self.gossip.received(peer, frame, self.now))

    def woke(self) -> None:
        self._do(self.gossip.woke(self.now))

    def publish(self, record: Record) -> None:
        """A record of this household's own."""
        self.catalog.admit(record, self.now)
        self.sim.arrived(self, record.id, None)
        self.gossip.spread(self.sim.network, record.id, None, self.now)
        self._arm()

    def _do(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case SendFrame(peer, frame):
                    self.sim.send(self, peer, frame)
                case Deliver(peer, _, wires):
                    for wire in wires:
                        self._take(peer, wire)
                case Strike(peer, _):
                    self._strike(peer)
        self._arm()

    def _take(self, peer: str, wire: bytes) -> None:
        """The rungs of the ladder that matter here; see `p2pnode.core.intake`."""
        now = self.now
        record = self.sim.parsed(wire)
        if not self.catalog.wants(item_of(record), now) or not covers(self.scopes, record.scope):
            return
        if record.created > now + MAX_SKEW:
            return
        self.checks += 1
        if not self.sim.verified(record):
            self._strike(peer)
        elif self.catalog.admit(record, now).added:
            self.sim.arrived(self, record.id, peer)
            self.gossip.spread(self.sim.network, record.id, peer, now)

    def _strike(self, peer: str) -> None:
        self.sim.struck(self, peer)
        count = self.strikes[peer] = self.strikes.get(peer, 0) + 1
        if count >= MAX_STRIKES and peer not in self.banned:
            self.banned.add(peer)
            self.sim.cut(self, peer)

    def _arm(self) -> None:
        wake = self.gossip.next_wake()
        if wake is not None:
            self.sim.arm(self, wake - self.skew)


class Sybil:
    """Speaks the protocol well enough to be a neighbour, claims to hold what others hold, and passes nothing on.

    withhold: whatever one of the crowd hears of, all announce at once to all their neighbours, and hand out to nobody;
    lures: those that have all sent to them at once; answers: those that say that they have nothing after all.
    """

    __slots__ = ("answers", "home", "links", "lures", "name", "place", "scopes", "sim", "told", "up", "withhold")
    honest = False
    banned: frozenset[str] = frozenset()

    def __init__(self, sim: "Simulation", place: int, home: str, scopes: tuple[str, ...], withhold: bool) -> None:
        self.sim, self.place, self.home, self.scopes, self.withhold = sim, place, home, scopes, withhold
        self.name = str(place)
        self.lures, self.answers = withhold and place & 1 > 0, withhold and place & 2 > 0
        self.links: dict[str, Link] = {}
        self.told: set[bytes] = set()
        self.up = True

    def connected(self, peer: str) -> None:
        self._hello(peer, False)

    def disconnected(self, peer: str) -> None:
        pass

    def received(self, peer: str, frame: bytes) -> None:
        try:
            message = parse_message(frame)
        except Reject:
            return
        match message:
            case Hello(heard=False):
                self._hello(peer, True)
            case Reconcile(network, turn):
                self.sim.send(self, peer, encode_message(Answer(network, turn, ())))
            case Want(network, request, ids) if self.answers:
                self.sim.send(self, peer, encode_message(Records(network, request, len(ids), ())))
            case Records(wires=wires) if self.withhold:
                for wire in wires:
                    self.sim.betray(self.sim.parsed(wire))

    def announce(self, record: Record) -> None:
        """To everybody, at once."""
        if record.id not in self.told:
            self.told.add(record.id)
            frame = encode_message(Have(self.sim.network, (item_of(record),)))
            for peer in list(self.links):
                self.sim.send(self, peer, frame)

    def push(self, wires: list[bytes]) -> None:
        """What nobody asked for, to everybody."""
        frame = encode_message(Records(self.sim.network, 0, 0, tuple(wires)))
        for peer in list(self.links):
            self.sim.send(self, peer, frame)

    def _hello(self, peer: str, heard: bool) -> None:
        nonce = self.place.to_bytes(8, "big")
        self.sim.send(self, peer, encode_message(Hello(self.sim.network, nonce, self.sim.now, heard, self.scopes)))
        if self.lures and not heard:
            self.sim.send(self, peer, encode_message(Graft(self.sim.network, "")))
