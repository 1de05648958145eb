"""A map of blurred cells: squares with counts, rings of distance around one's own, a scale. Pure.

No ground is drawn, so nothing is asked of another host; and nothing is finer than the cells that were published.
Distances from the middle are true, and so are directions (azimuthal equidistant); each cell is as wide and high there
as it is on the ground.
"""

import math
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from p2pnode.search.places import Point, centre, distance_km
from protocols.cell import EARTH_RADIUS_KM, Box, decode, is_cell

SIZE: Final = 400  # of the drawing, in its own units
REACHES: Final = (2, 5, 10, 25, 50, 100, 250, 1_000, 5_000, 20_100)  # km from the middle to the edge
SQUARES: Final = 300  # that are drawn at most, those with most in them
MOST_SEEN: Final = 0.9  # of what is counted is to be seen, unless a reach is asked for
MANY: Final = 5  # in one cell
_LEAST: Final = 5.0  # units: a cell is drawn no smaller
_ROOM: Final = 14.0  # units, for a figure
_KM_OF_DEGREE: Final = EARTH_RADIUS_KM * math.pi / 180


class Square(NamedTuple):
    """A cell as it is drawn: its corner and size in units; (`at_x`, `at_y`) its middle. km: to the middle of the map.
    shown: whether there is room for the figure. own: the cell that somebody lives in for whom the map is drawn."""

    cell: str
    number: int
    x: float
    y: float
    width: float
    height: float
    at_x: float
    at_y: float
    km: float
    shown: bool
    own: bool

    @property
    def many(self) -> bool:
        return self.number >= MANY


class Ring(NamedTuple):
    km: float
    radius: float


class Row(NamedTuple):
    """A cell that has something in it, as a table says it. km: to the middle; drawn: whether it is on the map."""

    cell: str
    number: int
    km: float
    own: bool
    drawn: bool


class Map(NamedTuple):
    """squares: the large ones first, so that no small one is covered. rows: the nearest first. reach: km from the
    middle to the edge; wider, closer: other reaches, where there are any."""

    squares: list[Square]
    rings: list[Ring]
    rows: list[Row]
    reach: float
    wider: float | None
    closer: float | None

    @property
    def beyond(self) -> int:
        """How much of what is counted is not to be seen."""
        return sum(row.number for row in self.rows if not row.drawn)


def draw(counts: Mapping[str, int], home: str = "", reach: float | None = None, also: Collection[str] = ()) -> Map:
    """counts: by cell; what is no cell is left out. home: in the middle; without one the cell with most in it is.
    reach: km that are asked for; the next larger of `REACHES` is drawn. also: cells that are drawn even with nothing in
    them; most of them are to be seen, too.
    """
    cells = {**dict.fromkeys(also, 0), **counts}
    known = {cell: count for cell, count in cells.items() if cell and is_cell(cell)}
    own = home if is_cell(home) else ""
    fullest = sorted(known, key=lambda cell: (-known[cell], cell))
    middle = centre(own) or (centre(fullest[0]) if fullest else None)
    if middle is None:
        return Map([], [], [], REACHES[0], None, None)
    if own:
        known.setdefault(own, 0)
    far = {cell: distance_km(middle, centre(cell) or middle) for cell in known}
    kept = {cell: 1 for cell in known if cell in also}
    shown = _at_least(max(_side(own or fullest[0]), _most(known, far), _most(kept, far)) if reach is None else reach)
    inside = [cell for cell in known if far[cell] <= shown]
    drawn = sorted(inside, key=lambda cell: (cell != own, -known[cell], far[cell], cell))[:SQUARES]
    squares = [_square(cell, known[cell], middle, far[cell], shown, cell == own) for cell in drawn]
    squares.sort(key=lambda one: (len(one.cell), one.own, one.cell))
    rows = [Row(cell, known[cell], far[cell], cell == own, cell in drawn) for cell in known if known[cell]]
    at = REACHES.index(shown)
    return Map(
        squares,
        [Ring(km, SIZE / 2 * km / shown) for km in (shown / 2, float(shown))],
        sorted(rows, key=lambda row: (row.km, row.cell)),
        shown,
        REACHES[at + 1] if at + 1 < len(REACHES) else None,
        REACHES[at - 1] if at else None,
    )


def _side(cell: str) -> float:
    """How high a cell is, km: the one in the middle is seen whole."""
    box = decode(cell)
    return (box.north - box.south) * _KM_OF_DEGREE


def _most(weights: Mapping[str, int], far: Mapping[str, float]) -> float:
    """How far one has to look to see most of them, km."""
    needed, total, seen = 0.0, sum(weights.values()), 0
    for cell in sorted((cell for cell, weight in weights.items() if weight), key=lambda cell: far[cell]):
        if seen >= total * MOST_SEEN:
            break
        seen += weights[cell]
        needed = far[cell] * 1.1
    return needed


def _at_least(km: float) -> int:
    return next((reach for reach in REACHES if reach >= km), REACHES[-1])


def _square(cell: str, count: int, middle: Point, km: float, reach: float, own: bool) -> Square:
    units = SIZE / 2 / reach  # for each km
    point = centre(cell) or middle
    angle = _bearing(middle, point)
    x, y = SIZE / 2 + km * units * math.sin(angle), SIZE / 2 - km * units * math.cos(angle)
    width, height = (max(_LEAST, side * units) for side in _sides(decode(cell)))
    shown = width >= _ROOM and height >= _ROOM * 0.75
    return Square(cell, count, x - width / 2, y - height / 2, width, height, x, y, km, shown, own)


def _sides(box: Box) -> tuple[float, float]:
    """How wide and how high a cell is, km."""
    narrow = math.cos(math.radians((box.south + box.north) / 2))
    return (box.east - box.west) * _KM_OF_DEGREE * narrow, (box.north - box.south) * _KM_OF_DEGREE


def _bearing(a: Point, b: Point) -> float:
    """From north over east, radians."""
    south, north, east = math.radians(a[0]), math.radians(b[0]), math.radians(b[1] - a[1])
    return math.atan2(
        math.sin(east) * math.cos(north),
        math.cos(south) * math.sin(north) - math.sin(south) * math.cos(north) * math.cos(east),
    )
