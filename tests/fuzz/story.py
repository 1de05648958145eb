"""A street that does everything once, and every frame of it with the moment at which it came.

A moment can be gone back to: a true core is made anew from what was on the disk then, connected to whoever was there.
"""

from dataclasses import dataclass
from functools import cache
from random import Random

from p2pnode import commands
from p2pnode.core.core import Core
from p2pnode.core.effects import Effect, Write
from p2pnode.core.events import Command, Connected, Event, Listening
from p2pnode.core.keys import CHAIN, DOUBT
from p2pnode.core.state import Settings
from p2pnode.store import MemoryStore
from protocols import gossip_messages, ledger_messages
from protocols.codec import encode
from protocols.errors import Refusal
from protocols.identity import Signer, incept
from protocols.limits import HOUR, MAX_NUMBER, MINUTE
from tests.p2pnode.lab import EVE
from tests.sim.simulator import Node, Simulator
from tests.sim.street import People, street

NAMES = ("Anna", "Ben", "Cleo", "Emil", "Dora")


@dataclass(frozen=True)
class Moment:
    """One frame, and the node to which it came as it was just before."""

    name: str
    entropy: bytes
    peer_id: str
    area: str
    genesis: tuple[bytes, ...]
    disk: MemoryStore
    now: int  # ms
    links: tuple[tuple[str, str], ...]  # peer id and address of who was connected
    sender: str
    protocol: str
    data: bytes
    audited: str = ""  # the sender's author, where it shows its chain


class Steady(Random):
    """The first turn and the first request of a core have number 1, so that a recorded answer can answer."""

    def randrange(self, *args: int) -> int:  # type: ignore[override]
        return 0 if args == (MAX_NUMBER,) else super().randrange(*args)


class Recorder(Simulator):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.moments: list[Moment] = []

    def _arrive(self, sender: str, peer: str, link: int, protocol: str, data: bytes) -> None:
        node, other = self.nodes[peer], self.nodes[sender]
        if node.links.get(sender) == link and node.alive:
            links = tuple((p, self.nodes[p].address) for p in node.links)
            audited = other.core.state.me.hex() if protocol == ledger_messages.PROTOCOL else ""
            identity = (node.name, node.entropy, node.peer_id, node.area, node.genesis)
            moment = (copy_of(node.disk), self.now, links, sender, protocol, data, audited)
            self.moments.append(Moment(*identity, *moment))
        super()._arrive(sender, peer, link, protocol, data)


def copy_of(disk: MemoryStore) -> MemoryStore:
    copy = MemoryStore()
    copy.commit(dict(disk.scan(b"")), (), True, disk.heads())
    return copy


@cache
def told() -> tuple[tuple[Moment, ...], dict[bytes, Signer]]:
    """The moments, and who can sign: by author. Takes about a second, once."""
    sim = Recorder(1)
    nodes = street(sim, NAMES)
    sim.run(MINUTE)
    _trade(sim, nodes)
    _lend(sim, nodes)
    _call_off(sim, nodes)
    _look_closely(sim, nodes)
    _come_back_older(sim, nodes)
    signers = {signer.author: signer for signer in (EVE, *(incept(node.entropy)[0] for node in nodes))}
    return tuple(sim.moments), signers


@cache
def carried() -> tuple[Moment, ...]:
    """Another street, on which Anna's parcel goes by Ben and Cleo to Dora, and is not taken at first; and what
    they write to each other."""
    sim = Recorder(2)
    nodes = street(sim, NAMES)
    anna, ben, cleo, _, dora = nodes
    sim.run(MINUTE)
    exchanges: list[str] = []
    for courier, customer in ((ben, anna), (cleo, ben)):
        listing = _listing(sim, courier, "deliver", "1")
        more = {"parent": exchanges[0]} if exchanges else {"to": dora.peer_id}
        made = sim.ask_now(customer, "exchange.propose", listing=listing, **more)["exchange_id"]
        sim.run(MINUTE)
        sim.ask_now(courier, "exchange.accept", id=made)
        sim.run(MINUTE)
        exchanges.append(made)
    refused = sim.ask_now(anna, "parcel.give", exchange=exchanges[0])["id"]
    sim.run(MINUTE)
    sim.ask_now(ben, "parcel.decline", id=refused)
    for giver, taker, exchange in ((anna, ben, exchanges[0]), (ben, cleo, exchanges[1]), (cleo, dora, exchanges[1])):
        sim.run(MINUTE)
        offer = sim.ask_now(giver, "parcel.give", exchange=exchange, to=taker.peer_id)["id"]
        sim.run(MINUTE)
        sim.ask_now(taker, "parcel.take", id=offer)
    for writer, reader in ((anna, ben), (ben, anna)):
        sim.ask_now(writer, "message.send", peer=reader.peer_id, text="At eight", exchange=exchanges[0])
        sim.ask_now(writer, "message.send", peer=reader.peer_id, text="Good night")
    sim.run(MINUTE)
    return tuple(sim.moments)


def _listing(sim: Simulator, node: Node, kind: str, price: str) -> str:
    made = sim.ask_now(node, "listing.publish", direction="offer", kind=kind, title="Snowblower", price=price)
    sim.run(MINUTE)
    return str(made["listing_id"])


def _trade(sim: Simulator, nodes: list[Node]) -> None:
    """From proposal to ratings, with a counter-offer, instalments and a deposit among them."""
    _, ben, cleo, _, _ = nodes
    listing = _listing(sim, ben, "rent", "2/hour")
    sim.ask_now(cleo, "exchange.propose", listing=listing, quantity=1, deposit="1")
    sim.ask_now(cleo, "exchange.propose", listing=listing, quantity=2)
    sim.ask_now(cleo, "exchange.propose", listing=_listing(sim, ben, "service", "3"), instalments=2)
    People(sim, [ben, cleo], Random(5))
    sim.run(8 * MINUTE)


def _lend(sim: Simulator, nodes: list[Node]) -> None:
    """Vouches given and returned, claims proposed, accepted, declined and settled."""
    anna, ben, cleo, _, dora = nodes
    sim.ask_now(anna, "vouch", peer="Dora", amount="10")
    sim.run(MINUTE)
    sim.ask_now(anna, "unvouch", peer="Dora", amount="4")
    sim.run(MINUTE)
    claims = [sim.ask_now(ben, "claim.propose", peer="Cleo", amount="3.50", unit="EUR", note="bread")]
    claims.append(sim.ask_now(dora, "claim.propose", peer="Cleo", amount="1", unit="EUR", owed_by=True))
    sim.run(MINUTE)
    sim.ask_now(cleo, "claim.accept", id=claims[0]["claim_id"])
    sim.ask_now(cleo, "claim.decline", id=claims[1]["claim_id"])
    sim.run(MINUTE)
    sim.ask_now(cleo, "claim.settle", id=claims[0]["claim_id"], amount="1.5")
    sim.run(MINUTE)


def _call_off(sim: Simulator, nodes: list[Node]) -> None:
    """A payment to somebody who has gone, called off by witnesses."""
    anna, ben, cleo, emil, dora = nodes
    listing = _listing(sim, emil, "help", "1")
    witnesses = [anna.peer_id, ben.peer_id, dora.peer_id]
    made = sim.ask_now(cleo, "exchange.propose", listing=listing, witness=witnesses)
    sim.ask_now(emil, "exchange.accept", id=made["exchange_id"])
    sim.run(MINUTE)
    sim.crash(emil, away=HOUR)
    sim.ask(cleo, "exchange.pay", id=made["exchange_id"], within=2 * MINUTE)
    sim.run(8 * MINUTE)


def _look_closely(sim: Simulator, nodes: list[Node]) -> None:
    anna, ben, cleo, _, _ = nodes
    for one, other in ((anna, ben), (ben, cleo)):
        sim.ask_now(one, "ledger.audit", peer=other.peer_id)


def _come_back_older(sim: Simulator, nodes: list[Node]) -> None:
    """Cleo goes on from a disk of a while ago, and doubts."""
    _, _, cleo, _, _ = nodes
    old = copy_of(cleo.disk)
    listing = _listing(sim, cleo, "food", "1")
    assert listing
    sim.ask_now(cleo, "claim.propose", peer="Ben", amount="2", unit="EUR")
    sim.run(MINUTE)
    sim.crash(cleo, away=30_000)
    networks = [key[len(CHAIN) :] for key, _ in old.scan(CHAIN)]
    old.commit({DOUBT + network: encode([0, b""]) for network in (*networks, b"")}, (), True)
    cleo.disk = old
    sim.run(5 * MINUTE)


class Replica:
    """The core of a moment, on a disk of its own. `handle` commits as the loop does."""

    def __init__(self, moment: Moment) -> None:
        self.moment = moment
        self.disk = copy_of(moment.disk)
        self.now = moment.now
        self.core = self._make()

    def _make(self) -> Core:
        m = self.moment
        settings = Settings(name=m.name, area=m.area, peer_id=m.peer_id, box=bytes(32))
        self.core = Core(self.disk, incept(m.entropy)[0], settings, Steady(1), self.now)
        self.perform(self.core.begin(self.now, m.genesis))
        self.handle(Listening((f"/ip4/127.0.0.1/tcp/4001/p2p/{m.peer_id}",)))
        for peer, address in m.links:
            self.handle(Connected(peer, address, True))
        if m.audited:
            self.ask("ledger.audit", peer=m.audited)
        return self.core

    def again(self) -> None:
        """After a restart, from what was committed."""
        self._make()

    def handle(self, event: Event) -> list[Effect]:
        effects = self.core.handle(event, self.now)
        self.perform(effects)
        return effects

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Write):
                self.disk.commit(effect.puts, effect.deletes, effect.durable, effect.heads)
        self.core.committed()

    def ask(self, name: str, **fields: object) -> object:
        """The answer, if there is one at once; a refusal as what it is."""
        effects = self.handle(Command(1, name, commands.parse_args(name, fields), None))
        for effect in effects:
            result = getattr(effect, "result", None)
            if result is not None:
                return result
        return Refusal("failed", "no answer yet")


def hello_of(moment: Moment) -> bytes:
    """What the sender says first on gossip: without it nothing else of it is heard."""
    moments, _ = told()
    return next(
        m.data
        for m in moments
        if m.sender == moment.sender and m.protocol == gossip_messages.PROTOCOL and m.data[1] == 1
    )
