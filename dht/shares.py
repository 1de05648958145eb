"""Room that strangers share: when it is full, whoever has taken most of it gives way. Pure."""

from collections.abc import Hashable
from typing import Generic, TypeVar

Row = TypeVar("Row", bound=Hashable)


class Shares(Generic[Row]):
    """Which rows there are, and who brought each. most: rows in all, at least 1.

    A source with many rows loses its oldest to make room; one that floods pushes out nobody but itself.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._source: dict[Row, str] = {}
        self._rows: dict[str, dict[Row, None]] = {}

    def __len__(self) -> int:
        return len(self._source)

    def add(self, row: Row, source: str) -> Row | None:
        """Enter a row, or move it to another source; the row that gives way for it, if one must."""
        self.drop(row)
        gone = None
        if len(self._source) >= self._most:
            heaviest = max(self._rows.values(), key=len)
            gone = next(iter(heaviest))
            self.drop(gone)
        self._source[row] = source
        self._rows.setdefault(source, {})[row] = None
        return gone

    def drop(self, row: Row) -> None:
        source = self._source.pop(row, None)
        if source is not None:
            rows = self._rows[source]
            del rows[row]
            if not rows:
                del self._rows[source]
