"""A fresh node comes into a street of 10,000 listings: it has them all within a minute, and stays small. The control
never compares what it holds: what was published before it came never arrives.
"""

import random
import time
from pathlib import Path

from p2pnode import clock
from p2pnode.client import Client
from p2pnode.core.keys import RECORD
from p2pnode.home.folder import Home
from p2pnode.store import Store
from protocols.envelope import Record
from protocols.identity import incept
from protocols.limits import DAY
from protocols.listing import Listing, seal_listing
from tests.e2e.nodes import Node, until
from tests.faults.figures import LONG, record
from tests.faults.hamlet import astray
from tests.faults.mutant import mutant

LISTINGS = 10_000 if LONG else 500
OF_ONE = 100  # listings of an author
WITHIN, SMALL = 60.0, 256  # seconds, MB
WORDS = ["snow", "blower", "ladder", "apples", "strong", "garden", "Saturday", "bring", "back", "clean"]


def listings(network: bytes, count: int, rng: random.Random, revision: int = 0) -> list[Record]:
    """By as many authors as their quota asks for."""
    now = clock.now()
    signers = [incept(rng.randbytes(32))[0] for _ in range(-(-count // OF_ONE))]
    return [
        seal_listing(
            signers[number // OF_ONE],
            network,
            Listing(
                direction="offer",
                kind="rent",
                title=f"{rng.choice(WORDS)} {number}",
                text=" ".join(rng.choice(WORDS) for _ in range(40)),
                area="u33dc",
            ),
            name=rng.randbytes(16),
            created=now,
            until=now + DAY,
            revision=revision,
        )
        for number in range(count)
    ]


def fill(node: Node, records: list[Record]) -> None:
    """Put records into the home of a node that does not run."""
    store = Store.open(Home(node.home).store)
    try:
        store.commit({RECORD + r.network + r.id: r.wire for r in records}, (), True)
    finally:
        store.close()


def peak_mb(node: Node) -> float:
    """The most memory (RSS) that a running node ever held."""
    assert node.process is not None
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def join(fresh: Node, old: Node, patience: float) -> tuple[int, float]:
    """Start a fresh node beside the old one: how many listings it has in the end, and seconds until then."""
    fresh.init("--area", "u33dc", "--join", old.address)
    began = time.monotonic()
    fresh.start()
    while (held := Client(fresh.home).status()["listings"]) < LISTINGS and time.monotonic() < began + patience:
        time.sleep(0.2)
    return held, time.monotonic() - began


def test_a_fresh_node_has_it_all_in_a_minute(tmp_path: Path) -> None:
    with Node("Old", tmp_path) as old, Node("Fresh", tmp_path) as fresh, Node("Deaf", tmp_path) as deaf:
        old.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
        old.start()
        network = bytes.fromhex(old.cli("whoami")["network"]["id"])
        old.stop()
        fill(old, listings(network, LISTINGS, random.Random(11)))
        old.start()
        until("it has them", lambda: Client(old.home).status()["listings"] == LISTINGS, 60)
        held, seconds = join(fresh, old, 4 * WITHIN)
        until("they are found", lambda: Client(fresh.home).search("ladder", limit=1), 60)
        found, memory = time.monotonic(), peak_mb(fresh)
        assert found
        deaf.prefix = mutant("never_compares")
        astray(deaf)
        control, _ = join(deaf, old, WITHIN if LONG else 2 * seconds)
    record(
        "cold",
        trials=LISTINGS,
        failures=LISTINGS - held,
        seconds_from_start=round(seconds, 1),
        peak_rss_mb=round(memory),
        control_listings=control,
    )
    assert held == LISTINGS
    assert control < LISTINGS, "who never compares is caught"
    assert memory <= SMALL
    if LONG:
        assert seconds <= WITHIN
