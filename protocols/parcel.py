"""Where a parcel is: computed from the set of its custody receipts, in whatever order they came.

Custody is always with exactly one party. From a start, follow `prev`: of the receipts by who holds it, with the one by
which he got it as their `prev`, the lowest (at, id) counts, and its taker holds it from then on. A receipt by who did
not hold it leads from nowhere and counts for nothing. Two receipts of one giver with one `prev` are a fork: he gave the
same thing twice, and both together prove it to anybody.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from msgspec.structs import replace

from protocols.conditions import SECOND_FORM
from protocols.errors import Refusal
from protocols.receipt import NO_PREV, Receipt
from protocols.terms import Duty, Terms

Fork = tuple[Receipt, Receipt]


class Custody(NamedTuple):
    """holder: who has it now; origin: who had it at the beginning of the path; path: the hand-overs that count, in
    their order; whole: whether the origin is its sender, as against the first of whom anything is known; forks: proofs
    against givers, the two lowest receipts of each."""

    holder: bytes
    origin: bytes
    path: tuple[Receipt, ...]
    whole: bool
    forks: tuple[Fork, ...]

    @property
    def last(self) -> bytes:
        """The receipt by which its holder got it; 32 zero bytes if he is its sender."""
        return self.path[-1].id if self.path else NO_PREV


def follow(receipts: Iterable[Receipt], origin: bytes, prev: bytes = NO_PREV) -> tuple[Receipt, ...]:
    """The hand-overs that count, from where `origin` holds the parcel by the receipt `prev`."""
    return _follow(_by_giver(receipts), origin, prev)


def trace(receipts: Iterable[Receipt], parties: Sequence[bytes]) -> Custody:
    """Where the parcel of these receipts is, for who knows that it passes through the hands of `parties`.

    The path is one that all of the parties are on, which takes a signature of each: so who is on it cannot have it
    begin elsewhere afterwards. Else it is one that the first of them is on, else any other of them. Of several it is
    one that begins with a sender, who names no receipt before his; then one that the first party begins; then the
    earliest. Without any, the first of the parties holds it.
    """
    given = _by_giver(receipts)
    known = {r.id for rows in given.values() for r in rows}
    forks = tuple(sorted(((rows[0], rows[1]) for rows in given.values() if len(rows) > 1), key=lambda f: f[0].id))
    paths = []
    for (giver, prev), rows in given.items():
        if prev == NO_PREV or prev not in known:
            path = _follow(given, giver, prev)
            without = {*parties} - {giver, *(r.taker for r in path)}
            if without < {*parties}:
                rank = (len(without), parties[0] in without, prev != NO_PREV, giver != parties[0])
                paths.append((rank, rows[0].at, rows[0].id, path))
    if not paths:
        return Custody(parties[0], parties[0], (), True, forks)
    *_, path = min(paths, key=lambda found: found[:3])
    return Custody(path[-1].taker, path[0].giver, path, path[0].prev == NO_PREV, forks)


def courier_of(terms: Terms) -> bytes:
    """Who carries the parcel of these terms: who owes the last duty that passes it on."""
    return duties_of(terms)[-1].provider


def customer_of(terms: Terms) -> bytes:
    """Who gives the parcel to the courier of these terms."""
    return next(party for party in terms.parties if party != courier_of(terms))


def parties_of(terms: Terms) -> tuple[bytes, bytes]:
    return customer_of(terms), courier_of(terms)


def passed(terms: Terms, receipts: Iterable[Receipt]) -> Mapping[str, int]:
    """Which duties of custody receipts have done, and when, ms: the first when it came to the courier, the last when
    it then came to the recipient, or to who receives that duty where nobody else is named."""
    if not terms.parcel:
        return {}
    customer, courier = parties_of(terms)
    path = trace(receipts, (customer, courier)).path
    taken = next((i for i, r in enumerate(path) if r.taker == courier), None)
    if taken is None:
        return {}
    duties = duties_of(terms)
    last = duties[-1]
    found = {duties[0].id: path[taken].at} if len(duties) > 1 else {}
    target = terms.recipient or (b"" if terms.door else last.receiver)
    came = next((r for r in path[taken + 1 :] if r.taker == target), None)
    return found if came is None else {**found, last.id: max(came.at, path[taken].at)}


def superfluous(receipts: Iterable[Receipt], receipt: Receipt) -> AbstractSet[bytes]:
    """Ids of these that need not be kept once `receipt` is, too (its own may be among them): two of one giver with one
    `prev` are proof enough, and only the lowest of them counts."""
    rows = _by_giver([*receipts, receipt])[receipt.giver, receipt.prev]
    return {r.id for r in rows[2:]}


def counted(receipts: Iterable[Receipt], parties: Sequence[bytes]) -> AbstractSet[bytes]:
    """Ids of those by which the parcel came where it is, and of those that with one of them prove a fork."""
    found = trace(receipts, parties)
    path = {r.id for r in found.path}
    return path | {other.id for one, other in found.forks if one.id in path}


def with_parcel(terms: Terms, parcel: bytes, recipient: bytes = b"", door: bytes = b"", parent: bytes = b"") -> Terms:
    """The same terms, with duties that pass a parcel on. `Refusal` where nothing is picked up and dropped off."""
    if {"pickup", "dropoff"} - {d.id for d in terms.duties}:
        raise Refusal("usage", f"a {terms.kind} carries no parcel", "Only a delivery does: kind deliver.")
    duties = tuple(replace(d, custody=True) if d.id in ("pickup", "dropoff") else d for d in terms.duties)
    return replace(terms, form=SECOND_FORM, duties=duties, parcel=parcel, recipient=recipient, door=door, parent=parent)


_Given = dict[tuple[bytes, bytes], list[Receipt]]


def _by_giver(receipts: Iterable[Receipt]) -> _Given:
    """By giver and `prev`, each ascending by (at, id)."""
    found: _Given = {}
    for receipt in sorted({r.id: r for r in receipts}.values(), key=lambda r: (r.at, r.id)):
        found.setdefault((receipt.giver, receipt.prev), []).append(receipt)
    return found


def _follow(given: _Given, holder: bytes, prev: bytes) -> tuple[Receipt, ...]:
    path = []
    while rows := given.get((holder, prev)):  # an id is the hash of what names the one before: there is no ring
        path.append(rows[0])
        holder, prev = rows[0].taker, rows[0].id
    return tuple(path)


def duties_of(terms: Terms) -> list[Duty]:
    """Those that pass a parcel on, in their order."""
    return [d for d in terms.duties if d.custody]
