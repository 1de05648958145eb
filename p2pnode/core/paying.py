"""Which payment of an exchange our user means, and how what is paid in steps stands in words and figures."""

from protocols.duties import DutyState
from protocols.errors import Refusal
from protocols.exchange import Exchange
from protocols.payments import CORRECTION, DEPOSIT, PAY, REFUND, UNDER_WAY, corrects, instalments_of, part_of
from protocols.terms import Duty, Terms

_SHOW = "`p2pnode exchange show` lists who owes what."


def choose(view: Exchange, me: bytes, named: str | None) -> Duty:
    """The payment that `exchange pay` is about: the one named; else the one under way; else the next that is due; else
    the last one that was made. `Refusal` if there is none of ours, or none has its turn yet."""
    payments = view.terms.payments
    if named is not None:
        payments = tuple(d for d in payments if d.id == named)
    if not payments:
        raise Refusal("refused", f"nothing is to be paid{f' as {named}' if named else ''} in this exchange", _SHOW)
    mine = [d for d in payments if d.provider == me]
    if not mine:
        raise Refusal("refused", "the other side pays in this exchange", "Wait for their payment.")
    for duty in mine:
        if view.payments.get(duty.id) in UNDER_WAY:
            return duty
    unpaid = [d for d in mine if view.duties[d.id] is DutyState.PENDING]
    due = [d for d in unpaid if view.due(d) or (view.waits_for_go and not d.after)]
    if due:
        return due[0]
    if unpaid:
        raise Refusal("conflict", _why_not(view, unpaid[0]), "`p2pnode exchange show` says whose turn it is.")
    return mine[-1]


def _why_not(view: Exchange, duty: Duty) -> str:
    if view.called_off:
        return "this exchange was called off"
    before = view.terms.duty(duty.after)
    return f"first: {before.what}" if before else "the deposit has not been paid"


def wording(terms: Terms, duty: Duty, money: str) -> str:
    """What is to be paid, in our own words: the other side's could name another price."""
    kind, part = part_of(duty.id)
    if duty.on:
        return f"pay {money} for cancelling alone"
    if duty.id == DEPOSIT:
        return f"pay {money} as a deposit"
    if duty.id == REFUND:
        return f"pay the deposit of {money} back"
    if kind == CORRECTION:
        return f"pay {money} {'more' if corrects(terms, duty) > 0 else 'back'}, as the price was corrected"
    return f"pay {money}, part {part} of {instalments_of(terms)}" if part and kind == PAY else f"pay {money}"
