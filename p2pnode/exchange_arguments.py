"""The arguments of what is proposed and of what a listing says of it: see `p2pnode/commands.py`."""

from typing import Annotated, Literal

from msgspec import Meta

from protocols.limits import MAX_LEGS, MAX_LIFETIME, MAX_SHARES, MAX_TEMPLATE, MAX_TITLE

from .arguments import DECIMAL, Amount, Args, Count, Id, Instalments, Named, Note, PeerName, Price, Span, Time

_Goal = Annotated[str, Meta(max_length=64, extra=DECIMAL)]  # `10`, or `500 hour`
_Legs = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=2 * MAX_TITLE)], ...], Meta(max_length=MAX_LEGS)]
_Shares = Annotated[tuple[Annotated[str, Meta(min_length=3, max_length=300)], ...], Meta(max_length=MAX_SHARES)]
_OrNothing = Annotated[str, Meta(max_length=256)]


class Labelled(Args, frozen=True, kw_only=True):
    """What a listing's tags say to machines; None leaves it, and what is empty, or 0, takes it away.

    goal: `10`, or `500 hour`; part_of: the listing of the project that it is a part of; orders: ms before the time of
    an exchange until which it can be ordered; instant: who proposes what is asked need not wait; handover: whether the
    thing is fetched, brought, or either.
    """

    goal: _Goal | None = None
    part_of: _OrNothing | None = None
    orders: Annotated[int, Meta(ge=0, le=MAX_LIFETIME)] | None = None
    instant: bool | None = None
    handover: Literal["", "fetch", "bring", "both"] | None = None


class Conditions(Args, frozen=True, kw_only=True):
    """What is asked beyond the listing. None: what the listing and its kind say, or in a counter-proposal what stands;
    what is empty, or 0, takes it away.

    form: of the duties, `full` with deadlines that count. mediator: whose signature counts with that of one party.
    cancel_until: ms before the start until which either may cancel alone; fee: what who does owes the other. within: ms
    for the first duty. goal: `10`, or `500 hour`; goal_until: by when. leg: `mine: …` or `yours: …`. share: who
    gets how many parts of the proceeds, `PEER:PARTS`. parent: the exchange that this one carries out. way: whether the
    thing is brought, or fetched.
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
    way: Literal["", "bring", "fetch"] | None = None


class Wanted(Conditions, frozen=True, kw_only=True):
    """What of it is had, when and for how much. None: what the listing says, or in a counter-proposal what stands.

    start, end: when it is wanted. items: how many at once of what is had by the hour or day, for each of which
    quantity counts the hours or days. price: the whole or per unit, as the listing says. instalments: in how many steps
    it is given and paid; 1 is at once. deposit: paid before the handover, and back after the return; 0 is none.
    witness: peers who may call a payment off if it is not answered. door: that a code is shown where a parcel
    goes; only who sends it can make one.
    """

    quantity: Count | None = None
    items: Count | None = None
    start: Time | None = None
    end: Time | None = None
    price: Price | None = None
    note: Note = ""
    witness: Named | None = None
    instalments: Instalments | None = None
    deposit: Amount | None = None
    door: bool | None = None


class Propose(Wanted, frozen=True, kw_only=True):
    """parcel: of a delivery, that receipts say who has the parcel; to: who receives it there. anyway: with who is
    proven to have broken a rule, too."""

    listing: Id
    parcel: bool | None = None
    to: PeerName | None = None
    anyway: bool | None = None


class Counter(Wanted, frozen=True, kw_only=True):
    """hold: ms, in which it can be accepted; None: the node's own, which is short where a time of the sender's own
    listing is held meanwhile."""

    id: Id
    hold: Span | None = None
    anyway: bool | None = None


class AddKind(Args, frozen=True):
    """text: the TOML of a kind; file: what it is called in what is said of it."""

    text: Annotated[str, Meta(max_length=MAX_TEMPLATE)]
    file: Annotated[str, Meta(min_length=1, max_length=255)] = "the file"


class RemoveKind(Args, frozen=True):
    """kind: one of our own, of which no listing of ours is left."""

    kind: Annotated[str, Meta(min_length=1, max_length=64)]


class OneKind(Args, frozen=True):
    kind: Annotated[str, Meta(min_length=1, max_length=64)]


class ShowExchange(Args, frozen=True):
    """unread: a program looks by itself: our user is not taken to have read the terms (see `exchange.accept`)."""

    id: Id
    unread: bool = False
