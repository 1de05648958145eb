"""Which receipts of a parcel there is room for: those by which it came where it is go before all others, and of the
others a stranger's word fills half at most. Whoever knows a parcel's number can sign as many as he likes with himself;
what a courier says of hand-overs further on may come before those that lead there, and must find room."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from protocols.limits import MAX_RECEIPTS
from protocols.parcel import counted, parties_of
from protocols.receipt import Receipt
from protocols.terms import Terms


class Room(NamedTuple):
    """needed: ids of those that count; idle: those kept that do not, the oldest first; people: who passes it on."""

    needed: frozenset[bytes]
    idle: tuple[Receipt, ...]
    people: frozenset[bytes]

    def is_heard(self, author: bytes | None, more: Sequence[Receipt]) -> bool:
        """Whether these are kept on this author's word."""
        new = [r for r in more if r.id not in self.needed]
        return not new or author in self.people or len(self.idle) + len(new) <= MAX_RECEIPTS // 2


def room(held: Iterable[Receipt], more: Iterable[Receipt], terms: Sequence[Terms], me: bytes) -> Room:
    """terms: of our agreed exchanges that pass it on; without any, it is what passed through our own hands."""
    kept = [*held]
    known = [*kept, *more]
    looks: list[tuple[bytes, ...]] = [parties_of(t) for t in terms] or [(me,)]
    needed = frozenset[bytes]().union(*(counted(known, parties) for parties in looks))
    hands = {who for r in known if r.id in needed for who in (r.giver, r.taker)}
    people = frozenset(hands.union(*looks, (t.recipient for t in terms if t.recipient)))
    return Room(needed, tuple(sorted((r for r in kept if r.id not in needed), key=lambda r: (r.at, r.id))), people)
