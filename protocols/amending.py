"""Terms in place of agreed ones: another price or time, a correction of what was paid, a mediator's ruling.

Nothing that was done is touched: a fact about a duty counts only while the duty stands in the terms exactly as it did
when the fact was said (`protocols.duties`).
"""

from collections.abc import Sequence

from msgspec.structs import replace

from protocols.duties import OVER, DutyState
from protocols.errors import Refusal
from protocols.exchange import Exchange
from protocols.limits import DAY
from protocols.payments import CORRECTION, DEPOSIT, PAY, REFUND, Payment, part_of, price_in_all
from protocols.terms import Duty, Terms, terms_hash

AWARD_WITHIN = 7 * DAY


def amended(
    view: Exchange,
    *,
    expires: int,
    amount: int | None = None,
    quantity: int | None = None,
    start: int | None = None,
    end: int | None = None,
    note: str = "",
) -> Terms:
    """The agreed terms with another price (minor units), quantity or time (ms). `Refusal` where that cannot be.

    A price that is not paid yet is replaced; of one that is paid the difference becomes a payment of its own.
    """
    old = view.terms
    duties: Sequence[Duty] = old.duties
    price = old.amount
    if amount is not None and amount != price_in_all(view.terms):
        duties, price = _repriced(view, amount)
    if start is not None or end is not None:
        duties = _moved(view, duties, start, end)
    return replace(
        old,
        duties=tuple(duties),
        amount=price,
        unit=old.unit if price else "",
        quantity=old.quantity if quantity is None else quantity,
        start=old.start if start is None else start,
        end=old.end if end is None else end,
        note=note,
        previous=terms_hash(old),
        expires=expires,
    )


def ruling(view: Exchange, *, expires: int, award: Duty | None, refund: bool, note: str) -> Terms:
    """What a mediator decides: what is over stays, what is open or contested falls away, and perhaps an award is paid.

    refund: whether a deposit that is out goes back at once; else it stays with its owner.
    """
    old = view.terms
    kept = [d for d in old.duties if view.duties[d.id] in OVER and d.on == ""]
    names = {d.id for d in kept}
    kept = [replace(d, after="") if d.after not in names else d for d in kept]
    if kept != [d for d in old.duties if d.id in names]:
        raise Refusal("conflict", "something was done before what it comes after", "Ask both to confirm what was done.")
    out = view.deposit_is_out
    back = next((d for d in old.duties if d.id == REFUND), None)
    if out and refund and back is not None:
        kept.append(replace(back, after=DEPOSIT, until=0, within=AWARD_WITHIN))
    keeps_price = any(d.id == PAY or part_of(d.id)[0] == PAY for d in kept)
    both = {DEPOSIT, REFUND} <= {d.id for d in kept}
    return replace(
        old,
        duties=(*kept, *([award] if award is not None else [])),
        amount=old.amount if keeps_price else 0,
        unit=old.unit if keeps_price else "",
        deposit=old.deposit if both else 0,
        cancellation=(),
        note=note,
        previous=terms_hash(old),
        expires=expires,
    )


def award(view: Exchange, payer: bytes, amount: int, unit: str) -> Duty:
    """A payment that a ruling adds: minor units, by one party to the other, within a week."""
    receiver = view.counterparty(payer)
    return Duty(
        id=_free(view.terms, "award"),
        action="transfer",
        what="pay what the mediator decided",
        provider=payer,
        receiver=receiver,
        amount=amount,
        unit=unit,
        within=AWARD_WITHIN,
    )


def _repriced(view: Exchange, amount: int) -> tuple[list[Duty], int]:
    old = view.terms
    pay = old.duty(PAY)
    if pay is None:
        raise Refusal(
            "usage",
            "there is no one payment whose amount could change",
            "Agree on the rest in another exchange: what goes in instalments, or has no price, keeps it.",
        )
    state = view.payments.get(PAY)
    settled = state is Payment.SETTLED if state is not None else view.duties[PAY] is not DutyState.PENDING
    if state in (Payment.PROPOSED, Payment.ACCEPTED):
        raise Refusal("conflict", "the payment is under way", "Wait until it is settled; then its amount is corrected.")
    if not settled:
        if amount == 0:
            return [d for d in old.duties if d != pay], 0
        return [replace(d, amount=amount) if d == pay else d for d in old.duties], amount
    difference = amount - price_in_all(old)
    payer, payee = (pay.provider, pay.receiver) if difference > 0 else (pay.receiver, pay.provider)
    correction = Duty(
        id=_free(old, CORRECTION),
        action="transfer",
        what="pay the difference",
        provider=payer,
        receiver=payee,
        amount=abs(difference),
        unit=pay.unit,
        within=AWARD_WITHIN,
    )
    return [*old.duties, correction], old.amount


def _moved(view: Exchange, duties: Sequence[Duty], start: int | None, end: int | None) -> list[Duty]:
    """Deadlines move along with the time that they were counted from, of duties that wait to be done."""
    old = view.terms
    by_start = 0 if start is None or not old.start else start - old.start
    by_end = 0 if end is None or not old.end else end - old.end

    def later(at: int) -> int:
        return at and at + (by_end if old.end and at >= old.end else by_start)

    return [
        replace(d, until=later(d.until), start=later(d.start)) if view.duties.get(d.id) is DutyState.PENDING else d
        for d in duties
    ]


def _free(terms: Terms, name: str) -> str:
    """An id that no duty has: `adjust-1`, `adjust-2` and so on."""
    return next(word for k in range(1, 100) if terms.duty(word := f"{name}-{k}") is None)
