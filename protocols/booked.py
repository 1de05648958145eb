"""What binds the owner of a listing: agreements that book time of it, his offers that still stand, and what ended them.

One rule for both sides of it: a node takes a time for free only where what it holds would rebut, with anybody, the
challenge that it is booked (`protocols.double_booking`). So nobody who goes by it can be shown to have booked twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from protocols.booking import Booking
from protocols.conditions import SECOND_FORM
from protocols.errors import Reject
from protocols.fact import WITH_TERMS, Fact
from protocols.limits import MAX_SKEW
from protocols.negotiation import check_amendment
from protocols.steps import check_fact, parse_step
from protocols.terms import Duty, Terms, parse_terms, terms_hash

CUSTODY: Final = "transferCustody"


class Agreement(NamedTuple):
    """Terms, the fact that holds them, and the fact that accepts them: two signatures. known: a fact by which the
    responder shows that he has the acceptance of terms of his own, if he said any."""

    fact: Fact
    terms: Terms
    acceptance: Fact
    known: Fact | None = None

    @property
    def signed_at(self) -> int:
        """When the responder signed his part, by his own clock; ms."""
        return self.fact.at if self.fact.author == self.terms.responder else self.acceptance.at

    def binds(self, at: int) -> bool:
        """Whether the responder was bound at a time by what he had signed until then: by an acceptance for good, by
        terms of his own until they lapse, or for good once he shows that he knows them to be accepted."""
        if self.fact.author == self.terms.responder:
            return self.fact.at <= at and (at <= self.terms.expires or self.is_known(at))
        return self.acceptance.at <= at

    def is_known(self, at: int) -> bool:
        return self.known is not None and self.known.at <= at


def agreement(fact: Fact, acceptance: Fact, known: Fact | None = None) -> Agreement:
    """What these facts amount to by themselves. `Reject` unless one accepts, in time, the terms that the other holds,
    and one of the two is the responder's; `known` follows the acceptance. Signatures are not looked at."""
    check_fact(fact)
    check_fact(acceptance)
    if fact.kind not in WITH_TERMS or acceptance.kind != "accept":
        raise Reject("context", "not terms and their acceptance")
    terms = parse_terms(fact.payload)
    step = parse_step(acceptance)
    may = {*terms.parties, terms.mediator} if fact.kind == "amend" else {*terms.parties}
    answers = (acceptance.prev, acceptance.exchange_id, acceptance.network) == (fact.id, fact.exchange_id, fact.network)
    named = (step.party, step.terms) == (fact.author, terms_hash(terms))
    if not answers or not named or acceptance.at > terms.expires:
        raise Reject("context", "this accepts other terms, or too late")
    if acceptance.author == fact.author or not {acceptance.author, fact.author} <= may:
        raise Reject("context", "signed by others than may agree to it")
    if terms.responder not in (acceptance.author, fact.author):
        raise Reject("context", "the responder signed neither")
    if known is not None:
        check_fact(known)
        follows = (known.author, known.prev, known.exchange_id) == (terms.responder, acceptance.id, fact.exchange_id)
        if not follows or known.network != fact.network:
            raise Reject("context", "what is said to follow the acceptance does not, or is not the responder's")
    return Agreement(fact, terms, acceptance, known)


def quantity_of(terms: Terms) -> int:
    """How many of the listing these terms take: as the first duty says that counts what it moves, else one.

    `Terms.quantity` may count hours, and so says nothing of it.
    """
    return next((d.quantity for d in terms.duties if d.quantity and not d.measure and not d.amount), 1)


def booking(terms: Terms, capacity: int, quantity: int) -> Terms:
    """The same terms, so that they book `quantity` of a capacity; as they are where they name no time that ends."""
    if not terms.end or not capacity:
        return terms
    counted = next((d for d in terms.duties if not (d.amount or d.measure or d.along or d.on)), None)
    duties = tuple(replace(d, quantity=quantity) if d is counted and quantity > 1 else d for d in terms.duties)
    return replace(terms, form=SECOND_FORM, capacity=capacity, duties=duties)


def booking_of(terms: Terms, key: bytes) -> Booking | None:
    """What these terms book, or None where they name no time that ends."""
    return Booking(key, terms.start, terms.end, quantity_of(terms)) if terms.end else None


def standing_terms(agreed: Agreement, said: Iterable[Fact], at: int) -> tuple[Terms | None, str]:
    """The terms that stood in place of an agreement at a time, or None and why nothing did any more.

    said: facts of the same exchange, their signatures verified. The responder's own count if they are dated until then;
    those of others even if their clocks are ahead as far as clocks may be.
    """
    facts = [f for f in said if f.exchange_id == agreed.fact.exchange_id and f.network == agreed.fact.network]
    facts = [f for f in facts if f.at <= (at if f.author == agreed.terms.responder else at + MAX_SKEW)]
    refused = _turned_down(agreed, facts)
    if refused and not agreed.is_known(at):
        return None, refused
    newest, seen = agreed, {agreed.acceptance.id: agreed.terms}
    while (following := _amended(newest, facts, seen)) is not None:
        newest = following
        seen[following.acceptance.id] = following.terms
    asked = [f for f in facts if f.kind == "cancel" and f.prev in seen]
    if {f.author for f in asked} >= {*newest.terms.parties}:
        return None, "cancelled by both"
    until = {rule.by: rule.until for rule in newest.terms.cancellation}
    if any(f.at <= until.get(f.author, -1) for f in asked):
        return None, "cancelled by one who might do so alone"
    left = until_returned(newest.terms, seen, facts)
    if left is not newest.terms:
        return left, "returned"
    return newest.terms, "" if newest is agreed else "amended"


def until_returned(newest: Terms, under: Mapping[bytes, Terms], said: Iterable[Fact]) -> Terms | None:
    """The terms, with an end when all that their responder lent was back, where both have signed that it is: None if
    that was before the start.

    under: all terms that were agreed, by the id of their acceptance. Who moved the time, or changed what is to come
    back, after that has agreed to lend it once more.
    """
    facts, times = [f for f in said if f.kind in ("done", "confirm")], []
    for duty in returns(newest):
        by_author: dict[bytes, int] = {}
        for fact in facts:
            terms = under.get(fact.prev)
            if terms is None or (terms.start, terms.end, terms.duty(duty.id)) != (newest.start, newest.end, duty):
                continue
            by = duty.provider if fact.kind == "done" else duty.receiver
            if fact.author == by and parse_step(fact).duty == duty.id:
                by_author[by] = min(fact.at, by_author.get(by, fact.at))
        if len(by_author) < 2:
            return newest
        times.append(max(by_author.values()))
    if not times or max(times) >= newest.end:
        return newest
    return replace(newest, end=max(times)) if max(times) > newest.start else None


def returns(terms: Terms) -> list[Duty]:
    """The duties by which what the responder hands over comes back to him."""
    handed = [n for n, d in enumerate(terms.duties) if d.action == CUSTODY and d.provider == terms.responder]
    if not handed:
        return []
    return [d for d in terms.duties[handed[0] :] if d.action == CUSTODY and d.receiver == terms.responder]


def _turned_down(agreed: Agreement, said: Sequence[Fact]) -> str:
    """Of terms of the responder's own: that the other answered them otherwise before it accepted them after all."""
    if agreed.fact.author != agreed.terms.responder:
        return ""
    for fact in said:
        if fact.prev == agreed.fact.id and fact.author == agreed.acceptance.author and fact.kind in ANSWERS:
            return "declined" if fact.kind == "decline" else "countered"
    return ""


ANSWERS = frozenset({"decline", "counter"})


def _amended(newest: Agreement, said: Sequence[Fact], seen: Mapping[bytes, Terms]) -> Agreement | None:
    """The agreement that replaces this one, if there is one: of several the first accepted."""
    found = []
    for fact in said:
        if fact.kind != "amend" or fact.prev != newest.acceptance.id:
            continue
        for acceptance in said:
            if acceptance.kind != "accept" or acceptance.prev != fact.id or acceptance.id in seen:
                continue
            try:
                amended = agreement(fact, acceptance)
                check_amendment(newest.terms, amended.terms)
            except Reject:
                continue
            found.append(amended)
    return min(found, key=lambda a: (a.acceptance.at, a.acceptance.id), default=None)
