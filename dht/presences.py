"""Which values the DHT keeps: presences of authors, each under its author's key, and nothing else."""

from collections.abc import Callable, Sequence

from protocols.errors import Reject
from protocols.presence import Checked, check_presence

from .keys import author_key


class Presences:
    """now: gives the time to go by, ms."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now

    def validate(self, key: bytes, value: bytes) -> None:
        """`Reject` for what is not the presence of the author that this key stands for, or has expired."""
        self._checked(key, value)

    def select(self, key: bytes, values: Sequence[bytes]) -> int:
        """The index of the one that stays; what is not sound stays behind all others."""

        def rank(index: int) -> tuple[int, int, int, bytes]:
            try:
                return self._checked(key, values[index]).rank
            except Reject:
                return -1, 0, 0, b""

        return max(range(len(values)), key=rank)

    def _checked(self, key: bytes, value: bytes) -> Checked:
        checked = check_presence(value, self._now())
        if author_key(checked.record.network, checked.record.author) != key:
            raise Reject("context", "under another author's key")
        return checked
