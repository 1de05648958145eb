"""Giving limit to a neighbour, and giving it back: a pure machine of one vouch, in the style of ledger/settlement.py.

    voucher                                            subject
    ask = vouch(vouches.get(id), ...)
    extend, written       VOUCH (hold +)            ─▶ receive -> Append VOUCH_ACCEPT
                                 VOUCH_ACCEPT (limit +)   extend, written
    receive: held                                  ◀─
                                                       ask = give_back(vouch)   on a command, or asked by the voucher
    receive -> Append UNVOUCH    VOUCH_RETURN (limit −)   extend, written
    extend, written              UNVOUCH (hold −)  ─▶  receive: ended

A voucher cannot take its vouch back alone: the subject may have promised it already. `outstanding` is sent until
answered. A vouch that its subject does not want is dropped by the driver before it comes here.
"""

from enum import StrEnum

import msgspec

from protocols.codec import decode_as, encode, plain
from protocols.errors import Ignore, Refusal, Reject

from .entry import Entry, encode_entry, settlement_of
from .halves import half_of
from .payloads import Settlement
from .settlement import Append, Send


class VouchState(StrEnum):
    GIVEN = "given"  # voucher: waits for VOUCH_ACCEPT
    HELD = "held"  # voucher: the subject has it
    TAKEN = "taken"  # subject: has it
    RETURNED = "returned"  # subject: gave it back, waits for UNVOUCH
    ENDED = "ended"  # both


class Vouch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One side's view of one vouch, as it is stored. id: 32 bytes chosen by the voucher; amount: minor units;
    mine: the last entry that I wrote in it, full form without its private payload.
    """

    network: bytes
    id: bytes
    me: bytes
    counterparty: bytes
    voucher: bool
    amount: int
    state: VouchState
    mine: bytes


def vouch(known: Vouch | None, *, id: bytes, subject: bytes, amount: int) -> Append:
    """The voucher's first step. `Refusal` if this id is used up."""
    if known is not None:
        raise Refusal("conflict", f"this vouch is {known.state} already")
    if amount <= 0:
        raise Refusal("usage", "a vouch needs an amount above zero")
    return Append("VOUCH", Settlement(subject, amount, id))


def give_back(known: Vouch | None) -> Append:
    """The subject's step back; `chain.extend` refuses it while that part of the limit is in use."""
    if known is None or known.voucher:
        raise Refusal("not_found", "there is no such vouch to give back")
    if known.state != VouchState.TAKEN:
        raise Refusal("conflict", f"this vouch is {known.state} already")
    return Append("VOUCH_RETURN", Settlement(known.counterparty, known.amount, known.id))


def receive(known: Vouch | None, entry: Entry, me: bytes) -> tuple[Vouch | None, tuple[Append | Send, ...]]:
    """What to do about the other side's verified entry; as `settlement.receive`."""
    said = settlement_of(entry)
    if said is None:
        raise Reject("field", "a vouch without its settlement payload")
    if said.counterparty != me or entry.author == me:
        raise Ignore("context", "not addressed to us")
    if known is not None and (known.id, known.counterparty, known.network) != (said.deal, entry.author, entry.network):
        raise Ignore("context", "not of this vouch")
    if known is not None and known.amount != said.amount:
        raise Reject("state", "another amount than that of the vouch")
    if not entry.within_limit or said.amount <= 0:
        raise Reject("state", "a vouch that its author's limit does not carry")
    half_of(entry, said)
    half = encode_entry(entry)
    answer = Settlement(entry.author, said.amount, said.deal, 0, said.terms, half)
    match (entry.kind, None if known is None else known.state):
        case ("VOUCH", None):
            return known, (Append("VOUCH_ACCEPT", answer),)
        case ("VOUCH", VouchState.TAKEN | VouchState.RETURNED) if known is not None and not known.voucher:
            return known, (Send(known.counterparty, known.mine),)
        case ("VOUCH_ACCEPT", VouchState.GIVEN) if known is not None:
            if said.half != known.mine:
                raise Reject("context", "VOUCH_ACCEPT does not embed what we sent")
            return msgspec.structs.replace(known, state=VouchState.HELD), ()
        case ("VOUCH_RETURN", VouchState.GIVEN | VouchState.HELD):
            return known, (Append("UNVOUCH", answer),)
        case ("VOUCH_RETURN", VouchState.ENDED) if known is not None and known.voucher:
            return known, (Send(known.counterparty, known.mine),)
        case ("UNVOUCH", VouchState.RETURNED) if known is not None:
            if said.half != known.mine:
                raise Reject("context", "UNVOUCH does not embed what we sent")
            return msgspec.structs.replace(known, state=VouchState.ENDED), ()
        case (kind, state):
            raise Ignore("state", f"{kind} in a vouch that is {state or 'not known'}")


def written(known: Vouch | None, entry: Entry) -> tuple[Vouch, tuple[Send, ...]]:
    """The vouch after our own entry was appended, and what to send once everything is durable."""
    said = settlement_of(entry)
    if said is None or entry.kind not in _WRITTEN:
        raise ValueError(f"{entry.kind} is no step of a vouch")
    state, before, voucher = _WRITTEN[entry.kind]
    if (None if known is None else known.state) not in before:
        raise ValueError(f"{entry.kind} in a vouch that is {known and known.state}")
    mine = encode_entry(entry)
    vouch = Vouch(entry.network, said.deal, entry.author, said.counterparty, voucher, said.amount, state, mine)
    return vouch, (Send(vouch.counterparty, mine),)


def outstanding(vouch: Vouch) -> tuple[Send, ...]:
    """What must be sent until it is answered."""
    waiting = vouch.state in (VouchState.GIVEN, VouchState.RETURNED)
    return (Send(vouch.counterparty, vouch.mine),) if waiting else ()


def encode_vouch(vouch: Vouch) -> bytes:
    return encode({**plain(vouch), "state": vouch.state.value})


def decode_vouch(data: bytes) -> Vouch:
    """What `encode_vouch` wrote. `DecodeError` if it is damaged."""
    return decode_as(data, Vouch)


_WRITTEN: dict[str, tuple[VouchState, tuple[VouchState | None, ...], bool]] = {
    "VOUCH": (VouchState.GIVEN, (None,), True),
    "VOUCH_ACCEPT": (VouchState.TAKEN, (None,), False),
    "VOUCH_RETURN": (VouchState.RETURNED, (VouchState.TAKEN,), False),
    "UNVOUCH": (VouchState.ENDED, (VouchState.GIVEN, VouchState.HELD), True),
}
