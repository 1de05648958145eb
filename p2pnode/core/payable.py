"""Whether a payment that is proposed to us is one that was agreed, and its time has come."""

from ledger.entry import Entry
from ledger.payloads import Settlement
from ledger.settlement import Decision
from protocols.conditions import SECOND_FORM
from protocols.exchange import Exchange
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


def _taken(view: Exchange, duty: Duty) -> Decision:
    take = view.may_take(duty)
    return Decision.WAIT if take is None else Decision.ACCEPT if take else Decision.RELEASE
