"""Payments by a private claim, as honest people offer, take and decline them; and that nothing is paid twice by it."""

from collections.abc import Callable, Iterator
from functools import partial

from ledger import claims as machine
from ledger.claims import Claim, ClaimState
from p2pnode.core.held import agreement
from p2pnode.core.payable import why_not_claimed, word_for_claim
from p2pnode.core.paying import choose
from protocols.amending import in_parts
from protocols.conditions import SECOND_FORM
from protocols.duties import OVER
from protocols.errors import DecodeError, Refusal
from protocols.exchange import Exchange
from protocols.limits import DAY, MAX_CLAIMS_OF_PAYMENT
from protocols.payments import PAY, claim_of, deal_of, instalments_of, part_of
from protocols.steps import parse_step
from protocols.terms import Duty, Terms, encode_terms
from tests.model.trading import Person, World

Act = tuple[str, Callable[[], object]]
SIGNED = (ClaimState.OPEN, ClaimState.CLOSED)


def claims_of(by: Person, view: Exchange, duty: Duty) -> list[Claim]:
    ids = [claim_of(view.id, duty.id, k) for k in range(MAX_CLAIMS_OF_PAYMENT)]
    return [by.claims[i] for i in ids if i in by.claims]


def standing(by: Person, view: Exchange, duty: Duty) -> Claim | None:
    """The claim that was offered for this payment and may pay it, or has."""
    return next((c for c in claims_of(by, view, duty) if c.state is not ClaimState.DECLINED), None)


def offers(world: World, by: Person, view: Exchange) -> list[Act]:
    """Of the payer: to owe something instead."""
    try:
        duty = choose(view, by.me, None)
    except Refusal:
        return []
    if why_not_claimed(view, duty) is not None or standing(by, view, duty) is not None:
        return []
    attempt = len(claims_of(by, view, duty))
    if attempt >= MAX_CLAIMS_OF_PAYMENT:
        return []
    ask = machine.propose(
        id=claim_of(view.id, duty.id, attempt), counterparty=duty.receiver, amount=500, unit="loaves", debtor=True,
        exchange=view.id,
    )  # fmt: skip
    return [("offer", partial(world.write_claim, by, None, ask))]


def answers(world: World, by: Person, view: Exchange) -> list[Act]:
    """Of the payee: to take it, with the word that it pays, or to decline it."""
    found: list[Act] = []
    for duty in view.terms.payments if view.agreed else ():
        for claim in claims_of(by, view, duty):
            if claim.state is not ClaimState.ASKED or duty.receiver != by.me:
                continue
            if why_not_claimed(view, duty) is None:
                found.append(("take", partial(_take, world, by, view, duty, claim)))
            found.append(("refuse", partial(world.decline_claim, by, claim)))
    return found


def _take(world: World, by: Person, view: Exchange, duty: Duty, claim: Claim) -> None:
    world.write_claim(by, claim, machine.accept(claim))
    world.step(by, view, word_for_claim(view, duty), duty=duty.id, text=f"claim {claim.id.hex()[:8]}")


def splits(world: World, by: Person, view: Exchange) -> list[Act]:
    """Of the payer: to pay a part now and the rest later, if the other one agrees."""
    if view.terms.form != SECOND_FORM or view.amendment is not None or view.waits_for_go:
        return []
    duty = view.terms.duty(PAY) or view.terms.duty(f"{PAY}-{instalments_of(view.terms)}")
    if duty is None or duty.provider != by.me:
        return []
    try:
        terms = in_parts(view, duty, max(1, duty.amount // 3), expires=world.now + 10 * DAY)
        payload = encode_terms(terms)
    except (Refusal, DecodeError):
        return []
    return [] if bound_by_claim(by, view, terms) else [("split", partial(_propose, world, by, view, payload))]


def _propose(world: World, by: Person, view: Exchange, payload: bytes) -> None:
    world.say(by, view.id, "amend", agreement(view), payload)


def changing(by: Person, view: Exchange, payment: Duty) -> bool:
    """Whether his own proposal to change a payment waits for an answer."""
    return (
        view.amendment is not None
        and view.amendment[0].author == by.me
        and view.amendment[1].duty(payment.id) != payment
    )


def paid_over(world: World) -> Iterator[str]:
    """Of an honest payer: all parts of a price together are no more than the price, or its highest where it changed."""
    for payer in world.people:
        for exchange, facts in payer.facts.items() if payer.honest else ():
            if exchange not in facts:
                continue
            view = payer.view(exchange, world.now)
            levels = [level.terms for level in view.agreements]
            names = {d.id for t in levels for d in t.payments if d.provider == payer.me and part_of(d.id)[0] == PAY}
            deals = [payer.deals[deal] for deal in {deal_of(exchange, name) for name in names} & {*payer.deals}]
            if sum(d.amount for d in deals if d.payer and d.settled) > max((t.amount for t in levels), default=0):
                yield "more was paid than the price"


def bound_by_claim(by: Person, view: Exchange, terms: Terms) -> bool:
    """Whether other terms would change a payment that a claim pays, or may pay."""
    changed = [d for d in view.terms.payments if terms.duty(d.id) != d]
    return any(c.state in (ClaimState.OFFERED, *SIGNED) for d in changed for c in claims_of(by, view, d))


def paid_twice(world: World, at_last: bool) -> Iterator[str]:
    """Of two who are honest: what a claim pays is paid by nothing else, and is not owed any more."""
    for debtor in world.people:
        for claim in debtor.claims.values():
            creditor = world.by_author[claim.counterparty]
            states = [p.claims[claim.id].state for p in (debtor, creditor) if claim.id in p.claims]
            if not claim.debtor or not {*states} & {*SIGNED} or not (debtor.honest and creditor.honest):
                continue
            view = creditor.view(claim.exchange, world.now)
            names = {d.id for level in view.agreements for d in level.terms.payments}
            ids = {claim_of(view.id, name, k): name for name in names for k in range(MAX_CLAIMS_OF_PAYMENT)}
            name = ids[claim.id]
            deal = debtor.deals.get(deal_of(view.id, name))
            if deal is not None and deal.settled:
                yield f"{name} is paid, and owed by a claim"
            said = [f for f in creditor.facts[view.id].values() if f.kind in ("confirm", "waive")]
            words = [f for f in said if f.author == creditor.me and parse_step(f).duty == name]
            if len(words) != 1:
                yield f"{name}: {len(words)} words that it is paid, and a claim"
            if at_last and view.duties.get(name) not in OVER:
                yield f"{name} is {view.duties.get(name)}, and owed by a claim"
