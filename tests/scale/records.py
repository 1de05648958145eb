"""The records of a simulation: signed for true, held once for all nodes, parsed and verified once."""

from random import Random
from typing import Final

from protocols.envelope import Record, parse_record, seal, verify_record
from protocols.errors import Reject
from protocols.identity import Signer, incept
from protocols.limits import DAY

AUTHORS: Final = 64
PAYLOAD: Final = 350  # bytes: with it a record has about 600


class Records:
    """copies: how many times any node has read a record in order to send it."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.network = chance.randbytes(16)
        self.copies = 0
        self._authors: list[Signer] = []
        self._wires: dict[bytes, bytes] = {}
        self._parsed: dict[bytes, Record] = {}
        self._verified: dict[bytes, bool] = {}

    def make(self, scope: str, created: int) -> Record:
        """A listing of one of some authors, ordinary in length."""
        if len(self._authors) < AUTHORS:
            self._authors.append(incept(self._chance.randbytes(32))[0])
        record = seal(
            self._authors[self._chance.randrange(len(self._authors))],
            network=self.network,
            kind="listing",
            name=self._chance.randbytes(16),
            revision=created,
            created=created,
            until=created + 30 * DAY,
            scope=scope,
            payload=self._chance.randbytes(PAYLOAD),
        )
        self._wires[record.id] = record.wire
        self._parsed[record.wire] = record
        return record

    def load(self, network: bytes, record_id: bytes) -> bytes | None:
        """What the gossip machines read from their stores."""
        self.copies += 1
        return self._wires.get(record_id)

    def parsed(self, wire: bytes) -> Record:
        """The record of a wire, one object for all nodes. `DecodeError` as `parse_record`."""
        record = self._parsed.get(wire)
        if record is None:
            record = self._parsed[wire] = parse_record(wire)
        return record

    def verified(self, record: Record) -> bool:
        """Whether its author signed it; looked at once."""
        verdict = self._verified.get(record.id)
        if verdict is None:
            try:
                verify_record(record)
                verdict = True
            except Reject:
                verdict = False
            self._verified[record.id] = verdict
        return verdict
