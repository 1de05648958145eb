"""Which payment of an exchange our user means, and how what is paid in steps stands in words and figures."""

from protocols.decimals import OTHER_DECIMALS, in_words
from protocols.duties import OVER, DutyState
from protocols.errors import Refusal
from protocols.exchange import OPEN, Exchange
from protocols.payments import CORRECTION, DEPOSIT, PAY, REFUND, UNDER_WAY, Payment, corrects, instalments_of, part_of
from protocols.terms import Duty, Terms

from .state import Network

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
    unpaid = [d for d in mine if view.duties[d.id] is DutyState.PENDING or _is_missing(view, d)]
    due = [d for d in unpaid if view.due(d) or (view.waits_for_go and not d.after)]
    if due and named is None and (contested := contested_by_payer(view, due[0])) is not None:
        raise Refusal(
            "conflict",
            f"you have contested this: {contested.what}",
            f"Settle it between you, then confirm or cancel. To pay all the same: --duty {due[0].id}",
        )
    if due:
        return due[0]
    if unpaid:
        raise Refusal("conflict", _why_not(view, unpaid[0]), "`p2pnode exchange show` says whose turn it is.")
    return mine[-1]


def contested_by_payer(view: Exchange, payment: Duty) -> Duty | None:
    """What the payer of this payment has had of its payee and contests, while that is open: nobody asks him to pay
    before it is settled. The payee takes it all the same if he pays."""
    if view.status not in OPEN or payment.on:
        return None
    found = (d for d in view.terms.duties if view.duties[d.id] is DutyState.CONTESTED and d not in view.terms.payments)
    return next((d for d in found if (d.provider, d.receiver) == (payment.receiver, payment.provider)), None)


def is_asked_for(view: Exchange, payment: Duty) -> bool:
    """Whether the payer of what is due is asked to pay: not what he contests, nor what he has proposed to change."""
    return contested_by_payer(view, payment) is None and not _is_changing(view, payment.provider, payment)


def _is_changing(view: Exchange, by: bytes, payment: Duty) -> bool:
    """Whether a proposal of his to change this payment waits for an answer."""
    amendment = view.amendment
    return amendment is not None and amendment[0].author == by and amendment[1].duty(payment.id) != payment


def check_unamended(view: Exchange, me: bytes, payment: Duty) -> None:
    """`Refusal` where our own proposal to change this payment waits for an answer: accepted while this is under way it
    would have to be called off, and could be paid no more."""
    if _is_changing(view, me, payment):
        raise Refusal(
            "conflict",
            "you have proposed to change this payment, and wait for an answer",
            "Wait for it, or take that back: `p2pnode exchange decline`.",
        )


def paid_so_far(view: Exchange) -> int:
    """How much of the price was paid, minor units."""
    parts = [d for d in view.terms.payments if part_of(d.id)[0] == PAY]
    return sum(d.amount for d in parts if view.duties[d.id] is DutyState.CONFIRMED)


def why_not_cancelled(network: Network, view: Exchange) -> tuple[str, str]:
    """Why what is agreed cannot be called off by both any more, and what to do instead."""
    if any(view.payments.get(d.id) in UNDER_WAY for d in view.terms.payments):
        return "the payment is under way", "Wait until it is settled, or called off."
    paid = [
        d for d in view.terms.payments if view.payments.get(d.id) is not Payment.SETTLED and view.duties[d.id] in OVER
    ]
    if not paid:
        return "the payment is under way or done", "What was paid is corrected by a new exchange."
    much = money(network, sum(d.amount for d in paid), paid[0].unit)
    waived = any(view.duties[d.id] is DutyState.WAIVED for d in paid)
    return (
        f"{much}: that was {'waived, perhaps for a claim' if waived else 'confirmed as received'}",
        "Go on as agreed; what is to go back is agreed in a new exchange, the other way round.",
    )


def _is_missing(view: Exchange, payment: Duty) -> bool:
    """Whether it was paid without a ledger, as its payer says, and its payee says that it has not come."""
    return payment.id not in view.payments and view.duties[payment.id] is DutyState.CONTESTED


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


def money(network: Network, amount: int, unit: str) -> str:
    """An amount in minor units, as people write it."""
    if not amount:
        return "nothing"
    return network.money(amount) if unit == network.genesis.unit else in_words(amount, OTHER_DECIMALS, unit)
