"""What a node keeps of a network's records: small index rows, never the records themselves.

What is kept is a function of the set of records that came in and of the time, never of their order of arrival; on
that rests that two nodes which exchange what they lack end with the same set. So everything is decided by one
order, that of `envelope.replaces` (revision, then lower id): in a slot the highest stays, and of an author who has
more slots than its quota allows the highest-ranking slots stay. (By `created` it could not be so: an author whose
later revision claims an earlier time would have what is kept depend on what came first.)

When a slot's record expires or the quota evicts it, a floor stays behind, so that an older revision which somebody
still has does not come back.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from enum import StrEnum
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from protocols.codec import decode, encode
from protocols.envelope import Record, Slot, max_lifetime
from protocols.errors import DecodeError
from protocols.limits import MAX_INT, MAX_SKEW

from .items import ItemSet, View
from .keys import covers, item, item_id, item_rank, item_slot, item_until, rank, slot_hash

Group = tuple[bytes, bool, str]  # an author's listings, or the rest of its records, of one scope


class Quotas(NamedTuple):
    """How many slots of one author are kept in each scope: listings (withdrawn ones too), and records of all kinds.

    In each scope, since nodes that keep different scopes must come to the same result for those they share.
    """

    listings: int = 500
    records: int = 2_000

    def of(self, listing: bool) -> int:
        return self.listings if listing else max(1, self.records - self.listings)


class Row(NamedTuple):
    """What the catalog knows of a record that it keeps. Times in milliseconds."""

    id: bytes
    kind: str
    author: bytes
    name: bytes
    revision: int
    created: int
    until: int
    scope: str
    withdrawn: bool

    @property
    def slot(self) -> Slot:
        return (self.author, self.kind, self.name)

    @property
    def group(self) -> Group:
        return (self.author, self.kind == "listing", self.scope)

    @property
    def rank(self) -> bytes:
        return rank(self.revision, self.id)

    @property
    def item(self) -> bytes:
        return item(self.until, slot_hash(self.slot), self.revision, self.id)


class Floor(NamedTuple):
    """The lowest that may still come into an empty slot. It is kept until `ends`."""

    slot: bytes  # slot hash, 16 bytes
    author: bytes
    listing: bool
    scope: str
    revision: int
    id: bytes
    ends: int

    @property
    def rank(self) -> bytes:
        return rank(self.revision, self.id)

    @property
    def group(self) -> Group:
        return (self.author, self.listing, self.scope)

    def encode(self) -> bytes:
        return encode(list(self))


def parse_floor(data: bytes) -> Floor:
    """A floor from storage, or `DecodeError`."""
    value = decode(data)
    if not (type(value) is list and tuple(map(type, value)) == (bytes, bytes, bool, str, int, bytes, int)):
        raise DecodeError("not a floor", "field")
    floor = Floor(*value)
    if (len(floor.slot), len(floor.author), len(floor.id)) != (16, 32, 32) or floor.revision < 0:
        raise DecodeError("not a floor", "field")
    return floor


class Verdict(StrEnum):
    ADDED = "added"
    KNOWN = "known"
    OLDER = "older"
    FLOORED = "floored"
    OVER_QUOTA = "over quota"
    EXPIRED = "expired"


class Change(NamedTuple):
    """What storage must do: delete the records `removed`, write `floors`, delete those of the slots `forgotten`."""

    removed: tuple[bytes, ...] = ()
    floors: tuple[Floor, ...] = ()
    forgotten: tuple[bytes, ...] = ()


NO_CHANGE = Change()


class Admission(NamedTuple):
    """The answer to one record. Whatever the verdict is, `change` must be carried out."""

    verdict: Verdict
    change: Change

    @property
    def added(self) -> bool:
        return self.verdict is Verdict.ADDED


class _Log:
    def __init__(self) -> None:
        self.removed: list[bytes] = []
        self.floors: dict[bytes, Floor | None] = {}

    def change(self) -> Change:
        if not self.removed and not self.floors:
            return NO_CHANGE
        floors = tuple(f for f in self.floors.values() if f is not None)
        return Change(tuple(self.removed), floors, tuple(s for s, f in self.floors.items() if f is None))


class Catalog:
    """The rows of one network (16 bytes). After a restart: `restore` the floors, then `admit` the stored records."""

    def __init__(self, network: bytes, quotas: Quotas = Quotas()) -> None:  # noqa: B008 (immutable)
        self.network = network
        self.quotas = quotas
        self._rows: dict[bytes, Row] = {}  # by slot hash
        self._ids: dict[bytes, bytes] = {}  # id -> slot hash
        self._floors: dict[bytes, Floor] = {}
        self._ranks: dict[Group, list[tuple[bytes, bytes]]] = {}  # (rank, slot hash) of the rows, ascending
        self._floor_ranks: dict[Group, list[tuple[bytes, bytes]]] = {}
        self._ends: list[tuple[int, bytes]] = []  # heap of (until or ends, slot hash); may hold stale pairs
        self._all = ItemSet()
        self._scopes: dict[str, ItemSet] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, record_id: bytes) -> bool:
        return record_id in self._ids

    def admit(self, record: Record, now: int) -> Admission:
        """Take in a record whose signature and age have been checked. First lets go of what has expired by `now`."""
        if record.network != self.network:
            raise ValueError("a record of another network")
        log = _Log()
        self._expire(now, log)
        verdict = self._admit(record, now, log)
        return Admission(verdict, log.change())

    def expire(self, now: int) -> Change:
        """Let go of the records and floors whose time is over."""
        log = _Log()
        self._expire(now, log)
        return log.change()

    def next_expiry(self) -> int | None:
        """When `expire` may have something to do; not later than the first end."""
        return self._ends[0][0] if self._ends else None

    def wants(self, key: bytes, now: int) -> bool:
        """Whether the record of an item (see `dht.keys`) would be of use here, as far as the item tells."""
        if item_until(key) <= now or item_id(key) in self._ids:
            return False
        row = self._rows.get(item_slot(key))
        floor = self._floors.get(item_slot(key))
        order = item_rank(key)
        if row is not None:
            return order > row.rank
        if floor is None or order > floor.rank:
            return True
        # Turned away before, by the quota: of use only when there is room again.
        ranks = self._ranks.get(floor.group, [])
        room = len(ranks) < self.quotas.of(floor.listing) or order > ranks[0][0]
        return order == floor.rank and room

    def get(self, slot: Slot) -> Row | None:
        return self._rows.get(slot_hash(slot))

    def row(self, record_id: bytes) -> Row | None:
        slot = self._ids.get(record_id)
        return None if slot is None else self._rows[slot]

    def rows(self, kind: str | None = None, author: bytes | None = None) -> Iterator[Row]:
        """The rows of a kind, of an author, of both, or all."""
        found: Iterable[Row] = self._rows.values()
        if author is not None:
            groups = ((author, listing, scope) for listing in (True, False) for scope in self._scopes)
            found = [self._rows[slot] for group in groups for _, slot in self._ranks.get(group, ())]
        return (row for row in found if kind is None or row.kind == kind)

    def view(self, prefixes: Iterable[str]) -> View:
        """The items of the scopes that these prefixes cover. It follows the catalog as that changes."""
        prefixes = tuple(prefixes)
        if "" in prefixes:
            return View([self._all])
        return View([items for scope, items in self._scopes.items() if covers(prefixes, scope)])

    def floors(self) -> Iterator[Floor]:
        return iter(self._floors.values())

    def restore(self, floor: Floor) -> None:
        """Put back a floor that was stored."""
        self._set_floor(floor, _Log())

    def _admit(self, record: Record, now: int, log: _Log) -> Verdict:
        slot, order = slot_hash(record.slot), rank(record.revision, record.id)
        row, floor = self._rows.get(slot), self._floors.get(slot)
        if row is not None:
            if row.id == record.id:
                return Verdict.KNOWN
            if order < row.rank:
                return Verdict.OLDER
        elif floor is not None and order < floor.rank:
            return Verdict.FLOORED
        new = Row(
            record.id,
            record.kind,
            record.author,
            record.name,
            record.revision,
            record.created,
            record.until,
            record.scope,
            record.withdrawn,
        )
        if record.until <= now:
            if _floor_end(new) > now:
                if row is not None:
                    self._remove(slot, log)
                self._leave_floor(new, now, log)
            return Verdict.EXPIRED
        if row is not None:
            self._remove(slot, log)
        if floor is not None:
            self._drop_floor(slot, log)
        self._add(slot, new)
        ranks = self._ranks[new.group]
        if len(ranks) > self.quotas.of(new.group[1]):
            lowest = ranks[0][1]
            evicted = self._rows[lowest]
            self._remove(lowest, log)
            self._leave_floor(evicted, now, log)
            if lowest == slot:
                log.removed.remove(record.id)
                return Verdict.OVER_QUOTA
        return Verdict.ADDED

    def _add(self, slot: bytes, row: Row) -> None:
        self._rows[slot] = row
        self._ids[row.id] = slot
        insort(self._ranks.setdefault(row.group, []), (row.rank, slot))
        key = row.item
        self._all.add(key)
        self._scopes.setdefault(row.scope, ItemSet()).add(key)
        self._push_end(row.until, slot)

    def _remove(self, slot: bytes, log: _Log) -> None:
        row = self._rows.pop(slot)
        del self._ids[row.id]
        _take(self._ranks, row.group, (row.rank, slot))
        key = row.item
        self._all.remove(key)
        items = self._scopes[row.scope]
        items.remove(key)
        if not items:
            del self._scopes[row.scope]
        log.removed.append(row.id)

    def _leave_floor(self, row: Row, now: int, log: _Log) -> None:
        ends = _floor_end(row)
        if ends > now:
            self._set_floor(Floor(slot_hash(row.slot), *row.group, row.revision, row.id, ends), log)

    def _set_floor(self, floor: Floor, log: _Log) -> None:
        if floor.slot in self._floors:
            self._drop_floor(floor.slot, log)
        self._floors[floor.slot] = floor
        log.floors[floor.slot] = floor
        ranks = self._floor_ranks.setdefault(floor.group, [])
        insort(ranks, (floor.rank, floor.slot))
        self._push_end(floor.ends, floor.slot)
        if len(ranks) > self.quotas.of(floor.listing):
            self._drop_floor(ranks[0][1], log)

    def _drop_floor(self, slot: bytes, log: _Log) -> None:
        floor = self._floors.pop(slot)
        _take(self._floor_ranks, floor.group, (floor.rank, slot))
        log.floors[slot] = None

    def _push_end(self, end: int, slot: bytes) -> None:
        heappush(self._ends, (end, slot))
        if len(self._ends) > 64 + 4 * (len(self._rows) + len(self._floors)):
            ends = [(row.until, s) for s, row in self._rows.items()]
            self._ends = ends + [(floor.ends, s) for s, floor in self._floors.items()]
            heapify(self._ends)

    def _expire(self, now: int, log: _Log) -> None:
        while self._ends and self._ends[0][0] <= now:
            _, slot = heappop(self._ends)
            row, floor = self._rows.get(slot), self._floors.get(slot)
            if row is not None and row.until <= now:
                self._remove(slot, log)
                self._leave_floor(row, now, log)
            elif floor is not None and floor.ends <= now:
                self._drop_floor(slot, log)


def _floor_end(row: Row) -> int:
    # An older revision was made earlier, so none outlives this moment.
    return min(max(row.until, row.created + max_lifetime(row.kind)) + MAX_SKEW, MAX_INT)


def _take(lists: dict[Group, list[tuple[bytes, bytes]]], group: Group, entry: tuple[bytes, bytes]) -> None:
    entries = lists[group]
    del entries[bisect_left(entries, entry)]
    if not entries:
        del lists[group]
