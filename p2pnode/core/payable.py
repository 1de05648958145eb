"""Whether a payment that is proposed to us is as agreed, and its time has come; whether a claim may take its place."""

from ledger.entry import Entry
from ledger.payloads import Settlement
from ledger.settlement import Decision
from protocols.conditions import SECOND_FORM
from protocols.duties import OVER
from protocols.exchange import OPEN, Exchange, Status
from protocols.payments import DEPOSIT, REFUND, UNDER_WAY
from protocols.terms import Duty, terms_hash


def decide(view: Exchange, me: bytes, name: str | None, credit: str, entry: Entry, said: Settlement) -> Decision:
    """name: of the duty that the settlement is of, as far as we know; credit: the unit that ledgers settle.

    A payment waits as long as its agreement may still be under way: it is decided once for ever, so no stranger and no
    late message may cause a decision.
    """
    duty = next((d for d in view.terms.payments if d.id == name), None)
    if entry.author != view.counterparty(me) or (duty is not None and duty.provider != entry.author):
        return Decision.WAIT
    if not view.agreed:  # also if it was declined: an acceptance under way goes before that
        return Decision.WAIT
    under = [level.terms for level in view.agreements if terms_hash(level.terms) == said.terms]
    if view.terms.form == SECOND_FORM and not under:
        return Decision.WAIT  # an amendment, or the signature that makes it count, may still be under way
    agreed = (
        duty is not None
        and any(terms.duty(duty.id) == duty for terms in under)
        and (duty.amount, duty.unit) == (said.amount, credit)
        and (said.witnesses, said.quorum) == (view.terms.witnesses, view.terms.quorum)
    )
    return _taken(view, duty) if agreed and duty is not None else Decision.RELEASE


def why_not_claimed(view: Exchange, duty: Duty | None) -> tuple[str, str] | None:
    """Why a private claim cannot stand in the place of a payment, and what to do; None where it can. Debtor and
    creditor look alike: the one before he offers it, the other before he signs."""
    if duty is None or duty not in view.terms.payments:
        return "what was agreed has no such payment any more", "Decline the claim, and agree on another one."
    if duty.on or duty.id in (DEPOSIT, REFUND):
        return "a deposit or a fee is paid, not owed", "Pay it as agreed."
    if not view.agreed or view.called_off or view.status not in OPEN | {Status.DEFAULTED}:
        return f"this exchange is {'called off' if view.called_off else view.status}", "Nothing is to be paid in it."
    if view.waits_for_go:
        return "nothing is owed yet: its goal is not reached", "Wait for the word of its organiser."
    if view.duties[duty.id] in OVER:
        return "this is paid already, or done without", "Decline the claim."
    if view.amendment is not None:  # it could be owed anew by other terms, beside the claim
        return "other terms wait for an answer", "Accept them, decline them or take them back first."
    if view.payments.get(duty.id) in UNDER_WAY:
        return "the payment is under way", "Wait until it is settled, or called off."
    if duty.id in view.payments and view.terms.form != SECOND_FORM:
        return (
            f"the plain form of terms knows no other means for a price in {duty.unit} than the ledgers",
            "Cancel together, and agree on a price in what is owed, or on the full form: --form full",
        )
    return None


def word_for_claim(view: Exchange, duty: Duty) -> str:
    """What the creditor says of a payment that he takes a claim for: it has come, or he does without the credit."""
    return "waive" if duty.id in view.payments else "confirm"


def _taken(view: Exchange, duty: Duty) -> Decision:
    take = view.may_take(duty)
    return Decision.WAIT if take is None else Decision.ACCEPT if take else Decision.RELEASE
