"""What is done for others costs something, and what takes long is done in pieces. Pure; times in ms."""

from collections.abc import Generator
from typing import Generic, TypeVar

T = TypeVar("T")


class Budget:
    """`rate` a millisecond, at most `burst` saved up. One may spend more than there is; the next one waits for it."""

    def __init__(self, rate: int, burst: int, now: int) -> None:
        self._rate, self._burst = rate, burst
        self._left = burst
        self._at = now

    def ready(self, now: int) -> bool:
        """Whether anything is left."""
        self._left = min(self._burst, self._left + max(0, now - self._at) * self._rate)
        self._at = now
        return self._left > 0

    def spend(self, amount: int) -> None:
        self._left -= amount

    def due(self) -> int:
        """When something is left again, at the latest."""
        return self._at if self._left > 0 else self._at + 1 - self._left // self._rate


class Work(Generic[T]):
    """Something long. steps: yields what each part has cost, and returns the result."""

    def __init__(self, steps: Generator[int, None, T]) -> None:
        self._steps = steps
        self.result: T | None = None

    def go_on(self, most: int) -> int:
        """Do parts of it until they have cost `most`, or all is done and there is a `result`; what they cost. Raises
        what the work raises."""
        cost = 0
        while cost < most:
            try:
                cost += next(self._steps)
            except StopIteration as end:
                self.result = end.value
                break
        return cost


def whole(steps: Generator[int, None, T]) -> T:
    """All of it at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
