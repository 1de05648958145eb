"""Messages of `/p2pnode/join/1.0.0`: canonical arrays, one a frame.

    ["join", network16 | empty, inception, token | empty, proof | empty]
        a newcomer asks to be let in: into this network, or (empty) into any that the peer lets strangers join.
        With an invite: token is its wire form, proof shows that its link is held (`protocols.redemption`).
    ["welcome", genesis wire, countersignature | empty, vouch entry in full | empty]
    ["refused", code, text]

The newcomer asks again until it is answered; a repeated request gets the same answer.
"""

from typing import NamedTuple

from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.fields import is_reason

PROTOCOL = "/p2pnode/join/1.0.0"


class Join(NamedTuple):
    network: bytes
    inception: bytes
    token: bytes
    proof: bytes


class Welcome(NamedTuple):
    genesis: bytes
    countersignature: bytes
    vouch: bytes


class Refused(NamedTuple):
    code: str
    text: str


Message = Join | Welcome | Refused
_TAGS: dict[type, str] = {Join: "join", Welcome: "welcome", Refused: "refused"}


def encode_message(message: Message) -> bytes:
    return encode([_TAGS[type(message)], *message])


def parse_message(data: bytes) -> Message:
    """The message that a frame holds, or `DecodeError`."""
    match decode(data):
        case ["join", bytes(network), bytes(inception), bytes(token), bytes(proof)] if len(network) in (0, 16) and len(
            proof
        ) in (0, 64):
            return Join(network, inception, token, proof)
        case ["welcome", bytes(genesis), bytes(countersignature), bytes(vouch)] if len(countersignature) in (0, 64):
            return Welcome(genesis, countersignature, vouch)
        case ["refused", str(code), str(text)] if is_reason(code, text):
            return Refused(code, text)
    raise DecodeError("not a message of this protocol", "field")
