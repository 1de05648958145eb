"""Which terms count: the chain of counter-proposals up to an agreement, and of amendments after it.

Of several answers of one party to the same terms, a counter-proposal that the other party has answered counts first,
then an acceptance, then a counter-proposal without an answer, then decline and withdrawal; of two of a sort the lower
(at, id). So nobody can change afterwards what the other party relies on.

What was agreed is replaced by an amendment alone, signed by two of the three who may: the parties, and the mediator
whom the agreed terms name. Whoever accepts two amendments of the same terms has signed the proof against himself.
"""

from collections.abc import Sequence
from typing import NamedTuple

from protocols.conditions import SECOND_FORM
from protocols.errors import Reject
from protocols.fact import Fact
from protocols.steps import parse_step
from protocols.terms import Terms, parse_terms, terms_hash


class Agreed(NamedTuple):
    """Terms that were accepted. acceptances: all that accept them, the one that counts first."""

    fact: Fact
    terms: Terms
    acceptances: tuple[Fact, ...]


class Negotiated(NamedTuple):
    """fact, terms: the newest that count; agreed: each agreement since the first, empty while there is none; amendment:
    what is proposed in place of what was agreed, and has no second signature yet."""

    fact: Fact
    terms: Terms
    agreed: tuple[Agreed, ...]
    amendment: tuple[Fact, Terms] | None


_Answers = dict[bytes, list[Fact]]  # by what they answer, ascending by (at, id)


def negotiate(root: Fact, said: Sequence[Fact]) -> Negotiated:
    """Follow what was said, ascending by (at, id), from the proposal to the terms that count."""
    by_prev: _Answers = {}
    for fact in said:
        by_prev.setdefault(fact.prev, []).append(fact)
    fact, terms, acceptances = _newest(root, parse_terms(root.payload), by_prev)
    if not acceptances:
        return Negotiated(fact, terms, (), None)
    agreed = [Agreed(fact, terms, acceptances)]
    while True:
        amendments = _amendments(agreed[-1], by_prev)
        accepted = sorted(
            ((f, t, a) for f, t in amendments if (a := _acceptances(f, t, agreed[-1].terms, by_prev))),
            key=lambda found: (found[2][0].at, found[2][0].id),
        )
        if not accepted:
            fact, terms, _ = agreed[-1]
            return Negotiated(fact, terms, tuple(agreed), _open(amendments, by_prev))
        agreed.append(Agreed(*accepted[0]))


def first(said: Sequence[Fact], kind: str, author: bytes, prev: bytes) -> Fact | None:
    return next((f for f in said if (f.kind, f.author, f.prev) == (kind, author, prev)), None)


def may_amend(terms: Terms) -> frozenset[bytes]:
    """Whose signatures count on what replaces these terms: two of them are needed."""
    return frozenset({*terms.parties, terms.mediator} - {b""})


def check_amendment(old: Terms, new: Terms) -> None:
    """`Reject` unless the new terms may replace the old ones: same parties, listing, mediator; next in the chain. A
    parcel may be left out, where nothing is delivered any more."""
    for key in ("parties", "listing", "name", "form", "kind", "mediator", "parent", "goal", "capacity"):
        if getattr(old, key) != getattr(new, key):
            raise Reject("context", f"an amendment with another {key}")
    if new.parcel not in (old.parcel, b""):
        raise Reject("context", "an amendment with another parcel")
    if old.form != SECOND_FORM or new.previous != terms_hash(old):
        raise Reject("context", "an amendment of other terms")


def _newest(fact: Fact, terms: Terms, by_prev: _Answers) -> tuple[Fact, Terms, tuple[Fact, ...]]:
    """A counter-proposal that the other party has answered (accepted, countered or declined) beats whatever else its
    author said of the terms before it: else an author could undo an agreement by a second answer to older terms."""
    while True:
        following = [(c, t) for c in by_prev.get(fact.id, ()) if (t := _follows(c, fact, terms)) is not None]
        answered = [(c, t) for c, t in following if _answers(c, t, by_prev)]
        acceptances = tuple(f for f in by_prev.get(fact.id, ()) if _accepts(f, fact, terms, terms.parties))
        if answered:
            fact, terms = answered[0]
        elif acceptances or not following:
            return fact, terms, acceptances
        else:
            fact, terms = following[0]


def _follows(fact: Fact, before: Fact, terms: Terms) -> Terms | None:
    """The terms of a counter-proposal to these, or None."""
    if fact.kind != "counter" or fact.author == before.author or fact.author not in terms.parties:
        return None
    counter = parse_terms(fact.payload)
    same = (counter.parties, counter.listing, counter.name) == (terms.parties, terms.listing, terms.name)
    return counter if same and counter.previous == terms_hash(terms) else None


def _accepts(fact: Fact, proposed: Fact, terms: Terms, may: Sequence[bytes] | frozenset[bytes]) -> bool:
    """Whether a fact accepts these terms: by another who may, in time, naming both."""
    if fact.kind != "accept" or fact.author == proposed.author or fact.author not in may or fact.at > terms.expires:
        return False
    step = parse_step(fact)
    return step.party == proposed.author and step.terms == terms_hash(terms)


def _answers(counter: Fact, terms: Terms, by_prev: _Answers) -> bool:
    """Whether the other party has answered a counter-proposal."""
    return any(
        _accepts(f, counter, terms, terms.parties)
        or _follows(f, counter, terms) is not None
        or (f.kind == "decline" and f.author != counter.author and f.author in terms.parties)
        for f in by_prev.get(counter.id, ())
    )


def _amendments(agreed: Agreed, by_prev: _Answers) -> list[tuple[Fact, Terms]]:
    """What is proposed in place of this agreement, by anybody who may."""
    if agreed.terms.form != SECOND_FORM:
        return []
    found = []
    for acceptance in agreed.acceptances:
        for fact in by_prev.get(acceptance.id, ()):
            if fact.kind == "amend" and fact.author in may_amend(agreed.terms):
                terms = parse_terms(fact.payload)
                try:
                    check_amendment(agreed.terms, terms)
                except Reject:
                    continue
                found.append((fact, terms))
    return found


def _acceptances(fact: Fact, terms: Terms, old: Terms, by_prev: _Answers) -> tuple[Fact, ...]:
    return tuple(f for f in by_prev.get(fact.id, ()) if _accepts(f, fact, terms, may_amend(old)))


def _open(amendments: list[tuple[Fact, Terms]], by_prev: _Answers) -> tuple[Fact, Terms] | None:
    """The newest amendment that nobody has declined or taken back."""
    waiting = [
        (f, t)
        for f, t in amendments
        if not any(
            answer.kind == ("withdraw" if answer.author == f.author else "decline") for answer in by_prev.get(f.id, ())
        )
    ]
    return max(waiting, key=lambda found: (found[0].at, found[0].id), default=None)
