"""A crowd in the simulator: peers with addresses of their own that answer, greet, swallow what they are told, and pass
on nothing; and the network among whose honest members they stand."""

import copy
from collections.abc import Callable
from typing import Any

from p2pnode.core.effects import Dial, Effect, Lookup, Send
from p2pnode.core.events import DialFailed, Event, Found, Listening, Received
from p2pnode.core.multiaddrs import peer_of
from protocols.errors import Reject
from protocols.genesis import Genesis, found
from protocols.gossip_messages import PROTOCOL as GOSSIP
from protocols.gossip_messages import Hello, encode_message, parse_message
from protocols.identity import incept
from tests.sim.simulator import START, Node, Simulator

TIMEOUT = 5_000  # ms until a dial to nobody fails
TOLD = 20  # peers that one answer of the DHT names


class Swallower:
    """A peer of the crowd. It greets in every network that it is greeted in, so that it counts as a neighbour."""

    def handle(self, event: Event, now: int) -> list[Effect]:
        if isinstance(event, Received) and event.protocol == GOSSIP:
            try:
                hello = parse_message(event.data)
            except Reject:
                return []
            if isinstance(hello, Hello):
                answer = Hello(hello.network, bytes(8), now, True, ("",))
                return [Send(event.peer, GOSSIP, encode_message(answer))]
        return []

    def begin(self, now: int, genesis: tuple[bytes, ...] = ()) -> list[Effect]:
        return []

    def committed(self) -> None: ...


class Crowded(Simulator):
    """Addresses are public, and one at which nobody answers costs time. told: whom the DHT names instead of those who
    provide."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.told: list[Node] = []

    def public(self, name: str, ip: str) -> Node:
        return self.spawn(name, ip=ip)

    def swallower(self, ip: str) -> Node:
        peer_id = "12D3KooW" + "".join(self.rng.choice("123456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(44))
        disk: Any = None
        core: Any = Swallower()
        node = Node("crowd", b"", peer_id, "", disk, core, ip=ip)
        self.nodes[peer_id] = node
        return node

    def attach(self, one: Node, other: Node) -> None:
        """`one` has dialled `other`."""
        self._dial(one, one.life, other.peer_id, (other.address,))

    def _carry_out(self, node: Node, life: int, effect: Effect) -> None:
        if isinstance(effect, Dial) and not any(self._answers(node, a) for a in effect.addresses):
            failed = DialFailed(effect.key, "timed out")
            self.at(self.now + TIMEOUT, lambda: self.handle(node, failed) if node.life == life else None)
        elif isinstance(effect, Lookup) and self.told:
            named = self.rng.sample(self.told, min(TOLD, len(self.told)))
            found_ = Found(effect.key, tuple((n.peer_id, (n.address,)) for n in named))
            self.at(self.now + 50, lambda: self.handle(node, found_))
        else:
            super()._carry_out(node, life, effect)

    def _answers(self, node: Node, address: str) -> bool:
        other = self.nodes.get(peer_of(address) or "")
        return other is not None and other.alive and other is not node and other.address == address


def spread(number: int, first: int = 60) -> str:
    """The address of a peer of the crowd: each in a /24 of its own, as a botnet's are."""
    return f"{first + number // 65_536}.{number // 256 % 256}.{number % 256}.9"


class Village:
    """A network of honest nodes, each at home behind another provider, made once; `again` brings it back from disk."""

    def __init__(self, size: int, seed: int) -> None:
        sim = Crowded(seed)
        self.nodes = [sim.public(f"House {i}", f"30.{i}.0.5") for i in range(size)]
        founder = self.nodes[0]
        signer, _ = incept(founder.entropy)
        genesis = Genesis(
            name="Village",
            unit="hour",
            decimals=2,
            endowments=((signer.author, 10_000),),
            stewards=(signer.author,),
            quorum=1,
            newcomer_limit=0,
            open=True,
            area="u33dc",
            salt=bytes(16),
        )
        founder.genesis = (found(signer, genesis, START).wire,)
        sim.perform(founder, founder.core.begin(sim.now, founder.genesis))
        for node in self.nodes[1:]:
            sim.ask(node, "join", target=founder.address)
            sim.run(3_000)
        sim.run(20 * 60_000)
        self.now = sim.now

    def again(self, seed: int, change: Callable[[Node], None] = lambda node: None) -> tuple[Crowded, list[Node]]:
        """The same homes at a later time, on machines that have just been switched on; nobody listens yet. change: done
        to each home before."""
        sim = Crowded(seed)
        sim.now = self.now + 60_000
        nodes = []
        for old in self.nodes:
            node = Node(old.name, old.entropy, old.peer_id, old.area, copy.deepcopy(old.disk), None, ip=old.ip)  # type: ignore[arg-type]
            change(node)
            node.alive = False
            sim.nodes[node.peer_id] = node
            nodes.append(node)
        return sim, nodes


def switch_on(sim: Crowded, node: Node, bootstrap: tuple[str, ...] = ()) -> None:
    """The node starts; who dials it meanwhile is connected before it dials anybody itself."""
    node.core = sim._core(node.name, node.entropy, node.peer_id, node.area, node.disk)
    node.alive = True
    sim.perform(node, node.core.begin(sim.now, node.genesis, bootstrap=bootstrap))


def listen(sim: Crowded, node: Node) -> None:
    sim.handle(node, Listening((node.address,)))


def connections(node: Node) -> set[str]:
    return set(node.core.state.connected)
