"""The map of cells: where they are drawn, how large, and what is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.web.cell_map import MANY, REACHES, SIZE, SQUARES, Map, Square, draw
from protocols.cell import ALPHABET, centre, distance_km, encode, neighbours

HOME = "u33dc"
CELLS = st.text(ALPHABET, max_size=6)


def square(found: Map, cell: str) -> Square:
    return next(one for one in found.squares if one.cell == cell)


def beside(cell: str, north: float = 0, east: float = 0) -> str:
    """The cell so many degrees away."""
    lat, lon = centre(cell)
    return encode(lat + north, (lon + east + 180) % 360 - 180, len(cell))


def test_ones_own_cell_is_in_the_middle_and_the_others_lie_around_it_as_they_do() -> None:
    north, east = beside(HOME, north=0.05), beside(HOME, east=0.1)
    found = draw({HOME: 3, north: 1, east: 2}, HOME)
    own = square(found, HOME)
    assert own.own and (own.at_x, own.at_y) == (SIZE / 2, SIZE / 2) and own.number == 3
    assert square(found, north).at_y < own.at_y and square(found, north).at_x == pytest.approx(own.at_x, abs=0.5)
    assert square(found, east).at_x > own.at_x and square(found, east).at_y == pytest.approx(own.at_y, abs=0.5)
    assert own.width < own.height * 1.1 and not own.many and draw({HOME: MANY}, HOME).squares[0].many


def test_cells_that_touch_do_so_on_the_map() -> None:
    above = beside(HOME, north=180 / 2**12)
    found = draw({HOME: 1, above: 1}, HOME)
    one = square(found, above)
    assert one.y + one.height == pytest.approx(square(found, HOME).y, abs=0.01)


def test_a_distance_is_read_off_the_rings() -> None:
    there = beside(HOME, north=0.4, east=-0.7)
    found = draw({HOME: 1, there: 1}, HOME)
    one = square(found, there)
    km = distance_km(HOME, there)
    units = ((one.at_x - SIZE / 2) ** 2 + (one.at_y - SIZE / 2) ** 2) ** 0.5
    assert one.km == pytest.approx(km)
    for ring in found.rings:
        assert units / ring.radius == pytest.approx(km / ring.km, rel=1e-6)
    assert found.rings[-1].radius == SIZE / 2 and found.rings[-1].km == found.reach


def test_so_much_is_shown_that_most_is_seen_and_the_rest_is_named() -> None:
    near, far = beside(HOME, north=0.05), beside(HOME, north=5)
    found = draw({HOME: 10, near: 9, far: 1}, HOME)
    assert found.reach == 10 and found.beyond == 1
    assert [(row.cell, row.number, row.drawn) for row in found.rows] == [
        (HOME, 10, True),
        (near, 9, True),
        (far, 1, False),
    ]
    assert {one.cell for one in found.squares} == {HOME, near}
    wide = draw({HOME: 10, near: 9, far: 1}, HOME, reach=560)
    assert wide.reach == 1_000 and not wide.beyond and wide.closer == 250 and wide.wider == 5_000
    close = draw({HOME: 10, near: 9}, HOME, reach=0.1)
    assert close.reach == REACHES[0] and close.closer is None and close.beyond == 9


def test_a_large_cell_covers_no_small_one_and_small_ones_can_be_seen() -> None:
    found = draw({HOME[:3]: 1, HOME: 1, HOME[:2]: 1}, HOME, reach=1_000)
    assert [one.cell for one in found.squares] == [HOME[:2], HOME[:3], HOME]
    assert square(found, HOME).width >= 5 and not square(found, HOME).shown and square(found, HOME[:3]).shown


def test_without_a_place_of_ones_own_the_fullest_cell_is_the_middle() -> None:
    there = beside(HOME, north=0.05)
    found = draw({HOME: 1, there: 2})
    assert square(found, there).at_x == SIZE / 2 and not any(one.own for one in found.squares)
    assert draw({}).squares == [] and draw({"": 4, "nocell!": 2}).squares == []


def test_cells_with_nothing_in_them_are_drawn_if_they_are_named() -> None:
    kept = beside(HOME, north=0.05)
    found = draw({HOME: 1}, HOME, reach=10, also=(kept,))
    assert square(found, kept).number == 0
    around = neighbours(HOME)
    assert {one.cell for one in draw({HOME: 200}, HOME, also=around).squares} == set(around)
    assert not draw({HOME: 1}, HOME, reach=2, also=(beside(HOME, north=5),)).beyond, "nothing is there to be told of"


@given(st.dictionaries(CELLS, st.integers(0, 1_000), max_size=40), CELLS, st.none() | st.floats(0.1, 20_100))
def test_whatever_is_listed_can_be_drawn(counts: dict[str, int], home: str, reach: float | None) -> None:
    found = draw(counts, home, reach)
    assert len(found.squares) <= SQUARES
    drawn = {one.cell for one in found.squares}
    assert {(row.cell, row.number) for row in found.rows} == {(c, n) for c, n in counts.items() if c and n}
    assert all(row.drawn == (row.cell in drawn) for row in found.rows)
    assert [row.km for row in found.rows] == sorted(row.km for row in found.rows)
    for one in found.squares:
        assert abs(one.at_x - SIZE / 2) <= SIZE / 2 + 1e-6 and abs(one.at_y - SIZE / 2) <= SIZE / 2 + 1e-6
        assert one.width > 0 and one.height > 0
