"""The other methods that `bench.reputation` puts beside ours. Plain Python; what is subtle stands in a docstring.

One that looks from nowhere is a function of the ratings and gives everybody's score; what it does not know has the
score of nobody in particular. Those that look from a viewer are made of `reached`, a personalised PageRank without
return to the viewer, the same walks as ours; those that draw walks are in `reputation_walks`.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ledger.trust import Graph, graph_of

from .reputation_data import Rating

Scores = Callable[[bytes], float]

_ROUNDS: Final = 20
_DAMPING: Final = 0.85


def mean(ratings: Sequence[Rating]) -> Scores:
    """Mean of the signs; the mean of all for who has none."""
    sums, counts = _sums(ratings, lambda r: 1.0 if r.rating > 0 else -1.0)
    overall = sum(sums.values()) / max(1, sum(counts.values()))
    return lambda subject: sums[subject] / counts[subject] if subject in counts else overall


def stars(ratings: Sequence[Rating]) -> Scores:
    """Mean of the ratings as given, as shops show it."""
    sums, counts = _sums(ratings, lambda r: float(r.rating))
    overall = sum(sums.values()) / max(1, sum(counts.values()))
    return lambda subject: sums[subject] / counts[subject] if subject in counts else overall


def beta(ratings: Sequence[Rating]) -> Scores:
    """(good + 1) / (all + 2): Jøsang and Ismail 2002."""
    good, counts = _sums(ratings, lambda r: float(r.rating > 0))
    return lambda subject: (good.get(subject, 0.0) + 1) / (counts.get(subject, 0) + 2)


def goodness(ratings: Sequence[Rating]) -> Scores:
    """Goodness of Fairness × Goodness (Kumar et al., ICDM 2016), on rating / 10; 0 for who has no ratings."""
    fair: defaultdict[bytes, float] = defaultdict(lambda: 1.0)
    good: defaultdict[bytes, float] = defaultdict(float)
    given: defaultdict[bytes, int] = defaultdict(int)
    taken: defaultdict[bytes, int] = defaultdict(int)
    for r in ratings:
        given[r.rater] += 1
        taken[r.ratee] += 1
    for _ in range(_ROUNDS):
        sums: defaultdict[bytes, float] = defaultdict(float)
        for r in ratings:
            sums[r.ratee] += fair[r.rater] * r.rating / 10
        for ratee, total in sums.items():
            good[ratee] = total / taken[ratee]
        errors: defaultdict[bytes, float] = defaultdict(float)
        for r in ratings:
            errors[r.rater] += abs(r.rating / 10 - good[r.ratee]) / 2
        for rater, total in errors.items():
            fair[rater] = 1 - total / given[rater]
    return lambda subject: good.get(subject, 0.0)


def rev2(ratings: Sequence[Rating]) -> Scores:
    """Goodness of REV2 (Kumar et al., WSDM 2018), on rating / 10: as above, each rating weighed by its reliability, and
    both qualities drawn to their means by one rating more. Without what it makes of behaviour in time, which is for
    finding fraud. The mean goodness for who has no ratings."""
    given: defaultdict[bytes, list[int]] = defaultdict(list)
    taken: defaultdict[bytes, list[int]] = defaultdict(list)
    for i, r in enumerate(ratings):
        given[r.rater].append(i)
        taken[r.ratee].append(i)
    worth = [r.rating / 10 for r in ratings]
    reliable = [1.0] * len(ratings)
    usual_good, usual_fair = sum(worth) / max(1, len(worth)), 1.0
    good: dict[bytes, float] = {}
    for _ in range(_ROUNDS):
        good = {
            ratee: (usual_good + sum(reliable[i] * worth[i] for i in places)) / (1 + len(places))
            for ratee, places in taken.items()
        }
        fair = {
            rater: (usual_fair + sum(reliable[i] for i in places)) / (1 + len(places))
            for rater, places in given.items()
        }
        usual_good, usual_fair = _mean(good), _mean(fair)
        reliable = [
            (fair[r.rater] + 1 - abs(value - good[r.ratee]) / 2) / 2 for r, value in zip(ratings, worth, strict=True)
        ]
    return lambda subject: good.get(subject, usual_good)


def pagerank(ratings: Sequence[Rating]) -> Scores:
    """Over ratings above zero, damping 0.85, starting anywhere."""
    people = sorted({r.rater for r in ratings} | {r.ratee for r in ratings})
    return _ranked(_positive(ratings), dict.fromkeys(people, 1 / max(1, len(people))))


def eigentrust(ratings: Sequence[Rating]) -> Scores:
    """EigenTrust (Kamvar et al., WWW 2003): the same, starting at who is trusted beforehand: the founder."""
    return _ranked(_positive(ratings), {ratings[0].rater: 1.0} if ratings else {})


def against(ratings: Sequence[Rating]) -> Mapping[bytes, Mapping[bytes, float]]:
    """For PPR − distrust: of each ratee, who rated him badly, and which part of all his words that was."""
    given: defaultdict[bytes, int] = defaultdict(int)
    for r in ratings:
        given[r.rater] += 1
    found: defaultdict[bytes, dict[bytes, float]] = defaultdict(dict)
    for r in ratings:
        if r.rating < 0:
            found[r.ratee][r.rater] = 1 / given[r.rater]
    return found


def ppr_less_distrust(
    subject: bytes, reached: Mapping[bytes, float], disliked: Mapping[bytes, Mapping[bytes, float]]
) -> float:
    """What reaches the subject, less what reaches those who rated him badly, one step on (Guha et al., WWW 2004)."""
    lost = sum(reached.get(rater, 0.0) * part for rater, part in disliked.get(subject, {}).items())
    return reached.get(subject, 0.0) - lost


def _sums(ratings: Sequence[Rating], worth: Callable[[Rating], float]) -> tuple[dict[bytes, float], dict[bytes, int]]:
    sums: dict[bytes, float] = {}
    counts: dict[bytes, int] = {}
    for r in ratings:
        sums[r.ratee] = sums.get(r.ratee, 0.0) + worth(r)
        counts[r.ratee] = counts.get(r.ratee, 0) + 1
    return sums, counts


def _mean(found: Mapping[bytes, float]) -> float:
    return sum(found.values()) / max(1, len(found))


def _positive(ratings: Sequence[Rating]) -> Graph:
    return graph_of((r.rater, r.ratee) for r in ratings if r.rating > 0)


def _ranked(graph: Graph, start: Mapping[bytes, float]) -> Scores:
    rank = dict(start)
    for _ in range(_ROUNDS):
        following: dict[bytes, float] = {author: (1 - _DAMPING) * part for author, part in start.items()}
        lost = 0.0
        for source, mass in rank.items():
            targets = graph.get(source, ())
            if not targets:
                lost += mass
            for target in targets:
                following[target] = following.get(target, 0.0) + _DAMPING * mass / len(targets)
        for author, part in start.items():
            following[author] += _DAMPING * lost * part
        rank = following
    return lambda subject: rank.get(subject, 0.0)
