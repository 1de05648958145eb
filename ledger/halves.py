"""The counterparty's signed half that an entry embeds, and the proof of a deal that follows from it.

PAY_ACCEPT embeds PAY_PROPOSE, PAY_COMPLETE embeds PAY_ACCEPT, PAY_RECEIPT embeds PAY_COMPLETE: so one entry proves the
whole deal to somebody who has seen neither chain. Each signature covers the hash of the payload that holds the half, so
the author of an entry also vouches for everything that is nested in it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from protocols.errors import DecodeError, Ignore, Reject
from protocols.identity import Verify, identify
from protocols.limits import MAX_HALF

from .balance import RULES
from .entry import DOMAIN, Entry, parse_entry, settlement_of, verify_entry
from .payloads import Settlement
from .tokens import Token, decided, parse_token, verify_token

Keys = Callable[[Entry | Token], bytes | None]
"""The key that may have signed this entry or token: None if its epoch is not known, or if a rotation ended it before
the entry's seq. A token has no seq: a key that has been replaced since may have signed it before that."""


class DealProof(NamedTuple):
    """What a PAY_COMPLETE proves: `payer` paid `payee` this amount (minor units) for this deal. at: the payer's time
    of completion, ms; accepted_at: the payee's time of acceptance, ms; terms: hash of the agreed terms, or empty.
    """

    network: bytes
    payer: bytes
    payee: bytes
    amount: int
    deal: bytes
    terms: bytes
    at: int
    accepted_at: int


class Known(Protocol):
    """What is stored of a payment, vouch or claim."""

    @property
    def network(self) -> bytes: ...
    @property
    def id(self) -> bytes: ...
    @property
    def counterparty(self) -> bytes: ...


def said_to_us(known: Known | None, entry: Entry, me: bytes) -> Settlement:
    """What a counterparty's entry says. known: what is stored under its deal id, if anything. `Ignore` what is not for
    us, or of somebody else; `Reject` an entry that withholds what it says."""
    said = settlement_of(entry)
    if said is None:
        raise Reject("field", f"{entry.kind} without its settlement payload")
    if said.counterparty != me or entry.author == me:
        raise Ignore("context", "not addressed to us")
    if known is not None and (known.id, known.counterparty, known.network) != (said.deal, entry.author, entry.network):
        raise Ignore("context", "not of this deal, or somebody else's")
    return said


def first_key(signed: Entry | Token) -> bytes | None:
    """Knows no rotation: the inception's key at epoch 0. Who knows rotations passes a `Keys` that asks them first."""
    return identify(signed.inception)[1] if signed.epoch == 0 else None


def verify_with(entry: Entry, keys: Keys) -> None:
    """`Reject` unless the author signed with the key that `keys` names."""
    key = keys(entry)
    if key is None:
        raise _unknown_key()
    verify_entry(entry, key)


def verify_claims(entries: Sequence[Entry], keys: Keys, verify: Verify) -> list[Reject | None]:
    """`verify_with` for many: what is wrong with each signature, or None."""
    named = [keys(entry) for entry in entries]
    verdicts = iter(verify([(e, DOMAIN, key) for e, key in zip(entries, named, strict=True) if key is not None]))
    return [next(verdicts) if key is not None else _unknown_key() for key in named]


def _unknown_key() -> Reject:
    return Reject("context", "the key of this epoch is not known, or was replaced before this entry")


def half_of(entry: Entry, settlement: Settlement) -> Entry | None:
    """The embedded entry, its place and figures checked, no signature. None if this kind embeds none. `Reject`.

    The same is checked of the entry in the half, and so on, down to the PAY_PROPOSE or VOUCH.
    """
    rule = RULES.get(entry.kind)
    if rule is not None:
        _check_claim(entry, settlement)
    if rule is None or rule.after is None:
        return None  # the half of a statement is not an entry, and is checked by who knows the exchange
    if settlement.counterparty == entry.author:
        raise Reject("state", f"{entry.kind} with oneself")
    _check_witnesses(entry, settlement)
    own = bool(rule.own) and (bool(settlement.tokens) or not rule.embeds)
    kinds = rule.own if own else rule.embeds
    if not kinds:
        if settlement.half:
            raise Reject("field", f"{entry.kind} embeds nothing")
        return None
    if len(settlement.half) > MAX_HALF:
        raise Reject("size", "the half is too long")
    half = parse_entry(settlement.half)
    said = settlement_of(half)
    if said is None or half.private is not None:
        raise DecodeError("a half has its settlement payload and no private one", "field")
    if half.kind not in kinds:
        raise Reject("state", f"{entry.kind} cannot embed {half.kind}")
    if (
        half.network != entry.network
        or half.author != (entry.author if own else settlement.counterparty)
        or said.counterparty != (settlement.counterparty if own else entry.author)
        or (said.amount < settlement.amount if rule.part else said.amount != settlement.amount)
        or said.deal != settlement.deal
        or said.terms != settlement.terms
        or said.unit != settlement.unit
    ):
        raise Reject("context", f"the {half.kind} is of another deal than the {entry.kind}")
    if not half.within_limit:
        raise Reject("state", f"the {half.kind} overdraws its author's limit")
    inner = half_of(half, said)
    if entry.kind == "PAY_CANCELREQ" and not said.witnesses:
        raise Reject("state", "PAY_CANCELREQ without witnesses to ask")
    if half.kind == "PAY_ACCEPT" and inner is not None and is_void(half, inner) != (entry.kind == "PAY_CANCEL"):
        raise Reject(
            "state", f"{entry.kind} over an acceptance that {'came' if is_void(half, inner) else 'is not'} late"
        )
    return half


def check_half(entry: Entry, settlement: Settlement, keys: Keys = first_key) -> Entry | None:
    """`half_of`, with the counterparty's signature verified."""
    half = half_of(entry, settlement)
    if half is not None:
        verify_with(half, keys)
    if settlement.tokens:
        check_tokens(entry, settlement, keys)
    return half


def nested(entry: Entry) -> Iterator[Entry]:
    """An entry of a deal, the one in its half, and so on down to the PAY_PROPOSE or VOUCH."""
    inner: Entry | None = entry
    while inner is not None:
        yield inner
        said = settlement_of(inner)
        inner = parse_entry(said.half) if said is not None and said.half else None


def proposal_of(entry: Entry) -> Entry:
    """The PAY_PROPOSE at the bottom of an entry of a payment."""
    return list(nested(entry))[-1]


def check_tokens(entry: Entry, settlement: Settlement, keys: Keys = first_key) -> None:
    """`Reject` unless a quorum of the witnesses that the proposal names signed that this deal is cancelled."""
    tokens = [parse_token(wire) for wire in settlement.tokens]
    for token in tokens:
        verify_token(token, keys(token))
    proposal = proposal_of(entry)
    said = settlement_of(proposal)
    if said is None or not decided(tokens, proposal, said, "cancel"):
        raise Reject("state", "PAY_CANCEL without a quorum of the witnesses")


def _check_witnesses(entry: Entry, settlement: Settlement) -> None:
    if settlement.witnesses and entry.kind != "PAY_PROPOSE":
        raise Reject("field", f"{entry.kind} names no witnesses")
    if settlement.tokens and entry.kind != "PAY_CANCEL":
        raise Reject("field", f"{entry.kind} holds no tokens")
    if {entry.author, settlement.counterparty} & set(settlement.witnesses):
        raise Reject("state", "a party cannot be witness of its own deal")


def _check_claim(entry: Entry, settlement: Settlement) -> None:
    if bool(settlement.unit) != entry.kind.startswith("CLAIM"):
        raise Reject("field", f"{entry.kind} {'with' if settlement.unit else 'without'} a unit")
    if settlement.note and entry.kind not in ("CLAIM", "CLAIM_ASK"):
        raise Reject("field", f"{entry.kind} holds no note")


def is_void(acceptance: Entry, proposal: Entry) -> bool:
    """Whether a PAY_ACCEPT came after the expiry of its PAY_PROPOSE: then it counts as a PAY_RELEASE."""
    said = settlement_of(proposal)
    return said is not None and 0 < said.expiry < acceptance.at


def void_acceptance(entry: Entry) -> bool:
    """`is_void` of a PAY_ACCEPT and the proposal that it embeds; False for every other kind."""
    said = settlement_of(entry)
    if entry.kind != "PAY_ACCEPT" or said is None:
        return False
    return is_void(entry, parse_entry(said.half))


def proof_of_deal(entry: Entry, keys: Keys = first_key) -> DealProof:
    """What a PAY_COMPLETE, or the PAY_RECEIPT around it, proves to anybody. `Reject` unless every signature and
    every figure in it is right. It does not show that the payer's chain is sound: for that, audit the chain.
    """
    if entry.kind not in ("PAY_COMPLETE", "PAY_RECEIPT"):
        raise Reject("state", f"{entry.kind} does not prove a deal")
    verify_with(entry, keys)
    found = {entry.kind: entry}
    outer: Entry | None = entry
    while outer is not None:
        said = settlement_of(outer)
        if said is None:
            raise Reject("context", "the settlement payload is missing")
        outer = check_half(outer, said, keys)
        if outer is not None:
            found[outer.kind] = outer
    complete = found["PAY_COMPLETE"]
    terms = settlement_of(complete)
    assert terms is not None
    return DealProof(
        complete.network,
        complete.author,
        terms.counterparty,
        terms.amount,
        terms.deal,
        terms.terms,
        complete.at,
        found["PAY_ACCEPT"].at,
    )
