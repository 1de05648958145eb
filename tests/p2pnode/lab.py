"""A small street of real cores with memory stores, and a stranger who says to them whatever a test wants."""

from typing import Any

from p2pnode.core.core import Core
from p2pnode.core.effects import Effect, Penalize, Send, Write
from p2pnode.core.events import Connected, Received
from p2pnode.core.state import Network
from protocols import exchange_messages
from protocols.envelope import Record
from protocols.gossip_messages import PROTOCOL as GOSSIP
from protocols.gossip_messages import Records, encode_message
from protocols.identity import Signer, incept
from protocols.limits import MINUTE
from protocols.profile import PeerAddress, Profile, seal_profile
from tests.sim.simulator import Node, Simulator
from tests.sim.street import street

EVE = incept(b"eve".ljust(32))[0]
EVES_PEER = "12D3KooW" + "E" * 44
EXCHANGE = exchange_messages.PROTOCOL


class Lab:
    """Anna founded; Ben and Cleo came by invite, Dora by address. Eve is nobody."""

    def __init__(self, seed: int = 0) -> None:
        self.sim = Simulator(seed)
        self.anna, self.ben, self.cleo, self.dora = street(self.sim)
        self.sim.run(60_000)

    @property
    def now(self) -> int:
        return self.sim.now

    def network(self, node: Node) -> Network:
        core: Core = node.core
        return next(iter(core.state.networks.values()))

    def leap(self, ms: int) -> None:
        """So much time passes at once, as for nodes that were all asleep: days of it cost no more than minutes."""
        self.sim.now += ms
        self.sim.run(MINUTE)

    def ask(self, node: Node, name: str, /, **fields: Any) -> Any:
        return self.sim.ask_now(node, name, **fields)

    def tell(self, node: Node, protocol: str, frame: bytes, peer: str = EVES_PEER) -> list[Effect]:
        """One frame from a peer; its effects, carried out as far as they are writes."""
        effects: list[Effect] = node.core.handle(Received(peer, protocol, frame), self.now)
        self.sim.perform(node, [e for e in effects if isinstance(e, Write)])
        return effects

    def say(self, node: Node, message: exchange_messages.Message, peer: str = EVES_PEER) -> list[Effect]:
        return self.tell(node, EXCHANGE, exchange_messages.encode_message(message), peer)

    def meet(self, node: Node, peer: str = EVES_PEER) -> None:
        self.sim.perform(node, node.core.handle(Connected(peer, "", False), self.now))

    def gossip(self, node: Node, *records: Record, peer: str = EVES_PEER) -> list[Effect]:
        frame = encode_message(Records(self.network(node).id, 0, 0, tuple(r.wire for r in records)))
        return self.tell(node, GOSSIP, frame, peer)

    def take(self, node: Node, record: Record) -> Record:
        """Through the ladder by itself: `Ignore` and `Reject` are raised."""
        core: Core = node.core
        return core.intake.take(self.network(node), record.wire, self.now)

    def profile(self, signer: Signer, name: str, peer: str, revision: int = 1) -> Record:
        profile = Profile(name=name, box=bytes(32), peers=(PeerAddress(peer, ("/ip4/192.0.2.1/tcp/1",)),))
        network = self.network(self.anna).id
        until = self.now + 86_400_000
        return seal_profile(signer, network, profile, created=self.now, until=until, revision=revision)

    def signer(self, node: Node) -> Signer:
        return incept(node.entropy)[0]


def sent(effects: list[Effect], protocol: str = EXCHANGE) -> list[Any]:
    """The messages of the exchange protocol that leave with these effects."""
    return [exchange_messages.parse_message(e.data) for e in effects if isinstance(e, Send) and e.protocol == protocol]


def struck(effects: list[Effect]) -> bool:
    return any(isinstance(e, Penalize) for e in effects)


def wrote(effects: list[Effect]) -> bool:
    return any(isinstance(e, Write) for e in effects)
