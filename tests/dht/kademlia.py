"""Many nodes of the DHT without a network: the real routing tables and lookups, one seed, no clock but a number.

Each node comes with the names of a few others, and asks its way; then a share of them goes (dead entries). A share is
hostile: these answer every question with their own kind, the nearest of them, and keep nothing.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from dht.lookup import PATHS, STORE_REQUESTS, STORE_SETTLED, Lookup
from dht.routing import Contact, K, RoutingTable, contact_of, place_of

FIRST = 4  # peers that a node knows when it comes: from its address book, and its neighbours
FAR = 4  # buckets that it refreshes then
ROUND_TRIP = (5, 120)  # ms
STORING = {"settled": STORE_SETTLED, "requests": STORE_REQUESTS}
GONE = 2_000  # ms until one who does not answer is given up


def nobody(peer: bytes) -> bool:
    return False


@dataclass
class Outcome:
    found: bool
    hops: int
    requests: int
    took: int


@dataclass
class Crowd:
    """hostile: their share. ghosts: they name peers that do not exist instead, as near the place as they like."""

    seed: int
    size: int
    hostile: float = 0.0
    ghosts: bool = False
    rng: Random = field(init=False)
    gone: set[bytes] = field(default_factory=set)
    kept: dict[int, set[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self.contacts: dict[bytes, Contact] = {}
        self.liars: set[bytes] = set()
        self.tables: dict[bytes, RoutingTable] = {}
        wrong = set(self.rng.sample(range(self.size), int(self.size * self.hostile)))
        for number in range(self.size):
            self._join(contact_of(self.rng.randbytes(38)), number in wrong)
        for name in self.tables:  # once more, now that all are here
            self._refresh(name, 0)

    def _join(self, contact: Contact, wrong: bool) -> None:
        """A node that knows some of the others comes, and asks its way to where it stands."""
        first = self.rng.sample(list(self.contacts), min(FIRST, len(self.contacts)))
        self.contacts[contact.peer] = contact
        if wrong:
            self.liars.add(contact.peer)
            return
        table = self.tables[contact.peer] = RoutingTable(contact.peer)
        for other in first:
            table.heard(self.contacts[other], answered=1)
        self._refresh(contact.peer, FAR)

    def _refresh(self, name: bytes, far: int) -> None:
        table = self.tables[name]
        self._run(name, self.contacts[name].place, nobody, **STORING)
        for bucket in table.far_buckets()[:far]:
            self._run(name, table.place_in(bucket, self.rng.getrandbits(256)), nobody)

    def leave(self, share: float) -> None:
        self.gone |= set(self.rng.sample([n for n in self.tables if n not in self.gone], int(self.size * share)))

    def provide(self, key: bytes) -> None:
        """Note a key at those who are nearest, as a lookup by one of the nodes finds them."""
        place = place_of(key)
        lookup = self._run(self.anybody(), place, nobody, **STORING)[0]
        self.kept.setdefault(place, set()).update(c.peer for c in lookup.closest() if c.peer in self.tables)

    def find(self, key: bytes, *, paths: int = PATHS) -> Outcome:
        """Somebody searches for who provides a key."""
        place = place_of(key)
        keepers = self.kept.get(place, set())
        useful: list[bytes] = []

        def has(peer: bytes) -> bool:
            if peer in keepers:
                useful.append(peer)
            return peer in keepers

        lookup, took = self._run(self.anybody(), place, has, paths=paths, enough=1)
        return Outcome(bool(useful), lookup.hops, lookup.requests, took)

    def anybody(self) -> bytes:
        return self.rng.choice([name for name in self.tables if name not in self.gone])

    def _run(
        self, name: bytes, place: int, has: Callable[[bytes], bool], *, paths: int = PATHS, **options: int
    ) -> tuple[Lookup, int]:
        now = 0
        lookup = Lookup(place, name, self.tables[name].closest(place), now, paths=paths, **options)
        coming: list[tuple[int, int, Contact]] = []
        while not lookup.done(now):
            for contact in lookup.next(now):
                delay = self.rng.randint(*ROUND_TRIP) if self._lives(contact.peer) else GONE
                heapq.heappush(coming, (now + delay, contact.place, contact))
            if not coming:
                break
            now = min(coming[0][0], max(now + 1, lookup.wake_at(now)))
            while coming and coming[0][0] <= now:
                contact = heapq.heappop(coming)[2]
                table = self.tables[name]
                if self._lives(contact.peer):
                    table.heard(contact, answered=1)
                    if contact.peer in self.tables:
                        self.tables[contact.peer].heard(
                            self.contacts[name], answered=1
                        )  # each is introduced to the other
                    lookup.answered(contact.peer, self._answer(contact.peer, place), useful=has(contact.peer))
                else:
                    table.failed(contact.peer)
                    lookup.failed(contact.peer)
        return lookup, now

    def _lives(self, peer: bytes) -> bool:
        return peer in self.contacts and peer not in self.gone

    def _answer(self, peer: bytes, place: int) -> list[Contact]:
        if peer not in self.liars:
            return self.tables[peer].closest(place, proven=True)
        if self.ghosts:
            return [Contact(self.rng.randbytes(38), place ^ self.rng.getrandbits(200)) for _ in range(K)]
        return sorted((self.contacts[liar] for liar in self.liars), key=lambda c: c.place ^ place)[:K]
