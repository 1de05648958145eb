"""Terms: the whole of what two parties propose to one another, as a set of duties.

Each counter-proposal is a whole document that names the hash of its predecessor. hash = BLAKE2b-256 of its canonical
encoding. Duties are ValueFlows commitments: action, provider, receiver, what, how much, until when.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from protocols.codec import decode_as, encode, plain
from protocols.conditions import check_conditions
from protocols.errors import DecodeError
from protocols.fields import LINE, Amount, Bytes32, Kind, OptionalUnit, ShortText, Time
from protocols.identity import digest
from protocols.limits import (
    MAX_DUTIES,
    MAX_INT,
    MAX_QUANTITY,
    MAX_SHARES,
    MAX_TERMS,
    MAX_TITLE,
    MAX_TOKEN,
    MAX_WITNESSES,
)
from protocols.payments import check_payments, payments

DutyId = Annotated[str, Meta(max_length=MAX_TOKEN, pattern=r"\A[a-z][a-z0-9_-]*\Z")]
OptionalDutyId = Annotated[str, Meta(max_length=MAX_TOKEN, pattern=r"\A(?:[a-z][a-z0-9_-]*)?\Z")]
OptionalBytes32 = Annotated[bytes, Meta(max_length=32)]
Action = Annotated[str, Meta(max_length=MAX_TOKEN, pattern=r"\A[A-Za-z][A-Za-z0-9_-]*\Z")]


class Duty(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that one party owes the other.

    amount, unit: value that moves with it, minor units; until: absolute deadline in ms, 0 for none; within: deadline
    counted from the moment that the duty `after` was done, so that a late taker does not make the giver late.

    In form 2: start: not before this, ms; confirm: its receiver has so many ms to contest what its provider says to
    have done, then it counts as confirmed; on: `cancel` for what is owed only by a provider who cancels alone; along:
    the duty that cannot be done without this one, which is confirmed with it (being there to take what is handed over);
    custody: it passes the parcel on, which a receipt signed by both proves; quantity, measure: how much of what it
    moves.
    """

    id: DutyId
    action: Action
    what: Annotated[str, Meta(max_length=2 * MAX_TITLE, pattern=LINE)]
    provider: Bytes32
    receiver: Bytes32
    amount: Amount = 0
    unit: OptionalUnit = ""
    until: Time = 0
    within: Time = 0
    after: OptionalDutyId = ""
    start: Time = 0
    confirm: Time = 0
    on: Literal["", "cancel"] = ""
    along: OptionalDutyId = ""
    custody: bool = False
    quantity: Annotated[int, Meta(ge=0, le=MAX_QUANTITY)] = 0
    measure: OptionalUnit = ""


class Cancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """That a party may cancel alone, until a time (ms), as long as nothing but a deposit has moved."""

    by: Bytes32
    until: Time


class Goal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What must come together before anything is owed: so many pledges (unit empty), or so much of a unit in all.

    until: ms; the responder says `go` before, or it lapses by itself.
    """

    least: Annotated[int, Meta(ge=1, le=MAX_INT)]
    until: Time
    unit: OptionalUnit = ""


class Share(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who gets how many parts of the proceeds: what the payee promises to pass on."""

    author: Bytes32
    parts: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """listing: id of the exact record that was read; name: of its slot; the responder is the listing's author.

    start, end: of the time that is rented or worked, ms, 0 if open. expires: when the proposal lapses. witnesses:
    authors who may call a payment off that the payee does not answer; quorum: how many of them must say so. deposit:
    minor units, of the unit that stands in the duties `deposit` and `refund`.

    What stands below `deposit` belongs to form 2. parent: the exchange that this one carries out; capacity: how many of
    the listing may be booked at once, 0 where nothing is booked; mediator: whose signature counts with that of one
    party; parcel: the custody that these duties pass on; recipient: who receives it at the end, if that is no party;
    door: hash of the code that is shown at the door.
    """

    listing: Bytes32
    name: Annotated[bytes, Meta(min_length=16, max_length=16)]
    proposer: Bytes32
    responder: Bytes32
    kind: Kind
    title: Annotated[str, Meta(max_length=MAX_TITLE, pattern=LINE)]
    duties: Annotated[tuple[Duty, ...], Meta(max_length=MAX_DUTIES)]
    expires: Time
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)] = 1
    start: Time = 0
    end: Time = 0
    amount: Amount = 0
    unit: OptionalUnit = ""
    note: ShortText = ""
    previous: Annotated[bytes, Meta(max_length=32)] = b""
    quorum: Annotated[int, Meta(ge=0, le=MAX_WITNESSES)] = 0
    witnesses: Annotated[tuple[Bytes32, ...], Meta(max_length=MAX_WITNESSES)] = ()
    deposit: Amount = 0
    form: Annotated[int, Meta(ge=1, le=2)] = 1
    parent: OptionalBytes32 = b""
    capacity: Annotated[int, Meta(ge=0, le=MAX_QUANTITY)] = 0
    cancellation: Annotated[tuple[Cancellation, ...], Meta(max_length=2)] = ()
    mediator: OptionalBytes32 = b""
    goal: Goal | None = None
    split: Annotated[tuple[Share, ...], Meta(max_length=MAX_SHARES)] = ()
    parcel: OptionalBytes32 = b""
    recipient: OptionalBytes32 = b""
    door: OptionalBytes32 = b""

    @property
    def parties(self) -> tuple[bytes, bytes]:
        return (self.proposer, self.responder)

    def duty(self, duty_id: str) -> Duty | None:
        return next((d for d in self.duties if d.id == duty_id), None)

    @property
    def payment(self) -> Duty | None:
        """The duty to pay the whole price at once, if there is one."""
        return next((d for d in self.duties if d.id == "pay"), None)

    @property
    def payments(self) -> tuple[Duty, ...]:
        """All duties to pay: the price, whole or in instalments, the deposit and its refund."""
        return payments(self)


def encode_terms(terms: Terms) -> bytes:
    """Their canonical bytes. `DecodeError` if they are too long for a fact."""
    data = encode(plain(terms))
    if len(data) > MAX_TERMS:
        raise DecodeError(f"terms of {len(data)} bytes, at most {MAX_TERMS}: shorten the note", "size")
    return data


def terms_hash(terms: Terms) -> bytes:
    return digest(encode_terms(terms))


def parse_terms(payload: bytes) -> Terms:
    """Terms that hold together, or `DecodeError`: every duty between the two parties, each id once."""
    terms = decode_as(payload, Terms, MAX_TERMS)
    if len(terms.previous) not in (0, 32):
        raise DecodeError("previous is a hash of 32 bytes or nothing", "field")
    if terms.proposer == terms.responder:
        raise DecodeError("terms with oneself", "field")
    ids: set[str] = set()
    for duty in terms.duties:
        if {duty.provider, duty.receiver} != {terms.proposer, terms.responder}:
            raise DecodeError(f"duty {duty.id}: not between the parties", "field")
        if bool(duty.amount) != bool(duty.unit):
            raise DecodeError(f"duty {duty.id}: an amount and its unit go together", "field")
        if duty.id in ids:
            raise DecodeError(f"duty {duty.id}: twice", "field")
        if duty.after and duty.after not in ids:
            raise DecodeError(f"duty {duty.id}: after {duty.after}, which does not come before it", "field")
        ids.add(duty.id)
    check_conditions(terms)
    check_payments(terms)
    if terms.end and terms.end <= terms.start:
        raise DecodeError("ends before it starts", "field")
    if terms.witnesses or terms.quorum:
        _check_witnesses(terms)
    return terms


def _check_witnesses(terms: Terms) -> None:
    count = len(terms.witnesses)
    if len(set(terms.witnesses)) != count or not count < 2 * terms.quorum <= 2 * count:
        raise DecodeError("the quorum does not fit the witnesses", "field")
    if set(terms.parties) & set(terms.witnesses):
        raise DecodeError("a party cannot be witness of its own deal", "field")
    if not any(duty.amount for duty in terms.duties):
        raise DecodeError("witnesses, and nothing to be paid", "field")


def quorum_of(count: int) -> int:
    """How many of so many witnesses must agree: all but f, where 3f + 1 are named, so that f who lie do no harm.

    Of three it is two: that bears one who is silent, and none who lies. `ValueError` for a number that is no use.
    """
    if count == 2 or not 0 <= count <= MAX_WITNESSES:
        raise ValueError(f"{count} witnesses")
    return 2 if count == 3 else count - max(0, count - 1) // 3
