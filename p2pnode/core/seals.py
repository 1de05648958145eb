"""What the other party of an exchange had sealed of us when our own rating was opened, and what it turned out to be.

Who reads our rating may want to take revenge for it. He can sign a new revision of his, and nobody else can tell; but
we hold what he had sealed before. So for us a later word of his may be better than that, and never worse.
"""

from ledger.reputation import Attestation as Rated
from protocols.attestation import Attestation, commitment, parse_attestation
from protocols.codec import decode, encode
from protocols.envelope import Record

from .exchanges import Exchanges
from .held import Held
from .keys import SEAL
from .state import Network, State

Key = tuple[bytes, bytes]  # network, deal


class Seals:
    """One for each exchange that we have rated. changes: how often one was pinned or opened since this node started."""

    def __init__(self, state: State, exchanges: Exchanges) -> None:
        self._state = state
        self._exchanges = exchanges
        self._all: dict[Key, tuple[bytes, int | None]] = {}  # commitment or empty, outcome once it is open
        self.changes = 0
        for key, value in state.journal.scan(SEAL):
            cut = len(SEAL) + 16
            sealed, outcome = decode(value)
            self._all[key[len(SEAL) : cut], key[cut:]] = (sealed, outcome)
        state.rated = self.came

    def pin(self, network: Network, held: Held, sealed: bytes, other: bytes) -> None:
        """Ours is opened now. sealed: the commitment of theirs, or empty if they have not rated."""
        if (network.id, held.id) not in self._all:
            self._keep((network.id, held.id), sealed, None)
            self.look(network, held, other)

    def look(self, network: Network, held: Held, other: bytes) -> None:
        """Their rating may have come before the word that it keeps."""
        row = network.catalog.get((other, "attestation", held.id))
        record = self._state.record_of(network, row.id) if row is not None else None
        if record is not None:
            self.came(network, record)

    def came(self, network: Network, record: Record) -> None:
        """Somebody's rating has come. The first one that keeps the word of its author is what he had sealed."""
        sealed, outcome = self._all.get((network.id, record.name), (b"", None))
        held = self._exchanges.held.get(record.name)
        if held is None or (network.id, record.name) not in self._all or outcome is not None or record.withdrawn:
            return
        said = parse_attestation(record)
        promised = {sealed} if sealed else held.commitments(record.author)
        if said.ratee == self._state.me and commitment(said) in promised:
            self._keep((network.id, record.name), sealed, said.outcome)

    def outcome(self, network: bytes, record: Record, said: Attestation) -> int | None:
        """What a rating counts for here; None for one that nobody had sealed, written after ours was open to read."""
        if record.author == self._state.me:
            return said.outcome
        sealed, opened = self._all.get((network, said.deal), (b"", None))
        if opened is not None:
            return max(opened, said.outcome)
        promised = {sealed} if sealed else self._promised(said.deal, record.author)
        return said.outcome if not promised or commitment(said) in promised else None

    def stamp(self, network: bytes, rated: Rated) -> object:
        """What `outcome` rests on for this rating, to be compared; None if it concerns no exchange of ours."""
        held = self._exchanges.held.get(rated.deal)
        if held is None and rated.ratee != self._state.me:
            return None
        return (self._all.get((network, rated.deal)), -1 if held is None else held.came)

    def _promised(self, deal: bytes, author: bytes) -> set[bytes]:
        held = self._exchanges.held.get(deal)
        return self._exchanges.away.promised(deal, author) if held is None else held.commitments(author)

    def weighed(self, network: bytes, record: Record, said: Attestation, rated: Rated) -> Rated | None:
        outcome = self.outcome(network, record, said)
        return None if outcome is None else Rated(rated.rater, rated.ratee, rated.deal, rated.at, outcome)

    def _keep(self, key: Key, sealed: bytes, outcome: int | None) -> None:
        self._all[key] = (sealed, outcome)
        self.changes += 1
        self._state.journal.put(SEAL + key[0] + key[1], encode([sealed, outcome]))
