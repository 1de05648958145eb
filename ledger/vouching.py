"""Giving limit to a neighbour, and getting it back: a pure machine of one vouch, in the style of ledger/settlement.py.

    voucher                                            subject
    ask = vouch(vouches.get(id), ...)
    extend, written       VOUCH (hold +)            ─▶ receive -> Append VOUCH_ACCEPT
                                 VOUCH_ACCEPT (limit +)   extend, written
    receive: held                                  ◀─
    asked(vouch, total), told to the subject       ─▶  vouch = asked(vouch, total)
                                                       ask = due(vouch, spendable): what it can give now
    receive -> Append UNVOUCH    VOUCH_RETURN (limit −)   extend, written
    extend, written              UNVOUCH (hold −)  ─▶  receive: taken, or ended; then `due` again

    ask = take_over(vouch, amount)
    extend, written       VOUCH_CONSUME             ─▶ receive -> Append VOUCH_CONSUMED
    receive: confirmed           VOUCH_CONSUMED           extend, written

A voucher cannot take its vouch back alone: the subject may have promised it already. It can take the subject's debt
over alone: that costs only the voucher. A return that is on its way meanwhile goes first: the voucher writes
VOUCH_RESTORE for what its hold lacks, and UNVOUCH. `outstanding` is sent until answered, one entry at a time. A vouch
that its subject does not want is dropped by the driver before it comes here. The sums: ledger/lending.py.
"""

from enum import StrEnum

import msgspec

from protocols.codec import decode_as, encode, plain
from protocols.errors import Ignore, Refusal, Reject

from .entry import Entry, encode_entry, parse_entry, settlement_of
from .halves import half_of, said_to_us
from .lending import MAX_PARTS
from .payloads import Settlement
from .settlement import Append, Send

MAX_UNANSWERED = 8  # take-overs of one vouch that the subject has not answered


class VouchState(StrEnum):
    GIVEN = "given"  # voucher: waits for VOUCH_ACCEPT
    HELD = "held"  # voucher: the subject has it
    TAKEN = "taken"  # subject: has it
    RETURNED = "returned"  # subject: gave some back, waits for UNVOUCH
    ENDED = "ended"  # nothing is left of it


class Vouch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One side's view of one vouch, as it is stored. id: 32 bytes chosen by the voucher; amount: minor units; mine: my
    VOUCH, or my newest VOUCH_ACCEPT or VOUCH_RETURN, full form without its private payload.

    returned, consumed: what came back, and what was taken over and not restored, as my chain says; parts: in how many
    entries; confirmed: how much of `consumed` the subject has written; asked: how much is to come back in all; answer:
    my newest UNVOUCH or VOUCH_CONSUMED; consumes: my VOUCH_CONSUMEs that are not answered, the oldest first.
    """

    network: bytes
    id: bytes
    me: bytes
    counterparty: bytes
    voucher: bool
    amount: int
    state: VouchState
    mine: bytes
    returned: int = 0
    consumed: int = 0
    confirmed: int = 0
    asked: int = 0
    parts: int = 0
    answer: bytes = b""
    consumes: tuple[bytes, ...] = ()

    @property
    def left(self) -> int:
        """What is still in the voucher's hold, or in the subject's limit."""
        return self.amount - self.returned - self.consumed


def vouch(known: Vouch | None, *, id: bytes, subject: bytes, amount: int) -> Append:
    """The voucher's first step. `Refusal` if this id is used up."""
    if known is not None:
        raise Refusal("conflict", f"this vouch is {known.state} already")
    if amount <= 0:
        raise Refusal("usage", "a vouch needs an amount above zero")
    return Append("VOUCH", Settlement(subject, amount, id))


def asked(known: Vouch, total: int) -> Vouch:
    """The voucher wants so much back in all, counted from the beginning. A request is never made smaller."""
    return msgspec.structs.replace(known, asked=max(known.asked, min(total, known.amount)))


def due(known: Vouch, spendable: int) -> Append | None:
    """What the subject can give back now of what it was asked for, with so much of its account unused."""
    part = min(known.asked - known.returned, known.left, spendable)
    if known.voucher or known.state != VouchState.TAKEN or part <= 0 or _too_small(known, part, MAX_PARTS):
        return None
    return give_back(known, part)


def give_back(known: Vouch | None, amount: int | None = None) -> Append:
    """The subject's step back, of all that is left if no amount is given; `chain.extend` refuses it while that part
    of the limit is in use."""
    if known is None or known.voucher:
        raise Refusal("not_found", "there is no such vouch to give back")
    if known.state != VouchState.TAKEN:
        raise Refusal("conflict", f"this vouch is {known.state} already")
    amount = known.left if amount is None else amount
    if not 0 < amount <= known.left:
        raise Refusal("usage", f"there are {known.left} left of this vouch, in the smallest unit")
    if _too_small(known, amount, MAX_PARTS):
        raise Refusal("refused", f"this vouch has come to its end in {MAX_PARTS} parts", "Give all that is left back.")
    return Append("VOUCH_RETURN", Settlement(known.counterparty, amount, known.id))


def take_over(known: Vouch | None, amount: int) -> Append:
    """The voucher's step when the subject will not return: so much of its debt becomes the voucher's own."""
    if known is None or not known.voucher:
        raise Refusal("not_found", "there is no such vouch of yours")
    if known.state != VouchState.HELD:
        raise Refusal("conflict", f"this vouch is {known.state}")
    if not 0 < amount <= known.left:
        raise Refusal("usage", f"there are {known.left} left of this vouch, in the smallest unit")
    if _too_small(known, amount, MAX_PARTS):
        raise Refusal("refused", f"this vouch has come to its end in {MAX_PARTS} parts", "Take over all that is left.")
    if len(known.consumes) >= MAX_UNANSWERED:
        raise Refusal("refused", f"{MAX_UNANSWERED} take-overs of this vouch wait for an answer", "Wait for it.")
    return Append("VOUCH_CONSUME", Settlement(known.counterparty, amount, known.id))


def receive(known: Vouch | None, entry: Entry, me: bytes) -> tuple[Vouch | None, tuple[Append | Send, ...]]:
    """What to do about the other side's verified entry; as `settlement.receive`, but two entries may be to append."""
    said = said_to_us(known, entry, me)
    if known is not None and entry.kind in ("VOUCH", "VOUCH_ACCEPT") and known.amount != said.amount:
        raise Reject("state", "another amount than that of the vouch")
    if not entry.within_limit or said.amount <= 0:
        raise Reject("state", "a vouch that its author's limit does not carry")
    half = half_of(entry, said)
    match (entry.kind, None if known is None else known.state):
        case ("VOUCH", None):
            return known, (_answer("VOUCH_ACCEPT", entry, said),)
        case ("VOUCH", VouchState.TAKEN | VouchState.RETURNED) if known is not None and not known.voucher:
            return known, (Send(known.counterparty, known.mine),)
        case ("VOUCH_ACCEPT", VouchState.GIVEN) if known is not None:
            if said.half != known.mine:
                raise Reject("context", "VOUCH_ACCEPT does not embed what we sent")
            return msgspec.structs.replace(known, state=VouchState.HELD), ()
        case ("VOUCH_RETURN", _) if known is not None and known.voucher:
            return _returned(known, entry, said)
        case ("VOUCH_CONSUMED", _) if known is not None and known.voucher:
            return _confirmed(known, said), ()
        case ("VOUCH_CONSUME", _) if known is not None and not known.voucher:
            return _consumed(known, entry, said)
        case ("UNVOUCH", VouchState.RETURNED) if known is not None:
            if half is not None and half.seq < parse_entry(known.mine).seq:
                raise Ignore("state", "of a return before this one")
            if said.half != known.mine:
                raise Reject("context", "UNVOUCH does not embed what we sent")
            state = VouchState.TAKEN if known.left else VouchState.ENDED
            return msgspec.structs.replace(known, state=state), ()
        case (kind, state):
            raise Ignore("state", f"{kind} in a vouch that is {state or 'not known'}")


def written(known: Vouch | None, entry: Entry) -> tuple[Vouch, tuple[Send, ...]]:
    """The vouch after our own entry was appended, and what to send once everything is durable."""
    said = settlement_of(entry)
    if said is None or entry.kind not in _WRITTEN:
        raise ValueError(f"{entry.kind} is no step of a vouch")
    before, voucher = _WRITTEN[entry.kind]
    if (None if known is None else known.state) not in before or (known is not None and known.voucher != voucher):
        raise ValueError(f"{entry.kind} in a vouch that is {known and known.state}")
    mine = encode_entry(entry)
    if known is None:
        state = VouchState.GIVEN if voucher else VouchState.TAKEN
        made = Vouch(entry.network, said.deal, entry.author, said.counterparty, voucher, said.amount, state, mine)
        return made, (Send(made.counterparty, mine),)
    changes: dict[str, object] = {}
    match entry.kind:
        case "UNVOUCH":
            changes = {"returned": known.returned + said.amount, "answer": mine}
        case "VOUCH_CONSUME":
            changes = {"consumed": known.consumed + said.amount, "consumes": (*known.consumes, mine)}
        case "VOUCH_RESTORE":
            consumed = known.consumed - said.amount
            changes = {"consumed": consumed, "consumes": known.consumes if consumed > known.confirmed else ()}
        case "VOUCH_RETURN":
            changes = {"returned": known.returned + said.amount, "mine": mine}
        case "VOUCH_CONSUMED":
            changes = {"consumed": known.consumed + said.amount, "answer": mine}
    parts = known.parts + (entry.kind != "VOUCH_RESTORE")
    after = msgspec.structs.replace(known, parts=parts, **changes)
    if entry.kind == "VOUCH_RETURN":
        state = VouchState.RETURNED
    elif known.state == VouchState.RETURNED:
        state = known.state
    else:
        state = VouchState.ENDED if not after.left else VouchState.HELD if voucher else VouchState.TAKEN
    if after.left < 0 or after.consumed < after.confirmed:
        raise ValueError(f"{entry.kind} of more than is left of the vouch")
    if entry.kind == "VOUCH_RESTORE" or (len(after.consumes) > 1 and entry.kind == "VOUCH_CONSUME"):
        mine = b""  # not sent; or not yet, since the subject must see take-overs in their order
    return msgspec.structs.replace(after, state=state), (Send(after.counterparty, mine),) if mine else ()


def outstanding(vouch: Vouch) -> tuple[Send, ...]:
    """What must be sent until it is answered: one entry at most."""
    if vouch.state in (VouchState.GIVEN, VouchState.RETURNED):
        return (Send(vouch.counterparty, vouch.mine),)
    return (Send(vouch.counterparty, vouch.consumes[0]),) if vouch.consumes else ()


def encode_vouch(vouch: Vouch) -> bytes:
    return encode({**plain(vouch), "state": vouch.state.value})


def decode_vouch(data: bytes) -> Vouch:
    """What `encode_vouch` wrote. `DecodeError` if it is damaged."""
    vouch = decode_as(data, Vouch)
    if vouch.state in (VouchState.RETURNED, VouchState.ENDED) and vouch.returned == vouch.consumed == 0:
        # stored when a vouch came back whole or not at all
        answer = vouch.mine if vouch.voucher else b""
        return msgspec.structs.replace(vouch, returned=vouch.amount, asked=vouch.amount, answer=answer)
    return vouch


def _answer(kind: str, entry: Entry, said: Settlement, amount: int | None = None) -> Append:
    """Answer with an entry that embeds what came in."""
    amount = said.amount if amount is None else amount
    return Append(kind, Settlement(entry.author, amount, said.deal, 0, said.terms, encode_entry(entry)))


def _embedded(answer: bytes) -> Entry | None:
    """What our newest UNVOUCH or VOUCH_CONSUMED embeds."""
    said = settlement_of(parse_entry(answer)) if answer else None
    return None if said is None else parse_entry(said.half)


def _returned(known: Vouch, entry: Entry, said: Settlement) -> tuple[Vouch, tuple[Append | Send, ...]]:
    newest = _embedded(known.answer)
    if newest is not None and newest.id == entry.id:
        return known, (Send(known.counterparty, known.answer),)
    if newest is not None and entry.seq <= newest.seq:
        raise Ignore("state", "answered before")
    if _too_small(known, said.amount, 2 * MAX_PARTS):
        raise Ignore("quota", "too many parts of this vouch")
    lacking = said.amount - known.left
    if lacking > known.consumed - known.confirmed:
        raise Reject("state", "more comes back than is left of the vouch")
    unvouch = _answer("UNVOUCH", entry, said)
    return known, (unvouch,) if lacking <= 0 else (_answer("VOUCH_RESTORE", entry, said, lacking), unvouch)


def _confirmed(known: Vouch, said: Settlement) -> Vouch:
    """The subject took its consumption in: of the one that it names, and of all before, which it must have seen."""
    if said.half not in known.consumes:
        raise Ignore("state", "answered before, or not of ours")
    place = known.consumes.index(said.half)
    earlier = sum(_amount(mine) for mine in known.consumes[:place])
    confirmed = known.confirmed + earlier + said.amount
    if confirmed > known.consumed:
        raise Reject("state", "more is taken over than is left of the vouch")
    left = known.consumes[place + 1 :] if confirmed < known.consumed else ()
    return msgspec.structs.replace(known, confirmed=confirmed, consumes=left)


def _consumed(known: Vouch, entry: Entry, said: Settlement) -> tuple[Vouch, tuple[Append | Send, ...]]:
    newest = _embedded(known.answer)
    if newest is not None and entry.seq <= newest.seq:
        return known, (Send(known.counterparty, known.answer),)
    if _too_small(known, said.amount, 2 * MAX_PARTS):
        raise Ignore("quota", "too many parts of this vouch")
    if known.left:
        return known, (_answer("VOUCH_CONSUMED", entry, said, min(said.amount, known.left)),)
    if known.state == VouchState.RETURNED:  # all of it is on its way back: the voucher will restore it
        return known, (Send(known.counterparty, known.mine),)
    raise Ignore("state", "nothing is left of this vouch")


def _too_small(known: Vouch, part: int, most: int) -> bool:
    """Whether there were so many parts already that only all that is left may still be one."""
    return known.parts >= most and part < known.left


def _amount(full: bytes) -> int:
    said = settlement_of(parse_entry(full))
    return 0 if said is None else said.amount


# what we write -> where the vouch stood before, whether the voucher writes it
_WRITTEN: dict[str, tuple[tuple[VouchState | None, ...], bool]] = {
    "VOUCH": ((None,), True),
    "UNVOUCH": ((VouchState.GIVEN, VouchState.HELD), True),
    "VOUCH_CONSUME": ((VouchState.GIVEN, VouchState.HELD), True),
    "VOUCH_RESTORE": ((VouchState.HELD, VouchState.ENDED), True),
    "VOUCH_ACCEPT": ((None,), False),
    "VOUCH_RETURN": ((VouchState.TAKEN,), False),
    "VOUCH_CONSUMED": ((VouchState.TAKEN, VouchState.RETURNED), False),
}
