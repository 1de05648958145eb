"""Our own ledger in one network: the one place that signs entries."""

from collections.abc import Callable, Iterator

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
from .keys import CHAIN, DOUBT, GENESIS, LEFT, node_key, seq_key


class OwnChain:
    """Entry, chain state and head go into the batch of the step that causes them, or none of them does."""

    def __init__(self, journal: Journal, signer: Signer, rng: Randomness, network: bytes, endowment: int) -> None:
        self._journal = journal
        self._signer = signer
        self._rng = rng
        self.network = network
        self.endowment = endowment
        doubtful = (DOUBT + network, DOUBT) if journal.get(GENESIS + network) is None else (DOUBT + network,)
        self.whole = not any(journal.get(key) is not None for key in doubtful)  # as far as is known
        gone = journal.get(LEFT + network)
        self.left: int = decode(gone)[0] if gone is not None else 0  # when our user left this network, ms; 0: not
        self.dated: Callable[[], bool] = _always  # set by the core: whether the clock can be trusted
        self.written: Callable[[Entry], None] = _nobody  # set by the core: told of each new entry
        stored = journal.get(CHAIN + network)
        self.state = chain.decode_state(stored) if stored else chain.start(network, signer.author)

    @property
    def ready(self) -> bool:
        """Whether entries may be signed."""
        return self.whole and self.dated() and not self.left

    def append(self, kind: str, settlement: msgspec.Struct | None, private: bytes | None, now: int) -> Entry:
        """Sign the next entry. `OverLimit` if the account cannot carry it; nothing is changed then."""
        if not self.ready:
            raise AssertionError("nothing is signed while the chain or the clock is in doubt, or we are gone")
        state, entry = chain.extend(self.state, self._signer, kind, settlement, private, now, self._rng, self.endowment)
        for level, index, node in completed(self.state.frontier, entry.seq, entry.id):
            self._journal.put(node_key(self.network, level, index), node)
        self.state = state
        self._store(entry)
        self.written(entry)
        return entry

    def check_ready(self) -> None:
        """`Refusal` while nothing may be signed."""
        if self.left:
            raise Refusal("refused", "you have left this network", "`p2pnode join` takes you back: give it its name.")
        if not self.dated():
            raise Refusal(
                "refused",
                "this machine's clock is days away from those of its neighbours, so nothing is signed",
                "Set the clock. If it is right and theirs are wrong: p2pnode clock --is-right",
            )
        if not self.whole:
            raise Refusal(
                "refused",
                "this node is not certain that its ledger is whole, and asks its neighbours",
                "Nothing is lost. `p2pnode status` says what is missing; try again when a neighbour has answered.",
            )

    def restore(self, entry: Entry, after: chain.ChainState) -> None:
        """Store an entry of ours that somebody else had kept. after: the state with it, as `chain.apply` gave it."""
        self.state = after
        self._store(entry)

    def tell_head(self) -> None:
        """Write the head record again, as it stands."""
        self._journal.head(self.network, Head(self.network, self.state.count, self.state.head))

    def _store(self, entry: Entry) -> None:
        self._journal.put(seq_key(self.network, entry.seq), encode_entry(entry, private=True))
        self._journal.put(CHAIN + self.network, chain.encode_state(self.state))
        self.tell_head()

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

    def entries(self, first: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
        """(seq, full form) of every stored entry from `first` on and before `end`, in order, one at a time."""
        for seq in range(first, self.state.count if end is None else end):
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


def _nobody(entry: Entry) -> None:
    pass


def _always() -> bool:
    return True
