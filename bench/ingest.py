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
from dht.catalog import Catalog, Quotas
from p2pnode.store import Store
from protocols.amounts import Price
from protocols.envelope import Record, parse_record, verify_record
from protocols.fields import seal_payload
from protocols.identity import Signer, incept, prefix
from protocols.limits import DAY
from protocols.listing import KIND, Listing, parse_listing

NOW = 1_800_000_000_000  # milliseconds
NETWORK = bytes(range(1, 17))
AUTHORS = 50
WORDS = ("snow", "blower", "ladder", "apples", "strong", "weekend", "garden", "bring", "back", "clean", "Saturday")


def make_records(count: int) -> list[Record]:
    """Signed listings, the same ones in every run."""
    rng = random.Random(1)  # noqa: S311 (a reproducible benchmark)
    signers = [incept(rng.randbytes(32))[0] for _ in range(AUTHORS)]
    return [_listing(rng, signers[i % AUTHORS], i) for i in range(count)]


def _listing(rng: random.Random, signer: Signer, number: int) -> Record:
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
        signer, NETWORK, KIND, listing, name=rng.randbytes(16), created=NOW, until=NOW + 30 * DAY, scope=area
    )


class Intake:
    """What a node does with records that neighbours send, from bytes to the disk."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._catalog = Catalog(NETWORK, Quotas(listings=100_000, records=200_000))

    def take(self, wires: Sequence[bytes]) -> None:
        puts = {}
        for wire in wires:
            record = parse_record(wire)
            parse_listing(record, 5)
            verify_record(record)
            if not self._catalog.admit(record, NOW).added:
                raise AssertionError("a record was not new")
            puts[b"record/" + record.id] = wire
        self._store.commit(puts, durable=True)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(count: int, batch: int) -> list[Figure]:
    records = make_records(count)
    bare = [(VerifyKey(_key(r)), prefix(r.kind) + r.header, r.signature) for r in records]
    raw: list[float] = []
    full: list[float] = []
    with tempfile.TemporaryDirectory(prefix="p2pnode-ingest-") as folder:
        store = Store.open(Path(folder) / "store")
        intake = Intake(store)
        gc.collect()
        for start in range(0, count, batch):
            part = bare[start : start + batch]
            wires = [r.wire for r in records[start : start + batch]]
            raw.append(timed(lambda part=part: [k.verify(m, s) for k, m, s in part]))  # type: ignore[misc]
            full.append(timed(lambda wires=wires: intake.take(wires)))  # type: ignore[misc]
        store.close()
    ratios = [r / f for r, f in zip(raw, full, strict=True)]
    return [
        Figure("ingest_ratio", statistics.median(ratios), "", "of the speed of bare verify (median)", at_least=0.6),
        Figure("ingest_records_per_second", count / sum(full), "1/s", "parsed, checked, verified, durable"),
        Figure("ingest_bare_verify_per_second", count / sum(raw), "1/s", "PyNaCl VerifyKey.verify alone"),
        Figure("ingest_record_bytes", statistics.mean(len(r.wire) for r in records), "B", "length of a record"),
    ]


def _key(record: Record) -> bytes:
    from protocols.identity import parse_inception

    return parse_inception(record.inception).key


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--records", type=int, default=8_192)
    parser.add_argument("--batch", type=int, default=128, help="records to a commit (default 128)")
    options = parser.parse_args()
    figures = measure(options.records, options.batch)
    return show(f"{options.records:,} records from neighbours, {options.batch} to a batch", figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
