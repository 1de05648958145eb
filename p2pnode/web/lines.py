"""A line through figures, as the points of an SVG polyline, and what stands beside it. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 600, 120  # of the drawing, in its own units
POINTS = 300  # at most; more cannot be told apart


class Line(NamedTuple):
    """parts: pieces of the line, each as `x,y x,y …`; where the node was off there is none. The figures as they are."""

    parts: list[str]
    least: int
    most: int
    last: int


def draw(points: Sequence[tuple[int, int]], since: int, until: int, step: int) -> Line | None:
    """points: (ms, figure), the oldest first. since, until: what is drawn, ms. step: ms between two points; where
    there are more than two steps between them, the line is broken. None where there are no points."""
    seen = [(at, figure) for at, figure in points if since <= at <= until]
    if not seen:
        return None
    figures = [figure for _, figure in seen]
    span, top = max(until - since, 1), max(max(figures), 1)
    thin = seen[:: -(-len(seen) // POINTS)]
    if thin[-1] != seen[-1]:
        thin.append(seen[-1])
    gap = 2 * step * -(-len(seen) // POINTS)
    parts: list[list[str]] = []
    before = None
    for at, figure in thin:
        if before is None or at - before > gap:
            parts.append([])
        x, y = (at - since) * WIDTH / span, HEIGHT - 4 - figure * (HEIGHT - 8) / top
        parts[-1].append(f"{x:.1f},{y:.1f}")
        before = at
    whole = [part if len(part) > 1 else [*part, _beside(part[0])] for part in parts]
    return Line([" ".join(part) for part in whole], min(figures), max(figures), figures[-1])


def _beside(point: str) -> str:
    """So that a single point can be seen."""
    x, _, y = point.partition(",")
    return f"{float(x) + 1.5:.1f},{y}"
