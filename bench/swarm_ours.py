"""A swarm of our hosts, each with the gossip machine, the catalog and the whole ladder of the intake; its records are
kept in memory, as those of the other swarms are."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import trio

from bench.ingest import make_network
from bench.swarm import SIZE, Seen
from dht.catalog import Catalog
from dht.gossip import Deliver, Gossip, SendFrame, Step, Strike
from p2pnode import clock
from p2pnode.core.effects import Write
from p2pnode.core.intake import Intake
from p2pnode.core.journal import Journal
from p2pnode.core.keys import RECORD
from p2pnode.core.own_chain import OwnChain
from p2pnode.core.state import Network, Settings, State
from p2pnode.net.delivery import HostEvent
from p2pnode.net.host import Host
from p2pnode.store import MemoryStore
from protocols.envelope import Record
from protocols.errors import Reject
from protocols.fields import seal_payload
from protocols.gossip_messages import PROTOCOL
from protocols.identity import Claim, Signer, incept, verify_in_turn
from protocols.limits import DAY
from protocols.listing import KIND, Listing
from tests.p2pnode.hosts import steps_of

LOOPBACK: Final = "/ip4/127.0.0.1/tcp/0"
AUTHORS: Final = 100  # listings of one author in a burst


def record_of_size(signer: Signer, network: bytes, rng: random.Random, size: int = SIZE) -> Record:
    """A listing whose record has exactly so many bytes."""
    now, name, length = clock.now(), rng.randbytes(16), size // 2
    while True:
        text = "".join(rng.choices("abcdefghij klmno", k=length))
        listing = Listing(direction="offer", kind="rent", title="Ladder", text=text, area="u33dc")
        made = seal_payload(
            signer, network, KIND, listing, name=name, created=now, until=now + 30 * DAY, scope=listing.area
        )
        if len(made.wire) == size:
            return made
        length += size - len(made.wire)


class Member:
    """One node."""

    def __init__(self, number: int, seed: int, seen: Seen) -> None:
        _, genesis_record, genesis = make_network(random.Random(seed))  # the same for all
        self._rng = random.Random(seed * 1_000 + number)
        self._number, self._seen = number, seen
        self.verified = 0
        self.signer = incept(self._rng.randbytes(32))[0]
        self._store = MemoryStore()
        self._journal = Journal(self._store)
        self.id = genesis_record.id[:16]
        self.gossip = Gossip(lambda network, id_: self._journal.get(RECORD + network + id_), self._rng)
        settings = Settings("bench", "u33dc", "", bytes(32))
        state = State(self.signer, settings, self._rng, self._journal, self.gossip, clock.now())
        self.catalog = Catalog(self.id)
        chain = OwnChain(self._journal, self.signer, self._rng, self.id, 0)
        self._network = Network(self.id, genesis, genesis_record, self.catalog, chain, clock.now())
        self._intake = Intake(state, self._verify)
        self.host = Host(self._rng.randbytes(32), [LOOPBACK], self._happened, dht=False)
        self._changed = trio.Event()
        self._due: int | None = None

    def publish(self, records: Sequence[Record]) -> None:
        for record in records:
            self._intake.admit(self._network, record, clock.now())
            self._commit()
            self._seen.by(self._number, record.id)
            self.gossip.spread(self.id, record.id, None, clock.now())
        self._schedule()

    def new(self, count: int) -> list[Record]:
        signers = [self.signer] + [incept(self._rng.randbytes(32))[0] for _ in range((count - 1) // AUTHORS)]
        return [record_of_size(signers[i // AUTHORS], self.id, self._rng) for i in range(count)]

    async def run(self) -> None:
        """Wake the machine whenever it wants to be woken."""
        self._do(self.gossip.join(self.id, self.catalog, [""], clock.now()))
        while True:
            self._due = self.gossip.next_wake()
            wait = max(0.0, (self._due - clock.now()) / 1_000) if self._due is not None else 60.0
            self._changed = trio.Event()
            with trio.move_on_after(wait):
                await self._changed.wait()
                continue
            self._do(self.gossip.woke(clock.now()))

    def _verify(self, claims: Sequence[Claim]) -> list[Reject | None]:
        self.verified += len(claims)
        return verify_in_turn(claims)

    async def _happened(self, event: HostEvent) -> None:
        self._do(steps_of(self.gossip, event, clock.now()))
        self._schedule()

    def _schedule(self) -> None:
        due = self.gossip.next_wake()
        if due is not None and (self._due is None or due < self._due):
            self._changed.set()

    def _do(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case SendFrame(peer, frame):
                    self.host.send(peer, PROTOCOL, frame)
                case Deliver(peer, network, wires):
                    now = clock.now()
                    outcomes = self._intake.take_all(self._network, wires, now)
                    self._commit()
                    for outcome in outcomes:
                        if isinstance(outcome, Record):
                            self._seen.by(self._number, outcome.id)
                            self.gossip.spread(network, outcome.id, peer, now)
                case Strike(peer, reason):
                    raise AssertionError(f"an honest node is struck: {reason}")

    def _commit(self) -> None:
        for effect in self._journal.take():
            if isinstance(effect, Write):
                self._store.commit(effect.puts, effect.deletes, durable=False)
        self._journal.committed()


class Ours:
    def __init__(self, members: Sequence[Member], seen: Seen) -> None:
        self._members = members
        self.seen = seen

    @property
    def verified(self) -> int:
        return sum(member.verified for member in self._members)

    async def publish(self, node: int, count: int) -> list[bytes]:
        records = self._members[node].new(count)
        self._members[node].publish(records)
        return [record.id for record in records]

    async def sleep(self, seconds: float, /) -> None:
        await trio.sleep(seconds)


@asynccontextmanager
async def swarm(size: int, pairs: Sequence[tuple[int, int]], seed: int) -> AsyncIterator[Ours]:
    seen = Seen(size)
    members = [Member(number, seed, seen) for number in range(size)]
    async with trio.open_nursery() as nursery:
        addresses = [await nursery.start(member.host.run) for member in members]
        for member in members:
            nursery.start_soon(member.run)
        for a, b in pairs:
            await members[a].host.dial(addresses[b])
        degrees = [sum(node in pair for pair in pairs) for node in range(size)]
        while any(len(m.gossip.neighbours(m.id)) < d for m, d in zip(members, degrees, strict=True)):
            await trio.sleep(0.05)
        await trio.sleep(1)
        yield Ours(members, seen)
        nursery.cancel_scope.cancel()
