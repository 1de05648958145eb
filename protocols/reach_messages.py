"""Messages of `/p2pnode/reach/1.0.0`: canonical arrays, one frame there and one back on a stream of their own.

    ["back", port]              dial me back at the address from which you see me, at this TCP port
    ["answer", reached, seen]   whether the one who asked answered there; seen: the multiaddr that was tried
    ["busy"]                    not tried: asked too often, or there is no such address

The one who asks names a port and never an address, so nobody can have others dialled.
"""

from typing import NamedTuple

from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.limits import MAX_ADDRESS

PROTOCOL = "/p2pnode/reach/1.0.0"


class Back(NamedTuple):
    port: int


class Answer(NamedTuple):
    reached: bool
    seen: str


class Busy(NamedTuple):
    pass


Message = Back | Answer | Busy
_TAGS: dict[type, str] = {Back: "back", Answer: "answer", Busy: "busy"}


def encode_message(message: Message) -> bytes:
    return encode([_TAGS[type(message)], *message])


def parse_message(data: bytes) -> Message:
    """The message that a frame holds, or `DecodeError`."""
    match decode(data):
        case ["back", int(port)] if type(port) is int and 1 <= port <= 65_535:
            return Back(port)
        case ["answer", bool(reached), str(seen)] if len(seen.encode()) <= MAX_ADDRESS:
            return Answer(reached, seen)
        case ["busy"]:
            return Busy()
    raise DecodeError("not a message of this protocol", "field")
