"""Where each duty of an agreement stands, until when it is to be done, and whose fault it is if it is not."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from protocols.conditions import SECOND_FORM
from protocols.fact import Fact, Step
from protocols.identity import digest
from protocols.limits import HOUR
from protocols.negotiation import Agreed
from protocols.payments import DEPOSIT, PAY, REFUND, UNDER_WAY, Payment
from protocols.steps import OF_DUTIES, parse_step
from protocols.terms import Duty, Terms

LEAST_TURN: Final = HOUR  # for a duty whose turn comes when its time is nearly over, or over
_DOOR: Final = b"p2pnode/v1/door\0"


class DutyState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    CONFIRMED = "confirmed"
    CONTESTED = "contested"
    WAIVED = "waived"
    DEFAULTED = "defaulted"


_PAID: Final = {
    Payment.SETTLED: DutyState.CONFIRMED,
    Payment.ACCEPTED: DutyState.DONE,
    Payment.PROPOSED: DutyState.PENDING,
}
OVER: Final = frozenset({DutyState.CONFIRMED, DutyState.WAIVED})
_OPEN: Final = frozenset({DutyState.PENDING, DutyState.DEFAULTED})
BEGUN: Final = frozenset({DutyState.DONE, DutyState.CONFIRMED, DutyState.CONTESTED})


class Moved(NamedTuple):
    """What is known from elsewhere than from facts. payments: how far the ledgers have settled each; paid_at: when,
    ms, as the payer's entry says; passed: when the receipt of a duty of custody was signed by both, ms."""

    payments: Mapping[str, Payment] = {}
    paid_at: Mapping[str, int] = {}
    passed: Mapping[str, int] = {}


class Missed(NamedTuple):
    """A duty whose deadline passed before it was done, all in ms. until: that deadline; came: when it was done after
    all, or None; said: when its receiver said first that it was not done, or None."""

    until: int
    came: int | None
    said: int | None


class Standing(NamedTuple):
    """state of each duty; deadlines: of each whose turn has come and that is not done, ms, where it has one; since:
    when that turn came; changes: times at which a state changes by itself; by_itself: of each that is done, until when
    its receiver may contest it before it counts as confirmed; missed: those that were not done in time."""

    states: dict[str, DutyState]
    deadlines: dict[str, int]
    since: dict[str, int]
    changes: tuple[int, ...]
    by_itself: dict[str, int]
    missed: dict[str, Missed]


def door_hash(parcel: bytes, code: str) -> bytes:
    """What terms name of the code that is shown at the door: H(domain ‖ parcel ‖ code)."""
    return digest(_DOOR + parcel + code.encode())


def standing(agreed: Sequence[Agreed], said: Sequence[Fact], moved: Moved, began_at: int | None, now: int) -> Standing:
    """The duties of the newest agreement, by what was said of each since it was first agreed as it is.

    said: ascending by (at, id); began_at: when the first turns came, ms, or None while they have not.
    """
    return _Reading(agreed, said, moved, began_at, now).read()


class _Reading:
    def __init__(
        self, agreed: Sequence[Agreed], said: Sequence[Fact], moved: Moved, began_at: int | None, now: int
    ) -> None:
        self.terms: Terms = agreed[-1].terms
        self.second = self.terms.form == SECOND_FORM
        self.moved = moved
        self.began_at = began_at
        self.now = now
        self.said = _of_duties(agreed, said)
        self.shown = self.received()
        self.states: dict[str, DutyState] = {}
        self.turns: dict[str, int | None] = {}
        self.changes: list[int] = []
        self.by_itself: dict[str, int] = {}

    def read(self) -> Standing:
        for duty in self.terms.duties:  # `after` only ever points back
            self.turns[duty.id] = self.turn(duty)
            state = self.state(duty)
            shown = duty.id in self.shown and state in (DutyState.PENDING, DutyState.DONE)
            self.states[duty.id] = DutyState.CONFIRMED if shown else state
        for duty in self.terms.duties:
            if duty.along and self.states[duty.along] in (DutyState.DONE, DutyState.CONFIRMED):
                self.states[duty.id] = DutyState.CONFIRMED
        self.waive_refund()
        waiting = [
            d for d in self.terms.duties
            if self.states[d.id] is DutyState.PENDING and not d.on and self.turns[d.id] is not None
        ]  # fmt: skip
        deadlines = {d.id: limit for d in waiting if (limit := self.deadline(d)) is not None} if self.second else {}
        since = {d.id: turn for d in waiting if (turn := self.turns[d.id]) is not None}
        changes = tuple(sorted({*self.changes, *deadlines.values()}))
        by_itself = {name: at for name, at in self.by_itself.items() if self.states[name] is DutyState.DONE}
        late = {d.id: found for d in self.terms.duties if self.second and (found := self.missed(d)) is not None}
        return Standing(self.states, deadlines, since, changes, by_itself, late)

    def facts(self, duty: Duty, kind: str) -> list[Fact]:
        author = duty.provider if kind == "done" else duty.receiver
        return [f for f in self.said.get(duty.id, ()) if f.kind == kind and f.author == author]

    def done(self, duty: Duty) -> list[Fact]:
        """Where its provider says to have done it. A parcel is passed on by a receipt, or by the code at the door."""
        found = self.facts(duty, "done")
        return [f for f in found if self.opens(duty, parse_step(f))] if duty.custody else found

    def opens(self, duty: Duty, step: Step) -> bool:
        """Whether a code was shown that only who stands at the last door knows."""
        last = [d for d in self.terms.duties if d.custody][-1]
        return bool(self.terms.door) and duty == last and door_hash(self.terms.parcel, step.code) == self.terms.door

    def turn(self, duty: Duty) -> int | None:
        """When it became this duty's turn, or None if it has not."""
        if self.began_at is None:
            return None
        if not duty.after:
            return max(self.began_at, duty.start)
        came = self.came(self.terms.duty(duty.after))
        return None if came is None else max(came, duty.start)

    def came(self, duty: Duty | None) -> int | None:
        """When a duty that others come after was done."""
        assert duty is not None
        turn = self.turns[duty.id]
        if turn is None or self.states[duty.id] in (DutyState.PENDING, DutyState.DEFAULTED):
            return None
        said = [f.at for kind in ("done", "confirm", "contest", "waive") for f in self.facts(duty, kind)]
        elsewhere = (self.moved.passed.get(duty.id), self.moved.paid_at.get(duty.id), self.shown.get(duty.id))
        known = [at for at in elsewhere if at is not None]
        return max(min([*said, *known], default=turn), self.began_at or 0)

    def deadline(self, duty: Duty) -> int | None:
        """Until when it is to be done: never before its turn has come, and never sooner than a fair while after."""
        turn = self.turns[duty.id]
        if turn is None or not (duty.until or duty.within):
            return None
        return max(duty.until, turn + (duty.within or LEAST_TURN)) if duty.until else turn + duty.within

    def state(self, duty: Duty) -> DutyState:
        payment = self.moved.payments.get(duty.id)
        if payment is not None:
            return _PAID[payment] if payment in _PAID else self.unpaid(duty)
        if duty.id in self.moved.passed or self.facts(duty, "confirm"):
            return DutyState.CONFIRMED
        done = self.done(duty)
        if duty.custody and done:
            return DutyState.CONFIRMED
        if self.second and self.facts(duty, "waive"):
            return DutyState.WAIVED
        return self.contested(duty, done) if done else self.undone(duty)

    def undone(self, duty: Duty) -> DutyState:
        if self.facts(duty, "contest"):
            return DutyState.CONTESTED
        return DutyState.DEFAULTED if self.defaulted(duty) else DutyState.PENDING

    def unpaid(self, duty: Duty) -> DutyState:
        """Of a payment that has not come: only who receives it can change that by a word."""
        if self.second and self.facts(duty, "waive"):
            return DutyState.WAIVED
        return DutyState.DEFAULTED if self.defaulted(duty) else DutyState.PENDING

    def contested(self, duty: Duty, done: Sequence[Fact]) -> DutyState:
        """Of what its provider says to have done. In time, it beats a default; later, a default stands."""
        contests = self.facts(duty, "contest")
        limit = self.deadline(duty)
        if self.defaulted(duty) and limit is not None and done[0].at > limit:
            return DutyState.DEFAULTED
        if not self.second or not duty.confirm:
            return DutyState.CONTESTED if contests else DutyState.DONE
        by_itself = done[0].at + duty.confirm
        if any(f.at <= by_itself for f in contests):
            return DutyState.CONTESTED
        if self.now > by_itself:
            return DutyState.CONFIRMED
        self.changes.append(by_itself + 1)
        self.by_itself[duty.id] = by_itself
        return DutyState.DONE

    def defaulted(self, duty: Duty) -> bool:
        """Whether its receiver has said, after the deadline, that it was not done. Not before the deadline has passed
        here, too: else a date that lies ahead would make it pass."""
        limit = self.deadline(duty) if self.second else None
        if limit is None or not any(f.at > limit for f in self.facts(duty, "default")):
            return False
        if self.now <= limit:
            self.changes.append(limit + 1)
        return limit < self.now

    def missed(self, duty: Duty) -> Missed | None:
        """How it was not done in time, or None. Where the receiver alone says that it was done, and has not said before
        that it was not, nobody has said when: then it counts as in time."""
        limit, state = self.deadline(duty), self.states[duty.id]
        if limit is None or duty.on or duty.along or state not in BEGUN | {DutyState.DEFAULTED}:
            return None
        said = min((f.at for f in self.facts(duty, "default") if f.at > limit), default=None)
        known = (self.moved.passed.get(duty.id), self.moved.paid_at.get(duty.id))
        times = [f.at for f in self.done(duty)] + [at for at in known if at is not None]
        if not times and said is not None:
            times = [f.at for f in self.facts(duty, "confirm")]
        came = min(times, default=None)
        if state is DutyState.DEFAULTED:
            return Missed(limit, came, said)
        return None if came is None or came <= limit else Missed(limit, came, said)

    def waive_refund(self) -> None:
        """What was never paid need not come back."""
        waived = self.states.get(DEPOSIT) is DutyState.WAIVED and self.states.get(REFUND) in _OPEN
        if waived and self.moved.payments.get(REFUND) not in UNDER_WAY:
            self.states[REFUND] = DutyState.WAIVED

    def received(self) -> dict[str, int | None]:
        """Which duties are confirmed without a word of their own, and by when they were done, ms, where that is known:
        who says to have done what needs the thing in hand, or pays what comes after it, has received it."""
        found: dict[str, int | None] = {}
        for duty in self.terms.duties:
            before = self.terms.duty(duty.after) if duty.after else None
            if before is None or before.receiver != duty.provider or before.id in self.moved.payments or before.custody:
                continue
            payment = self.moved.payments.get(duty.id)
            if payment is not None:
                did = [self.moved.paid_at.get(duty.id)] if duty.id != PAY and _PAID.get(payment) in BEGUN else []
            else:
                did = [f.at for f in self.done(duty)[:1]]
            times = [at for at in (*did, found.get(before.id)) if at is not None]
            if did or before.id in found:
                found[before.id] = min(times, default=None)
        return found


def _of_duties(agreed: Sequence[Agreed], said: Sequence[Fact]) -> dict[str, list[Fact]]:
    """What was said of each duty, under any agreement that has it exactly as the newest one."""
    under = {a.id: level.terms for level in agreed for a in level.acceptances}
    newest = agreed[-1].terms
    found: dict[str, list[Fact]] = {}
    for fact in said:
        terms = under.get(fact.prev)
        if terms is None or fact.kind not in OF_DUTIES:
            continue
        name = parse_step(fact).duty
        if terms.duty(name) == newest.duty(name):
            found.setdefault(name, []).append(fact)
    return found
