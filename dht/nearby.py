"""Whom to be connected to so that the records of a cell reach all who keep it. Pure.

A record travels along those who keep its cell. In a network of many cells, connections by chance lead mostly to where
nobody keeps ours; so of those that a node makes some are chosen by what the others keep. Two go to who keeps all that
is around us, as those do whose home is in our cell: they hold the cell together. They alone would hold together
nothing else, so of each scope that we keep somebody else, too, keeps it. Where nobody lives in our cell, two do.
"""

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final, TypeVar

from protocols.cell import neighbours

from .keys import covers

HOMES: Final = 2  # who keep all that is around us
OTHERS: Final = 1  # who keep a scope of ours, beside them
ALONE: Final = 2  # where there are too few of those

Scopes = tuple[str, ...]
T = TypeVar("T")


@lru_cache(maxsize=4096)
def ring(cell: str) -> Scopes:
    """What a node keeps whose home is in a cell (empty: it does not say)."""
    return neighbours(cell) if cell else ("",)


class Cover:
    """How far the peers that a node is connected to keep what it keeps. home: its own cell; mine: the scopes that it
    keeps."""

    def __init__(self, home: str, mine: Collection[str]) -> None:
        self._ring = [scope for scope in ring(home) if scope in mine] or sorted(mine)
        self._homes = 0
        self._others = dict.fromkeys(mine, 0)
        self._reached: set[str] = set()
        self._seen: dict[Scopes, tuple[list[str], bool]] = {}

    def add(self, theirs: Scopes) -> None:
        """We are connected to somebody who keeps these."""
        kept, home = self._kept(theirs)
        self._reached.update(kept)
        self._homes += home
        for scope in self._counted(kept, home):
            self._others[scope] += 1

    def needed(self, linked: Iterable[tuple[T, Scopes]]) -> list[T]:
        """`add` all of them; those without whom something would be lacking, were the others not there after them."""
        found = []
        for one, theirs in linked:
            if self.worth(theirs):
                found.append(one)
            self.add(theirs)
        return found

    def worth(self, theirs: Scopes) -> int:
        """What it would bring to be connected to somebody who keeps these: 0 for nothing, the more the better. Where
        two reach as much that is lacking, it is more with him who keeps more of ours."""
        kept, home = self._kept(theirs)
        wanted = OTHERS if self._homes >= HOMES else ALONE
        lacking = sum(self._others[scope] < wanted for scope in self._counted(kept, home))
        if home and self._homes < HOMES:
            lacking += len(self._others)
        return lacking and lacking * len(self._others) + len(kept)

    @property
    def unreached(self) -> list[str]:
        """The scopes that nobody keeps to whom we are connected."""
        return [scope for scope in self._others if scope not in self._reached]

    def _counted(self, kept: list[str], home: bool) -> list[str]:
        return [scope for scope in kept if scope not in self._ring] if home else kept

    def _kept(self, theirs: Scopes) -> tuple[list[str], bool]:
        """Which of our scopes they keep, and whether that is all that is around us."""
        found = self._seen.get(theirs)
        if found is None:
            kept = [scope for scope in self._others if covers(theirs, scope)]
            found = self._seen[theirs] = kept, set(self._ring) <= set(kept)
        return found


def most(among: Iterable[tuple[T, int]]) -> list[T]:
    """Those that are worth most, if any is worth anything."""
    highest, found = 1, list[T]()
    for one, worth in among:
        if worth > highest:
            highest, found = worth, []
        if worth == highest:
            found.append(one)
    return found
