"""The witness's side of a settlement: a pure machine, one durable decision for each payer and deal, the first one.

    payee: PAY_ACCEPT (holds the PAY_PROPOSE)   ─▶  verdict, ask = weigh(stored, entry, me)
    payer: PAY_CANCELREQ (holds it too)         ─▶    ask: token = sign_token(...), verdict = decide(ask, token),
                                                           stored durably, then sent to payer and payee
                                                      verdict: its token is sent again

It knows nothing of the terms and asks nobody. What it must not do is decide twice. Whoever has lost its store cannot
know what it has decided; so the driver lets it weigh no proposal that it may have seen before (`weighable`).
"""

from typing import NamedTuple

import msgspec

from protocols.codec import decode_as, encode, plain
from protocols.errors import Ignore, Reject
from protocols.limits import MAX_SKEW

from .entry import Entry, encode_entry, settlement_of
from .halves import Keys, check_half, first_key, void_acceptance
from .tokens import Token


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a witness stores, under (network, payer, deal). token: the wire form of what it signed; began: when the
    proposal was signed, ms; acceptance: the PAY_ACCEPT that it saw, for a payer that the payee cannot reach, or empty.
    """

    network: bytes
    payer: bytes
    payee: bytes
    deal: bytes
    proposal: bytes
    token: bytes
    began: int = 0
    acceptance: bytes = b""


class Ask(NamedTuple):
    """Sign this decision with `tokens.sign_token`, store `decide(ask, token)` durably, then send the token to both."""

    network: bytes
    payer: bytes
    payee: bytes
    deal: bytes
    proposal: bytes
    decision: str
    began: int = 0
    acceptance: bytes = b""


def place(entry: Entry) -> tuple[bytes, bytes, bytes]:
    """(network, payer, deal) of a request: where its verdict is stored. `Reject` if it is no request."""
    said = settlement_of(entry)
    if said is None or entry.kind not in ("PAY_ACCEPT", "PAY_CANCELREQ"):
        raise Reject("field", "no request to a witness")
    payer = entry.author if entry.kind == "PAY_CANCELREQ" else said.counterparty
    return entry.network, payer, said.deal


def weigh(known: Verdict | None, entry: Entry, me: bytes, keys: Keys = first_key) -> Verdict | Ask:
    """What to do about a request whose signature has been verified. known: the verdict stored at `place(entry)`.

    Either what was decided, to be sent again, or the decision to sign and store. `Ignore`, `Reject`.
    """
    network, payer, deal = place(entry)
    said = settlement_of(entry)
    assert said is not None
    proposal = check_half(entry, said, keys)
    proposed = None if proposal is None else settlement_of(proposal)
    if proposal is None or proposed is None or proposal.kind != "PAY_PROPOSE":
        raise Reject("field", "a request without the proposal")
    if me not in proposed.witnesses:
        raise Ignore("context", "we are no witness of this deal")
    if known is not None:
        if (known.network, known.payer, known.deal) != (network, payer, deal):
            raise ValueError("the verdict of another deal")
        if known.proposal != proposal.id:
            raise Ignore("conflict", "the payer signed another proposal for this deal")
        return known
    if void_acceptance(entry):
        raise Reject("state", "an acceptance that came late")
    acceptance = encode_entry(entry) if entry.kind == "PAY_ACCEPT" else b""
    decision = "accept" if acceptance else "cancel"
    return Ask(network, payer, proposed.counterparty, deal, proposal.id, decision, proposal.at, acceptance)


def weighable(ask: Ask, at: int, floor: int) -> None:
    """`Ignore` a proposal that we may have decided on before, without knowing it now.

    at: our time, ms. floor: a proposal dated up to then may have come before our store was lost. What is dated ahead of
    our time is left until it is not: so nothing above a floor of (then + `MAX_SKEW`) has ever been decided.
    """
    if ask.began > at + MAX_SKEW:
        raise Ignore("age", "a proposal of the future")
    if ask.began <= floor:
        raise Ignore("state", "we may have decided on this before")


def decide(ask: Ask, token: Token) -> Verdict:
    """What to store before the token leaves."""
    if (token.network, token.deal, token.proposal, token.decision) != (
        ask.network,
        ask.deal,
        ask.proposal,
        ask.decision,
    ):
        raise ValueError("a token for something else than was asked")
    return Verdict(ask.network, ask.payer, ask.payee, ask.deal, ask.proposal, token.wire, ask.began, ask.acceptance)


def encode_verdict(verdict: Verdict) -> bytes:
    return encode(plain(verdict))


def decode_verdict(data: bytes) -> Verdict:
    """What `encode_verdict` wrote. `DecodeError` if it is damaged."""
    return decode_as(data, Verdict)
