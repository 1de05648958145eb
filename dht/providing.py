"""When to say what in the DHT: keys that are provided, values that are kept there. Pure.

Others forget a provider after a day, so everything is said again every 8 hours, each key at its own moment; what could
not be said, soon and then less often. Few at a time, so that a start does not flood those near a key.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from protocols.limits import HOUR, MINUTE, SECOND

SAID_AGAIN: Final = 8 * HOUR  # at the latest; a quarter less at the earliest
TRY_AGAIN: Final = MINUTE  # doubled with each failure
TRY_AGAIN_MAX: Final = HOUR
AT_ONCE: Final = 4
PACE: Final = 5 * SECOND


class Rng(Protocol):
    def randrange(self, start: int, stop: int | None = None, step: int = 1, /) -> int: ...


@dataclass(slots=True)
class _Key:
    due: int
    failures: int = 0


class Providing:
    """Times in ms."""

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._keys: dict[bytes, _Key] = {}
        self._next_at = 0

    def want(self, keys: Iterable[bytes], now: int) -> list[bytes]:
        """From now on these are said, new ones at once; those that are no more."""
        wanted = dict.fromkeys(keys)
        gone = [key for key in self._keys if key not in wanted]
        for key in gone:
            del self._keys[key]
        for key in wanted:
            self._keys.setdefault(key, _Key(now))
        return gone

    def again(self, now: int) -> None:
        """Everything is due: we have other addresses, or somebody to say it to."""
        for row in self._keys.values():
            row.due, row.failures = now, 0

    def renew(self, key: bytes, now: int) -> None:
        """One is due: what stands there is old."""
        row = self._keys.get(key)
        if row is not None:
            row.due = min(row.due, now)

    def due(self, now: int) -> list[bytes]:
        """What to say now; `said` follows for each, or it counts as failed."""
        if now < self._next_at <= now + PACE:
            return []
        found = sorted((key for key, row in self._keys.items() if self._is_due(row, now)), key=self._at)[:AT_ONCE]
        for key in found:
            row = self._keys[key]
            pause = min(TRY_AGAIN_MAX, TRY_AGAIN << min(row.failures, 10))
            row.due, row.failures = now + pause, row.failures + 1
        if found:
            self._next_at = now + PACE
        return found

    def said(self, key: bytes, kept: bool, now: int) -> None:
        """How it went. kept: whether anybody will remember it."""
        row = self._keys.get(key)
        if row is not None and kept:
            row.due, row.failures = now + SAID_AGAIN - self._rng.randrange(SAID_AGAIN // 4), 0

    def next_wake(self) -> int | None:
        """When something is due; None if nothing is provided."""
        return max(self._next_at, min(row.due for row in self._keys.values())) if self._keys else None

    def _at(self, key: bytes) -> int:
        return self._keys[key].due

    @staticmethod
    def _is_due(row: _Key, now: int) -> bool:
        return row.due <= now or row.due > now + SAID_AGAIN  # or the clock was set
