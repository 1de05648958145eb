"""The rotation record: an author's next key, signed by that key, which the key before committed to.

Its name is the epoch, 4 bytes big-endian, so that every rotation keeps a slot of its own.
"""

from typing import Final

from protocols.envelope import Record
from protocols.errors import DecodeError
from protocols.fields import expect, open_payload
from protocols.identity import Rotation

KIND: Final = "rotation"


def rotation_name(epoch: int) -> bytes:
    """The name of the record of the rotation to this epoch."""
    return epoch.to_bytes(4, "big")


def parse_rotation(record: Record) -> Rotation:
    """What a rotation record says; whether it follows the key before is `identity.rotated`'s to check."""
    expect(record.name == rotation_name(record.epoch), "name")
    rotation = open_payload(record, KIND, Rotation, name=None)
    if len(rotation.key) != 32 or len(rotation.next_hash) != 32 or rotation.seq < -1:
        raise DecodeError("rotation: keys of 32 bytes, a seq from -1", "field")
    return rotation
