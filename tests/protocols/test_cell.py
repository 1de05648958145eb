"""Cells."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols import cell
from protocols.errors import Refusal
from tests.strategies import cells, places

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)


@given(latitudes, longitudes, st.integers(0, 6))
@example(0.0, math.nextafter(180, 0), 5)
@example(math.nextafter(90, 0), 0.0, 5)
def test_a_point_is_in_its_cell(lat: float, lon: float, precision: int) -> None:
    box = cell.decode(cell.encode(lat, lon, precision))
    assert box.south - 1e-9 <= lat <= box.north + 1e-9
    assert box.west - 1e-9 <= lon <= box.east + 1e-9 or lon == 180


@given(latitudes, longitudes)
def test_a_coarser_cell_is_a_prefix(lat: float, lon: float) -> None:
    finest = cell.encode(lat, lon, 6)
    assert all(cell.encode(lat, lon, n) == finest[:n] for n in range(7))


@given(cells)
def test_the_centre_is_in_the_cell(name: str) -> None:
    assert cell.encode(*cell.centre(name), len(name)) == name


@given(places)
def test_neighbours_are_mutual(name: str) -> None:
    around = cell.neighbours(name)
    assert name in around
    assert len(around) <= 9
    assert list(around) == sorted(set(around))
    assert all(name in cell.neighbours(other) for other in around)


@given(st.floats(-80, 80), longitudes)
def test_neighbours_touch(lat: float, lon: float) -> None:
    name = cell.encode(lat, lon, 5)
    around = cell.neighbours(name)
    assert len(around) == 9
    assert all(cell.distance_km(name, other) < 7.1 for other in around)


@given(cells, cells)
def test_distance_is_a_metric_of_the_globe(one: str, other: str) -> None:
    assert cell.distance_km(one, one) == 0
    assert cell.distance_km(one, other) == pytest.approx(cell.distance_km(other, one))
    assert cell.distance_km(one, other) <= 20_016


def test_known_distance() -> None:
    """One degree of latitude on the mean sphere: 111.195 km."""
    south, north = cell.encode(0.0, 0.0, 6), cell.encode(1.0, 0.0, 6)
    assert cell.distance_km(south, north) == pytest.approx(111.195, abs=0.7)


@given(latitudes, longitudes, st.integers(1, 6))
def test_coordinates_are_coarsened(lat: float, lon: float, precision: int) -> None:
    assert cell.coarsen(f"{lat:.6f}, {lon:.6f}", precision) == cell.encode(
        float(f"{lat:.6f}"), float(f"{lon:.6f}"), precision
    )


@given(st.text(max_size=20) | st.text("0123456789bcdef+,.- ", max_size=20), st.integers(1, 6))
def test_any_text_is_a_cell_or_a_refusal(text: str, precision: int) -> None:
    try:
        found = cell.coarsen(text, precision)
    except Refusal as e:
        assert e.code == "usage" and e.hint
        return
    assert cell.is_cell(found) and 1 <= len(found) <= precision


def test_no_such_point_or_precision() -> None:
    for lat, lon in ((90.1, 0), (0, -180.1), (float("nan"), 0), (0, float("inf"))):
        with pytest.raises(ValueError):
            cell.encode(lat, lon, 5)
    for precision in (-1, 7):
        with pytest.raises(ValueError):
            cell.encode(0, 0, precision)
    for name in ("a", "U", "u33db12"):
        with pytest.raises(ValueError):
            cell.decode(name)
