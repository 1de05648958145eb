"""Whom to be connected to so that the records of a cell reach all who keep it."""

from hypothesis import given
from hypothesis import strategies as st

from dht.nearby import Cover, most, ring
from protocols.cell import neighbours

HOME = "u33dc"
EAST, WEST = "u33df", "u33db"
CELLS = sorted({cell for near in neighbours(HOME) for cell in neighbours(near)})  # five by five


def cover(*linked: str, home: str = HOME, more: tuple[str, ...] = ()) -> Cover:
    """Ours, connected to nodes at home in these cells."""
    found = Cover(home, (*ring(home), *more))
    found.needed([(cell, ring(cell)) for cell in linked])
    return found


def test_the_first_two_live_in_our_cell_and_the_next_two_between_them_reach_all_around() -> None:
    assert most((cell, cover().worth(ring(cell))) for cell in CELLS) == [HOME]
    assert most((cell, cover(HOME).worth(ring(cell))) for cell in CELLS) == [HOME]
    third = most((cell, cover(HOME, HOME).worth(ring(cell))) for cell in CELLS)
    assert len(third) == 4 and EAST in third, "those that share six cells with us"
    assert most((cell, cover(HOME, HOME, EAST).worth(ring(cell))) for cell in CELLS) == [WEST]
    assert most((cell, cover(HOME, HOME, EAST, WEST).worth(ring(cell))) for cell in CELLS) == []


def test_where_nobody_lives_in_our_cell_four_around_us_do() -> None:
    linked: list[str] = []
    around = [cell for cell in CELLS if cell != HOME]
    while found := most((cell, cover(*linked).worth(ring(cell))) for cell in around):
        linked.append(found[0])
    assert len(linked) == 4 and not cover(*linked).unreached


def test_more_of_our_own_cell_are_worth_nothing_and_are_not_needed() -> None:
    found = Cover(HOME, ring(HOME))
    assert found.needed([(n, ring(HOME)) for n in range(5)]) == [0, 1]
    assert found.worth(ring(HOME)) == 0


def test_a_cell_elsewhere_where_we_have_a_listing_is_reached_too() -> None:
    far = "ezs42"
    ours = cover(HOME, HOME, EAST, WEST, more=(far,))
    assert ours.unreached == [far]
    assert ours.worth(ring(far)) > 0 and ours.worth((HOME,)) == 0
    assert cover(HOME, HOME, EAST, WEST, far, more=(far,)).unreached == []


def test_who_keeps_everything_keeps_ours() -> None:
    assert cover().worth(("",)) == cover().worth(ring(HOME))
    assert cover().worth(("u33",)) == cover().worth(ring(HOME))
    assert cover().worth(()) == 0
    everything = Cover("", ("",))  # and who keeps it itself is content with anybody, and needs two
    assert everything.needed([(n, ring(HOME)) for n in range(3)]) == [0, 1]


@given(st.lists(st.sampled_from(CELLS), max_size=12))
def test_who_is_not_needed_could_go_and_nothing_would_be_worth_more(linked: list[str]) -> None:
    whole, kept = Cover(HOME, ring(HOME)), Cover(HOME, ring(HOME))
    needed = whole.needed([(cell, ring(cell)) for cell in linked])
    assert len(needed) <= 2 + 2 * 9
    kept.needed([(cell, ring(cell)) for cell in needed])
    assert kept.unreached == whole.unreached
    if not most((cell, kept.worth(ring(cell))) for cell in CELLS):
        assert not most((cell, whole.worth(ring(cell))) for cell in CELLS)
