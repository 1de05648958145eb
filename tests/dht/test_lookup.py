"""Lookups: by hand, and over a crowd with dead entries and liars."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.lookup import LONGEST, PER_GROUP, REQUESTS, SLOW, Lookup
from dht.routing import Contact
from tests.dht.kademlia import Crowd, Outcome

PLACE = 0
OWN = b"me"


def peer(distance: int, *groups: str) -> Contact:
    """A peer so far from the place; the smaller, the nearer."""
    return Contact(distance.to_bytes(4, "big"), distance, frozenset(groups))


def names(contacts: list[Contact]) -> list[int]:
    return [c.place for c in contacts]


def test_the_nearest_are_asked_first_and_each_once() -> None:
    lookup = Lookup(PLACE, OWN, [peer(n) for n in (3, 5, 9)], 0, paths=1)
    assert names(lookup.next(0)) == [3, 5]
    assert lookup.next(0) == []
    lookup.answered(peer(3).peer, [peer(1), peer(3), Contact(OWN, 0)])
    assert names(lookup.next(0)) == [1]
    lookup.answered(peer(3).peer, [peer(2)])  # a second answer of the same: not asked for
    lookup.answered(peer(1).peer, [])
    lookup.answered(peer(5).peer, [peer(1)])
    assert lookup.done(0)
    assert names(lookup.closest(2)) == [1, 3]


def test_who_has_failed_is_replaced_by_the_next() -> None:
    lookup = Lookup(PLACE, OWN, [peer(n) for n in range(1, 9)], 0, paths=1, settled=2)
    assert names(lookup.next(0)) == [1, 2]
    lookup.failed(peer(1).peer)
    lookup.failed(peer(1).peer)
    assert names(lookup.next(0)) == [3]
    lookup.answered(peer(2).peer, [])
    lookup.answered(peer(3).peer, [])
    assert lookup.done(0)
    assert names(lookup.closest()) == [2, 3]


def test_beside_who_is_slow_another_is_asked_and_the_slow_one_still_counts() -> None:
    lookup = Lookup(PLACE, OWN, [peer(n) for n in range(1, 9)], 0, paths=1, settled=2)
    assert names(lookup.next(0)) == [1, 2]
    assert lookup.wake_at(0) == SLOW
    assert names(lookup.next(SLOW)) == [3, 4]
    for distance in (2, 3):
        lookup.answered(peer(distance).peer, [])
    assert not lookup.done(SLOW)
    lookup.answered(peer(1).peer, [])
    lookup.failed(peer(4).peer)
    assert lookup.done(SLOW)
    assert names(lookup.closest(2)) == [1, 2]


def test_it_ends_in_time_and_without_anybody_at_once() -> None:
    lookup = Lookup(PLACE, OWN, [peer(1)], 0)
    assert names(lookup.next(0)) == [1]
    assert not lookup.done(LONGEST - 1)
    assert lookup.done(LONGEST)
    assert lookup.next(LONGEST) == []
    assert Lookup(PLACE, OWN, [], 0).done(0)
    assert Lookup(PLACE, OWN, [], 0, enough=1).done(0)


def test_paths_are_disjoint() -> None:
    """Whom one path has heard of, no other asks, or counts on."""
    lookup = Lookup(PLACE, OWN, [peer(100), peer(200)], 0, paths=2)
    assert names(lookup.next(0)) == [100, 200]
    lookup.answered(peer(100).peer, [peer(1), peer(2)])
    lookup.answered(peer(200).peer, [peer(1), peer(2), peer(50)])
    assert sorted(names(lookup.next(0))) == [1, 2, 50]


def test_what_is_found_on_every_path_is_enough() -> None:
    lookup = Lookup(PLACE, OWN, [peer(n) for n in range(1, 5)], 0, paths=2, enough=1)
    lookup.next(0)
    lookup.answered(peer(1).peer, [], useful=True)
    lookup.answered(peer(3).peer, [], useful=True)
    assert not lookup.done(0), "both on one path: who leads there may lie"
    lookup.answered(peer(2).peer, [], useful=True)
    assert lookup.done(0)
    assert lookup.hops == 1


def test_a_path_that_is_captured_uses_up_no_more_than_its_share() -> None:
    lookup = Lookup(PLACE, OWN, [peer(1_000_000), peer(2_000_000)], 0, paths=2, requests=12)
    liars, asked = {peer(1_000_000).peer}, []
    while not lookup.done(0):
        for contact in lookup.next(0):
            asked.append(contact)
            if contact.peer in liars:
                friends = [peer(contact.place // 2 - n) for n in range(3)]  # nearer each time
                liars |= {f.peer for f in friends}
                lookup.answered(contact.peer, friends)
            else:
                lookup.answered(contact.peer, [])
    assert sum(c.peer in liars for c in asked) == 6
    assert names(asked).count(2_000_000) == 1


def test_of_one_block_of_addresses_few_are_asked() -> None:
    start = [peer(n, "203.0.113.0/24") for n in range(1, 20)] + [peer(40)]
    lookup = Lookup(PLACE, OWN, start, 0, paths=1, settled=20)
    asked: list[int] = []
    while not lookup.done(0):
        for contact in lookup.next(0):
            asked.append(contact.place)
            lookup.answered(contact.peer, [])
    assert len([n for n in asked if n != 40]) == PER_GROUP
    assert 40 in asked


def test_who_names_peers_that_do_not_answer_is_not_believed_about_the_others() -> None:
    lookup = Lookup(PLACE, OWN, [peer(1_000), peer(2_000)], 0, paths=1, settled=3)
    lookup.next(0)
    lookup.answered(peer(1_000).peer, [peer(n) for n in range(1, 20)])
    lookup.answered(peer(2_000).peer, [peer(100), peer(5)])
    asked = []
    while not lookup.done(0):
        for contact in lookup.next(0):
            asked.append(contact.place)
            if contact.place >= 100:
                lookup.answered(contact.peer, [])
            else:
                lookup.failed(contact.peer)
    assert asked == [1, 2, 100], "the others that he named are not tried, nor the one that both named"
    assert names(lookup.closest(1)) == [100]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.lists(st.integers(1, 60), max_size=25))), st.data())
def test_whatever_is_answered_nobody_is_asked_twice_and_the_budget_holds(
    script: list[tuple[int, int, list[int]]], data: st.DataObject
) -> None:
    lookup = Lookup(PLACE, OWN, [peer(n) for n in range(1, 21)], 0, enough=data.draw(st.integers(0, 2)))
    asked: list[Contact] = []
    for step, (what, which, closer) in enumerate(script):
        asked += lookup.next(step * 300)
        if not asked:
            break
        contact = asked[which % len(asked)]
        if what == 0:
            lookup.failed(contact.peer)
        else:
            lookup.answered(contact.peer, [peer(n) for n in closer], useful=what == 2)
    assert len(asked) == len(set(asked)) == lookup.requests <= REQUESTS
    assert set(lookup.closest(99)) <= set(asked)
    assert lookup.done(LONGEST)


# Over a crowd

SIZE, SEARCHES = 160, 400


@cache
def crowd(hostile: float = 0.0, ghosts: bool = False) -> tuple[Crowd, list[bytes]]:
    made = Crowd(5, SIZE, hostile=hostile, ghosts=ghosts)
    keys = [made.rng.randbytes(32) for _ in range(SEARCHES)]
    for key in keys:
        made.provide(key)
    if not hostile:
        made.leave(0.2)
    return made, keys


def searched(hostile: float, ghosts: bool, paths: int) -> list[Outcome]:
    made, keys = crowd(hostile, ghosts)
    return [made.find(key, paths=paths) for key in keys]


def test_with_a_fifth_of_the_entries_dead_what_is_there_is_found() -> None:
    outcomes = searched(0.0, False, 3)
    found = [o for o in outcomes if o.found]
    assert len(found) >= 0.99 * SEARCHES
    assert sum(o.hops for o in found) / len(found) <= 2.5
    assert max(o.requests for o in outcomes) <= REQUESTS


@pytest.mark.parametrize("ghosts", [False, True], ids=["who name each other", "who name nobody that is"])
def test_a_fifth_of_liars_hides_nothing_from_three_paths(ghosts: bool) -> None:
    assert sum(o.found for o in searched(0.2, ghosts, 3)) >= 0.99 * SEARCHES


def test_one_path_is_led_astray_as_a_control() -> None:
    outcomes = searched(0.2, False, 1)
    assert sum(o.found for o in outcomes) < 0.99 * SEARCHES
