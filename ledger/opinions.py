"""What people said of each other after their deals, put together for all who look at it. Pure.

A `Book` does not depend on who looks, so that many standpoints can share one.
"""

from collections.abc import Iterable

import msgspec

from protocols.limits import DAY

from .trust import Links, graph_of, turned


class Attestation(msgspec.Struct, frozen=True, order=True):
    """What `rater` said of `ratee` after `deal`. outcome: -2 (bad) to 2 (good); at: ms. The caller has verified it: the
    signature, and that the deal was settled (or cancelled or in default) between the two."""

    rater: bytes
    ratee: bytes
    deal: bytes
    at: int
    outcome: int


class Opinion(msgspec.Struct, frozen=True):
    """All attestations of one rater on one ratee: positive + negative <= 1, faded by age."""

    positive: float
    negative: float
    attestations: tuple[Attestation, ...]


class Book:
    """Opinions and the trust graph that follows from them.

    edges: pairs of authors, from redeemed invites and from vouches that their subject accepted, each taken both ways. A
    vouch that nobody accepted must not be among them: by it, a stranger would make himself known to whomever he names.
    misconduct: who is proven to have cheated: nobody trusts him, and he trusts nobody. now, half_life: ms.
    The order of the inputs and repetitions do not matter; of several attestations on one deal by one rater the newest
    counts. `add` and `remove` make of it, at the cost of one pair, what it would be if made anew. turns: how often the
    graph has changed by that.
    """

    def __init__(
        self,
        edges: Iterable[tuple[bytes, bytes]],
        attestations: Iterable[Attestation],
        misconduct: Iterable[bytes],
        now: int,
        half_life: int,
    ) -> None:
        self.misconduct = frozenset(misconduct)
        self.turns = 0
        self.about: dict[bytes, dict[bytes, Opinion]] = {}
        self.by: dict[bytes, dict[bytes, Opinion]] = {}
        self._fade = _Fading(now, half_life)
        self._said = _pairs(attestations)
        self._edges: dict[bytes, set[bytes]] = {}
        trusting = []
        for (rater, ratee), said in self._said.items():
            opinion = self._fade.opinion(_newest(said))
            self.about.setdefault(ratee, {})[rater] = opinion
            self.by.setdefault(rater, {})[ratee] = opinion
            if opinion.positive > opinion.negative:
                trusting.append((rater, ratee))
        for pair in edges:
            for source, target in (pair, pair[::-1]):
                self._edges.setdefault(source, set()).add(target)
        both_ways = [(source, target) for source, targets in self._edges.items() for target in targets]
        self.graph = graph_of([*trusting, *both_ways], self.misconduct)
        self.sources = turned(self.graph)

    def add(self, attestation: Attestation) -> None:
        """One more. Nothing happens if it is there already."""
        held = self._said.get((attestation.rater, attestation.ratee), [])
        if _counts(attestation) and attestation not in held:
            self._renew(attestation.rater, attestation.ratee, sorted([*held, attestation]))

    def remove(self, attestation: Attestation) -> None:
        """One less. Nothing happens if it is not there."""
        held = self._said.get((attestation.rater, attestation.ratee), [])
        if attestation in held:
            self._renew(attestation.rater, attestation.ratee, [each for each in held if each != attestation])

    def _renew(self, rater: bytes, ratee: bytes, said: list[Attestation]) -> None:
        opinion = None
        if said:
            self._said[rater, ratee] = said
            opinion = self._fade.opinion(_newest(said))
        else:
            del self._said[rater, ratee]
        _put(self.about, ratee, rater, opinion)
        _put(self.by, rater, ratee, opinion)
        trusts = opinion is not None and opinion.positive > opinion.negative
        if not {rater, ratee} & self.misconduct and ratee not in self._edges.get(rater, ()):
            self._turn(rater, ratee, trusts)

    def _turn(self, rater: bytes, ratee: bytes, trusts: bool) -> None:
        if (ratee in self.graph.get(rater, ())) != trusts:
            self.turns += 1
            _join(self.graph, rater, ratee, trusts)
            _join(self.sources, ratee, rater, trusts)


def _put(opinions: dict[bytes, dict[bytes, Opinion]], first: bytes, second: bytes, opinion: Opinion | None) -> None:
    """In ascending order, in which the opinions on somebody are added up."""
    held = opinions.get(first, {})
    if opinion is None:
        del held[second]
        if not held:
            del opinions[first]
    elif second in held:
        held[second] = opinion
    else:
        opinions[first] = dict(sorted([*held.items(), (second, opinion)]))


def _join(graph: Links, first: bytes, second: bytes, trusts: bool) -> None:
    others = {*graph.pop(first, ())} - {second}
    if trusts:
        others.add(second)
    if others:
        graph[first] = tuple(sorted(others))


class _Fading:
    """Half as much each half-life, in steps of whole days: products alone, which are the same on every machine."""

    def __init__(self, now: int, half_life: int) -> None:
        self._now = now
        self._daily = round(0.5 ** (DAY / half_life), 12)
        self._factors = [1.0]

    def at(self, at: int) -> float:
        days = max(0, self._now - at) // DAY
        while len(self._factors) <= days and self._factors[-1] > 0.0:
            self._factors.append(self._factors[-1] * self._daily)
        return self._factors[days] if days < len(self._factors) else 0.0

    def opinion(self, said: list[Attestation]) -> Opinion:
        positive = negative = 0.0
        for each in said:
            if each.outcome > 0:
                positive += self.at(each.at) * each.outcome / 2
            else:
                negative -= self.at(each.at) * each.outcome / 2
        unit = max(1.0, positive + negative)
        return Opinion(positive / unit, negative / unit, tuple(said))


def _counts(attestation: Attestation) -> bool:
    return attestation.rater != attestation.ratee and -2 <= attestation.outcome <= 2


def _pairs(attestations: Iterable[Attestation]) -> dict[tuple[bytes, bytes], list[Attestation]]:
    """Ascending, the pairs as well as what is said in each."""
    pairs: dict[tuple[bytes, bytes], list[Attestation]] = {}
    for each in sorted(attestations):
        if _counts(each):
            pairs.setdefault((each.rater, each.ratee), []).append(each)
    return pairs


def _newest(said: list[Attestation]) -> list[Attestation]:
    """Of one pair on each deal, by the deals."""
    return list({each.deal: each for each in said}.values()) if len(said) > 1 else said
