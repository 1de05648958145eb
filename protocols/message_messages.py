"""Frames of `/p2pnode/message/1.0.0`: canonical arrays, one a frame, either way on one stream.

["message", sealed]            a message, sealed to the recipient (`protocols.message`); sent again until it is answered
["ack", box32]                 what was in the box with this hash is on disk here, now or before
["later", box32, text]         it is not taken yet: its sender keeps it, and sends it again
["refuse", box32, code, text]  it will not be taken; code `key`: the box is for a key that is not used any more, and
                               what is in it may come in another

A box is named by its BLAKE2b-256, so that nothing of what is inside stands outside.
"""

from typing import NamedTuple

from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.fields import is_reason
from protocols.limits import MAX_MESSAGE

PROTOCOL = "/p2pnode/message/1.0.0"
OLD_KEY = "key"


class Sealed(NamedTuple):
    box: bytes


class Ack(NamedTuple):
    id: bytes


class Later(NamedTuple):
    id: bytes
    text: str


class Refuse(NamedTuple):
    id: bytes
    code: str
    text: str


Message = Sealed | Ack | Later | Refuse
_TAGS: dict[type, str] = {Sealed: "message", Ack: "ack", Later: "later", Refuse: "refuse"}


def encode_message(message: Message) -> bytes:
    return encode([_TAGS[type(message)], *message])


def parse_message(data: bytes) -> Message:
    """The message that a frame holds, or `DecodeError`."""
    match decode(data):
        case ["message", bytes(box)] if 0 < len(box) <= MAX_MESSAGE:
            return Sealed(box)
        case ["ack", bytes(id_)] if len(id_) == 32:
            return Ack(id_)
        case ["later", bytes(id_), str(text)] if len(id_) == 32 and is_reason("later", text):
            return Later(id_, text)
        case ["refuse", bytes(id_), str(code), str(text)] if len(id_) == 32 and is_reason(code, text):
            return Refuse(id_, code, text)
    raise DecodeError("not a message of this protocol", "field")
