"""Who may call an agreement off alone."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from protocols.duties import DutyState
from protocols.fact import Fact
from protocols.payments import DEPOSIT, REFUND, Payment
from protocols.terms import Terms

_UNMOVED = (Payment.PENDING, Payment.RELEASED)


class Alone(NamedTuple):
    """by: who called it off alone and may, or empty; harmed: whether that is since the other one has defaulted; at:
    when he said so, ms."""

    by: bytes
    harmed: bool
    at: int


def called_off_alone(
    terms: Terms, after: Sequence[Fact], duties: Mapping[str, DutyState], payments: Mapping[str, Payment]
) -> Alone:
    """after: what was said under the agreement, ascending by (at, id)."""
    apart = {DEPOSIT, REFUND, *(d.id for d in terms.duties if d.on)}
    moved = [p for duty, p in payments.items() if duty not in apart and p not in _UNMOVED]
    began = [f.at for f in after if f.kind == "done"]
    until = {rule.by: rule.until for rule in terms.cancellation}
    for fact in after:
        if fact.kind != "cancel":
            continue
        if any(duties[d.id] is DutyState.DEFAULTED and d.receiver == fact.author for d in terms.duties):
            return Alone(fact.author, True, fact.at)
        if fact.at <= until.get(fact.author, -1) and not moved and not any(at <= fact.at for at in began):
            return Alone(fact.author, False, fact.at)
    return Alone(b"", False, 0)
