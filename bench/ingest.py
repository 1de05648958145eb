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
from pathlib import Path

from nacl.signing import VerifyKey

from bench.report import Figure, arguments, show
from dht.catalog import Catalog
from dht.gossip import Gossip
from p2pnode.effects import Write
from p2pnode.intake import Intake
from p2pnode.journal import Journal
from p2pnode.own_chain import OwnChain
from p2pnode.state import Network, Settings, State
from p2pnode.store import Store
from protocols.amounts import Price
from protocols.envelope import Record
from protocols.fields import seal_payload
from protocols.genesis import Genesis, found, network_id
from protocols.identity import Signer, incept, parse_inception, prefix
from protocols.limits import DAY
from protocols.listing import KIND, Listing

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

    def __init__(self, store: Store, rng: random.Random) -> None:
        founder, record, genesis = make_network(rng)
        self.network = network_id(record)
        self._store = store
        self._journal = Journal(store)
        gossip = Gossip(lambda network, record_id: None, rng)
        state = State(founder, Settings("bench", "u33dc", "", bytes(32)), rng, self._journal, gossip)
        chain = OwnChain(self._journal, founder, rng, self.network, 0)
        self._joined = Network(self.network, genesis, record, Catalog(self.network), chain, NOW)
        self._intake = Intake(state)

    def take(self, wires: Sequence[bytes]) -> None:
        """A batch as it comes in a frame: each record through every rung of the ladder, then one synced commit."""
        for wire in wires:
            self._intake.take(self._joined, wire, NOW)
        for effect in self._journal.take():
            if isinstance(effect, Write):
                self._store.commit(effect.puts, effect.deletes, durable=True, heads=effect.heads)
        self._journal.committed()


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(count: int, batch: int) -> list[Figure]:
    rng = random.Random(1)  # noqa: S311 (the same records in every run)
    raw: list[float] = []
    full: list[float] = []
    with tempfile.TemporaryDirectory(prefix="p2pnode-ingest-") as folder:
        store = Store.open(Path(folder) / "store")
        node = Node(store, rng)
        records = make_records(rng, node.network, count)
        bare = [(VerifyKey(parse_inception(r.inception).key), prefix(r.kind) + r.header, r.signature) for r in records]
        gc.collect()
        gc.freeze()  # what the benchmark itself holds is not walked through again and again
        for start in range(0, count, batch):
            part = bare[start : start + batch]
            wires = [r.wire for r in records[start : start + batch]]
            raw.append(timed(lambda part=part: [k.verify(m, s) for k, m, s in part]))  # type: ignore[misc]
            full.append(timed(lambda wires=wires: node.take(wires)))  # type: ignore[misc]
        store.close()
    ratios = [r / f for r, f in zip(raw, full, strict=True)]
    return [
        Figure("ingest_ratio", statistics.median(ratios), "", "of the speed of bare verify (median)", at_least=0.6),
        Figure("ingest_records_per_second", count / sum(full), "1/s", "parsed, checked, verified, durable"),
        Figure("ingest_bare_verify_per_second", count / sum(raw), "1/s", "PyNaCl VerifyKey.verify alone"),
        Figure("ingest_record_bytes", statistics.mean(len(r.wire) for r in records), "B", "length of a record"),
    ]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--records", type=int, default=8_192)
    parser.add_argument("--batch", type=int, default=128, help="records to a commit (default 128)")
    options = parser.parse_args()
    figures = measure(options.records, options.batch)
    return show(f"{options.records:,} records from neighbours, {options.batch} to a batch", figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
