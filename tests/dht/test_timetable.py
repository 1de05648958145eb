"""Who is due first, of many that change their minds."""

from hypothesis import given
from hypothesis import strategies as st

from dht.timetable import SLACK, Timetable

TIMES = st.integers(0, 20)


@given(st.lists(st.one_of(st.tuples(st.integers(0, 5), TIMES | st.none()), TIMES), max_size=60))
def test_it_tells_what_looking_at_all_would_tell(steps: list[tuple[int, int | None] | int]) -> None:
    table, plain = Timetable[int](), dict[int, int]()
    for step in steps:
        if isinstance(step, int):
            taken = table.take(step, 2)
            due = sorted(when for when in plain.values() if when <= step)[:2]
            assert [plain.pop(key) for key in taken] == due
        elif step[1] is None:
            table.drop(step[0])
            plain.pop(step[0], None)
        else:
            table.put(step[0], step[1])
            plain[step[0]] = step[1]
        assert table.first() == min(plain.values(), default=None)


def test_who_has_waited_longest_comes_first_and_nobody_comes_twice() -> None:
    table = Timetable[str]()
    for name in "abc":
        table.put(name, 5)
    assert table.take(5, 2) == ["a", "b"]
    table.put("a", 5)
    assert table.take(5, 3) == ["c", "a"]
    assert table.take(5, 3) == []


def test_sooner_is_never_later() -> None:
    table = Timetable[str]()
    for due, first in ((7, 7), (9, 7), (3, 3)):
        table.sooner("a", due)
        assert table.first() == first


def test_times_that_are_old_do_not_pile_up() -> None:
    table = Timetable[int]()
    for time in range(10_000):
        table.put(time % 3, 1_000_000 - time)
    assert len(table) <= 2 * 3 + SLACK
