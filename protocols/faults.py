"""What went wrong in an exchange, as its own facts show it, and what one may say of it in a rating.

Only what the two signed counts here: that something was done after its deadline, that its receiver said it was not
done, that one of them cancelled alone. Who says what of somebody else's exchange is another matter: a word.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from protocols.duties import DutyState, Missed
from protocols.exchange import Dispute, Exchange, Status
from protocols.payments import REFUND
from protocols.terms import Duty


class Kind(StrEnum):
    LATE = "late"
    NO_SHOW = "no-show"
    DEFAULT = "default"
    ALONE = "cancelled"


RESERVED: Final = (Kind.LATE.value, Kind.NO_SHOW.value, Kind.DEFAULT.value)  # no dimension of a network is called so


class Fault(NamedTuple):
    """by: whose fault it is; to: who was harmed. duty: which was not done in time, or empty where one cancelled alone.
    until: its deadline; came: when it was done after all, or None; at: since when the harmed one knows, all in ms.
    said: whether he had said that it was not done. made_good: what was owed has come, or what was paid has come back.
    """

    kind: Kind
    by: bytes
    to: bytes
    duty: str
    until: int
    came: int | None
    at: int
    said: bool
    made_good: bool


def faults(view: Exchange) -> tuple[Fault, ...]:
    """In the order of the duties. Who cancels alone as the terms allow does no wrong by it, and yet it is told."""
    duties = [(duty, view.missed[duty.id]) for duty in view.terms.duties if duty.id in view.missed]
    found = [_missed(view, duty, missed) for duty, missed in duties]
    if view.status is Status.CANCELLED and view.cancelled_by:
        by, at = view.cancelled_by, view.cancelled_at
        found.append(Fault(Kind.ALONE, by, view.counterparty(by), "", at, None, at, False, False))
    return tuple(found)


def _missed(view: Exchange, duty: Duty, missed: Missed) -> Fault:
    stands = view.duties[duty.id] is DutyState.DEFAULTED
    meeting = bool(view.terms.start) and duty not in view.terms.payments and duty.id != "return"
    kind = Kind.LATE if not stands else Kind.NO_SHOW if meeting else Kind.DEFAULT
    said = missed.said is not None
    good = _refunded(view, duty) or missed.came is not None if stands else said
    at = max(missed.said or missed.until, view.cancelled_at)
    return Fault(kind, duty.provider, duty.receiver, duty.id, missed.until, missed.came, at, said, good)


def _refunded(view: Exchange, duty: Duty) -> bool:
    refund = view.terms.duty(REFUND)
    paid = view.duties.get(REFUND) is DutyState.CONFIRMED
    return refund is not None and paid and refund.provider == duty.provider


def against(view: Exchange, rater: bytes) -> tuple[Fault, ...]:
    """The faults by which the rater was harmed."""
    return tuple(f for f in faults(view) if f.to == rater)


def suggested(view: Exchange, rater: bytes) -> int:
    """The outcome that fits what went wrong, −2 to 1: the worst fault counts. 0 where nothing came of it, or the two
    were at odds, and nobody failed."""
    worst = min((_outcome(fault) for fault in against(view, rater)), default=None)
    if worst is not None:
        return worst
    return 0 if view.came_to_nothing or view.dispute is not Dispute.NONE else 1


def _outcome(fault: Fault) -> int:
    if fault.kind is Kind.ALONE:
        return 0
    if fault.kind is Kind.LATE:
        return -1 if fault.said else 0
    return -1 if fault.made_good else -2


def marks(view: Exchange, rater: bytes) -> dict[str, int]:
    """What a rating says of these faults besides its outcome: a reserved dimension each, −1 or −2."""
    found: dict[str, int] = {}
    for fault in against(view, rater):
        if fault.kind in RESERVED:
            found[fault.kind] = min(found.get(fault.kind, -1), min(-1, _outcome(fault)))
    return {str(name): said for name, said in sorted(found.items())}
