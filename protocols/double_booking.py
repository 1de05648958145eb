"""A proof that one provider agreed to more than the capacity of a listing at one time, and what rebuts it.

    agreement = canonical array ["p2pnode-agreement", 1, A]         A: [fact with terms, acceptance, (what follows it)]
    challenge = canonical array ["p2pnode-double-booking", 1, [A, …]]                              2 … 16 agreements
    rebuttal  = canonical array ["p2pnode-rebuttal", 1, [fact, …]]                                 1 … 16 facts

Facts in wire form. What follows an acceptance shows that the provider knew it, where the terms were his.
Whoever checks needs nothing else: the later keys of those who have replaced their first one may be shown around each
(`protocols.shown_keys`).
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from protocols.booked import Agreement, agreement, booking_of, quantity_of, standing_terms
from protocols.booking import Booking, Span, conflicts
from protocols.codec import decode, encode
from protocols.errors import DecodeError, Reject
from protocols.fact import Fact, parse_fact, verify_fact
from protocols.limits import MAX_AGREEMENTS, MAX_CHALLENGE
from protocols.shown_keys import Keys, open_with_keys

AGREEMENT: Final = "p2pnode-agreement"
CHALLENGE: Final = "p2pnode-double-booking"
REBUTTAL: Final = "p2pnode-rebuttal"
VERSION: Final = 1


class DoubleBooking(NamedTuple):
    """at: when the provider signed the last of the agreements, ms; overlap: a time at which all of them meet and
    `booked` is more than `capacity`; exchanges: their ids, in the order of the challenge."""

    provider: bytes
    network: bytes
    name: bytes
    title: str
    exchanges: tuple[bytes, ...]
    overlap: Span
    booked: int
    capacity: int
    at: int


class Rebutted(NamedTuple):
    """exchange: of the agreement that did not stand; reason: what had become of it."""

    exchange: bytes
    reason: str


def encode_agreement(agreed: Agreement) -> bytes:
    return encode([AGREEMENT, VERSION, _row(agreed)])


def parse_agreement(data: bytes) -> Agreement:
    """`Reject` unless these are terms and their acceptance. Signatures are not looked at."""
    return _agreement(_open(open_with_keys(data, MAX_CHALLENGE).file, AGREEMENT, MAX_CHALLENGE))


def encode_challenge(agreements: Sequence[Agreement]) -> bytes:
    return encode([CHALLENGE, VERSION, [_row(a) for a in agreements]])


def encode_rebuttal(facts: Sequence[Fact]) -> bytes:
    return encode([REBUTTAL, VERSION, [f.wire for f in facts]])


def check_challenge(data: bytes, keys: Keys | None = None) -> DoubleBooking:
    """What a challenge shows. `Reject` unless every signature holds, all agreements are of one provider, network and
    listing, he was bound by all of them when he signed the last, and together they exceed the largest capacity that
    any of them names, all at one time. keys: others than those that the file itself shows."""
    data, keys = _with_its_keys(data, keys)
    agreements = _agreements(data, keys)
    first = agreements[0].terms
    for one in agreements:
        terms = one.terms
        if (terms.responder, terms.name, one.fact.network) != (
            first.responder,
            first.name,
            agreements[0].fact.network,
        ):
            raise Reject("context", "not of one provider, network and listing")
        if not terms.capacity:
            raise Reject("context", "an agreement that names no capacity")
    if len({a.fact.exchange_id for a in agreements}) < len(agreements):
        raise Reject("context", "two agreements of one exchange, of which only one can stand")
    at = max(a.signed_at for a in agreements)
    if not all(a.binds(at) for a in agreements):
        raise Reject("state", "terms of the provider's had lapsed, as far as he could know, when he signed the last")
    overlap = _overlap(agreements)
    booked, capacity = sum(quantity_of(a.terms) for a in agreements), max(a.terms.capacity for a in agreements)
    if overlap is None:
        raise Reject("state", "there is no time at which all of them meet")
    if booked <= capacity:
        raise Reject("state", f"{booked} booked of {capacity}: that is within the capacity")
    return DoubleBooking(
        provider=first.responder,
        network=agreements[0].fact.network,
        name=first.name,
        title=first.title,
        exchanges=tuple(a.fact.exchange_id for a in agreements),
        overlap=overlap,
        booked=booked,
        capacity=capacity,
        at=at,
    )


def check_rebuttal(challenge: bytes, rebuttals: Sequence[bytes], keys: Keys | None = None) -> Rebutted:
    """Why a challenge that holds by itself is none, with what the provider shows. `Reject` if it stands all the same.

    It does not where some agreements had ended, or been moved, before he signed the last one, so that what was left
    fits. Facts of other exchanges say nothing; each signature must hold.
    """
    challenge, keys = _with_its_keys(challenge, keys)
    shown = check_challenge(challenge, keys)
    said = [fact for data in rebuttals for fact in _facts(*_with_its_keys(data, keys))]
    left: list[Booking] = []
    reasons: list[Rebutted] = []
    for one in _agreements(challenge, keys):
        of_it = [f for f in said if f.exchange_id == one.fact.exchange_id]
        terms, reason = standing_terms(one, of_it, shown.at)
        if reason:
            reasons.append(Rebutted(one.fact.exchange_id, reason))
        booking = booking_of(terms, one.fact.exchange_id) if terms is not None else None
        if booking is not None:
            left.append(booking)
    if any(conflicts(left, Span(b.start, b.end), 0, shown.capacity) for b in left) or not reasons:
        raise Reject("state", "what is shown does not rebut it: too much was booked all the same")
    return reasons[0]


def _with_its_keys(data: bytes, keys: Keys | None) -> tuple[bytes, Keys]:
    shown = open_with_keys(data, MAX_CHALLENGE)
    return shown.file, {**(keys or {}), **shown.keys}


def _overlap(agreements: Sequence[Agreement]) -> Span | None:
    span = Span(max(a.terms.start for a in agreements), min(a.terms.end for a in agreements))
    return span if span.start < span.end else None


def _agreements(data: bytes, keys: Keys) -> list[Agreement]:
    rows = _open(data, CHALLENGE, MAX_CHALLENGE)
    if type(rows) is not list or not 2 <= len(rows) <= MAX_AGREEMENTS:
        raise DecodeError(f"not 2 to {MAX_AGREEMENTS} agreements", "field")
    found = [_agreement(row) for row in rows]
    for one in found:
        for fact in _signed(one):
            _verify(fact, keys)
    return found


def _signed(one: Agreement) -> list[Fact]:
    return [fact for fact in (one.fact, one.acceptance, one.known) if fact is not None]


def _row(one: Agreement) -> list[bytes]:
    return [fact.wire for fact in _signed(one)]


def _agreement(row: Any) -> Agreement:
    if type(row) is not list or not 2 <= len(row) <= 3:
        raise DecodeError("an agreement is terms and their acceptance", "field")
    return agreement(*[_fact(wire) for wire in row])


def _facts(data: bytes, keys: Keys) -> list[Fact]:
    rows = _open(data, REBUTTAL, MAX_CHALLENGE)
    if type(rows) is not list or not 1 <= len(rows) <= MAX_AGREEMENTS:
        raise DecodeError(f"not 1 to {MAX_AGREEMENTS} facts", "field")
    found = [_fact(row) for row in rows]
    for fact in found:
        _verify(fact, keys)
    return found


def _verify(fact: Fact, keys: Keys) -> None:
    verify_fact(fact, keys.get((fact.author, fact.epoch)) if fact.epoch else None)


def _fact(wire: Any) -> Fact:
    if type(wire) is not bytes:
        raise DecodeError("a fact is bytes", "field")
    return parse_fact(wire)


def _open(data: bytes, magic: str, limit: int) -> Any:
    """What stands in such a file."""
    row = decode(data, limit)
    if type(row) is not list or not row or row[0] != magic:
        raise Reject("field", f"not a {magic} file")
    if len(row) != 3 or type(row[1]) is not int or row[1] != VERSION:
        raise Reject("field", f"a {magic} file of another version")
    return row[2]
