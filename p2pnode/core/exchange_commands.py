"""What our user does with exchanges. Every check stands before the first thing that is signed."""

from collections.abc import Callable
from typing import Any

from p2pnode import commands
from p2pnode.bounds import PAYMENT_EXPIRY, SHORTEST_EXPIRY
from p2pnode.when import moment_in_words
from protocols.door import parse_code
from protocols.duties import DutyState, door_hash
from protocols.errors import Refusal
from protocols.exchange import NEGOTIATING, OPEN, Exchange, Status
from protocols.limits import DAY, SECOND
from protocols.payments import UNDER_WAY, Payment, part_of, pays_as
from protocols.terms import Duty, Terms, encode_terms, parse_terms, terms_hash

from .bookings import Bookings
from .changes import changes
from .drafting import Drafting
from .exchange_json import describe, summary, zone_of
from .exchanges import Exchanges
from .goals import Goals
from .happened import happened
from .held import Held, accept_payload, accept_terms, agreement, step_payload
from .listings import Listings
from .mediation import is_over_for
from .next_steps import can_be_done_again
from .paying import check_unamended, choose, why_not_cancelled
from .settlements import Settlements
from .state import Network, State
from .terms_json import terms_json


class ExchangeCommands:
    def __init__(self, state: State, exchanges: Exchanges, listings: Listings, settlements: Settlements) -> None:
        self._state = state
        self._exchanges = exchanges
        self._listings = listings
        self._settlements = settlements
        self._drafting = Drafting(state, exchanges, listings)
        self.bookings = Bookings(state, exchanges, listings)
        self.contacts: Callable[[Held, int], dict[str, Any]]  # set by the table of handlers, as this:
        self.ruled: Callable[[Held], dict[str, Any] | None]
        self.exposed: Callable[[Held, int], dict[str, Any] | None]
        self.would_expose: Callable[[Network, Terms, int, bytes], dict[str, Any] | None]
        self.in_parts: Callable[[Held, Exchange, Duty, commands.Pay, int], dict[str, Any]]

    def propose(self, args: commands.Propose, now: int) -> object:
        network, record, terms = self._drafting.proposal(args, now)
        self._check_conduct(network, terms, args.anyway)
        self.bookings.check(network, terms, now)
        held = self._exchanges.begin(network, terms, encode_terms(terms), record, now)
        self._drafting.carrying.keep_code(terms)
        return {**self._show(held, now), "warnings": self._drafting.warnings(network, terms)}

    def foresee(self, args: commands.Propose, now: int) -> dict[str, Any]:
        """What our user should know before proposing this; nothing is said or stored. `Refusal` as of proposing."""
        network, _, terms = self._drafting.proposal(args, now)
        self._check_conduct(network, terms, args.anyway)
        self.bookings.check(network, terms, now)
        return self._foreseen(network, terms, now)

    def foresee_counter(self, args: commands.Counter, now: int) -> dict[str, Any]:
        """The same of a counter-proposal."""
        held, _, network, terms = self._countered(args, now)
        return self._foreseen(network, terms, now, held.id)

    def _foreseen(self, network: Network, terms: Terms, now: int, deal: bytes = b"") -> dict[str, Any]:
        return {
            "exposure": self.would_expose(network, terms, now, deal),
            "warnings": self._drafting.warnings(network, terms),
            "terms": terms_json(self._state, network, parse_terms(encode_terms(terms))),
        }

    def _countered(self, args: commands.Counter, now: int) -> tuple[Held, Exchange, Network, Terms]:
        held, view, network = self._open(args.id, now)
        if view.status not in NEGOTIATING:
            raise Refusal("conflict", f"this exchange is {view.status}", "Only a proposal can be countered.")
        self._my_turn(view)
        self._check_conduct(network, view.terms, args.anyway)
        terms = self._drafting.counter(args, held, view, network, now)
        self.bookings.check(network, terms, now, held)
        return held, view, network, terms

    def counter(self, args: commands.Counter, now: int) -> object:
        held, view, network, terms = self._countered(args, now)
        self._exchanges.say(held, "counter", view.terms_fact.id, encode_terms(terms), now)
        self._drafting.carrying.keep_code(terms)
        return {**self._show(held, now), "warnings": self._drafting.warnings(network, terms)}

    def accept(self, args: commands.Accept, now: int) -> object:
        held, view, network = self._open(args.id, now)
        if view.amendment is not None and view.amendment[0].author != self._state.me:
            return self._accept_amendment(held, view, args, now)
        if view.agreed or view.status in NEGOTIATING:
            self._meant(held, view, args.terms)
        if view.agreed:
            return self._show(held, now)
        if view.status not in NEGOTIATING:
            raise Refusal("conflict", f"this exchange is {view.status}", "Propose again.")
        self._my_turn(view)
        self._check_conduct(network, view.terms, args.anyway)
        if view.terms.mediator not in (held.first.mediator, b""):
            why = "it names a mediator whom the first proposal did not name, and who could not be shown it"
            raise Refusal("refused", why, "Counter with --mediator '', or propose anew with --mediator.")
        self.bookings.check(network, view.terms, now, held)
        self._exchanges.say(held, "accept", view.terms_fact.id, accept_payload(view, args.note), now)
        return self._show(held, now)

    def _check_conduct(self, network: Network, terms: Terms, anyway: bool | None) -> None:
        """`Refusal` if a party, or whoever is to rule or decide on payments, is proven to have broken a rule, and our
        user has not said that he knows."""
        if not anyway:
            check, hint = self._state.convictions.check, "To go on all the same: --anyway"
            check(network, terms.parties, hint)
            check(network, (terms.mediator,), f"Name another one. {hint}", "the mediator")
            check(network, terms.witnesses, f"Name others. {hint}", "a witness")

    def _accept_amendment(self, held: Held, view: Exchange, args: commands.Accept, now: int) -> object:
        """The second signature: from here on the new terms count."""
        assert view.amendment is not None
        fact, terms = view.amendment
        newest = terms_hash(terms).hex()
        if not (held.shown.hex() == newest if args.terms is None else newest.startswith(args.terms)):
            network = self._state.networks[held.network]
            said = (
                "; ".join(changes(self._state, network, view.terms, terms, zone_of(held)))
                or "nothing that is owed changes"
            )
            raise Refusal(
                "conflict",
                f"other terms wait to be accepted: {said}",
                f"If you agree to these: p2pnode exchange accept {held.id.hex()[:8]} --terms {newest[:16]}",
            )
        if now > terms.expires:
            raise Refusal("conflict", "what was proposed has lapsed", "Propose it again: `p2pnode exchange amend`.")
        changed = [d.id for d in view.terms.payments if not pays_as(terms, d)]
        self._exchanges.claimed.check_amended(held, view, terms)
        if any(view.duties[duty] is DutyState.CONFIRMED for duty in changed):
            raise Refusal("conflict", "it takes no account of what was paid", "Decline it, and ask for another.")
        if any(view.payments.get(duty) in UNDER_WAY for duty in changed):
            raise Refusal("conflict", "a payment is under way that this would change", "Wait until it is settled.")
        self.bookings.check_amendment(self._state.networks[held.network], view.terms, terms, now, held)
        self._exchanges.say(held, "accept", fact.id, accept_terms(fact, terms, args.note), now)
        return self._show(held, now)

    def _meant(self, held: Held, view: Exchange, named: str | None) -> None:
        """`Refusal` if the newest terms are not those that our user means: a counter-proposal may have come since."""
        newest = terms_hash(view.terms).hex()
        if newest.startswith(named or ("" if view.agreed else held.shown.hex())):
            return
        said = summary(self._state, self._state.networks[held.network], view, zone_of(held))
        raise Refusal(
            "conflict",
            f"the terms are other ones now: {said}",
            f"If you agree to these: p2pnode exchange accept {held.id.hex()[:8]} --terms {newest[:16]}",
        )

    def decline(self, args: commands.Step, now: int) -> object:
        held, view, _ = self._open(args.id, now)
        if view.amendment is not None:
            kind = "withdraw" if view.amendment[0].author == self._state.me else "decline"
            self._exchanges.say(held, kind, view.amendment[0].id, step_payload(args.note), now)
            return self._show(held, now)
        if view.status not in NEGOTIATING:
            raise Refusal("conflict", f"this exchange is {view.status}", "Only a proposal can be declined.")
        self._my_turn(view)
        self._exchanges.say(held, "decline", view.terms_fact.id, step_payload(args.note), now)
        return self._show(held, now)

    def cancel(self, args: commands.Step, now: int) -> object:
        held, view, network = self._open(args.id, now)
        me = self._state.me
        if view.status in NEGOTIATING:
            kind = "decline" if view.turn == me else "withdraw"
            self._exchanges.say(held, kind, view.terms_fact.id, step_payload(args.note), now)
            return self._show(held, now)
        if not view.agreed or view.status not in OPEN or view.status is Status.SETTLED:
            raise Refusal("conflict", f"this exchange is {view.status}", "There is nothing left to cancel.")
        harmed = any(view.duties[d.id] is DutyState.DEFAULTED and d.receiver == me for d in view.terms.duties)
        if not view.can_be_called_off and not harmed:
            if view.waits_for_go:
                raise Refusal(
                    "conflict",
                    "what you pledged is held until the goal is reached",
                    "If it is not reached in time, it is free again by itself.",
                )
            raise Refusal("conflict", *why_not_cancelled(network, view))
        if me not in view.cancel_asked:
            self._exchanges.say(held, "cancel", agreement(view), step_payload(args.note), now)
        return self._show(held, now)

    def handover(self, args: commands.Did, now: int) -> object:
        return self._do(args, ("handover", "pickup"), now)

    def give_back(self, args: commands.Did, now: int) -> object:
        return self._do(args, ("return",), now)

    def done(self, args: commands.Did, now: int) -> object:
        return self._do(args, (args.duty,) if args.duty else None, now)

    def confirm(self, args: commands.Did, now: int) -> object:
        held, view, _ = self._agreed(args.id, now)
        mine = [d for d in view.terms.duties if d.receiver == self._state.me and d.id not in view.payments]
        mine = [d for d in mine if args.duty == d.id or (args.duty is None and not (d.along or d.on or d.custody))]
        said = [d for d in mine if view.duties[d.id] in (DutyState.DONE, DutyState.CONTESTED)]
        # Who receives may confirm before the other has said so: his word is the stronger one.
        ready = [d for d in mine if view.duties[d.id] is DutyState.PENDING and view.due(d)]
        # What was said not to be done, and is done after all; but what was ended for it does not come to life again.
        late = [d for d in mine if view.duties[d.id] is DutyState.DEFAULTED and not view.called_off]
        chosen = said or ready[:1] or late[:1]
        if not chosen:
            if mine and all(view.duties[d.id] is DutyState.CONFIRMED for d in mine):
                return self._show(held, now)
            raise Refusal(
                "conflict", "there is nothing for you to confirm yet", "`p2pnode exchange show` says what comes next."
            )
        self._exchanges.check_room(held, len(chosen))
        for duty in chosen:
            step = step_payload(args.note, duty.id, photos=_hashes(args.photos))
            self._exchanges.say(held, "confirm", agreement(view), step, now)
        return self._show(held, now)

    def pay(self, args: commands.Pay, now: int) -> object:
        within = PAYMENT_EXPIRY if args.within is None else args.within
        if within < SHORTEST_EXPIRY:
            raise Refusal("usage", f"the payee needs at least {SHORTEST_EXPIRY // SECOND} s", "Give a longer --within.")
        held, view, network = self._agreed(args.id, now)
        duty = choose(view, self._state.me, args.duty)
        if view.waits_for_go and view.terms.goal is not None:  # held until the goal is reached, or it lapses
            within = max(within, view.terms.goal.until + DAY - now)
        if view.duties[duty.id] is DutyState.WAIVED:
            raise Refusal("conflict", "the other side does without this payment", "Nothing more is to be paid.")
        payment = view.payments.get(duty.id, Payment.NONE)
        if args.amount is not None:
            return {**self.in_parts(held, view, duty, args, now), "duty": duty.id}
        check_unamended(view, self._state.me, duty)
        if args.claim is not None:
            self._exchanges.claimed.offer(held, view, network, duty, args, now)
            return {**self._show(held, now), "duty": duty.id}
        if view.duties[duty.id] is DutyState.PENDING:
            self._exchanges.claimed.check_unclaimed(held, view, duty)
        if payment is Payment.NONE:
            return {**self._do(commands.Did(id=args.id, note=args.note), (duty.id,), now), "duty": duty.id}
        if payment is Payment.RELEASED:
            raise Refusal(
                "conflict",
                "this payment was declined or called off and nothing was paid; in this exchange it can be made no more",
                f"`p2pnode exchange cancel {held.id.hex()[:8]}`, and agree anew.",
            )
        if payment is Payment.PENDING:
            deal, terms = held.deals[duty.id], view.terms
            expiry = now + within
            self._settlements.pay(network, deal, duty, terms_hash(terms), expiry, now, terms.witnesses, terms.quorum)
            self._exchanges.settled(network.id, deal, now)
        return {**self._show(held, now), "duty": duty.id}

    def list(self, args: commands.ListExchanges, now: int) -> object:
        away = self._exchanges.away.all() if args.all and not args.open else ()
        rows = sorted((*self._exchanges.held.values(), *away), key=lambda h: (h.seen_at, h.id), reverse=True)
        if args.network is not None:
            wanted = self._state.network(args.network, reading=True).id
            rows = [h for h in rows if h.network == wanted]
        goals = Goals(self._exchanges, self._state.me, now)
        shown = [h for h in rows if not args.open or self._is_open(self._exchanges.view(h, now))]
        return [describe(self._state, self._exchanges, self._settlements, h, now, goals) for h in shown]

    def _is_open(self, view: Exchange) -> bool:
        return view.status in OPEN and not is_over_for(self._state.me, view)

    def show(self, args: commands.ShowExchange, now: int) -> object:
        held = self._exchanges.find(args.id)
        view = self._exchanges.view(held, now)
        if not args.unread:
            held.shown = terms_hash(view.terms if view.amendment is None else view.amendment[1])
        network = self._state.networks[held.network]
        return {
            **self._show(held, now),
            "contact": self.contacts(held, now),
            "rule": self.ruled(held),
            "happened": happened(self._state, network, held, view, self._settlements),
        }

    def _do(self, args: commands.Did, names: tuple[str, ...] | None, now: int) -> dict[str, Any]:
        held, view, network = self._agreed(args.id, now)
        paid = {d.id for d in view.terms.payments}
        mine = [d for d in view.terms.duties if d.provider == self._state.me and d.id not in view.payments]
        chosen = (
            [d for d in mine if {d.id, part_of(d.id)[0]} & {*names}]
            if names
            else [d for d in mine if d.id not in paid and not (d.along or d.on)]
        )
        if not chosen:
            word = names[0] if names else "work or goods"
            raise Refusal(
                "refused", f"you owe no {word} in this exchange", "`p2pnode exchange show` lists who owes what."
            )
        pending = [d for d in chosen if view.duties[d.id] is DutyState.PENDING]
        again = [d for d in chosen if can_be_done_again(view, d)]
        if not pending and not again:
            return self._show(held, now)
        duty = again[0] if again and not (pending and view.due(pending[0])) else pending[0]
        if view.waits_for_go:
            raise Refusal(
                "conflict",
                "nothing is owed yet: its goal is not reached, or its organiser has not said so",
                "`p2pnode exchange show` says until when it may still be.",
            )
        if duty in pending and not view.due(duty):
            before = view.terms.duty(duty.after)
            raise Refusal(
                "conflict",
                f"first: {before.what if before else duty.after}",
                "`p2pnode exchange show` says whose turn it is.",
            )
        if now < duty.start:
            zone = self.bookings.zone(network, view.terms, held)
            raise Refusal(
                "conflict",
                f"{duty.what}: that is not to be done before {moment_in_words(duty.start, zone)} ({zone})",
                "Say so when it is done; `p2pnode exchange amend` moves it, if the other side agrees.",
            )
        code = _code(view, duty, args.code)
        result = bytes.fromhex(args.result or "")
        step = step_payload(args.note, duty.id, result=result, photos=_hashes(args.photos), code=code)
        self._exchanges.say(held, "done", agreement(view), step, now)
        return self._show(held, now)

    def _open(self, text: str, now: int) -> tuple[Held, Exchange, Network]:
        held = self._exchanges.find(text)
        return held, self._exchanges.view(held, now), self._state.networks[held.network]

    def _agreed(self, text: str, now: int) -> tuple[Held, Exchange, Network]:
        held, view, network = self._open(text, now)
        if not view.agreed:
            raise Refusal(
                "conflict", f"nothing is agreed yet: this exchange is {view.status}", "Accept or counter first."
            )
        if view.status is Status.CANCELLED and not any(view.due(d) for d in view.terms.duties if d.on):
            raise Refusal("conflict", "this exchange was cancelled", "Propose again.")
        if view.status is Status.LAPSED:
            raise Refusal(
                "conflict", "its goal was not reached in time: nothing is owed", "Nothing more is to be done."
            )
        if self._state.me not in view.terms.parties:
            raise Refusal(
                "refused", "you are its mediator, not a party", "`p2pnode exchange rule` says what you decide."
            )
        return held, view, network

    def _my_turn(self, view: Exchange) -> None:
        if view.turn != self._state.me:
            raise Refusal(
                "conflict",
                "it is the other side's turn",
                "Wait for their answer; `p2pnode exchange cancel` takes your proposal back.",
            )

    def _show(self, held: Held, now: int) -> dict[str, Any]:
        shown = describe(self._state, self._exchanges, self._settlements, held, now)
        return {**shown, "exposure": self.exposed(held, now)}


def _hashes(photos: tuple[str, ...] | None) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(photo) for photo in photos or ())


def _code(view: Exchange, duty: Duty, code: str | None) -> str:
    """The code from the door, as it is written in the proof. `Refusal` if a parcel is passed on without any."""
    if not duty.custody:
        if code is not None:
            raise Refusal("usage", "no code is asked for here", "Leave --code out.")
        return ""
    if code is None:
        raise Refusal(
            "conflict",
            f"{duty.what}: that is proved by a receipt that both sign, or by the code from the door",
            "`p2pnode parcel give`, or `p2pnode exchange done --code` with what the receiver shows.",
        )
    plain = parse_code(code)
    if door_hash(view.terms.parcel, plain) != view.terms.door:
        raise Refusal("refused", "that is not the code", "Read it again: letters and digits, in groups of four.")
    return plain
