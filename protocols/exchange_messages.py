"""Messages of `/p2pnode/exchange/1.0.0` and `1.1.0`: canonical arrays, one a frame, either way on one stream.

["fact", wire]                 a step of an exchange; answered by "ack" once it is on disk, or by "refuse"
["entry", network16, full]     an entry of the sender's chain that concerns the recipient; answered by the next entry of
                               the settlement, or "ack"; sent again until then
["return", network16, id32]    the voucher asks its vouch back; answered by a VOUCH_RETURN entry, or by "refuse"
["ack", id32]                  what has this id is on disk here
["refuse", id32, code, text]   what has this id will not be taken, for good
["token", network16, wire]     what a witness of a payment has decided, to payer and payee; whoever asks gets it again
"""

from typing import NamedTuple

from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.fields import is_reason

PROTOCOL = "/p2pnode/exchange/1.0.0"
SECOND_PROTOCOL = "/p2pnode/exchange/1.1.0"  # the same messages; their facts may be of exchanges of form 2


class FactMessage(NamedTuple):
    wire: bytes


class EntryMessage(NamedTuple):
    network: bytes
    full: bytes


class ReturnVouch(NamedTuple):
    network: bytes
    id: bytes


class Ack(NamedTuple):
    id: bytes


class Refuse(NamedTuple):
    id: bytes
    code: str
    text: str


class TokenMessage(NamedTuple):
    network: bytes
    wire: bytes


Message = FactMessage | EntryMessage | ReturnVouch | Ack | Refuse | TokenMessage
_TAGS: dict[type, str] = {
    FactMessage: "fact",
    EntryMessage: "entry",
    ReturnVouch: "return",
    Ack: "ack",
    Refuse: "refuse",
    TokenMessage: "token",
}


def encode_message(message: Message) -> bytes:
    return encode([_TAGS[type(message)], *message])


def parse_message(data: bytes) -> Message:
    """The message that a frame holds, or `DecodeError`."""
    match decode(data):
        case ["fact", bytes(wire)]:
            return FactMessage(wire)
        case ["entry", bytes(network), bytes(full)] if len(network) == 16:
            return EntryMessage(network, full)
        case ["return", bytes(network), bytes(id_)] if len(network) == 16 and len(id_) == 32:
            return ReturnVouch(network, id_)
        case ["ack", bytes(id_)] if len(id_) == 32:
            return Ack(id_)
        case ["refuse", bytes(id_), str(code), str(text)] if len(id_) == 32 and is_reason(code, text):
            return Refuse(id_, code, text)
        case ["token", bytes(network), bytes(wire)] if len(network) == 16:
            return TokenMessage(network, wire)
    raise DecodeError("not a message of this protocol", "field")
