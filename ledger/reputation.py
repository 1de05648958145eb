"""Reputation: how far I, from where I stand, can trust somebody. Pure; nobody computes it for anybody else.

The rule, measured against others on the Bitcoin OTC web of trust (`python -m bench.reputation`, docs/reputation.md):

1. Reach T(x): how often a random walk from me comes by x (`ledger.trust`). Walks follow whom a rater, on balance, rated
   well in settled deals, and vouches and redeemed invites, these both ways.
2. Voice t(x) = T(x) / (T(x) + reach); my own is 1. Who has no path from me has none.
3. A pair of rater and ratee has one unit, however many deals: an outcome counts ½ or 1 by its strength, and half as
   much each half-life. A rater's word comes to me on one path that does not lead over the ratee, and on it everyone
   passes on at most his own voice, his own word included. n⁺ and n⁻ are the sums of what arrives.
4. A deal that went badly has two sides: what the subject himself says against somebody whom I trust and who is well
   thought of counts against him too, `quarrel` times as much. Nobody can do this to another.
5. score : (1 - score) = m · (n⁺ + w·p) : (n⁻ + w·(1-p)), where p is the prior, w its weight, and m the square root of
   how my own deals went, against the prior: who has met with more bad ones than most expects less of everybody. It
   moves all scores alike. confidence = n⁺ + n⁻.
6. Proven misconduct: t and score are 0.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from math import sqrt
from typing import Final, Self

import msgspec

from protocols.limits import DAY

from .opinions import Attestation, Book, Opinion
from .trust import Graph, Path, Ways, carried, nearest, reach

__all__ = ["Attestation", "Book", "Reason", "Score", "Settings", "Standpoint", "View", "reputation"]

_NOTHING: Final[Mapping[bytes, Opinion]] = {}


class Settings(msgspec.Struct, frozen=True):
    """The constants of the rule. half_life in ms; reach: the T that gives half a voice; own: how many deals, as good as
    the prior, my own experience is mixed with."""

    restart: float = 0.33
    reach: float = 0.01
    half_life: int = 365 * DAY
    prior: float = 0.9
    weight: float = 1.0
    quarrel: float = 0.25
    own: float = 20.0


class Reason(msgspec.Struct, frozen=True):
    """One attestation that a score rests on. trust: what the word weighs here, 0 to 1; path: authors from me to the
    rater, both included. If the rater is the subject himself, it is a quarrel, and the path leads to whom he spoke
    against."""

    deal: bytes
    rater: bytes
    ratee: bytes
    outcome: int
    trust: float
    path: Path


class Score(msgspec.Struct, frozen=True):
    """score: 0 to 1, the expected share of good outcomes; confidence: how many fully trusted raters' words it rests on
    (it may set limits, never the rank); why: the heaviest first; misconduct: proven, hence score 0."""

    score: float
    confidence: float
    why: tuple[Reason, ...] = ()
    misconduct: bool = False


class Standpoint:
    """What `me` reaches, and on which paths: the part of a view that does not depend on what the words say."""

    def __init__(self, graph: Graph, me: bytes, restart: float) -> None:
        self.me = me
        self.reached = reach(graph, me, restart)
        self.before = nearest(graph, me, self.reached)


class View:
    """The opinions of a `Book` from where `me` stands, made once and asked for many scores. Arguments as for `Book`."""

    def __init__(
        self,
        me: bytes,
        edges: Iterable[tuple[bytes, bytes]],
        attestations: Iterable[Attestation],
        misconduct: Iterable[bytes] = (),
        now: int = 0,
        settings: Settings | None = None,
    ) -> None:
        settings = settings or Settings()
        guilty = frozenset(misconduct)
        book = Book(edges, attestations, guilty - {me}, now, settings.half_life)
        self._look(book, Standpoint(book.graph, me, settings.restart), settings, me in guilty)

    @classmethod
    def of(cls, book: Book, standpoint: Standpoint, settings: Settings, guilty: bool = False) -> Self:
        """A view of a book that is there already. The book's half-life counts, not that of the settings. guilty:
        whether who looks is proven to have cheated himself, which does not blind him."""
        view = cls.__new__(cls)
        view._look(book, standpoint, settings, guilty)
        return view

    def _look(self, book: Book, standpoint: Standpoint, settings: Settings, guilty: bool) -> None:
        self.me = standpoint.me
        self.settings = settings
        self._book = book
        self._from = standpoint
        self._misconduct = book.misconduct | ({self.me} if guilty else set())
        self._first: dict[bytes, float] = {}

    def trust(self, author: bytes) -> float:
        """t(author), 0 to 1."""
        if author == self.me:
            return 1.0
        reached = self._from.reached.get(author, 0.0)
        return reached / (reached + self.settings.reach)

    def passes(self, author: bytes) -> float:
        """How much of his own word and of what comes through him together an author passes on to me."""
        return self.trust(author)

    def around(self, most: int) -> tuple[Path, ...]:
        """The paths on which the words of those come to me who have most of a voice, each the last of his: at most
        `most`, and everybody who is on one of them."""
        reached, found = self._from.reached, dict[bytes, Path]()
        for author in sorted(self._from.before, key=lambda author: (-reached[author], author)):
            path = self._path(author)
            new = [position for position in range(1, len(path)) if path[position] not in found]
            if len(found) + len(new) <= most:
                found.update((path[position], path[: position + 1]) for position in new)
        return tuple(found.values())

    def path(self, author: bytes) -> Path:
        """The path on which his word comes to me; empty for who cannot be reached."""
        return self._path(author) if author in self._from.before else ()

    @property
    def others(self) -> int:
        """How many can be reached."""
        return len(self._from.before) - 1

    def trusted(self, author: bytes) -> dict[bytes, bool]:
        """Whom he trusts, and whether by his own good word of them; else an invite or a vouch joins the two."""
        by = self._book.by.get(author, _NOTHING)
        return {
            other: other in by and by[other].positive > by[other].negative for other in self._book.graph.get(author, ())
        }

    def score(self, subject: bytes) -> Score:
        """The reputation of `subject`. For one without ratings by anybody I can reach: the prior with confidence 0."""
        positive, negative, words = self._heard(subject)
        self._first[subject] = self._share(positive, negative, 1.0)
        why = [
            Reason(a.deal, rater, subject, a.outcome, weight, path)
            for rater, (opinion, weight, path) in words.items()
            for a in opinion.attestations
        ]
        for other, opinion in self._book.by.get(subject, _NOTHING).items():
            if opinion.negative > opinion.positive and other in self._from.before:
                weight = self.settings.quarrel * self.trust(other) * self._standing(other)
                negative += weight * opinion.negative
                path = self._path(other)
                why += [Reason(a.deal, subject, other, a.outcome, weight, path) for a in opinion.attestations]
        why.sort(key=lambda reason: (-reason.trust, reason.rater, reason.ratee, reason.deal))
        if subject in self._misconduct:
            return Score(0.0, positive + negative, tuple(why), misconduct=True)
        return Score(self._share(positive, negative, self.mood), positive + negative, tuple(why))

    def unheard(self, subject: bytes) -> int:
        """How many have rated the subject whose words do not count here: no path leads to them, or over him alone."""
        return self.raters(subject) - len(self._heard(subject)[2])

    def raters(self, subject: bytes) -> int:
        """How many have rated the subject."""
        return len(self._book.about.get(subject, _NOTHING))

    def _heard(self, subject: bytes) -> tuple[float, float, dict[bytes, tuple[Opinion, float, Path]]]:
        """n⁺, n⁻ of what others say, and by rater what he says, what it weighs and how it comes to me."""
        opinions = {}
        paths: dict[bytes, Path] = {}
        ways = Ways(self._from.before, self._book.sources, self.me, subject)
        for rater, opinion in self._book.about.get(subject, _NOTHING).items():
            path = ways.to(rater) if rater in self._from.before else None
            if path is not None:
                opinions[rater], paths[rater] = opinion, path
        units = {rater: opinion.positive + opinion.negative for rater, opinion in opinions.items()}
        trust = {rater: self.trust(rater) for rater in units}
        own = {rater: trust[rater] * unit for rater, unit in units.items()}
        worth = carried(own, paths, self.passes)
        positive = negative = 0.0
        words = {}
        for rater, opinion in opinions.items():
            weight = worth[rater] / units[rater] if units[rater] else trust[rater]
            positive += opinion.positive * weight
            negative += opinion.negative * weight
            words[rater] = (opinion, weight, paths[rater])
        return positive, negative, words

    def _standing(self, author: bytes) -> float:
        """What others say of him, 0 to 1, without regard to my own luck and his quarrels."""
        if author not in self._first:
            positive, negative, _ = self._heard(author)
            self._first[author] = self._share(positive, negative, 1.0)
        return self._first[author]

    def _share(self, positive: float, negative: float, mood: float) -> float:
        good = mood * (positive + self.settings.weight * self.settings.prior)
        return good / (good + negative + self.settings.weight * (1.0 - self.settings.prior))

    @cached_property
    def mood(self) -> float:
        """m: 1 if my deals went as the prior says, or I had none."""
        good = self.settings.own * self.settings.prior
        bad = self.settings.own - good
        usual = good / bad
        for opinion in self._book.by.get(self.me, _NOTHING).values():
            good += opinion.positive > opinion.negative
            bad += opinion.negative > opinion.positive
        return sqrt(good / bad / usual)

    def _path(self, author: bytes) -> Path:
        path = [author]
        while path[-1] != self.me:
            path.append(self._from.before[path[-1]])
        return tuple(reversed(path))


def reputation(
    subject: bytes,
    me: bytes,
    edges: Iterable[tuple[bytes, bytes]],
    attestations: Iterable[Attestation],
    misconduct: Iterable[bytes] = (),
    now: int = 0,
    settings: Settings | None = None,
) -> Score:
    """One score, from scratch: see `View`, which is for many."""
    return View(me, edges, attestations, misconduct, now, settings).score(subject)
