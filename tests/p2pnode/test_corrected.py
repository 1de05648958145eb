"""A rating that is corrected after both were opened: the newest counts, but not to whom it takes revenge on."""

from typing import Any

import pytest

from p2pnode.bounds import RATING_WINDOW
from protocols.errors import Refusal
from tests.p2pnode.test_amending import PAUSE
from tests.p2pnode.test_rateable import listed, seen_by, sold
from tests.p2pnode.test_told import Listed


def rate(lab: Listed, node: Any, outcome: int, **more: Any) -> Any:
    said = lab.ask(node, "attest", exchange=lab.id, outcome=outcome, **more)
    lab.sim.run(PAUSE)
    return said


def seen(lab: Listed) -> list[list[int]]:
    """Cleo's rating of Ben, as Ben and as others see it, each also after it was started anew."""
    found = []
    for node in (lab.ben, lab.anna, lab.dora):
        before = seen_by(lab, node, lab.cleo, lab.id)
        lab.sim.crash(node)
        lab.sim.run(PAUSE)
        assert seen_by(lab, node, lab.cleo, lab.id) == before
        found.append(before)
    return found


@pytest.fixture
def lab() -> Listed:
    made = listed("plain", sold)
    rate(made, made.ben, -1)
    rate(made, made.cleo, 1)
    return made


def test_it_is_corrected_by_a_new_revision(lab: Listed) -> None:
    assert seen(lab) == [[1]] * 3
    assert rate(lab, lab.cleo, 2, again=True, text="He came back and mended it")["state"] == "published"
    assert seen(lab) == [[2]] * 3
    network = lab.network(lab.dora)
    assert network.catalog.get((lab.cleo.core.state.me, "attestation", bytes.fromhex(lab.id))).revision == 1


def test_who_takes_revenge_is_given_no_more_weight_than_what_was_sealed(lab: Listed) -> None:
    rate(lab, lab.cleo, -2, again=True, text="He said -1 of me")
    assert seen(lab) == [[1], [-2], [-2]], "Ben holds what she had sealed; others cannot know it"
    rate(lab, lab.cleo, 2, again=True)
    assert seen(lab) == [[2]] * 3


def test_one_who_rates_late_is_held_to_the_first_word() -> None:
    lab = listed("plain", sold)
    rate(lab, lab.ben, -1)
    lab.leap(RATING_WINDOW)
    rate(lab, lab.cleo, 0)
    lab.leap(RATING_WINDOW)
    rate(lab, lab.cleo, -2, again=True)
    assert seen(lab)[0] == [0]


def test_what_is_sealed_or_the_same_is_not_corrected() -> None:
    lab = listed("plain", sold)
    with pytest.raises(Refusal, match="not rated"):
        rate(lab, lab.cleo, 1, again=True)
    rate(lab, lab.cleo, 1)
    with pytest.raises(Refusal, match="already"):
        rate(lab, lab.cleo, 2, again=True)
    rate(lab, lab.ben, 1)
    count = lab.network(lab.cleo).chain.state.count
    with pytest.raises(Refusal, match="already"):
        rate(lab, lab.cleo, 1, again=True)
    assert lab.network(lab.cleo).chain.state.count == count
