"""A custody receipt: one hand-over of a parcel, signed by who gives it and by who takes it.

    header    = canonical array [version, network, parcel, prev, giver, giver_epoch, taker, taker_epoch, at, payload]
    id        = BLAKE2b-256(header)
    signature = Ed25519(b"p2pnode/v1/receipt\\0" + header), once by the giver and once by the taker
    wire      = canonical array [header, signature of giver, signature of taker, inception of giver, of taker]
    half      = canonical array [header, signature of giver, inception of giver]: what the taker is asked to sign
    text      = "P2PNODE:RECEIPT:" + base32 of wire or half, without padding: what a QR code holds in its densest mode

`prev` is the receipt by which the giver got the parcel, or 32 zero bytes if he is its sender. Who holds a parcel is
computed from the set of receipts: `protocols.parcel`.
"""

import re
from base64 import b32decode, b32encode
from binascii import Error as NotBase32
from collections.abc import Sequence
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from protocols.codec import Array, decode_as, encode, plain
from protocols.envelope import NO_NETWORK
from protocols.errors import DecodeError, Reject
from protocols.fields import LINE, Bytes32
from protocols.identity import Signer, digest, identify, verify_signed
from protocols.limits import (
    MAX_EPOCH,
    MAX_RECEIPT,
    MAX_RECEIPT_HALF,
    MAX_RECEIPT_PAYLOAD,
    MAX_RECEIPT_PHOTOS,
    MAX_RECEIPT_TEXT,
    MAX_TITLE,
    MAX_TOKEN,
    PROTOCOL_VERSION,
)

DOMAIN: Final = "receipt"
NO_PREV: Final = bytes(32)
TEXT_PREFIX: Final = "P2PNODE:RECEIPT:"
_BASE32: Final = re.compile(r"[A-Z2-7]+")
_HEADER: Final = Array(int, bytes, bytes, bytes, bytes, int, bytes, int, int, bytes)
_WIRE: Final = Array(bytes, bytes, bytes, bytes, bytes)
_HALF: Final = Array(bytes, bytes, bytes)


class Particulars(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Payload of a receipt. note: in what state the parcel is; photos: hashes of pictures of it; exchange, duty: what
    the hand-over carries out, if it does."""

    note: Annotated[str, Meta(max_length=MAX_TITLE, pattern=LINE)] = ""
    photos: Annotated[tuple[Bytes32, ...], Meta(max_length=MAX_RECEIPT_PHOTOS)] = ()
    exchange: Annotated[bytes, Meta(max_length=32)] = b""
    duty: Annotated[str, Meta(max_length=MAX_TOKEN, pattern=r"\A(?:[a-z][a-z0-9_-]*)?\Z")] = ""


class _Handover(msgspec.Struct, frozen=True):
    """What stands in the header. at: ms, the giver's clock."""

    network: bytes
    parcel: bytes
    prev: bytes
    giver: bytes
    giver_epoch: int
    taker: bytes
    taker_epoch: int
    at: int
    payload: bytes
    id: bytes
    header: bytes

    @property
    def said(self) -> Particulars:
        return decode_as(self.payload, Particulars, MAX_RECEIPT_PAYLOAD) if self.payload else Particulars()


class Half(_Handover, frozen=True):
    """Signed by the giver alone. It moves nothing: the taker has to sign, too."""

    signature_giver: bytes
    inception_giver: bytes
    wire: bytes


class Receipt(_Handover, frozen=True):
    """Signed by both, as far as `verify_receipt` says."""

    signature_giver: bytes
    signature_taker: bytes
    inception_giver: bytes
    inception_taker: bytes
    wire: bytes

    @property
    def half(self) -> bytes:
        """Wire of what the giver had signed."""
        return encode([self.header, self.signature_giver, self.inception_giver])


class _Side(NamedTuple):
    """One party's signature, as `verify_signed` takes it."""

    author: bytes
    epoch: int
    header: bytes
    signature: bytes
    inception: bytes


def offer_custody(
    signer: Signer,
    *,
    network: bytes,
    parcel: bytes,
    prev: bytes,
    taker: bytes,
    taker_epoch: int,
    at: int,
    said: Particulars,
) -> Half:
    """The giver's half. `DecodeError` if a bound does not hold."""
    payload = plain(said)
    header = encode(
        [
            PROTOCOL_VERSION, network, parcel, prev, signer.author, signer.epoch, taker, taker_epoch, at,
            encode(payload) if payload else b"",
        ]
    )  # fmt: skip
    return parse_half(encode([header, signer.sign(DOMAIN, header), signer.inception]))


def take_custody(signer: Signer, half: Half) -> Receipt:
    """The receipt: the taker signs, too. `Reject` if the half names somebody else, or another key of his."""
    if (signer.author, signer.epoch) != (half.taker, half.taker_epoch):
        raise Reject("context", "a hand-over to somebody else")
    signature = signer.sign(DOMAIN, half.header)
    return parse_receipt(encode([half.header, half.signature_giver, signature, half.inception_giver, signer.inception]))


def parse_receipt(wire: bytes) -> Receipt:
    """The receipt that these bytes hold; every bound checked, the signatures not. `DecodeError` else."""
    header, by_giver, by_taker, giver, taker = _WIRE.decode(wire, MAX_RECEIPT, "a custody receipt")
    fields = _fields(header)
    _check_side(fields[3], by_giver, giver)
    _check_side(fields[5], by_taker, taker)
    return Receipt(*[*fields, digest(header), header, by_giver, by_taker, giver, taker, wire])


def parse_half(wire: bytes) -> Half:
    """As `parse_receipt`, of what the giver alone has signed."""
    header, by_giver, giver = _HALF.decode(wire, MAX_RECEIPT_HALF, "one half of a custody receipt")
    fields = _fields(header)
    _check_side(fields[3], by_giver, giver)
    return Half(*[*fields, digest(header), header, by_giver, giver, wire])


def parse_either(wire: bytes) -> Receipt | Half:
    """Whatever these bytes hold. `DecodeError` if neither."""
    return parse_half(wire) if wire[:1] == b"\x93" else parse_receipt(wire)


def verify_half(half: Half, key: bytes | None = None) -> None:
    """`Reject` unless the giver signed. key: his at this epoch, or none at epoch 0."""
    verify_signed(
        _Side(half.giver, half.giver_epoch, half.header, half.signature_giver, half.inception_giver), DOMAIN, key
    )


def verify_receipt(receipt: Receipt, giver_key: bytes | None = None, taker_key: bytes | None = None) -> None:
    """`Reject` unless both signed. Keys: at the epochs that the header names, or none at epoch 0."""
    r = receipt
    verify_signed(_Side(r.giver, r.giver_epoch, r.header, r.signature_giver, r.inception_giver), DOMAIN, giver_key)
    verify_signed(_Side(r.taker, r.taker_epoch, r.header, r.signature_taker, r.inception_taker), DOMAIN, taker_key)


def format_receipt(found: Receipt | Half) -> str:
    """As text: a line of a file, or what a QR code shows."""
    return TEXT_PREFIX + b32encode(found.wire).decode().rstrip("=")


def parse_texts(text: str) -> tuple[Receipt | Half, ...]:
    """All receipts and halves in a text, in their order. Case does not matter, nor does white space: a terminal breaks
    lines. `DecodeError` with words for the user if there is none, or one is not whole."""
    if len(text) > MAX_RECEIPT_TEXT:
        raise DecodeError("this is too long for the receipts of one parcel", "size")
    _, *bodies = "".join(text.upper().split()).split(TEXT_PREFIX)
    if not bodies:
        raise DecodeError(f"there is no receipt in this: each begins with {TEXT_PREFIX}", "field")
    return tuple(_parse_body(body) for body in bodies)


def _parse_body(body: str) -> Receipt | Half:
    try:
        if not _BASE32.fullmatch(body):
            raise DecodeError("characters", "field")
        found = parse_either(b32decode(body + "=" * (-len(body) % 8)))
        if format_receipt(found) != TEXT_PREFIX + body:
            raise DecodeError("loose bits", "field")
    except (DecodeError, NotBase32) as e:
        raise DecodeError("a receipt in this is damaged or cut off: copy it again, whole", "field") from e
    return found


def _fields(header: bytes) -> Sequence[Any]:
    h = _HEADER.decode(header, MAX_RECEIPT_HALF, "the header of a custody receipt")
    version, network, parcel, prev, giver, giver_epoch, taker, taker_epoch, at, payload = h
    sound = (
        version == PROTOCOL_VERSION
        and len(network) == 16
        and network != NO_NETWORK
        and len(parcel) == len(prev) == len(giver) == len(taker) == 32
        and parcel != bytes(32)
        and giver != taker
        and 0 <= giver_epoch <= MAX_EPOCH
        and 0 <= taker_epoch <= MAX_EPOCH
        and at >= 0
        and len(payload) <= MAX_RECEIPT_PAYLOAD
    )
    if not sound:
        raise DecodeError("custody receipt out of bounds", "field")
    if payload:
        said = decode_as(payload, Particulars, MAX_RECEIPT_PAYLOAD)
        if said == Particulars() or len(said.exchange) not in (0, 32):
            raise DecodeError("custody receipt: payload", "field")
    return h[1:]


def _check_side(author: bytes, signature: bytes, inception: bytes) -> None:
    if len(signature) != 64 or identify(inception)[0] != author:
        raise DecodeError("custody receipt: signature or inception", "field")
