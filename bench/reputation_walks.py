"""The methods beside ours that draw walks from the viewer. Every viewer's walks are the same in every run.

They go as ours do: over who rated somebody well, on balance, and the ties of invites, stopping with `restart`.

* MeritRank (Nasrulin, Ishmaev, Pouwelse, BRAINS 2022): the share of walks that come by somebody (transitivity decay),
  `1 - CUT` times as much if more than `THROUGH` of these came by one and the same other (connectivity decay). It knows
  good ratings alone. It is for contributions; its third decay, by epochs, has nothing to act on here.
* the earlier rule, ours before this one: the same share of walks, three in a hundred being a full voice; voices fade by
  half in 180 days and are added up, however they come; the prior weighs half a voice, and is 0.9 or, from 20 outcomes
  on, their share of good ones.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from ledger.opinions import Book
from ledger.trust import Graph
from protocols.limits import DAY

from .reputation_data import Rating, drawn_by

WALKS: Final = 2_000
THROUGH: Final = 0.95
CUT: Final = 0.8
EARLIER_HALF_LIFE: Final = 180 * DAY
_FULL_VOICE: Final = 0.03
_PRIOR: Final = 0.9
_WEIGHT: Final = 0.5
_ENOUGH: Final = 20  # outcomes, to go by their share


class Walks:
    """`count` walks from `me`, and whom they came by."""

    def __init__(self, graph: Graph, me: bytes, restart: float, count: int = 0) -> None:
        self._count = count = count or WALKS
        self._came: Counter[bytes] = Counter()  # walks that came by somebody
        self._before: defaultdict[bytes, Counter[bytes]] = defaultdict(Counter)  # and by whom else before
        rng = drawn_by(int.from_bytes(me))
        for _ in range(count):
            here, seen = me, list[bytes]()
            while here in graph and rng.random() >= restart:
                targets = graph[here]
                here = targets[int(rng.random() * len(targets))]
                if here == me:
                    break
                if here not in seen:
                    self._came[here] += 1
                    self._before[here].update(seen)
                    seen.append(here)

    def hits(self, author: bytes) -> float:
        """The share of walks that came by, 0 to 1."""
        return self._came[author] / self._count

    def merit(self, author: bytes) -> float:
        """MeritRank of the author."""
        most = max(self._before[author].values(), default=0) if author in self._before else 0
        cut = CUT if most > THROUGH * self._came[author] else 0.0
        return self.hits(author) * (1.0 - cut)


def outcomes(ratings: Sequence[Rating]) -> float:
    """The prior of the earlier rule: what share of good ones a node that holds these has seen."""
    return sum(r.rating > 0 for r in ratings) / len(ratings) if len(ratings) >= _ENOUGH else _PRIOR


def earlier(book: Book, walks: Walks, me: bytes, prior: float, subject: bytes) -> float:
    """The earlier rule. book: with `EARLIER_HALF_LIFE`."""
    good, bad = _WEIGHT * prior, _WEIGHT * (1.0 - prior)
    for rater, opinion in book.about.get(subject, {}).items():
        voice = 1.0 if rater == me else min(1.0, walks.hits(rater) / _FULL_VOICE)
        good += voice * opinion.positive
        bad += voice * opinion.negative
    return good / (good + bad)
