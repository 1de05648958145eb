"""An exchange, computed from the set of signed facts that a party holds.

Facts are a set: they may come in any order and any number of times, and both parties who hold the same facts (and the
same entries of settlement) see the same status. Nothing is stored but facts.

    negotiation   proposed ⇄ countered → agreed | declined | withdrawn | expired      (`protocols.negotiation`)
    agreement     agreed → active → fulfilled → settled → closed; or cancelled, lapsed, defaulted
    duty          pending → done → confirmed | contested | waived | defaulted         (`protocols.duties`)
    dispute       none → open → ruled

Where two facts cannot both count, the rule is the same for everybody: nobody can change afterwards what the other party
relies on, and an agreement that one party holds is not undone by any fact of the other alone, but as it says itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from protocols.calling_off import called_off_alone
from protocols.conditions import SECOND_FORM
from protocols.duties import OVER, DutyState, Missed, Moved, Standing, standing
from protocols.errors import Reject
from protocols.fact import WITH_TERMS, Fact
from protocols.negotiation import Agreed, first, negotiate
from protocols.payments import DEPOSIT, PAY, REFUND, UNDER_WAY, Payment, in_one_word
from protocols.steps import parse_step
from protocols.terms import Duty, Terms


class Status(StrEnum):
    PROPOSED = "proposed"
    COUNTERED = "countered"
    AGREED = "agreed"
    ACTIVE = "active"
    FULFILLED = "fulfilled"
    SETTLED = "settled"
    CLOSED = "closed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"
    DEFAULTED = "defaulted"


OPEN = frozenset({Status.PROPOSED, Status.COUNTERED, Status.AGREED, Status.ACTIVE, Status.FULFILLED, Status.SETTLED})
NEGOTIATING = frozenset({Status.PROPOSED, Status.COUNTERED})


_NOT_COME = frozenset({DutyState.PENDING, DutyState.DEFAULTED})
_NOTHING_IS_DUE = frozenset({Status.CANCELLED, Status.LAPSED})


class Dispute(StrEnum):
    NONE = "none"
    OPEN = "open"
    RULED = "ruled"


class Exchange(msgspec.Struct, frozen=True):
    """What the facts amount to. terms: the newest valid ones; turn: who may decide on them, while negotiating.

    payments: how far each payment through the ledger has come, by its duty; payment: all of them in one word.
    deadlines, since: of duties that wait to be done, until when, and since when it is their turn, ms. by_itself: of
    those that are done, when they count as confirmed if nobody contests them. acceptance: the first one of the newest
    agreement, `first_acceptance` of the first. amendment: what one side proposes in place of the agreed terms.
    called_off: by both, or alone by `cancelled_by`, at `cancelled_at`, ms; it is cancelled once nothing that moved
    stands against it. missed: the duties that were not done in time. gone: the word that a goal was reached.
    changes_at: when time alone changes something here next, ms.
    """

    id: bytes
    status: Status
    terms: Terms
    terms_fact: Fact
    acceptance: Fact | None
    turn: bytes
    duties: dict[str, DutyState]
    payment: Payment
    payments: dict[str, Payment]
    cancel_asked: frozenset[bytes]
    rated: dict[bytes, bytes]  # author → commitment
    notes: tuple[Fact, ...]
    reason: str = ""
    deadlines: dict[str, int] = {}
    since: dict[str, int] = {}
    by_itself: dict[str, int] = {}
    agreements: tuple[Agreed, ...] = ()
    amendment: tuple[Fact, Terms] | None = None
    called_off: bool = False
    cancelled_by: bytes = b""
    cancelled_at: int = 0
    missed: dict[str, Missed] = {}
    gone: Fact | None = None
    dispute: Dispute = Dispute.NONE
    changes_at: int | None = None

    @property
    def agreed(self) -> bool:
        return self.acceptance is not None

    @property
    def first_acceptance(self) -> Fact | None:
        return self.agreements[0].acceptances[0] if self.agreements else None

    def counterparty(self, me: bytes) -> bytes:
        return self.terms.responder if me == self.terms.proposer else self.terms.proposer

    @property
    def can_be_called_off(self) -> bool:
        """Whether nothing that was paid stands against signing that it is cancelled, but a deposit that can still go
        back. What was waived, or confirmed as received without a ledger, stands against it like what a ledger settled.
        The status does not ask for that: the payee alone could say so, and take back a cancelling that both signed."""
        payments = _owed(self.terms, self.payments, self.cancelled_by)
        if any(p in UNDER_WAY for p in payments.values()):
            return False
        owed = [d.id for d in self.terms.payments if not d.on or d.provider == self.cancelled_by]
        received = {i: Payment.SETTLED if self.duties[i] in OVER else Payment.PENDING for i in owed}
        return self.deposit_is_out or _unpaid(received)

    @property
    def came_to_nothing(self) -> bool:
        """Whether an agreement is over, and what it was about was neither done nor handed over."""
        if self.status is not Status.DEFAULTED:
            return self.status in _NOTHING_IS_DUE
        payments = {d.id for d in self.terms.payments}
        return all(state in _NOT_COME for duty, state in self.duties.items() if duty not in payments)

    @property
    def deposit_is_out(self) -> bool:
        return _deposit_is_out(self.terms, self.duties, self.payments)

    @property
    def waits_for_go(self) -> bool:
        """Whether nothing is owed yet, since not enough has come together."""
        return self.terms.goal is not None and self.gone is None

    def overdue(self, now: int) -> tuple[Duty, ...]:
        """The duties whose time is over, in their order."""
        return tuple(d for d in self.terms.duties if self.deadlines.get(d.id, now) < now)

    def due(self, duty: Duty) -> bool:
        """Whether the time of a duty has come: what must come before it has.

        A payment has come when it is settled, since an acceptance alone leaves the payer free; anything else when its
        provider says so. Once it is called off and a deposit is out, it goes back, and nothing new begins; but what was
        handed over is returned before. A fee is due of who cancels alone.
        """
        if duty.on:
            return self.status is Status.CANCELLED and self.cancelled_by == duty.provider
        if self.waits_for_go or (self.terms.form == SECOND_FORM and self.status in _NOTHING_IS_DUE):
            return False
        come = not duty.after or self._has_come(duty.after)
        if duty.id == REFUND and duty.id in self.payments:
            return self.deposit_is_out and (come or (self.called_off and not self._begun_before(duty)))
        if self.called_off and self.deposit_is_out:
            return come and bool(duty.after) and not {duty.id, duty.after} & {*self.payments}
        return come

    def may_take(self, duty: Duty) -> bool | None:
        """Whether its receiver may take a payment that is as agreed: yes, never, or (None) not yet."""
        if duty.on:
            return self.due(duty) or None
        if self.status in (Status.CANCELLED, Status.DECLINED, Status.WITHDRAWN, Status.LAPSED):
            return False
        if not self.agreed:
            return None
        if self.called_off and duty.id != REFUND:
            return False
        return True if self.due(duty) else None

    def _begun_before(self, duty: Duty) -> bool:
        return _begun_before(self.terms, self.duties, self.payments, duty)

    def _has_come(self, duty: str) -> bool:
        return _has_come(self.duties, self.payments, duty)


def evaluate(
    facts: Iterable[Fact],
    payment: Payment | Mapping[str, Payment],
    credit: str,
    now: int,
    paid_at: Mapping[str, int] | None = None,
    passed: Mapping[str, int] | None = None,
) -> Exchange:
    """The exchange that these facts make. `Reject` if its proposal is not among them.

    payment: how far the two ledgers have settled each payment, by its duty (`pending` if not at all); one alone is
    that of `pay`. credit: the unit that ledgers settle; what is paid in another unit (cash, another currency) is a duty
    like the others. now: ms, for what lapses. paid_at, passed: when a payment was settled, and when a receipt of
    custody was signed, ms, by duty.
    """
    ordered = sorted({f.id: f for f in facts}.values(), key=lambda f: (f.at, f.id))
    root = next((f for f in ordered if f.kind == "propose"), None)
    if root is None:
        raise Reject("context", "no proposal")
    said = [f for f in ordered if f.deal == root.id]
    moved = {PAY: payment} if isinstance(payment, Payment) else payment
    found = negotiate(root, said)
    terms = found.terms
    payments = {d.id: moved.get(d.id, Payment.PENDING) for d in terms.payments if d.unit == credit}
    payments = {duty: state for duty, state in payments.items() if state is not Payment.NONE}
    said = [f for f in said if f.author in (*terms.parties, terms.mediator)]
    turn = terms.responder if found.fact.author == terms.proposer else terms.proposer
    if not found.agreed:
        return _negotiating(root, found.fact, terms, turn, said, payments, now)
    newest = found.agreed[-1]
    ids = {a.id for level in found.agreed for a in level.acceptances}
    after = [f for f in said if f.prev in ids and f.author in terms.parties]  # names the acceptance that it rests on
    gone = _gone(terms, after)
    first_at = found.agreed[0].acceptances[0].at
    began_at = first_at if terms.goal is None else gone.at if gone is not None else None
    stand = standing(found.agreed, after, Moved(payments, paid_at or {}, passed or {}), began_at, now)
    asked = frozenset(f.author for f in after if f.kind == "cancel")
    rated = {f.author: parse_step(f).commitment for f in reversed(after) if f.kind == "rated"}
    alone, harmed, alone_at = called_off_alone(terms, after, stand.states, payments)
    off = asked == frozenset(terms.parties) or bool(alone)
    if asked == frozenset(terms.parties) and not harmed:  # whose word came first says nothing: they cancel together
        alone = b""
    status = _agreed_status(terms, stand.states, payments, off, len(rated) == 2, harmed)
    lapses = terms.goal.until + 1 if terms.goal is not None and gone is None else None
    if lapses is not None and now >= lapses and status in (Status.AGREED, Status.ACTIVE):
        status = Status.LAPSED
    return Exchange(
        id=root.exchange_id,
        status=status,
        terms=terms,
        terms_fact=newest.fact,
        acceptance=newest.acceptances[0],
        turn=turn,
        duties=stand.states,
        payment=in_one_word(_owed(terms, payments, alone).values()),
        payments=payments,
        cancel_asked=asked,
        rated=rated,
        notes=tuple(f for f in said if _is_note(f)),
        deadlines=stand.deadlines,
        since=stand.since,
        by_itself=stand.by_itself,
        agreements=found.agreed,
        amendment=found.amendment,
        called_off=off,
        cancelled_by=alone,
        cancelled_at=alone_at if alone else 0,
        missed=stand.missed,
        gone=gone,
        dispute=_dispute(newest, said, ids),
        changes_at=_next_change(stand, lapses, now),
    )


def _negotiating(
    root: Fact, fact: Fact, terms: Terms, turn: bytes, said: Sequence[Fact], payments: dict[str, Payment], now: int
) -> Exchange:
    decision = first(said, "decline", turn, fact.id) or first(said, "withdraw", fact.author, fact.id)
    if decision is not None:
        status = Status.DECLINED if decision.kind == "decline" else Status.WITHDRAWN
    elif now > terms.expires:
        status = Status.EXPIRED
    else:
        status = Status.PROPOSED if fact is root else Status.COUNTERED
    return Exchange(
        id=root.exchange_id,
        status=status,
        terms=terms,
        terms_fact=fact,
        acceptance=None,
        turn=turn,
        duties=dict.fromkeys((d.id for d in terms.duties), DutyState.PENDING),
        payment=in_one_word(payments.values()),
        payments=payments,
        cancel_asked=frozenset(),
        rated={},
        notes=tuple(f for f in said if _is_note(f)),
        reason=parse_step(decision).text if decision is not None else "",
        changes_at=terms.expires + 1 if status in NEGOTIATING else None,
    )


def _is_note(fact: Fact) -> bool:
    """Whether somebody wrote a line to it, or took pictures."""
    said = None if fact.kind in WITH_TERMS else parse_step(fact)
    return said is not None and bool(said.text or said.photos)


def _gone(terms: Terms, after: Sequence[Fact]) -> Fact | None:
    """The organiser's word, in time, that enough has come together."""
    if terms.goal is None:
        return None
    for fact in after:
        if fact.kind == "go" and fact.author == terms.responder and fact.at <= terms.goal.until:
            step = parse_step(fact)
            if (step.total if terms.goal.unit else step.counted) >= terms.goal.least:
                return fact
    return None


def _dispute(newest: Agreed, said: Sequence[Fact], ids: set[bytes]) -> Dispute:
    mediator = newest.terms.mediator
    if mediator and mediator in (newest.fact.author, newest.acceptances[0].author):
        return Dispute.RULED
    called = any(f.kind == "dispute" and f.prev in ids and f.author in newest.terms.parties for f in said)
    return Dispute.OPEN if called and mediator else Dispute.NONE


def _next_change(stand: Standing, lapses: int | None, now: int) -> int | None:
    times = [at + 1 for at in stand.deadlines.values()] + [*stand.changes] + ([] if lapses is None else [lapses])
    return min((at for at in times if at > now), default=None)


def _agreed_status(
    terms: Terms,
    duties: Mapping[str, DutyState],
    payments: Mapping[str, Payment],
    off: bool,
    both_rated: bool,
    harmed: bool,
) -> Status:
    owed = {d.id for d in terms.payments if not d.on}
    fees = {d.id for d in terms.duties if d.on}
    paid = all(duties[duty] in OVER for duty in owed)
    others = [state for duty, state in duties.items() if duty not in owed | fees]
    confirmed = all(s in OVER for s in others)
    done = all(s is DutyState.DONE or s in OVER for s in others)
    finished = paid and confirmed
    if finished and both_rated:
        return Status.CLOSED
    if not finished and (harmed or _nothing_left(terms, duties)):
        return Status.DEFAULTED
    payments = {duty: state for duty, state in payments.items() if duty not in fees}
    under_way = any(p in UNDER_WAY for p in payments.values())
    if off and not finished and not under_way and not _deposit_is_out(terms, duties, payments) and _unpaid(payments):
        return Status.CANCELLED
    if paid and done and (owed or confirmed):
        return Status.SETTLED
    if confirmed and (others or terms.form != SECOND_FORM):
        return Status.FULFILLED
    started = any(p is not Payment.PENDING for p in payments.values()) or any(
        s is not DutyState.PENDING for s in others
    )
    return Status.ACTIVE if started else Status.AGREED


def _nothing_left(terms: Terms, duties: Mapping[str, DutyState]) -> bool:
    """Whether a duty has defaulted and all others are over, or can come no more since they come after it."""
    dead: set[str] = set()
    for duty in terms.duties:
        if duties[duty.id] is DutyState.DEFAULTED or (duty.after in dead and duties[duty.id] is DutyState.PENDING):
            dead.add(duty.id)
        elif duties[duty.id] not in OVER and not duty.on:
            return False
    return bool(dead)


def _owed(terms: Terms, payments: Mapping[str, Payment], cancelled_by: bytes) -> dict[str, Payment]:
    """The payments but for fees that nobody owes, since nobody has cancelled alone."""
    free = {d.id for d in terms.duties if d.on and d.provider != cancelled_by}
    return {duty: state for duty, state in payments.items() if duty not in free}


def _unpaid(payments: Mapping[str, Payment]) -> bool:
    """Whether some of the price has not been paid through the ledgers, or there is none."""
    price = [state for duty, state in payments.items() if duty not in (DEPOSIT, REFUND)]
    return not price or any(state is not Payment.SETTLED for state in price)


def _deposit_is_out(terms: Terms, duties: Mapping[str, DutyState], payments: Mapping[str, Payment]) -> bool:
    """Whether a deposit was paid, and is still to come back. One whose refund was waived stays where it is; but as long
    as what was handed over is not back, that ends nothing: else who has the thing could keep it by a word."""
    if payments.get(DEPOSIT) is not Payment.SETTLED or payments.get(REFUND, Payment.SETTLED) is Payment.SETTLED:
        return False
    refund = terms.duty(REFUND)
    if refund is None or duties[REFUND] is not DutyState.WAIVED:
        return True
    back = not refund.after or _has_come(duties, payments, refund.after)
    return not back and _begun_before(terms, duties, payments, refund)


def _begun_before(terms: Terms, duties: Mapping[str, DutyState], payments: Mapping[str, Payment], duty: Duty) -> bool:
    """Whether anything but payments has been done, or failed to be done, of what must come before a duty. Where its
    own provider has not done that, nothing stands in the way of it."""
    before = terms.duty(duty.after)
    while before is not None:
        state = duties[before.id]
        failed = state is DutyState.DEFAULTED and before.provider == duty.provider
        if before.id not in payments and state is not DutyState.PENDING and not failed:
            return True
        before = terms.duty(before.after)
    return False


def _has_come(duties: Mapping[str, DutyState], payments: Mapping[str, Payment], duty: str) -> bool:
    state = duties[duty]
    return state in OVER if duty in payments else state not in _NOT_COME
