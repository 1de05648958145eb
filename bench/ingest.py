"""How fast foreign records come in: parsed, checked, verified and on the disk, against PyNaCl's bare verify.

Both are measured in the same run, in turns of some milliseconds, so that what else the machine does slows both. The
records are listings of several authors, of ordinary length; every one is new. `durable`: each batch is committed with
a sync before the next begins. Indexing for search runs after the commit and is measured apart.
"""

import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from nacl.signing import VerifyKey

from bench.report import Figure, arguments, show
from dht.catalog import Catalog
from dht.gossip import Gossip
from p2pnode.core.effects import Write
from p2pnode.core.intake import Intake
from p2pnode.core.journal import Journal
from p2pnode.core.own_chain import OwnChain
from p2pnode.core.state import Network, Settings, State
from p2pnode.search.index import Index
from p2pnode.search.searching import row_of
from p2pnode.store import Store
from p2pnode.verifying import Verifier
from protocols.amounts import Price
from protocols.envelope import Record
from protocols.fields import seal_payload
from protocols.genesis import Genesis, found, network_id
from protocols.identity import Signer, Verify, incept, parse_inception, prefix, verify_in_turn
from protocols.limits import DAY
from protocols.listing import KIND, Listing, parse_listing

NOW = 1_800_000_000_000  # milliseconds
PER_AUTHOR = 100  # listings
WORDS = ("snow", "blower", "ladder", "apples", "strong", "weekend", "garden", "bring", "back", "clean", "Saturday")


def make_network(rng: random.Random) -> tuple[Signer, Record, Genesis]:
    founder, _ = incept(rng.randbytes(32))
    genesis = Genesis(
        name="Bench",
        unit="hour",
        decimals=2,
        endowments=(),
        stewards=(founder.author,),
        quorum=1,
        newcomer_limit=0,
        open=True,
        salt=rng.randbytes(16),
    )
    return founder, found(founder, genesis, NOW - DAY), genesis


def make_records(rng: random.Random, network: bytes, count: int) -> list[Record]:
    """Signed listings, each author's as many as another's."""
    signers = [incept(rng.randbytes(32))[0] for _ in range(-(-count // PER_AUTHOR))]
    return [_listing(rng, signers[i % len(signers)], network, i) for i in range(count)]


def _listing(rng: random.Random, signer: Signer, network: bytes, number: int) -> Record:
    area = "u33d" + rng.choice("0123456789bcdefghjkmnpqrstuvwxyz")
    listing = Listing(
        direction="offer",
        kind="rent",
        title=f"{rng.choice(WORDS)} {rng.choice(WORDS)} {number}",
        text=" ".join(rng.choice(WORDS) for _ in range(40)),
        tags=("tools", "winter"),
        price=Price(200, "hour", "hour"),
        quantity=1,
        area=area,
    )
    return seal_payload(
        signer, network, KIND, listing, name=rng.randbytes(16), created=NOW, until=NOW + 30 * DAY, scope=area
    )


class Node:
    """The part of a node that takes records in: the real intake, journal and store, without a network around them."""

    def __init__(self, store: Store, rng: random.Random, verify: Verify) -> None:
        founder, record, genesis = make_network(rng)
        self.network = network_id(record)
        self._store = store
        self._journal = Journal(store)
        gossip = Gossip(lambda network, record_id: None, rng)
        state = State(founder, Settings("bench", "u33dc", "", bytes(32)), rng, self._journal, gossip, NOW)
        chain = OwnChain(self._journal, founder, rng, self.network, 0)
        self._joined = Network(self.network, genesis, record, Catalog(self.network), chain, NOW)
        self._intake = Intake(state, verify)

    def take(self, wires: Sequence[bytes]) -> None:
        """Each record of a batch through every rung of the ladder."""
        self._intake.take_all(self._joined, wires, NOW)

    def commit(self) -> None:
        """What the batch has written, in one synced write, as for a node's own entries."""
        for effect in self._journal.take():
            if isinstance(effect, Write):
                self._store.commit(effect.puts, effect.deletes, durable=True, heads=effect.heads)
        self._journal.committed()


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def cpu(work: Callable[[], object]) -> float:
    """Seconds of the processor, without what others take of it and what the disk takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(count: int, batch: int) -> list[Figure]:
    rng = random.Random(1)  # the same records in every run
    bare, take, commit, lone = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="p2pnode-ingest-") as folder:
        store, second = Store.open(Path(folder) / "store"), Store.open(Path(folder) / "second")
        state = rng.getstate()
        node = Node(store, rng, Verifier())
        rng.setstate(state)
        one_core = Node(second, rng, verify_in_turn)
        records = make_records(rng, node.network, count)
        signed = [
            (VerifyKey(parse_inception(r.inception).key), prefix(r.kind) + r.header, r.signature) for r in records
        ]
        gc.collect()
        gc.freeze()  # what the benchmark itself holds is not walked through again and again
        for start in range(0, count, batch):
            part, wires = signed[start : start + batch], [r.wire for r in records[start : start + batch]]
            bare.append(timed(partial(verify_all, part)))
            take.append(timed(partial(node.take, wires)))
            commit.append(timed(node.commit))
            least, *work = [cpu(w) for w in (partial(verify_all, part), partial(one_core.take, wires), one_core.commit)]
            lone.append(least / sum(work))
        store.close()
        second.close()
        index = timed_index(Path(folder) / "index.sqlite", records, batch)
    ratio = statistics.median(b / (t + c) for b, t, c in zip(bare, take, commit, strict=True))
    micro = 1e6 / batch
    return [
        Figure("ingest_ratio", ratio, "", "of the speed of bare verify (median)", at_least=0.7),
        Figure(
            "ingest_one_core_ratio", statistics.median(lone), "", "the same by one thread, in its time", at_least=0.7
        ),
        Figure("ingest_records_per_second", count / (sum(take) + sum(commit)), "1/s", "checked, verified, durable"),
        Figure("ingest_bare_verify_us", statistics.median(bare) * micro, "µs", "a record: VerifyKey.verify alone"),
        Figure("ingest_ladder_us", statistics.median(take) * micro, "µs", "a record: all rungs, verify among them"),
        Figure("ingest_commit_us", statistics.median(commit) * micro, "µs", "a record: its part of the synced batch"),
        Figure("ingest_index_us", index * 1e6 / count, "µs", "a record: indexing for search, after the commit"),
        Figure("ingest_record_bytes", statistics.mean(len(r.wire) for r in records), "B", "length of a record"),
    ]


def verify_all(signed: Sequence[tuple[VerifyKey, bytes, bytes]]) -> None:
    for key, message, signature in signed:
        key.verify(message, signature)


def timed_index(path: Path, records: Sequence[Record], batch: int) -> float:
    """Seconds to index all records, a transaction for each batch."""
    rows = [row_of(record, parse_listing(record)) for record in records]
    index = Index(path)
    seconds = sum(timed(partial(index.update, rows[start : start + batch])) for start in range(0, len(rows), batch))
    index.close()
    return seconds


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--records", type=int, default=8_192)
    parser.add_argument("--batch", type=int, default=128, help="records to a commit (default 128)")
    options = parser.parse_args()
    figures = measure(options.records, options.batch)
    return show(f"{options.records:,} records from neighbours, {options.batch} to a batch", figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
