"""The vectors of custody: receipts, what sets of them amount to, codes for the door, messages."""

from typing import Any

from protocols import custody_messages
from protocols.codec import decode, encode
from protocols.custody_messages import Ack, Mine, Offer, Passed, Refuse, Told, refusal_id
from protocols.door import parse_code
from protocols.duties import door_hash
from protocols.limits import MAX_RECEIPT_PAYLOAD, MAX_RECEIPTS, MAX_TOLD, MAX_TOLD_HALVES
from protocols.parcel import trace
from protocols.receipt import Receipt, format_receipt
from tests.protocols.custody import PARCEL, chain, half, receipt
from tests.strategies import NOW, signer

FULL: dict[str, Any] = {
    "note": "dry, one corner dented", "photos": (b"p" * 32, b"q" * 32), "exchange": b"x" * 32, "duty": "pickup",
}  # fmt: skip


def custody_vectors() -> dict[str, Any]:
    """A receipt is given with the seeds' numbers of `tests.strategies.signer`: who gives, who takes."""
    return {
        "what": "custody receipts (docs/protocol/custody.md); authors are H(inception)",
        "valid": [
            _receipt("without a word", receipt(1, 2)),
            _receipt("with all of it", receipt(1, 2, **FULL)),
            _receipt("the second hand-over", chain([1, 2, 3])[1]),
        ],
        "invalid": _invalid(),
        "chains": _chains(),
        "doors": [
            {"parcel": PARCEL.hex(), "typed": typed, "hash": door_hash(PARCEL, parse_code(typed)).hex()}
            for typed in ("K7QM-2XPD-9V3T", "k7qm 2xpd 9v3t", "O1IL-0000-ZZZZ")
        ],
        "messages": _messages(),
        "invalid_messages": _invalid_messages(),
    }


def _receipt(name: str, made: Receipt) -> dict[str, Any]:
    said = made.said
    return {
        "name": name,
        "network": made.network.hex(),
        "parcel": made.parcel.hex(),
        "prev": made.prev.hex(),
        "giver": made.giver.hex(),
        "taker": made.taker.hex(),
        "at": made.at,
        "note": said.note,
        "photos": [photo.hex() for photo in said.photos],
        "exchange": said.exchange.hex(),
        "duty": said.duty,
        "header": made.header.hex(),
        "id": made.id.hex(),
        "half": made.half.hex(),
        "wire": made.wire.hex(),
        "text": format_receipt(made),
    }


def _invalid() -> list[dict[str, str]]:
    made = receipt(1, 2, **FULL)
    parts = decode(made.wire)

    def with_header(place: int, value: Any) -> bytes:
        header = decode(made.header)
        header[place] = value
        packed = encode(header)
        signed = [signer(n).sign("receipt", packed) for n in (1, 2)]
        return encode([packed, *signed, *parts[3:]])

    cases: list[tuple[str, bytes, str]] = [
        ("version 2", with_header(0, 2), "field"),
        ("network of zeros", with_header(1, bytes(16)), "field"),
        ("parcel of zeros", with_header(2, bytes(32)), "field"),
        ("prev of 31 bytes", with_header(3, bytes(31)), "field"),
        ("giver that is not the inception's", with_header(4, b"g" * 32), "field"),
        ("giver and taker the same", with_header(6, made.giver), "field"),
        ("epoch below nothing", with_header(5, -1), "field"),
        ("epoch 1 without its key", with_header(7, 1), "context"),
        ("time below nothing", with_header(8, -1), "field"),
        ("empty map as payload", with_header(9, encode({})), "field"),
        ("unknown key in the payload", with_header(9, encode({"other": 1})), "field"),
        ("exchange of 31 bytes", with_header(9, encode({"exchange": bytes(31)})), "field"),
        ("note with an escape", with_header(9, encode({"note": "\x1b[2J"})), "field"),
        ("five photos", with_header(9, encode({"photos": [bytes([n]) * 32 for n in range(5)]})), "field"),
        ("payload too long", with_header(9, encode({"note": "n" * MAX_RECEIPT_PAYLOAD})), "field"),
        ("the giver's signature twice", encode([parts[0], parts[1], parts[1], *parts[3:]]), "signature"),
        ("signatures the other way round", encode([parts[0], parts[2], parts[1], *parts[3:]]), "signature"),
        ("a half", made.half, "field"),
        ("a byte too many", made.wire + b"\0", "decode"),
    ]
    return [{"name": name, "bytes": data.hex(), "code": code} for name, data, code in cases]


def _chains() -> list[dict[str, Any]]:
    there = chain([1, 2, 3, 4])
    on = receipt(2, 4, there[0].id, NOW + 9_000)
    again, first = receipt(1, 3, at=NOW + 500), receipt(1, 3, at=NOW - 500)

    def one(name: str, receipts: list[Receipt], *parties: int) -> dict[str, Any]:
        found = trace(receipts, [signer(n).author for n in parties])
        return {
            "name": name,
            "receipts": [r.wire.hex() for r in receipts],
            "parties": [signer(n).author.hex() for n in parties],
            "holder": found.holder.hex(),
            "origin": found.origin.hex(),
            "whole": found.whole,
            "path": [r.id.hex() for r in found.path],
            "forks": [[a.id.hex(), b.id.hex()] for a, b in found.forks],
        }

    return [
        one("no receipt", [], 1, 2),
        one("sender, courier, courier, receiver", there[::-1], 1, 2),
        one("seen by the second courier", there, 2, 3),
        one("the first receipt has not come yet", there[1:], 2, 3),
        one("given back", chain([1, 2, 1]), 1, 2),
        one("given by who did not have it", [there[0], receipt(5, 4, there[0].id)], 1, 2),
        one("of another parcel's people alone", chain([5, 4]), 1, 2),
        one("given twice, the later one counts not", [*there, again], 1, 2),
        one("given twice, the earlier one counts", [*there, first], 1, 2),
        one("given twice by a courier", [*there, on], 1, 2),
    ]


def _messages() -> list[dict[str, str]]:
    made = chain([1, 2, 3])
    said: dict[str, custody_messages.Message] = {
        "an offer by the sender": Offer(half(1, 2).wire, ()),
        "an offer by a courier": Offer(made[1].half, (made[0].wire,)),
        "a receipt": Passed(made[0].wire),
        "ack": Ack(made[0].id),
        "ack of a refusal": Ack(refusal_id(made[0].id)),
        "refuse": Refuse(made[0].id, "refused", "not taken"),
        "mine": Mine(made[0].network, b""),
        "mine, after one of them": Mine(made[0].network, made[0].id),
        "told": Told(made[0].network, (made[0].wire, made[1].wire), (half(1, 2).wire,), True),
        "told: nothing": Told(made[0].network, (), (), False),
    }
    return [{"name": n, "frame": custody_messages.encode_message(m).hex()} for n, m in said.items()]


def _invalid_messages() -> list[dict[str, str]]:
    wire = receipt(1, 2).wire
    said: dict[str, Any] = {
        "an offer without a list": ["offer", half(1, 2).wire],
        "an offer with too many receipts": ["offer", half(1, 2).wire, [wire[:10]] * MAX_RECEIPTS],
        "an offer with a text": ["offer", half(1, 2).wire, ["wire"]],
        "a receipt too long": ["receipt", bytes(801)],
        "ack of 31 bytes": ["ack", bytes(31)],
        "refuse with an escape": ["refuse", bytes(32), "refused", "\x1b"],
        "something else": ["give", wire],
        "mine of a network of 15 bytes": ["mine", bytes(15), b""],
        "mine, after an id of 31 bytes": ["mine", bytes(16), bytes(31)],
        "told more than nothing": ["told", bytes(16), [], [], True],
        "told more, with a number": ["told", bytes(16), [wire], [], 1],
        "told too many receipts": ["told", bytes(16), [wire[:10]] * (MAX_TOLD + 1), [], False],
        "told too many halves": ["told", bytes(16), [], [wire[:10]] * (MAX_TOLD_HALVES + 1), False],
    }
    return [{"name": n, "frame": encode(m).hex()} for n, m in said.items()]
