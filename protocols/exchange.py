"""An exchange, computed from the set of signed facts that a party holds.

Facts are a set: they may come in any order and any number of times, and both parties who hold the same facts (and the
same entries of settlement) see the same status. Nothing is stored but facts.

    negotiation   proposed ⇄ countered → agreed | declined | withdrawn | expired
    agreement     agreed → active → fulfilled → settled → closed, or cancelled by both
    duty          pending → done → confirmed | contested

Where two facts cannot both count, the rule is the same for everybody. Of several answers of one party to the same
terms, a counter-proposal that the other party has answered counts first, then an acceptance, then a counter-proposal
without an answer, then decline and withdrawal; of two of a sort the lower (at, id). So nobody can change afterwards
what the other party relies on: an agreement that one party holds is not undone by any fact of the other alone.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from protocols.codec import decode_as
from protocols.errors import DecodeError, Reject
from protocols.fact import Fact, Step
from protocols.limits import MAX_TERMS
from protocols.payments import DEPOSIT, PAY, REFUND
from protocols.terms import Duty, Terms, parse_terms, terms_hash


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


OPEN = frozenset({Status.PROPOSED, Status.COUNTERED, Status.AGREED, Status.ACTIVE, Status.FULFILLED, Status.SETTLED})
NEGOTIATING = frozenset({Status.PROPOSED, Status.COUNTERED})


class DutyState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    CONFIRMED = "confirmed"
    CONTESTED = "contested"


class Payment(StrEnum):
    """How far a payment in network credit has come; `none` where nothing is paid through the ledger."""

    NONE = "none"
    PENDING = "pending"
    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    RELEASED = "released"


UNDER_WAY = (Payment.PROPOSED, Payment.ACCEPTED)


class Exchange(msgspec.Struct, frozen=True):
    """What the facts amount to. terms: the newest valid ones; turn: who may decide on them, while negotiating.

    payments: how far each payment through the ledger has come, by its duty; payment: all of them in one word.
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

    @property
    def agreed(self) -> bool:
        return self.acceptance is not None

    def counterparty(self, me: bytes) -> bytes:
        return self.terms.responder if me == self.terms.proposer else self.terms.proposer

    @property
    def called_off(self) -> bool:
        """Whether both have asked to cancel. It is cancelled once nothing that moved stands against it."""
        return self.cancel_asked == frozenset(self.terms.parties)

    @property
    def can_be_called_off(self) -> bool:
        """Whether nothing that moved in the ledgers stands against cancelling, but a deposit that can still go back."""
        return not any(p in UNDER_WAY for p in self.payments.values()) and (
            self.deposit_is_out or _unpaid(self.payments)
        )

    @property
    def deposit_is_out(self) -> bool:
        return _deposit_is_out(self.payments)

    def due(self, duty: Duty) -> bool:
        """Whether the time of a duty has come: what must come before it has.

        A payment has come when it is settled, since an acceptance alone leaves the payer free; anything else when its
        provider says so. Once both have called it off and a deposit is out, it goes back, and nothing new begins; but
        what was handed over is returned before.
        """
        come = not duty.after or self._has_come(duty.after)
        if duty.id == REFUND and duty.id in self.payments:
            return self.deposit_is_out and (come or (self.called_off and not self._begun_before(duty)))
        if self.called_off and self.deposit_is_out:
            return come and bool(duty.after) and not {duty.id, duty.after} & {*self.payments}
        return come

    def may_take(self, duty: Duty) -> bool | None:
        """Whether its receiver may take a payment that is as agreed: yes, never, or (None) not yet."""
        if self.status in (Status.CANCELLED, Status.DECLINED, Status.WITHDRAWN):
            return False
        if not self.agreed:
            return None
        if self.called_off and duty.id != REFUND:
            return False
        return True if self.due(duty) else None

    def _begun_before(self, duty: Duty) -> bool:
        """Whether anything but payments has been done of what must come before a duty."""
        before = self.terms.duty(duty.after)
        while before is not None:
            if before.id not in self.payments and self.duties[before.id] is not DutyState.PENDING:
                return True
            before = self.terms.duty(before.after)
        return False

    def _has_come(self, duty: str) -> bool:
        state = self.duties[duty]
        return state is DutyState.CONFIRMED if duty in self.payments else state is not DutyState.PENDING


def parse_step(fact: Fact) -> Step:
    return decode_as(fact.payload, Step, MAX_TERMS) if fact.payload else Step()


def check_fact(fact: Fact) -> None:
    """`DecodeError` unless the payload is what the fact's kind calls for."""
    if fact.kind in ("propose", "counter"):
        terms = parse_terms(fact.payload)
        if fact.author not in terms.parties:
            raise DecodeError("terms of other people", "field")
        if fact.kind == "propose" and (fact.author != terms.proposer or terms.previous):
            raise DecodeError("a proposal comes from its proposer and follows nothing", "field")
        if fact.kind == "propose" and fact.prev != terms.listing:
            raise DecodeError("a proposal follows the listing that it names", "field")
        if fact.kind == "counter" and len(terms.previous) != 32:
            raise DecodeError("a counter-proposal names the terms it follows", "field")
        return
    step = parse_step(fact)
    if (fact.kind in ("done", "confirm", "contest")) != bool(step.duty):
        raise DecodeError(f"{fact.kind}: duty", "field")
    if len(step.commitment) != (32 if fact.kind == "rated" else 0):
        raise DecodeError(f"{fact.kind}: commitment", "field")
    if {len(step.party), len(step.terms)} != {32 if fact.kind == "accept" else 0}:
        raise DecodeError(f"{fact.kind}: party and terms", "field")


def evaluate(facts: Iterable[Fact], payment: Payment | Mapping[str, Payment], credit: str, now: int) -> Exchange:
    """The exchange that these facts make. `Reject` if its proposal is not among them.

    payment: how far the two ledgers have settled each payment, by its duty (`pending` if not at all); one alone is
    that of `pay`. credit: the unit that ledgers settle; what is paid in another unit (cash, another currency) is a duty
    like the others. now: ms, for proposals that lapse.
    """
    ordered = sorted(facts, key=lambda f: (f.at, f.id))
    root = next((f for f in ordered if f.kind == "propose"), None)
    if root is None:
        raise Reject("context", "no proposal")
    first = parse_terms(root.payload)
    said = [f for f in ordered if f.deal == root.id and f.author in first.parties]
    current, terms, acceptances = _newest_terms(root, first, said)
    moved = {PAY: payment} if isinstance(payment, Payment) else payment
    payments = {d.id: moved.get(d.id, Payment.PENDING) for d in terms.payments if d.unit == credit}
    payments = {duty: state for duty, state in payments.items() if state is not Payment.NONE}
    parties = frozenset(terms.parties)
    turn = next(iter(parties - {current.author}))
    acceptance = acceptances[0] if acceptances else None
    decision = _first(said, "decline", turn, current.id) or _first(said, "withdraw", current.author, current.id)
    agreed_ids = {a.id for a in acceptances}
    after = [f for f in said if f.prev in agreed_ids]  # what is said of an agreement names its acceptance
    asked = frozenset(f.author for f in after if f.kind == "cancel")
    duties = _duty_states(terms, after, payments)
    rated = {f.author: parse_step(f).commitment for f in reversed(after) if f.kind == "rated"}
    reason = ""
    if acceptance is None:
        duties = dict.fromkeys(duties, DutyState.PENDING)
        if decision is not None:
            status = Status.DECLINED if decision.kind == "decline" else Status.WITHDRAWN
            reason = parse_step(decision).text
        elif now > terms.expires:
            status = Status.EXPIRED
        else:
            status = Status.PROPOSED if current is root else Status.COUNTERED
    else:
        status = _agreed_status(terms, duties, payments, asked == parties, len(rated) == 2)
    return Exchange(
        id=root.exchange_id,
        status=status,
        terms=terms,
        terms_fact=current,
        acceptance=acceptance,
        turn=turn,
        duties=duties,
        payment=in_one_word(payments.values()),
        payments=payments,
        cancel_asked=asked,
        rated=rated,
        notes=tuple(f for f in said if _text(f)),
        reason=reason,
    )


def _newest_terms(root: Fact, terms: Terms, said: list[Fact]) -> tuple[Fact, Terms, list[Fact]]:
    """Follow the chain of counter-proposals to the terms that count, and who accepted them.

    A counter-proposal that the other party has answered (accepted, countered or declined) beats whatever else its
    author said of the terms before it: else an author could undo an agreement by a second answer to older terms.
    """
    by_prev: dict[bytes, list[Fact]] = {}
    for fact in said:
        by_prev.setdefault(fact.prev, []).append(fact)
    current = root
    while True:
        following = [(c, t) for c in by_prev.get(current.id, ()) if (t := _follows(c, current, terms)) is not None]
        answered = [(c, t) for c, t in following if _answers(c, t, by_prev)]
        acceptances = [f for f in by_prev.get(current.id, ()) if _accepts(f, current, terms)]
        if answered:
            current, terms = answered[0]
        elif acceptances or not following:
            return current, terms, acceptances
        else:
            current, terms = following[0]


def _follows(fact: Fact, before: Fact, terms: Terms) -> Terms | None:
    """The terms of a counter-proposal to these, or None."""
    if fact.kind != "counter" or fact.author == before.author:
        return None
    counter = parse_terms(fact.payload)
    same = (counter.parties, counter.listing, counter.name) == (terms.parties, terms.listing, terms.name)
    return counter if same and counter.previous == terms_hash(terms) else None


def _accepts(fact: Fact, proposed: Fact, terms: Terms) -> bool:
    """Whether a fact accepts these terms: by the other party, in time, naming both."""
    if fact.kind != "accept" or fact.author == proposed.author or fact.at > terms.expires:
        return False
    step = parse_step(fact)
    return step.party == proposed.author and step.terms == terms_hash(terms)


def _answers(counter: Fact, terms: Terms, by_prev: dict[bytes, list[Fact]]) -> bool:
    """Whether the other party has answered a counter-proposal."""
    return any(
        _accepts(f, counter, terms)
        or _follows(f, counter, terms) is not None
        or (f.kind == "decline" and f.author != counter.author)
        for f in by_prev.get(counter.id, ())
    )


def _first(said: list[Fact], kind: str, author: bytes, prev: bytes) -> Fact | None:
    return next((f for f in said if (f.kind, f.author, f.prev) == (kind, author, prev)), None)


def _text(fact: Fact) -> str:
    return "" if fact.kind in ("propose", "counter") else parse_step(fact).text


def in_one_word(payments: Iterable[Payment]) -> Payment:
    """How far several payments are as a whole: under way if one is; settled if all are."""
    states = list(payments)
    for state in (*UNDER_WAY, Payment.RELEASED, Payment.PENDING, Payment.SETTLED):
        if state in states:
            return state
    return Payment.NONE


def _duty_state(duty: Duty, after: list[Fact], payments: Mapping[str, Payment]) -> DutyState:
    if duty.id in payments:
        if payments[duty.id] is Payment.SETTLED:
            return DutyState.CONFIRMED
        return DutyState.DONE if payments[duty.id] is Payment.ACCEPTED else DutyState.PENDING
    said = [
        f.kind
        for f in after
        if (f.kind in ("confirm", "contest") and f.author == duty.receiver)
        or (f.kind == "done" and f.author == duty.provider)
        if parse_step(f).duty == duty.id
    ]
    for kind, state in (
        ("confirm", DutyState.CONFIRMED),
        ("contest", DutyState.CONTESTED),
        ("done", DutyState.DONE),
    ):
        if kind in said:
            return state
    return DutyState.PENDING


def _duty_states(terms: Terms, said: list[Fact], payments: Mapping[str, Payment]) -> dict[str, DutyState]:
    """Where each duty stands. Who says to have done what needs the thing in hand, or pays what comes after it, has
    received it: that confirms the duty before, which needs no word of its own."""
    states = {d.id: _duty_state(d, said, payments) for d in terms.duties}
    for duty in reversed(terms.duties):
        before = terms.duty(duty.after) if duty.after else None
        if before is None or before.receiver != duty.provider or before.id in payments:
            continue
        if duty.id in payments:
            did = duty.id != PAY and states[duty.id] is not DutyState.PENDING
        else:
            did = any(f.kind == "done" and f.author == duty.provider and parse_step(f).duty == duty.id for f in said)
        if did and states[before.id] in (DutyState.PENDING, DutyState.DONE):
            states[before.id] = DutyState.CONFIRMED
    return states


def _agreed_status(
    terms: Terms, duties: dict[str, DutyState], payments: Mapping[str, Payment], cancelled: bool, both_rated: bool
) -> Status:
    owed = {d.id for d in terms.payments}
    paid = all(duties[duty] is DutyState.CONFIRMED for duty in owed)
    others = [state for duty, state in duties.items() if duty not in owed]
    confirmed = all(s is DutyState.CONFIRMED for s in others)
    done = all(s in (DutyState.DONE, DutyState.CONFIRMED) for s in others)
    finished = paid and confirmed
    if finished and both_rated:
        return Status.CLOSED
    under_way = any(p in UNDER_WAY for p in payments.values())
    if cancelled and not finished and not under_way and not _deposit_is_out(payments) and _unpaid(payments):
        return Status.CANCELLED
    if paid and done and (owed or confirmed):
        return Status.SETTLED
    if confirmed:
        return Status.FULFILLED
    started = any(p is not Payment.PENDING for p in payments.values()) or any(
        s is not DutyState.PENDING for s in others
    )
    return Status.ACTIVE if started else Status.AGREED


def _unpaid(payments: Mapping[str, Payment]) -> bool:
    """Whether some of the price has not been paid through the ledgers, or there is none."""
    price = [state for duty, state in payments.items() if duty not in (DEPOSIT, REFUND)]
    return not price or any(state is not Payment.SETTLED for state in price)


def _deposit_is_out(payments: Mapping[str, Payment]) -> bool:
    """Whether a deposit was paid and has not come back."""
    return payments.get(DEPOSIT) is Payment.SETTLED and payments.get(REFUND) is not Payment.SETTLED
