"""An ordered set of items that answers at once how many lie in a range, and what they add up to.

The fingerprint of a range is made of the sum of its ids modulo 2^256 and of their number, so it can be kept up as
items come and go, and those of neighbouring ranges, or of sets without common items, add up.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from heapq import merge
from itertools import islice
from typing import Final

_CHUNK: Final = 256
SAMPLE: Final = 4_096
_MASK: Final = (1 << 256) - 1


class ItemSet:
    """Items in order, in chunks that each know their sum. Insertion and range sums take O(√n) small steps."""

    __slots__ = ("_chunks", "_firsts", "_len", "_sums")

    def __init__(self) -> None:
        self._chunks: list[list[bytes]] = []
        self._firsts: list[bytes] = []
        self._sums: list[int] = []
        self._len = 0

    def __len__(self) -> int:
        return self._len

    @property
    def least(self) -> bytes:
        """`IndexError` if there is none."""
        return self._firsts[0]

    def add(self, item: bytes) -> None:
        """Add an item that is not in the set."""
        if not self._chunks:
            self._chunks, self._firsts, self._sums = [[]], [item], [0]
        i = bisect_right(self._firsts, item) - 1
        if i < 0:
            i, self._firsts[0] = 0, item
        chunk = self._chunks[i]
        insort(chunk, item)
        self._sums[i] += int.from_bytes(item[32:], "big")
        self._len += 1
        if len(chunk) > _CHUNK:
            tail = chunk[_CHUNK // 2 :]
            del chunk[_CHUNK // 2 :]
            moved = _sum(tail)
            self._sums[i] -= moved
            self._chunks.insert(i + 1, tail)
            self._firsts.insert(i + 1, tail[0])
            self._sums.insert(i + 1, moved)

    def remove(self, item: bytes) -> None:
        """Take out an item; `KeyError` if it is not in the set."""
        i = bisect_right(self._firsts, item) - 1
        chunk = self._chunks[i] if i >= 0 else []
        j = bisect_left(chunk, item)
        if j == len(chunk) or chunk[j] != item:
            raise KeyError(item)
        del chunk[j]
        self._len -= 1
        self._sums[i] -= int.from_bytes(item[32:], "big")
        if chunk:
            self._firsts[i] = chunk[0]
        else:
            del self._chunks[i], self._firsts[i], self._sums[i]

    def totals(self, low: bytes, high: bytes | None) -> tuple[int, int]:
        """Number and sum of the items in `[low, high)`; `None` is beyond every item."""
        number = total = 0
        for i, start, end in self._spans(low, high):
            chunk = self._chunks[i]
            number += end - start
            total += self._sums[i] if end - start == len(chunk) else _sum(chunk[start:end])
        return number, total

    def items(self, low: bytes, high: bytes | None, step: int = 1) -> Iterator[bytes]:
        """Every `step`-th item of a range, in order."""
        skip = 0
        for i, start, end in self._spans(low, high):
            yield from self._chunks[i][start + skip : end : step]
            skip = (skip - (end - start)) % step

    def _spans(self, low: bytes, high: bytes | None) -> Iterator[tuple[int, int, int]]:
        first = max(0, bisect_right(self._firsts, low) - 1)
        last = len(self._chunks) if high is None else bisect_left(self._firsts, high)
        for i in range(first, last):
            chunk = self._chunks[i]
            start = bisect_left(chunk, low) if i == first else 0
            end = bisect_left(chunk, high) if high is not None and i == last - 1 else len(chunk)
            if start < end:
                yield i, start, end


class View:
    """Several disjoint sets seen as one: what two neighbours share."""

    __slots__ = ("_sets",)

    def __init__(self, sets: Sequence[ItemSet]) -> None:
        self._sets = sets

    @property
    def width(self) -> int:
        """Of how many sets it is made."""
        return len(self._sets)

    def totals(self, low: bytes, high: bytes | None) -> tuple[int, int]:
        number = total = 0
        for items in self._sets:
            n, s = items.totals(low, high)
            number += n
            total += s
        return number, total

    def fingerprint(self, low: bytes, high: bytes | None) -> tuple[int, bytes]:
        """The number of items in a range, and the 16 bytes that stand for it."""
        number, total = self.totals(low, high)
        return number, fingerprint(number, total)

    def items(self, low: bytes, high: bytes | None) -> list[bytes]:
        """The items of a range, in order."""
        if len(self._sets) == 1:
            return list(self._sets[0].items(low, high))
        return sorted(item for items in self._sets for item in items.items(low, high))

    def first(self, low: bytes, high: bytes | None, most: int) -> list[bytes]:
        """The first items of a range, in order, at most so many."""
        return list(islice(merge(*(items.items(low, high) for items in self._sets)), most))

    def bounds(self, low: bytes, high: bytes | None, parts: int) -> list[bytes]:
        """At most `parts − 1` bounds that cut a range into parts of about the same number of items.

        Each is the shortest prefix that tells the item it stands before from the one before that. In a range of
        more than 4,096 items a sample decides.
        """
        number, _ = self.totals(low, high)
        step = max(1, number // SAMPLE)
        sample = sorted(item for items in self._sets for item in items.items(low, high, step))
        found: list[bytes] = []
        for k in range(1, parts):
            i = k * len(sample) // parts
            if i > 0:
                bound = _between(sample[i - 1], sample[i])
                if bound > low and (not found or bound > found[-1]):
                    found.append(bound)
        return found


def fingerprint(number: int, total: int) -> bytes:
    """First 16 bytes of BLAKE2b-256 over the sum of the ids (32 bytes, big-endian) and their number (8)."""
    data = (total & _MASK).to_bytes(32, "big") + number.to_bytes(8, "big")
    return blake2b(data, digest_size=32).digest()[:16]


def _sum(items: Sequence[bytes]) -> int:
    return sum(int.from_bytes(item[32:], "big") for item in items)


def _between(before: bytes, item: bytes) -> bytes:
    """The shortest prefix of `item` that is greater than `before`."""
    n = next(i for i in range(len(item)) if item[i : i + 1] != before[i : i + 1])
    return item[: n + 1]
