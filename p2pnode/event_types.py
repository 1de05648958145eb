"""The table of events: what `GET /v1/events` tells, by type, with its typed fields. Pure.

`changed` comes of everything that is written, so who only wants to show what is true listens to it alone. The others
say more, each of one thing, sooner.
"""

from typing import Literal

import msgspec

What = Literal[
    "blocklists", "claims", "clock", "contact", "disk", "exchanges", "kinds", "ledger", "listings", "messages",
    "misconduct", "networks", "notices", "orders", "parcels", "peers", "photos", "projects", "records", "rules",
    "searches", "vouches",
]  # fmt: skip


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """event_id: to go on after, as `Last-Event-ID`."""

    type: str
    event_id: str


class Changed(Event, frozen=True):
    """Something was written. what: which parts of the node may be other than before: read again what is shown of them.
    records: what is held of neighbours (listings, profiles, ratings, vouches, lists)."""

    what: list[What]


class Resync(Event, frozen=True):
    """Events were missed, or the node was started anew: everything may be other than before."""


class Listings(Event, frozen=True):
    """A search may find other than before."""


class Listing(Event, frozen=True):
    """A listing of ours waits as a draft for a network."""

    listing_id: str
    state: Literal["draft"]


class Held(Event, frozen=True):
    """A neighbour has signed which of our listings it holds. author: who; count: how many."""

    network: str
    author: str
    count: int


class Delivered(Event, frozen=True):
    """Something of ours has arrived and was acknowledged. id: of the fact, claim or whatever it was."""

    id: str


class Exchange(Event, frozen=True):
    """A step of an exchange, ours or the other side's, or what time alone did. overdue: duties; refused: the kind of
    step of ours that the other side did not take, why: in its words."""

    exchange_id: str
    status: str | None = None
    overdue: list[str] | None = None
    refused: str | None = None
    why: str | None = None


class Rule(Event, frozen=True):
    """A standing rule was asked about a proposal. rule: its number if it accepted; reason: why none did."""

    exchange_id: str
    rule: int | None
    reason: str | None


class Order(Event, frozen=True):
    """A standing order proposed."""

    number: int
    exchange_id: str


class Claim(Event, frozen=True):
    """A private claim moved."""

    claim_id: str
    state: str


class Vouch(Event, frozen=True):
    """A vouch moved, either way. amount: in minor units."""

    state: str
    amount: int


class Parcel(Event, frozen=True):
    """A hand-over of a parcel. id: of the receipt; what: what came of it."""

    parcel: str
    id: str
    what: str


class Message(Event, frozen=True):
    """A message came (`new`), or one of ours was not taken (`refused`). peer_id, name: of the other side; the text is
    to be asked for."""

    id: str
    state: str
    peer_id: str
    name: str
    exchange_id: str | None


class Notice(Event, frozen=True):
    """A listing arrived that our user wanted to hear of. why: saved, match; of: which search, or which of ours."""

    why: str
    of: str
    title: str


class Misconduct(Event, frozen=True):
    """Somebody is proven to have broken a rule, or is cleared of it."""

    network: str
    author: str
    name: str


class Peer(Event, frozen=True):
    """A peer came or went, or was shut out or let in again."""

    peer_id: str
    connected: bool | None = None
    banned: bool | None = None


class Network(Event, frozen=True):
    """We are in a network that we were not in, or are no more."""

    id: str
    name: str
    state: Literal["joined", "left"]


class Join(Event, frozen=True):
    """A target that we tried to join refused."""

    target: str
    refused: str


class Recovering(Event, frozen=True):
    """The end of our ledger may be missing: nothing is signed until neighbours have answered."""

    network: str


class Whole(Event, frozen=True):
    """It is whole again."""

    network: str


class Disk(Event, frozen=True):
    """Fewer cells are kept, or more again, for the sake of the disk."""

    keeps: str


class Warning(Event, frozen=True):
    """The disk refuses to write; None: it writes again."""

    message: str | None


class Health(Event, frozen=True):
    """What `status` warns of has changed, or whether we can be reached. Looked at once a minute."""

    warnings: list[str]
    reachable: bool


EVENTS: dict[str, type[Event]] = {
    each.__name__.lower(): each
    for each in (
        Changed, Resync, Listings, Listing, Held, Delivered, Exchange, Rule, Order, Claim, Vouch, Parcel,
        Message, Notice, Misconduct, Peer, Network, Join, Recovering, Whole, Disk, Warning, Health,
    )
}  # fmt: skip


def table() -> str:
    """The rows of docs/api.md."""
    rows = ["| type | fields | meaning |", "|---|---|---|"]
    for kind, each in EVENTS.items():
        own = [f"`{field}`" for field in each.__struct_fields__ if field not in Event.__struct_fields__]
        meaning = " ".join((each.__doc__ or "").split())
        rows.append(f"| `{kind}` | {' '.join(own)} | {meaning} |")
    return "\n".join(rows) + "\n"
