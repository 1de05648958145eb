"""Short proofs of a long ledger: how long they take, how big they are, and that memory does not grow with the chain.

A ledger of 100,000 signed entries in a LevelDB of its own is made, closed and opened again; then inclusion and
consistency proofs of entries at random places are made from its stored Merkle nodes. Each inclusion proof is verified.
"""

import random
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.report import Figure, arguments, show
from ledger.merkle import verify_inclusion
from ledger.nodes import consistency_path, inclusion_path
from ledger.payloads import InceptPayload
from p2pnode.core.effects import Write
from p2pnode.core.journal import Journal
from p2pnode.core.own_chain import OwnChain
from p2pnode.store import Store
from protocols.identity import Signer, incept

NETWORK = b"p2pnode bench 16"
BATCH = 1_000


def grow(folder: Path, signer: Signer, entries: int) -> None:
    """A ledger of so many entries, committed in batches."""
    store = Store.open(folder)
    journal = Journal(store)
    chain = OwnChain(journal, signer, random.Random(1), NETWORK, 0)
    chain.append("INCEPT", InceptPayload(), None, 0)
    for at in range(1, entries):
        chain.append("NOTE", None, b"what only its author reads" * 4, at)
        if at % BATCH == 0 or at == entries - 1:
            for effect in journal.take():
                if isinstance(effect, Write):
                    store.commit(effect.puts, effect.deletes, effect.durable, effect.heads)
            journal.committed()
    store.close()


def peak_mb() -> float:
    """The most memory that this process has held, MB (10^6 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--proofs", type=int, default=300)
    args = parser.parse_args()
    signer, _ = incept(bytes(32))
    rng = random.Random(2)
    with tempfile.TemporaryDirectory() as name:
        began = peak_mb()
        grow(Path(name), signer, args.entries)
        store = Store.open(name)
        chain = OwnChain(Journal(store), signer, rng, NETWORK, 0)
        head = chain.entry(args.entries - 1)
        assert head is not None
        inclusion, consistency, longest = [], [], 0
        for _ in range(args.proofs):
            seq = rng.randrange(head.seq)
            start = time.perf_counter()
            path = inclusion_path(chain.node, seq, head.seq)
            middle = time.perf_counter()
            steps = consistency_path(chain.node, seq + 1, head.seq)
            consistency.append(time.perf_counter() - middle)
            inclusion.append(middle - start)
            entry = chain.entry(seq)
            assert entry is not None
            verify_inclusion(entry.id, seq, head.seq, path, head.root)
            longest = max(longest, 32 * len(path), 32 * len(steps))
        grown = peak_mb() - began
        store.close()
    figures = [
        Figure("inclusion_ms", 1e3 * statistics.median(inclusion), "ms", "making an inclusion proof, median", 1.0),
        Figure("consistency_ms", 1e3 * statistics.median(consistency), "ms", "making a consistency proof, median", 1.0),
        Figure("proof_bytes", longest, "B", "the longest of both", 600),
        Figure("proof_memory_mb", grown, "MB", "peak memory over that at the start, growing the ledger included", 64),
    ]
    return show(f"Proofs in a ledger of {args.entries:,} entries", figures, args.json)


if __name__ == "__main__":
    sys.exit(main())
