"""Messages of `/p2pnode/recovery/1.0.0`: canonical arrays, one a frame, either way on one stream.

["head", network16, count]                    the sender's own chain has so many entries: keep them for me
["ask", network16, author32, seq]             which entries of this author's chain, from this seq on, do you hold?
["entries", network16, author32, [full, …]]   these, by seq; an empty list: none. Also sent unasked, to be kept
"""

from typing import NamedTuple

from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.limits import GOSSIP_FRAME, MAX_ENTRY, MAX_INT

PROTOCOL = "/p2pnode/recovery/1.0.0"
MAX_SENT = 256  # entries in one frame


class HeadMessage(NamedTuple):
    network: bytes
    entries: int


class Ask(NamedTuple):
    network: bytes
    author: bytes
    seq: int


class Entries(NamedTuple):
    network: bytes
    author: bytes
    full: tuple[bytes, ...]


Message = HeadMessage | Ask | Entries


def encode_message(message: Message) -> bytes:
    match message:
        case HeadMessage(network, entries):
            return encode(["head", network, entries])
        case Ask(network, author, seq):
            return encode(["ask", network, author, seq])
        case Entries(network, author, full):
            return encode(["entries", network, author, list(full)])


def parse_message(data: bytes) -> Message:
    """The message that a frame holds, or `DecodeError`."""
    match decode(data):
        case ["head", bytes(network), int(count)] if len(network) == 16 and _number(count):
            return HeadMessage(network, count)
        case ["ask", bytes(network), bytes(author), int(seq)] if _ids(network, author) and _number(seq):
            return Ask(network, author, seq)
        case ["entries", bytes(network), bytes(author), list(full)] if _ids(network, author) and len(full) <= MAX_SENT:
            if all(type(f) is bytes and len(f) <= MAX_ENTRY for f in full):
                return Entries(network, author, tuple(full))
    raise DecodeError("not a message of this protocol", "field")


def fill(full: list[bytes]) -> tuple[bytes, ...]:
    """As many of these, from the first on, as fit into one frame."""
    room, count = GOSSIP_FRAME - 128, 0
    for each in full[:MAX_SENT]:
        room -= len(each) + 5
        if room < 0:
            break
        count += 1
    return tuple(full[:count])


def _number(value: int) -> bool:
    return type(value) is int and 0 <= value <= MAX_INT


def _ids(network: bytes, author: bytes) -> bool:
    return len(network) == 16 and len(author) == 32
