"""An entry of a personal chain: what one author wrote, in which order, and where that left the account.

    header    = canonical array [version, network, author, epoch, seq, prev, root, kind, at,
                                 balance, hold, limit, settlement_hash, private_hash]
    id        = BLAKE2b-256(header)
    signature = Ed25519(b"p2pnode/v1/entry\\0" + header)
    full form = canonical array [header, signature, inception, settlement | nil, private | nil]

`prev` is the id of entry seq − 1 and `root` the RFC 6962 root over the ids before this one, so every entry is a signed
tree head. The payloads stand apart: the private one can be erased at once and everything still verifies.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from protocols.codec import Array, encode_flat
from protocols.errors import DecodeError, Reject
from protocols.identity import Signer, digest, identify, parse_inception, verify
from protocols.limits import MAX_ENTRY, MAX_EPOCH, MAX_INT, MAX_KIND, MIN_INT, PROTOCOL_VERSION

from .payloads import NO_PAYLOAD, SALT_BYTES, Settlement, parse_settlement, payload_hash

DOMAIN = "entry"
NO_PREV = bytes(32)
_NO_NETWORK = bytes(16)
MAX_ENTRY_HEADER = 512
_KIND = re.compile(r"[A-Z][A-Z_]*")
_Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
_Count = Annotated[int, Meta(ge=0, le=MAX_INT)]
_WIRE = Array(bytes, Annotated[bytes, Meta(min_length=64, max_length=64)], bytes, bytes | None, bytes | None)
_HEADER = Array(
    Annotated[int, Meta(ge=PROTOCOL_VERSION, le=PROTOCOL_VERSION)],
    Annotated[bytes, Meta(min_length=16, max_length=16)],
    _Hash,
    Annotated[int, Meta(ge=0, le=MAX_EPOCH)],
    _Count,
    _Hash,
    _Hash,
    Annotated[str, Meta(max_length=MAX_KIND)],
    _Count,
    Annotated[int, Meta(ge=MIN_INT, le=MAX_INT)],
    _Count,
    _Count,
    _Hash,
    _Hash,
)


class Entry(msgspec.Struct, frozen=True):
    """A decoded entry. `network` is 16 bytes; `author`, `prev`, `root`, the hashes and `id` are 32; `at` in ms;
    `balance` (may be negative), `hold` and `limit` in minor units, as they stand after this entry.

    settlement, private: salted payloads, or None where there is none or it is not at hand. Their hashes have been
    checked; the signature has not, see `verify_entry`.
    """

    network: bytes
    author: bytes
    epoch: int
    seq: int
    prev: bytes
    root: bytes
    kind: str
    at: int
    balance: int
    hold: int
    limit: int
    settlement_hash: bytes
    private_hash: bytes
    id: bytes
    header: bytes
    signature: bytes
    inception: bytes
    settlement: bytes | None
    private: bytes | None

    @property
    def within_limit(self) -> bool:
        """Whether `balance − hold ≥ −limit`, the rule that anybody can check from one header."""
        return self.balance - self.hold >= -self.limit


def sign_entry(
    signer: Signer,
    *,
    network: bytes,
    seq: int,
    prev: bytes,
    root: bytes,
    kind: str,
    at: int,
    balance: int,
    hold: int,
    limit: int,
    settlement: bytes | None,
    private: bytes | None,
) -> Entry:
    """Sign an entry. `Reject` if a bound does not hold: what we sign, everybody must accept."""
    fields = (
        PROTOCOL_VERSION,
        network,
        signer.author,
        signer.epoch,
        seq,
        prev,
        root,
        kind,
        at,
        balance,
        hold,
        limit,
        payload_hash(settlement),
        payload_hash(private),
    )
    _check_fields(fields)
    _check_places(fields)
    if len(settlement or b"") + len(private or b"") > MAX_ENTRY - 1024:
        raise Reject("size", "the payloads are too long for an entry")
    header = encode_flat(fields)
    signature = signer.sign(DOMAIN, header)
    rest: Any = (*fields[1:], digest(header), header, signature, signer.inception, settlement, private)
    return Entry(*rest)


def encode_entry(entry: Entry, private: bool = False) -> bytes:
    """The full form; only for the author's own eyes with the private payload."""
    shown = entry.private if private else None
    return encode_flat((entry.header, entry.signature, entry.inception, entry.settlement, shown))


def parse_entry(data: bytes) -> Entry:
    """The entry that these bytes hold, with its payloads if they are there. `DecodeError` if anything is out of
    bounds, if a payload is not the one that was hashed, or if the inception is not the author's.
    """
    outer = _WIRE.decode(data, MAX_ENTRY, "an entry")
    header, signature, inception, settlement, private = outer
    if len(signature) != 64:
        raise DecodeError("signature", "field")
    h = _HEADER.decode(header, MAX_ENTRY_HEADER, "an entry header")
    if type(h) is list:
        _check_fields(h)
    _check_places(h)
    if identify(inception)[0] != h[2]:
        raise DecodeError("the inception is not the author's", "signature")
    _check_payload("settlement", settlement, h[12])
    _check_payload("private", private, h[13])
    fields: tuple[Any, ...] = (*h[1:], digest(header), header, signature, inception, settlement, private)
    return Entry(*fields)


def verify_entry(entry: Entry, key: bytes | None = None) -> None:
    """`Reject` unless the author signed. key: the author's key at this epoch; not needed at epoch 0."""
    if key is None:
        if entry.epoch != 0:
            raise Reject("context", "the key of this epoch is not known")
        key = parse_inception(entry.inception).key
    verify(key, DOMAIN, entry.header, entry.signature)


def settlement_of(entry: Entry) -> Settlement | None:
    """The settlement payload of an entry other than an INCEPT, or None if it is not at hand. `DecodeError`."""
    return None if entry.settlement is None else parse_settlement(entry.settlement)


def _check_fields(h: Sequence[Any]) -> None:
    """What the types of `_HEADER` say, by name."""
    version, network, author, epoch, seq, prev, root, kind, at, balance, hold, limit, settlement, private = h
    problem = (
        "version"
        if version != PROTOCOL_VERSION
        else "network"
        if len(network) != 16
        else "author"
        if len(author) != 32
        else "epoch"
        if not 0 <= epoch <= MAX_EPOCH
        else "seq"
        if not 0 <= seq <= MAX_INT
        else "prev"
        if len(prev) != 32
        else "root"
        if len(root) != 32
        else "kind"
        if len(kind) > MAX_KIND
        else "at"
        if not 0 <= at <= MAX_INT
        else "balance"
        if not MIN_INT <= balance <= MAX_INT
        else "hold"
        if not 0 <= hold <= MAX_INT
        else "limit"
        if not 0 <= limit <= MAX_INT
        else "payload hash"
        if len(settlement) != 32 or len(private) != 32
        else ""
    )
    if problem:
        raise DecodeError(f"{problem} out of bounds", "field")


def _check_places(h: Sequence[Any]) -> None:
    """What no type can say: how fields fit one another, and how a kind is written."""
    problem = (
        "network"
        if h[1] == _NO_NETWORK
        else "prev"
        if (h[5] == NO_PREV) != (h[4] == 0)
        else "kind"
        if not _is_kind(h[7]) or (h[7] == "INCEPT") != (h[4] == 0)
        else ""
    )
    if problem:
        raise DecodeError(f"{problem} out of bounds", "field")


@lru_cache(maxsize=256)
def _is_kind(text: str) -> bool:
    return _KIND.fullmatch(text) is not None


def _check_payload(name: str, payload: Any, expected: bytes) -> None:
    if payload is None:
        return
    if type(payload) is not bytes or len(payload) < SALT_BYTES:
        raise DecodeError(f"{name} payload", "field")
    if expected == NO_PAYLOAD or digest(payload) != expected:
        raise DecodeError(f"the {name} payload is not the one that was signed", "context")
