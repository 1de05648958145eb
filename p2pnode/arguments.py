"""The values that commands take, and the arguments of searching: see `p2pnode/commands.py`."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from p2pnode.bounds import SEARCH_WAIT_MAX
from protocols.fields import LINE
from protocols.limits import (
    MAX_CLAIM_NOTE,
    MAX_INSTALMENTS,
    MAX_INT,
    MAX_LIFETIME,
    MAX_PERSON_NAME,
    MAX_PHOTOS,
    MAX_RECEIPT_PHOTOS,
    MAX_RECEIPT_TEXT,
    MAX_SCOPE,
    MAX_SHORT_TEXT,
    MAX_SLOTS,
    MAX_TAGS,
    MAX_TEXT,
    MAX_TITLE,
    MAX_TOKEN,
    MAX_WITNESSES,
    MAX_ZONE,
)

Time = Annotated[int, Meta(ge=0, le=MAX_INT)]  # ms UTC
Count = Annotated[int, Meta(ge=1, le=MAX_INT)]
Id = Annotated[str, Meta(min_length=1, max_length=128)]  # hex, or any prefix that is unique here
PeerName = Annotated[str, Meta(min_length=1, max_length=256)]  # a PeerId, an author, a prefix of one, or a name
Line = Annotated[str, Meta(max_length=MAX_TITLE)]
Title = Annotated[str, Meta(min_length=1, max_length=MAX_TITLE)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Note = Annotated[str, Meta(max_length=MAX_SHORT_TEXT)]
ClaimNote = Annotated[str, Meta(max_length=MAX_CLAIM_NOTE)]
Token = Annotated[str, Meta(min_length=1, max_length=MAX_TOKEN)]
DECIMAL: Final = {"decimal": True}  # begins with a number that people write as their language does
Price = Annotated[str, Meta(min_length=1, max_length=64, extra=DECIMAL)]  # AMOUNT[ UNIT][/PER] or free
Amount = Annotated[str, Meta(min_length=1, max_length=32, extra=DECIMAL)]  # decimals, in the network's unit
Instalments = Annotated[int, Meta(ge=1, le=MAX_INSTALMENTS)]
Area = Annotated[str, Meta(max_length=64)]  # geohash, `lat,lon` or plus code; coarsened at once
Path = Annotated[str, Meta(min_length=1, max_length=4096)]
Tags = Annotated[tuple[Token, ...], Meta(max_length=MAX_TAGS)]
Named = Annotated[tuple[PeerName, ...], Meta(max_length=MAX_WITNESSES)]
Span = Annotated[int, Meta(ge=1, le=MAX_LIFETIME)]  # ms
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]  # BLAKE2b-256
Photos = Annotated[tuple[Path, ...], Meta(max_length=MAX_PHOTOS)]
SavedAs = Annotated[str, Meta(min_length=1, max_length=MAX_PERSON_NAME, pattern=LINE)]
ReceiptNote = Annotated[str, Meta(max_length=MAX_TITLE, pattern=LINE)]
ReceiptText = Annotated[str, Meta(max_length=MAX_RECEIPT_TEXT)]
Hashes = Annotated[tuple[Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")], ...], Meta(max_length=MAX_RECEIPT_PHOTOS)]
Times = Annotated[tuple[tuple[Time, Time], ...], Meta(max_length=MAX_SLOTS)]  # each from, until; ms
Zone = Annotated[str, Meta(min_length=1, max_length=MAX_ZONE)]  # IANA, as Europe/Berlin
Direction = Literal["offer", "request"]


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """network: name or id prefix of the neighbourhood meant; None where the node is in one only."""

    network: Annotated[str, Meta(min_length=1, max_length=128)] | None = None


class NoArgs(Args, frozen=True):
    """For commands that take nothing more."""


class History(Args, frozen=True):
    """step: a day of minutes, or ninety days of hours. since: ms."""

    step: Literal["minute", "hour"] = "minute"
    since: Time | None = None


class Search(Args, frozen=True):
    """near: where `within_km` counts from; None: our own area. available: a time at which the thing must be free;
    with available_until, some time between the two.
    cell: only what lies in this cell; everywhere: however far away. Either asks others, too, for cells not kept here,
    unless `here` forbids it. hidden: what block lists hide, and nothing else. min_trust: of authors whose score is this
    or more.
    """

    query: Note = ""
    kind: Token | None = None
    direction: Direction | None = None
    within_km: Annotated[float, Meta(gt=0, le=20_100)] | None = None
    near: Area | None = None
    max_price: Price | None = None
    available: Time | None = None
    available_until: Time | None = None
    min_trust: Annotated[float, Meta(ge=0, le=1)] | None = None
    sort: Literal["relevance", "near", "new", "trust"] = "relevance"
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 50
    everywhere: bool = False
    cell: Annotated[str, Meta(min_length=1, max_length=MAX_SCOPE, pattern=r"\A[0-9b-hjkmnp-z]*\Z")] | None = None
    here: bool | None = None
    hidden: bool | None = None


class BeginSearch(Search, frozen=True):
    """wait: seconds until others are no longer waited for; None: the node's own."""

    wait: Annotated[float, Meta(ge=0, le=SEARCH_WAIT_MAX)] | None = None


class MoreOfSearch(Args, frozen=True):
    """search, step: as the last answer said. within: ms, to wait for something new."""

    search: Id
    step: Annotated[int, Meta(ge=0, le=MAX_INT)] = 0
    within: Annotated[int, Meta(ge=0, le=10_000)] = 2_000


class SaveSearch(Args, frozen=True):
    """The search goes on: a listing that arrives and fits makes a notice. A name that is taken gets the new search."""

    name: SavedAs
    search: Search


class SavedName(Args, frozen=True):
    name: SavedAs


class ListNotices(Args, frozen=True):
    """why: only those of saved searches, or only matches with our own listings. unseen: only those."""

    why: Literal["saved", "match"] | None = None
    unseen: bool = False


class SomeNotices(Args, frozen=True):
    """listing: those that tell of it; None: all."""

    listing: Id | None = None


class OneExchange(Args, frozen=True):
    exchange: Id


class Claim(Args, frozen=True):
    """unit: any but the network's own. owed_by: the peer owes us, and is asked to say so; else we owe the peer.
    exchange: the one it belongs to."""

    peer: PeerName
    amount: Amount
    unit: Token
    note: ClaimNote = ""
    exchange: Id | None = None
    owed_by: bool = False


class SettleClaim(Args, frozen=True):
    """amount: None: all that is left."""

    id: Id
    amount: Amount | None = None


class ListClaims(Args, frozen=True):
    """open: only those that are not over."""

    peer: PeerName | None = None
    open: bool = False


class GiveParcel(OneExchange, frozen=True):
    """to: None: the courier, if we are his customer, else the recipient. photos: hashes, hex. instead: though it is
    offered to somebody else who has not taken it, and might still."""

    to: PeerName | None = None
    note: ReceiptNote = ""
    photos: Hashes = ()
    instead: bool = False


class TakeParcel(Args, frozen=True):
    """id: of an offer that came to us; text: or what came by file or by code, with the offer in it."""

    id: Id | None = None
    text: ReceiptText = ""


class AddReceipts(Args, frozen=True):
    text: ReceiptText


# Rows of the table of commands: name, arguments, whether it writes, summary.
SEARCHES: tuple[tuple[str, type[Args], bool, str], ...] = (
    ("search", Search, False, "Find offers and requests"),
    ("search.begin", BeginSearch, False, "Find them in other cells, too: others are asked"),
    ("search.more", MoreOfSearch, False, "What they have answered until now"),
    ("search.save", SaveSearch, True, "Have a search go on, and be told of what arrives"),
    ("search.saved", NoArgs, False, "The searches that go on"),
    ("search.pause", SavedName, True, "Be told nothing more of a saved search for now"),
    ("search.resume", SavedName, True, "Be told again of what arrives and fits a saved search"),
    ("search.forget", SavedName, True, "End a saved search"),
    ("notices.list", ListNotices, False, "Listings that arrived and fit a saved search or match one of yours"),
    ("notices.seen", SomeNotices, True, "Mark notices as seen"),
    ("notices.dismiss", SomeNotices, True, "Take notices off the list; they come back only if the listing changes"),
)
