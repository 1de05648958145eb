"""The block list: whose listings somebody would not show, and why. It binds nobody who does not follow it.

A list is known by its author and its name; it is as long as its pages, each a record that says of itself all that is
needed to read it.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from protocols.codec import encode, plain
from protocols.envelope import Record
from protocols.errors import Reject
from protocols.fields import LINE, Bytes32, Kind, Time, expect, open_payload
from protocols.fields import seal_payload as _seal
from protocols.identity import Signer, digest
from protocols.limits import (
    MAX_BLOCKLIST_ENTRIES,
    MAX_BLOCKLIST_NAME,
    MAX_BLOCKLIST_PAGES,
    MAX_BLOCKLIST_TEXT,
    MAX_PAYLOAD,
)

KIND: Final = "blocklist"
REASONS: Final = ("spam", "fraud", "unsafe", "illegal", "other")  # others are kept and shown
_DOMAIN: Final = b"blocklist"

ListName = Annotated[str, Meta(min_length=1, max_length=MAX_BLOCKLIST_NAME, pattern=LINE)]
ReasonText = Annotated[str, Meta(min_length=1, max_length=MAX_BLOCKLIST_TEXT, pattern=LINE)]


class Subject(NamedTuple):
    """What is blocked. listing: 16 bytes, the name in the header of one listing of this author; empty: all of his."""

    author: bytes
    listing: bytes


class BlockEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One author, or one listing of his, and why: a token and a line, neither of them empty. since: ms. See
    `Subject`."""

    author: Bytes32
    reason: Kind
    text: ReasonText
    since: Time
    listing: Annotated[bytes, Meta(max_length=16)] = b""

    @property
    def subject(self) -> Subject:
        return Subject(self.author, self.listing)


class BlockPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One page of a list. name: of the list, which its author chose. entries: by author and listing, ascending."""

    name: ListName
    page: Annotated[int, Meta(ge=0, lt=MAX_BLOCKLIST_PAGES)]
    entries: Annotated[tuple[BlockEntry, ...], Meta(min_length=1, max_length=MAX_BLOCKLIST_ENTRIES)]
    about: Annotated[str, Meta(max_length=MAX_BLOCKLIST_TEXT, pattern=LINE)] = ""


def page_name(name: str, page: int) -> bytes:
    """The name in the header of one page of a list: 16 bytes, so that lists and pages have slots of their own."""
    return digest(_DOMAIN + page.to_bytes(1, "big") + name.encode())[:16]


def parse_blocklist(record: Record) -> BlockPage:
    """What one page of a block list says. `Reject` if a field is out of bounds, or an entry gives no reason."""
    page = open_payload(record, KIND, BlockPage, name=None)
    expect(record.name == page_name(page.name, page.page), "name")
    expect(bool(page.name.strip()), "name")
    subjects = [entry.subject for entry in page.entries]
    expect(all(a < b for a, b in pairwise(subjects)), "entries")
    for entry in page.entries:
        expect(len(entry.listing) in (0, 16), "entries.listing")
        expect(entry.author != record.author, "entries.author")
        expect(bool(entry.text.strip()), "entries.text")
        expect(entry.since <= record.created, "entries.since")
    return page


def pages(name: str, about: str, entries: Iterable[BlockEntry]) -> list[BlockPage]:
    """A list, shared out to as few pages as hold it, the oldest entries first: what is added changes the last page
    alone. `Reject` (size) if it is too long."""
    made: list[BlockPage] = []
    held: list[BlockEntry] = []
    room = whole = MAX_PAYLOAD - len(encode({"name": name, "page": 99, "about": about, "entries": []})) - 8
    for entry in sorted(entries, key=lambda e: (e.since, e.subject)):
        size = len(encode(plain(entry)))
        if held and (len(held) >= MAX_BLOCKLIST_ENTRIES or size > room):
            made.append(_page(name, about, len(made), held))
            held, room = [], whole
        held.append(entry)
        room -= size
    if held:
        made.append(_page(name, about, len(made), held))
    if len(made) > MAX_BLOCKLIST_PAGES:
        raise Reject("size", f"a block list has at most {MAX_BLOCKLIST_PAGES} pages")
    return made


def seal_blocklist(
    signer: Signer, network: bytes, page: BlockPage, *, created: int, until: int, revision: int
) -> Record:
    record = _seal(
        signer,
        network,
        KIND,
        page,
        created=created,
        until=until,
        revision=revision,
        name=page_name(page.name, page.page),
    )
    parse_blocklist(record)
    return record


def _page(name: str, about: str, page: int, entries: Sequence[BlockEntry]) -> BlockPage:
    return BlockPage(name, page, tuple(sorted(entries, key=lambda e: e.subject)), about)
