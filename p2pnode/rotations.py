"""Key rotations as records, and how the newest known key of an author is stored."""

from protocols.codec import decode, decode_as, encode
from protocols.envelope import Record
from protocols.errors import DecodeError, Reject
from protocols.identity import KeyState, Rotation
from protocols.limits import MAX_PAYLOAD


def parse_rotation(record: Record) -> Rotation:
    """What a rotation record says. Its name is the epoch, so that every rotation keeps a slot of its own."""
    if record.kind != "rotation" or record.withdrawn:
        raise Reject("field", "a rotation cannot be taken back")
    if record.name != record.epoch.to_bytes(4, "big") or record.scope:
        raise Reject("field", "rotation: name or scope")
    rotation = decode_as(record.payload, Rotation, MAX_PAYLOAD)
    if len(rotation.key) != 32 or len(rotation.next_hash) != 32:
        raise DecodeError("rotation: keys are 32 bytes", "field")
    return rotation


def encode_key_state(state: KeyState, seq: int) -> bytes:
    """seq: last entry of the author's chain that the key before may have signed."""
    return encode([*state, seq])


def decode_key_state(data: bytes) -> tuple[KeyState, int]:
    epoch, key, next_hash, seq = decode(data)
    return KeyState(epoch, key, next_hash), seq
