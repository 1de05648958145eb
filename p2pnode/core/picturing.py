"""Photos in the arguments of a listing: by then their files are on the disk, and only hashes are left of them."""

import re
from collections.abc import Sequence
from typing import Final

from protocols.errors import Refusal

_HASH: Final = re.compile(r"[0-9a-f]{64}")


def is_hash(text: str) -> bool:
    """Whether this is the hash of a photo, and no path of a picture."""
    return _HASH.fullmatch(text) is not None


def hashes_of(photos: Sequence[str]) -> tuple[bytes, ...]:
    """What a listing names, each once. `Refusal` for what is no hash."""
    for photo in photos:
        if not is_hash(photo):
            raise Refusal("usage", f"{photo[:200]!r} is not the hash of a photo", "Choose the picture again.")
    return tuple(bytes.fromhex(photo) for photo in dict.fromkeys(photos))
