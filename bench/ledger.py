"""How fast the ledger is against what it is made of: one append, a hundred in a batch, an audit, opening a long one.

Each ratio is measured in one run, in turns with its baseline, so that what else the machine does slows both. The
baseline of an append writes the same bytes with as many syncs; that of an audit verifies the same signatures. Entries
are statements without a half: an entry that embeds another is audited with two signatures. Proofs: `bench.proofs`.
"""

import gc
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import plyvel
from nacl.signing import SigningKey, VerifyKey

from bench.report import Figure, arguments, show
from ledger.audit import verify_chain
from ledger.chain import ChainState, decode_state, encode_state, extend, start
from ledger.entry import DOMAIN, Entry, encode_entry, parse_entry
from ledger.head import FILE_BYTES, Head, encode_slot, missing_after, slot_offset
from ledger.payloads import InceptPayload, Settlement
from p2pnode.core.keys import CHAIN, ENTRY, seq_key
from p2pnode.store import Store
from p2pnode.verifying import Verifier
from protocols.identity import incept, parse_inception, prefix

NETWORK, OTHER = b"bench, 16 bytes.", b"o" * 32
NOW = 1_800_000_000_000


class Writer:
    """What the node does for an entry of its own: sign, one batch, sync, head slot."""

    def __init__(self, store: Store) -> None:
        self.rng = random.Random(1)  # the same entries in every run
        self.signer, _ = incept(b"b" * 32)
        self.store = store
        self.state: ChainState = start(NETWORK, self.signer.author)
        self.puts: dict[bytes, bytes] = {}
        self.sign("INCEPT", InceptPayload())
        self.commit()

    def sign(self, kind: str, said: Any) -> Entry:
        self.state, entry = extend(self.state, self.signer, kind, said, None, NOW, self.rng)
        self.puts[seq_key(NETWORK, entry.seq)] = encode_entry(entry, private=True)
        return entry

    def commit(self) -> dict[bytes, bytes]:
        self.puts[CHAIN + NETWORK] = encode_state(self.state)
        head = Head(NETWORK, self.state.count, self.state.head)
        self.store.commit(self.puts, durable=True, heads={NETWORK: head})
        written, self.puts = self.puts, {}
        return written

    def append(self, count: int = 1) -> dict[bytes, bytes]:
        for i in range(count):
            self.sign("EVENT", Settlement(OTHER, 0, i.to_bytes(32, "big"), 0, b"t" * 32))
        return self.commit()


class Baseline:
    """The same bytes and as many syncs, with nothing of ours."""

    def __init__(self, folder: Path) -> None:
        self.db: Any = plyvel.DB(str(folder / "bare"), create_if_missing=True)
        self.file = os.open(folder / "slots", os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(self.file, bytes(FILE_BYTES), 0)
        os.fsync(self.file)
        self.generation = 0

    def write(self, puts: dict[bytes, bytes], slot: bytes) -> None:
        with self.db.write_batch(sync=True) as batch:
            for key, value in puts.items():
                batch.put(key, value)
        self.generation += 1
        os.pwrite(self.file, slot, slot_offset(self.generation))
        os.fdatasync(self.file)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def appends(writer: Writer, baseline: Baseline, times: int) -> list[Figure]:
    ours, bare, grouped, signing = [], [], [], []
    key = SigningKey(b"k" * 32)
    slot = encode_slot(Head(NETWORK, 1, OTHER), 1)
    for _ in range(times):
        written: dict[bytes, bytes] = {}
        ours.append(timed(lambda w=written: w.update(writer.append())))  # type: ignore[misc]
        bare.append(timed(partial(baseline.write, written, slot)))
    for _ in range(max(times // 20, 5)):
        grouped.append(timed(partial(writer.append, 100)))
        signing.append(timed(lambda: [key.sign(b"m" * 330) for _ in range(100)]))
    ratio = statistics.median(b / o for o, b in zip(ours, bare, strict=True))
    group = statistics.median(s / g for g, s in zip(grouped, signing, strict=True))
    return [
        Figure("ledger_append_ratio", ratio, "", "of a write of the same bytes, as many syncs", at_least=0.7),
        Figure("ledger_append_us", statistics.median(ours) * 1e6, "µs", "one durable append"),
        Figure("ledger_group_ratio", group, "", "of the raw signing rate, 100 to a batch", at_least=0.4),
        Figure("ledger_group_per_second", 100 / statistics.median(grouped), "1/s", "own entries, 100 to a batch"),
    ]


def audits(writer: Writer, wires: list[bytes]) -> list[Figure]:
    entries = [parse_entry(w) for w in wires]
    key = VerifyKey(parse_inception(entries[0].inception).key)
    signed = [(prefix(DOMAIN) + e.header, e.signature) for e in entries]

    def raw() -> None:
        for message, signature in signed:
            key.verify(message, signature)

    def audit() -> None:
        assert verify_chain(wires, network=NETWORK, author=writer.signer.author).ok

    def two() -> None:
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(audit), pool.submit(audit)]:
                done.result()

    verifier = Verifier(2)

    def shared() -> None:
        assert verify_chain(wires, network=NETWORK, author=writer.signer.author, verify=verifier).ok

    rounds = [(timed(raw), timed(audit), timed(two), timed(shared)) for _ in range(7)]
    verifier.close()
    one = statistics.median(r / a for r, a, _, _ in rounds)
    both = statistics.median(2 * r / t for r, _, t, _ in rounds)
    one_chain = statistics.median(r / t for r, _, _, t in rounds)
    micro = 1e6 / len(wires)
    return [
        Figure("ledger_audit_ratio", one, "", "of PyNaCl's verify rate, one thread", at_least=0.85),
        Figure("ledger_audit_two_ratio", both, "", "the same, two chains on two threads", at_least=1.5),
        Figure("ledger_audit_shared_ratio", one_chain, "", "the same, one chain whose signatures two threads verify"),
        Figure("ledger_audit_us", statistics.median(r[1] for r in rounds) * micro, "µs", "an entry, audited"),
        Figure("ledger_verify_us", statistics.median(r[0] for r in rounds) * micro, "µs", "an entry: verify alone"),
    ]


def own_mb() -> float:
    """Memory of this process that is not a file's (LevelDB maps its tables)."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


class Watched:
    """Rows of a chain; `peak` is the most memory, in MB, that was held while they were read."""

    def __init__(self, store: Store, count: int) -> None:
        self.rows = islice((value for _, value in store.scan(ENTRY + NETWORK)), count)
        self.peak = 0.0

    def __iter__(self) -> Iterator[bytes]:
        for number, row in enumerate(self.rows):
            if number % 1000 == 0:
                self.peak = max(self.peak, own_mb())
            yield row
        self.peak = max(self.peak, own_mb())


def long_chain(writer: Writer, count: int) -> list[Figure]:
    while writer.state.count < count:
        writer.append(min(1000, count - writer.state.count))
    author, path = writer.signer.author, writer.store.path
    writer.store.close()

    def reopen() -> Store:
        store = Store.open(path)
        stored = store.get(CHAIN + NETWORK)
        assert stored is not None and decode_state(stored).count == count
        last = store.get(seq_key(NETWORK, count - 1))
        assert last is not None
        assert not missing_after(store.heads()[NETWORK], count, lambda seq: parse_entry(last).id)
        return store

    began = time.perf_counter()
    store = reopen()
    opening = time.perf_counter() - began
    tenth, whole = Watched(store, count // 10), Watched(store, count)
    for rows in (tenth, whole):
        gc.collect()
        assert verify_chain(rows, network=NETWORK, author=author).ok
    store.close()
    return [
        Figure("ledger_open_s", opening, "s", f"opening a ledger of {count:,} entries", at_most=1),
        Figure(
            "ledger_audit_memory_mb",
            whole.peak - tenth.peak,
            "MB",
            f"peak of auditing {count:,} entries above that of a tenth",
            at_most=8,
        ),
    ]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--entries", type=int, default=100_000, help="length of the long chain")
    parser.add_argument("--appends", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="p2pnode-ledger-") as name:
        folder = Path(name)
        writer = Writer(Store.open(folder / "store"))
        figures = appends(writer, Baseline(folder), options.appends)
        wires = [value for _, value in writer.store.scan(ENTRY + NETWORK)][:3000]
        gc.collect()
        figures += audits(writer, wires)
        figures += long_chain(writer, options.entries)
    return show("The ledger", figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
