"""Bytes that have come and are not read yet.

Kept in pieces of about one size: a buffer that grows to a window and shrinks again is moved as it does so, and leaves
holes in the heap: a crowd that filled its windows cost six times the memory that it held.
"""

from collections import deque
from typing import Final

PIECE: Final = 8 * 1024


class Pieces:
    def __init__(self) -> None:
        self._pieces: deque[bytearray] = deque()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, data: bytes) -> None:
        self._size += len(data)
        view = memoryview(data)
        while view:
            if not self._pieces or len(self._pieces[-1]) >= PIECE:
                self._pieces.append(bytearray())
            room = PIECE - len(self._pieces[-1])
            self._pieces[-1] += view[:room]
            view = view[room:]

    def take(self, most: int) -> bytes:
        """The first bytes, at most so many."""
        out = bytearray()
        while self._pieces and len(out) < most:
            piece = self._pieces[0]
            wanted = most - len(out)
            if len(piece) <= wanted:
                out += self._pieces.popleft()
            else:
                out += piece[:wanted]
                del piece[:wanted]
        self._size -= len(out)
        return bytes(out)

    def clear(self) -> None:
        self._pieces.clear()
        self._size = 0
