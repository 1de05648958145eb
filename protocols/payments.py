"""Which duties of an exchange are payments, in which steps a price can be paid, and how ledgers name each payment.

A payment is the duty `pay`; or its instalments `pay-1` … `pay-n`, each after the step of work or goods that it pays
for, so that whoever stops owes one step at most; or, where terms have a deposit, the duties `deposit` and `refund`.
"""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from protocols.conditions import SECOND_FORM
from protocols.errors import DecodeError, Refusal
from protocols.identity import digest
from protocols.limits import MAX_INSTALMENTS

if TYPE_CHECKING:
    from protocols.terms import Duty, Terms

PAY: Final = "pay"
DEPOSIT: Final = "deposit"
REFUND: Final = "refund"
LEG: Final = "leg"  # `leg-1` and so on: what one side of a barter gives
CORRECTION: Final = "adjust"  # `adjust-1` and so on: the difference to a price that was paid
_DOMAIN: Final = b"p2pnode/v1/payment\0"
_CLAIM: Final = b"p2pnode/v1/claim\0"
_PART = re.compile(r"\A([a-z]+)-([1-9][0-9]?)\Z")
_TEXT = 60  # characters of what is said of one step: twelve of them must fit into one fact


class Payment(StrEnum):
    """How far a payment in network credit has come; `none` where nothing is paid through the ledger."""

    NONE = "none"
    PENDING = "pending"
    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    RELEASED = "released"


UNDER_WAY: Final = (Payment.PROPOSED, Payment.ACCEPTED)


def in_one_word(payments: Iterable[Payment]) -> Payment:
    """How far several payments are as a whole: under way if one is; settled if all are."""
    states = list(payments)
    for state in (*UNDER_WAY, Payment.RELEASED, Payment.PENDING, Payment.SETTLED):
        if state in states:
            return state
    return Payment.NONE


def deal_of(exchange: bytes, duty: str) -> bytes:
    """Id of the settlement of a payment: the exchange's own for `pay`, else H(domain ‖ exchange ‖ duty)."""
    return exchange if duty == PAY else digest(_DOMAIN + exchange + duty.encode())


def claim_of(exchange: bytes, duty: str, attempt: int) -> bytes:
    """Id of the private claim that its debtor offers in place of a payment: H(domain ‖ exchange ‖ attempt ‖ duty).
    attempt: 0 … MAX_CLAIMS_OF_PAYMENT − 1, how many were offered before."""
    return digest(_CLAIM + exchange + bytes([attempt]) + duty.encode())


def part_of(duty: str) -> tuple[str, int]:
    """What a step is a part of, and the how manieth it is: ("pay", 2) of `pay-2`; 0 where it is the whole."""
    match = _PART.match(duty)
    return (match[1], int(match[2])) if match else (duty, 0)


def shares(amount: int, parts: int) -> tuple[int, ...]:
    """An amount in parts that differ by one minor unit at most, the larger ones first."""
    least, larger = divmod(amount, parts)
    return (least + 1,) * larger + (least,) * (parts - larger)


def payments(terms: "Terms") -> tuple["Duty", ...]:
    """The payments of terms that hold together, in their order. In form 1 nothing but `pay` where there is a `pay`, no
    price or no deposit: other duties may bear these names. In form 2 whatever transfers an amount is a payment."""
    if terms.form == SECOND_FORM:
        return tuple(d for d in terms.duties if d.amount and d.action == "transfer")
    names = set()
    if terms.duty(PAY) is not None:
        names.add(PAY)
    elif terms.amount:
        names |= {d.id for d in terms.duties if part_of(d.id)[0] == PAY}
    if terms.deposit:
        names |= {DEPOSIT, REFUND}
    return tuple(d for d in terms.duties if d.id in names)


def check_payments(terms: "Terms") -> None:
    """`DecodeError` unless price and duties to pay go together, and so do deposit and refund."""
    whole = terms.duty(PAY)
    if bool(terms.amount) != bool(terms.unit):
        raise DecodeError("an amount and its unit go together", "field")
    if whole is not None and terms.amount == 0:
        raise DecodeError("a price and a duty to pay go together", "field")
    if whole is not None and (whole.amount, whole.unit) != (terms.amount, terms.unit):
        raise DecodeError("the duty to pay is not the price", "field")
    if whole is None and terms.amount:
        _check_instalments(terms)
    if terms.deposit:
        _check_deposit(terms)


def _check_instalments(terms: "Terms") -> None:
    parts = [d for d in terms.duties if d.id.startswith(f"{PAY}-")]
    if not 2 <= len(parts) <= MAX_INSTALMENTS or [d.id for d in parts] != [
        f"{PAY}-{k}" for k in range(1, len(parts) + 1)
    ]:
        raise DecodeError("a price and a duty to pay go together", "field")
    if any((d.action, d.unit, d.provider) != ("transfer", terms.unit, parts[0].provider) for d in parts):
        raise DecodeError("instalments are transfers of one unit by one party", "field")
    if sum(d.amount for d in parts) != terms.amount:
        raise DecodeError("the instalments are not the price", "field")
    for before, part in pairwise(parts):
        if before not in _chain(terms, part):
            raise DecodeError(f"{part.id} does not come after {before.id}", "field")


def _check_deposit(terms: "Terms") -> None:
    deposit, refund = terms.duty(DEPOSIT), terms.duty(REFUND)
    if deposit is None or refund is None or deposit not in _chain(terms, refund):
        raise DecodeError("a deposit and, after it, its refund go together", "field")
    for duty in (deposit, refund):
        if (duty.action, duty.amount, duty.unit) != ("transfer", terms.deposit, deposit.unit) or not duty.unit:
            raise DecodeError(f"duty {duty.id}: not the deposit", "field")
    if deposit.provider == refund.provider:
        raise DecodeError("the deposit does not come back", "field")


def _chain(terms: "Terms", duty: "Duty") -> list["Duty"]:
    """The duties that must come before a duty, the nearest first. `after` only ever points back."""
    found = []
    before = terms.duty(duty.after)
    while before is not None:
        found.append(before)
        before = terms.duty(before.after)
    return found


def in_instalments(duties: Sequence["Duty"], parts: int) -> tuple["Duty", ...]:
    """One piece of work or goods and its price in alternating steps, the giver's first. `Refusal` for anything else."""
    price = next((d for d in duties if d.id == PAY), None)
    if price is None:
        raise Refusal(
            "usage",
            "there is no price to be paid in instalments",
            "Name one with --price, or leave --instalments at 1.",
        )
    if len(duties) != 2:
        raise Refusal(
            "usage",
            "only one piece of work or goods can go in steps with its price",
            "What is lent or delivered goes as a whole: see --deposit.",
        )
    if not 2 <= parts <= MAX_INSTALMENTS or price.amount < parts:
        most = min(MAX_INSTALMENTS, price.amount)
        fewer = "Leave out --instalments." if most < 2 else "2 can." if most == 2 else f"2 to {most} can."
        raise Refusal("usage", f"{parts} instalments cannot be made of this price", fewer)
    (given,) = (d for d in duties if d.id != PAY)
    replace = msgspec.structs.replace
    steps: list[Duty] = []
    for k, amount in enumerate(shares(price.amount, parts), 1):
        what = step_words(given.what, k, parts)
        steps.append(replace(given, id=f"{given.id}-{k}", what=what, after=steps[-1].id if steps else ""))
        paid = step_words("pay", k, parts)
        steps.append(replace(price, id=f"{PAY}-{k}", what=paid, amount=amount, after=steps[-1].id))
    return tuple(steps)


def step_words(what: str, k: int, parts: int) -> str:
    """What is said of the k-th step of so many."""
    ending = f", part {k} of {parts}"
    return what[: _TEXT - len(ending)] + ending


def with_deposit(duties: Sequence["Duty"], amount: int, unit: str, back_within: int = 0) -> tuple["Duty", ...]:
    """The duties of something lent, behind a deposit that is paid back after it is returned. `Refusal` for others.

    back_within: ms from the return to the refund's deadline; 0 for that of the return.
    """
    returned = next((d for d in duties if d.id == "return"), None)
    if returned is None:
        raise Refusal("usage", "a deposit is for what comes back: to rent or lend", "Leave out --deposit.")
    replace = msgspec.structs.replace
    deposit = replace(
        returned, id=DEPOSIT, action="transfer", what="pay the deposit", amount=amount, unit=unit, until=0, after=""
    )
    refund = replace(
        deposit,
        id=REFUND,
        what="pay the deposit back",
        provider=returned.receiver,
        receiver=returned.provider,
        within=back_within or returned.within,
        after=returned.id,
    )
    steps = [deposit]
    for duty in duties:
        steps.append(replace(duty, after=DEPOSIT) if returned.after in (duty.id, duty.along) else duty)
        if duty.id == returned.id:
            steps.append(refund)
    return tuple(steps)


def pays_as(terms: "Terms", duty: "Duty") -> bool:
    """Whether this payment stands in these terms: so much, by the same to the same, whatever it comes after."""
    same = terms.duty(duty.id)
    return same is not None and all(
        getattr(same, key) == getattr(duty, key) for key in ("action", "amount", "unit", "provider", "receiver", "on")
    )


def corrects(terms: "Terms", duty: "Duty") -> int:
    """By how much this payment changes what the price comes to, minor units; 0 if it is no correction."""
    price = terms.duty(PAY)
    if part_of(duty.id)[0] != CORRECTION or price is None:
        return 0
    return duty.amount if duty.provider == price.provider else -duty.amount


def price_in_all(terms: "Terms") -> int:
    """The price with all corrections of it, minor units."""
    return terms.amount + sum(corrects(terms, d) for d in terms.duties)


def instalments_of(terms: "Terms") -> int:
    """In how many steps these terms are paid: 1 for at once, 0 for no price."""
    return sum(part_of(d.id)[0] == PAY for d in payments(terms))
