"""What invented people gain, and what harm they do: the part of `bench.reputation` that attacks.

k honest people, drawn at random among those who ever rated anybody well, are won over and rate an invented one well:
these are the attack edges. The invented ones, 1 or 1,000, are wired in each of two ways:

* `front`: all k edges lead to one of them, who praises the k and all his own; all praise him, and their neighbours;
* `spread`: the edges lead to as many different ones as there are; all praise one, and their neighbours.

For bad-mouthing, all of them besides rate good names badly.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

from ledger.opinions import Book
from ledger.reputation import Score, Settings, Standpoint, View

from . import reputation_rivals as rivals
from .reputation_data import Rating, book_of, drawn_by, standpoint
from .reputation_foretell import FROM_NOWHERE, METHODS, OURS, Looked

EDGES: Final = (1, 10, 50)
IDENTITIES: Final = (1, 100, 1_000)
WIRINGS: Final = ("front", "spread")
DECILE: Final = 0.9
GOOD_NAME: Final = 10  # good ratings and not one bad


class Attack(NamedTuple):
    edges: int
    identities: int
    wiring: str


class Field(NamedTuple):
    """Who looks, whom the invented ones are compared with, and whose good names are attacked. All drawn by a seed."""

    ratings: Sequence[Rating]
    now: int
    viewers: tuple[bytes, ...]
    honest: tuple[bytes, ...]
    names: tuple[bytes, ...]
    seed: int


class Gain(NamedTuple):
    """Of one attack, in the eyes of one viewer. percentile: of the best invented one among the honest, 0 to 1; top:
    share of the invented in the top decile; score, voices: of the best one (voices for ours alone)."""

    percentile: float
    top: float
    score: float
    voices: float


def field(ratings: Sequence[Rating], viewers: int, honest: int, names: int, seed: int) -> Field:
    rng = drawn_by(seed)
    raters = sorted({r.rater for r in ratings if r.rating > 0})
    good = {r.ratee: 0 for r in ratings}
    for r in ratings:
        good[r.ratee] = good[r.ratee] + 1 if r.rating > 0 and good[r.ratee] >= 0 else -1
    spotless = sorted(ratee for ratee, count in good.items() if count >= GOOD_NAME)
    return Field(
        ratings,
        ratings[-1].at,
        tuple(rng.sample(raters, min(viewers, len(raters)))),
        tuple(rng.sample(sorted(good), min(honest, len(good)))),
        tuple(rng.sample(spotless, min(names, len(spotless)))),
        seed,
    )


def invented(number: int) -> bytes:
    return b"invented %d" % number


def lies(at: Field, attack: Attack, against: Sequence[bytes] = ()) -> list[Rating]:
    """What the attack adds to the ratings."""
    rng = drawn_by(at.seed * 1_000 + attack.edges)  # the same people are won over, however many are invented
    spared = {*at.viewers, *against}
    raters = sorted({r.rater for r in at.ratings if r.rating > 0} - spared)
    won = rng.sample(raters, min(attack.edges, len(raters)))
    count = attack.identities
    said: list[tuple[bytes, bytes, int]] = []
    for place, victim in enumerate(won):
        entry = invented(0 if attack.wiring == "front" else place % count)
        said += [(victim, entry, 1), (entry, victim, 1)]
    for number in range(count):
        one = invented(number)
        near = {(number + step) % count for step in range(1, 4)} | {0}
        said += [(one, invented(other), 1) for other in sorted(near) if other != number]
        if attack.wiring == "front" and number:
            said.append((invented(0), one, 1))
        said += [(one, name, -1) for name in against]
    return [Rating(rater, ratee, rating * 10, at.now) for rater, ratee, rating in dict.fromkeys(said)]


def attacked(work: tuple[Field, Attack]) -> dict[str, list[Gain]]:
    """What the attack gains by each method, in the eyes of each viewer."""
    at, attack = work
    ratings = [*at.ratings, *lies(at, attack)]
    crowd = [invented(number) for number in range(attack.identities)]
    found: dict[str, list[Gain]] = {name: [] for name in METHODS}
    for name, method in FROM_NOWHERE.items():
        score = method(ratings)
        found[name].append(_gain([score(h) for h in at.honest], [score(c) for c in crowd], 0.0))
    settings = Settings()
    book = book_of(ratings, at.now, settings.half_life)
    looked = Looked(ratings, book, at.now, settings)
    for viewer in at.viewers:
        stand = standpoint(book, viewer, ratings[0].rater, settings)
        view = View.of(book, stand, settings)
        ours: dict[bytes, Score] = {each: view.score(each) for each in (*at.honest, *crowd)}
        voices = max(ours[each].confidence for each in crowd)
        everybody = {name: {each: score(each) for each in ours} for name, score in looked.by(stand).items()}
        everybody[OURS] = {each: score.score for each, score in ours.items()}
        for name, scores in everybody.items():
            found[name].append(_gain([scores[h] for h in at.honest], [scores[c] for c in crowd], voices))
    return found


def _gain(honest: Sequence[float], crowd: Sequence[float], voices: float) -> Gain:
    """Equal scores count half for the percentile; who only equals the decile's bound is not in it."""
    ranked = sorted(honest)
    best = max(crowd)
    bound = ranked[min(len(ranked) - 1, int(DECILE * len(ranked)))]
    percentile = (bisect_left(ranked, best) + bisect_right(ranked, best)) / 2 / len(ranked)
    return Gain(percentile, sum(score > bound for score in crowd) / len(crowd), best, voices)


def bad_mouthed(work: tuple[Field, Attack]) -> dict[str, list[float]]:
    """How much lower each good name stands in each viewer's eyes than without the attack, by each method whose scores
    are shares of good outcomes."""
    at, attack = work
    before = _shares(at, at.ratings)
    after = _shares(at, [*at.ratings, *lies(at, attack, at.names)])
    return {name: [old - new for old, new in zip(before[name], after[name], strict=True)] for name in before}


class Eyes:
    """Everybody's view of some ratings; what does not depend on the settings is made once."""

    def __init__(self, at: Field, ratings: Sequence[Rating]) -> None:
        self._at = at
        self._ratings = ratings
        self._books: dict[int, Book] = {}
        self._stands: dict[bytes, Standpoint] = {}

    def views(self, settings: Settings) -> list[View]:
        """One of each viewer of the field."""
        if settings.half_life not in self._books:
            self._books[settings.half_life] = book_of(self._ratings, self._at.now, settings.half_life)
        book = self._books[settings.half_life]
        found = []
        for viewer in self._at.viewers:
            if viewer not in self._stands:  # whom one trusts does not depend on the half-life: one rating a pair
                self._stands[viewer] = standpoint(book, viewer, self._ratings[0].rater, settings)
            found.append(View.of(book, self._stands[viewer], settings))
        return found

    def names(self, settings: Settings) -> list[float]:
        """The score of each good name, for each viewer."""
        return [view.score(name).score for view in self.views(settings) for name in self._at.names]

    def gains(self, identities: int, settings: Settings) -> list[Gain]:
        """`attacked`, by our method alone."""
        crowd = [invented(number) for number in range(identities)]
        found = []
        for view in self.views(settings):
            scores = [view.score(each) for each in crowd]
            honest = [view.score(each).score for each in self._at.honest]
            voices = max(each.confidence for each in scores)
            found.append(_gain(honest, [each.score for each in scores], voices))
        return found


def _shares(at: Field, ratings: Sequence[Rating]) -> dict[str, list[float]]:
    mean, beta = rivals.mean(ratings), rivals.beta(ratings)
    return {
        "mean of signs": [(mean(name) + 1) / 2 for name in at.names],
        "beta": [beta(name) for name in at.names],
        OURS: Eyes(at, ratings).names(Settings()),
    }
