"""How well each method foretells whether the next rating will be good: the part of `bench.reputation` that scores."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from math import sqrt
from multiprocessing import Pool
from typing import Final, NamedTuple, TypeVar

from ledger.reputation import Book, Settings, Standpoint, View

from . import reputation_rivals as rivals
from . import reputation_walks as walks
from .reputation_data import Block, Rating, auc, book_of, drawn_by, lower_bound, seen_by, standpoint, viewers, without

T = TypeVar("T")

OURS: Final = "ours"
FROM_NOWHERE: Final[dict[str, Callable[[Sequence[Rating]], rivals.Scores]]] = {
    "star average": rivals.stars,
    "mean of signs": rivals.mean,
    "beta": rivals.beta,
    "fairness x goodness": rivals.goodness,
    "REV2": rivals.rev2,
    "PageRank": rivals.pagerank,
    "EigenTrust": rivals.eigentrust,
}
FROM_VIEWER: Final = ("PPR", "PPR - distrust", "MeritRank", "earlier rule")
METHODS: Final = (*FROM_NOWHERE, *FROM_VIEWER, OURS)
GROUPS: Final = {
    "all": "every rating asked for",
    "ratee": "the ratee was rated before",
    "warm": "rater and ratee were seen before, as one or the other",
    "known": "the viewer has rated before",
}


class Told(NamedTuple):
    """asked: the ratings; scores: of each method, in the same order; groups: which of `GROUPS` each is in."""

    asked: list[Rating]
    scores: dict[str, list[float]]
    groups: list[frozenset[str]]

    def auc(self, method: str, group: str) -> float:
        places = [i for i, names in enumerate(self.groups) if group in names]
        return auc([self.scores[method][i] for i in places], [self.asked[i].rating > 0 for i in places])

    def count(self, group: str) -> int:
        return sum(group in names for names in self.groups)

    def per_viewer(self, method: str, other: str, group: str = "all") -> list[float]:
        """AUC of `method` less that of `other`, for each viewer who gave both good and bad ratings."""
        found = []
        for places in viewers(self.asked).values():
            inside = [i for i in places if group in self.groups[i]]
            good = [self.asked[i].rating > 0 for i in inside]
            if any(good) and not all(good):
                ours, theirs = (auc([self.scores[m][i] for i in inside], good) for m in (method, other))
                found.append(ours - theirs)
        return found

    def difference(self, method: str, other: str, seed: int, group: str = "all") -> tuple[float, float, int]:
        """Mean over viewers, the bootstrap's lower bound of it (2.5 %), number of viewers; nan where there is none."""
        found = self.per_viewer(method, other, group)
        if not found:
            return float("nan"), float("nan"), 0
        return sum(found) / len(found), lower_bound(found, drawn_by(seed)), len(found)


class Looked:
    """The methods of `FROM_VIEWER`, on some ratings and the book of them."""

    def __init__(self, known: Sequence[Rating], book: Book, now: int, settings: Settings) -> None:
        self._book = book
        self._founder = known[0].rater
        self._disliked = rivals.against(known)
        self._faster = book_of(known, now, walks.EARLIER_HALF_LIFE)
        self._usual = walks.outcomes(known)
        self._restart = settings.restart

    def by(self, stand: Standpoint) -> dict[str, rivals.Scores]:
        """In the eyes of who stands there."""
        reached, me = stand.reached, stand.me
        drawn = walks.Walks(seen_by(self._book, me, self._founder), me, self._restart)
        return {
            "PPR": lambda subject: reached.get(subject, 0.0),
            "PPR - distrust": lambda subject: rivals.ppr_less_distrust(subject, reached, self._disliked),
            "MeritRank": drawn.merit,
            "earlier rule": lambda subject: walks.earlier(self._faster, drawn, me, self._usual, subject),
        }


class Variant(NamedTuple):
    """One way to score. bounded: whether paths carry no more than a voice; invites: whether there are any."""

    settings: Settings = Settings()
    bounded: bool = True
    invites: bool = True


class Unbounded(View):
    """The rule without the bound on what comes through one person; for the ablation."""

    def passes(self, author: bytes) -> float:
        return float("inf")


def foretell(blocks: Sequence[Block], jobs: int) -> Told:
    """All methods on all blocks."""
    return _joined(blocks, jobs, _all_methods)


def compare(blocks: Sequence[Block], variants: dict[str, Variant], jobs: int) -> Told:
    """Ours alone, in many variants."""
    return _joined([(block, variants) for block in blocks], jobs, _all_variants)


def _joined(work: Sequence[T], jobs: int, scored: Callable[[T], Told]) -> Told:
    whole = Told([], {}, [])
    with Pool(jobs) as pool:
        for told in pool.imap(scored, work, chunksize=1):
            whole.asked.extend(told.asked)
            whole.groups.extend(told.groups)
            for method, scores in told.scores.items():
                whole.scores.setdefault(method, []).extend(scores)
    return whole


def _groups(block: Block) -> list[frozenset[str]]:
    raters = {r.rater for r in block.known}
    ratees = {r.ratee for r in block.known}
    seen = raters | ratees
    return [
        frozenset(
            name
            for name, inside in (
                ("all", True),
                ("ratee", r.ratee in ratees),
                ("warm", r.rater in seen and r.ratee in seen),
                ("known", r.rater in raters),
            )
            if inside
        )
        for r in block.asked
    ]


def _by_viewer(block: Block) -> list[tuple[bytes, list[int]]]:
    places: dict[bytes, list[int]] = {}
    for i, rating in enumerate(block.asked):
        places.setdefault(rating.rater, []).append(i)
    return sorted(places.items())


def _all_methods(block: Block) -> Told:
    scores = {name: [0.0] * len(block.asked) for name in METHODS}
    for name, method in FROM_NOWHERE.items():
        score = method(block.known)
        scores[name] = [score(r.ratee) for r in block.asked]
    settings = Settings()
    book = book_of(block.known, block.now, settings.half_life)
    looked = Looked(block.known, book, block.now, settings)
    for viewer, places in _by_viewer(block):
        stand = standpoint(book, viewer, block.known[0].rater, settings)
        view = View.of(book, stand, settings)
        others = looked.by(stand)
        for i in places:
            ratee = block.asked[i].ratee
            for name, score in others.items():
                scores[name][i] = score(ratee)
            scores[OURS][i] = view.score(ratee).score
    return Told(list(block.asked), scores, _groups(block))


def _all_variants(work: tuple[Block, dict[str, Variant]]) -> Told:
    block, variants = work
    score = rivals.beta(block.known)
    scores = {name: [0.0] * len(block.asked) for name in variants}
    books: dict[tuple[int, bool], Book] = {}
    for variant in variants.values():
        key = (variant.settings.half_life, variant.invites)
        books.setdefault(key, book_of(block.known, block.now, *key))
    for viewer, places in _by_viewer(block):
        stands: dict[tuple[bool, float], Standpoint] = {}
        for name, variant in variants.items():
            settings, bounded, invited = variant
            book = books[settings.half_life, invited]
            where = (invited, settings.restart)
            if where not in stands:
                stands[where] = standpoint(book, viewer, block.known[0].rater if invited else None, settings)
            view = (View if bounded else Unbounded).of(book, stands[where], settings)
            for i in places:
                scores[name][i] = view.score(block.asked[i].ratee).score
    scores["beta"] = [score(r.ratee) for r in block.asked]
    return Told(list(block.asked), scores, _groups(block))


def leave_one_out(work: tuple[Sequence[Rating], Sequence[Rating], int]) -> dict[str, tuple[float, int]]:
    """Sum of squared errors of each method that foretells a share of good outcomes, and how many were foretold.

    work: all ratings, those to leave out one at a time, now. Who rated the same one more than once has said nothing of
    him, then. The error is the score less 1 (a good rating) or 0.
    """
    ratings, left_out, now = work
    settings = Settings()
    book = book_of(ratings, now, settings.half_life)
    good = {r.ratee: 0 for r in ratings}
    count = dict(good)
    pairs: defaultdict[tuple[bytes, bytes], list[int]] = defaultdict(lambda: [0, 0])
    for r in ratings:
        count[r.ratee] += 1
        good[r.ratee] += r.rating > 0
        pairs[r.rater, r.ratee][0] += 1
        pairs[r.rater, r.ratee][1] += r.rating > 0
    usual = sum(good.values()) / len(ratings)
    squares = {"always the share of good": 0.0, "mean of signs": 0.0, "beta": 0.0, OURS: 0.0}
    for r in left_out:
        fact = 1.0 if r.rating > 0 else 0.0
        said, said_well = pairs[r.rater, r.ratee]
        others, well = count[r.ratee] - said, good[r.ratee] - said_well
        view = View.of(*_without(book, r, ratings[0].rater, settings))
        for name, told in (
            ("always the share of good", usual),
            ("mean of signs", well / others if others else usual),
            ("beta", (well + 1) / (others + 2)),
            (OURS, view.score(r.ratee).score),
        ):
            squares[name] += (told - fact) ** 2
    return {name: (total, len(left_out)) for name, total in squares.items()}


def _without(book: Book, left: Rating, founder: bytes, settings: Settings) -> tuple[Book, Standpoint, Settings]:
    """The book without one rating: nor, if it made one, the tie between the two."""
    changed = without(book, left.rater, left.ratee)
    return changed, standpoint(changed, left.rater, founder, settings), settings


def rmse(parts: Sequence[dict[str, tuple[float, int]]]) -> dict[str, float]:
    return {
        name: sqrt(sum(part[name][0] for part in parts) / sum(part[name][1] for part in parts)) for name in parts[0]
    }
