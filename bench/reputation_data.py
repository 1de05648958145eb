"""Ratings for `bench.reputation`: cut by time, turned into what `ledger.reputation` takes."""

import random
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from itertools import pairwise
from typing import Final, NamedTuple

from ledger.opinions import Attestation, Book, Opinion
from ledger.reputation import Settings, Standpoint
from ledger.trust import Graph

SLICES: Final = 10
OLDER: Final = 0.8
GOOD: Final = 2  # what a rating above zero is as an outcome; one below is the negative of it


class Rating(NamedTuple):
    """rating: from -10 to 10, never 0; at: ms."""

    rater: bytes
    ratee: bytes
    rating: float
    at: int


class Block(NamedTuple):
    """What is scored from one state. now: ms; known: the ratings of the state; asked: those to be foretold."""

    now: int
    known: Sequence[Rating]
    asked: Sequence[Rating]


def refreshed(ratings: Sequence[Rating], begin: int, end: int, slices: int = SLICES) -> list[Block]:
    """`ratings[begin:end]` in slices of equal size, each to be foretold from all that is older than its first."""
    cuts = [begin + (end - begin) * i // slices for i in range(slices + 1)]
    return [Block(ratings[a].at, ratings[:a], ratings[a:b]) for a, b in pairwise(cuts) if b > a]


def by_viewers(block: Block, parts: int) -> list[Block]:
    """The same questions in up to `parts` blocks, each viewer's all in one."""
    groups: defaultdict[bytes, list[Rating]] = defaultdict(list)
    for rating in block.asked:
        groups[rating.rater].append(rating)
    dealt: list[list[Rating]] = [[] for _ in range(parts)]
    for viewer in sorted(groups):
        min(dealt, key=len).extend(groups[viewer])
    return [Block(block.now, block.known, asked) for asked in dealt if asked]


def at_random(ratings: Sequence[Rating], rng: random.Random, asked: int) -> Block:
    """The older share drawn at random; `asked` of the others to be foretold."""
    mixed = list(ratings)
    rng.shuffle(mixed)
    cut = int(OLDER * len(mixed))
    return Block(ratings[-1].at, sorted(mixed[:cut], key=lambda r: r.at), mixed[cut : cut + asked])


def attestations(ratings: Iterable[Rating]) -> list[Attestation]:
    """One settled deal each, of which the sign counts."""
    return [
        Attestation(
            r.rater, r.ratee, b"%d" % r.at + b"/" + r.rater + b"/" + r.ratee, r.at, GOOD if r.rating > 0 else -GOOD
        )
        for r in ratings
    ]


def invites(ratings: Iterable[Rating]) -> list[tuple[bytes, bytes]]:
    """The file knows no invites: who was first to rate somebody well is taken for the one who invited him."""
    first: dict[bytes, bytes] = {}
    for r in ratings:
        if r.rating > 0:
            first.setdefault(r.ratee, r.rater)
    return [(inviter, invited) for invited, inviter in first.items()]


def book_of(ratings: Sequence[Rating], now: int, half_life: int, with_invites: bool = True) -> Book:
    return Book(invites(ratings) if with_invites else (), attestations(ratings), (), now, half_life)


def without(book: Book, rater: bytes, ratee: bytes) -> Book:
    """The same book as if the one had never rated the other, nor invited him on the strength of it."""
    changed = copy(book)
    changed.about = {**book.about, ratee: _less(book.about[ratee], rater)}
    changed.by = {**book.by, rater: _less(book.by[rater], ratee)}
    back = book.by.get(ratee, {}).get(rater)
    gone = [(rater, ratee)] if back and back.positive > back.negative else [(rater, ratee), (ratee, rater)]
    graph, sources = dict(book.graph), dict(book.sources)
    for source, target in gone:
        graph[source] = tuple(each for each in graph.get(source, ()) if each != target)
        sources[target] = tuple(each for each in sources.get(target, ()) if each != source)
    changed.graph = {source: targets for source, targets in graph.items() if targets}
    changed.sources = sources
    return changed


def _less(said: Mapping[bytes, Opinion], author: bytes) -> dict[bytes, Opinion]:
    return {each: opinion for each, opinion in said.items() if each != author}


def seen_by(book: Book, me: bytes, founder: bytes | None) -> Graph:
    """Who trusts whom; a viewer without any tie stands where the founder's invite would place him."""
    if founder is not None and founder != me and me not in book.graph:
        return {**book.graph, me: (founder,)}
    return book.graph


def standpoint(book: Book, me: bytes, founder: bytes | None, settings: Settings) -> Standpoint:
    """Where `me` stands."""
    return Standpoint(seen_by(book, me, founder), me, settings.restart)


def auc(scores: Sequence[float], good: Sequence[bool]) -> float:
    """How often a good one is above a bad one, a tie counting half; nan if there are not both."""
    above = sorted(score for score, is_good in zip(scores, good, strict=True) if is_good)
    below = [score for score, is_good in zip(scores, good, strict=True) if not is_good]
    if not above or not below:
        return float("nan")
    won = sum(2 * len(above) - bisect_left(above, score) - bisect_right(above, score) for score in below)
    return won / 2 / len(above) / len(below)


def viewers(asked: Sequence[Rating]) -> dict[bytes, list[int]]:
    """Where in `asked` each viewer stands who gave both good and bad ratings there."""
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    for place, rating in enumerate(asked):
        found[rating.rater].append(place)
    return {
        viewer: places
        for viewer, places in sorted(found.items())
        if len({asked[place].rating > 0 for place in places}) == 2
    }


def lower_bound(values: Sequence[float], rng: random.Random, times: int = 2_000) -> float:
    """The 2.5th percentile of the mean of `values` under resampling."""
    means = sorted(sum(rng.choices(values, k=len(values))) / len(values) for _ in range(times))
    return means[int(0.025 * times)]


def drawn_by(seed: int) -> random.Random:
    """The same draws in every run."""
    return random.Random(seed)
