"""The message of `/p2pnode/vouch/1.0.0`: one canonical array a frame.

["return", network16, id32, total]    the voucher asks for so much of a vouch back, counted from its beginning, minor
                                      units; answered on the exchange protocol, see docs/protocol/exchange.md

To ask for a whole vouch, `return` of the exchange protocol says the same: a node that knows no parts understands that.
"""

from typing import NamedTuple

from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.limits import MAX_INT

PROTOCOL = "/p2pnode/vouch/1.0.0"


class ReturnPart(NamedTuple):
    network: bytes
    id: bytes
    total: int


def encode_message(message: ReturnPart) -> bytes:
    return encode(["return", *message])


def parse_message(data: bytes) -> ReturnPart:
    """The message that a frame holds, or `DecodeError`."""
    match decode(data):
        case ["return", bytes(network), bytes(id_), int(total)] if (
            len(network) == 16 and len(id_) == 32 and type(total) is int and 0 < total <= MAX_INT
        ):
            return ReturnPart(network, id_, total)
    raise DecodeError("not a message of this protocol", "field")
