"""Messages of `/p2pnode/ledger/1.0.0`: canonical arrays, one a frame. Nothing is ever sent here that was not asked for.

["show", network16, first]                       show me your chain from entry `first` on
["shown", network16, first, total, [full, …]]    a page of it: at most 128 entries in order; total: how many there are
["hidden", network16, code, text]                it will not be shown to you

Entries are in full form without private payloads; settlement payloads are there only where the asker is the
counterparty, and in the INCEPT.
"""

from typing import NamedTuple

from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.fields import is_reason
from protocols.limits import MAX_INT, MAX_SHOWN

PROTOCOL = "/p2pnode/ledger/1.0.0"


class Show(NamedTuple):
    network: bytes
    first: int


class Shown(NamedTuple):
    network: bytes
    first: int
    total: int
    entries: tuple[bytes, ...]


class Hidden(NamedTuple):
    network: bytes
    code: str
    text: str


Message = Show | Shown | Hidden


def encode_message(message: Message) -> bytes:
    if isinstance(message, Shown):
        return encode(["shown", *message[:3], list(message.entries)])
    return encode(["show" if isinstance(message, Show) else "hidden", *message])


def parse_message(data: bytes) -> Message:
    """The message that a frame holds, or `DecodeError`."""
    match decode(data):
        case ["show", bytes(network), int(first)] if len(network) == 16 and _is_count(first):
            return Show(network, first)
        case ["shown", bytes(network), int(first), int(total), list(entries)] if (
            len(network) == 16
            and _is_count(first)
            and _is_count(total)
            and len(entries) <= MAX_SHOWN
            and all(type(e) is bytes for e in entries)
        ):
            return Shown(network, first, total, tuple(entries))
        case ["hidden", bytes(network), str(code), str(text)] if len(network) == 16 and is_reason(code, text):
            return Hidden(network, code, text)
    raise DecodeError("not a message of this protocol", "field")


def _is_count(value: int) -> bool:
    return type(value) is int and 0 <= value <= MAX_INT
