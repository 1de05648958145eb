"""Which times of a listing are taken, where too much is, and where there is room. Spans of time, end exclusive.

A sweep over the borders: exact, and it costs n log n for n bookings. It knows no zones and no calendar: what a
recurrence rule means has been made into spans before.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """start, end: ms, end exclusive."""

    start: int
    end: int


class Booking(NamedTuple):
    """key: whose it is; of several bookings of one key, which are alternatives, the largest counts at each instant."""

    key: bytes
    start: int
    end: int
    quantity: int


def conflicts(booked: Iterable[Booking], asked: Span, quantity: int, capacity: int) -> tuple[Span, ...]:
    """Where in the span that is asked for `quantity` more would be more than the capacity; ascending, apart."""
    return merged(span for span, taken in _taken(booked, asked) if taken + quantity > capacity)


def free(windows: Iterable[Span], booked: Iterable[Booking], quantity: int, capacity: int) -> tuple[Span, ...]:
    """Where in these windows there is room for `quantity` more; ascending, apart."""
    rows = [*booked]
    return merged(
        span
        for window in merged(windows)
        for span, taken in _taken(rows, window)
        if taken + quantity <= capacity
    )  # fmt: skip


def outside(windows: Iterable[Span], asked: Span) -> tuple[Span, ...]:
    """What of the span that is asked for lies in none of these windows."""
    found, at = [], asked.start
    for window in merged(windows):
        if at < window.start and at < asked.end:
            found.append(Span(at, min(window.start, asked.end)))
        at = max(at, window.end)
    return (*found, Span(at, asked.end)) if at < asked.end else tuple(found)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same time in the fewest spans, ascending."""
    found: list[Span] = []
    for span in sorted(s for s in spans if s.start < s.end):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return tuple(found)


def _taken(booked: Iterable[Booking], within: Span) -> Iterator[tuple[Span, int]]:
    """The span in pieces, and how much is taken in each."""
    by_key: dict[bytes, list[Booking]] = {}
    for row in booked:
        if row.start < within.end and within.start < row.end:
            by_key.setdefault(row.key, []).append(row)
    change: dict[int, int] = {within.start: 0, within.end: 0}
    for rows in by_key.values():
        for start, end, quantity in _largest(rows):
            first, last = max(start, within.start), min(end, within.end)
            if first < last:
                change[first] = change.get(first, 0) + quantity
                change[last] = change.get(last, 0) - quantity
    taken, borders = 0, sorted(change)
    for at, after in pairwise(borders):
        taken += change[at]
        yield Span(at, after), taken


def _largest(rows: list[Booking]) -> list[tuple[int, int, int]]:
    """Bookings of one key as (start, end, quantity) that do not overlap: the largest at each instant."""
    if len(rows) == 1:
        return [rows[0][1:]]
    borders = sorted({at for row in rows for at in row[1:3]})
    return [
        (at, after, max((row.quantity for row in rows if row.start <= at < row.end), default=0))
        for at, after in pairwise(borders)
    ]
