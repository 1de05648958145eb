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
from typing import Any

import msgpack
import msgspec

from protocols.codec import decode
from protocols.errors import DecodeError, Reject
from protocols.identity import Signer, digest, parse_inception, verify
from protocols.limits import MAX_ENTRY, MAX_EPOCH, MAX_INT, MAX_KIND, MIN_INT, PROTOCOL_VERSION

from .payloads import NO_PAYLOAD, SALT_BYTES, Settlement, parse_settlement, payload_hash

DOMAIN = "entry"
NO_PREV = bytes(32)
MAX_ENTRY_HEADER = 512
_KIND = re.compile(r"[A-Z][A-Z_]*")
_FIELDS = (int, bytes, bytes, int, int, bytes, bytes, str, int, int, int, int, bytes, bytes)


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
    hashes = (payload_hash(settlement), payload_hash(private))
    fields = [
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
        *hashes,
    ]
    _check_fields(fields)
    if len(settlement or b"") + len(private or b"") > MAX_ENTRY - 1024:
        raise Reject("size", "the payloads are too long for an entry")
    header = encode_header(fields)
    signature = signer.sign(DOMAIN, header)
    return Entry(
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
        *hashes,
        digest(header),
        header,
        signature,
        signer.inception,
        settlement,
        private,
    )


def encode_header(fields: list[Any]) -> bytes:
    """The canonical array of a header whose fields are in bounds: flat, so msgpack's own form is the canonical one."""
    header: bytes = msgpack.packb(fields, use_bin_type=True)
    return header


def encode_entry(entry: Entry, private: bool = False) -> bytes:
    """The full form; only for the author's own eyes with the private payload."""
    payload = entry.private if private else None
    data: bytes = msgpack.packb(
        [entry.header, entry.signature, entry.inception, entry.settlement, payload], use_bin_type=True
    )
    return data


def parse_entry(data: bytes) -> Entry:
    """The entry that these bytes hold, with its payloads if they are there. `DecodeError` if anything is out of
    bounds, if a payload is not the one that was hashed, or if the inception is not the author's.
    """
    outer = decode(data, MAX_ENTRY)
    if not (type(outer) is list and len(outer) == 5 and all(type(v) is bytes for v in outer[:3])):
        raise DecodeError("not an entry", "field")
    header, signature, inception, settlement, private = outer
    if len(signature) != 64:
        raise DecodeError("signature", "field")
    h = decode(header, MAX_ENTRY_HEADER)
    if not (type(h) is list and len(h) == 14 and tuple(map(type, h)) == _FIELDS):
        raise DecodeError("not an entry header", "field")
    _check_fields(h)
    if digest(inception) != h[2]:
        raise DecodeError("the inception is not the author's", "signature")
    _check_payload("settlement", settlement, h[12])
    _check_payload("private", private, h[13])
    fields: list[Any] = [*h[1:], digest(header), header, signature, inception, settlement, private]
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


def _check_fields(h: list[Any]) -> None:
    version, network, author, epoch, seq, prev, root, kind, at, balance, hold, limit, settlement, private = h
    problem = (
        "version"
        if version != PROTOCOL_VERSION
        else "network"
        if len(network) != 16 or not any(network)
        else "author"
        if len(author) != 32
        else "epoch"
        if not 0 <= epoch <= MAX_EPOCH
        else "seq"
        if not 0 <= seq <= MAX_INT
        else "prev"
        if len(prev) != 32 or (prev == NO_PREV) != (seq == 0)
        else "root"
        if len(root) != 32
        else "kind"
        if len(kind) > MAX_KIND or not _KIND.fullmatch(kind) or (kind == "INCEPT") != (seq == 0)
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


def _check_payload(name: str, payload: Any, expected: bytes) -> None:
    if payload is None:
        return
    if type(payload) is not bytes or len(payload) < SALT_BYTES:
        raise DecodeError(f"{name} payload", "field")
    if expected == NO_PAYLOAD or digest(payload) != expected:
        raise DecodeError(f"the {name} payload is not the one that was signed", "context")
