"""How the newest known key of an author is stored."""

from protocols.codec import decode, encode
from protocols.identity import KeyState


def encode_key_state(state: KeyState, seq: int) -> bytes:
    """seq: last entry of the author's chain that the key before may have signed."""
    return encode([*state, seq])


def decode_key_state(data: bytes) -> tuple[KeyState, int]:
    epoch, key, next_hash, seq = decode(data)
    return KeyState(epoch, key, next_hash), seq
