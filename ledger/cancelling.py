"""A payer that waits in vain: asking the witnesses whom the proposal names, and what their tokens do on both sides.

    payer, after the expiry                            each witness
    ask = request_cancel(deal, at)
    extend, written            PAY_CANCELREQ        ─▶ its first durable decision, see ledger/witnessing.py
    deal, todo = heard(deal, token)              token, to payer and payee
      todo == (Append PAY_CANCEL,)                     a quorum cancelled: the hold is free
      todo == (Append PAY_COMPLETE,)                   a quorum saw the acceptance, and so did we

From PAY_CANCELREQ on an acceptance alone does not let the payer complete: the witnesses may have cancelled already. The
payee sends its PAY_ACCEPT to the witnesses, too, and may call the deal settled when a quorum has signed.
"""

import msgspec

from protocols.errors import Ignore, Refusal

from .entry import parse_entry, settlement_of
from .halves import proposal_of
from .settlement import Action, Append, Deal, State, answer_of, weighed
from .tokens import Token, about, parse_token


def request_cancel(known: Deal | None, at: int) -> Append:
    """The payer asks the witnesses to cancel: only where there are any, and only after the expiry. `Refusal`."""
    if known is None or not known.payer or known.state != State.PROPOSED:
        raise Refusal("conflict", f"this payment is {known.state if known else 'not proposed'} and cannot be cancelled")
    if not known.witnesses:
        raise Refusal("refused", "only the payee can release this payment: its terms name no witnesses")
    if not 0 < known.expiry < at:
        raise Refusal("refused", "the payee still has time to accept", "Ask again after the expiry.")
    return Append("PAY_CANCELREQ", answer_of(known, known.mine))


def heard(known: Deal, token: Token) -> tuple[Deal, tuple[Action, ...]]:
    """What to do about a witness's token, its signature verified. Store the deal also where there is no action."""
    if token.network != known.network or token.deal != known.id or known.closed:
        raise Ignore("state", "a token of no use here and now")
    proposal = proposal_of(parse_entry(known.mine))
    proposed = settlement_of(proposal)
    if proposed is None or not about(token, proposal, proposed):
        raise Ignore("context", "a token of another proposal, or of nobody whom it names")
    before = [parse_token(t) for t in known.tokens]
    if any((t.witness, t.decision) == (token.witness, token.decision) for t in before):
        raise Ignore("state", "known already")
    deal = msgspec.structs.replace(known, tokens=(*known.tokens, token.wire))
    return weighed(deal)
