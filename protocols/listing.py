"""The listing: what someone offers or requests."""

from itertools import pairwise
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from protocols.amounts import Price
from protocols.cell import is_cell
from protocols.envelope import Record, seal
from protocols.fields import LINE, Bytes32, Cell, Kind, Language, Text, Time, expect, open_payload
from protocols.fields import seal_payload as _seal
from protocols.identity import Signer
from protocols.limits import (
    MAX_PHOTOS,
    MAX_QUANTITY,
    MAX_RULE,
    MAX_SLOTS,
    MAX_TAGS,
    MAX_TITLE,
    MAX_TOKEN,
    MAX_ZONE,
)

KIND: Final = "listing"
NAME_SIZE: Final = 16  # random bytes: what tells an author's listings apart

Direction = Literal["offer", "request"]
_Tag = Annotated[str, Meta(min_length=1, max_length=MAX_TOKEN, pattern=LINE)]


class Availability(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """rrule: RFC 5545 recurrence without its name (`FREQ=WEEKLY;BYDAY=SA`), in the IANA time zone `zone`.

    slots: (start, end) in milliseconds, end exclusive; ascending, apart.
    """

    rrule: Annotated[str, Meta(max_length=MAX_RULE, pattern=r"\A(?:FREQ=[A-Z0-9=;,+-]+)?\Z")] = ""
    zone: Annotated[str, Meta(max_length=MAX_ZONE, pattern=r"\A[A-Za-z0-9_+/-]*\Z")] = ""
    slots: Annotated[tuple[tuple[Time, Time], ...], Meta(max_length=MAX_SLOTS)] = ()


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """kind: the kind of exchange, a token of the template tables; an unknown one is kept and shown.

    price: None where nothing is asked or it is left open. quantity: how many there are, None where that says nothing.
    area: where, a cell. area_to: where to, for couriers and rides. photos: BLAKE2b-256 of each (`protocols.photo`).
    paused: shown, but not to be had for now.
    """

    direction: Direction
    kind: Kind
    title: Annotated[str, Meta(min_length=1, max_length=MAX_TITLE, pattern=LINE)]
    text: Text = ""
    tags: Annotated[tuple[_Tag, ...], Meta(max_length=MAX_TAGS)] = ()
    language: Language = ""
    price: Price | None = None
    quantity: Annotated[int, Meta(ge=0, le=MAX_QUANTITY)] | None = None
    available: Availability | None = None
    area: Cell = ""
    area_to: Cell = ""
    photos: Annotated[tuple[Bytes32, ...], Meta(max_length=MAX_PHOTOS)] = ()
    paused: bool = False


def parse_listing(record: Record, cell_precision: int | None = None) -> Listing:
    """What a listing record says. cell_precision: the network's; None leaves the length of the scope open."""
    expect(len(record.name) == NAME_SIZE, "name")
    listing = open_payload(record, KIND, Listing, name=None, scope=None)
    if cell_precision is None:
        expect(listing.area.startswith(record.scope) and bool(listing.area) == bool(record.scope), "scope")
    else:
        expect(record.scope == listing.area[:cell_precision], "scope")
    expect(len(set(listing.tags)) == len(listing.tags), "tags")
    expect(len(set(listing.photos)) == len(listing.photos), "photos")
    if listing.available is not None:
        available = listing.available
        expect(available != Availability(), "available")
        expect(bool(available.rrule) == bool(available.zone), "available.zone")
        expect(all(start < end for start, end in available.slots), "available.slots")
        expect(all(a[1] <= b[0] for a, b in pairwise(available.slots)), "available.slots")
    return listing


def seal_listing(
    signer: Signer,
    network: bytes,
    listing: Listing,
    *,
    name: bytes,
    created: int,
    until: int,
    revision: int = 0,
    cell_precision: int = 5,
) -> Record:
    """A listing, or a new revision of the one with this name (16 random bytes at first)."""
    scope = listing.area[:cell_precision]
    record = _seal(
        signer, network, KIND, listing, created=created, until=until, revision=revision, name=name, scope=scope
    )
    parse_listing(record, cell_precision)
    return record


def withdraw_listing(signer: Signer, old: Record, *, created: int, until: int) -> Record:
    """The withdrawal of a listing: the next revision of its slot, in the same scope, with an empty payload.

    until: not before the old one's, or the old one outlives its withdrawal.
    """
    expect(old.kind == KIND and is_cell(old.scope), "kind")
    return seal(
        signer,
        network=old.network,
        kind=KIND,
        name=old.name,
        revision=old.revision + 1,
        created=max(created, old.created),
        until=max(until, old.until),
        scope=old.scope,
        payload=b"",
    )
