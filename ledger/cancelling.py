"""A payer that waits in vain: asking the witnesses whom the proposal names, and what their tokens do on both sides.

    payer, after the expiry                            each witness
    ask = request_cancel(deal, at)
    extend, written            PAY_CANCELREQ        ─▶ its first durable decision, see ledger/witnessing.py
    deal, todo = heard(deal, token)              token, to payer and payee
      todo == (Append PAY_CANCEL,)                     a quorum cancelled: the hold is free
      todo == (Append PAY_COMPLETE,)                   a quorum saw the acceptance, and so did we

From PAY_CANCELREQ on an acceptance alone does not let the payer complete: the witnesses may have cancelled already. The
payee sends its PAY_ACCEPT to the witnesses, too, and may call the deal settled when a quorum has signed.

A PAY_CANCEL by tokens tells a payee that was away what was decided (`called_off`). It signs nothing for that.
"""

import msgspec

from protocols.errors import Ignore, Refusal, Reject

from .entry import Entry, encode_entry, parse_entry, settlement_of
from .halves import Keys, check_half, first_key, proposal_of
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


def called_off(known: Deal | None, entry: Entry, me: bytes, keys: Keys = first_key) -> Deal:
    """The payee's deal after a PAY_CANCEL of the payer's, its signature verified, that holds what witnesses signed.

    known: None if it never saw the proposal; whether that was agreed is then for the driver to say. The deal that is
    returned then has no entry of ours, and the PAY_CANCEL as theirs. `Ignore`, `Reject`.
    """
    said = settlement_of(entry)
    if said is None or entry.kind != "PAY_CANCEL":
        raise Reject("field", "not a PAY_CANCEL with its settlement payload")
    if said.counterparty != me or entry.author == me or not said.tokens:
        raise Ignore("context", "nothing that a payee has to know")
    if known is not None and (known.payer, known.id, known.counterparty, known.network) != (
        False,
        said.deal,
        entry.author,
        entry.network,
    ):
        raise Ignore("context", "not of this deal, or somebody else's")
    check_half(entry, said, keys)
    proposed = settlement_of(proposal_of(entry))
    assert proposed is not None
    if known is None:
        return Deal(
            entry.network,
            said.deal,
            me,
            entry.author,
            False,
            said.amount,
            proposed.expiry,
            said.terms,
            State.CANCELLED,
            b"",
            encode_entry(entry),
            proposed.witnesses,
            proposed.quorum,
            said.tokens,
        )
    for wire in said.tokens:
        try:
            known, _ = heard(known, parse_token(wire))
        except Ignore:
            continue
    return known
