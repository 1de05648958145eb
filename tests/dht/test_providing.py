"""When things are said in the DHT."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dht.providing import AT_ONCE, PACE, SAID_AGAIN, TRY_AGAIN, TRY_AGAIN_MAX, Providing
from protocols.limits import HOUR

KEYS = [bytes([n]) for n in range(10)]
FORGOTTEN = 24 * HOUR  # by others


def test_new_keys_are_said_few_at_a_time() -> None:
    providing = Providing(Random(1))
    assert providing.next_wake() is None
    assert providing.want(KEYS, 0) == []
    said: list[bytes] = []
    now = 0
    while len(said) < len(KEYS):
        assert providing.next_wake() == now
        due = providing.due(now)
        assert 0 < len(due) <= AT_ONCE
        assert providing.due(now) == []
        said += due
        for key in due:
            providing.said(key, True, now)
        now += PACE
    assert sorted(said) == KEYS
    assert (providing.next_wake() or 0) > SAID_AGAIN // 2


def test_each_is_said_again_long_before_others_forget_it() -> None:
    providing = Providing(Random(2))
    providing.want(KEYS, 0)
    last = dict.fromkeys(KEYS, 0)
    now = 0
    while now < 5 * FORGOTTEN:
        for key in providing.due(now):
            assert now - last[key] <= SAID_AGAIN + len(KEYS) * PACE
            last[key] = now
            providing.said(key, True, now)
        wake = providing.next_wake()
        assert wake is not None and wake > now
        now = wake
    assert len(set(last.values())) > 1, "each at its own moment"


def test_what_nobody_noted_is_said_again_soon_and_then_less_often() -> None:
    providing = Providing(Random(3))
    providing.want([b"k"], 0)
    times, now = [], 0
    for _ in range(12):
        assert providing.due(now) == [b"k"]
        times.append(now)
        providing.said(b"k", False, now + 10)
        now = providing.next_wake() or 0
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[:3] == [TRY_AGAIN, 2 * TRY_AGAIN, 4 * TRY_AGAIN]
    assert pauses[-1] == TRY_AGAIN_MAX
    providing.again(now)
    assert providing.next_wake() == now


def test_what_is_not_wanted_any_more_is_not_said() -> None:
    providing = Providing(Random(4))
    providing.want([b"a", b"b"], 0)
    assert providing.want([b"b", b"c"], 1) == [b"a"]
    assert sorted(providing.due(1)) == [b"b", b"c"]
    providing.said(b"a", True, 2)
    assert providing.want([], 3) == [b"b", b"c"]
    assert providing.next_wake() is None


def test_one_that_has_changed_is_due_and_a_clock_that_was_set_stops_nothing() -> None:
    providing = Providing(Random(5))
    providing.want([b"a"], FORGOTTEN)
    providing.due(FORGOTTEN)
    providing.said(b"a", True, FORGOTTEN)
    assert providing.due(FORGOTTEN + PACE) == []
    providing.renew(b"a", FORGOTTEN + PACE)
    providing.renew(b"x", FORGOTTEN + PACE)
    assert providing.due(FORGOTTEN + PACE) == [b"a"]
    providing.said(b"a", True, FORGOTTEN + PACE)
    assert providing.due(1) == [b"a"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 2 * HOUR)), max_size=60))
def test_nothing_wanted_is_ever_lost(script: list[tuple[int, int, int]]) -> None:
    providing, wanted, now = Providing(Random(6)), set[bytes](), 0
    for what, which, later in script:
        now += later
        if what == 0:
            wanted ^= {KEYS[which]}
            providing.want(sorted(wanted), now)
        elif what == 1:
            assert set(providing.due(now)) <= wanted
        else:
            providing.said(KEYS[which], what == 2, now)
    for _ in range(len(KEYS)):
        now += FORGOTTEN
        wanted -= set(providing.due(now))
    assert not wanted
