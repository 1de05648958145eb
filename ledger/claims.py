"""What one neighbour owes another in any unit, beside the network's credit: a pure machine of one private claim.

    debtor                                             creditor
    ask = propose(None, ..., debtor=True)
    extend, written       CLAIM ("I owe you")       ─▶ receive: asked; told to the user, and acknowledged
    receive: open                CLAIM_ACCEPT       ◀─ ask = accept(claim) on a command, extend, written; or decline
                                 CLAIM_PAID         ◀─ ask = settle(claim, amount) on a command: all, or a part
    receive -> Append CLAIM_CLOSED
    extend, written       CLAIM_CLOSED              ─▶ receive: open, or closed

The creditor may begin as well, with CLAIM_ASK ("you owe me"). It moves nothing in balance, hold and limit, and counts
only when the other side's user has accepted. Only the creditor's signature discharges it. `outstanding` is sent until
it is acknowledged (the first entry of each side) or answered (CLAIM_PAID), one entry at a time.
"""

from enum import StrEnum

import msgspec

from protocols.codec import decode_as, encode, plain
from protocols.decimals import OTHER_DECIMALS, format_amount
from protocols.errors import Ignore, Refusal, Reject

from .entry import Entry, encode_entry, parse_entry, settlement_of
from .halves import half_of, said_to_us
from .lending import MAX_PARTS
from .payloads import Settlement
from .settlement import Append, Send

_SHOWN = "`p2pnode claim list` shows how each claim stands."
MAX_UNANSWERED = 8  # payments of one claim that the debtor has not answered


class ClaimState(StrEnum):
    OFFERED = "offered"  # we proposed it
    ASKED = "asked"  # the other side proposed it; our user decides
    OPEN = "open"  # both signed
    CLOSED = "closed"  # discharged
    DECLINED = "declined"


_NOT_ASKED = {
    ClaimState.OFFERED: "you proposed this claim: the other side accepts or declines it",
    ClaimState.OPEN: "both have signed this claim already",
    ClaimState.CLOSED: "this claim is paid",
    ClaimState.DECLINED: "this claim was declined",
}
_NOT_OPEN = {
    ClaimState.OFFERED: "the other side has not accepted this claim yet",
    ClaimState.ASKED: "you have not accepted this claim yet",
    ClaimState.CLOSED: "this claim is paid",
    ClaimState.DECLINED: "this claim was declined",
}


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One side's view of one claim, as it is stored. id: 32 bytes; debtor: whether we owe; amount, paid: hundredths of
    the unit; at: when it was proposed, by the proposer's word, ms; exchange: 32 bytes or empty.

    mine: my CLAIM, CLAIM_ASK or CLAIM_ACCEPT, empty before I have signed; theirs: the proposal of the other side, or
    empty; parts: how many payments; told: whether the other side has `mine` on disk; answer: my newest CLAIM_CLOSED;
    payments: my CLAIM_PAIDs that are not answered, the oldest first.
    """

    network: bytes
    id: bytes
    me: bytes
    counterparty: bytes
    debtor: bool
    amount: int
    unit: str
    state: ClaimState
    at: int
    mine: bytes = b""
    theirs: bytes = b""
    note: str = ""
    exchange: bytes = b""
    paid: int = 0
    parts: int = 0
    told: bool = False
    answer: bytes = b""
    payments: tuple[bytes, ...] = ()

    @property
    def left(self) -> int:
        return self.amount - self.paid


def propose(
    *, id: bytes, counterparty: bytes, amount: int, unit: str, debtor: bool, note: str = "", exchange: bytes = b""
) -> Append:
    """The first step of either side. amount: hundredths of the unit."""
    if amount <= 0:
        raise Refusal("usage", "a claim needs an amount above zero", "Such as: p2pnode claim Ben 3.50 EUR")
    kind = "CLAIM" if debtor else "CLAIM_ASK"
    return Append(kind, Settlement(counterparty, amount, id, 0, exchange, unit=unit, note=note))


def accept(known: Claim) -> Append:
    """Our user agrees that it is owed."""
    if known.state != ClaimState.ASKED:
        raise Refusal("conflict", _NOT_ASKED[known.state], _SHOWN)
    said = Settlement(known.counterparty, known.amount, known.id, 0, known.exchange, known.theirs, unit=known.unit)
    return Append("CLAIM_ACCEPT", said)


def decline(known: Claim) -> Claim:
    """Our user does not agree. Nothing is signed."""
    if known.state != ClaimState.ASKED:
        raise Refusal("conflict", _NOT_ASKED[known.state], _SHOWN)
    return msgspec.structs.replace(known, state=ClaimState.DECLINED)


def declined(known: Claim) -> Claim:
    """The other side's user does not agree."""
    if known.state != ClaimState.OFFERED:
        raise Ignore("state", f"a claim that is {known.state}")
    return msgspec.structs.replace(known, state=ClaimState.DECLINED, told=True)


def settle(known: Claim, amount: int | None = None) -> Append:
    """The creditor says that so much was paid, or all that is left."""
    if known.debtor:
        raise Refusal("refused", "you owe this; who is owed says that it was paid", "They type p2pnode claim settle.")
    if known.state != ClaimState.OPEN:
        raise Refusal("conflict", _NOT_OPEN[known.state], _SHOWN)
    amount = known.left if amount is None else amount
    if not 0 < amount <= known.left:
        left = format_amount(known.left, OTHER_DECIMALS)
        raise Refusal("usage", f"{left} {known.unit} of this claim is left", "Give an amount above zero, up to that.")
    if known.parts >= MAX_PARTS and amount < known.left:
        raise Refusal("refused", f"this claim was paid in {MAX_PARTS} parts", "Settle all that is left.")
    if len(known.payments) >= MAX_UNANSWERED:
        raise Refusal("refused", f"{MAX_UNANSWERED} payments of this claim wait for an answer", "Wait for it.")
    return Append("CLAIM_PAID", Settlement(known.counterparty, amount, known.id, 0, known.exchange, unit=known.unit))


def receive(known: Claim | None, entry: Entry, me: bytes) -> tuple[Claim, tuple[Append | Send, ...]]:
    """What to do about the other side's verified entry: the claim to store, and at most one action."""
    said = said_to_us(known, entry, me)
    half_of(entry, said)
    if said.amount <= 0:
        raise Reject("field", "a claim without an amount")
    state = None if known is None else known.state
    match entry.kind:
        case "CLAIM" | "CLAIM_ASK" if known is None:
            return _asked(entry, said), ()
        case "CLAIM" | "CLAIM_ASK" if known is not None and known.theirs == encode_entry(entry):
            return known, (Send(known.counterparty, known.mine),) if known.mine else ()
        case "CLAIM_ACCEPT" if known is not None and not known.theirs:
            if said.half != known.mine:
                raise Reject("context", "CLAIM_ACCEPT does not embed what we sent")
            if state in (ClaimState.OFFERED, ClaimState.DECLINED):
                known = msgspec.structs.replace(known, state=ClaimState.OPEN, told=True)
            return known, ()
        case "CLAIM_PAID" if known is not None and known.debtor and state in (ClaimState.OPEN, ClaimState.CLOSED):
            return _paid(known, entry, said)
        case "CLAIM_CLOSED" if known is not None and not known.debtor and said.half in known.payments:
            place = known.payments.index(said.half)
            return msgspec.structs.replace(known, payments=known.payments[place + 1 :]), ()
    raise Ignore("state", f"{entry.kind} in a claim that is {state or 'not known'}")


def told(known: Claim, id: bytes) -> Claim:
    """The other side has our first entry, with this id, on disk."""
    if known.mine and parse_entry(known.mine).id == id:
        return msgspec.structs.replace(known, told=True)
    return known


def written(known: Claim | None, entry: Entry) -> tuple[Claim, tuple[Send, ...]]:
    """The claim after our own entry was appended, and what to send once everything is durable. A fold over our own
    entries rebuilds a claim but for what only the other side signed."""
    said = settlement_of(entry)
    if said is None or ((known is None) != (entry.kind in ("CLAIM", "CLAIM_ASK")) and entry.kind != "CLAIM_ACCEPT"):
        raise ValueError(f"{entry.kind} is no step of a claim that is {known and known.state}")
    mine = encode_entry(entry)
    match entry.kind:
        case "CLAIM" | "CLAIM_ASK":
            claim = _of(entry, said, said.counterparty, entry.kind == "CLAIM", ClaimState.OFFERED)
            claim = msgspec.structs.replace(claim, mine=mine)
        case "CLAIM_ACCEPT":
            theirs = parse_entry(said.half)
            proposed = settlement_of(theirs)
            if proposed is None or (known is not None and known.state != ClaimState.ASKED):
                raise ValueError(f"CLAIM_ACCEPT in a claim that is {known and known.state}")
            claim = _of(theirs, proposed, theirs.author, theirs.kind == "CLAIM_ASK", ClaimState.OPEN)
            claim = msgspec.structs.replace(claim, me=entry.author, mine=mine, theirs=said.half)
        case "CLAIM_PAID" | "CLAIM_CLOSED" if known is not None and known.debtor == (entry.kind == "CLAIM_CLOSED"):
            paid = known.paid + said.amount
            if paid > known.amount or known.state not in (ClaimState.OPEN, ClaimState.OFFERED):
                raise ValueError(f"{entry.kind} of more than is left of the claim")
            state = ClaimState.CLOSED if paid == known.amount else ClaimState.OPEN
            told = known.told or known.state == ClaimState.OFFERED
            claim = msgspec.structs.replace(known, paid=paid, state=state, parts=known.parts + 1, told=told)
            if known.debtor:
                return msgspec.structs.replace(claim, answer=mine), (Send(claim.counterparty, mine),)
            claim = msgspec.structs.replace(claim, payments=(*known.payments, mine))
        case _:
            raise ValueError(f"{entry.kind} is no step of a claim")
    return claim, outstanding(claim)


def outstanding(claim: Claim) -> tuple[Send, ...]:
    """What must be sent until it is acknowledged or answered: one entry at most."""
    if claim.mine and not claim.told and claim.state in (ClaimState.OFFERED, ClaimState.OPEN):
        return (Send(claim.counterparty, claim.mine),)
    return (Send(claim.counterparty, claim.payments[0]),) if claim.payments else ()


def encode_claim(claim: Claim) -> bytes:
    return encode({**plain(claim), "state": claim.state.value})


def decode_claim(data: bytes) -> Claim:
    """What `encode_claim` wrote. `DecodeError` if it is damaged."""
    return decode_as(data, Claim)


def _of(entry: Entry, said: Settlement, other: bytes, debtor: bool, state: ClaimState) -> Claim:
    return Claim(
        entry.network,
        said.deal,
        entry.author,
        other,
        debtor,
        said.amount,
        said.unit,
        state,
        entry.at,
        note=said.note,
        exchange=said.terms,
    )


def _asked(entry: Entry, said: Settlement) -> Claim:
    claim = _of(entry, said, entry.author, entry.kind == "CLAIM_ASK", ClaimState.ASKED)
    return msgspec.structs.replace(claim, me=said.counterparty, theirs=encode_entry(entry))


def _paid(known: Claim, entry: Entry, said: Settlement) -> tuple[Claim, tuple[Append | Send, ...]]:
    answered = settlement_of(parse_entry(known.answer)) if known.answer else None
    if answered is not None and entry.seq <= parse_entry(answered.half).seq:
        return known, (Send(known.counterparty, known.answer),)
    if said.amount > known.left or (said.unit, said.terms) != (known.unit, known.exchange):
        raise Reject("state", "another payment than the claim allows")
    if known.parts >= 2 * MAX_PARTS and said.amount < known.left:
        raise Ignore("quota", "too many parts of this claim")
    answer = Settlement(entry.author, said.amount, said.deal, 0, said.terms, encode_entry(entry), unit=said.unit)
    return known, (Append("CLAIM_CLOSED", answer),)
