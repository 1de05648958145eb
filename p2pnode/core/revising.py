"""What the next revision of a record of ours says, so that it takes the old one's place at everybody. Pure.

Of a slot the record that ends last stays, then the higher revision: see `dht.catalog`.
"""

from typing import NamedTuple, Protocol

from protocols.limits import MAX_INT, MAX_LIFETIME, MAX_SKEW, SECOND


class Dated(Protocol):
    @property
    def revision(self) -> int: ...
    @property
    def created(self) -> int: ...
    @property
    def until(self) -> int: ...


class Next(NamedTuple):
    """Times in ms."""

    revision: int
    created: int
    until: int


def is_early(old: Dated, now: int) -> bool:
    """Whether nobody can have taken it yet, since our clock was ahead when we signed it."""
    return old.created > now + MAX_SKEW


def next_revision(old: Dated | None, now: int, until: int, lifetime: int = MAX_LIFETIME) -> Next:
    """until: what is wished for; it ends no sooner than the old one. lifetime: the longest of the kind.

    Revisions are seconds, so that a node restored from an old backup does not sign one that the street has left behind.
    """
    if old is None:
        return Next(now // SECOND, now, until)
    revision = max(now // SECOND, min(old.revision + 1, MAX_INT))
    if is_early(old, now):  # the core takes it back
        return Next(revision, now, until)
    until = max(until, old.until + (old.revision >= MAX_INT))
    return Next(revision, max(now, old.created, until - lifetime), until)
