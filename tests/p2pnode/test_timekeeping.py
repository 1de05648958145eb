"""Which clock is believed, and who can change that."""

import pytest

from p2pnode.bounds import CLOCK_AHEAD, CLOCK_BACK, CLOCK_UNHEARD, EARLIEST
from p2pnode.core.effects import Remake, Write
from p2pnode.core.journal import Journal
from p2pnode.core.timekeeping import Timekeeping
from p2pnode.store import MemoryStore
from protocols.limits import DAY, HOUR, MINUTE

NOW = 1_800_000_000_000


class Clock:
    """A node's timekeeping over its starts. Peers whose names begin with `stranger` have no say."""

    def __init__(self, first: int = NOW) -> None:
        self.disk = MemoryStore()
        self.start(first - CLOCK_UNHEARD).woke(first)
        self.kept()

    def start(self, wall: int) -> Timekeeping:
        self.journal = Journal(self.disk)
        self.time = Timekeeping(self.journal, wall, lambda peer: not peer.startswith("stranger"))
        self.time.woke(wall)
        self.kept()
        return self.time

    def kept(self) -> list[object]:
        effects = self.journal.take()
        for effect in effects:
            if isinstance(effect, Write):
                self.disk.commit(effect.puts)
        self.journal.committed()
        return [e for e in effects if not isinstance(e, Write)]


@pytest.mark.parametrize("wall", [0, 1, EARLIEST - 1, NOW - CLOCK_BACK - 1, NOW + CLOCK_AHEAD + 1, 2**53 - 1])
def test_a_clock_far_from_the_last_time_is_not_believed_and_time_goes_on(wall):
    time = Clock().start(wall)
    assert time.now(wall) == NOW
    assert time.now(wall + HOUR) == NOW + HOUR
    assert "nobody confirms it" in time.warnings(wall)[0] and "--is-right" in time.warnings(wall)[0]


@pytest.mark.parametrize("wall", [NOW - CLOCK_BACK, NOW - HOUR, NOW + HOUR, NOW + CLOCK_AHEAD])
def test_a_clock_near_the_last_time_is_believed(wall):
    time = Clock().start(wall)
    assert time.now(wall) == wall and not time.warnings(wall)


def test_time_does_not_go_back_over_restarts_with_a_dead_clock():
    clock = Clock()
    for hours in range(1, 5):
        time = clock.start(0)
        time.woke(HOUR)
        clock.kept()
        assert time.now(HOUR) == NOW + hours * HOUR


def test_a_machine_without_a_clock_begins_at_the_earliest_date_and_takes_the_first_that_can_be():
    clock = Clock(first=CLOCK_UNHEARD)
    assert clock.time.now(CLOCK_UNHEARD) == EARLIEST + CLOCK_UNHEARD
    time = clock.start(NOW)
    assert time.now(NOW) == NOW
    time.woke(NOW + CLOCK_UNHEARD)
    clock.kept()
    assert clock.start(0).now(0) == NOW + CLOCK_UNHEARD


def test_most_neighbours_confirm_what_the_clock_says_and_the_core_begins_anew():
    clock = Clock()
    wall = NOW + 3 * CLOCK_AHEAD
    time = clock.start(wall)
    time.heard("anna", NOW, wall)
    assert time.now(wall) == NOW
    time.heard("ben", wall + MINUTE, wall)
    assert time.now(wall) == NOW and not clock.kept()
    time.heard("cleo", wall - MINUTE, wall)
    assert time.now(wall) == wall
    assert [type(e) for e in clock.kept()] == [Remake]
    assert clock.start(wall).now(wall) == wall


def test_no_crowd_gives_this_node_another_time():
    time = Clock().start(NOW)
    for i in range(100):
        time.heard(f"liar {i}", NOW + 3650 * DAY, NOW)
    assert time.now(NOW) == NOW
    assert time.objection() == 3650 * DAY
    assert "nothing is signed" in time.warnings(NOW)[0]
    for i in range(51):
        time.gone(f"liar {i}")
        time.heard(f"honest {i}", NOW, NOW)
    assert time.objection() == 0 and not time.warnings(NOW)


def test_strangers_have_no_say():
    wall = NOW + 3650 * DAY
    time = Clock().start(wall)
    for i in range(9):
        time.heard(f"stranger {i}", wall, wall)
    assert time.now(wall) == NOW
    right = Clock().start(NOW)
    for i in range(9):
        right.heard(f"stranger {i}", wall, NOW)
    assert right.objection() == 0 and not right.warnings(NOW)


def test_our_user_decides():
    clock = Clock()
    wall = NOW + 3650 * DAY
    time = clock.start(wall)
    time.heard("anna", NOW, wall)
    assert time.objection() == NOW - wall
    time.insist(wall)
    assert time.now(wall) == wall and not time.objection() and not time.warnings(wall)
    assert [type(e) for e in clock.kept()] == [Remake]
    again = clock.start(wall)
    again.heard("anna", NOW, wall)
    assert again.now(wall) == wall and not again.objection()


def test_an_hour_is_worth_a_warning_only():
    time = Clock().start(NOW)
    time.heard("anna", NOW + HOUR, NOW)
    assert not time.objection()
    assert time.warnings(NOW)[0].startswith("this machine's clock is 60 minutes behind its neighbours'. Set")


def test_a_clock_that_neighbours_contradict_is_not_remembered():
    clock = Clock()
    time = clock.start(NOW + 2 * HOUR)
    time.heard("anna", NOW, NOW + 2 * HOUR)
    time.woke(NOW + 4 * HOUR)
    clock.kept()
    assert clock.start(0).now(0) == NOW


def test_a_clock_that_was_just_set_is_not_remembered_before_anybody_could_contradict_it():
    clock = Clock()
    time = clock.start(NOW + 20 * DAY)
    time.woke(NOW + 20 * DAY + CLOCK_UNHEARD - 1)
    clock.kept()
    assert clock.start(0).now(0) == NOW
