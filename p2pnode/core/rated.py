"""The attestations of a network that are held, as they count here: each read once from the disk."""

from collections.abc import Callable, Iterator
from typing import Final

from dht.catalog import Row
from ledger.entry import parse_entry, settlement_of
from ledger.opinions import Attestation as Rated
from protocols.attestation import KIND, Attestation, parse_attestation
from protocols.envelope import Record
from protocols.errors import DecodeError

from .seals import Seals
from .state import Network

MAX_PENDING: Final = 1_000  # changes remembered for who asks for them; beyond that he reads all anew
_PAID: Final = ("PAY_COMPLETE", "PAY_RECEIPT")

Change = tuple[Rated | None, Rated | None]
"""What counts no more, and what counts in its place."""


class Ratings:
    """rated: what each record says; counted: what it counts for here, if it does; both by the id of the record.
    changes: how often something in `counted` has changed."""

    def __init__(self, network: Network, record_of: Callable[[bytes], Record | None], seals: Seals) -> None:
        self._network = network
        self._record_of = record_of
        self._seals = seals
        self._version = (-1, -1)
        self._same: dict[bytes, bytes] = {}  # equal ids of people, held once
        self._stamps: dict[bytes, object] = {}  # of what concerns our exchanges: what it was weighed by
        self._moved: dict[bytes, int] = {}
        self._pending: list[Change] | None = None
        self.rated: dict[bytes, Rated] = {}
        self.counted: dict[bytes, Rated] = {}
        self.changes = 0

    def renew(self) -> None:
        """Read what came since, let go of what went, and weigh again what rests on what else has changed."""
        version = (self._network.catalog.changes(KIND), self._seals.changes)
        if version == self._version:
            return
        held = {row.id: row for row in self._network.catalog.rows(kind=KIND) if not row.withdrawn}
        for gone in self.rated.keys() - held.keys():
            del self.rated[gone]
            self._stamps.pop(gone, None)
            self._moved.pop(gone, None)
            self._count(gone, None)
        for id_ in held.keys() - self.rated.keys():
            record = self._record_of(id_)
            if record is not None:
                self.rated[id_] = self._parsed(held[id_], parse_attestation(record))
                self._count(id_, self.rated[id_])
        for id_, rated in self.rated.items():
            stamp = self._seals.stamp(self._network.id, rated)
            if stamp is not None and self._stamps.get(id_) != stamp:
                self._stamps[id_] = stamp
                self._count(id_, self._weighed(id_, rated))
        self._version = version

    def take(self) -> list[Change] | None:
        """What has changed in `counted` since this was last asked; None if that is too much, or it never was."""
        pending, self._pending = self._pending, []
        return pending

    def as_said(self) -> Iterator[tuple[bytes, Rated]]:
        """What counts for no better than its author says, by the id of its record."""
        return ((id_, r) for id_, r in self.counted.items() if r.outcome == self.rated[id_].outcome)

    def moved(self, record_id: bytes) -> int:
        """What the proof of a held record shows to have been paid; of an agreement alone, or of a proof that cannot be
        read: nothing."""
        if record_id not in self._moved:
            record = self._record_of(record_id)
            self._moved[record_id] = 0 if record is None else _moved(parse_attestation(record).proof)
        return self._moved[record_id]

    def _parsed(self, row: Row, said: Attestation) -> Rated:
        ratee = self._same.setdefault(said.ratee, said.ratee)
        return Rated(self._same.setdefault(row.author, row.author), ratee, row.name, row.created, said.outcome)

    def _weighed(self, record_id: bytes, rated: Rated) -> Rated | None:
        record = self._record_of(record_id)
        if record is None:
            return None
        return self._seals.weighed(self._network.id, record, parse_attestation(record), rated)

    def _count(self, record_id: bytes, rated: Rated | None) -> None:
        before = self.counted.get(record_id)
        if rated == before:
            return
        if rated is None:
            del self.counted[record_id]
        else:
            self.counted[record_id] = rated
        self.changes += 1
        if self._pending is not None:
            self._pending.append((before, rated))
            if len(self._pending) > MAX_PENDING:
                self._pending = None


def _moved(proof: bytes) -> int:
    try:
        entry = parse_entry(proof)
        said = settlement_of(entry)
    except DecodeError:
        return 0
    return said.amount if said is not None and entry.kind in _PAID else 0
