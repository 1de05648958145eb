"""The table of commands: what the control API takes, by name, with its typed arguments.

One table for every face of the node: the API decodes a request into the struct named here, the command line and
the page send what the struct takes, and the core answers. Text is what people write (`2/hour`, an id's prefix, a
peer's name); the core parses it, since only it knows the network's unit and which ids exist. Times are
milliseconds UTC.
"""

from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from protocols.limits import MAX_INT, MAX_PERSON_NAME

from .amending_arguments import Amend, Go, OfDuty, Rule
from .arguments import (
    SEARCHES,
    Amount,
    Area,
    Count,
    Direction,
    Hash,
    Id,
    Line,
    Note,
    Path,
    PeerName,
    Photos,
    Price,
    Span,
    Tags,
    Text,
    Time,
    Times,
    Title,
    Token,
    Zone,
)
from .arguments import AddReceipts as AddReceipts
from .arguments import Args as Args
from .arguments import BeginSearch as BeginSearch
from .arguments import Claim as Claim
from .arguments import GiveParcel as GiveParcel
from .arguments import History as History
from .arguments import ListClaims as ListClaims
from .arguments import ListNotices as ListNotices
from .arguments import MoreOfSearch as MoreOfSearch
from .arguments import NoArgs as NoArgs
from .arguments import OneExchange as OneExchange
from .arguments import SavedName as SavedName
from .arguments import SaveSearch as SaveSearch
from .arguments import Search as Search
from .arguments import SettleClaim as SettleClaim
from .arguments import SomeNotices as SomeNotices
from .arguments import TakeParcel as TakeParcel
from .blocklist_arguments import BLOCKLISTS
from .booking_arguments import Calendar as Calendar
from .conduct_arguments import Accuse as Accuse
from .conduct_arguments import Attest as Attest
from .conduct_arguments import Forgive as Forgive
from .conduct_arguments import Reputation as Reputation
from .conduct_arguments import TrustGraph as TrustGraph
from .exchange_arguments import AddKind as AddKind
from .exchange_arguments import Conditions as Conditions
from .exchange_arguments import Counter as Counter
from .exchange_arguments import Labelled as Labelled
from .exchange_arguments import OneKind as OneKind
from .exchange_arguments import Propose as Propose
from .exchange_arguments import RemoveKind as RemoveKind
from .exchange_arguments import ShowExchange as ShowExchange
from .health_arguments import HEALTH
from .health_arguments import Doctor as Doctor
from .health_arguments import Health as Health
from .invite_arguments import INVITES
from .invite_arguments import Invite as Invite
from .joining_arguments import JOINING
from .joining_arguments import Join as Join
from .joining_arguments import Leave as Leave
from .message_arguments import MESSAGES
from .photo_arguments import PHOTOS
from .project_arguments import PROJECTS
from .session_arguments import SESSIONS
from .settings_arguments import SETTINGS
from .standing_arguments import STANDING


class Peer(Args, frozen=True):
    peer: PeerName


class NamePeer(Args, frozen=True):
    peer: PeerName
    name: Annotated[str, Meta(min_length=1, max_length=MAX_PERSON_NAME)]


class Block(Args, frozen=True):
    """until: None for no end."""

    peer: PeerName
    until: Time | None = None
    reason: Line = ""


class Publish(Labelled, frozen=True, kw_only=True):
    """photos: absolute paths of pictures that the node reads, or hashes of photos it has. when: days (`sat,sun`) or an
    RRULE, in the time zone `zone`; None is UTC. on: single times instead. to: where a courier or a ride goes."""

    direction: Direction
    kind: Token
    title: Title
    text: Text = ""
    price: Price | None = None
    quantity: Count | None = None
    tags: Tags = ()
    area: Area | None = None
    until: Time | None = None
    when: Note | None = None
    zone: Zone | None = None
    on: Times | None = None
    photos: Photos = ()
    to: Area | None = None


class Edit(Labelled, frozen=True, kw_only=True):
    """None leaves a field as it is; the empty string or list clears it. zone: None is that of before, or UTC.
    on: single times, in place of all that was said of when; `when` of nothing takes them away."""

    id: Id
    kind: Token | None = None
    title: Title | None = None
    text: Text | None = None
    price: Price | None = None
    quantity: Count | None = None
    tags: Tags | None = None
    area: Area | None = None
    until: Time | None = None
    when: Note | None = None
    zone: Zone | None = None
    on: Times | None = None
    photos: Photos | None = None
    to: Area | None = None


class OneId(Args, frozen=True):
    id: Id


class Resume(Args, frozen=True):
    """id: None means all of ours, of one direction or both."""

    id: Id | None = None
    direction: Direction | None = None


class Pause(Resume, frozen=True):
    """until: when they are resumed by themselves."""

    until: Time | None = None


class ListListings(Args, frozen=True):
    """direction: None lists both. Our own listings only."""

    direction: Direction | None = None


class Step(Args, frozen=True):
    """One step of an exchange. note: seen by the counterparty only."""

    id: Id
    note: Note = ""


class Accept(Step, frozen=True):
    """terms: the hash of the terms that are meant, hex, or the first 16 of it or more; None: those that our user was
    shown last; if none, the newest, and no amendment. anyway: with who is proven to have broken a rule, too."""

    terms: Annotated[str, Meta(pattern=r"^[0-9a-f]{16,64}$")] | None = None
    anyway: bool | None = None


class Did(Step, frozen=True):
    """What was done, or is confirmed. duty: None: the next. code: what is shown at the door; result: hash of what was
    made, hex; photos: hashes of pictures of the state of a thing, hex."""

    duty: Token | None = None
    code: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    result: Hash | None = None
    photos: Annotated[tuple[Hash, ...], Meta(max_length=12)] | None = None


class Pay(Step, frozen=True):
    """duty: which payment; None: the next that is due of us. within: ms, in which the payee must accept; None: the
    node's own. note: with what is not paid through the ledger, such as a bank's reference. claim: offer a private
    claim in its place, as `6 eggs`. amount: propose to pay no more than this now, and the rest later."""

    duty: Token | None = None
    within: Span | None = None
    claim: Price | None = None
    amount: Amount | None = None


class ListExchanges(Args, frozen=True):
    """open: only those that still wait for somebody. all: those that have ended long ago and were put away, too."""

    open: bool = False
    all: bool = False


class Prove(Args, frozen=True):
    """duty: of which payment; None: the newest that is settled."""

    exchange: Id
    duty: Token | None = None


class Statement(Args, frozen=True):
    """peer: None for all."""

    peer: PeerName | None = None


class Export(Args, frozen=True):
    """One page of the own ledger. first: seq."""

    first: Annotated[int, Meta(ge=0, le=MAX_INT)] = 0
    limit: Annotated[int, Meta(ge=1, le=500)] = 200


class Vouch(Args, frozen=True):
    peer: PeerName
    amount: Amount


class Unvouch(Args, frozen=True):
    """amount: a part of what stands; None: all of it."""

    peer: PeerName
    amount: Amount | None = None


class AnswerVouch(Args, frozen=True):
    """All that this peer offers, and that waits for our user."""

    peer: PeerName


class TakeOver(Args, frozen=True):
    """amount: None: what the peer is known to owe, as far as we vouch for it."""

    peer: PeerName
    amount: Amount | None = None


class ListVouches(Args, frozen=True):
    """peer: None for all."""

    peer: PeerName | None = None


class Backup(Args, frozen=True):
    """file: absolute path of a file that the node writes. passphrase: seals it; kept nowhere."""

    file: Path
    passphrase: Annotated[str, Meta(min_length=1, max_length=4096)]

    def __repr__(self) -> str:
        return f"Backup(file={self.file!r})"


class Clock(Args, frozen=True):
    """is_right: whatever neighbours say."""

    is_right: bool = False


class Command(NamedTuple):
    """A row of the table. writes: changes something, so a repeated request id must not do it twice."""

    name: str
    args: type[Args]
    writes: bool
    summary: str


COMMANDS: dict[str, Command] = {
    row.name: row
    for row in (
        Command("status", NoArgs, False, "How the node is doing"),
        *(Command(*row) for row in HEALTH),
        Command("history", History, False, "The node's own figures over time, for graphs"),
        Command("clock", Clock, True, "What time the node goes by, and whether neighbours agree"),
        Command("backup", Backup, False, "Write one sealed file with all that cannot be made again"),
        *(Command(*row) for row in (*SESSIONS, *SETTINGS)),
        Command("whoami", NoArgs, False, "Who this node is, and how others reach it"),
        *(Command(*row) for row in JOINING),
        *(Command(*row) for row in INVITES),
        Command("peers.list", NoArgs, False, "The peers this node knows"),
        Command("peers.show", Peer, False, "What is known of one peer"),
        Command("peers.name", NamePeer, True, "Give a peer a name of your own"),
        Command("peers.banned", NoArgs, False, "The peers that are shut out"),
        Command("peers.block", Block, True, "Shut a peer out"),
        Command("peers.unblock", Peer, True, "Let a peer in again"),
        Command("listing.publish", Publish, True, "Publish an offer or a request"),
        Command("listing.list", ListListings, False, "Your own listings"),
        Command("listing.show", OneId, False, "One listing"),
        Command("listing.edit", Edit, True, "Change a listing of yours"),
        Command("listing.pause", Pause, True, "Say that a listing, or all, is not to be had for now"),
        Command("listing.resume", Resume, True, "Undo a pause"),
        Command("listing.renew", OneId, True, "Prolong a listing"),
        Command("listing.withdraw", OneId, True, "Take a listing back everywhere"),
        *(Command(*row) for row in SEARCHES),
        Command("kinds.list", NoArgs, False, "The kinds of exchange, and who must do what in each"),
        Command("kinds.show", OneKind, False, "One kind of exchange"),
        Command("kinds.add", AddKind, False, "Add a kind of your own, or change it"),
        Command("kinds.remove", RemoveKind, False, "Do away with a kind of your own"),
        Command("exchange.propose", Propose, True, "Propose an exchange on a listing"),
        Command("exchange.foresee", Propose, False, "What to know before proposing an exchange; nothing is said"),
        Command("exchange.foresee_counter", Counter, False, "The terms of a counter-proposal; nothing is said"),
        Command("exchange.counter", Counter, True, "Answer a proposal with other terms"),
        Command("exchange.accept", Accept, True, "Accept the other side's newest terms"),
        Command("exchange.decline", Step, True, "Decline a proposal"),
        Command("exchange.cancel", Step, True, "Withdraw a proposal, or cancel an agreement together"),
        Command("exchange.handover", Did, True, "Say that you handed the thing over"),
        Command("exchange.return", Did, True, "Say that you gave the thing back"),
        Command("exchange.done", Did, True, "Say that you did your part"),
        Command("exchange.confirm", Did, True, "Confirm what the other side did"),
        Command("exchange.pay", Pay, True, "Pay in the network's mutual credit"),
        Command("exchange.amend", Amend, True, "Propose other terms in place of the agreed ones"),
        Command("exchange.dispute", OfDuty, True, "Contest what the other side says it did, and call the mediator"),
        Command("exchange.rule", Rule, True, "Decide, as the mediator of an exchange"),
        Command("exchange.default", OfDuty, True, "Say that the other side did not do its part in time"),
        Command("exchange.waive", OfDuty, True, "Do without what the other side still owes you"),
        Command("exchange.go", Go, True, "Say that a goal is reached: what was pledged is owed"),
        Command("exchange.list", ListExchanges, False, "Your exchanges"),
        Command("exchange.show", ShowExchange, False, "One exchange: terms, duties, what comes next"),
        Command("exchange.agreement", OneId, False, "What was agreed, as a file that anybody can check"),
        Command("exchange.history", OneId, False, "All that was signed in an exchange, as a file"),
        Command("exchange.rebut", OneId, False, "What ended or moved an agreement, as a file"),
        Command("calendar", Calendar, False, "What is booked, held, due and overdue, and what is free"),
        *(Command(*row) for row in STANDING),
        *(Command(*row) for row in PROJECTS),
        *(Command(*row) for row in MESSAGES),
        *(Command(*row) for row in PHOTOS),
        *(Command(*row) for row in BLOCKLISTS),
        Command("ledger.log", NoArgs, False, "The entries of your ledger"),
        Command("ledger.balance", NoArgs, False, "Your balance, what is held, and your limit"),
        Command("ledger.verify", NoArgs, False, "Check every entry of your ledger"),
        Command("ledger.statement", Statement, False, "What stands between you and each counterparty"),
        Command("ledger.export", Export, False, "Your entries with all that is stored of them, a page at a time"),
        Command("ledger.audit", Peer, False, "Fetch another's ledger as far as it is shown, and check it"),
        Command("ledger.erase", OneExchange, True, "Erase what only you can read in the entries of an exchange"),
        Command("ledger.prove", Prove, False, "A proof of an exchange that anybody can check by himself"),
        Command("vouch", Vouch, True, "Lend a peer part of your credit limit"),
        Command("unvouch", Unvouch, True, "Ask a vouch back, or a part of it"),
        Command("vouch.takeover", TakeOver, True, "Take the debt over of somebody you vouch for"),
        Command("vouch.take", AnswerVouch, True, "Take the vouch that a peer offers"),
        Command("vouch.decline", AnswerVouch, True, "Do not take it: it goes back"),
        Command("vouch.return", Unvouch, True, "Give a vouch that you took back, or a part of it"),
        Command("vouch.list", ListVouches, False, "The vouches you gave and took"),
        Command("claim.propose", Claim, True, "Say that you owe somebody, or ask somebody to say so"),
        Command("claim.accept", OneId, True, "Agree to a private claim"),
        Command("claim.decline", OneId, True, "Do not agree to a private claim"),
        Command("claim.settle", SettleClaim, True, "Say that a private claim was paid, or a part of it"),
        Command("claim.list", ListClaims, False, "Private claims, either way"),
        Command("claim.show", OneId, False, "One private claim"),
        Command("parcel.list", NoArgs, False, "Parcels that we sent, carry or received, and what is offered to us"),
        Command("parcel.show", OneId, False, "One parcel: who has it, and by which hands"),
        Command("parcel.give", GiveParcel, True, "Give a parcel to somebody: he has to take it"),
        Command("parcel.take", TakeParcel, True, "Take a parcel that is offered to us"),
        Command("parcel.decline", OneId, True, "Do not take it: its giver still has it"),
        Command("parcel.add", AddReceipts, True, "Add receipts that came by file or by code"),
        Command("parcel.code", OneExchange, False, "The code for the door of a parcel that we send"),
        Command("attest", Attest, True, "Rate an exchange"),
        Command("reputation.forgive", Forgive, True, "Go on with somebody whose misconduct is proven, on this node"),
        Command("misconduct.publish", Accuse, True, "Publish a double booking, or what rebuts it, for all to see"),
        Command("reputation", Reputation, False, "How far this node can trust a peer"),
        Command("reputation.graph", TrustGraph, False, "Whom this node can trust, and by whom"),
    )
}


def parse_args(name: str, value: Any) -> Args:
    """The arguments of command `name` from decoded JSON. `KeyError` for an unknown name, `msgspec.ValidationError`
    naming the field otherwise. Strict: a string is never taken for a number."""
    return msgspec.convert(value, COMMANDS[name].args)
