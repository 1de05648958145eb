"""Bookings against a model that looks at every single instant."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from protocols.booking import Booking, Span, conflicts, free, merged, outside

LENGTH = 24
_times = st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)).filter(lambda t: t[0] < t[1])
spans = st.lists(_times.map(lambda t: Span(*t)), max_size=6).map(tuple)
bookings = st.lists(
    st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), _times, st.integers(1, 4)).map(
        lambda row: Booking(row[0], *row[1], row[2])
    ),
    max_size=8,
)


def taken(booked: list[Booking], at: int) -> int:
    """What is taken at an instant: of what one exchange books, which are alternatives, the most."""
    keys = {b.key for b in booked}
    return sum(max((b.quantity for b in booked if b.key == k and b.start <= at < b.end), default=0) for k in keys)


def instants(found: tuple[Span, ...]) -> set[int]:
    return {at for span in found for at in range(span.start, span.end)}


def tidy(found: tuple[Span, ...]) -> bool:
    """Ascending, none empty, none that touch."""
    return all(s.start < s.end for s in found) and all(a.end < b.start for a, b in pairwise(found))


@given(bookings, _times, st.integers(1, 5), st.integers(0, 8))
def test_conflicts_are_the_instants_where_too_much_is_taken(booked, asked, quantity, capacity):
    found = conflicts(booked, Span(*asked), quantity, capacity)
    assert instants(found) == {at for at in range(*asked) if taken(booked, at) + quantity > capacity}
    assert tidy(found)


@given(spans, bookings, st.integers(1, 5), st.integers(0, 8))
def test_free_is_what_lies_in_a_window_and_has_room(windows, booked, quantity, capacity):
    found = free(windows, booked, quantity, capacity)
    assert instants(found) == {at for at in instants(windows) if taken(booked, at) + quantity <= capacity}
    assert tidy(found)


@given(spans, bookings, st.integers(1, 5), st.integers(1, 8), _times)
def test_what_is_free_conflicts_with_nothing(windows, booked, quantity, capacity, asked):
    inside = any(s.start <= asked[0] and asked[1] <= s.end for s in free(windows, booked, quantity, capacity))
    clash = conflicts(booked, Span(*asked), quantity, capacity)
    assert inside == (not clash and not outside(windows, Span(*asked)))


@given(spans, _times)
def test_outside_is_what_no_window_has(windows, asked):
    assert instants(outside(windows, Span(*asked))) == set(range(*asked)) - instants(windows)


@given(spans)
def test_merged_says_the_same_in_the_fewest_spans(windows):
    assert instants(merged(windows)) == instants(windows) and tidy(merged(windows))


def test_who_comes_when_another_goes_is_in_nobodys_way():
    booked = [Booking(b"a", 10, 20, 1)]
    assert not conflicts(booked, Span(20, 30), 1, 1) and not conflicts(booked, Span(5, 10), 1, 1)
    assert conflicts(booked, Span(19, 30), 1, 1) == (Span(19, 20),)
    assert conflicts(booked, Span(5, 11), 1, 1) == (Span(10, 11),)


def test_three_of_two_are_too_many_only_where_all_three_meet():
    booked = [Booking(b"a", 0, 10, 1), Booking(b"b", 5, 15, 1)]
    assert conflicts(booked, Span(0, 20), 1, 2) == (Span(5, 10),)
