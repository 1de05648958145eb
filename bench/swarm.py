"""Nodes in one process that pass records on among themselves, and what that costs: one measure for all kinds of them.

All are connected in the same random graph. A kind of swarm says how a node publishes and calls `Seen.by` when a node
has a record for the first time; the processor time is that of the whole process, so of all nodes together.
"""

import gc
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

SIZE: Final = 600  # bytes of a record
PACE: Final = 0.2  # seconds between records, where it is the processor time that counts: what the slowest can bear
PATIENCE: Final = 60.0  # seconds without anything new


class Seen:
    """When each node had each record, by `time.perf_counter`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.count = 0
        self.last_at = 0.0
        self._times: dict[bytes, dict[int, float]] = {}

    def by(self, node: int, record: bytes) -> None:
        times = self._times.setdefault(record, {})
        if node not in times:
            times[node] = self.last_at = time.perf_counter()
            self.count += 1

    def has(self, node: int, record: bytes) -> bool:
        return node in self._times.get(record, ())

    def all(self, record: bytes) -> bool:
        return len(self._times.get(record, ())) == self.size

    def last(self, record: bytes) -> float:
        return max(self._times[record].values())


class Swarm(Protocol):
    """seen: the publisher counts as well, at once. verified: signatures that all nodes checked until now."""

    seen: Seen

    @property
    def verified(self) -> int: ...

    async def publish(self, node: int, count: int) -> list[bytes]:
        """New records, all at once; how `seen` calls them."""

    async def sleep(self, seconds: float, /) -> None: ...


def graph(size: int, degree: int, rng: random.Random) -> list[tuple[int, int]]:
    """Pairs, each node in `degree` of them or, seldom, one or two fewer: a ring, filled up at random. So it holds
    together."""
    pairs = {(i, (i + 1) % size) if i + 1 < size else (0, i) for i in range(size)}
    lacking = dict.fromkeys(range(size), degree - 2)
    for _ in range(100 * size * degree):
        open_ones = [node for node, missing in lacking.items() if missing > 0]
        if len(open_ones) < 2:
            break
        a, b = sorted(rng.sample(open_ones, 2))
        if (a, b) not in pairs:
            pairs.add((a, b))
            lacking[a] -= 1
            lacking[b] -= 1
    return sorted(pairs)


async def until(swarm: Swarm, true: Callable[[], bool], patience: float) -> bool:
    """Wait until it is true, or nothing new was seen for so many seconds."""
    began = time.perf_counter()
    while not true():
        if time.perf_counter() - max(began, swarm.seen.last_at) > patience:
            return False
        await swarm.sleep(0.002)
    return True


async def cost(swarm: Swarm, count: int) -> dict[str, float]:
    """Records one after the other, from all nodes in turn: milliseconds of processor time for each delivery."""
    size = swarm.seen.size
    for record in [(await swarm.publish(node, 1))[0] for node in range(3)]:
        await until(swarm, lambda record=record: swarm.seen.all(record), 5.0)  # type: ignore[misc]
    gc.collect()
    idle = time.process_time()
    await swarm.sleep(2.0)
    idle = (time.process_time() - idle) / 2
    before, verified, began, at = swarm.seen.count, swarm.verified, time.process_time(), time.perf_counter()
    for number in range(count):
        await swarm.publish(number % size, 1)
        await swarm.sleep(max(0.0, at + PACE * (number + 1) - time.perf_counter()))
    await until(swarm, lambda: swarm.seen.count - before == count * size, 5.0)
    spent = time.process_time() - began
    delivered = swarm.seen.count - before - count
    return {
        "cpu_ms": spent / max(1, delivered) * 1_000,
        "delivered": delivered / (count * (size - 1)),
        "verified": (swarm.verified - verified) / max(1, delivered),
        "idle_percent": idle / size * 100,
    }


async def spread(swarm: Swarm, rounds: int) -> dict[str, float]:
    """Milliseconds from a record's publication until the last node has it: the median of several."""
    taken = []
    for number in range(rounds + 2):
        at = time.perf_counter()
        (record,) = await swarm.publish(number % swarm.seen.size, 1)
        if await until(swarm, lambda record=record: swarm.seen.all(record), 10.0):  # type: ignore[misc]
            taken.append((swarm.seen.last(record) - at) * 1_000)
        await swarm.sleep(0.25)
    taken = taken[2:]
    return {"last_ms": statistics.median(taken), "last_max_ms": max(taken)}


async def burst(swarm: Swarm, count: int) -> dict[str, float]:
    """Many records at once from one node: the share that arrived, and how long it took."""
    size = swarm.seen.size
    before, began, at = swarm.seen.count, time.process_time(), time.perf_counter()
    await swarm.publish(0, count)
    await until(swarm, lambda: swarm.seen.count - before == count * size, PATIENCE)
    delivered = swarm.seen.count - before - count
    return {
        "burst_delivered": delivered / (count * (size - 1)),
        "burst_seconds": swarm.seen.last_at - at,
        "burst_cpu_ms": (time.process_time() - began) / max(1, delivered) * 1_000,
    }


MEASURES: Final[dict[str, Callable[[Swarm, int], Awaitable[dict[str, float]]]]] = {
    "cost": cost,
    "spread": spread,
    "burst": burst,
}


def neighbours(size: int, pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(size)]
    for a, b in pairs:
        found[a].append(b)
        found[b].append(a)
    return found
