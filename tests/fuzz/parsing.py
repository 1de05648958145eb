"""Targets that need no node: everything that makes values of bytes or of text."""

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from ledger.agreement import check_agreement
from ledger.audit import Audit
from ledger.chain import decode_state, start
from ledger.claims import Claim
from ledger.entry import encode_entry, parse_entry, settlement_of, verify_entry
from ledger.fork import encode_fork, parse_fork, verify_fork
from ledger.halves import check_half, first_key
from ledger.head import Head, decode_slot, encode_slot
from ledger.misconduct import check_misconduct
from ledger.payloads import InceptPayload, Settlement, parse_incept
from ledger.proof import check_proof
from ledger.settlement import Deal
from ledger.tokens import parse_token, verify_token
from ledger.vouching import Vouch
from ledger.witnessing import Verdict
from protocols import (
    amounts,
    cell,
    custody_messages,
    exchange_messages,
    gossip_messages,
    join_messages,
    ledger_messages,
    message_messages,
    recovery_messages,
    search_messages,
    vouch_messages,
)
from protocols.attestation import Attestation
from protocols.blocklist import BlockPage
from protocols.codec import convert, decode, decode_as, encode, plain
from protocols.contact import encode_contact, parse_contact
from protocols.decimals import format_amount
from protocols.double_booking import check_challenge, check_rebuttal, encode_agreement, parse_agreement
from protocols.envelope import parse_record, verify_record
from protocols.errors import DecodeError, Reject
from protocols.exchange import evaluate
from protocols.fact import Step, parse_fact, verify_fact
from protocols.frames import FrameReader
from protocols.genesis import Genesis
from protocols.identity import parse_inception
from protocols.invite import LINK_PREFIX, parse_invite, parse_link, verify_invite
from protocols.lease import Lease
from protocols.limits import HOUR, MAX_FRAME
from protocols.listing import Listing
from protocols.message import parse_message, verify_message
from protocols.misconduct import Misconduct, parse_misconduct
from protocols.padding import pad
from protocols.parcel import trace
from protocols.payments import Payment
from protocols.presence import check_presence
from protocols.profile import Profile
from protocols.receipt import (
    Particulars,
    Receipt,
    format_receipt,
    parse_either,
    parse_half,
    parse_texts,
    verify_half,
    verify_receipt,
)
from protocols.redemption import Redemption
from protocols.rotation import Rotation
from protocols.steps import check_fact
from protocols.terms import Terms, parse_terms
from protocols.vouch import VouchStatement
from tests.strategies import NOW

from . import sound
from .sound import KINDS
from .table import Target

STRUCTS: tuple[type, ...] = (
    Genesis, Profile, Lease, Listing, Attestation, Redemption, VouchStatement, Rotation, Terms, Step, Settlement,
    InceptPayload, Deal, Vouch, Claim, Verdict, Particulars, BlockPage, Misconduct,
)  # fmt: skip
MESSAGES: dict[str, Any] = {
    "custody": custody_messages,
    "gossip": gossip_messages,
    "exchange": exchange_messages,
    "join": join_messages,
    "ledger": ledger_messages,
    "message": message_messages,
    "recovery": recovery_messages,
    "search": search_messages,
    "vouch": vouch_messages,
}


CONTACT = {name: bytes.fromhex(sound.vectors("contacts")[name]) for name in ("exchange", "author", "party")}


# Targets


def codec(data: bytes) -> None:
    value = decode(data, 2 * MAX_FRAME)
    assert encode(value) == data


def typed(data: bytes) -> None:
    """Into every type of payload: the quick way and the slow way say the same."""
    for type_ in STRUCTS:
        fast: Any = None
        slow: Any = None
        with suppress(DecodeError):
            fast = decode_as(data, type_)
        with suppress(DecodeError):
            slow = convert(decode(data), type_)
        if fast is not None:
            assert fast == slow and encode(plain(fast)) == data


def record(data: bytes) -> None:
    found = parse_record(data)
    assert encode([found.header, found.signature, found.inception]) == data
    if found.kind in KINDS and not found.withdrawn:
        KINDS[found.kind](found)
    verify_record(found)


def payload(data: bytes) -> None:
    """In a record of its kind that is sound in every other part; its signature is not looked at."""
    known = sound.known_kinds()
    one = known[(data or b"\0")[0] % len(known)]
    header = [
        1,
        one.network,
        one.kind,
        one.author,
        one.epoch,
        one.name,
        one.revision,
        one.created,
        one.until,
        one.scope,
    ]
    packed = encode([*header, data[1:]])
    KINDS[one.kind](parse_record(encode([packed, one.signature, one.inception])))


def contact(data: bytes) -> None:
    """What the other party of an exchange has sealed to us, opened."""
    found = parse_contact(data, **CONTACT)
    assert encode_contact(found, **CONTACT) == data


def neighbours_message(data: bytes) -> None:
    """What a neighbour has sealed to us, opened."""
    found = parse_message(data)
    assert pad(encode([found.header, found.epoch, found.signature, found.inception])) == data
    assert found.body.encode() == found.header
    verify_message(found)


def fact(data: bytes) -> None:
    found = parse_fact(data)
    check_fact(found)
    if found.kind == "propose":
        evaluate([found], Payment.PENDING, "hour", found.at + HOUR)
    verify_fact(found)


def fact_set(data: bytes) -> None:
    """The status of whatever set of facts: signatures are not looked at."""
    value = decode(data)
    if not (isinstance(value, list) and all(type(v) is bytes for v in value)):
        raise Reject("decode", "no list")
    found = []
    for wire in value:
        try:
            one = parse_fact(wire)
            check_fact(one)
        except Reject:
            continue
        found.append(one)
    if any(one.kind == "propose" for one in found):
        for paid in Payment:
            evaluate(found, paid, "hour", NOW)


def terms(data: bytes) -> None:
    value = parse_terms(data)
    assert encode(plain(value)) == data


def entry(data: bytes) -> None:
    found = parse_entry(data)
    assert encode_entry(found, private=True) == data
    if found.kind == "INCEPT":
        if found.settlement is not None:
            parse_incept(found.settlement)
        return
    said = settlement_of(found)
    verify_entry(found)
    if said is None:
        return
    if found.kind == "AGREE":
        check_agreement(found, said, parse_fact(said.half))
    check_half(found, said)


def audit(data: bytes) -> None:
    """A page of a chain."""
    value = decode(data)
    if not (isinstance(value, list) and value and all(type(v) is bytes for v in value)):
        raise Reject("decode", "no page")
    first = parse_entry(value[0])
    inspected = Audit(start(first.network, first.author), 2_000, first_key, None)
    inspected.read(value)
    inspected.report()


def token(data: bytes) -> None:
    found = parse_token(data)
    assert found.wire == data and len(found.inception) > 0
    verify_token(found)


def misconduct(data: bytes) -> None:
    """A whole record of it, but for its own signature."""
    found = parse_record(data)
    check_misconduct(parse_misconduct(found), found.network, 100)


def fork(data: bytes) -> None:
    found = parse_fork(data)
    assert encode_fork(found) == data
    verify_fork(found)


def proof(data: bytes) -> None:
    json.dumps(check_proof(data))


def agreement(data: bytes) -> None:
    assert encode_agreement(parse_agreement(data)) == data


def challenge(data: bytes) -> None:
    assert check_challenge(data).booked > 1


def rebuttal(data: bytes) -> None:
    check_rebuttal(bytes.fromhex(sound.vectors("bookings")["rebuttals"][0]["challenge"]), [data])


def inception(data: bytes) -> None:
    assert parse_inception(data).encode() == data


def invite(data: bytes) -> None:
    verify_invite(parse_invite(data))


def presence(data: bytes) -> None:
    check_presence(data, sound.vectors("dht")["presences"]["now"])


def link(data: bytes) -> None:
    parse_link(text(data))


def link_inside(data: bytes) -> None:
    """The bytes behind the link's base64."""
    from base64 import urlsafe_b64encode

    parse_link(LINK_PREFIX + urlsafe_b64encode(data).decode().rstrip("="))


def slot(data: bytes) -> None:
    head, generation = decode_slot(data)
    assert encode_slot(head, generation) == data[: len(encode_slot(head, generation))]


def state(data: bytes) -> None:
    decode_state(data)


def receipt(data: bytes) -> None:
    """Signed by both, or by one."""
    found = parse_either(data)
    assert found.wire == data
    assert parse_texts(format_receipt(found)) == (found,)
    if isinstance(found, Receipt):
        assert parse_half(found.half).id == found.id
        trace([found], [found.taker])
        verify_receipt(found)
    else:
        verify_half(found)


def receipt_texts(data: bytes) -> None:
    """What a user has scanned, or was sent."""
    found = parse_texts(text(data))
    receipts = [one for one in found if isinstance(one, Receipt)]
    assert trace(receipts, [bytes(32)]) == trace(receipts[::-1], [bytes(32)])


def frames(data: bytes) -> None:
    """However a stream is cut, the same frames come out, and no more than one is held."""
    in_pieces, failed = _fed(data, 1_000)
    at_once, also = _fed(data, len(data) or 1)
    assert failed == also and (in_pieces == at_once or (failed and in_pieces[: len(at_once)] == at_once))
    if len(data) < 3_000:
        byte_by_byte, also = _fed(data, 1)
        assert failed == also and byte_by_byte[: len(in_pieces)] == in_pieces


def _fed(data: bytes, size: int) -> tuple[list[bytes], bool]:
    """The frames, and whether the stream was lost; of a piece in which it is lost nothing is handed out."""
    reader, found = FrameReader(), []
    for start_ in range(0, len(data), size):
        try:
            found += reader.feed(data[start_ : start_ + size])
        except DecodeError:
            return found, True
        assert reader.pending <= MAX_FRAME + 3
    return found, False


def message(name: str, data: bytes) -> None:
    module = MESSAGES[name]
    found = module.parse_message(data)
    if type(found).__name__ != "Unknown":
        assert module.encode_message(found) == data


def cells(data: bytes) -> None:
    said = text(data)
    for precision in (1, 5, 6):
        coarse = cell.coarsen(said, precision)
        assert cell.is_cell(coarse) and len(coarse) <= precision
        if coarse:
            cell.centre(coarse)
            assert coarse in cell.neighbours(coarse)


def prices(data: bytes) -> None:
    said = text(data)
    price = amounts.parse_price(said, "hour", 2)
    if price is not None:
        assert price.amount >= 0


def figures(data: bytes) -> None:
    said = text(data)
    amount = amounts.parse_amount(said, 2)
    assert amounts.parse_amount(format_amount(amount, 2), 2) == amount


def text(data: bytes) -> str:
    """Any bytes as text: also what is no UTF-8."""
    return data.decode("utf-8", "surrogateescape")


TARGETS: Sequence[Target] = (
    Target("codec", codec, sound.values),
    Target("typed", typed, sound.typed_values),
    Target("records", record, sound.records, sound._known),
    Target("payloads", payload, sound.payloads),
    Target("contacts", contact, lambda: sound.hexed("contacts", "valid", "plaintext")),
    Target("neighbours-messages", neighbours_message, lambda: sound.hexed("messages", "valid", "plaintext")),
    Target("facts", fact, sound.facts, sound._known),
    Target("fact-sets", fact_set, sound.sets, sound._known),
    Target("terms", terms, sound.of_terms),
    Target("entries", entry, sound.entries, sound._known),
    Target("audit", audit, sound.pages, sound._known),
    Target("tokens", token, sound.tokens, sound._known),
    Target("forks", fork, sound.forks, sound._known),
    Target("misconduct", misconduct, lambda: sound.hexed("misconduct", "valid", "wire"), sound._known),
    Target("proofs", proof, lambda: sound.hexed("proofs", "valid", "bytes"), sound._known),
    Target("agreements", agreement, lambda: [bytes.fromhex(sound.vectors("bookings")["agreement"])], sound._known),
    Target("challenges", challenge, lambda: sound.hexed("bookings", "valid", "bytes"), sound._known),
    Target("rebuttals", rebuttal, lambda: sound.hexed("bookings", "rebuttals", "bytes"), sound._known),
    Target("inceptions", inception, sound.inceptions),
    Target("invites", invite, sound.invites, sound._known),
    Target("presences", presence, sound.presences, sound._known),
    Target("links", link, sound.links),
    Target("link-insides", link_inside, sound.inside, sound._known),
    Target("heads", slot, lambda: [encode_slot(Head(b"n" * 16, 7, b"h" * 32), 3)]),
    Target("chain-states", state, lambda: [encode([b"n" * 16, b"a" * 32, 0, 1, b"h" * 32, [b"f" * 32], 0, 0, 0, NOW])]),
    Target("custody-receipts", receipt, sound.receipts, sound._known),
    Target("custody-texts", receipt_texts, sound.receipt_texts),
    Target("frames", frames, sound.lengths),
    *(Target(f"{name}-messages", partial(message, name), partial(sound.frames_of, name)) for name in MESSAGES),
    Target("cells", cells, sound.texts("u33dc", "52.52,13.405", "9F4MGC22+22", "-90,180")),
    Target("amounts", figures, sound.texts("2", "2.50", "0.01", "-3", "1,5")),
    Target("prices", prices, sound.texts("2/hour", "2.50 EUR/day", "free", "-3", "1,5")),
)
