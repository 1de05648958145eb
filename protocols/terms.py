"""Terms: the whole of what two parties propose to one another, as a set of duties.

Each counter-proposal is a whole document that names the hash of its predecessor. hash = BLAKE2b-256 of its canonical
encoding. Duties are ValueFlows commitments: action, provider, receiver, what, how much, until when.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from protocols.codec import decode_as, encode, plain
from protocols.errors import DecodeError
from protocols.identity import digest
from protocols.limits import MAX_DUTIES, MAX_INT, MAX_PAYLOAD, MAX_SHORT_TEXT, MAX_TITLE, MAX_TOKEN
from protocols.templates import template

Author = Annotated[bytes, Meta(min_length=32, max_length=32)]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Token = Annotated[str, Meta(min_length=1, max_length=MAX_TOKEN)]
Natural = Annotated[int, Meta(ge=0, le=MAX_INT)]


class Duty(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that one party owes the other.

    amount, unit: value that moves with it, minor units; until: absolute deadline in ms, 0 for none; within: deadline
    counted from the moment that the duty `after` was done, so that a late taker does not make the giver late.
    """

    id: Token
    action: Token
    what: Annotated[str, Meta(max_length=2 * MAX_TITLE)]
    provider: Author
    receiver: Author
    amount: Natural = 0
    unit: Annotated[str, Meta(max_length=MAX_TOKEN)] = ""
    until: Natural = 0
    within: Natural = 0
    after: Annotated[str, Meta(max_length=MAX_TOKEN)] = ""


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """listing: id of the exact record that was read; name: of its slot; the responder is the listing's author.

    start, end: of the time that is rented or worked, ms, 0 if open. expires: when the proposal lapses.
    """

    listing: Hash
    name: Annotated[bytes, Meta(max_length=32)]
    proposer: Author
    responder: Author
    kind: Token
    title: Annotated[str, Meta(max_length=MAX_TITLE)]
    duties: Annotated[tuple[Duty, ...], Meta(min_length=1, max_length=MAX_DUTIES)]
    expires: Natural
    quantity: Annotated[int, Meta(ge=1, le=MAX_INT)] = 1
    start: Natural = 0
    end: Natural = 0
    amount: Natural = 0
    unit: Annotated[str, Meta(max_length=MAX_TOKEN)] = ""
    note: Annotated[str, Meta(max_length=MAX_SHORT_TEXT)] = ""
    previous: Annotated[bytes, Meta(max_length=32)] = b""

    @property
    def parties(self) -> tuple[bytes, bytes]:
        return (self.proposer, self.responder)

    def duty(self, duty_id: str) -> Duty | None:
        return next((d for d in self.duties if d.id == duty_id), None)

    @property
    def payment(self) -> Duty | None:
        """The duty to pay, if these terms have a price."""
        return next((d for d in self.duties if d.id == "pay"), None)


def encode_terms(terms: Terms) -> bytes:
    return encode(plain(terms))


def terms_hash(terms: Terms) -> bytes:
    return digest(encode_terms(terms))


def parse_terms(payload: bytes) -> Terms:
    """Terms that hold together, or `DecodeError`: every duty between the two parties, each id once."""
    terms = decode_as(payload, Terms, MAX_PAYLOAD)
    if terms.proposer == terms.responder:
        raise DecodeError("terms with oneself", "field")
    ids: set[str] = set()
    for duty in terms.duties:
        if {duty.provider, duty.receiver} != {terms.proposer, terms.responder}:
            raise DecodeError(f"duty {duty.id}: not between the parties", "field")
        if duty.id in ids:
            raise DecodeError(f"duty {duty.id}: twice", "field")
        if duty.after and duty.after not in ids:
            raise DecodeError(f"duty {duty.id}: after {duty.after}, which does not come before it", "field")
        ids.add(duty.id)
    payment = terms.payment
    if (payment is None) != (terms.amount == 0):
        raise DecodeError("a price and a duty to pay go together", "field")
    if payment is not None and (payment.amount, payment.unit) != (terms.amount, terms.unit):
        raise DecodeError("the duty to pay is not the price", "field")
    if terms.end and terms.end <= terms.start:
        raise DecodeError("ends before it starts", "field")
    return terms


def draft_terms(
    *,
    listing: bytes,
    name: bytes,
    proposer: bytes,
    responder: bytes,
    offered: bool,
    kind: str,
    title: str,
    quantity: int,
    start: int,
    end: int,
    amount: int,
    unit: str,
    price_text: str,
    note: str,
    previous: bytes,
    expires: int,
) -> Terms:
    """Terms made from the template of a kind. offered: whether the listing is an offer (its author gives)."""
    giver, taker = (responder, proposer) if offered else (proposer, responder)
    duties = []
    for row in template(kind):
        pays = row.id == "pay"
        if pays and amount == 0:
            continue
        provider, receiver = (giver, taker) if row.by == "giver" else (taker, giver)
        until = end if row.id == "return" else 0
        what = row.what.format(title=title, price=price_text)
        duties.append(
            Duty(
                id=row.id,
                action=row.action,
                what=what[: 2 * MAX_TITLE],
                provider=provider,
                receiver=receiver,
                amount=amount if pays else 0,
                unit=unit if pays else "",
                until=until,
                after=row.after,
            )
        )
    return Terms(
        listing=listing,
        name=name,
        proposer=proposer,
        responder=responder,
        kind=kind,
        title=title,
        duties=tuple(duties),
        expires=expires,
        quantity=quantity,
        start=start,
        end=end,
        amount=amount,
        unit=unit if amount else "",
        note=note,
        previous=previous,
    )
