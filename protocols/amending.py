"""Terms in place of agreed ones: another price or time, a correction of what was paid, a mediator's ruling.

Nothing that was done is touched: a fact about a duty counts only while the duty stands in the terms exactly as it did
when the fact was said (`protocols.duties`).
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from protocols.duties import OVER, DutyState
from protocols.errors import DecodeError, Refusal
from protocols.exchange import Exchange
from protocols.limits import DAY, MAX_INSTALMENTS
from protocols.payments import CORRECTION, DEPOSIT, PAY, REFUND, Payment, instalments_of, part_of, price_in_all
from protocols.terms import Duty, Terms, encode_terms, parse_terms, terms_hash

AWARD_WITHIN = 7 * DAY
_OPEN = Payment.PENDING


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
    new = replace(
        old,
        duties=tuple(duties),
        amount=price,
        unit=old.unit if price else "",
        quantity=old.quantity if quantity is None else quantity,
        start=old.start if start is None else start,
        end=old.end if end is None else end,
        note=note,
    )
    return _following(old, new, expires)


def in_parts(view: Exchange, duty: Duty, amount: int, *, expires: int, note: str = "") -> Terms:
    """The agreed terms with one payment of the price in two: so much first (minor units), then the rest, each a payment
    of its own. The rest is due once the first part is paid, and what came after the payment comes after the rest.
    `Refusal` where that cannot be."""
    old = view.terms
    count = instalments_of(old)
    if duty.id not in (PAY, f"{PAY}-{count}"):
        raise Refusal("usage", f"{duty.id} cannot be paid in parts", "The price can, or the last of its instalments.")
    if view.duties[duty.id] is not DutyState.PENDING or view.payments.get(duty.id, _OPEN) is not _OPEN:
        raise Refusal("conflict", "this payment is not open any more", "`p2pnode exchange show` says how it stands.")
    if not 0 < amount < duty.amount:
        raise Refusal("usage", "a part is less than the whole, and more than nothing", "To pay all leave --amount out.")
    if count >= MAX_INSTALMENTS:
        raise Refusal("refused", f"a price is paid in {MAX_INSTALMENTS} parts at most", "Pay the rest at once.")
    later = [d for d in old.duties if duty.id in (d.after, d.along)]
    if any(view.duties[d.id] is not DutyState.PENDING for d in later):
        raise Refusal("conflict", "what comes after this payment was done already", "Pay it at once.")
    first = replace(duty, id=f"{PAY}-{count}", amount=amount)
    rest = replace(first, id=f"{PAY}-{count + 1}", amount=duty.amount - amount, after=first.id, start=0)
    duties: list[Duty] = []
    for each in old.duties:
        if each == duty:
            duties += [first, rest]
        else:
            duties.append(replace(each, after=rest.id) if each.after == duty.id else each)
    return _following(old, replace(old, duties=tuple(duties), note=note), expires)


def ruling(view: Exchange, *, expires: int, award: Duty | None, refund: bool, note: str) -> Terms:
    """What a mediator decides: what is over stays, what is open or contested falls away, and perhaps an award is paid.

    What was paid through the ledger stays, whatever it came after. What else comes after, or along with, something that
    falls away does so, too; and a delivery that did not arrive falls away whole, with its parcel.
    refund: whether a deposit that is out goes back at once; else it stays with its owner.
    """
    old = view.terms
    arrived = all(view.duties[d.id] in OVER for d in old.duties if d.custody)
    kept: list[Duty] = []
    for duty in old.duties:  # `after` only ever points back
        after = _nearest(old, duty, {d.id for d in kept})
        stays = after == duty.after or view.payments.get(duty.id) is Payment.SETTLED
        if view.duties[duty.id] in OVER and stays and not duty.on and (arrived or not duty.custody):
            kept.append(replace(duty, after=after))
    names = {d.id for d in kept}
    kept = [d for d in kept if not d.along or d.along in names]
    back = old.duty(REFUND)
    if view.deposit_is_out and refund and back is not None and REFUND not in names:
        kept.append(replace(back, after=DEPOSIT, until=0, within=AWARD_WITHIN))
    paid = sum(d.amount for d in kept if part_of(d.id)[0] == PAY)
    amount = old.amount if paid == old.amount else 0  # what was paid of a price in part stands in its duties
    both = {DEPOSIT, REFUND} <= {d.id for d in kept}
    kept += [award] if award is not None else []
    carried = any(d.custody for d in kept)
    new = replace(
        old,
        duties=tuple(kept),
        amount=amount,
        unit=old.unit if amount else "",
        deposit=old.deposit if both else 0,
        parcel=old.parcel if carried else b"",
        recipient=old.recipient if carried else b"",
        door=old.door if carried else b"",
        cancellation=(),
        note=note,
    )
    return _following(old, new, expires)


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


def _following(old: Terms, new: Terms, expires: int) -> Terms:
    """The new terms as those that follow the old ones: with witnesses where there is something to be paid. `Refusal`
    if they do not hold together."""
    paid = any(d.amount for d in new.duties)
    witnesses, quorum = (old.witnesses, old.quorum) if paid else ((), 0)
    terms = replace(new, witnesses=witnesses, quorum=quorum, previous=terms_hash(old), expires=expires)
    try:
        return parse_terms(encode_terms(terms))
    except DecodeError as e:
        raise Refusal("usage", f"such terms do not hold together: {e.message}", "Agree on something else.") from e


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
            later = [d.what for d in old.duties if PAY in (d.after, d.along)]
            if later:
                raise Refusal(
                    "usage",
                    f"{later[0]}: that comes after the payment, and without one its turn would never come",
                    "Name a price; or who is to be paid does without: `p2pnode exchange waive --duty pay`.",
                )
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


def _nearest(terms: Terms, duty: Duty, names: AbstractSet[str]) -> str:
    """Of the duties that come before this one, the nearest that is among these; empty if none is."""
    before = duty.after
    while before and before not in names:
        before = next(d.after for d in terms.duties if d.id == before)
    return before


def _free(terms: Terms, name: str) -> str:
    """An id that no duty has: `adjust-1`, `adjust-2` and so on."""
    return next(word for k in range(1, 100) if terms.duty(word := f"{name}-{k}") is None)
