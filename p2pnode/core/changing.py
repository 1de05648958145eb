"""When time alone changes an exchange: a heap of moments, each looked at once when it has come."""

from collections.abc import Iterator
from heapq import heappop, heappush

from p2pnode.bounds import LOOKED_AT_ONCE


class Changes:
    def __init__(self) -> None:
        self._heap: list[tuple[int, bytes]] = []  # ms, exchange

    def add(self, at: int, exchange: bytes) -> None:
        heappush(self._heap, (at, exchange))

    def next(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def due(self, now: int) -> Iterator[tuple[int, bytes]]:
        """Those whose time has come, some at a time: when, and which exchange."""
        for _ in range(LOOKED_AT_ONCE):
            if not self._heap or self._heap[0][0] > now:
                return
            found = heappop(self._heap)
            while self._heap and self._heap[0] == found:
                heappop(self._heap)
            yield found
