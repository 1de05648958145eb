"""One run from beginning to end, and what it came to."""

import sys
from collections.abc import Sequence
from gc import get_referents
from random import Random
from time import process_time
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final, NamedTuple

from dht.keys import covers
from protocols.envelope import Record
from protocols.limits import SECOND

from .node import Node
from .simulation import GREETING, NOT, Simulation
from .world import Dials, Weather

SETTLE: Final = 20 * SECOND  # after all have come up, until the first record
WATCH: Final = 60 * SECOND  # from the last record to the end: what was lost on the way is found by comparing
SOON: Final = 10 * SECOND
HELLO: Final = 1
COMPARING: Final = (2, 3, 4)  # RECONCILE, ANSWER, DONE; all others spread
SAMPLE: Final = 8  # nodes whose memory is looked at

Levels = tuple[float, float, float]  # of the median, of the first 99 %, of the last


class Spread(NamedTuple):
    """What came of some records. Of the honest nodes alone that keep their scope; means over the records.

    delivered: share of those on at the end that hold it; worst: of the record that fared worst. soon: share that had it
    within 10 s, of those on all the while; hops, ms: of the same, to each level, as far as it came by being spread.
    Per record and node: copies sent; checks, signatures verified; frames and bytes to spread it, and those of
    comparisons meanwhile; cpu, µs of this process for everything.
    """

    nodes: float
    delivered: float
    worst: float
    soon: float
    hops: Levels
    ms: Levels
    copies: float
    checks: float
    frames: float
    bytes: float
    compared_frames: float
    compared_bytes: float
    cpu: float


class Run:
    """A network that has come up. memory: bytes of gossip state per node; degree: connections per honest node."""

    def __init__(self, count: int, weather: Weather, seed: int, dials: Dials = Dials()) -> None:  # noqa: B008
        self._chance = Random(f"{seed} publishers")
        self.sim = Simulation(count, weather, seed, dials)
        self.sim.run(self.sim.now + GREETING + SETTLE)

    def spread(self, count: int, *, cells: bool = False, every: int = SECOND, watch: int = WATCH) -> Spread:
        """Let nodes by chance publish, one record each `every` ms; then wait. cells: records of the publisher's cell
        alone, not of the whole network."""
        sim = self.sim
        began = process_time()
        frames, sent, copies, checks = list(sim.frames), list(sim.bytes), sim.records.copies, self._checks()
        published: list[tuple[int, Record]] = []
        for _ in range(count):
            node = self._chance.choice([node for node in sim.honest if node.up])
            published.append((sim.now, sim.publish(node, node.home if cells else "")))
            sim.run(sim.now + every)
        sim.run(sim.now + watch)
        ended = process_time()
        shares, soon, hops, times = [], [], [], []
        pairs = 0
        for at, record in published:
            keep = [n for n in sim.honest if n.up and covers(n.scopes, record.scope)]
            pairs += len(keep)
            shares.append(sum(record.id in n.catalog for n in keep) / len(keep))
            steady = [n.place for n in keep if n.since <= at]
            got = [place for place in steady if sim.at[record.id][place] != NOT]
            took = sorted(sim.at[record.id][place] - at for place in got)
            soon.append(sum(t <= SOON for t in took) / len(steady))
            times.append(_levels(took))
            hops.append(_levels(sorted(sim.hops[record.id][place] for place in got)))
        frames = [now - then for now, then in zip(sim.frames, frames, strict=True)]
        sent = [now - then for now, then in zip(sim.bytes, sent, strict=True)]
        return Spread(
            nodes=pairs / count,
            delivered=_mean(shares),
            worst=min(shares),
            soon=_mean(soon),
            hops=_means(hops),
            ms=_means(times),
            copies=(sim.records.copies - copies) / pairs,
            checks=(self._checks() - checks) / pairs,
            frames=_of(frames, False) / pairs,
            bytes=_of(sent, False) / pairs,
            compared_frames=_of(frames, True) / pairs,
            compared_bytes=_of(sent, True) / pairs,
            cpu=(ended - began) * 1e6 / pairs,
        )

    @property
    def memory(self) -> float:
        sample = Random(0).sample(self.sim.honest, min(SAMPLE, len(self.sim.honest)))
        return _mean([state_size(node) for node in sample])

    @property
    def degree(self) -> float:
        return _mean([len(node.links) for node in self.sim.honest if node.up])

    def _checks(self) -> int:
        return sum(node.checks for node in self.sim.honest)


def state_size(node: Node) -> int:
    """Bytes of Python objects that a node's gossip machine holds, without the catalog and what all nodes share."""
    sim = node.sim
    apart: list[Any] = [node.catalog, sim, sim.records, sim.chance, sim.network, *node.scopes, *sim.hops]
    seen = {id(one) for one in apart}
    waiting: list[Any] = [node.gossip]
    size = 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType | BuiltinFunctionType):
            continue
        seen.add(id(one))
        size += sys.getsizeof(one)
        waiting.extend(get_referents(one))
    return size


def _of(counts: list[int], comparing: bool) -> int:
    return sum(n for kind, n in enumerate(counts) if kind != HELLO and (kind in COMPARING) == comparing)


def _levels(values: list[int]) -> Levels:
    """Of values in order."""
    count = len(values)
    return values[(count - 1) // 2], values[max(0, -(-count * 99 // 100) - 1)], values[-1]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _means(rows: Sequence[Levels]) -> Levels:
    return _mean([r[0] for r in rows]), _mean([r[1] for r in rows]), _mean([r[2] for r in rows])
