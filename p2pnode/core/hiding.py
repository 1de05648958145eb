"""What is hidden from our user, and why: his own block lists, those that he follows, and what he has allowed. Pure.

The nearer choice counts: what our user said of one listing before what he said of its author, and either before any
list of somebody else's.
"""

from functools import cached_property
from typing import NamedTuple

from protocols.blocklist import BlockEntry, Subject


class Why(NamedTuple):
    """An entry of a list. by: the list's author; named: the list."""

    by: bytes
    named: str
    entry: BlockEntry


class Hidden(NamedTuple):
    """What a search leaves out: all of these authors (32 bytes) but for the slots in `shown`, and these slots (author
    and name, 48 bytes)."""

    authors: frozenset[bytes]
    shown: frozenset[bytes]
    slots: frozenset[bytes]


class Choices:
    """Of one network. own, followed: by subject, the entries that name it; allowed: whatever lists of others say."""

    def __init__(self) -> None:
        self.own: dict[Subject, list[Why]] = {}
        self.followed: dict[Subject, list[Why]] = {}
        self.allowed: set[Subject] = set()

    def why(self, subject: Subject) -> list[Why]:
        """Why a listing is hidden, or with no listing, why all of its author's are; empty if it is not."""
        whole = Subject(subject.author, b"")
        nearer = (subject, whole) if subject.listing else (whole,)
        for each in nearer:
            if each in self.own:
                return self.own[each]
            if each in self.allowed:
                return []
        return [why for each in nearer for why in self.followed.get(each, ())]

    @cached_property
    def hidden(self) -> Hidden:
        """Once all choices are in."""
        named = {*self.own, *self.followed}
        authors = {s.author for s in named if not s.listing and self.why(s)}
        shown = {s.author + s.listing for s in self.allowed if s.listing and s.author in authors and not self.why(s)}
        slots = {s.author + s.listing for s in named if s.listing and self.why(s)}
        return Hidden(frozenset(authors), frozenset(shown), frozenset(slots))
