"""Who gives way when there is no room for one more connection, in the manner of Bitcoin Core. Pure.

Were newcomers simply refused, a crowd that came first would keep everybody out for ever. So somebody leaves: never one
that we dialled for ourselves, and not those that are the best in some respect that is hard to feign for all places at
once: of address blocks that nobody can choose beforehand, quick to answer, useful of late, here for long. Of the rest
the youngest of the largest block leaves, so that a crowd makes room out of its own.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from p2pnode.bounds import PROTECTED_BLOCKS, PROTECTED_QUICK, PROTECTED_USEFUL


@dataclass(frozen=True, slots=True)
class Seat:
    """What matters of one connection. kept: we dialled it for ourselves; block: its wide block of addresses; since,
    useful_at: seconds of one clock, useful_at 0 if it never was; rtt: seconds, 0 if not measured."""

    peer: str
    kept: bool
    block: str
    since: float
    rtt: float = 0.0
    useful_at: float = 0.0


def gives_way(seats: Sequence[Seat], key: bytes) -> Seat | None:
    """Who leaves; None if all are protected. key: chance that no peer knows, the same for a run of the node."""
    left = [seat for seat in seats if not seat.kept]
    left = _without(left, _of_blocks(left, key))
    left = _without(left, _first([s for s in left if s.rtt], lambda s: s.rtt, PROTECTED_QUICK))
    left = _without(left, _first([s for s in left if s.useful_at], lambda s: -s.useful_at, PROTECTED_USEFUL))
    left = _without(left, _first(left, lambda s: s.since, len(left) // 2))
    if not left:
        return None
    sizes = Counter(seat.block for seat in left)
    return max(left, key=lambda seat: (sizes[seat.block], seat.since, seat.peer))


def _of_blocks(seats: Sequence[Seat], key: bytes) -> list[Seat]:
    """The longest connected of each of some blocks."""
    oldest: dict[str, Seat] = {}
    for seat in sorted(seats, key=lambda s: (s.since, s.peer)):
        oldest.setdefault(seat.block, seat)

    def drawn(seat: Seat) -> bytes:
        return hashlib.blake2b(seat.block.encode(), key=key).digest()

    return _first(list(oldest.values()), drawn, PROTECTED_BLOCKS)


def _first(seats: Sequence[Seat], order: Callable[[Seat], Any], count: int) -> list[Seat]:
    return sorted(seats, key=lambda seat: (order(seat), seat.peer))[:count]


def _without(seats: Sequence[Seat], protected: Sequence[Seat]) -> list[Seat]:
    safe = {seat.peer for seat in protected}
    return [seat for seat in seats if seat.peer not in safe]
