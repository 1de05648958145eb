"""The arguments of commands about what stands for all exchanges: our contact, standing rules and standing orders."""

from typing import Annotated, Literal

from msgspec import Meta

from protocols.fields import LINE, PARAGRAPHS
from protocols.limits import MAX_CONTACT_ADDRESS, MAX_CONTACT_PHONE, MAX_CONTACT_TEXT, MAX_INT, MAX_ZONE

from .arguments import Amount, Args, Count, Id, NoArgs, PeerName, Price, Time, Token

_Address = Annotated[str, Meta(max_length=MAX_CONTACT_ADDRESS, pattern=LINE)]
_Phone = Annotated[str, Meta(max_length=MAX_CONTACT_PHONE, pattern=LINE)]
_Text = Annotated[str, Meta(max_length=MAX_CONTACT_TEXT, pattern=PARAGRAPHS)]


class SetContact(Args, frozen=True):
    """None leaves a field as it is; the empty string clears it. share: `always` sends it at every agreement that can
    carry it, `ask` only when `exchange.contact` says so."""

    address: _Address | None = None
    phone: _Phone | None = None
    text: _Text | None = None
    share: Literal["always", "ask"] | None = None


class SendContact(Args, frozen=True):
    """What is named is sent, and nothing else; if nothing is named, the contact that is set."""

    id: Id
    address: _Address | None = None
    phone: _Phone | None = None
    text: _Text | None = None


class OneNumber(Args, frozen=True):
    number: Annotated[int, Meta(ge=1, le=MAX_INT)]


class AddRule(Args, frozen=True):
    """listing, kind: None for all of ours. who: regulars, members, anyone, or peers. regular: from so many settled
    exchanges on. most: the highest price; most_hours: the longest booking; None for no bound. risk: what rules may
    put at risk beyond exposure; None for what a newcomer is lent."""

    listing: Id | None = None
    kind: Token | None = None
    who: Annotated[tuple[PeerName, ...], Meta(min_length=1, max_length=64)] = ("regulars",)
    hours: Annotated[str, Meta(max_length=16)] | None = None
    days: Annotated[str, Meta(max_length=64)] | None = None
    zone: Annotated[str, Meta(min_length=1, max_length=MAX_ZONE)] = "UTC"
    most: Amount | None = None
    most_hours: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    regular: Annotated[int, Meta(ge=1, le=1_000)] = 2
    risk: Amount | None = None


class AddOrder(Args, frozen=True):
    """every: `week`, `2 weeks`; start: `Sat 10:00` in the zone. price: None: the listing's, as long as it is no higher
    than now. until: no occurrence after this, ms. way: as of `exchange.propose`."""

    listing: Id
    start: Annotated[str, Meta(max_length=16)]
    every: Annotated[str, Meta(max_length=16)] = "week"
    zone: Annotated[str, Meta(min_length=1, max_length=MAX_ZONE)] = "UTC"
    quantity: Count | None = None
    price: Price | None = None
    until: Time | None = None
    way: Literal["", "bring", "fetch"] | None = None


class ErasedExchange(Args, frozen=True):
    id: Id


# Rows of the table of commands: name, arguments, whether it writes, summary.
STANDING: tuple[tuple[str, type[Args], bool, str], ...] = (
    ("exchange.contact", SendContact, True, "Send your contact, sealed to the other party"),
    ("exchange.erase", ErasedExchange, True, "Erase the contacts of an exchange here, at once"),
    ("contact.set", SetContact, True, "Say where partners find you; it stays here until it is sent"),
    ("contact.show", NoArgs, False, "Your contact, as it would be sent"),
    ("contact.clear", NoArgs, True, "Erase your contact here"),
    ("rule.add", AddRule, True, "Have proposals accepted that are as you ask"),
    ("rule.list", NoArgs, False, "Your standing rules"),
    ("rule.remove", OneNumber, True, "Let go of a standing rule"),
    ("order.add", AddOrder, True, "Order something again and again"),
    ("order.list", NoArgs, False, "Your standing orders, and what comes next"),
    ("order.pause", OneNumber, True, "Propose nothing more of an order for now"),
    ("order.resume", OneNumber, True, "Go on with an order, at the price of today"),
    ("order.skip", OneNumber, True, "Leave the next one out"),
    ("order.remove", OneNumber, True, "End a standing order"),
)
