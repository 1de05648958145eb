"""The code that is shown at the door: who knows it stands where the parcel is to go.

12 characters of Crockford's base32, 60 bits from the system's source of chance. Terms name its hash
(`duties.door_hash`) and both parties keep them, so a short number would not do: all can be tried against the hash.
"""

from typing import Final, Protocol

from protocols.errors import Refusal

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O, U
LENGTH: Final = 12
_READ_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": "", "\u2013": "", "\u2212": ""})


class Rng(Protocol):
    def randbytes(self, n: int, /) -> bytes: ...


def make_code(rng: Rng) -> str:
    """A new one, as it is hashed."""
    number = int.from_bytes(rng.randbytes(8), "big")
    return "".join(ALPHABET[number >> 5 * i & 31] for i in range(LENGTH))


def parse_code(text: str) -> str:
    """As it is hashed, however it was typed: small letters, O for 0, I or L for 1, dashes or none. `Refusal`."""
    code = text.strip().upper().translate(_READ_AS)
    if len(code) != LENGTH or not set(code) <= set(ALPHABET):
        raise Refusal("usage", f"a code for the door has {LENGTH} letters and digits", "For example K7QM-2XPD-9V3T.")
    return code


def format_code(code: str) -> str:
    """In three groups, as one reads it out: `K7QM-2XPD-9V3T`."""
    return "-".join(code[i : i + 4] for i in range(0, LENGTH, 4))
