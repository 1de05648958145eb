"""What has come to a network's catalog lately, in order: so a neighbour that was away is told just that. Pure.

A node counts the records that it added since it started and remembers, for each neighbour, up to which of them both
held the same. When the neighbour connects again it is told the ids of those after. Neither number leaves this node, so
nobody can lie about one; a restart, or another's loss of records, makes nothing wrong, since both then compare all that
they hold.
"""

from collections import OrderedDict, deque
from typing import Final, NamedTuple

MAX_ARRIVALS: Final = 3_600  # 64 bytes of HAVE each: about what it costs to compare 100,000 records from the start
MAX_LEVELS: Final = 1_024  # peers


class Level(NamedTuple):
    """A neighbour held the same when `number` records had come. shared: the prefixes for which this is so."""

    number: int
    shared: frozenset[str]


class Arrivals:
    """The newest records of one network, and how far the neighbours have followed."""

    def __init__(self) -> None:
        self.number = 0
        self._newest: deque[tuple[bytes, str | None]] = deque(maxlen=MAX_ARRIVALS)
        self._levels: OrderedDict[str, Level] = OrderedDict()

    def add(self, record_id: bytes, source: str | None) -> None:
        """A record was added. source: the peer that sent it."""
        self._newest.append((record_id, source))
        self.number += 1

    def since(self, number: int, peer: str) -> list[bytes]:
        """Ids of what came later, not from this peer; nothing if that is too long ago."""
        count = self.number - number
        if count > len(self._newest):
            return []
        newest = list(self._newest)[len(self._newest) - count :]
        return [record_id for record_id, source in newest if source != peer]

    def left(self, peer: str, level: Level | None) -> None:
        """A neighbour is gone, having followed so far."""
        if level is None:
            return
        self._levels[peer] = level
        self._levels.move_to_end(peer)
        if len(self._levels) > MAX_LEVELS:
            self._levels.popitem(last=False)

    def back(self, peer: str) -> Level | None:
        return self._levels.get(peer)
