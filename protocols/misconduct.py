"""The misconduct record: a proof that somebody broke a rule of the ledger, or booked twice, for anybody to check.

    name = BLAKE2b-256("p2pnode/v1/misconduct\\0" ‖ array [accused, what, place])

`place` tells facts of one kind apart where one is not as good as another: of a double booking it is the hash of its
exchanges; of a fork, a wrong figure or an overdrawn limit nothing, since one of them is enough. So one fact is one
record of each finder, and all finders of one fact share one name, by which nodes bound how many of them they keep.

A rebuttal is a record of the same kind with the place of the double booking that it rebuts, and holds both.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocols.codec import encode
from protocols.envelope import Record
from protocols.fields import Bytes32, Token, expect, open_payload
from protocols.fields import seal_payload as _seal
from protocols.identity import Signer, digest, prefix
from protocols.limits import DURABLE_LIFETIME, MAX_MISCONDUCT_PROOF

KIND: Final = "misconduct"
FORK: Final = "fork"
BALANCE: Final = "balance"
LIMIT: Final = "limit"
DOUBLE_BOOKING: Final = "double_booking"
REBUTTAL: Final = "rebuttal"


class Misconduct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """what: one of the constants above; another is of a version to come, is kept, and convicts nobody here.

    place: see the name of the record; proof: what shows it, in the form that `what` calls for (`ledger.misconduct`).
    """

    accused: Bytes32
    what: Token
    proof: Annotated[bytes, Meta(min_length=1, max_length=MAX_MISCONDUCT_PROOF)]
    place: Annotated[bytes, Meta(max_length=32)] = b""


def fact_name(accused: bytes, what: str, place: bytes = b"") -> bytes:
    """32 bytes: the name of all records of one fact."""
    return digest(prefix(KIND) + encode([accused, what, place]))


def parse_misconduct(record: Record) -> Misconduct:
    """What a misconduct record says; whether the proof proves it is the ledger's to check. Nobody accuses himself, but
    anybody may rebut."""
    found = open_payload(record, KIND, Misconduct, name=None)
    expect(record.name == fact_name(found.accused, found.what, found.place), "name")
    expect(found.accused != record.author or found.what == REBUTTAL, "accused")
    return found


def seal_misconduct(signer: Signer, network: bytes, found: Misconduct, *, created: int, revision: int = 0) -> Record:
    record = _seal(
        signer,
        network,
        KIND,
        found,
        created=created,
        until=created + DURABLE_LIFETIME,
        revision=revision,
        name=fact_name(found.accused, found.what, found.place),
    )
    parse_misconduct(record)
    return record
