"""How long a node takes to start, with an empty store and with many records of neighbours, and to stop.

A real `p2pnode run`, from the command to `ready`. The records are listings, put into the store as gossip would have;
the first start after that builds the search index as well, in the background.
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import ingest
from bench.idle import NODE, READY_SECONDS, STOP_SECONDS, environment, rss_mb
from bench.report import Figure, arguments, show
from p2pnode.core.keys import RECORD
from p2pnode.store import Store


def start_and_stop(home: Path) -> tuple[float, float, float]:
    """Seconds to ready, RSS in MB a little later, seconds to stop."""
    began = time.monotonic()
    process = subprocess.Popen(
        [*NODE, "run", "--listen", "/ip4/127.0.0.1/tcp/0"],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("ready"):
            raise SystemExit("the node did not start")
        ready = time.monotonic() - began
        time.sleep(5)
        memory = rss_mb(process.pid)
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)
        return ready, memory, time.monotonic() - told
    finally:
        process.kill()
        process.wait()


def fill(home: Path, count: int) -> None:
    ingest.NOW = int(time.time() * 1000)
    network = bytes.fromhex(next((home / "networks").glob("*.genesis")).stem)
    records = ingest.make_records(random.Random(1), network, count)  # the same records in every run
    store = Store.open(home / "store")
    try:
        for i in range(0, count, 256):
            store.commit({RECORD + network + r.id: r.wire for r in records[i : i + 256]})
    finally:
        store.close()


def measure(count: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="p2pnode-start-") as folder:
        home = Path(folder)
        init = ["init", "--name", "bench", "--new-network", "Bench", "--unit", "hour", "--no-input"]
        env = environment(home)
        subprocess.run([*NODE, *init], env=env, check=True, stdout=subprocess.DEVNULL, timeout=READY_SECONDS)
        start_and_stop(home)  # the first start of a home founds its network, and fills the machine's file cache
        empty = start_and_stop(home)
        fill(home, count)
        (home / "index.sqlite").unlink()
        first, again = start_and_stop(home), start_and_stop(home)
        return [
            Figure("start_empty_seconds", empty[0], "s", "to ready, empty store", at_most=2),
            Figure("start_first_seconds", first[0], "s", f"to ready, {count:,} records, no index yet"),
            Figure("start_full_seconds", again[0], "s", f"to ready, {count:,} records", at_most=2),
            Figure("start_full_rss_mb", again[1], "MB", f"memory held with {count:,} records"),
            Figure("stop_seconds", max(empty[2], first[2], again[2]), "s", "longest stop", at_most=3),
        ]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    options = parser.parse_args()
    return show("Starting and stopping a node", measure(options.records), options.json)


if __name__ == "__main__":
    sys.exit(main())
