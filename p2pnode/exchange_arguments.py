"""The arguments of what is proposed and of what a listing says of it: see `p2pnode/commands.py`."""

from typing import Annotated, Literal

from msgspec import Meta

from protocols.limits import MAX_LEGS, MAX_LIFETIME, MAX_SHARES, MAX_TEMPLATE, MAX_TITLE

from .arguments import Amount, Args, Count, Id, Instalments, Named, Note, PeerName, Price, Time

_Goal = Annotated[str, Meta(max_length=64)]  # `10`, or `500 hour`
_Legs = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=2 * MAX_TITLE)], ...], Meta(max_length=MAX_LEGS)]
_Shares = Annotated[tuple[Annotated[str, Meta(min_length=3, max_length=300)], ...], Meta(max_length=MAX_SHARES)]
_OrNothing = Annotated[str, Meta(max_length=256)]


class Labelled(Args, frozen=True, kw_only=True):
    """What a listing's tags say to machines; None leaves it, and what is empty, or 0, takes it away.

    goal: `10`, or `500 hour`; part_of: the listing of the project that it is a part of; orders: ms before the time of
    an exchange until which it can be ordered; instant: who proposes what is asked need not wait.
    """

    goal: _Goal | None = None
    part_of: _OrNothing | None = None
    orders: Annotated[int, Meta(ge=0, le=MAX_LIFETIME)] | None = None
    instant: bool | None = None


class Conditions(Args, frozen=True, kw_only=True):
    """What is asked beyond the listing. None: what the listing and its kind say, or in a counter-proposal what stands;
    what is empty, or 0, takes it away.

    form: of the duties, `full` with deadlines that count. mediator: whose signature counts with that of one party.
    cancel_until: ms before the start until which either may cancel alone; fee: what who does owes the other. within: ms
    for the first duty. goal: `10`, or `500 hour`; goal_until: by when. leg: `mine: …` or `yours: …`. share: who
    gets how many parts of the proceeds, `PEER:PARTS`. parent: the exchange that this one carries out.
    """

    form: Literal["plain", "full"] | None = None
    mediator: _OrNothing | None = None
    cancel_until: Annotated[int, Meta(ge=0, le=MAX_LIFETIME)] | None = None
    fee: Amount | None = None
    within: Annotated[int, Meta(ge=0, le=MAX_LIFETIME)] | None = None
    goal: _Goal | None = None
    goal_until: Time | None = None
    leg: _Legs | None = None
    share: _Shares | None = None
    parent: _OrNothing | None = None


class Propose(Conditions, frozen=True, kw_only=True):
    """start, end: when it is wanted. items: how many at once of what is had by the hour or day, for each of which
    quantity counts the hours or days. price: the whole or per unit, as the listing says; None: the listing's.

    instalments: in how many steps it is given and paid. deposit: paid before the handover, and back after the return.
    witness: peers who may call a payment off if it is not answered. parcel: of a delivery, that receipts say who has
    the parcel; door: that a code is shown where it goes; to: who receives it there.
    """

    listing: Id
    quantity: Count | None = None
    items: Count | None = None
    start: Time | None = None
    end: Time | None = None
    price: Price | None = None
    note: Note = ""
    witness: Named | None = None
    instalments: Instalments | None = None
    deposit: Amount | None = None
    parcel: bool | None = None
    door: bool | None = None
    to: PeerName | None = None


class Counter(Conditions, frozen=True, kw_only=True):
    """None keeps what the last proposal said. instalments: 1, and a deposit of 0, is none. door: that a
    code is shown at the door; only the sender of a parcel can make one."""

    id: Id
    quantity: Count | None = None
    items: Count | None = None
    start: Time | None = None
    end: Time | None = None
    price: Price | None = None
    note: Note = ""
    instalments: Instalments | None = None
    deposit: Amount | None = None
    door: bool | None = None
    witness: Named | None = None


class AddKind(Args, frozen=True):
    """text: the TOML of a kind; file: what it is called in what is said of it."""

    text: Annotated[str, Meta(max_length=MAX_TEMPLATE)]
    file: Annotated[str, Meta(min_length=1, max_length=255)] = "the file"


class OneKind(Args, frozen=True):
    kind: Annotated[str, Meta(min_length=1, max_length=64)]
