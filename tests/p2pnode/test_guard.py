"""Rates, strikes and bans."""

from hypothesis import given
from hypothesis import strategies as st

from p2pnode.bounds import (
    ACCEPT_BURST,
    BAN_TIME,
    BLOCK_FORGOTTEN,
    BLOCK_REFUSED_MAX,
    BLOCK_REFUSED_MIN,
    BLOCK_STRIKE_DECAY,
    BLOCK_STRIKES,
    BYTE_BURST,
    BYTE_RATE,
    FRAME_BURST,
    FRAME_RATE,
    MAX_BANS,
    MAX_STRIKES,
    MAX_TRACKED,
    REFUSED_BURST,
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


def test_after_a_ban_there_is_less_credit() -> None:
    guard = Guard()
    for _ in range(MAX_STRIKES):
        guard.strike("a", "why", 0)
    assert not guard.banned("a", BAN_TIME)
    assert sum(guard.strike("a", "why", BAN_TIME) for _ in range(MAX_STRIKES // 2)) == 1
    guard.lift("a")
    assert not any(guard.strike("a", "why", BAN_TIME) for _ in range(MAX_STRIKES - 1))


def test_what_our_user_blocks_is_not_pushed_out_by_others() -> None:
    guard = Guard()
    guard.ban("blocked", "by hand", 10**12, kept=True)
    for number in range(MAX_BANS + 1):
        guard.ban(f"{number}", "", 10**9)
    assert guard.banned("blocked", 0) and not guard.banned("0", 0) and guard.banned("1", 0)
    guard.ban("blocked", "strikes", 5)
    assert guard.bans(0)["blocked"] == (10**12, "by hand")
    assert guard.lift("blocked") and not guard.banned("blocked", 0)


def strike_block(guard: Guard, now: int, block: str = "192.0.2.1") -> None:
    """As many strikes as a block may earn, of as many peers."""
    for number in range(BLOCK_STRIKES):
        guard.connected(f"peer {now} {number}", block, now)
        assert not guard.strike(f"peer {now} {number}", "why", now)


def test_a_block_of_bad_peers_is_refused_for_longer_each_time() -> None:
    guard, now, spans = Guard(), 0, []
    for _ in range(10):
        strike_block(guard, now)
        assert guard.refused("192.0.2.1", "another", now)
        assert not guard.refused("192.0.2.2", "another", now)
        span = next(s for s in range(0, 10**9, 1_000) if not guard.refused("192.0.2.1", "another", now + s))
        spans.append(span)
        now += span
    assert spans[:3] == [BLOCK_REFUSED_MIN, 2 * BLOCK_REFUSED_MIN, 4 * BLOCK_REFUSED_MIN]
    assert spans[-1] == BLOCK_REFUSED_MAX
    strike_block(guard, now + 2 * BLOCK_FORGOTTEN)
    assert not guard.refused("192.0.2.1", "another", now + 2 * BLOCK_FORGOTTEN + BLOCK_REFUSED_MIN)


def test_now_and_then_a_strike_refuses_no_block() -> None:
    guard = Guard()
    for number in range(10 * BLOCK_STRIKES):
        guard.connected(f"{number}", "192.0.2.1", number * BLOCK_STRIKE_DECAY)
        guard.strike(f"{number}", "rare", number * BLOCK_STRIKE_DECAY)
    assert not guard.refused("192.0.2.1", "another", 10 * BLOCK_STRIKES * BLOCK_STRIKE_DECAY)


def test_a_refused_block_lets_in_whom_we_have_reached_and_few_others_come_as_far() -> None:
    guard = Guard()
    guard.reached("neighbour")
    strike_block(guard, 0)
    assert not guard.refused("192.0.2.1", "neighbour", 0) and guard.refused("192.0.2.1", "stranger", 0)
    assert sum(guard.admit_source("192.0.2.1", 0) for _ in range(100)) == REFUSED_BURST
    assert guard.admit_source("192.0.2.2", 0)
    assert guard.admit_source("192.0.2.1", 2_000)


def test_a_lifted_ban_frees_the_block_of_the_peer_too() -> None:
    guard = Guard()
    guard.connected("banned", "192.0.2.1", 0)
    strike_block(guard, 0)
    guard.ban("banned", "strikes", 10**6)
    assert guard.refused("192.0.2.1", "banned", 1)
    assert guard.lift("banned")
    assert not guard.refused("192.0.2.1", "banned", 1) and not guard.refused("192.0.2.1", "another", 1)
    strike_block(guard, 2)
    assert guard.refused("192.0.2.1", "another", 1 + BLOCK_REFUSED_MIN), "the next time lasts longer all the same"
    assert not guard.refused("192.0.2.1", "banned", 2), "our user's word for a peer holds"


def test_memory_is_bounded_and_strikes_survive_a_crowd() -> None:
    guard = Guard()
    for number in range(2 * MAX_TRACKED):
        guard.charge(f"peer {number}", frames=1, now=number)
        guard.admit_source(f"10.0.{number}", number)
        guard.ban(f"banned {number}", "", 10**9)
        guard.reached(f"peer {number}")
        guard.connected(f"struck {number}", f"10.0.{number}", number)
        guard.strike(f"struck {number}", "once", number)
        if number % 50 == 0:
            guard.strike("bad", "again", number)
    assert len(guard._blocks) <= MAX_TRACKED
    assert len(guard._reached) <= MAX_TRACKED
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
