"""Which records are being asked for, so that two neighbours are not asked at a time; and who need not wait. Pure.

Whoever is asked has a while in which nobody else is. It costs nothing to be asked first and to hand nothing out, and
there may be any number that do: so the second to be asked for one record has half of that while, the third half again,
and all of them together keep it from the others for less than twice what the first may.
"""

from collections import OrderedDict
from typing import Final

MAX_FLIGHTS: Final = 32_768  # ids; what is forgotten may be asked for twice


class Flights:
    """The ids that the neighbours of one network were asked for. Times in ms."""

    def __init__(self) -> None:
        self._asked: OrderedDict[bytes, tuple[int, int]] = OrderedDict()  # id -> until when, how many had their turn

    def __len__(self) -> int:
        return len(self._asked)

    def until(self, record_id: bytes) -> int:
        """Until when one neighbour alone is asked for this record; 0: none is."""
        return self._asked.get(record_id, (0, 0))[0]

    def take_off(self, record_id: bytes, now: int, pause: int) -> None:
        """A neighbour is asked, and at first, for so long, it alone."""
        until, turns = self._asked.get(record_id, (0, 0))
        if pause:
            until, turns = now + (pause >> turns), turns + 1
        self._asked[record_id] = until, turns
        self._asked.move_to_end(record_id)
        if len(self._asked) > MAX_FLIGHTS:
            self._asked.popitem(last=False)

    def turn_back(self, record_id: bytes) -> None:
        """Its answer was full before this record: it was no turn."""
        turns = self._asked.pop(record_id, (0, 0))[1]
        if turns > 1:
            self._asked[record_id] = 0, turns - 1

    def fail(self, record_id: bytes) -> None:
        """Who was asked has not handed it out, or is gone."""
        if record_id in self._asked:
            self._asked[record_id] = 0, self._asked[record_id][1]

    def land(self, record_id: bytes) -> None:
        """The record is here."""
        self._asked.pop(record_id, None)
