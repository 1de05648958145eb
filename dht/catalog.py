"""What a node keeps of a network's records: small index rows, never the records themselves.

What is kept is a function of the set of records that came in, less those whose time is over: never of when or in what
order they came. On that rests that two nodes which exchange what they lack end with the same set. So there is one
order, and it begins with `until`: of the records of a slot the one that ends last stays, and of an author who has more
slots than its quota allows those that end last. What is turned away then ends before whatever turned it away, so it
never has to come back, and nothing needs to be remembered of it. An author who wants a listing to end sooner withdraws
it with the longest `until` that it had.

Of one fact of misconduct the records of a few finders are kept, those that end last. Where a finder is also beyond its
own quota the two bounds meet, and what is kept may depend on the order; a finder has room for over a thousand.

A slot is kept in each scope apart: who keeps only one of two scopes could not know of a revision in the other.
"""

import sys
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from protocols.envelope import Record, Slot
from protocols.limits import MAX_FINDERS, MINUTE
from protocols.misconduct import KIND as MISCONDUCT

from .items import ItemSet, View
from .keys import (
    covers,
    item,
    item_id,
    item_order,
    item_place,
    item_revision,
    item_slot,
    item_until,
    slot_hash,
)

MAX_TURNED_AWAY: Final = 4_096  # ids remembered of what came and is not kept, so that it is not fetched again
MAX_ODD: Final = 1_024  # ids remembered of what seems to be replaced, and is still offered
ODD_AFTER: Final = 11 * MINUTE  # two comparisons: who had only not heard of the newer one has heard of it by then

NEWCOMERS: Final = b""  # in place of an author
Group = tuple[bytes, bool, str]  # an author's listings, or the rest of its records, of one scope


class Quotas(NamedTuple):
    """How many slots of one author are kept in each scope: listings (withdrawn ones too), and records of all kinds.

    In each scope, since nodes that keep different scopes must come to the same result for those they share.
    newcomers: so many listings, and as many other records, of all together that nobody has let in or vouched for; 0: no
    such bound.
    """

    listings: int = 500
    records: int = 2_000
    newcomers: int = 0

    def of(self, group: Group) -> int:
        if group[0] == NEWCOMERS:
            return self.newcomers
        return self.listings if group[1] else max(1, self.records - self.listings)


class Row(msgspec.Struct, frozen=True, gc=False):
    """What the catalog knows of a record that it keeps. There may be a hundred thousand of them, so what stands in the
    item stands nowhere else, and rows share what they have in common. Times in milliseconds.
    """

    item: bytes
    id: bytes
    kind: str
    author: bytes
    name: bytes
    created: int
    scope: str
    withdrawn: bool

    @property
    def slot(self) -> Slot:
        return (self.author, self.kind, self.name)

    @property
    def until(self) -> int:
        return item_until(self.item)

    @property
    def revision(self) -> int:
        return item_revision(self.item)


class Verdict(StrEnum):
    ADDED = "added"
    KNOWN = "known"
    OLDER = "older"
    OVER_QUOTA = "over quota"
    EXPIRED = "expired"


class Admission(NamedTuple):
    """The answer to one record. removed: ids that storage must delete, whatever the verdict is."""

    verdict: Verdict
    removed: tuple[bytes, ...]

    @property
    def added(self) -> bool:
        return self.verdict is Verdict.ADDED


class Catalog:
    """The rows of one network (16 bytes). After a restart: `admit` the stored records."""

    def __init__(self, network: bytes, quotas: Quotas = Quotas()) -> None:  # noqa: B008 (immutable)
        self.network = network
        self.quotas = quotas
        self._known: frozenset[bytes] | None = None  # authors who are no newcomers; None: not yet said
        self._rows: dict[bytes, Row] = {}  # by slot hash: of its rows in several scopes, the one that ends last
        self._others: dict[bytes, list[Row]] = {}  # the rest of them; a rule-abiding author has none
        self._ids: dict[bytes, Row] = {}
        self._groups: dict[Group, list[bytes]] = {}  # the items of its rows, ascending
        self._finders: dict[bytes, list[bytes]] = {}  # by fact of misconduct, the items of its records, ascending
        self._turned_away: OrderedDict[bytes, None] = OrderedDict()
        self._odd: OrderedDict[bytes, int] = OrderedDict()  # id → since when it is offered
        self._changes: dict[str, int] = {}  # of the kinds that somebody asked for
        self._all = ItemSet()
        self._scopes: dict[str, ItemSet] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, record_id: bytes) -> bool:
        return record_id in self._ids

    def judge(self, record: Record, now: int) -> Verdict:
        """What `admit` would say. It looks at nothing but the header, so the signature may still be unchecked."""
        return self._judge(record, now, slot_hash(record.slot), self._group(record))

    def admit(self, record: Record, now: int) -> Admission:
        """Take in a record whose signature and age have been checked. First lets go of what has expired by `now`."""
        if record.network != self.network:
            raise ValueError("a record of another network")
        removed = self.expire(now)
        slot, group = slot_hash(record.slot), self._group(record)
        verdict = self._judge(record, now, slot, group)
        if verdict is Verdict.ADDED:
            before = self._held(slot, record.scope)
            if before is not None:
                removed += (self._remove(before),)
            row = Row(
                _item(record, slot),
                record.id,
                sys.intern(record.kind),
                self._same_author(group, record.author),
                record.name,
                record.created,
                sys.intern(record.scope),
                record.withdrawn,
            )
            self._add(row, slot, group)
            removed += self._trim(group) + self._trim_finders(_fact(row))
        return Admission(verdict, removed)

    def expire(self, now: int) -> tuple[bytes, ...]:
        """Let go of the records whose time is over: the ids that storage must delete."""
        end, removed = self.next_expiry(), []
        while end is not None and end <= now:
            removed.append(self._remove(self._ids[item_id(self._all.least)]))
            end = self.next_expiry()
        return tuple(removed)

    def know(self, authors: Iterable[bytes]) -> tuple[bytes, ...]:
        """Who is no newcomer now: the ids that storage must delete."""
        known, before = frozenset(authors), self._known
        moved = [r for r in self._ids.values() if (before is None or r.author in before) != (r.author in known)]
        return self._regroup(moved, known)

    def know_one(self, author: bytes) -> tuple[bytes, ...]:
        """One more who is no newcomer."""
        if self.is_known(author):
            return ()
        groups = [(NEWCOMERS, listing, scope) for listing in (True, False) for scope in self._scopes]
        rows = [self._ids[item_id(key)] for group in groups for key in self._groups.get(group, ())]
        return self._regroup([r for r in rows if r.author == author], (self._known or frozenset()) | {author})

    def is_known(self, author: bytes) -> bool:
        """Whether an author is no newcomer. As long as nobody has said who is known, nobody is one."""
        return not self.quotas.newcomers or self._known is None or author in self._known

    def take_back(self, record_id: bytes) -> None:
        """Let go of a record as if it had never come: one of our own that nobody else can have."""
        self._remove(self._ids[record_id])

    def next_expiry(self) -> int | None:
        """When `expire` has something to do."""
        return item_until(self._all.least) if self._ids else None

    def wants(self, key: bytes, now: int) -> bool:
        """Whether the record of an item (see `dht.keys`) would be of use here, as far as the item tells.

        What seems to be an older revision is not fetched, but for one that is offered for long: then the author has
        signed the same slot in two scopes, and whoever offers it keeps only one of them.
        """
        id_ = item_id(key)
        if item_until(key) <= now or id_ in self._ids or id_ in self._turned_away:
            return False
        row = self._rows.get(item_slot(key))
        if row is None or item_order(key) > item_order(row.item):
            return True
        since = self._odd.setdefault(id_, now)
        if len(self._odd) > MAX_ODD:
            self._odd.popitem(last=False)
        return now - since >= ODD_AFTER

    def changes(self, kind: str) -> int:
        """How often a record of this kind came or went, from the first time that this was asked."""
        return self._changes.setdefault(kind, 0)

    def get(self, slot: Slot) -> Row | None:
        return self._rows.get(slot_hash(slot))

    def row(self, record_id: bytes) -> Row | None:
        return self._ids.get(record_id)

    def rows(self, kind: str | None = None, author: bytes | None = None) -> Iterator[Row]:
        """The rows of a kind, of an author, of both, or all: of each slot the one that `get` gives."""
        found: Iterable[Row] = self._rows.values()
        if author is not None:
            whose = (author,) if self.is_known(author) else (author, NEWCOMERS)
            groups = ((w, listing, scope) for w in whose for listing in (True, False) for scope in self._scopes)
            rows = [self._ids[item_id(key)] for group in groups for key in self._groups.get(group, ())]
            found = [r for r in rows if r.author == author and self._rows[slot_hash(r.slot)] is r]
        return (row for row in found if kind is None or row.kind == kind)

    def view(self, prefixes: Iterable[str]) -> View:
        """The items of the scopes that these prefixes cover. It follows the catalog as these change; what comes into a
        scope of which nothing was held when it was made is not in it."""
        prefixes = tuple(prefixes)
        if "" in prefixes:
            return View([self._all])
        return View([items for scope, items in self._scopes.items() if covers(prefixes, scope)])

    def outside(self, prefixes: Iterable[str], author: bytes) -> Iterator[Row]:
        """The rows that these prefixes do not cover, but for those of one author. Not to be changed meanwhile."""
        prefixes = tuple(prefixes)
        for scope, items in self._scopes.items():
            if not covers(prefixes, scope):
                rows = (self._ids[item_id(key)] for key in items.items(b"", None))
                yield from (row for row in rows if row.author != author)

    def _judge(self, record: Record, now: int, slot: bytes, group: Group) -> Verdict:
        if record.until <= now:
            return Verdict.EXPIRED
        if record.id in self._ids:
            return Verdict.KNOWN
        row = self._held(slot, record.scope)
        if row is None:
            items: Sequence[bytes] = self._groups.get(group, ())
            finders: Sequence[bytes] = self._finders.get(_fact(record), ())
            place = item_place(_item(record, slot))
            if (len(items) < self.quotas.of(group) or place >= item_place(items[0])) and (
                len(finders) < MAX_FINDERS or place >= item_place(finders[0])
            ):
                return Verdict.ADDED
        elif item_order(_item(record, slot)) >= item_order(row.item):
            return Verdict.ADDED
        self._turn_away(record.id)
        return Verdict.OVER_QUOTA if row is None else Verdict.OLDER

    def _held(self, slot: bytes, scope: str) -> Row | None:
        row = self._rows.get(slot)
        if row is None or row.scope == scope:
            return row
        return next((other for other in self._others.get(slot, ()) if other.scope == scope), None)

    def _add(self, row: Row, slot: bytes, group: Group) -> None:
        key = row.item
        self._changed(row)
        self._ids[row.id] = row
        if slot in self._rows:
            self._put_first([row, *self._in_slot(slot)])
        else:
            self._rows[slot] = row
        self._join(row, group)
        self._all.add(key)
        items = self._scopes.get(row.scope)
        if items is None:
            items = self._scopes[row.scope] = ItemSet()
        items.add(key)

    def _remove(self, row: Row) -> bytes:
        key = row.item
        self._changed(row)
        del self._ids[row.id]
        left = [other for other in self._in_slot(item_slot(key)) if other is not row]
        if left:
            self._put_first(left)
        else:
            del self._rows[item_slot(key)]
        self._leave(row)
        self._all.remove(key)
        items = self._scopes[row.scope]
        items.remove(key)
        if not items:
            del self._scopes[row.scope]
        return row.id

    def _changed(self, row: Row) -> None:
        if row.kind in self._changes:
            self._changes[row.kind] += 1

    def _group(self, row: Row | Record) -> Group:
        own = row.kind == "redemption" or self.is_known(row.author)  # by which one ceases to be a newcomer
        return (row.author if own else NEWCOMERS, row.kind == "listing", row.scope)

    def _regroup(self, rows: list[Row], known: frozenset[bytes]) -> tuple[bytes, ...]:
        for row in rows:
            self._leave(row)
        self._known = known
        for row in rows:
            self._join(row, self._group(row))
        self._turned_away.clear()  # there may be room for it now
        return tuple(id_ for group in dict.fromkeys(map(self._group, rows)) for id_ in self._trim(group))

    def _join(self, row: Row, group: Group) -> None:
        items = self._groups.get(group)
        if items is None:
            self._groups[group] = [row.item]
        else:
            insort(items, row.item)
        if fact := _fact(row):
            insort(self._finders.setdefault(fact, []), row.item)

    def _same_author(self, group: Group, author: bytes) -> bytes:
        """The author as the rows of its group hold it already: equal bytes, held once."""
        items = self._groups.get(group)
        there = author if items is None else self._ids[item_id(items[0])].author
        return there if there == author else author

    def _leave(self, row: Row) -> None:
        group, key = self._group(row), row.item
        items = self._groups[group]
        del items[bisect_left(items, key)]
        if not items:
            del self._groups[group]
        if fact := _fact(row):
            finders = self._finders[fact]
            del finders[bisect_left(finders, key)]
            if not finders:
                del self._finders[fact]

    def _trim(self, group: Group) -> tuple[bytes, ...]:
        """Turn away what is beyond a quota."""
        evicted: tuple[bytes, ...] = ()
        quota, none = self.quotas.of(group), list[bytes]()
        while len(items := self._groups.get(group, none)) > quota:
            evicted += (self._remove(self._ids[item_id(items[0])]),)
            self._turn_away(evicted[-1])
        return evicted

    def _trim_finders(self, fact: bytes) -> tuple[bytes, ...]:
        """A crowd that has found the same takes no more room than a few."""
        evicted, none = tuple[bytes, ...](), list[bytes]()
        while len(items := self._finders.get(fact, none)) > MAX_FINDERS:
            evicted += (self._remove(self._ids[item_id(items[0])]),)
            self._turn_away(evicted[-1])
        return evicted

    def _in_slot(self, slot: bytes) -> list[Row]:
        row = self._rows.get(slot)
        return [] if row is None else [row, *self._others.get(slot, ())]

    def _put_first(self, rows: list[Row]) -> None:
        """The rows of one slot, in each scope one."""
        slot = slot_hash(rows[0].slot)
        first = rows[0] if len(rows) == 1 else max(rows, key=lambda row: item_order(row.item))
        self._rows[slot] = first
        self._others.pop(slot, None)
        if len(rows) > 1:
            self._others[slot] = [row for row in rows if row is not first]

    def _turn_away(self, record_id: bytes) -> None:
        self._turned_away[record_id] = None
        if len(self._turned_away) > MAX_TURNED_AWAY:
            self._turned_away.popitem(last=False)


def _fact(row: Row | Record) -> bytes:
    """The fact that a record of misconduct proves; empty for all others. A withdrawal proves nothing, so no crowd of
    them can push a proof out."""
    return row.name if row.kind == MISCONDUCT and not row.withdrawn else b""


def _item(record: Record, slot: bytes) -> bytes:
    return item(record.until, slot, record.revision, record.id)
