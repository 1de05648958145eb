"""Reputation: how far I, from where I stand, can trust somebody. Pure; nobody computes it for anybody else.

The rule, measured against others on the Bitcoin OTC web of trust (Kumar et al., ICDM 2016 and WSDM 2018):

1. T(x): the probability that a random walk from me comes by x (`ledger.trust`). Walks follow whom a rater, on balance,
   rated well in settled deals, and vouches and redeemed invites, these both ways.
2. t(x) = min(1, T(x) / 0.03); my own is 1.
3. A pair of rater and ratee has one unit, however many deals: an outcome counts ½ or 1 by its strength, and half as
   much each 180 days. n⁺ and n⁻ are the sums of t(rater) times its positive and negative part. Those who are known to
   me only through one author count together at most as much as that author; who is known to me only through the ratee
   himself counts nothing. So a crowd of invented raters with one way in is worth no more than one; with several
   ways in, it is bounded by how often walks get there at all: P(a walk enters) / 0.33 / 0.03 whatever its number.
4. score = (n⁺ + ½·p0) / (n⁺ + n⁻ + ½); confidence = n⁺ + n⁻. p0 is the share of good outcomes among those that I and
   the people I trust have had; 0.9 until there are 20 of them.
5. Proven misconduct: t and score are 0.

Who has no path from me has t = 0: what he writes changes nothing, not even a sampling error.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Final

import msgspec

from protocols.limits import DAY

from .trust import capped, dominators, graph_of, hits, nearest_paths, path_to

_PRIOR_WEIGHT: Final = 0.5


class Attestation(msgspec.Struct, frozen=True, order=True):
    """What `rater` said of `ratee` after `deal`. outcome: -2 (bad) to 2 (good); at: ms. The caller has verified it: the
    signature, and that the deal was settled (or cancelled or in default) between the two."""

    rater: bytes
    ratee: bytes
    deal: bytes
    at: int
    outcome: int


class Settings(msgspec.Struct, frozen=True):
    """The constants of the rule, with their measured values. half_life in ms."""

    restart: float = 0.33
    walks: int = 5_000
    full_trust: float = 0.03
    half_life: int = 180 * DAY
    prior: float = 0.9
    prior_until: int = 20


class Reason(msgspec.Struct, frozen=True):
    """One attestation that a score rests on. trust: what the rater's word weighs here, 0 to 1; path: authors from me to
    the rater, both included."""

    deal: bytes
    rater: bytes
    outcome: int
    trust: float
    path: tuple[bytes, ...]


class Score(msgspec.Struct, frozen=True):
    """score: 0 to 1, the expected share of good outcomes; confidence: how many fully trusted raters' words it rests on
    (it may set limits, never the rank); why: the heaviest first; misconduct: proven, hence score 0."""

    score: float
    confidence: float
    why: tuple[Reason, ...] = ()
    misconduct: bool = False


class Opinion(msgspec.Struct, frozen=True):
    """All attestations of one rater on one ratee: positive + negative <= 1."""

    positive: float
    negative: float
    attestations: tuple[Attestation, ...]


class View:
    """The trust graph from where `me` stands, made once and asked for many scores.

    edges: pairs of authors, from redeemed invites and from vouches that their subject accepted, each taken both ways. A
    vouch that nobody accepted must not be among them: by it, a stranger would make himself known to whomever he names.
    now: ms. The order of the inputs and repetitions do not matter; of several attestations on one deal by one rater
    the newest counts.
    """

    def __init__(
        self,
        me: bytes,
        edges: Iterable[tuple[bytes, bytes]],
        attestations: Iterable[Attestation],
        misconduct: Iterable[bytes] = (),
        now: int = 0,
        settings: Settings | None = None,
    ) -> None:
        self.me = me
        self.settings = settings or Settings()
        self._misconduct = frozenset(misconduct)
        self._opinions = _opinions(attestations, _fading(now, self.settings.half_life))
        self._about: dict[bytes, list[bytes]] = {}
        for rater, ratee in self._opinions:
            self._about.setdefault(ratee, []).append(rater)
        trusting = [pair for pair, opinion in self._opinions.items() if opinion.positive > opinion.negative]
        both_ways = [pair for a, b in edges for pair in ((a, b), (b, a))]
        graph = graph_of([*trusting, *both_ways], self._misconduct - {me})
        self._hits = hits(graph, me, self.settings.walks, self.settings.restart)
        self._dominator = dominators(graph, me)
        self._before = nearest_paths(graph, me)

    def trust(self, author: bytes) -> float:
        """t(author), 0 to 1."""
        share = self._hits.get(author, 0) / self.settings.walks
        return 1.0 if author == self.me else min(1.0, share / self.settings.full_trust)

    def score(self, subject: bytes) -> Score:
        """The reputation of `subject`. For one without ratings by anybody I can reach: p0 with confidence 0."""
        raters = [
            rater
            for rater in self._about.get(subject, ())
            if self.trust(rater) > 0 and not self._only_through(subject, rater)
        ]
        opinions = {rater: self._opinions[rater, subject] for rater in raters}
        weights = self._weights({rater: o.positive + o.negative for rater, o in opinions.items()})
        positive = negative = 0.0
        why: list[Reason] = []
        for rater in sorted(raters):
            opinion = opinions[rater]
            positive += opinion.positive * weights[rater]
            negative += opinion.negative * weights[rater]
            path = path_to(self._before, self.me, rater)
            why += [Reason(a.deal, rater, a.outcome, weights[rater], path) for a in opinion.attestations]
        why.sort(key=lambda reason: (-reason.trust, reason.rater, reason.deal))
        if subject in self._misconduct:
            return Score(0.0, positive + negative, tuple(why), misconduct=True)
        score = (positive + _PRIOR_WEIGHT * self.prior) / (positive + negative + _PRIOR_WEIGHT)
        return Score(score, positive + negative, tuple(why))

    @cached_property
    def prior(self) -> float:
        """p0. A rater's outcomes count by the weight of his word, and at most as many as make p0 known at all."""
        known: dict[bytes, list[int]] = {}
        for (rater, _), opinion in self._opinions.items():
            if self.trust(rater) > 0:
                known.setdefault(rater, []).extend(a.outcome for a in opinion.attestations if a.outcome)
        weights = self._weights({rater: 1.0 for rater, outcomes in known.items() if outcomes})
        seen = good = 0.0
        for rater in sorted(weights):
            count = min(len(known[rater]), self.settings.prior_until) * weights[rater]
            seen += count
            good += count * sum(outcome > 0 for outcome in known[rater]) / len(known[rater])
        return good / seen if seen >= self.settings.prior_until else self.settings.prior

    def _weights(self, units: dict[bytes, float]) -> dict[bytes, float]:
        """What each rater's word weighs, given how much of his unit he uses."""
        own = {rater: self.trust(rater) * unit for rater, unit in units.items()}

        def most(author: bytes) -> float:
            return float("inf") if author == self.me else self.trust(author)

        worth = capped(own, self._dominator, self._dominator, most)
        return {rater: worth[rater] / unit if unit else self.trust(rater) for rater, unit in units.items()}

    def _only_through(self, subject: bytes, rater: bytes) -> bool:
        if subject == self.me:
            return False
        while rater != self.me:
            if rater == subject:
                return True
            rater = self._dominator[rater]
        return False


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


def _fading(now: int, half_life: int) -> Callable[[int], float]:
    def fade(at: int) -> float:
        return 1.0 if at >= now else 2.0 ** ((at - now) / half_life)

    return fade


def _opinions(attestations: Iterable[Attestation], fade: Callable[[int], float]) -> dict[tuple[bytes, bytes], Opinion]:
    newest: dict[tuple[bytes, bytes, bytes], Attestation] = {}
    for each in sorted(attestations):
        if each.rater != each.ratee and -2 <= each.outcome <= 2:
            newest[each.rater, each.ratee, each.deal] = each  # sorted, so the newest comes last
    pairs: dict[tuple[bytes, bytes], list[Attestation]] = {}
    for each in newest.values():
        pairs.setdefault((each.rater, each.ratee), []).append(each)
    found = {}
    for pair, said in pairs.items():
        positive = sum(fade(a.at) * a.outcome / 2 for a in said if a.outcome > 0)
        negative = sum(fade(a.at) * -a.outcome / 2 for a in said if a.outcome < 0)
        unit = max(1.0, positive + negative)
        found[pair] = Opinion(positive / unit, negative / unit, tuple(said))
    return found
