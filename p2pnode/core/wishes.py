"""What our user asks of an exchange beyond the listing: from what was typed to what terms say. Nothing is stored."""

from typing import NamedTuple

from msgspec.structs import replace

from p2pnode.exchange_arguments import Conditions
from protocols.amounts import decimals_of, parse_amount
from protocols.drafts import Asked, Fee, Leg, asked_before, both_may_cancel, full_by_itself
from protocols.errors import Refusal
from protocols.labels import Labels
from protocols.limits import MAX_QUANTITY
from protocols.listing import Listing
from protocols.spans import format_span
from protocols.templates import Template, Way
from protocols.terms import Goal, Share, Terms

from .exchanges import Exchanges
from .state import Network, State


class Occasion(NamedTuple):
    """What wishes are about. giver, other: who gives by the kind, and who is not us; start, end: ms, 0 where open;
    closes: when a goal must be reached where nobody says so, ms; unit: of the price, or the network's."""

    network: Network
    of: Template
    title: str
    owner_gives: bool
    owner: bytes
    other: bytes
    start: int
    end: int
    closes: int
    unit: str


class Wishes:
    def __init__(self, state: State, exchanges: Exchanges) -> None:
        self._state = state
        self._exchanges = exchanges

    def first(self, args: Conditions, it: Occasion, listing: Listing, labels: Labels) -> Asked:
        """Of a proposal. `Refusal`."""
        full = args.form == "full" or (args.form is None and full_by_itself(it.of, it.start, it.end))
        asked = Asked(full=full, capacity=listing.quantity or 1, way=way_as_listed(labels, it.of, args.way or ""))
        if args.goal is None and labels.goal is not None:
            stated = f"{labels.goal.number} {labels.goal.unit}".strip()
            asked = asked._replace(goal=self._goal(stated, args.goal_until, it))
        return self._with(asked, args, it)

    def other(self, args: Conditions, it: Occasion, old: Terms, labels: Labels) -> Asked:
        """Of a counter-proposal. Who owns the listing may go beyond it. `Refusal`."""
        asked = asked_before(old, it.start, it.of)
        if args.way is not None:
            mine = it.owner == self._state.me
            asked = asked._replace(way=args.way if mine else way_as_listed(labels, it.of, args.way))
        if args.form is not None:
            asked = asked._replace(full=args.form == "full")
        if args.goal is None and args.goal_until is not None and asked.goal is not None:
            asked = asked._replace(goal=replace(asked.goal, until=args.goal_until))
        made = self._with(asked, args, it)
        if made.mediator not in (old.mediator, b""):
            why = "a mediator is named in the first proposal: a node takes nothing to decide that did not name it there"
            raise Refusal("usage", why, "Decline, and have it proposed with --mediator.")
        return made

    def _with(self, asked: Asked, args: Conditions, it: Occasion) -> Asked:
        me = self._state.me
        if args.goal is not None:
            asked = asked._replace(goal=self._goal(args.goal, args.goal_until, it) if args.goal else None)
        if args.mediator is not None:
            asked = asked._replace(mediator=self._mediator(args.mediator, it) if args.mediator else b"")
        if args.parent is not None:
            asked = asked._replace(parent=self._parent(args.parent) if args.parent else b"")
        if args.within is not None:
            asked = asked._replace(within=args.within)
        if args.share is not None:
            asked = asked._replace(split=self._split(args.share))
        if args.leg is not None or (it.of.legs and not asked.legs):
            asked = asked._replace(legs=self._legs(args.leg or (), it))
        if args.cancel_until is not None:
            anchor = it.start or (asked.goal.until if asked.goal is not None else 0)
            if not anchor:
                raise Refusal("usage", "there is no start to count from", "Say when with --from, or leave it out.")
            rules = both_may_cancel((me, it.other), anchor - args.cancel_until)
            asked = asked._replace(cancellation=rules)
        if args.fee is not None:
            amount, unit = self._money(args.fee, it)
            fees = (Fee(me, amount, unit), Fee(it.other, amount, unit)) if amount else ()
            asked = asked._replace(fees=fees)
        return asked

    def _goal(self, text: str, until: int | None, it: Occasion) -> Goal:
        number, _, unit = text.strip().partition(" ")
        unit = unit.strip()
        genesis = it.network.genesis
        places = decimals_of(unit, genesis.unit, genesis.decimals) if unit else 0
        least = parse_amount(number, places)
        if not least:
            raise Refusal("usage", "a goal of nothing", "Write --goal 10 or --goal '500 hour'.")
        return Goal(least=least, until=it.closes if until is None else until, unit=unit)

    def _mediator(self, name: str, it: Occasion) -> bytes:
        found = self._state.directory.resolve(name)
        if found in (self._state.me, it.other):
            raise Refusal("usage", "a party cannot be mediator of its own deal", "Name somebody whom you both trust.")
        return found

    def _parent(self, text: str) -> bytes:
        if len(text) == 64:
            try:
                return bytes.fromhex(text)
            except ValueError as e:
                raise Refusal("usage", f"not an exchange: {text}", "`p2pnode exchange list` shows yours.") from e
        return self._exchanges.find(text).id

    def _split(self, shares: tuple[str, ...]) -> tuple[Share, ...]:
        found = []
        for text in shares:
            name, _, parts = text.rpartition(":")
            if not name or not parts.isdecimal() or not 1 <= int(parts) <= MAX_QUANTITY:
                raise Refusal("usage", f"not a share: {text!r}", "Write it as PEER:PARTS, such as ben:2 or me:1.")
            author = self._state.me if name == "me" else self._state.directory.resolve(name)
            found.append(Share(author, int(parts)))
        if len({share.author for share in found}) < len(found):
            raise Refusal("usage", "a share is named twice", "Add the parts up.")
        return tuple(found)

    def _legs(self, texts: tuple[str, ...], it: Occasion) -> tuple[Leg, ...]:
        """What each gives, as said; what is not said of who gives by the listing is the listing's title."""
        legs = []
        for text in texts:
            whose, _, what = text.partition(":")
            if whose.strip() not in ("mine", "yours") or not what.strip():
                raise Refusal("usage", f"not a leg: {text!r}", "Write 'mine: a basket of apples' or 'yours: …'.")
            legs.append(Leg(self._state.me if whose.strip() == "mine" else it.other, what.strip()))
        gives = it.owner if it.owner_gives else next(iter({self._state.me, it.other} - {it.owner}))
        if legs and all(leg.provider != gives for leg in legs):
            legs.insert(0, Leg(gives, it.title))
        return tuple(legs)

    def _money(self, text: str, it: Occasion) -> tuple[int, str]:
        number, _, named = text.strip().partition(" ")
        genesis = it.network.genesis
        unit = named.strip() or it.unit or genesis.unit
        return parse_amount(number, decimals_of(unit, genesis.unit, genesis.decimals)), unit


def way_as_listed(labels: Labels, of: Template, wanted: Way = "") -> Way:
    """Which way the thing goes by a listing that says so, and where it leaves that open, the way that is wanted.
    `Refusal` where this is another one."""
    if not of.goes or labels.handover == "" or labels.handover == "both":
        return wanted
    if wanted not in ("", labels.handover):
        words = "only to be fetched" if labels.handover == "fetch" else "only brought"
        hint = f"Leave --{wanted} out; its owner may counter with it."
        raise Refusal("refused", f"it is {words}, as the listing says", hint)
    return labels.handover


def check_order_window(labels: Labels, start: int, now: int) -> None:
    """`Refusal` where it is too late to order for this time."""
    if labels.orders and start and now > start - labels.orders:
        span = format_span(labels.orders)
        raise Refusal("refused", f"orders close {span} before, and that is over", "Give a later --from.")
