"""Our own ledger in one network: the one place that signs entries."""

from collections.abc import Iterator

import msgspec

from ledger import chain
from ledger.audit import Report, verify_chain
from ledger.entry import Entry, encode_entry, parse_entry
from ledger.head import Head
from ledger.merkle import leaf_hash, node_hash
from ledger.nodes import completed
from ledger.payloads import Randomness
from protocols.codec import decode
from protocols.errors import Refusal
from protocols.identity import Signer, digest
from protocols.limits import MAX_ENTRY

from .journal import Journal
from .keys import CHAIN, node_key, seq_key


class OwnChain:
    """Entry, chain state and head go into the batch of the step that causes them, or none of them does."""

    def __init__(self, journal: Journal, signer: Signer, rng: Randomness, network: bytes, endowment: int) -> None:
        self._journal = journal
        self._signer = signer
        self._rng = rng
        self.network = network
        self.endowment = endowment
        stored = journal.get(CHAIN + network)
        self.state = chain.decode_state(stored) if stored else chain.start(network, signer.author)

    def append(self, kind: str, settlement: msgspec.Struct | None, private: bytes | None, now: int) -> Entry:
        """Sign the next entry. `OverLimit` if the account cannot carry it; nothing is changed then."""
        state, entry = chain.extend(self.state, self._signer, kind, settlement, private, now, self._rng, self.endowment)
        for level, index, node in completed(self.state.frontier, entry.seq, entry.id):
            self._journal.put(node_key(self.network, level, index), node)
        self.state = state
        self._journal.put(seq_key(self.network, entry.seq), encode_entry(entry, private=True))
        self._journal.put(CHAIN + self.network, chain.encode_state(state))
        self._journal.head(self.network, Head(self.network, state.count, state.head))
        return entry

    def entry(self, seq: int) -> Entry | None:
        stored = self._journal.get(seq_key(self.network, seq))
        return parse_entry(stored) if stored else None

    def erase_private(self, seq: int) -> bool:
        """Forget the private payload of an entry: whether there was one. All that was signed stays as it is."""
        entry = self.entry(seq)
        if entry is None:
            return False
        key = seq_key(self.network, seq)
        self._journal.put(key, encode_entry(entry))
        self._journal.purge(key)
        return entry.private is not None

    def entries(self, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """(seq, full form) of every stored entry from `first` on, in order, one at a time."""
        for seq in range(first, self.state.count):
            stored = self._journal.get(seq_key(self.network, seq))
            if stored is not None:
                yield seq, stored

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete Merkle node. One that was not stored with its entry is stored now."""
        if level == 0:
            stored = self._journal.get(seq_key(self.network, index))
            if stored is None:
                raise Refusal("failed", f"entry {index} of the ledger is missing", "`p2pnode ledger verify` says more.")
            return leaf_hash(digest(decode(stored, MAX_ENTRY)[0]))
        key = node_key(self.network, level, index)
        known = self._journal.get(key)
        if known is not None:
            return known
        made = node_hash(self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))
        self._journal.put(key, made, durable=False)
        return made

    def audit(self) -> Report:
        """Check every entry from the start, as anybody would."""
        head = Head(self.network, self.state.count, self.state.head)
        return verify_chain(
            (full for _, full in self.entries()),
            network=self.network,
            author=self._signer.author,
            endowment=self.endowment,
            head=head,
        )
