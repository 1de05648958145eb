"""What an entry says beyond its header: the settlement payload, and how a payload is salted and hashed.

A payload is kept and sent as `salt16 ‖ plaintext`; the header holds BLAKE2b-256 of that, or 32 zero bytes where there
is none. Without the salt the hash of a small payload could be guessed after its erasure.
"""

from typing import Annotated, Protocol

import msgspec

from protocols.codec import decode_as, encode, encode_flat, plain
from protocols.errors import DecodeError
from protocols.fields import LINE, OptionalUnit
from protocols.identity import digest
from protocols.limits import MAX_CLAIM_NOTE, MAX_ENTRY, MAX_INT, MAX_WITNESSES

NO_PAYLOAD = bytes(32)
SALT_BYTES = 16
MAX_TOKEN = 512
MAX_EMBEDDED = MAX_ENTRY - 1024  # leaves room for the header, the signature, the inception and the other fields

Id32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
TokenWire = Annotated[bytes, msgspec.Meta(max_length=MAX_TOKEN)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]


class Randomness(Protocol):
    """Where salts come from: `random.SystemRandom`, or a seeded `random.Random` in a simulation."""

    def randbytes(self, n: int, /) -> bytes: ...


class Settlement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The settlement payload of every kind but INCEPT, CHECKPOINT, FORK_ACK and CLOSE.

    counterparty: the other author; amount: minor units; deal: the exchange's id, or the vouch's; expiry: after which an
    acceptance is void, ms, 0 for never; terms: 32 bytes, the hash of the agreed terms (of the sealed rating in an
    ATTEST), or empty; half: what the counterparty signed before, in full form without its private payload
    (in an AGREE: the wire form of its fact), or empty; in PAY_CANCELREQ, and in a PAY_CANCEL by tokens, the author's
    own entry before it. quorum, witnesses: only in PAY_PROPOSE, who must agree before it may be cancelled, and how
    many of them; tokens: only in PAY_CANCEL, what they signed. unit: in all CLAIM… and only there, what the amount
    counts in hundredths; note: only in CLAIM and CLAIM_ASK, a line for both; `terms` is there the exchange it is of.
    """

    counterparty: Id32
    amount: Amount
    deal: Id32
    expiry: Amount = 0
    terms: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    half: Annotated[bytes, msgspec.Meta(max_length=MAX_EMBEDDED)] = b""
    quorum: Annotated[int, msgspec.Meta(ge=0, le=MAX_WITNESSES)] = 0
    tokens: Annotated[tuple[TokenWire, ...], msgspec.Meta(max_length=MAX_WITNESSES)] = ()
    witnesses: Annotated[tuple[Id32, ...], msgspec.Meta(max_length=MAX_WITNESSES)] = ()
    unit: OptionalUnit = ""
    note: Annotated[str, msgspec.Meta(max_length=MAX_CLAIM_NOTE, pattern=LINE)] = ""


class InceptPayload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The settlement payload of an INCEPT. witnesses: authors; quorum: how many of them must agree, 0 for none."""

    witnesses: Annotated[tuple[Id32, ...], msgspec.Meta(max_length=16)] = ()
    quorum: Annotated[int, msgspec.Meta(ge=0, le=16)] = 0


def salted(plaintext: bytes, rng: Randomness) -> bytes:
    """A payload as it is kept and sent: 16 random bytes, then the plaintext."""
    return rng.randbytes(SALT_BYTES) + plaintext


def payload_hash(payload: bytes | None) -> bytes:
    """What the header says about a salted payload."""
    return NO_PAYLOAD if payload is None else digest(payload)


def encode_payload(value: msgspec.Struct) -> bytes:
    """The plaintext of a settlement payload. `ValueError` for numbers that are out of bounds."""
    if type(value) is Settlement and value.amount <= MAX_INT and value.expiry <= MAX_INT:
        return encode_flat(value)  # what the line below gives, without walking the struct
    return encode(plain(value))


def parse_settlement(payload: bytes) -> Settlement:
    """The settlement in a salted payload. `DecodeError` names the field that is wrong."""
    value = decode_as(payload[SALT_BYTES:], Settlement, MAX_ENTRY)
    if len(value.terms) not in (0, 32):
        raise DecodeError("terms are a hash of 32 bytes or nothing", "field")
    if value.quorum or value.witnesses:
        count = len(value.witnesses)
        if len(set(value.witnesses)) != count or not count < 2 * value.quorum <= 2 * count:
            raise DecodeError("the quorum does not fit the witnesses", "field")
    return value


def parse_incept(payload: bytes) -> InceptPayload:
    """The payload of an INCEPT. `DecodeError` names the field that is wrong."""
    value = decode_as(payload[SALT_BYTES:], InceptPayload, MAX_ENTRY)
    if value.quorum > len(value.witnesses) or len(set(value.witnesses)) != len(value.witnesses):
        raise DecodeError("the quorum does not fit the witnesses", "field")
    return value
