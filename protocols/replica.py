"""The replica statement: what a node says that it holds of somebody's listings, signed, and told to that one alone.

It is a record by its form, and does not spread. `/p2pnode/replica/1.0.0` carries it:

    ["held", wire]     the record, as its bytes
"""

from hashlib import blake2b
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocols.codec import Array, encode
from protocols.envelope import Record
from protocols.fields import Bytes16, Bytes32, Cell, ascending, expect, open_payload
from protocols.fields import seal_payload as _seal
from protocols.identity import Signer
from protocols.limits import MAX_CELLS, MAX_QUOTA, MAX_RECORD, REPLICA_LIFETIME, SECOND

KIND: Final = "replica"
PROTOCOL: Final = "/p2pnode/replica/1.0.0"
_MESSAGE = Array(str, bytes)


class Replica(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """owner: whose listings. count, sum: how many of them are held, and what their ids add up to (`held_sum`), those
    withdrawn included, in the cells that these prefixes cover; ascending, the empty one stands for all.
    """

    owner: Bytes32
    count: Annotated[int, Meta(ge=0, le=MAX_QUOTA)]
    sum: Bytes16
    cells: Annotated[tuple[Cell, ...], Meta(max_length=MAX_CELLS)] = ()


def held_sum(ids: tuple[bytes, ...]) -> bytes:
    """16 bytes that stand for a set of record ids: as the fingerprint of a set of items (gossip.md, 1)."""
    total = sum(int.from_bytes(id_, "big") for id_ in ids) % 2**256
    return blake2b(total.to_bytes(32, "big") + len(ids).to_bytes(8, "big"), digest_size=32).digest()[:16]


def parse_replica(record: Record) -> Replica:
    """What a statement says. Its revision counts seconds, like a lease's."""
    replica = open_payload(record, KIND, Replica, name=None)
    expect(record.name == replica.owner, "name")
    expect(replica.owner != record.author, "owner")
    expect(record.revision == record.created // SECOND, "revision")
    expect(record.until == record.created + REPLICA_LIFETIME, "until")
    expect(ascending(replica.cells), "cells")
    return replica


def seal_replica(signer: Signer, network: bytes, replica: Replica, *, created: int) -> Record:
    """A statement of this moment, ms."""
    record = _seal(
        signer,
        network,
        KIND,
        replica,
        created=created,
        until=created + REPLICA_LIFETIME,
        revision=created // SECOND,
        name=replica.owner,
    )
    parse_replica(record)
    return record


def encode_held(record: Record) -> bytes:
    return encode(["held", record.wire])


def parse_held(data: bytes) -> bytes:
    """The wire of the statement in a frame; `DecodeError` for what is no such message."""
    name, wire = _MESSAGE.decode(data, MAX_RECORD, "a message")
    expect(name == "held", "message")
    return bytes(wire)
