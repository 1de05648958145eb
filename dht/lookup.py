"""One search in the DHT for who is nearest to a place, or for what they keep there. Pure: answers in, questions out.

Kademlia's iterative lookup over disjoint paths, as in S/Kademlia: the peers to begin with are dealt out to the paths,
and whoever is heard of belongs to the path that heard of him first, and is asked on that one only. A liar who names
nobody but his friends captures the paths that meet him; the others do not hear of him. Each path has its own budget, so
that a captured one uses up no more than its share.

Names cost nothing: whoever names peers that do not answer, more than do, is not believed about the others he named.
A path is over when its nearest have answered; the lookup when all paths are, when enough was found, or in time.
"""

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from .routing import Contact, K

PATHS: Final = 3
AT_ONCE: Final = 2  # questions of one path under way, those that are slow left out
SETTLED: Final = 3  # nearest peers of a path that must have answered
REQUESTS: Final = 30  # of one lookup, all paths together
STORE_SETTLED: Final = 7  # the same to find out where to store: 21 in all, so that what is kept is kept by K who live
STORE_REQUESTS: Final = 48
LIES: Final = 2  # names of one peer that did not answer, until it is not believed
PER_GROUP: Final = 2  # peers of one /24 asked on one path
MAX_CANDIDATES: Final = 64  # of one path: the nearest
SLOW: Final = 1_000  # ms without an answer: then another is asked beside
LONGEST: Final = 8_000  # ms, the whole


class _How(Enum):
    WAITING = 0
    ASKED = 1
    ANSWERED = 2
    FAILED = 3


@dataclass(slots=True)
class _Candidate:
    contact: Contact
    hops: int
    source: bytes = b""  # who named it; empty: our own table
    how: _How = _How.WAITING


@dataclass(slots=True)
class _Path:
    budget: int
    candidates: dict[bytes, _Candidate] = field(default_factory=dict)
    order: list[tuple[int, bytes]] = field(default_factory=list)  # distance and peer of each, the nearest first
    asked: dict[bytes, int] = field(default_factory=dict)  # without an answer yet: since when, ms
    groups: Counter[str] = field(default_factory=Counter)
    useful: int = 0
    held: Counter[bytes] = field(default_factory=Counter)  # of the names that a peer gave those that answered
    broken: Counter[bytes] = field(default_factory=Counter)  # and those that did not

    def believes(self, source: bytes) -> bool:
        return self.broken[source] < LIES or self.broken[source] <= self.held[source] or not source


class Lookup:
    """place: what is searched for. start: who is known near it, the nearest first. now: ms.

    enough: useful answers on each path, or twice as many on any, that end the lookup; 0 to find out who is nearest.
    settled: so many of the nearest of each path must have answered. requests: budget of all paths. longest: ms.
    """

    def __init__(
        self,
        place: int,
        own: bytes,
        start: Sequence[Contact],
        now: int,
        *,
        enough: int = 0,
        paths: int = PATHS,
        settled: int = SETTLED,
        requests: int = REQUESTS,
        longest: int = LONGEST,
    ) -> None:
        self.place = place
        self.requests = 0  # asked so far
        self.hops = 0  # from us to who answered usefully first: 1 for somebody whom we knew
        self._own = own
        self._enough = enough
        self._settle = settled
        self._end_at = now + longest
        self._ended = False
        self._path_of: dict[bytes, _Path] = {}
        shares = [requests // paths + (number < requests % paths) for number in range(paths)]
        self._paths = [_Path(share) for share in shares if share]
        for number, contact in enumerate(start):
            self._hear(self._paths[number % len(self._paths)], contact, 1, b"")

    def next(self, now: int) -> list[Contact]:
        """Whom to ask now; each is asked once. Empty when all wait, or it is over: see `done`."""
        if self.done(now):
            return []
        asked = []
        for path in self._paths:
            for candidate in self._due(path, now):
                candidate.how = _How.ASKED
                path.asked[candidate.contact.peer] = now
                path.groups.update(candidate.contact.groups)
                path.budget -= 1
                self.requests += 1
                asked.append(candidate.contact)
        return asked

    def answered(self, peer: bytes, closer: Iterable[Contact], *, useful: bool = False) -> None:
        """A peer answered, with whom it knows near the place. useful: it had what is searched for."""
        path, candidate = self._asked(peer)
        if path is None or candidate is None:
            return
        candidate.how = _How.ANSWERED
        path.held[candidate.source] += 1
        if useful:
            path.useful += 1
            self.hops = self.hops or candidate.hops
        for contact in list(closer)[: K + 1]:
            self._hear(path, contact, candidate.hops + 1, peer)
        while len(path.order) > MAX_CANDIDATES and self._drop_last(path):
            pass

    def failed(self, peer: bytes) -> None:
        """A peer could not be reached, or said nothing sound."""
        path, candidate = self._asked(peer)
        if path is not None and candidate is not None:
            candidate.how = _How.FAILED
            path.order.remove((candidate.contact.place ^ self.place, peer))
            path.broken[candidate.source] += 1

    def end(self) -> None:
        """What is searched for is found elsewhere, or not wanted any more."""
        self._ended = True

    def done(self, now: int) -> bool:
        if self._ended or now >= self._end_at or self._found():
            return True
        return all(self._settled(path) for path in self._paths)

    def wake_at(self, now: int) -> int:
        """When to call `next` again though nothing has come: another is asked beside who is slow. ms."""
        slow = [since + SLOW for path in self._paths for since in path.asked.values() if since + SLOW > now]
        return min([*slow, self._end_at])

    def closest(self, count: int = K) -> list[Contact]:
        """The nearest to the place of those that answered."""
        known = [c.contact for path in self._paths for c in path.candidates.values() if c.how is _How.ANSWERED]
        return sorted(known, key=lambda contact: contact.place ^ self.place)[:count]

    def _found(self) -> bool:
        if not self._enough:
            return False
        useful = [path.useful for path in self._paths if path.candidates]
        return bool(useful) and (min(useful) >= self._enough or sum(useful) >= 2 * self._enough * len(self._paths))

    def _settled(self, path: _Path) -> bool:
        return not path.asked and not self._wanted(path)

    def _wanted(self, path: _Path, beyond: int = 0) -> list[_Candidate]:
        """Of the nearest who have not failed, and so many beyond, those who are still to be asked."""
        wanted: list[_Candidate] = []
        if path.budget > 0:
            for seen, candidate in enumerate(self._usable(path)):
                if seen >= self._settle + beyond:
                    break
                if candidate.how is _How.WAITING:
                    wanted.append(candidate)
        return wanted

    def _usable(self, path: _Path) -> Iterator[_Candidate]:
        return (c for _, peer in path.order if self._may(path, c := path.candidates[peer]))

    @staticmethod
    def _may(path: _Path, candidate: _Candidate) -> bool:
        if candidate.how is not _How.WAITING:
            return True
        return path.believes(candidate.source) and all(path.groups[g] < PER_GROUP for g in candidate.contact.groups)

    def _due(self, path: _Path, now: int) -> list[_Candidate]:
        slow = sum(now >= since + SLOW for since in path.asked.values())
        room = min(AT_ONCE - (len(path.asked) - slow), path.budget)
        return self._wanted(path, slow)[: max(0, room)]

    def _asked(self, peer: bytes) -> tuple[_Path | None, _Candidate | None]:
        path = self._path_of.get(peer)
        if path is None or path.asked.pop(peer, None) is None:
            return None, None
        return path, path.candidates[peer]

    def _hear(self, path: _Path, contact: Contact, hops: int, source: bytes) -> None:
        known = path.candidates.get(contact.peer)
        if known is not None and known.how is _How.WAITING and not path.believes(known.source):
            known.source = source
        elif contact.peer != self._own and contact.peer not in self._path_of:
            self._path_of[contact.peer] = path
            path.candidates[contact.peer] = _Candidate(contact, hops, source)
            insort(path.order, (contact.place ^ self.place, contact.peer))

    def _drop_last(self, path: _Path) -> bool:
        """Forget the farthest, if it is only heard of; another path may hear of it again."""
        _, peer = path.order[-1]
        if path.candidates[peer].how is not _How.WAITING:
            return False
        path.order.pop()
        del path.candidates[peer], self._path_of[peer]
        return True
