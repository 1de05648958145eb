"""When each of many is due, and who is first. Pure.

A heap that forgets by and by: whoever is given another time leaves his old one in it until that comes to the top.
"""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from typing import Final, Generic, TypeVar

SLACK: Final = 64  # old times in the heap, beside as many as there are valid ones

K = TypeVar("K", bound=Hashable)


class Timetable(Generic[K]):
    """Times in ms. Of those that are due at the same time the one comes first who was told of first."""

    def __init__(self) -> None:
        self._due: dict[K, tuple[int, int]] = {}  # with a ticket
        self._heap: list[tuple[int, int, K]] = []
        self._ticket = 0

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, key: K, due: int) -> None:
        """It is due then, and not as said before."""
        before = self._due.get(key)
        if before is not None and before[0] == due:
            return
        self._ticket += 1
        self._due[key] = due, self._ticket
        heappush(self._heap, (due, self._ticket, key))
        if len(self._heap) > 2 * len(self._due) + SLACK:
            self._heap = [(when, ticket, one) for one, (when, ticket) in self._due.items()]
            heapify(self._heap)

    def sooner(self, key: K, due: int) -> None:
        """It is due then at the latest."""
        before = self._due.get(key)
        if before is None or due < before[0]:
            self.put(key, due)

    def drop(self, key: K) -> None:
        self._due.pop(key, None)

    def first(self) -> int | None:
        """When the first is due; None if nobody is."""
        heap = self._heap
        while heap:
            due, ticket, key = heap[0]
            if self._due.get(key) == (due, ticket):
                return due
            heappop(heap)
        return None

    def take(self, now: int, most: int) -> list[K]:
        """Up to `most` of those that are due, the first ones; they are taken out."""
        found: list[K] = []
        while len(found) < most and (due := self.first()) is not None and due <= now:
            key = heappop(self._heap)[2]
            del self._due[key]
            found.append(key)
        return found
