"""What must be true of exchanges, whoever lies: said a second time, from the rules and not from the engine's code.

Facts are a set, and what each is worth is a function of the set. So "no duty both done and defaulted" means more than
that it has one state in one view, and "what an honest party holds is not undone" less than that nothing changes. What
holds exactly:

1. Reasons. What a view says to anybody's disadvantage stands on a signature of who may say so: an agreement on two
   of those who may make it; a default on the receiver's, dated after the deadline, that deadline over, and nothing
   done in time; a duty done on its provider's; a waiver on its receiver's, and never of a payment under way;
   cancelling alone on a rule that was in time, with nothing done or paid before, or on a default of what this one
   receives; a goal reached on the organiser's, in time and with enough.
2. Nobody takes back. What the receiver has confirmed, and what is paid, stays confirmed, whatever else comes. What
   was once agreed stays agreed; it is replaced by what two of three signed over it. Where of two amendments over the
   same terms the other one comes to count, one of their signers signed both: he has accepted two, which is the proof
   of a lie, or proposed one and accepted another before that was answered.
3. One view. All honest parties who hold the same facts, receipts and payments see the same exchange.
4. Custody. Every view has one holder, at the end of one path from its sender; of two hand-overs by one giver of the
   same thing the first counts, and both are kept as the proof. When all has arrived all name the same holder, and
   where nobody gave twice it is who has it in his hands.
5. Value. All balances, and what is between payer and payee, sum to 0; nobody is below his limit; what one side calls
   paid the other has accepted. An honest person has neither paid nor done what comes after something that has not
   come, by somebody's word: so he is never out by more than one step.
6. Ends. Where all are honest and everything arrives, every exchange ends.

What does not hold, since dates are their author's word: that a duty done in time is never late. Who provides what
comes before it can date that back afterwards, and so the turn, and the deadline that is counted from it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ledger import settlement as machine
from protocols.duties import LEAST_TURN, DutyState, door_hash
from protocols.exchange import Exchange
from protocols.fact import WITH_TERMS, Fact
from protocols.negotiation import Agreed
from protocols.parcel import Custody
from protocols.payments import DEPOSIT, REFUND, UNDER_WAY, Payment, deal_of
from protocols.receipt import NO_PREV, Receipt
from protocols.steps import parse_step
from protocols.terms import Duty, terms_hash
from tests.model.trading import ENDOWMENT, Person, World

STATE = DutyState
OVER = (STATE.CONFIRMED, STATE.WAIVED)


class Kept(NamedTuple):
    """What a person saw of an exchange when it was looked at last."""

    view: Exchange
    facts: frozenset[bytes]


class Reading:
    """One view, and the facts that it was made of."""

    def __init__(self, view: Exchange, facts: list[Fact], now: int) -> None:
        self.view, self.facts, self.now = view, facts, now
        self.parties = view.terms.parties
        self.may = {*view.terms.parties, view.terms.mediator} - {b""}
        self.under = {a.id: level.terms for level in view.agreements for a in level.acceptances}

    def words(self, duty: Duty, kind: str, by: bytes) -> list[Fact]:
        """Of one kind, by one author, of a duty that stood in the terms as it does now."""
        return [
            f for f in self.facts
            if (f.kind, f.author) == (kind, by) and f.prev in self.under and parse_step(f).duty == duty.id
            and self.under[f.prev].duty(duty.id) == duty
        ]  # fmt: skip

    def begun(self) -> int | None:
        """The earliest time at which anything can have been owed."""
        first = min(f.at for f in self.view.agreements[0].acceptances)
        return first if self.view.terms.goal is None else self.view.gone.at if self.view.gone is not None else None

    def deadline_at_least(self, duty: Duty) -> int | None:
        """A deadline cannot be sooner than this; None if there is none, or it cannot have come."""
        begun = self.begun()
        if begun is None or not (duty.until or duty.within) or self.view.terms.form != 2:
            return None
        turn = max(begun, duty.start)
        return max(duty.until, turn + (duty.within or LEAST_TURN)) if duty.until else turn + duty.within

    def wrong(self) -> Iterator[str]:
        """All that this view says without a reason."""
        view = self.view
        for level in view.agreements[1:]:
            signers = {level.fact.author, level.acceptances[0].author}
            if len(signers & self.may) < 2:
                yield f"terms replaced by {len(signers & self.may)} signature"
        for duty in view.terms.duties:
            yield from (f"{duty.id} is {view.duties[duty.id]}: {why}" for why in self._wrong(duty) if why)
        yield from self._wrong_end()

    def _wrong(self, duty: Duty) -> Iterator[str]:
        state, payment = self.view.duties[duty.id], self.view.payments.get(duty.id)
        done = self.words(duty, "done", duty.provider)
        confirmed = self.words(duty, "confirm", duty.receiver)
        least = self.deadline_at_least(duty)
        if state is STATE.DEFAULTED:
            said = self.words(duty, "default", duty.receiver)
            yield "" if least is not None and any(f.at > least for f in said) else "nobody who may has said so after it"
            yield "" if least is not None and self.now > least else "its deadline is not over"
            yield "the receiver has confirmed" if confirmed and payment is None else ""
            yield "it was done in time" if payment is None and any(f.at <= (least or 0) for f in done) else ""
        if state is STATE.WAIVED:
            unpaid = duty.id == REFUND and self.view.duties[DEPOSIT] is STATE.WAIVED
            yield "" if unpaid or self.words(duty, "waive", duty.receiver) else "its receiver has not waived it"
        if state is STATE.WAIVED or state is STATE.DEFAULTED:
            yield "the payment is under way" if payment in UNDER_WAY else ""
        if state is STATE.DONE and payment is None:
            yield "" if done else "its provider has not done it"
        if state is STATE.CONTESTED:
            yield "" if self.words(duty, "contest", duty.receiver) else "its receiver has not contested it"
        if state is STATE.CONFIRMED and payment is not None:
            yield "" if payment is Payment.SETTLED or self._followed(duty) or duty.along else "it is not paid"
        if state is STATE.CONFIRMED and payment is None and not duty.custody:
            by_time = bool(duty.confirm) and any(f.at + duty.confirm < self.now for f in done)
            yield "" if confirmed or by_time or self._followed(duty) or duty.along else "nobody has confirmed it"
        if state is STATE.CONFIRMED and duty.custody and done:
            opened = any(door_hash(self.view.terms.parcel, parse_step(f).code) == self.view.terms.door for f in done)
            yield "" if opened or confirmed or self.passed(duty) else "nobody opened the door"

    passed_duties: frozenset[str] = frozenset()

    def passed(self, duty: Duty) -> bool:
        return duty.id in self.passed_duties

    def _followed(self, duty: Duty) -> bool:
        """Whether its receiver has done, or paid, what comes after it."""
        later = [d for d in self.view.terms.duties if d.after == duty.id and d.provider == duty.receiver]
        return any(
            self.words(d, "done", d.provider) or self.view.payments.get(d.id) in (Payment.ACCEPTED, Payment.SETTLED)
            for d in later
        )

    def _wrong_end(self) -> Iterator[str]:
        view = self.view
        after = [f for f in self.facts if f.prev in self.under and f.author in self.parties]
        if view.cancelled_by:
            mine = [f for f in after if f.kind == "cancel" and f.author == view.cancelled_by]
            harmed = any(
                view.duties[d.id] is STATE.DEFAULTED and d.receiver == view.cancelled_by for d in view.terms.duties
            )
            until = max((r.until for r in view.terms.cancellation if r.by == view.cancelled_by), default=-1)
            begun = min((f.at for f in after if f.kind == "done"), default=1 << 62)
            fees = {d.id for d in view.terms.duties if d.on}
            paid = any(
                p in (*UNDER_WAY, Payment.SETTLED)
                for d, p in view.payments.items()
                if d not in {DEPOSIT, REFUND, *fees}
            )
            in_time = not paid and any(f.at <= until and f.at < begun for f in mine)
            if not mine or not (harmed or in_time):
                yield "called off alone without a reason"
        if view.gone is not None:
            goal, step = view.terms.goal, parse_step(view.gone)
            enough = goal is not None and (step.total if goal.unit else step.counted) >= goal.least
            if not enough or view.gone.author != view.terms.responder or goal is None or view.gone.at > goal.until:
                yield "went ahead without the organiser's word, or without enough"


def undone(before: Kept, view: Exchange, facts: list[Fact], two_liars: bool) -> Iterator[str]:
    """What of an earlier view was taken back without a proof."""
    old = before.view
    if not old.agreed:
        return
    if not view.agreed:
        if not two_liars:
            yield "an agreement has vanished"
        return
    for was, now in zip(old.agreements, view.agreements, strict=False):
        if terms_hash(was.terms) == terms_hash(now.terms):
            continue
        if was is old.agreements[0]:
            if not two_liars:
                yield "the first agreement is another one now"
        elif not _signers(was) & _signers(now):
            yield "an amendment was replaced, and nobody signed both"
        return
    if len(view.agreements) < len(old.agreements):
        yield "an amendment has vanished"
    newest, then = view.terms, old.terms
    reading = Reading(view, facts, 0)
    for duty in newest.duties:
        if then.duty(duty.id) != duty or view.duties[duty.id] is STATE.CONFIRMED:
            continue
        if old.payments.get(duty.id) is Payment.SETTLED:
            yield f"{duty.id} was paid and is {view.duties[duty.id]}"
        confirmed = [f for f in reading.words(duty, "confirm", duty.receiver) if f.id in before.facts]
        if confirmed and duty.id not in view.payments:
            yield f"{duty.id} was confirmed and is {view.duties[duty.id]}"


def _signers(level: Agreed) -> set[bytes]:
    return {level.fact.author, *(a.author for a in level.acceptances)}


def accepted_twice(facts: list[Fact]) -> set[bytes]:
    """Who has accepted two different amendments of the same terms: each such pair is a proof."""
    amends = {f.id: f for f in facts if f.kind == "amend"}
    said: dict[tuple[bytes, bytes], set[bytes]] = {}
    for fact in facts:
        if fact.kind == "accept" and fact.prev in amends:
            said.setdefault((fact.author, amends[fact.prev].prev), set()).add(fact.prev)
    return {author for (author, _), named in said.items() if len(named) > 1}


def wrong_custody(custody: Custody, receipts: list[Receipt]) -> Iterator[str]:
    """The path is the first hand-over of each giver, from one holder to the next; else nothing but its origin."""
    holder, prev = custody.origin, custody.path[0].prev if custody.path else NO_PREV
    for receipt in custody.path:
        rows = [r for r in receipts if (r.giver, r.prev) == (holder, prev)]
        if receipt.giver != holder or receipt.prev != prev:
            yield "the path is broken"
        elif min(rows, key=lambda r: (r.at, r.id)) != receipt:
            yield "a later hand-over of the same giver counts"
        holder, prev = receipt.taker, receipt.id
    if holder != custody.holder:
        yield "the holder is not at the end of the path"
    if any((r.giver, r.prev) == (holder, prev) for r in receipts):
        yield "the holder has given it on"
    twice = {(r.giver, r.prev) for r in receipts for s in receipts if (r.giver, r.prev) == (s.giver, s.prev) and r != s}
    if {(a.giver, a.prev) for a, _ in custody.forks} != twice:
        yield "who gave twice is not proved"


def wrong_value(world: World) -> Iterator[str]:
    """Conservation of value, and of each payment."""
    between = 0
    for payer in world.people:
        if payer.chain.figures.spendable < 0 or payer.chain.limit != ENDOWMENT:
            yield f"{payer.number} is below its limit"
        for deal in payer.deals.values():
            payee = world.by_author[deal.counterparty]
            other = payee.deals.get(deal.id)
            if deal.payer and deal.state in (machine.State.COMPLETED, machine.State.SETTLED):
                if other is None or other.state not in (machine.State.ACCEPTED, machine.State.SETTLED):
                    yield "paid, and not accepted"
                elif other.state is machine.State.ACCEPTED:
                    between += deal.amount
            if not deal.payer and deal.state is machine.State.SETTLED and (other is None or not other.settled):
                yield "received, and not paid"
    if sum(p.chain.balance for p in world.people) + between:
        yield "value came from nowhere or went nowhere"


def paid_ahead(person: Person, view: Exchange, facts: list[Fact]) -> Iterator[str]:
    """What an honest person paid, or did, though what comes before it had not come by somebody else's word."""
    for duty in view.terms.duties:
        before = view.terms.duty(duty.after) if duty.after else None
        if before is None or duty.provider != person.me or person.me not in view.terms.parties:
            continue
        deal = person.deals.get(deal_of(view.id, duty.id))
        said = [f for f in facts if f.kind == "done" and f.author == person.me and parse_step(f).duty == duty.id]
        if (deal is None or not deal.payer) and not said:
            continue
        words = [f for f in facts if f.kind not in WITH_TERMS and parse_step(f).duty == before.id]
        paid = person.deals.get(deal_of(view.id, before.id))
        came = any(f.kind in ("done", "confirm", "contest", "waive") for f in words) or (
            paid is not None and paid.settled
        )
        off = view.called_off or bool(view.cancel_asked) or len(view.agreements) > 1
        if not (came or off or before.custody):
            yield f"{duty.id} before {before.id}"
