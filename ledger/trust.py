"""The trust graph as one node sees it: who can be reached from me, how easily, and through whom. Pure.

Reach T(x) is how often, on average, a walk from me comes by x before it stops (before each step with probability
`restart`) or is back at me. It is computed and not sampled: mass is pushed along the edges, round by round, and what is
left after `ROUNDS` or below `LEAST` is dropped. So there is no sampling error, and the same graph gives the same floats
on every machine: they are added in an order that only the authors' ids decide. What strangers write, whom no walk
reaches, does not come in at all.

Everybody's word comes to me on one path, the shortest; of several, the one over the author whom I reach more easily.
On it, everyone passes on no more than his own voice, all that comes through him together (`carried`). Therefore a
crowd of any size, however it is wired, says no more than those together who let it in.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

ROUNDS: Final = 12
LEAST: Final = 1e-4

Graph = Mapping[bytes, tuple[bytes, ...]]
"""Each author's trusted ones, ascending and distinct."""

Links = dict[bytes, tuple[bytes, ...]]
"""A graph that whoever made it may change."""

Path = tuple[bytes, ...]
"""Authors from me to somebody, both included."""


def graph_of(edges: Iterable[tuple[bytes, bytes]], excluded: frozenset[bytes] = frozenset()) -> Links:
    """The graph of directed `edges` (who trusts, who is trusted) without loops and without the `excluded` authors."""
    found: dict[bytes, set[bytes]] = {}
    for source, target in edges:
        if source != target and source not in excluded and target not in excluded:
            found.setdefault(source, set()).add(target)
    return {source: tuple(sorted(targets)) for source, targets in found.items()}


def turned(graph: Graph) -> Links:
    """The same edges from the trusted to those who trust them, ascending."""
    found: dict[bytes, list[bytes]] = {}
    for source in sorted(graph):
        for target in graph[source]:
            found.setdefault(target, []).append(source)
    return {target: tuple(sources) for target, sources in found.items()}


def reach(graph: Graph, me: bytes, restart: float) -> dict[bytes, float]:
    """T of each author who can be reached; 1 for `me`."""
    found = {me: 1.0}
    front = {me: 1.0}
    for _ in range(ROUNDS):
        following: dict[bytes, float] = {}
        for source, mass in front.items():
            targets = graph.get(source)
            if targets and mass >= LEAST:
                part = mass * (1.0 - restart) / len(targets)
                for target in targets:
                    following[target] = following.get(target, 0.0) + part
        following.pop(me, None)
        for author, mass in following.items():
            found[author] = found.get(author, 0.0) + mass
        front = following
    return found


def nearest(graph: Graph, me: bytes, reached: Mapping[bytes, float]) -> dict[bytes, bytes]:
    """For each author `reached`, the one before him on his path from `me`; `me` first, with itself."""
    before = {me: me}
    frontier = [me]
    while frontier:
        following: list[bytes] = []
        for source in sorted(frontier, key=lambda author: (-reached[author], author)):
            for target in graph.get(source, ()):
                if target not in before and target in reached:
                    before[target] = source
                    following.append(target)
        frontier = following
    return before


class Ways:
    """The paths from me to others that do not lead over `avoided`: of each author one, and all together a tree. They
    have at most twice `ROUNDS` steps."""

    def __init__(self, before: Mapping[bytes, bytes], sources: Graph, me: bytes, avoided: bytes) -> None:
        self._before = before
        self._sources = sources
        self._avoided = avoided
        self._paths: dict[bytes, Path] = {avoided: ()}  # empty: over the avoided one only
        self._paths[me] = (me,)
        self._detours: dict[bytes, Path] = {}

    def to(self, author: bytes) -> Path | None:
        """The path; None for who can be reached over the avoided one only, or not at all."""
        if author not in self._before:
            return None
        return self._usual(author) or self._detour(author) or None

    def _usual(self, author: bytes) -> Path:
        known = self._paths.get(author)
        if known is None:
            path = self._usual(self._before[author])  # as deep as there are rounds
            self._paths[author] = known = (*path, author) if path else ()
        return known

    def _detour(self, author: bytes) -> Path:
        """From the author back along the edges, to the first whose path is known and does not lead over `avoided`."""
        if author == self._avoided:
            return ()
        if author in self._detours:
            return self._detours[author]
        towards = {author: author}
        layer, cut = [author], False
        for _ in range(ROUNDS):
            following = []
            for here in layer:
                for source in self._sources.get(here, ()):
                    if source in towards or source not in self._before or source == self._avoided:
                        continue
                    path = self._usual(source) or self._detours.get(source)
                    if path is None:
                        towards[source] = here
                        following.append(source)
                    elif 0 < len(path) <= ROUNDS + 1:
                        towards[source] = here
                        return self._keep(source, path, towards)
                    else:
                        cut = cut or bool(path)
            layer = following
        dead = (author,) if layer or cut else towards
        self._detours.update((each, ()) for each in dead)
        return ()

    def _keep(self, here: bytes, path: Path, towards: Mapping[bytes, bytes]) -> Path:
        while towards[here] != here:
            here = towards[here]
            path = (*path, here)
            self._detours[here] = path
        return path


def carried(
    own: Mapping[bytes, float], paths: Mapping[bytes, Path], most: Callable[[bytes], float]
) -> dict[bytes, float]:
    """What is left of each weight in `own` when it has come to me on its path, on which every author passes on at most
    `most(author)` of his own weight and of what comes through him together. The paths make a tree."""
    depth: dict[bytes, int] = {}
    above: dict[bytes, bytes] = {}
    for path in paths.values():
        for position in range(len(path) - 1, 0, -1):
            author = path[position]
            if author in depth:
                break  # a tree: all before him are there
            depth[author] = position
            above[author] = path[position - 1]
    order = sorted(depth, key=lambda author: (-depth[author], author))
    load = dict(own)
    share: dict[bytes, float] = {}
    for author in order:
        amount, onward = load.get(author, 0.0), above[author]
        bound = most(author)
        if amount <= bound:
            share[author] = 1.0
        else:
            share[author], amount = bound / amount, bound
        load[onward] = load.get(onward, 0.0) + amount
    scale: dict[bytes, float] = {}
    for author in reversed(order):
        scale[author] = share[author] * scale.get(above[author], 1.0)
    return {author: weight * scale.get(author, 1.0) for author, weight in own.items()}
