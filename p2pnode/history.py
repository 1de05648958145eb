"""What the node remembers of its own figures, for graphs: each minute of a day, each hour of ninety days. Pure.

Bounded whatever happens: two rings. Times are those of this machine's clock; where it was set back, what was ahead of
it goes.
"""

from collections import deque
from typing import Any, Final

from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.limits import HOUR, MAX_INT, MINUTE

from .bounds import HISTORY_HOURS, HISTORY_MINUTES, MAX_HISTORY_FILE

VERSION: Final = 1
# How many minutes become an hour: what is counted adds up, of what lasts too long the worst is kept.
SUMS: Final = ("frames_in", "frames_out")
WORST: Final = ("latency_ms", "queue", "sync_lag_ms", "memory_bytes")
COLUMNS: Final = (
    "peers",
    "records",
    "listings",
    "exchanges",
    "ledger_entries",
    "bans",
    "frames_in",
    "frames_out",
    "latency_ms",
    "queue",
    "sync_lag_ms",
    "memory_bytes",
    "store_bytes",
    "index_bytes",
    "disk_free_bytes",
)
Row = tuple[int, ...]  # ms, then the columns in their order
STEPS: Final = {"minute": MINUTE, "hour": HOUR}


class History:
    """Rings of rows, the oldest first."""

    def __init__(self) -> None:
        self._rings: dict[str, deque[Row]] = {
            "minute": deque(maxlen=HISTORY_MINUTES),
            "hour": deque(maxlen=HISTORY_HOURS),
        }

    def add(self, now: int, figures: dict[str, int]) -> None:
        """The figures of the minute that ends. With the first of a new hour, the hour before is summed up."""
        for ring in self._rings.values():
            while ring and ring[-1][0] > now:
                ring.pop()
        minutes = self._rings["minute"]
        if minutes and minutes[-1][0] // HOUR != now // HOUR:
            hour = minutes[-1][0] // HOUR
            self._rings["hour"].append(_summed(hour * HOUR, [row for row in minutes if row[0] // HOUR == hour]))
        minutes.append((now, *(min(max(int(figures[name]), 0), MAX_INT) for name in COLUMNS)))

    def rows(self, step: str, since: int) -> list[Row]:
        """Those of a step from a time on, ms."""
        return [row for row in self._rings[step] if row[0] >= since]

    def encode(self) -> bytes:
        """For the file in the home folder."""
        return encode([VERSION, list(COLUMNS), *([list(row) for row in ring] for ring in self._rings.values())])

    @classmethod
    def decode(cls, data: bytes) -> "History":
        """From such a file. `DecodeError` for what is none; one with other columns counts as empty."""
        made = cls()
        value: Any = decode(data, MAX_HISTORY_FILE)
        if type(value) is not list or len(value) != 2 + len(STEPS):
            raise DecodeError("the history is no list of rings")
        if value[:2] != [VERSION, list(COLUMNS)]:
            return made
        for ring, rows in zip(made._rings.values(), value[2:], strict=True):
            if type(rows) is not list or not all(_sound(row) for row in rows):
                raise DecodeError("a ring of the history holds something else than rows")
            ring.extend(tuple(row) for row in rows)
        return made


def _sound(row: Any) -> bool:
    return type(row) is list and len(row) == 1 + len(COLUMNS) and all(type(n) is int and n >= 0 for n in row)


def _summed(at: int, rows: list[Row]) -> Row:
    made = [at]
    for number, name in enumerate(COLUMNS, 1):
        values = [row[number] for row in rows]
        total = sum(values)
        made.append(min(total, MAX_INT) if name in SUMS else max(values) if name in WORST else total // len(values))
    return tuple(made)
