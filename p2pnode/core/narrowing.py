"""A node short of disk keeps fewer cells: those around its own go first, its own last; and they come back.

It says so to its neighbours (HELLO), so nobody sends what is not kept, and of a cell that it does keep it still holds
the same as everybody. What is for the whole network (profiles, ratings, vouches) and what is ours stays.
"""

from collections.abc import Callable, Iterable
from itertools import islice

from p2pnode.bounds import DISK_ENOUGH, DISK_LOW, NARROW_AFTER, SHED_AT_ONCE, SHED_EVERY, WIDEN_AFTER
from protocols.cell import neighbours
from protocols.codec import decode, encode
from protocols.limits import MAX_CELLS

from .effects import Emit
from .keys import SINGLE
from .state import Network, State

ALL, NEAR, OWN = range(3)  # the cells around, too; those where we have listings; our own cell alone
_KEY = SINGLE + b"narrow"
_WORDS = ("all", "near", "own")


def cells(area: str, precision: int, own: Iterable[str], level: int) -> tuple[str, ...]:
    """The prefixes whose records a node keeps. area: its own, as far as it says; own: the scopes of its listings. Where
    it does not say which cell is its own, it keeps all of what it says, and under `OWN` nothing but what is for all."""
    if len(area) < precision:
        elsewhere = sorted(scope for scope in own if not scope.startswith(area))
        return ((area, *elsewhere[: MAX_CELLS - 1]), tuple(sorted(own)[: MAX_CELLS - 1]), ())[level]
    if level == OWN:
        return (area,)
    around = neighbours(area) if level == ALL else ()
    return tuple(sorted({area, *around, *sorted(own)[: MAX_CELLS - 9]}))


class Narrowing:
    """changed: takes part with other scopes; gone: deletes records that the catalog let go of."""

    def __init__(
        self,
        state: State,
        changed: Callable[[Network, int], None],
        gone: Callable[[Network, tuple[bytes, ...]], None],
    ) -> None:
        self._state = state
        self._changed, self._gone = changed, gone
        stored = state.journal.get(_KEY)
        self.level: int = min(OWN, decode(stored)) if stored else ALL
        self._since: int | None = None  # the last change
        self._shed_at: int | None = 0 if self.level else None
        self._free: int | None = None
        self._roomy = False  # there is enough again

    def scopes(self, network: Network) -> tuple[str, ...]:
        """What this node keeps of a network now."""
        precision = network.genesis.cell_precision
        area = network.home(self._state.settings.area)
        rows = network.catalog.rows(kind="listing", author=self._state.me)
        return cells(area, precision, {row.scope for row in rows if row.scope}, self.level)

    def space(self, free: int, total: int, now: int) -> None:
        """How many bytes of the file system of the store are free, of how many."""
        if not total:
            return
        self._free, self._roomy = free, free >= min(DISK_ENOUGH, total * 3 // 20)
        waited = None if self._since is None else abs(now - self._since)  # also when the clock was set back
        if free < min(DISK_LOW, total // 20):
            if self.level < OWN and (waited is None or waited >= NARROW_AFTER):
                self._change(self.level + 1, now)
        elif self._roomy and self.level > ALL:
            if waited is None:
                self._since = now
            elif waited >= WIDEN_AFTER:
                self._change(self.level - 1, now)

    def woke(self, now: int) -> None:
        """Let go of some of what lies outside of our scopes, so that nothing else has to wait."""
        if self._shed_at is None or self._shed_at > now:
            return
        self._shed_at = None
        for network in self._state.joined:
            rows = network.catalog.outside(network.scopes, self._state.me)
            removed = tuple(row.id for row in islice(rows, SHED_AT_ONCE))
            for record_id in removed:
                network.catalog.take_back(record_id)
            self._gone(network, removed)
            if removed:
                self._shed_at = now + SHED_EVERY

    def next_wake(self) -> int | None:
        return self._shed_at

    def warnings(self, now: int) -> list[str]:
        if self.level == ALL:
            return []
        there = "" if self._free is None else f" ({self._free // 10**7 * 10} MB free)"
        kept = "your own cell" if self.level == OWN else "your own cell and those where you have listings"
        how, later = ("was", "within hours") if self._roomy else ("is", "when there is room")
        return [f"the disk {how} nearly full{there}: of the places around, only {kept} is kept; more {later}"]

    def json(self) -> dict[str, object]:
        return {"keeps": _WORDS[self.level]}

    def _change(self, level: int, now: int) -> None:
        self.level, self._since = level, now
        self._shed_at = now if level else None
        self._state.journal.put(_KEY, encode(level), durable=False)
        for network in self._state.joined:
            self._changed(network, now)
        self._state.journal.out(Emit("disk", self.json()))
