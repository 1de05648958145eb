"""The trust graph as one node sees it: who can be reached from me, how easily, and through whom. Pure.

Trust T(x) is the probability that a random walk from me, which stops before each step with probability `restart`,
comes by x. It is sampled with a fixed number of walks whose steps are drawn from BLAKE2b(me, number of the walk).

Why sampled and not exact: the exact value needs one linear solution per x, which is fine for a street and takes
minutes for six thousand people; one way of counting for both is better than two that differ. Why the draws depend on me
alone and not on the graph: so what strangers write, whom no walk reaches, cannot move a single walk, and the same
inputs give the same trust on every machine. The price is a sampling error (at T = 0.03 with 5,000 walks: 8 %).

The dominator of x is the last author whom every path from me to x goes through. One who invents a crowd of authors
stands, seen from me, before all of them; so do the few whose trust he won.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Final

_DRAW: Final = 8  # bytes per step
_BLOCK: Final = 64
_ONE: Final = 1 << 64

Graph = Mapping[bytes, tuple[bytes, ...]]
"""Each author's trusted ones, ascending and distinct."""


def graph_of(edges: Iterable[tuple[bytes, bytes]], excluded: frozenset[bytes] = frozenset()) -> Graph:
    """The graph of directed `edges` (who trusts, who is trusted) without loops and without the `excluded` authors."""
    found: dict[bytes, set[bytes]] = {}
    for source, target in edges:
        if source != target and source not in excluded and target not in excluded:
            found.setdefault(source, set()).add(target)
    return {source: tuple(sorted(targets)) for source, targets in found.items()}


def hits(graph: Graph, me: bytes, walks: int, restart: float) -> dict[bytes, int]:
    """How many of `walks` walks from `me` came by each author; `me` by all of them."""
    found: dict[bytes, int] = {me: walks}
    stop = int(restart * _ONE)
    for number in range(walks):
        here, seen, step, block = me, {me}, 0, b""
        while targets := graph.get(here):
            offset = step * _DRAW % _BLOCK
            if offset == 0:
                drawn = me + number.to_bytes(8) + (step * _DRAW // _BLOCK).to_bytes(8)
                block = blake2b(drawn, digest_size=_BLOCK, person=b"p2pnode/walk").digest()
            draw = int.from_bytes(block[offset : offset + _DRAW])
            step += 1
            if draw < stop:
                break
            here = targets[(draw - stop) * len(targets) // (_ONE - stop)]
            if here not in seen:
                seen.add(here)
                found[here] = found.get(here, 0) + 1
    return found


def nearest_paths(graph: Graph, me: bytes) -> dict[bytes, bytes]:
    """For each author that can be reached, the one before it on a shortest path from `me` (of several the lowest id
    wins); in order of distance, `me` first with itself."""
    before = {me: me}
    frontier = [me]
    while frontier:
        following: list[bytes] = []
        for source in sorted(frontier):
            for target in graph.get(source, ()):
                if target not in before:
                    before[target] = source
                    following.append(target)
        frontier = following
    return before


def path_to(before: Mapping[bytes, bytes], me: bytes, author: bytes) -> tuple[bytes, ...]:
    """The path from `me` to `author`, both included, out of `nearest_paths`."""
    path = [author]
    while path[-1] != me:
        path.append(before[path[-1]])
    return tuple(reversed(path))


def dominators(graph: Graph, me: bytes) -> dict[bytes, bytes]:
    """The immediate dominator of each author that can be reached from `me`; of `me` itself: `me`.

    Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm (2001)."""
    order = _reverse_postorder(graph, me)
    number = {author: i for i, author in enumerate(order)}
    sources: dict[bytes, list[bytes]] = {author: [] for author in order}
    for author in order:
        for target in graph.get(author, ()):
            sources[target].append(author)
    found = {me: me}
    changed = True
    while changed:
        changed = False
        for author in order[1:]:
            known = [source for source in sources[author] if source in found]
            common = known[0]
            for source in known[1:]:
                while common != source:
                    if number[common] > number[source]:
                        common = found[common]
                    else:
                        source = found[source]
            if found.get(author) != common:
                found[author] = common
                changed = True
    return {author: found[author] for author in order}


def _reverse_postorder(graph: Graph, me: bytes) -> list[bytes]:
    finished: list[bytes] = []
    seen = {me}
    stack = [(me, iter(graph.get(me, ())))]
    while stack:
        author, rest = stack[-1]
        for target in rest:
            if target not in seen:
                seen.add(target)
                stack.append((target, iter(graph.get(target, ()))))
                break
        else:
            finished.append(author)
            stack.pop()
    return finished[::-1]


def capped(
    own: Mapping[bytes, float], order: Iterable[bytes], dominator: Mapping[bytes, bytes], cap: Callable[[bytes], float]
) -> dict[bytes, float]:
    """What each of the weights `own` is worth when those who are known only through one author count together at most
    `cap(author)`, at every such author. order: as `dominators` gives it, each after its dominator."""
    downwards = list(order)
    below: dict[bytes, float] = {}
    share: dict[bytes, float] = {}
    for author in reversed(downwards):
        most = cap(author)
        beneath = below.get(author, 0.0)
        share[author] = 1.0 if beneath <= most else most / beneath
        above = dominator[author]
        if above != author:
            below[above] = below.get(above, 0.0) + own.get(author, 0.0) + beneath * share[author]
    scale: dict[bytes, float] = {}
    found: dict[bytes, float] = {}
    for author in downwards:
        above = dominator[author]
        scale[author] = 1.0 if above == author else scale[above] * share[above]
        if author in own:
            found[author] = own[author] * scale[author]
    return found
