"""What is sealed is padded, so that its length says little: data ‖ 0x80 ‖ zero bytes up to the next multiple of 256."""

from protocols.errors import DecodeError
from protocols.limits import SEALED_STEP

_BOX = 48  # bytes that a sealed box is longer than what is in it
_END = b"\x80"


def pad(data: bytes) -> bytes:
    padded = data + _END
    return padded + bytes(-len(padded) % SEALED_STEP)


def unpad(plaintext: bytes, limit: int) -> bytes:
    """What was padded. limit: bytes of the sealed box. `DecodeError` for any other padding than that of `pad`."""
    data = plaintext.rstrip(b"\0")
    padded = len(data) + -len(data) % SEALED_STEP
    if not data.endswith(_END) or len(plaintext) != padded or padded > limit - _BOX:
        raise DecodeError("not padded as it should be", "field")
    return data[:-1]
