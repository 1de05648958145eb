"""The lease: "still here", signed once a day. An author's newest lease tells when it was last seen."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocols.envelope import Record
from protocols.fields import Cell, ascending, expect, open_payload
from protocols.fields import seal_payload as _seal
from protocols.identity import Signer
from protocols.limits import MAX_CELLS, MAX_LIFETIME, SECOND

KIND: Final = "lease"


class Lease(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """cells: what the author's node keeps for others, ascending; none says nothing about it."""

    cells: Annotated[tuple[Cell, ...], Meta(max_length=MAX_CELLS)] = ()


def parse_lease(record: Record) -> Lease:
    """What a lease says. The revision counts seconds of `created`, so that a later lease replaces an earlier."""
    lease = open_payload(record, KIND, Lease)
    expect(record.revision == record.created // SECOND, "revision")
    expect(record.until == record.created + MAX_LIFETIME, "until")
    expect(ascending(lease.cells) and "" not in lease.cells, "cells")
    return lease


def seal_lease(signer: Signer, network: bytes, lease: Lease, *, created: int) -> Record:
    """A lease of this moment; revision and until follow from it."""
    record = _seal(
        signer, network, KIND, lease, created=created, until=created + MAX_LIFETIME, revision=created // SECOND
    )
    parse_lease(record)
    return record
