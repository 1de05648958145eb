"""Rates, strikes and bans."""

from hypothesis import given
from hypothesis import strategies as st

from p2pnode.bounds import (
    ACCEPT_BURST,
    BAN_TIME,
    BYTE_BURST,
    BYTE_RATE,
    FRAME_BURST,
    FRAME_RATE,
    MAX_BANS,
    MAX_STRIKES,
    MAX_TRACKED,
    STRIKE_DECAY,
)
from p2pnode.net.guard import Guard, TokenBucket, address_block


@given(st.lists(st.tuples(st.integers(0, 5_000), st.floats(0.1, 20)), max_size=50))
def test_a_bucket_never_gives_more_than_burst_and_rate(steps: list[tuple[int, float]]) -> None:
    bucket = TokenBucket(rate=10, burst=20, now=0)
    now, given_out = 0, 0.0
    for wait, amount in steps:
        now += wait
        if bucket.take(amount, now):
            given_out += amount
        assert given_out <= 20 + now / 1000 * 10 + 1e-6


def test_a_burst_passes_and_what_follows_is_spread_over_time() -> None:
    guard = Guard()
    assert all(guard.charge("a", frames=1, now=0) == 0 for _ in range(FRAME_BURST))
    now = 0
    for _ in range(FRAME_RATE):
        now += guard.charge("a", frames=1, now=now)
    assert 900 <= now <= 1_600
    assert guard.charge("b", frames=1, now=now) == 0  # another peer pays nothing for it


def test_bytes_count_as_well_as_frames() -> None:
    guard = Guard()
    assert guard.charge("a", size=BYTE_BURST, now=0) == 0
    assert 900 <= guard.charge("a", size=BYTE_RATE, now=0) <= 1_100


def test_a_clock_that_goes_back_gives_nothing_and_breaks_nothing() -> None:
    bucket = TokenBucket(rate=1_000, burst=1, now=10_000)
    assert bucket.take(1, 10_000)
    assert not bucket.take(1, 0)
    assert bucket.take(1, 10_002)


def test_strikes_lead_to_a_ban_that_expires() -> None:
    guard = Guard()
    assert [guard.strike("a", "why", at) for at in range(MAX_STRIKES)] == [False] * (MAX_STRIKES - 1) + [True]
    assert guard.banned("a", 0)
    assert guard.bans(MAX_STRIKES - 1) == {"a": (BAN_TIME, "why")}
    assert not guard.banned("b", 0)
    assert guard.banned("a", BAN_TIME + MAX_STRIKES - 2)
    assert not guard.banned("a", BAN_TIME + MAX_STRIKES - 1)
    assert guard.bans(BAN_TIME + MAX_STRIKES) == {}


def test_strikes_are_forgiven_with_time() -> None:
    guard = Guard()
    assert not any(guard.strike("a", "rare", number * 2 * STRIKE_DECAY) for number in range(10 * MAX_STRIKES))


def test_a_ban_can_be_lifted() -> None:
    guard = Guard()
    guard.ban("a", "by hand", 1_000)
    assert guard.lift("a")
    assert not guard.lift("a")
    assert not guard.banned("a", 0)


def test_memory_is_bounded_and_strikes_survive_a_crowd() -> None:
    guard = Guard()
    for number in range(2 * MAX_TRACKED):
        guard.charge(f"peer {number}", frames=1, now=number)
        guard.admit_source(f"10.0.{number}", number)
        guard.ban(f"banned {number}", "", 10**9)
        if number % 50 == 0:
            guard.strike("bad", "again", number)
    assert len(guard._records) <= MAX_TRACKED
    assert len(guard._sources) <= MAX_TRACKED
    assert len(guard._bans) <= MAX_BANS
    assert guard.banned("bad", 2 * MAX_TRACKED) or guard.strikes("bad", 2 * MAX_TRACKED) > 0


def test_one_source_of_connections_is_slowed() -> None:
    guard = Guard()
    assert sum(guard.admit_source("192.0.2.1", 0) for _ in range(10 * ACCEPT_BURST)) == ACCEPT_BURST
    assert guard.admit_source("192.0.2.2", 0)
    assert guard.admit_source("192.0.2.1", 1_000)


def test_blocks() -> None:
    assert address_block("192.0.2.7") == "192.0.2.7"
    assert address_block("2001:db8:1:2:3::4") == address_block("2001:db8:1:2::ff") != address_block("2001:db8:1:3::4")
    assert address_block("fe80::1%eth0") == "fe80::/64"
