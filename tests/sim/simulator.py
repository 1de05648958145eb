"""A street of real cores on one clock and one seed: acts as daemon, network, disk and people; does no I/O.

Faults: frames lost, doubled and reordered; connections broken; a crash between any two effects; a power cut that takes
what was not synced. A run is a function of its seed and options: `trace` is the same for the same.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from random import Random
from typing import Any

from dht.presences import Presences
from p2pnode import commands
from p2pnode.core.core import Core
from p2pnode.core.effects import (
    Compare,
    Dial,
    Effect,
    Get,
    Hangup,
    Lookup,
    Provide,
    Put,
    Remake,
    Reply,
    Send,
    Wake,
    Withdraw,
    Write,
)
from p2pnode.core.events import (
    Command,
    Compared,
    Connected,
    DialFailed,
    Disconnected,
    Event,
    Found,
    Got,
    Listening,
    Received,
    Said,
    Unspoken,
    Woke,
)
from p2pnode.core.multiaddrs import peer_of, with_peer
from p2pnode.core.state import Settings
from p2pnode.store import MemoryStore
from protocols.errors import Refusal, Reject
from protocols.identity import incept

START = 1_800_000_000_000
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass
class Faults:
    """Probabilities: loss, duplicate, broken per frame; crash and power_cut per effect. latency: ms."""

    latency: tuple[int, int] = (1, 40)
    loss: float = 0.0
    duplicate: float = 0.0
    broken: float = 0.0
    crash: float = 0.0
    power_cut: float = 0.0


@dataclass
class Node:
    name: str
    entropy: bytes
    peer_id: str
    area: str
    disk: MemoryStore
    core: Core
    genesis: tuple[bytes, ...] = ()
    alive: bool = True
    life: int = 0
    skew: int = 0  # how far its clock is ahead, ms
    wake: int | None = None
    ip: str = "127.0.0.1"
    links: dict[str, int] = field(default_factory=dict)  # peer id → link number
    waiting: dict[int, Callable[[Any], None]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"/ip4/{self.ip}/tcp/4001/p2p/{self.peer_id}"


class Simulator:
    def __init__(self, seed: int, faults: Faults | None = None) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.faults = faults or Faults()
        self.now = START
        self.nodes: dict[str, Node] = {}
        self.hidden: set[str] = set()  # names whose profiles lead nowhere: only the DHT knows their address
        self.unspoken: dict[str, set[str]] = {}  # name → protocols that this node does not speak: it is older
        self.dht = True
        self.crashes = 0
        self.frames = 0
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._ticket = 0
        self._providers: dict[bytes, set[str]] = {}
        self._values: dict[bytes, bytes] = {}
        self._trace = blake2b(digest_size=16)

    @property
    def trace(self) -> str:
        return self._trace.hexdigest()

    def spawn(self, name: str, area: str = "u33dc", ip: str = "127.0.0.1") -> Node:
        entropy = self.rng.randbytes(32)
        peer_id = "12D3KooW" + "".join(self.rng.choice(_BASE58) for _ in range(44))
        disk = MemoryStore()
        core = self._core(name, entropy, peer_id, area, disk, self.now)
        node = Node(name, entropy, peer_id, area, disk, core, ip=ip)
        self.nodes[peer_id] = node
        self.perform(node, node.core.begin(self.clock(node)))
        self._listening(node)
        return node

    def clock(self, node: Node) -> int:
        """What a node takes for the time."""
        return self.now + node.skew

    def _listening(self, node: Node) -> None:
        told = with_peer("/ip4/10.9.9.9/tcp/1", node.peer_id) if node.name in self.hidden else node.address
        self.handle(node, Listening((told,)))

    def _core(
        self, name: str, entropy: bytes, peer_id: str, area: str, disk: MemoryStore, now: int | None = None
    ) -> Core:
        signer, _ = incept(entropy)
        settings = Settings(name=name, area=area, peer_id=peer_id, box=bytes(32))
        return Core(disk, signer, settings, Random(self.rng.random()), self.now if now is None else now)

    # Time

    def at(self, time: int, call: Callable[[], None]) -> None:
        self._ticket += 1
        heapq.heappush(self._queue, (time, self._ticket, call))

    def run(self, milliseconds: int) -> None:
        end = self.now + milliseconds
        while self._queue and self._queue[0][0] <= end:
            time, _, call = heapq.heappop(self._queue)
            self.now = max(self.now, time)
            call()
        self.now = end

    # Cores

    def handle(self, node: Node, event: Event) -> None:
        if node.alive:
            self.perform(node, node.core.handle(event, self.clock(node)))

    def perform(self, node: Node, effects: list[Effect]) -> None:
        life = node.life
        for effect in effects:
            if self.faults.crash and self.rng.random() < self.faults.crash:
                return self.crash(node)
            if self.faults.power_cut and self.rng.random() < self.faults.power_cut:
                node.disk.crash(keep=self.rng.randrange(4))
                return self.crash(node)
            if isinstance(effect, Write):
                node.disk.commit(effect.puts, effect.deletes, effect.durable, effect.heads)
                node.core.committed()
            else:
                self._carry_out(node, life, effect)

    def _carry_out(self, node: Node, life: int, effect: Effect) -> None:
        match effect:
            case Send(peer, protocol, data):
                self._transmit(node, peer, protocol, data)
            case Wake(at):
                if node.wake is None or at < node.wake:  # one timer, as in the loop
                    node.wake = at
                    self.at(max(at - node.skew, self.now + 1), lambda: self._wake(node, life))
            case Dial(str(wanted), addresses):
                delay = self.rng.randint(*self.faults.latency)
                self.at(self.now + delay, lambda: self._dial(node, life, wanted, addresses))
            case Hangup(peer):
                if peer in node.links:
                    self._break(node, self.nodes[peer])
            case Reply(ticket, result):
                done = node.waiting.pop(ticket, None)
                if done is not None:
                    done(result)
            case Compare(network, author, name):
                rows = node.core.state.networks[network].catalog.rows(kind="listing")
                held = tuple((row.author, row.name) for row in rows if row.author != author)
                self.at(
                    self.now, lambda: self.handle(node, Compared(network, name, held)) if node.life == life else None
                )
            case Remake():
                self.at(self.now, lambda: self.set_clock(node, node.skew) if node.life == life else None)
            case Provide(key):
                if self.dht:
                    self._providers.setdefault(key, set()).add(node.peer_id)
                self.at(self.now + 50, lambda: self.handle(node, Said(key, self.dht)))
            case Withdraw(key):
                self._providers.get(key, set()).discard(node.peer_id)
            case Put(key, value):
                kept = self.dht and self._kept(key, value)
                self.at(self.now + 50, lambda: self.handle(node, Said(key, kept)))
            case Get(key):
                got = self._values.get(key) if self.dht else None
                self.at(self.now + 50, lambda: self.handle(node, Got(key, got)))
            case Lookup(key):
                found = (
                    ()
                    if not self.dht
                    else tuple((p, (self.nodes[p].address,)) for p in sorted(self._providers.get(key, ())))
                )
                self.at(self.now + 50, lambda: self.handle(node, Found(key, found)))

    def _kept(self, key: bytes, value: bytes) -> bool:
        """Whether the DHT takes a value, by the rules that each of its nodes goes by."""
        rules, old = Presences(lambda: self.now), self._values.get(key)
        try:
            rules.validate(key, value)
        except Reject:
            return False
        if old is None or rules.select(key, [old, value]) == 1:
            self._values[key] = value
        return self._values[key] == value

    def _wake(self, node: Node, life: int) -> None:
        if node.life == life and node.wake is not None and node.wake <= self.clock(node):
            node.wake = None
            self.handle(node, Woke())

    def crash(self, node: Node, away: int = 2_000) -> None:
        """Everything but the disk is forgotten; the node is back a moment later."""
        self.crashes += 1
        node.alive, node.life, node.wake = False, node.life + 1, None
        node.waiting.clear()
        for peer in list(node.links):
            self._break(node, self.nodes[peer])
        self.at(self.now + away, lambda: self.restart(node))

    def restart(self, node: Node) -> None:
        if node.alive:
            return
        node.alive = True
        self._make_core(node)

    def _make_core(self, node: Node) -> None:
        node.core = self._core(node.name, node.entropy, node.peer_id, node.area, node.disk, self.clock(node))
        self.perform(node, node.core.begin(self.clock(node), node.genesis))
        self._listening(node)

    def set_clock(self, node: Node, skew: int) -> None:
        """Somebody sets a node's clock; one that runs notices, and makes its core anew, as the daemon does."""
        node.skew = skew
        if node.alive:
            node.life, node.wake = node.life + 1, None
            self._make_core(node)
            for peer in list(node.links):
                self.handle(node, Connected(peer, self.nodes[peer].address, True))

    # The network

    def _dial(self, node: Node, life: int, key: str, addresses: tuple[str, ...]) -> None:
        if not node.alive or node.life != life:
            return
        other = next((n for a in addresses if (n := self.nodes.get(peer_of(a) or "")) and n.address == a), None)
        if other is None or not other.alive or other is node:
            self.handle(node, DialFailed(key, "nobody answers"))
        elif other.peer_id not in node.links:
            self._ticket += 1
            node.links[other.peer_id] = other.links[node.peer_id] = self._ticket
            self.handle(node, Connected(other.peer_id, other.address, True))
            if node.peer_id in other.links:
                self.handle(other, Connected(node.peer_id, node.address.replace("/4001", "/50001"), False))

    def _break(self, one: Node, other: Node) -> None:
        for a, b in ((one, other), (other, one)):
            if a.links.pop(b.peer_id, None) is not None and a.alive:
                self.at(self.now + 1, lambda a=a, b=b, life=a.life: self._broken(a, b, life))  # type: ignore[misc]

    def _broken(self, node: Node, other: Node, life: int) -> None:
        if node.life == life and other.peer_id not in node.links:
            self.handle(node, Disconnected(other.peer_id))

    def _transmit(self, node: Node, peer: str, protocol: str, data: bytes) -> None:
        link = node.links.get(peer)
        if link is None:
            return
        if protocol in self.unspoken.get(self.nodes[peer].name, ()):
            life = node.life
            self.at(self.now + 1, lambda: self._turned_down(node, life, peer, link, protocol))
            return
        if self.rng.random() < self.faults.broken:
            return self._break(node, self.nodes[peer])
        if self.rng.random() < self.faults.loss:
            return
        for _ in range(2 if self.rng.random() < self.faults.duplicate else 1):
            delay = self.rng.randint(*self.faults.latency)
            self.at(self.now + delay, lambda: self._arrive(node.peer_id, peer, link, protocol, data))

    def _turned_down(self, node: Node, life: int, peer: str, link: int, protocol: str) -> None:
        if (node.life, node.links.get(peer)) == (life, link):
            self.handle(node, Unspoken(peer, protocol))

    def _arrive(self, sender: str, peer: str, link: int, protocol: str, data: bytes) -> None:
        node = self.nodes[peer]
        if node.links.get(sender) != link:
            return
        self.frames += 1
        self._trace.update(self.now.to_bytes(8, "big") + sender.encode() + peer.encode() + data)
        self.handle(node, Received(sender, protocol, data))

    # People

    def ask(self, node: Node, name: str, /, done: Callable[[Any], None] | None = None, **fields: Any) -> None:
        """A command by the user of a node, repeated with its request id until it is answered, as the CLI does."""
        args = commands.parse_args(name, fields)
        request = self.rng.randbytes(8).hex()

        def attempt() -> None:
            if answered:
                return
            self.at(self.now + 3_000, attempt)
            if node.alive:
                self._ticket += 1
                node.waiting[self._ticket] = answer
                self.handle(node, Command(self._ticket, name, args, request))

        def answer(result: Any) -> None:
            if not answered:
                answered.append(result)
                if done is not None:
                    done(result)

        answered: list[Any] = []
        self.at(self.now, attempt)

    def ask_now(self, node: Node, name: str, /, **fields: Any) -> Any:
        """A command on a quiet network: its answer at once. `Refusal` is raised."""
        got: list[Any] = []
        self.ask(node, name, got.append, **fields)
        self.run(20_000)
        assert got, f"{name} was not answered"
        if isinstance(got[0], Refusal):
            raise got[0]
        return got[0]
