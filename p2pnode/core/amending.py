"""What our user does with an agreement that does not go as agreed: other terms, a dispute, a ruling, a default."""

from typing import Any

from p2pnode import amending_arguments as arguments
from p2pnode import commands
from p2pnode.bounds import OFFER_HOLD, PROPOSAL_LIFETIME
from protocols.amending import amended, award, in_parts, ruling
from protocols.amounts import parse_amount, parse_price
from protocols.conditions import SECOND_FORM
from protocols.decimals import OTHER_DECIMALS
from protocols.duties import DutyState
from protocols.errors import Refusal
from protocols.exchange import OPEN, Dispute, Exchange, Status
from protocols.limits import MAX_INT
from protocols.payments import UNDER_WAY
from protocols.terms import Duty, Terms, encode_terms

from .bookings import Bookings
from .exchange_json import describe
from .exchanges import Exchanges
from .goals import Goals
from .held import Held, agreement, step_payload
from .listings import Listings
from .settlements import Settlements
from .state import Network, State

_SHOW = "`p2pnode exchange show` says who owes what, and until when."
_PLAIN = "Its terms are of the first form, as older versions make them. Cancel together, and agree anew."


class Amending:
    def __init__(
        self,
        state: State,
        exchanges: Exchanges,
        listings: Listings,
        settlements: Settlements,
        bookings: Bookings,
    ) -> None:
        self._state = state
        self._bookings = bookings
        self._exchanges = exchanges
        self._listings = listings
        self._settlements = settlements

    def amend(self, args: arguments.Amend, now: int) -> object:
        """Other terms in place of the agreed ones; they count once the other side accepts them."""
        held, view, network = self._agreed(args.id, now)
        self._second(view)
        old = view.terms
        if args.end is not None and not (args.start or old.start):
            raise Refusal("usage", "--until needs --from", "Say from when to when.")
        amount = None
        if args.price is not None:
            price = parse_price(args.price, network.genesis.unit, network.genesis.decimals)
            quantity = old.quantity if args.quantity is None else args.quantity
            amount = 0 if price is None else price.amount * (quantity if "/" in args.price else 1)
            if price is not None and old.unit and price.unit != old.unit:
                raise Refusal("usage", f"the price is in {old.unit}", f"Write {args.price} in {old.unit}.")
        elif args.quantity is not None and old.amount:
            amount = old.amount * args.quantity // old.quantity
        if amount is not None and amount > MAX_INT:
            raise Refusal("usage", "the price is too high", "Check the quantity and the price.")
        terms = amended(
            view,
            expires=now + (OFFER_HOLD if args.start and old.responder == self._state.me else PROPOSAL_LIFETIME),
            amount=amount,
            quantity=args.quantity,
            start=args.start,
            end=args.end,
            note=args.note,
        )
        same = (terms.quantity, terms.start, terms.end) == (old.quantity, old.start, old.end)
        if same and terms.duties == old.duties:
            raise Refusal("usage", "that changes nothing", "Give another --price, --quantity, --from or --until.")
        self._bookings.check_amendment(network, old, terms, now, held)
        return self._propose(held, view, terms, now)

    def in_parts(self, held: Held, view: Exchange, duty: Duty, args: commands.Pay, now: int) -> dict[str, Any]:
        """To pay a part of a payment now and the rest later: other terms, which the payee accepts or not."""
        network = self._state.networks[held.network]
        if args.claim is not None or args.amount is None:
            raise Refusal("usage", "first the parts are agreed on", "Then pay one of them with --claim.")
        if view.terms.form != SECOND_FORM:
            raise Refusal(
                "refused",
                "terms of the plain form cannot be changed, and so not be paid in parts",
                "Pay it at once, or agree anew: `exchange propose --form full`, or --instalments.",
            )
        if view.waits_for_go:
            raise Refusal("conflict", "what was pledged is paid at once", "Wait for its goal, or pay all of it.")
        credit = duty.unit == network.genesis.unit
        amount = parse_amount(args.amount, network.genesis.decimals if credit else OTHER_DECIMALS)
        terms = in_parts(view, duty, amount, expires=now + PROPOSAL_LIFETIME, note=args.note)
        if view.amendment is not None and view.amendment[1].duties == terms.duties:
            return self._show(held, now)
        return self._propose(held, view, terms, now)

    def rule(self, args: arguments.Rule, now: int) -> object:
        """The mediator's decision; it counts once one of the parties accepts it."""
        held, view, network = self._agreed(args.id, now)
        if view.terms.mediator != self._state.me:
            raise Refusal("refused", "you are not the mediator of this exchange", "The parties agree by `amend`.")
        if any(view.payments.get(d.id) in UNDER_WAY for d in view.terms.payments):
            raise Refusal("conflict", "a payment is under way", "Wait until it is settled or called off.")
        duty = None
        if args.award is not None:
            if args.to is None:
                raise Refusal("usage", "--award needs --to", "Say which of the two is to be paid.")
            to = self._state.directory.resolve(args.to)
            if to not in view.terms.parties:
                raise Refusal("usage", f"{args.to} is no party of this exchange", _SHOW)
            unit = network.genesis.unit
            amount = parse_amount(args.award, network.genesis.decimals)
            if amount > 0:
                duty = award(view, view.counterparty(to), amount, unit)
        terms = ruling(view, expires=now + PROPOSAL_LIFETIME, award=duty, refund=not args.keep_deposit, note=args.note)
        return self._propose(held, view, terms, now)

    def _propose(self, held: Held, view: Exchange, terms: Terms, now: int) -> dict[str, Any]:
        self._exchanges.claimed.check_amended(held, view, terms)
        self._exchanges.say(held, "amend", agreement(view), encode_terms(terms), now)
        return self._show(held, now)

    def dispute(self, args: arguments.OfDuty, now: int) -> object:
        """Contest what the other side says to have done; and where a mediator is named, call for him."""
        held, view, _ = self._agreed(args.id, now)
        mine = [d for d in view.terms.duties if d.receiver == self._state.me]
        said = [d for d in mine if view.duties[d.id] is DutyState.DONE and d.id not in view.payments]
        contested = self._named(said, args.duty) if args.duty or said else []
        called = bool(view.terms.mediator) and view.dispute is Dispute.NONE
        self._exchanges.check_room(held, len(contested) + called)
        for duty in contested:
            self._exchanges.say(held, "contest", agreement(view), step_payload(args.note, duty.id), now)
        if called:
            note = "" if contested else args.note  # it stands beside what is contested already
            self._exchanges.say(held, "dispute", agreement(view), step_payload(note), now)
        elif not contested:
            raise Refusal(
                "conflict",
                "there is nothing that the other side says to have done, and no mediator is named"
                if not view.terms.mediator
                else "the mediator has been called already",
                _SHOW,
            )
        return self._show(held, now)

    def default(self, args: arguments.OfDuty, now: int) -> object:
        """Say, after its deadline, that the other side has not done what it owes us."""
        held, view, _ = self._agreed(args.id, now)
        self._second(view)
        late = [d for d in view.overdue(now) if d.receiver == self._state.me]
        if not late:
            raise Refusal("conflict", "nothing that the other side owes you is overdue", _SHOW)
        named = self._named(late, args.duty)
        self._exchanges.check_room(held, len(named))
        for duty in named:
            self._exchanges.say(held, "default", agreement(view), step_payload(args.note, duty.id), now)
        return self._show(held, now)

    def waive(self, args: arguments.OfDuty, now: int) -> object:
        """Do without what the other side still owes us."""
        held, view, _ = self._agreed(args.id, now)
        self._second(view)
        open_ = (DutyState.PENDING, DutyState.DEFAULTED, DutyState.CONTESTED)
        mine = [d for d in view.terms.duties if d.receiver == self._state.me and not d.on]
        mine = [d for d in mine if view.duties[d.id] in open_ and view.payments.get(d.id) not in UNDER_WAY]
        if not mine:
            raise Refusal("conflict", "the other side owes you nothing that is open", _SHOW)
        if args.duty is None and len(mine) > 1:
            names = ", ".join(d.id for d in mine)
            raise Refusal("usage", f"which of them: {names}?", "Name it with --duty.")
        for duty in self._named(mine, args.duty):
            self._exchanges.say(held, "waive", agreement(view), step_payload(args.note, duty.id), now)
        return self._show(held, now)

    def go(self, args: arguments.Go, now: int) -> object:
        """Say of a listing of ours that enough has come together: from here on every pledge is owed."""
        network, record, listing = self._listings.own(args.listing, args.network)
        counted = Goals(self._exchanges, self._state.me, now).counted(network.id, record.name)
        waiting = [(held, view) for held, view in counted.standing if view.waits_for_go]
        if not waiting:
            raise Refusal(
                "not_found", f"no pledge waits for {listing.title!r}", "`p2pnode exchange list` shows the pledges."
            )
        ready = counted.waiting()
        if not ready:
            goal = waiting[0][1].terms.goal
            assert goal is not None
            raise Refusal(
                "conflict",
                f"{_many(network, counted.measure(goal), goal.unit)} pledged, "
                f"{_many(network, goal.least, goal.unit)} needed",
                _more(len(counted.asked)),
            )
        for pledge, _ in ready:
            self._exchanges.check_room(pledge, besides=len(ready) - 1)
        for pledge, view in ready:
            goal = view.terms.goal
            assert goal is not None
            total = counted.measure_enough(goal) if goal.unit else 0
            step = step_payload(args.note, counted=len(counted.enough), total=total)
            self._exchanges.say(pledge, "go", agreement(view), step, now)
        goal = ready[0][1].terms.goal
        assert goal is not None
        return {
            "counted": len(counted.enough),
            "total": counted.measure_enough(goal) if goal.unit else 0,
            "unit": goal.unit or None,
            "network": network.id.hex(),
            "exchanges": [h.id.hex() for h, _ in ready],
        }

    def _named(self, duties: list[Duty], name: str | None) -> list[Duty]:
        found = [d for d in duties if name in (None, d.id)]
        if not found:
            raise Refusal(
                "usage", f"it is not about {name}", f"One of: {', '.join(d.id for d in duties) or 'nothing'}."
            )
        return found

    def _second(self, view: Exchange) -> None:
        if view.terms.form != SECOND_FORM:
            raise Refusal("refused", "this exchange knows no deadlines, waivers or amendments", _PLAIN)

    def _agreed(self, text: str, now: int) -> tuple[Held, Exchange, Network]:
        held = self._exchanges.find(text)
        view = self._exchanges.view(held, now)
        if not view.agreed:
            raise Refusal(
                "conflict", f"nothing is agreed yet: this exchange is {view.status}", "Accept or counter first."
            )
        if view.status not in OPEN | {Status.DEFAULTED}:
            raise Refusal("conflict", f"this exchange is {view.status}", "There is nothing left to settle in it.")
        return held, view, self._state.networks[held.network]

    def _show(self, held: Held, now: int) -> dict[str, Any]:
        return describe(self._state, self._exchanges, self._settlements, held, now)


def _more(asked: int) -> str:
    """What to try where a goal is not reached."""
    if asked:
        return f"{asked} more {'asks' if asked == 1 else 'ask'} to join: `p2pnode exchange list --open`, and accept."
    return "Wait for more pledges. They lapse by themselves if the goal is not reached in time."


def _many(network: Network, count: int, unit: str) -> str:
    return network.money(count) if unit == network.genesis.unit else f"{count} {unit}".strip()
