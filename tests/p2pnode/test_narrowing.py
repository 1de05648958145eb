"""Less disk, fewer cells: the farthest go first, our own last, and all come back."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.keys import covers
from p2pnode.bounds import DISK_ENOUGH, DISK_LOW, NARROW_AFTER, WIDEN_AFTER
from p2pnode.core.events import Space
from p2pnode.core.narrowing import ALL, NEAR, OWN, cells
from protocols.cell import neighbours
from protocols.limits import MAX_CELLS, MINUTE
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node

DISK = 32 * 2**30
FULL, BETWEEN, ROOMY = DISK_LOW - 1, (DISK_LOW + DISK_ENOUGH) // 2, DISK_ENOUGH
NEXT_DOOR, FAR = "u33dd", "u281z"


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    for title, area in (("Here", "u33dc"), ("Next door", NEXT_DOOR)):
        lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title=title, area=area)
    lab.ask(lab.anna, "listing.publish", direction="offer", kind="lend", title="Anna's", area=FAR)
    lab.sim.run(MINUTE)
    return lab


def free(lab: Lab, node: Node, room: int, after: int = 0) -> None:
    lab.sim.run(after)
    lab.sim.handle(node, Space(room, DISK))
    lab.sim.run(MINUTE)


def scopes_held(lab: Lab, node: Node) -> set[str]:
    stored = {r.scope for r in lab.network(node).catalog.rows(kind="listing")}
    records = [node.core.listings.record_of(lab.network(node), r.id) for r in lab.network(node).catalog.rows()]
    assert None not in records
    return stored


def keeps(lab: Lab, node: Node) -> str:
    return str(lab.ask(node, "status")["disk"]["keeps"])


def test_how_much_is_free_is_said_as_a_number(lab):
    free(lab, lab.anna, 9_000_000)
    assert any("(0 MB free)" in line for line in lab.ask(lab.anna, "status")["warnings"])


def test_a_full_disk_gives_up_the_cells_around_then_all_but_its_own_and_takes_them_back(lab):
    anna = lab.anna
    assert NEXT_DOOR in neighbours("u33dc") and scopes_held(lab, anna) == {"u33dc", NEXT_DOOR, FAR}
    stored = len(list(anna.disk.scan(b"r")))
    free(lab, anna, FULL)
    assert keeps(lab, anna) == "near" and set(lab.network(anna).scopes) == {"u33dc", FAR}
    assert scopes_held(lab, anna) == {"u33dc", FAR}
    assert len(list(anna.disk.scan(b"r"))) == stored - 1
    assert any("nearly full" in line for line in lab.ask(anna, "status")["warnings"])
    # What is deleted is freed by and by: the next step waits.
    free(lab, anna, FULL)
    assert keeps(lab, anna) == "near"
    free(lab, anna, FULL, NARROW_AFTER)
    assert keeps(lab, anna) == "own" and lab.network(anna).scopes == ("u33dc",)
    assert scopes_held(lab, anna) == {"u33dc", FAR}  # what is hers stays
    free(lab, anna, FULL, NARROW_AFTER)
    assert keeps(lab, anna) == "own"
    # Nothing of a cell that is not kept is taken, and what is kept still arrives.
    lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title="More", area=NEXT_DOOR)
    lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title="More", area="u33dc")
    lab.sim.run(10 * MINUTE)
    assert scopes_held(lab, anna) == {"u33dc", FAR} and lab.ask(anna, "status")["listings"] == 3
    # It lasts over a restart, and there is no to and fro while the disk is neither full nor roomy.
    lab.sim.crash(anna)
    lab.sim.run(MINUTE)
    assert keeps(lab, anna) == "own" and lab.network(anna).scopes == ("u33dc",)
    for _ in range(3):
        free(lab, anna, BETWEEN, WIDEN_AFTER)
    assert keeps(lab, anna) == "own"
    assert any("is nearly full (4" in line for line in lab.ask(anna, "status")["warnings"])
    free(lab, anna, ROOMY)
    assert keeps(lab, anna) == "own"
    assert any("was nearly full (6" in line for line in lab.ask(anna, "status")["warnings"])
    free(lab, anna, ROOMY, WIDEN_AFTER)
    assert keeps(lab, anna) == "near"
    free(lab, anna, ROOMY, WIDEN_AFTER)
    assert keeps(lab, anna) == "all" and scopes_held(lab, anna) == {"u33dc", NEXT_DOOR, FAR}
    assert lab.ask(anna, "status")["listings"] == 5
    assert not any("nearly full" in line for line in lab.ask(anna, "status")["warnings"])


def test_a_disk_that_does_not_say_changes_nothing(lab):
    lab.sim.handle(lab.anna, Space(0, 0))
    assert keeps(lab, lab.anna) == "all"


def test_a_small_disk_is_full_at_a_twentieth(lab):
    lab.sim.handle(lab.anna, Space(2**20, 16 * 2**20))
    assert keeps(lab, lab.anna) == "all"
    lab.sim.handle(lab.anna, Space(2**19, 16 * 2**20))
    assert keeps(lab, lab.anna) == "near"


def test_who_keeps_less_still_keeps_the_same_as_others_of_what_it_keeps(lab):
    free(lab, lab.cleo, FULL)
    lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title="New", area="u33dc")
    lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title="New", area=NEXT_DOOR)
    lab.sim.run(10 * MINUTE)
    everywhere = [
        {
            r.id
            for r in lab.network(n).catalog.rows()
            if r.kind != "lease" and covers(lab.network(lab.cleo).scopes, r.scope)
        }
        for n in (lab.anna, lab.ben, lab.cleo, lab.dora)
    ]
    assert all(e == everywhere[0] for e in everywhere)


geohash = st.text("0123456789bcdefghjkmnpqrstuvwxyz", max_size=6)


@given(geohash, st.integers(1, 6), st.sets(geohash.filter(bool), max_size=100))
def test_each_step_keeps_less_and_never_too_many(area, precision, own):
    area = area[:precision]
    steps = [cells(area, precision, own, level) for level in (ALL, NEAR, OWN)]
    for more, less in pairwise(steps):
        assert all(covers(more, cell) for cell in less)
    assert all(len(s) <= MAX_CELLS and len(s) == len(set(s)) for s in steps)
    if len(area) == precision:
        assert all(area in s for s in steps) and steps[OWN] == (area,)


def test_a_node_that_does_not_say_which_cell_is_its_own_keeps_what_concerns_everybody(lab):
    emil = lab.sim.spawn("Emil", area="u3")
    lab.ask(emil, "join", target=lab.anna.address)
    lab.sim.run(MINUTE)
    assert lab.network(emil).scopes == ("u3",) and scopes_held(lab, emil) == {"u33dc", NEXT_DOOR}
    lab.sim.handle(emil, Space(FULL, DISK))
    lab.sim.run(MINUTE)
    assert lab.network(emil).scopes == () and not scopes_held(lab, emil)
    lab.sim.run(10 * MINUTE)
    assert not scopes_held(lab, emil)
    assert {"profile", "lease", "redemption"} <= {r.kind for r in lab.network(emil).catalog.rows()}
