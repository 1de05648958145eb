"""Messages of `/p2pnode/photo/1.0.0`: canonical arrays, one frame there, some back, on a stream of their own.

["get", network16, photo32]   the photo with this hash, which a listing of this network names
["piece", size, bytes]        of a photo of so many bytes, in order, until that many have come
["none"]                      not held, or not for who asks
["busy"]                      asked too often, or too much at a time
"""

from typing import NamedTuple

from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.limits import MAX_PHOTO, MAX_PHOTO_PIECE

PROTOCOL = "/p2pnode/photo/1.0.0"
MAX_GET = 128  # bytes of a whole question


class Get(NamedTuple):
    """network: 16 bytes of its id. photo: its hash, 32 bytes."""

    network: bytes
    photo: bytes


class Piece(NamedTuple):
    """size: of the whole photo."""

    size: int
    data: bytes


class Nothing(NamedTuple):
    pass


class Busy(NamedTuple):
    pass


Message = Get | Piece | Nothing | Busy


def encode_message(message: Message) -> bytes:
    match message:
        case Get():
            return encode(["get", *message])
        case Piece():
            return encode(["piece", *message])
        case Nothing():
            return encode(["none"])
        case Busy():
            return encode(["busy"])


def parse_message(data: bytes) -> Message:
    """The message that a frame holds, or `DecodeError`."""
    match decode(data):
        case ["get", bytes(network), bytes(photo)] if len(network) == 16 and len(photo) == 32:
            return Get(network, photo)
        case ["piece", int(size), bytes(piece)] if type(size) is int and 1 <= size <= MAX_PHOTO:
            if 1 <= len(piece) <= min(size, MAX_PHOTO_PIECE):
                return Piece(size, piece)
        case ["none"]:
            return Nothing()
        case ["busy"]:
            return Busy()
    raise DecodeError("not a message of this protocol", "field")


def pieces_of(photo: bytes) -> list[Piece]:
    """A photo as it is sent."""
    return [Piece(len(photo), photo[at : at + MAX_PHOTO_PIECE]) for at in range(0, len(photo), MAX_PHOTO_PIECE)]
