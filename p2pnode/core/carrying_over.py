"""What we signed with a key that we have replaced since, and is to last: signed again with the new one.

Who learns of a rotation refuses records of the key before it, since whoever stole that key could sign them, too. So our
ratings, our name, what let us in, what we vouch for and what we offer would be unknown to all who join later. Nothing
of them is changed but the epoch and the revision: when they were made, and so what they weigh, stays.
"""

from typing import Final

from protocols.envelope import Record, parse_record, seal

from .keys import RECORD
from .state import Network, State

KINDS: Final = ("profile", "redemption", "vouch", "attestation", "listing", "blocklist", "misconduct")
AT_ONCE: Final = 32  # in one step
PAUSE: Final = 1_000  # ms, between two


class CarryingOver:
    def __init__(self, state: State) -> None:
        self._state = state
        self._seen: dict[bytes, tuple[int, ...]] = {}  # network → how much had come when nothing was left to do
        self._at: int | None = 0

    def woke(self, now: int) -> None:
        if not self._state.signer.epoch:
            self._at = None
            return
        self._at = None
        for network in self._state.joined:
            changes = _changes(network)
            if self._seen.get(network.id) == changes:
                continue
            old = self._old(network)
            for record in old[:AT_ONCE]:
                self._state.publish(network, self._anew(record), now)
            if len(old) > AT_ONCE:
                self._at = now + PAUSE
            else:
                self._seen[network.id] = _changes(network)

    def next_wake(self) -> int | None:
        return self._at

    def _old(self, network: Network) -> list[Record]:
        """Those of ours that an earlier key has signed."""
        mine = [row for kind in KINDS for row in network.catalog.rows(kind=kind, author=self._state.me)]
        wires = [self._state.journal.get(RECORD + network.id + row.id) for row in mine if not row.withdrawn]
        records = [parse_record(wire) for wire in wires if wire is not None]
        return [record for record in records if record.epoch < self._state.signer.epoch]

    def _anew(self, record: Record) -> Record:
        return seal(
            self._state.signer,
            network=record.network,
            kind=record.kind,
            name=record.name,
            revision=record.revision + 1,
            created=record.created,
            until=record.until,
            scope=record.scope,
            payload=record.payload,
        )


def _changes(network: Network) -> tuple[int, ...]:
    return tuple(network.catalog.changes(kind) for kind in KINDS)
