"""A record: what is signed and spreads.

    header    = canonical array [version, network, kind, author, epoch, name, revision, created, until, scope, payload]
    id        = BLAKE2b-256(header)      not over the signature: Ed25519 allows a second valid one
    signature = Ed25519(b"p2pnode/v1/<kind>\\0" + header)
    wire      = canonical array [header, signature, inception]     the exact signed bytes travel

What the network must act on stands in the header, so that any node can replace, expire and route kinds it does
not know. `(author, kind, name)` is the slot; of two records in a slot the higher revision stays, and of two with
the same revision the one with the lower id. An empty payload withdraws, where the kind allows it.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from protocols.codec import Array, encode
from protocols.errors import DecodeError
from protocols.identity import Signer, digest, verify_signed
from protocols.limits import (
    DURABLE_KINDS,
    DURABLE_LIFETIME,
    FINAL_KINDS,
    FOREVER,
    MAX_EPOCH,
    MAX_KIND,
    MAX_LIFETIME,
    MAX_NAME,
    MAX_PAYLOAD,
    MAX_RECORD,
    MAX_SCOPE,
    PROTOCOL_VERSION,
    RESERVED_KINDS,
)

NO_NETWORK = bytes(16)
_KIND = re.compile(r"[a-z][a-z0-9_]*")
_SCOPE = re.compile(r"[0-9b-hjkmnp-z]*")
_WIRE = Array(bytes, bytes, bytes)
_HEADER = Array(int, bytes, str, bytes, int, bytes, int, int, int, str, bytes)

Slot = tuple[bytes, str, bytes]


class Record(msgspec.Struct, frozen=True, gc=False):
    """A decoded record. `network` is 16 bytes, `author` and `id` 32; times in milliseconds.

    Being a `Record` says nothing about its signature: see `verify_record`.
    """

    network: bytes
    kind: str
    author: bytes
    epoch: int
    name: bytes
    revision: int
    created: int
    until: int
    scope: str
    payload: bytes
    id: bytes
    header: bytes
    signature: bytes
    inception: bytes
    wire: bytes

    @property
    def slot(self) -> Slot:
        return (self.author, self.kind, self.name)

    @property
    def withdrawn(self) -> bool:
        return not self.payload


def replaces(new: tuple[int, bytes], old: tuple[int, bytes]) -> bool:
    """Of two `(revision, id)` in one slot, whether `new` takes the place of `old`."""
    return new[0] > old[0] or (new[0] == old[0] and new[1] < old[1])


def max_lifetime(kind: str) -> int:
    """The longest `until − created` of a kind; the table is part of the protocol."""
    if kind == "genesis":
        return FOREVER
    return DURABLE_LIFETIME if kind in DURABLE_KINDS else MAX_LIFETIME


def seal(
    signer: Signer,
    *,
    network: bytes,
    kind: str,
    name: bytes = b"",
    revision: int = 0,
    created: int,
    until: int,
    scope: str = "",
    payload: bytes,
) -> Record:
    """Sign a record. `Reject` if a bound does not hold: what we sign, everybody must accept."""
    header = encode(
        [
            PROTOCOL_VERSION,
            network,
            kind,
            signer.author,
            signer.epoch,
            name,
            revision,
            created,
            until,
            scope,
            payload,
        ]
    )
    return parse_record(encode([header, signer.sign(kind, header), signer.inception]))


def parse_record(wire: bytes) -> Record:
    """The record that these bytes hold; every bound of the header checked, the signature not. `DecodeError` else."""
    header, signature, inception = _WIRE.decode(wire, MAX_RECORD, "a record")
    if len(signature) != 64:
        raise DecodeError("signature", "field")
    h = _HEADER.decode(header, MAX_RECORD, "a record header")
    _check_fields(h)
    return Record(*[*h[1:], digest(header), header, signature, inception, wire])


def verify_record(record: Record, key: bytes | None = None) -> None:
    """`Reject` unless the author signed. `key`: the author's key at this epoch, or none at epoch 0."""
    verify_signed(record, record.kind, key)


def _check_fields(h: Sequence[Any]) -> None:
    version, network, kind, author, epoch, name, revision, created, until, scope, payload = h
    problem = (
        "version"
        if version != PROTOCOL_VERSION
        else "network"
        if len(network) != 16 or (network == NO_NETWORK) != (kind == "genesis")
        else "kind"
        if len(kind) > MAX_KIND or not _KIND.fullmatch(kind) or kind in RESERVED_KINDS
        else "author"
        if len(author) != 32
        else "epoch"
        if not 0 <= epoch <= MAX_EPOCH
        else "name"
        if len(name) > MAX_NAME
        else "revision"
        if revision < 0
        else "created"
        if created < 0
        else "until"
        if not created < until <= created + max_lifetime(kind)
        else "scope"
        if len(scope) > MAX_SCOPE or not _SCOPE.fullmatch(scope)
        else "payload"
        if len(payload) > MAX_PAYLOAD or (kind in FINAL_KINDS and not payload)
        else ""
    )
    if problem:
        raise DecodeError(f"{problem} out of bounds", "field")
