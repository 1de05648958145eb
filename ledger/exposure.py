"""Exposure: how much I may have at risk with a peer. Pure; after Bazaar (Post, Shah, Mislove, NSDI 2011).

A web of links, each with what it carries, in minor units:

* a quarter of what two people settled between them, and both were content with: about what either gained by it, so
  that nobody, on his own experience, risks more with another than he had from him. It carries either way, for
  both directions together;
* what somebody vouches for another with; it carries from the voucher to the subject alone.

What I may risk with a peer is what flows from me to that peer along paths of at most `MAX_LINKS` links, no unit of a
link being used twice. What is open takes it up along the same links: mine with anybody, and what others are known to
have open. What was lost by a default stays taken until it is made good. A deal that ends well frees what it took, and
is itself a link from then on.

Why it is safe: each unit that I have at risk with any identity of an attacker goes through a link between him and
somebody who is none of him, and takes a unit of it. So all his identities together, however many, get from me no more
than those links carry; links among themselves add nothing. Who invents losses to hurt others uses up his own links,
unit by unit, in the same way.

Nobody knows what others have open now. So a word is divided: what Ann's link to a thief carries, Ann may risk herself,
and all who rely on Ann share it once more, by what their own links to her carry; those who rely on these once more,
and so on. So on one day, from all people together, he takes at most `MAX_LINKS` times what the links to him carry,
and everybody needs to know only his own.

Paths are looked for shortest first, of several over the links that carry most first, then by id; and no path is taken
back for a better pair. So it may find somewhat less than the greatest flow, never more; the same on every machine.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

GAIN: Final = 4  # one part in so many of what two settled is what either gained by it, and what their link carries
MAX_LINKS: Final = 4  # of one path
MAX_PATHS: Final = 64  # of one exposure
MAX_STEPS: Final = 5_000  # links looked at for one exposure; what was found by then counts
MAX_WORK: Final = 60_000  # links looked at for several exposures at once; the next is not begun then


class Settled(msgspec.Struct, frozen=True, order=True):
    """One deal that both sides were content with. amount: minor units that moved; at: ms."""

    a: bytes
    b: bytes
    deal: bytes
    at: int
    amount: int


class Link(msgspec.Struct, frozen=True, order=True):
    """amount: minor units. both: settled between the two; else a vouch of `a` for `b`."""

    a: bytes
    b: bytes
    amount: int
    both: bool = True


class Use(msgspec.Struct, frozen=True, order=True):
    """`holder` has `amount` at risk with `subject` since `at` (ms), or has lost it."""

    at: int
    deal: bytes
    holder: bytes
    subject: bytes
    amount: int


class Path(msgspec.Struct, frozen=True):
    """authors: from the holder to the subject, both included. amount: what goes along it. vouched: whether its last
    link is a vouch."""

    authors: tuple[bytes, ...]
    amount: int
    vouched: bool = False


class Exposure(msgspec.Struct, frozen=True):
    """free: what I may put at risk beyond what is open; open: mine with this subject, all of it; covered: as much
    of that as the web carries; paths: what carries `free`; taken: what carries `covered`."""

    free: int
    open: int
    covered: int
    paths: tuple[Path, ...] = ()
    taken: tuple[Path, ...] = ()

    @property
    def most(self) -> int:
        """Up to how much in all."""
        return self.free + self.covered


def links_of(settled: Iterable[Settled], most: int, fade: Callable[[int], float] = lambda at: 1.0) -> list[Link]:
    """A link for each pair, of a quarter of what the two settled, each deal once, faded by its age; at most `most`."""
    deals = {(min(s.a, s.b), max(s.a, s.b), s.deal): s for s in sorted(settled) if s.a != s.b and s.amount > 0}
    pairs: dict[tuple[bytes, bytes], float] = {}
    for (a, b, _), deal in sorted(deals.items()):
        pairs[a, b] = pairs.get((a, b), 0.0) + deal.amount * fade(deal.at)
    return [Link(a, b, min(most, int(amount) // GAIN)) for (a, b), amount in sorted(pairs.items())]


class Web:
    """The links, less what is taken. The order of the inputs does not matter.

    uses: of others, as far as they are known; and everybody's losses. excluded: authors through whom nothing goes.
    """

    def __init__(self, links: Iterable[Link], uses: Iterable[Use] = (), excluded: Iterable[bytes] = ()) -> None:
        without = frozenset(excluded)
        self._links = [
            link
            for link in sorted(links, key=lambda link: (-link.amount, link))
            if link.amount > 0 and link.a != link.b and not {link.a, link.b} & without
        ]
        self._onward: dict[bytes, list[tuple[bytes, int]]] = {}
        self._inward: dict[bytes, list[tuple[bytes, int]]] = {}
        for i, link in enumerate(self._links):
            for source, target in ((link.a, link.b), (link.b, link.a))[: 2 if link.both else 1]:
                self._onward.setdefault(source, []).append((target, i))
                self._inward.setdefault(target, []).append((source, i))
        self._left = [link.amount for link in self._links]
        self._relied: dict[bytes, dict[bytes, int]] = {}
        for use in sorted(uses):
            self.take(use)

    def take(self, use: Use) -> None:
        """One more use, later than those before it."""
        self._route(_Taking(self._left, None), use.holder, use.subject, use.amount)
        self._relied.clear()

    def exposure(self, me: bytes, subject: bytes, uses: Iterable[Use] = (), wanted: int | None = None) -> Exposure:
        """How much `me` may have at risk with `subject`. uses: what is open of mine, with anybody: with each as one
        amount, since the first of it, for it may be a thousand small deals; wanted: no more than that is looked for."""
        mine, opened, taken = self._with(me, uses)
        free, used = self._route(mine, me, subject, wanted), taken.get(subject, [])
        return _exposure(free, opened.get(subject, 0), used)

    def exposures(self, me: bytes, subjects: Iterable[bytes], uses: Iterable[Use] = ()) -> dict[bytes, Exposure]:
        """`exposure` to several, in their order, and alike to what it says of each. Who is missing has not been looked
        at: the work was too much."""
        mine, opened, taken = self._with(me, uses)
        found: dict[bytes, Exposure] = {}
        work = 0
        for subject in subjects:
            if work > MAX_WORK:
                break
            each = mine.copy()
            free, used = self._route(each, me, subject, None), taken.get(subject, [])
            found[subject] = _exposure(free, opened.get(subject, 0), used)
            work += each.work
        return found

    def _with(self, me: bytes, uses: Iterable[Use]) -> tuple["_Taking", dict[bytes, int], dict[bytes, list[Path]]]:
        """What my uses leave; what is open with each; and the paths that carry it."""
        mine = _Taking(self._left.copy(), self._left)
        opened: dict[bytes, int] = {}
        for use in sorted(uses):
            opened[use.subject] = opened.get(use.subject, 0) + use.amount
        return mine, opened, {subject: self._route(mine, me, subject, amount) for subject, amount in opened.items()}

    def into(self, subject: bytes) -> tuple[Link, ...]:
        """The links into `subject` with what is left of each: nobody's exposure to it is more than their sum."""
        found = []
        for source, i in self._inward.get(subject, ()):
            if self._left[i]:
                found.append(Link(source, subject, self._left[i], self._links[i].both))
        return tuple(found)

    def _route(self, taking: "_Taking", source: bytes, target: bytes, wanted: int | None) -> list[Path]:
        """Take up to `wanted` (None: all there is), along paths that are returned."""
        paths: list[Path] = []
        if source != target and wanted != 0:
            far = _Distances(self, taking.left.copy(), target)
            search = _Search(self, taking, far, target, wanted, paths)
            for length in range(1, MAX_LINKS + 1):
                if far.less(source, length + 1):
                    search.extend([source], [], 1, 1, length)
            taking.work += search.steps + far.steps
        return paths

    def vouched(self, i: int) -> bool:
        """Whether a link is a vouch."""
        return not self._links[i].both

    def onward(self, author: bytes) -> Sequence[tuple[bytes, int]]:
        """Whom the author's links lead to, and which link it is."""
        return self._onward.get(author, ())

    def inward(self, author: bytes) -> Sequence[tuple[bytes, int]]:
        """Whose links lead to the author, and which link each is."""
        return self._inward.get(author, ())

    def relied(self, author: bytes, besides: bytes) -> int:
        """What all links into `author` carry, but those of one."""
        found = self._relied.get(author)
        if found is None:
            found = self._relied[author] = {b"": 0}
            for source, i in self._inward.get(author, ()):
                found[source] = found.get(source, 0) + self._left[i]
                found[b""] += self._left[i]
        return found[b""] - found.get(besides, 0)


def _exposure(free: Sequence[Path], opened: int, taken: Sequence[Path]) -> Exposure:
    return Exposure(sum(p.amount for p in free), opened, sum(p.amount for p in taken), tuple(free), tuple(taken))


class _Taking:
    """left: of each link. whole: of each before I took any, if words are shared: then what went along each beginning of
    a path is kept in `spent`, by its links. work: links looked at."""

    def __init__(self, left: list[int], whole: Sequence[int] | None) -> None:
        self.left = left
        self.whole = whole
        self.spent: dict[tuple[int, ...], int] = {}
        self.work = 0

    def copy(self) -> "_Taking":
        """The same, to go on from; its work begins anew."""
        found = _Taking(self.left.copy(), self.whole)
        found.spent = self.spent.copy()
        return found

    def room(self, used: list[int], i: int, share: int, of: int) -> int:
        """What link `i` has for a path that came by `used`, whose share in it is `share / of`."""
        if self.whole is None or not used:
            return self.left[i]
        return min(self.left[i], self.whole[i] * share // of - self.spent.get((*used, i), 0))

    def take(self, used: list[int], amount: int) -> None:
        for i in used:
            self.left[i] -= amount
        if self.whole is not None:
            for end in range(2, len(used) + 1):
                beginning = tuple(used[:end])
                self.spent[beginning] = self.spent.get(beginning, 0) + amount


class _Distances:
    """How many links authors are from a target at least, found out only as far as it is asked for: most paths are
    short, and to look at the whole web for each would cost more than all else. left: of each link, not to change."""

    def __init__(self, web: Web, left: Sequence[int], target: bytes) -> None:
        self._web = web
        self._left = left
        self._edge = [target]
        self._depth = 0
        self._found = {target: 0}  # all that are at most `_depth` away, and some more
        self._beyond: set[bytes] = set()  # more than MAX_LINKS - 1
        self.steps = 0

    def less(self, author: bytes, than: int) -> bool:
        """Whether the author is fewer than `than` links away; than: at most MAX_LINKS + 1."""
        while author not in self._found and self._depth < min(than - 1, MAX_LINKS - 2):
            self._widen()
        known = self._found.get(author)
        if known is not None or than <= self._depth + 1:
            return known is not None and known < than
        near = self._next_to(author)
        if than == MAX_LINKS:
            return near
        return near or any(self._left[i] and self.less(other, MAX_LINKS) for other, i in self._web.onward(author))

    def within(self, most: int) -> Mapping[bytes, int]:
        """How far all are who are at most so many links away, and some others. Beyond MAX_LINKS - 2 ask for each."""
        while self._depth < min(most, MAX_LINKS - 2):
            self._widen()
        return self._found

    def _next_to(self, author: bytes) -> bool:
        """Whether somebody so near that he was found by widening is one link on."""
        if author in self._beyond:
            return False
        for other, i in self._web.onward(author):
            self.steps += 1
            if self._left[i] and self._found.get(other, MAX_LINKS) <= self._depth:
                self._found[author] = self._depth + 1
                return True
        self._beyond.add(author)
        return False

    def _widen(self) -> None:
        following = []
        for here in self._edge:
            for source, i in self._web.inward(here):
                self.steps += 1
                if source not in self._found and self._left[i]:
                    self._found[source] = self._depth + 1
                    following.append(source)
        self._edge = following
        self._depth += 1


class _Search:
    """Goes every way once, and takes what each carries."""

    def __init__(
        self,
        web: Web,
        taking: _Taking,
        far: _Distances,
        target: bytes,
        wanted: int | None,
        paths: list[Path],
    ) -> None:
        self._web = web
        self._taking = taking
        self._far = far
        self._target = target
        self._wanted = wanted
        self._paths = paths
        self._enough = False
        self._last: dict[bytes, list[int]] = {}  # the links from each to the target
        for source, i in web.inward(target):
            self._last.setdefault(source, []).append(i)
        self.steps = 0

    def extend(self, authors: list[bytes], used: list[int], share: int, of: int, to_go: int) -> None:
        """All paths that begin like this and have so many links to go. They come by nobody twice."""
        if to_go == 1:
            return self._arrive(authors, used)
        here, taking, target, far = authors[-1], self._taking, self._target, self._far
        before = taking.whole[used[-1]] if used and taking.whole is not None else 0
        near = far.within(to_go - 1)
        for other, i in self._web.onward(here):
            self.steps += 1
            if self.steps > MAX_STEPS or self._enough:
                return
            if near.get(other, MAX_LINKS) >= to_go and not (to_go == MAX_LINKS and far.less(other, to_go)):
                continue
            if other == target or other in authors or not taking.left[i]:
                continue
            part, whole = (share * before, of * self._web.relied(here, other)) if before else (share, of)
            if taking.room(used, i, part, whole) > 0:
                authors.append(other)
                used.append(i)
                self.extend(authors, used, part, whole, to_go - 1)
                authors.pop()
                used.pop()

    def _arrive(self, authors: list[bytes], used: list[int]) -> None:
        """Over the last link. All that lead on from here count as looked at, as if each had been."""
        onward, looked = self._web.onward(authors[-1]), self.steps
        self.steps = min(looked + len(onward), MAX_STEPS + 1)
        for i in self._last.get(authors[-1], ()):
            cut = self.steps > MAX_STEPS and looked + onward.index((self._target, i)) >= MAX_STEPS
            if cut or self._enough:
                return
            if self._taking.left[i]:
                self._take([*authors, self._target], [*used, i])

    def _take(self, authors: list[bytes], used: list[int]) -> None:
        taking = self._taking
        share = of = 1
        amount = taking.left[used[0]] if self._wanted is None else min(self._wanted, taking.left[used[0]])
        for place in range(1, len(used)):
            if taking.whole is not None:
                share *= taking.whole[used[place - 1]]
                of *= self._web.relied(authors[place], authors[place + 1])
            amount = min(amount, taking.room(used[:place], used[place], share, of))
        if amount > 0:
            taking.take(used, amount)
            self._wanted = None if self._wanted is None else self._wanted - amount
            self._paths.append(Path(tuple(authors), amount, self._web.vouched(used[-1])))
            self._enough = self._wanted == 0 or len(self._paths) == MAX_PATHS
