"""Messages of `/p2pnode/custody/1.0.0` and `1.1.0`: canonical arrays, one a frame, either way on one stream.

["offer", half, [wire, …]]     a parcel is offered: what the recipient is asked to sign, and the receipts before it
["receipt", wire]              a hand-over took place; sent to the parties of all exchanges that this parcel belongs to
["ack", id32]                  what has this id is on disk here: an offer, a receipt; a refusal: H("refuse" ‖ id)
["refuse", id32, code, text]   the offer or receipt with this id will not be taken, for good

Of `1.1.0` alone, so that nodes from before it need not know them:

["mine", network16, after]     which receipts of the asker's parcels are held there, with ids after this one
["told", network16, [wire, …], [half, …], more]     those, in order of their ids; halves that the asker has signed and
                               the teller has not; more: whether there are receipts after these
"""

from typing import Final, NamedTuple

from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.fields import is_reason
from protocols.identity import digest
from protocols.limits import MAX_RECEIPT, MAX_RECEIPT_HALF, MAX_RECEIPTS, MAX_TOLD, MAX_TOLD_HALVES

PROTOCOL: Final = "/p2pnode/custody/1.0.0"
SECOND_PROTOCOL: Final = "/p2pnode/custody/1.1.0"


class Offer(NamedTuple):
    half: bytes
    before: tuple[bytes, ...]


class Passed(NamedTuple):
    wire: bytes


class Ack(NamedTuple):
    id: bytes


class Refuse(NamedTuple):
    id: bytes
    code: str
    text: str


class Mine(NamedTuple):
    network: bytes
    after: bytes


class Told(NamedTuple):
    network: bytes
    receipts: tuple[bytes, ...]
    halves: tuple[bytes, ...]
    more: bool


Message = Offer | Passed | Ack | Refuse | Mine | Told
_TAGS: Final[dict[type, str]] = {
    Offer: "offer",
    Passed: "receipt",
    Ack: "ack",
    Refuse: "refuse",
    Mine: "mine",
    Told: "told",
}


def encode_message(message: Message) -> bytes:
    return encode([_TAGS[type(message)], *message])


def parse_message(data: bytes) -> Message:
    """The message that a frame holds, or `DecodeError`."""
    match decode(data):
        case ["offer", bytes(half), list(before)] if (
            len(half) <= MAX_RECEIPT_HALF
            and len(before) < MAX_RECEIPTS
            and all(type(wire) is bytes and len(wire) <= MAX_RECEIPT for wire in before)
        ):
            return Offer(half, tuple(before))
        case ["receipt", bytes(wire)] if len(wire) <= MAX_RECEIPT:
            return Passed(wire)
        case ["ack", bytes(id_)] if len(id_) == 32:
            return Ack(id_)
        case ["refuse", bytes(id_), str(code), str(text)] if len(id_) == 32 and is_reason(code, text):
            return Refuse(id_, code, text)
        case ["mine", bytes(network), bytes(after)] if len(network) == 16 and len(after) in (0, 32):
            return Mine(network, after)
        case ["told", bytes(network), list(receipts), list(halves), bool(more)] if (
            len(network) == 16
            and len(receipts) <= MAX_TOLD
            and len(halves) <= MAX_TOLD_HALVES
            and (receipts or not more)
            and all(type(wire) is bytes and len(wire) <= MAX_RECEIPT for wire in receipts)
            and all(type(half) is bytes and len(half) <= MAX_RECEIPT_HALF for half in halves)
        ):
            return Told(network, tuple(receipts), tuple(halves), more)
    raise DecodeError("not a message of this protocol", "field")


def refusal_id(offer: bytes) -> bytes:
    """What acknowledges the refusal of an offer, which is sent until then."""
    return digest(b"refuse" + offer)
