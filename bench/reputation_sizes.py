"""Time and memory of reputation: a network of 500 people, and graphs of 6,000 and 100,000 made up for it."""

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from typing import Final, NamedTuple, TypeVar

from ledger.opinions import Attestation, Book
from ledger.reputation import Settings, Standpoint, View
from protocols.limits import DAY

from .reputation_data import drawn_by

T = TypeVar("T")

NOW: Final = 1_800_000_000_000
RATINGS_EACH: Final = 6  # as many as in the Bitcoin OTC web of trust
VIEWERS: Final = 20
QUERIES: Final = 20  # of each viewer
NUMERIC: Final = ("numpy", "scipy", "pandas", "networkx", "torch", "numba", "igraph", "jax", "sklearn", "polars")


class Cost(NamedTuple):
    """Of a network of so many people. Seconds: to put the book together, to find a standpoint, for one score; all
    scores of everybody including both; MB: the book and a standpoint."""

    people: int
    ratings: int
    book: float
    standpoint: float
    score: float
    slowest: float
    everybody: float | None
    memory: float


def made_up(people: int, seed: int) -> list[Attestation]:
    """Who has many ratings gets more; half of the deals are rated by both sides; one rating in ten is bad."""
    rng = drawn_by(seed)
    names = [number.to_bytes(32) for number in range(people)]
    busy = list(range(people))
    found: list[Attestation] = []
    while len(found) < people * RATINGS_EACH:
        rater, ratee = rng.choice(busy), rng.choice(busy)
        busy += (rater, ratee)
        at = NOW - rng.randrange(2 * 365) * DAY
        deal = len(found).to_bytes(16)
        for one, other in ((rater, ratee), (ratee, rater))[: rng.randint(1, 2)]:
            if one != other:
                found.append(Attestation(names[one], names[other], deal, at, -2 if rng.random() < 0.1 else 2))
    return found


def cost(people: int, seed: int) -> Cost:
    """Measured in processes of their own: memory apart from time, for to count it takes time."""
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        timed = pool.apply(_timed_cost, (people, seed))
        return timed._replace(memory=pool.apply(_memory, (people, seed)))


def numeric_stack() -> list[str]:
    """What of the usual stacks for numbers a daemon has imported by the time that it can score anybody."""
    asked = (
        "import sys, p2pnode.daemon, ledger.reputation; "
        f"print(*({{name.partition('.')[0] for name in sys.modules}} & {set(NUMERIC)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    return done.stdout.split()


def _timed_cost(people: int, seed: int) -> Cost:
    said = made_up(people, seed)
    settings = Settings()
    book, making = _timed(lambda: Book((), said, (), NOW, settings.half_life))
    rng = drawn_by(seed)
    viewers = [rng.randrange(people).to_bytes(32) for _ in range(VIEWERS)]
    stands = [_timed(partial(Standpoint, book.graph, viewer, settings.restart)) for viewer in viewers]
    each = [
        _timed(partial(View.of(book, stand, settings).score, rng.randrange(people).to_bytes(32)))[1]
        for stand, _ in stands
        for _ in range(QUERIES)
    ]
    everybody = None
    if people <= 1_000:
        everybody = min(_timed(lambda: _everybody((0).to_bytes(32), said, people))[1] for _ in range(3))
    standing = sum(seconds for _, seconds in stands) / len(stands)
    return Cost(people, len(said), making, standing, sum(each) / len(each), max(each), everybody, 0.0)


def _memory(people: int, seed: int) -> float:
    """MB of the book and one standpoint, without the attestations themselves."""
    said = made_up(people, seed)
    tracemalloc.start()
    book = Book((), said, (), NOW, Settings().half_life)
    stand = Standpoint(book.graph, (0).to_bytes(32), Settings().restart)
    used = tracemalloc.get_traced_memory()[0] / 1e6
    assert stand.reached
    return used


def _everybody(me: bytes, said: list[Attestation], people: int) -> float:
    view = View(me, (), said, (), NOW)
    return sum(view.score(number.to_bytes(32)).score for number in range(people))


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    begin = time.perf_counter()
    found = work()
    return found, time.perf_counter() - begin
