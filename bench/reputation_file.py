"""The CSV of `bench.reputation`, as strangers write it.

A line is rater, ratee, rating, time in seconds since 1970; the columns parted by commas, semicolons or tabs; ids are
any text; packed by gzip or not; in any order. A header, empty lines and lines that begin with # are passed over. So are
ratings of oneself, those that are neither good nor bad, and what the same one said of the same one at the same time
once more (the best of them counts). Any other line is refused with its number.

Ratings are moved and stretched so that they reach from -10 to 10 around what is neither good nor bad: 0 where the file
has ratings below it; else, and unless it is given, the middle between its lowest and its highest.
"""

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Final, NamedTuple

from .reputation_data import Rating

STRONGEST: Final = 10
LATEST: Final = 7_258_118_400  # the year 2200; what is beyond are not seconds
_COLUMNS: Final = ("rater", "ratee", "rating", "time")
_GZIP: Final = b"\x1f\x8b"


class Found(NamedTuple):
    """ratings: oldest first. repeated, selves, neither: how many lines were passed over, and why. neutral: what is
    neither good nor bad; guessed: whether the file left that open. lowest, highest: as in the file."""

    ratings: list[Rating]
    repeated: int
    selves: int
    neither: int
    neutral: float
    guessed: bool
    lowest: float
    highest: float

    @property
    def about(self) -> str:
        """For people, in one line."""
        people = {r.rater for r in self.ratings} | {r.ratee for r in self.ratings}
        bad = sum(r.rating < 0 for r in self.ratings) / len(self.ratings)
        said = f"{len(self.ratings):,} ratings of {len(people):,} people, {bad:.1%} bad"
        if self.guessed:
            said += f"; from {self.lowest:g} to {self.highest:g}: above {self.neutral:g} is good (else: --neutral)"
        passed = (
            (self.repeated, "repeated"),
            (self.selves, "of oneself"),
            (self.neither, "neither good nor bad"),
        )
        over = ", ".join(f"{count:,} {what}" for count, what in passed if count)
        return said + (f"; passed over: {over}" if over else "")


def read(path: Path, neutral: float | None = None) -> Found:
    """All ratings. neutral: what is neither good nor bad. `ValueError` with the file's name, and the line's number
    where there is one, for what is no such file; `OSError` if it cannot be read."""
    rows: dict[tuple[bytes, bytes, int], float] = {}
    count = selves = 0
    for rater, ratee, rating, at in _rows(path):
        count += 1
        if rater == ratee:
            selves += 1
        else:
            rows[rater, ratee, at] = max(rating, rows.get((rater, ratee, at), rating))
    if not rows:
        raise ValueError(f"{path}: no ratings")
    lowest, highest = min(rows.values()), max(rows.values())
    guessed = neutral is None and lowest >= 0
    middle = (lowest + highest) / 2 if guessed else neutral or 0.0
    most = max(abs(lowest - middle), abs(highest - middle))
    if lowest == highest:
        raise ValueError(f"{path}: all ratings are {lowest:g}, so there is nothing to tell apart")
    ratings = [
        Rating(rater, ratee, (rating - middle) * STRONGEST / most, at)
        for (rater, ratee, at), rating in rows.items()
        if rating != middle
    ]
    ratings.sort(key=lambda r: (r.at, r.rater, r.ratee))
    repeated = count - selves - len(rows)
    return Found(ratings, repeated, selves, len(rows) - len(ratings), middle, guessed, lowest, highest)


def _rows(path: Path) -> Iterator[tuple[bytes, bytes, float, int]]:
    lines = _lines(path)
    head = []
    for line in lines:
        head.append(line)
        if line.strip() and not line.startswith("#"):
            break
    parted = max(",;\t", key=head[-1].count) if head else ","
    table = csv.reader(chain(head, lines), delimiter=parted, skipinitialspace=True)
    begun = False
    while True:
        try:
            cells = next(table, None)
        except csv.Error as error:
            raise ValueError(f"{path}, line {table.line_num}: {error}") from None
        if cells is None:
            return
        if not any(cell.strip() for cell in cells) or cells[0].startswith("#"):
            continue
        if begun or not _is_header(cells):
            try:
                yield _row(cells)
            except ValueError as error:
                raise ValueError(f"{path}, line {table.line_num}: {error}") from None
        begun = True


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    opened = gzip.open if packed else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            yield from file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: {error}") from None


def _is_header(cells: Iterable[str]) -> bool:
    """Where neither the rating nor the time is a number."""
    return not any(_number(cell) is not None for cell in list(cells)[2:])


def _row(cells: list[str]) -> tuple[bytes, bytes, float, int]:
    if len(cells) != len(_COLUMNS):
        raise ValueError(f"{len(cells)} columns, not the four of {', '.join(_COLUMNS)}")
    rater, ratee, rating, at = (cell.strip() for cell in cells)
    for name, who in (("rater", rater), ("ratee", ratee)):
        if not who:
            raise ValueError(f"no {name}")
    value, seconds = _number(rating), _number(at)
    if value is None:
        raise ValueError(f"the rating is {rating[:40]!r}, which is no number")
    if seconds is None or not 0 <= seconds < LATEST:
        raise ValueError(f"the time is {at[:40]!r}, which is not in seconds since 1970")
    return _bytes(rater), _bytes(ratee), value, int(seconds * 1000)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if isfinite(found) else None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
