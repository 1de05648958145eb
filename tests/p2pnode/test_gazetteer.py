"""Places by name: what is found, what is never guessed, and the map around a cell."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.gazetteer import CELL, REACH, area_of, folded, named, squares, within
from protocols.cell import ALPHABET, coarsen, distance_km, neighbours
from protocols.errors import Refusal
from tests.longer import LONGER


@pytest.mark.parametrize(
    ("typed", "cell"),
    [
        ("Kleinmachnow", "u336h"), ("kleinmachnow", "u336h"), ("  Kleinmachnow ", "u336h"),
        ("Potsdam, DE", "u3361"), ("Potsdam,germany", "u3361"), ("München", "u281z"), ("Munich", "u281z"),
        ("Zürich", "u0qj6"), ("zurich, ch", "u0qj6"), ("Dresden, DE", "u31f2"),
        ("u33db", "u33db"), ("U33DB", "u33db"), ("52.52,13.41", "u33dc"), ("9F4MGC22+22", "u33d8"),
        ("zzzz", "zzzz"), ("ZZZZ", "zzzz"), ("bern2", "bern2"),
    ],
)  # fmt: skip
def test_what_an_area_means(typed: str, cell: str) -> None:
    assert area_of(typed, CELL) == cell
    assert area_of(typed, 3) == cell[:3]


@pytest.mark.parametrize(
    ("typed", "said", "hint"),
    [
        ("Potsdam", "2 places are called", "Potsdam, DE; Potsdam, US"),
        ("Springfield", "places are called", "; and "),
        ("dresden", "is the name of a place, and a geohash, too", "Write Dresden, DE; or the middle of the cell: "),
        ("Elm Street 4 b", "no place", ""), ("the church", "no place of 500 people or more", "a larger place"),
        ("Xyzzy", "no place", ""), ("Potsdam, Atlantis", "no place", ""), ("52.52", "not an area", ""),
        ("+", "not a full plus code", ""), (",", "not an area", ""), ("x" * 5000, "", ""),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_not_guessed(typed: str, said: str, hint: str) -> None:
    with pytest.raises(Refusal) as refused:
        area_of(typed, CELL)
    assert refused.value.code == "usage" and said in refused.value.message and hint in refused.value.hint


@LONGER
def test_what_a_refusal_offers_is_taken() -> None:
    for typed in ("Potsdam", "Springfield", "Neustadt", "dresden", "Paris"):
        with pytest.raises(Refusal) as refused:
            area_of(typed, CELL)
        offered = refused.value.hint.partition(": ")[2] if "which" in refused.value.hint else refused.value.hint[6:]
        choices = [one.partition(" (")[0] for one in offered.split("; ") if not one.startswith(("and ", "or "))]
        assert choices and all(len(area_of(one, CELL)) == CELL for one in choices), choices


def test_the_largest_comes_first() -> None:
    sizes = [place.size for place in named("Paris")]
    assert sizes == sorted(sizes, reverse=True) and named("Paris")[0].code == "FR"


def test_places_of_cells() -> None:
    found = within({"u33dc", "u3361", "s0000"})
    assert found["u33dc"][0] == "Berlin" and "Potsdam" in found["u3361"] and "s0000" not in found


CELLS = st.text(ALPHABET, min_size=CELL, max_size=CELL)


@given(CELLS)
def test_a_map_has_the_cell_in_its_middle_and_its_neighbours_around(cell: str) -> None:
    rows = squares(cell)
    assert {len(row) for row in rows} == {2 * REACH + 1} and len(rows) <= 2 * REACH + 1
    flat = [one for row in rows for one in row]
    assert cell in flat and len(set(flat)) == len(flat)
    if len(rows) == 2 * REACH + 1:
        assert rows[REACH][REACH] == cell and set(neighbours(cell)) <= set(flat)
        assert rows[0][REACH] > cell or distance_km(rows[0][REACH], cell) > 0


@given(st.text(max_size=20))
@settings(max_examples=15, deadline=None)
def test_any_text_is_an_area_or_refused(text: str) -> None:
    try:
        cell = area_of(text, CELL)
    except Refusal as e:
        assert e.code == "usage" and e.hint
    else:
        assert coarsen(cell, CELL) == cell


def test_case_and_accents_do_not_matter() -> None:
    assert folded("ZÜRICH") == "zurich" and folded("Straße") == "strasse"
