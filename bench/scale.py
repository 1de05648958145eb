"""How spreading grows with the network: delivery, time, and cost per node, simulated for up to 10,000 nodes.

The true gossip machine and catalog of every node, on virtual time (`tests.scale`); only what is called CPU is of this
machine. Each record is published by a node by chance, one a second, after the network has come up and before it is
watched for a minute. `fair`: links of 25 ms on the average, uplinks of 1 Mbit/s. `loss`: 20 % of all frames vanish.
`churn`: 20 % of the nodes are off at any time, each on for five minutes. `sybils`: 20 % of the nodes pass nothing on,
and each of them has dialled 32 others before these dialled anybody. `near` is of records of one cell, of those alone
that keep it: for this some of the connections of a node are chosen by cell; `--dials 8 0` makes them all by chance, and
`--in-cell 10` makes four times as many cells. 10,000 nodes take some minutes for each weather.
"""

import gc
import json
import math
import sys
from collections.abc import Callable, Sequence
from time import process_time
from typing import Final, NamedTuple

from bench.report import Figure, arguments, number
from tests.scale import world
from tests.scale.measure import Run, Spread
from tests.scale.world import WEATHERS, Dials

PAIRS: Final = 10_000  # of a record and a node, and
LEAST, MOST = 5, 50  # records


class Outcome(NamedTuple):
    """One simulation. memory: bytes per node; seconds: processor time; rss: MB."""

    nodes: int
    all: Spread
    near: Spread
    memory: float
    degree: float
    seconds: float
    rss: float


class Row(NamedTuple):
    """One figure of an outcome; its target holds for every number of nodes. fitted: how to say the growth."""

    name: str
    what: str
    of: Callable[[Outcome], float]
    at_least: float | None = None
    fitted: str = ""


ROWS: Final = (
    Row("delivered", "% of the nodes hold a record at the end", lambda o: 100 * o.all.delivered, 99),
    Row("soon", "% hold it within 10 s", lambda o: 100 * o.all.soon, 99),
    Row("hops_p50", "nodes on its way, to 50 %", lambda o: o.all.hops[0], None, "log"),
    Row("hops_p99", "to 99 %", lambda o: o.all.hops[1], None, "log"),
    Row("hops_all", "to the last", lambda o: o.all.hops[2], None, "log"),
    Row("ms_p50", "ms to 50 %", lambda o: o.all.ms[0], None, "log"),
    Row("ms_p99", "ms to 99 %", lambda o: o.all.ms[1], None, "log"),
    Row("ms_all", "ms to the last", lambda o: o.all.ms[2]),
    Row("copies", "copies of a record sent, per node", lambda o: o.all.copies, None, "power"),
    Row("frames", "frames to spread a record, per node", lambda o: o.all.frames, None, "power"),
    Row("bytes", "bytes to spread a record, per node", lambda o: o.all.bytes, None, "power"),
    Row("compared_frames", "frames to compare meanwhile, per record and node", lambda o: o.all.compared_frames),
    Row("compared_bytes", "bytes to compare meanwhile, per record and node", lambda o: o.all.compared_bytes),
    Row("checks", "signatures verified, per record and node", lambda o: o.all.checks),
    Row("near_delivered", "% of those that keep its cell hold a near record", lambda o: 100 * o.near.delivered, 99),
    Row("near_nodes", "nodes that keep it", lambda o: o.near.nodes),
    Row("near_ms_p99", "ms to 99 % of them", lambda o: o.near.ms[1]),
    Row("near_bytes", "bytes to spread it, per node that keeps it", lambda o: o.near.bytes, None, "power"),
    Row("links", "connections of an honest node", lambda o: o.degree),
    Row("state_kb", "kB of gossip state, per node", lambda o: o.memory / 1e3, None, "power"),
    Row("cpu_us", "µs of this processor, per record and node", lambda o: o.all.cpu, None, "power"),
    Row("run_seconds", "s of this processor for the whole run", lambda o: o.seconds),
    Row("run_mb", "MB of this process", lambda o: o.rss),
)


def simulate(count: int, weather: str, seed: int, dials: Dials, records: int | None) -> Outcome:
    began = process_time()
    run = Run(count, WEATHERS[weather], seed, dials)
    gc.collect()
    gc.freeze()  # the network itself is not walked through again and again
    many = records or max(LEAST, min(MOST, PAIRS // count))
    everybody = run.spread(many)
    near = run.spread(many, cells=True)
    outcome = Outcome(count, everybody, near, run.memory, run.degree, process_time() - began, rss_mb())
    gc.unfreeze()
    return outcome


def rss_mb() -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1e3 for line in status if line.startswith("VmRSS"))


def growth(row: Row, outcomes: Sequence[Outcome]) -> str:
    """The least squares of a figure over all numbers of nodes: a + b·log₂ N, or N to which power."""
    if not row.fitted or len(outcomes) < 3:
        return ""
    x = [math.log2(o.nodes) for o in outcomes]
    y = [row.of(o) if row.fitted == "log" else math.log2(row.of(o)) for o in outcomes]
    a, b = line(x, y)
    return f"{a:.2g} + {b:.2g}·log₂ N" if row.fitted == "log" else f"N^{b:.2f}"


def line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """a and b of y = a + b·x, by least squares."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    b = sum((u - mean_x) * (v - mean_y) for u, v in zip(x, y, strict=True)) / sum((u - mean_x) ** 2 for u in x)
    return mean_y - b * mean_x, b


def table(weather: str, outcomes: Sequence[Outcome]) -> str:
    heads = [f"{o.nodes:,}" for o in outcomes]
    lines = [f"{weather:<16} {''.join(f'{head:>10}' for head in heads)}  growth"]
    for row in ROWS:
        cells = "".join(f"{number(row.of(o)):>10}" for o in outcomes)
        lines.append(f"{row.name:<16} {cells}  {growth(row, outcomes):<18} {row.what}".rstrip())
    return "\n".join(lines)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("nodes", nargs="*", type=int, default=[10, 100, 1_000], metavar="N", help="10 100 1000")
    parser.add_argument("--weather", nargs="+", choices=[*WEATHERS], default=["fair", "loss", "churn", "sybils"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--records", type=int, help="how many of each sort (default 10,000 / N, 5 to 50)")
    parser.add_argument(
        "--dials",
        nargs=2,
        type=int,
        default=[*Dials()[:2]],
        metavar="K",
        help="connections, and how many of them by cell",
    )
    parser.add_argument("--in-cell", type=int, default=world.CELL_OF, metavar="K", help="how many nodes live in a cell")
    options = parser.parse_args()
    world.CELL_OF = options.in_cell  # type: ignore[misc]
    figures: list[Figure] = []
    for weather in options.weather:
        outcomes = []
        for count in options.nodes:
            outcomes.append(simulate(count, weather, options.seed, Dials(*options.dials), options.records))
            figures += [
                Figure(f"scale_{weather}_{count}_{row.name}", row.of(outcomes[-1]), "", row.what, None, row.at_least)
                for row in ROWS
            ]
        if not options.json:
            print(table(weather, outcomes), end="\n\n", flush=True)
    if options.json:
        print(json.dumps({f.name: round(f.value, 4) for f in figures}))
    missed = [f.name for f in figures if not f.met]
    if missed:
        print(f"target missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
