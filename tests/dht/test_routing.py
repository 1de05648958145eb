"""The routing table: who is in it, who is nearest, and whom no crowd pushes out."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from dht.routing import GIVEN_UP, PER_BUCKET, PER_TABLE, Contact, K, RoutingTable, contact_of, place_of

OWN = b"own"


def far(number: int, *groups: str) -> Contact:
    """A peer of the farthest bucket."""
    return Contact(number.to_bytes(4, "big"), (place_of(OWN) ^ (1 << 255)) ^ number, frozenset(groups))


def test_a_place_is_the_hash_of_the_name() -> None:
    assert place_of(b"x") == int(sha256(b"x").hexdigest(), 16)
    assert contact_of(b"x", ["g"]) == Contact(b"x", place_of(b"x"), frozenset(["g"]))


@given(st.lists(st.binary(min_size=1, max_size=8), unique=True, max_size=15), st.binary(), st.integers(1, 20))
def test_the_closest_are_the_closest(peers: list[bytes], target: bytes, count: int) -> None:
    table = RoutingTable(OWN)
    for peer in peers:
        table.heard(contact_of(peer))
    known = [p for p in peers if p != OWN]
    place = place_of(target)
    assert [c.peer for c in table.closest(place, count)] == sorted(known, key=lambda p: place_of(p) ^ place)[:count]


def test_a_full_bucket_keeps_whom_it_has() -> None:
    table = RoutingTable(OWN)
    assert all(table.heard(far(n), answered=1) for n in range(K))
    assert not any(table.heard(far(n), answered=2) for n in range(K, 1_000))
    assert set(table.peers()) == {far(n).peer for n in range(K)}
    table.failed(far(3).peer)
    assert table.heard(far(500), answered=3), "who failed gives way"
    assert far(3).peer not in table
    assert len(table) == K


def test_who_answered_takes_the_place_of_who_was_only_talked_of() -> None:
    table = RoutingTable(OWN)
    for n in range(K):
        table.heard(far(n))
    assert not table.heard(far(100))
    assert table.heard(far(101), answered=1)
    assert far(101).peer in table
    assert len(table) == K


def test_who_fails_is_asked_last_and_given_up_in_the_end() -> None:
    table = RoutingTable(OWN)
    for n in (1, 2):
        table.heard(far(n), answered=1)
    table.heard(far(3))
    table.failed(far(1).peer)
    assert [c.peer for c in table.closest(far(1).place)] == [far(n).peer for n in (3, 2, 1)]
    table.heard(far(1), answered=2)
    assert table.closest(far(1).place, 1)[0].peer == far(1).peer
    for _ in range(GIVEN_UP):
        assert far(1).peer in table
        table.failed(far(1).peer)
    assert far(1).peer not in table
    table.failed(far(3).peer)
    assert far(3).peer not in table
    table.failed(b"nobody")


def test_of_who_has_answered_alone_others_are_told() -> None:
    table = RoutingTable(OWN)
    table.heard(far(1))
    table.heard(far(2), answered=1)
    assert [c.peer for c in table.closest(0)] and [c.peer for c in table.closest(0, proven=True)] == [far(2).peer]


def test_one_block_of_addresses_gets_few_places() -> None:
    table = RoutingTable(OWN)
    for n in range(K):
        table.heard(far(n, "203.0.113.0/24"), answered=1)
    assert len(table) == PER_BUCKET
    for n in range(4_000):
        table.heard(contact_of(n.to_bytes(4, "big"), ["203.0.113.0/24"]), answered=1)
    assert len(table) <= PER_TABLE
    for peer in table.peers():
        table.forget(peer)
    assert table.heard(far(7, "203.0.113.0/24"))
    assert far(1, "192.0.2.0/24").peer not in table


def test_a_bucket_is_refreshed_by_a_place_in_it() -> None:
    table = RoutingTable(OWN)
    for bucket in (0, 1, 7, 100, 255):
        for chance in (0, (1 << 256) - 1, 12345):
            place = table.place_in(bucket, chance)
            assert 256 - (place ^ place_of(OWN)).bit_length() == bucket
    assert table.far_buckets() == []
    table.heard(far(1))
    assert table.far_buckets() == [0]


def test_we_are_not_in_our_own_table() -> None:
    table = RoutingTable(OWN)
    assert not table.heard(contact_of(OWN))
    assert len(table) == 0
