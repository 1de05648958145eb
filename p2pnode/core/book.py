"""The address book: which peers this node knows, where each may be reached, and who is kept when there are too many.

In the manner of Bitcoin Core's addrman, smaller. A peer that somebody talked of is *new* until this node itself has
connected to it; then it is *tried*. Both tables are buckets of few places. Which bucket a peer falls into depends on a
key that only this node knows, so nobody can aim at a place; new ones fall into few buckets for each source, so one that
talks much fills its own. Of one group of public addresses (see `nearness`) few stand in a bucket and in a table. A
peer that our user named (a join, a bootstrap address, a name given to it) is *named* and leaves for nobody. A peer that
dialled us and of which no address is known is a *caller*: it is remembered for a while, and cannot be dialled.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from hashlib import blake2b
from typing import Final, cast

import msgspec

from p2pnode.bounds import (
    ADDRESSES_OF_ONE,
    BUCKET,
    GROUP_IN_BUCKET,
    GROUP_IN_TABLE,
    MAX_CALLERS,
    MAX_NAMED,
    MAX_REMEMBERED,
    NEW_BUCKETS,
    SOURCE_BUCKETS,
    TRIED_BUCKETS,
)
from protocols.codec import decode, encode
from protocols.nearness import group_of

from .journal import Journal
from .keys import PEER
from .multiaddrs import with_peer
from .state import Rng

NEW, TRIED, NAMED, CALLER = "new", "tried", "named", "caller"
DIALLED_US = "dialled us"
BY_USER: Final = ("join", "bootstrap", "named")
USELESS: Final = 3  # failed tries, after which a new peer is the first to go


class Known(msgspec.Struct):
    """A peer. via: how we came to know it, from `source` (a peer id, or empty); block: the source's group of addresses.
    since: known since; seen: last connected; reached: when we last connected to it ourselves; served: when a connection
    that we made had first lasted (`ANCHOR_AFTER`). All ms, 0 for never.
    addresses: full multiaddrs, first the one that we reached it at. tries: failed dials since then; brief: how many
    connections in a row did not last.
    """

    addresses: list[str]
    via: str
    source: str = ""
    block: str = ""
    since: int = 0
    seen: int = 0
    reached: int = 0
    served: int = 0
    table: str = CALLER
    bucket: int = 0
    groups: frozenset[str] = frozenset()
    tries: int = 0
    dialled_at: int = 0
    next_at: int = 0
    brief: int = 0
    problem: str = ""


class Book:
    """key: 32 secret bytes, the same at every start. held: peers that must not be evicted now, such as those connected.
    names: peer id → the name our user gave."""

    def __init__(
        self, key: bytes, journal: Journal, rng: Rng, names: dict[str, str], held: Callable[[], Collection[str]]
    ) -> None:
        self.known: dict[str, Known] = {}
        self.suspects: dict[str, None] = {}  # tried peers in whose place another would stand: to be tested
        self._key = key
        self._journal = journal
        self._rng = rng
        self._names = names
        self._held = held
        self._buckets: dict[tuple[str, int], dict[str, None]] = {}
        self._groups: Counter[tuple[str, str]] = Counter()  # (table, group)
        self._unplaced: list[str] = []
        self._loaded = False
        rows = [(key[len(PEER) :].decode(), decode(value)) for key, value in journal.scan(PEER)]
        for peer, row in sorted(rows, key=lambda r: (not r[1][3], r[1][1] not in BY_USER, -r[1][2], r[0])):
            self._load(peer, row)
        self._loaded = True

    def _load(self, peer: str, row: list[object]) -> None:
        match row:
            case [list(addresses), str(via), int(seen), str(name)]:  # as rows were before there were tables
                reached = seen if addresses and via != DIALLED_US else 0
                known = Known(list(map(str, addresses)), via, since=seen, seen=seen, reached=reached)
            case [list(addresses), str(via), int(seen), str(name), *more] if len(more) == 5:
                since, reached, served, source, block = cast(tuple[int, int, int, str, str], tuple(more))
                known = Known(list(map(str, addresses)), via, source, block, since, seen, reached, served)
            case _:
                return self._unplaced.append(peer)
        if name:
            self._names[peer] = name
        table = self._table_for(peer, known)
        full = table == CALLER and len(self._buckets.get((CALLER, 0), ())) >= MAX_CALLERS
        if full or not (self._place(peer, known, table) or self._place(peer, known, NEW)):
            self._unplaced.append(peer)

    def begin(self) -> None:
        """Of rows that found no place in the tables nothing remains; to be called with the first step."""
        for peer in self._unplaced:
            self._journal.delete(PEER + peer.encode())
        self._unplaced.clear()

    def add(self, peer: str, addresses: Iterable[str], via: str, now: int, source: str = "", block: str = "") -> bool:
        """Somebody says that a peer can be reached there; whether that is news. Addresses must have been judged
        (`nearness.is_taken`) before."""
        fresh = [with_peer(a, peer) for a in addresses]
        if not fresh:
            return False
        old = self.known.get(peer)
        known = old or Known([], via, source, block, now)
        if old is not None and old.table == CALLER:
            known = msgspec.structs.replace(old, via=via, source=source, block=block)
        elif old is not None and via in BY_USER and old.via not in BY_USER:
            known = msgspec.structs.replace(old, via=via)
        proven = known.addresses[:1] if known.reached else []
        merged = list(dict.fromkeys([*proven, *fresh, *known.addresses]))[:ADDRESSES_OF_ONE]
        if old is not None and set(merged) <= set(old.addresses) and known.via == old.via:
            return False
        changed = msgspec.structs.replace(known, addresses=merged, tries=0, next_at=now)
        if not self._replace(peer, changed, self._table_for(peer, changed)):
            return False
        self.store(peer)
        return True

    def reached(self, peer: str, address: str, now: int) -> None:
        """We connected to a peer ourselves: it is tried from now on, if there is room for it."""
        old = self.known.get(peer)
        known = old or Known([], DIALLED_US, since=now)
        rest = [a for a in known.addresses if a != address]
        first = [address] if address else []
        known = msgspec.structs.replace(
            known, addresses=[*first, *rest][:ADDRESSES_OF_ONE], seen=now, reached=now, tries=0, problem=""
        )
        self.suspects.pop(peer, None)
        table = self._table_for(peer, known)
        if self._replace(peer, known, table) or (table == TRIED and self._replace(peer, known, NEW)):
            self.store(peer)
        elif old is not None:
            old.seen, old.reached, old.tries, old.problem = now, now, 0, ""

    def called(self, peer: str, now: int) -> None:
        """A peer dialled us."""
        if peer not in self.known:
            callers = self._buckets.get((CALLER, 0), {})
            if len(callers) >= MAX_CALLERS:
                idle = [p for p in callers if p not in self._held()]
                if not idle:
                    return
                self.forget(min(idle, key=lambda p: self.known[p].seen))
            self._place(peer, Known([], DIALLED_US, since=now), CALLER)
        self.known[peer].seen = now

    def failed(self, peer: str) -> None:
        """It did not answer: whoever waits for its place may have it."""
        if peer in self.suspects:
            del self.suspects[peer]
            known = self.known[peer]
            if known.table == TRIED and not self._replace(peer, known, NEW):
                self.forget(peer)

    def named(self, peer: str, addresses: Iterable[str], now: int) -> None:
        """Our user gave a name to a peer: it stays."""
        known = self.known.get(peer) or Known([with_peer(a, peer) for a in addresses], "profile", since=now)
        self._replace(peer, known, self._table_for(peer, known))
        self.store(peer)

    def fresh(self, now: int) -> list[str]:
        """The new ones that nobody has tested, and that may be dialled."""
        return [p for p, k in self.known.items() if k.table == NEW and not k.reached and k.next_at <= now]

    def to_remember(self) -> list[tuple[str, list[str]]]:
        """Whom the DHT's routing table begins with: those who served us first, then those that we have reached, and
        those that our user named."""
        rows = [(p, k) for p, k in self.known.items() if k.addresses and (k.reached or k.via in BY_USER)]
        rows.sort(key=lambda row: (not row[1].served, -row[1].reached, row[0]))
        return [(peer, known.addresses) for peer, known in rows[:MAX_REMEMBERED]]

    def forget(self, peer: str) -> None:
        self._take_out(peer)
        self.suspects.pop(peer, None)
        self._journal.delete(PEER + peer.encode())

    def store(self, peer: str) -> None:
        known = self.known[peer]
        name = self._names.get(peer, "")
        times = [known.since, known.reached, known.served]
        row = [known.addresses, known.via, known.seen, name, *times, known.source, known.block]
        self._journal.put(PEER + peer.encode(), encode(row), durable=False)

    # Places

    def _table_for(self, peer: str, known: Known) -> str:
        if known.via in BY_USER or self._names.get(peer):
            return NAMED if known.table == NAMED or len(self._buckets.get((NAMED, 0), ())) < MAX_NAMED else NEW
        if not known.addresses:
            return CALLER
        return TRIED if known.reached else NEW

    def _replace(self, peer: str, known: Known, table: str) -> bool:
        """Put a peer where it belongs now; False, and nothing changed, if there is no place."""
        old = self._take_out(peer)
        if self._place(peer, known, table):
            return True
        if old is not None:
            self._put_in(peer, old)
        return False

    def _place(self, peer: str, known: Known, table: str) -> bool:
        bucket = self._bucket(peer, known, table)
        if table in (NEW, TRIED):
            addresses = self._within_limits(known.addresses, table, bucket)
            if not addresses:
                return False
            if len(self._buckets.get((table, bucket), ())) >= BUCKET and not self._make_room(table, bucket):
                return False
            known.addresses = addresses
        known.table, known.bucket = table, bucket
        known.groups = frozenset(g for a in known.addresses if (g := group_of(a)))
        self._put_in(peer, known)
        return True

    def _bucket(self, peer: str, known: Known, table: str) -> int:
        if table in (NAMED, CALLER):
            return 0
        if table == TRIED:
            return self._hash("tried", peer) % TRIED_BUCKETS
        if known.block:
            return self._hash("from", known.block, str(self._hash("which", peer) % SOURCE_BUCKETS)) % NEW_BUCKETS
        return self._hash("new", peer) % NEW_BUCKETS

    def _hash(self, *parts: str) -> int:
        return int.from_bytes(blake2b("\0".join(parts).encode(), key=self._key, digest_size=8).digest(), "big")

    def _within_limits(self, addresses: list[str], table: str, bucket: int) -> list[str]:
        beside = Counter(g for p in self._buckets.get((table, bucket), ()) for g in self.known[p].groups)
        kept = []
        for address in addresses:
            group = group_of(address)
            if not group or (beside[group] < GROUP_IN_BUCKET and self._groups[table, group] < GROUP_IN_TABLE):
                kept.append(address)
        return kept

    def _make_room(self, table: str, bucket: int) -> bool:
        """One leaves a full bucket, or nobody does. Of tried peers only one that no longer answers; if all do, the one
        not reached for longest is tested soon. Of new ones who never answered, else chance decides, also against who
        comes."""
        if not self._loaded:
            return False
        idle = [p for p in self._buckets[table, bucket] if p not in self._held()]
        if table == TRIED:
            idle.sort(key=lambda p: (self.known[p].tries == 0, self.known[p].reached))
            if not idle:
                return False
            if self.known[idle[0]].tries == 0:
                self.suspects[idle[0]] = None
                return False
            moved = self._take_out(idle[0])
            if moved is None or not self._place(idle[0], moved, NEW):
                self._journal.delete(PEER + idle[0].encode())
            return True
        useless = [p for p in idle if self.known[p].tries >= USELESS]
        chosen = useless[0] if useless else ([*idle, ""])[self._rng.randrange(len(idle) + 1)]
        if chosen:
            self.forget(chosen)
        return bool(chosen)

    def _put_in(self, peer: str, known: Known) -> None:
        self.known[peer] = known
        self._buckets.setdefault((known.table, known.bucket), {})[peer] = None
        self._groups.update((known.table, g) for g in known.groups)

    def _take_out(self, peer: str) -> Known | None:
        known = self.known.pop(peer, None)
        if known is not None:
            del self._buckets[known.table, known.bucket][peer]
            for place in ((known.table, g) for g in known.groups):
                self._groups[place] -= 1
                if not self._groups[place]:
                    del self._groups[place]
        return known
