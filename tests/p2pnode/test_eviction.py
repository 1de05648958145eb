"""Who leaves when there is no room, for any crowd."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from p2pnode.bounds import MAX_CONNECTIONS, PROTECTED_BLOCKS, PROTECTED_QUICK, PROTECTED_USEFUL
from p2pnode.net.eviction import Seat, gives_way

KEY = b"k" * 32

SEATS = st.lists(
    st.builds(
        Seat,
        peer=st.uuids().map(str),
        kept=st.booleans(),
        block=st.sampled_from([f"198.51.{n}.0/24" for n in range(6)]),
        since=st.floats(0, 1_000),
        rtt=st.sampled_from([0.0, 0.001, 0.02, 0.3]),
        useful_at=st.sampled_from([0.0, 10.0, 500.0]),
    ),
    max_size=120,
    unique_by=lambda seat: seat.peer,
)


@given(SEATS, st.binary(min_size=32, max_size=32))
def test_whom_we_dialled_never_leaves_and_enough_strangers_always_find_one(seats: list[Seat], key: bytes) -> None:
    victim = gives_way(seats, key)
    inbound = [seat for seat in seats if not seat.kept]
    assert victim is None or victim in inbound
    if len(inbound) > PROTECTED_BLOCKS + PROTECTED_QUICK + PROTECTED_USEFUL:
        assert victim is not None


@given(SEATS, st.randoms())
def test_the_order_in_which_they_are_told_says_nothing(seats: list[Seat], rng: object) -> None:
    mixed = list(seats)
    rng.shuffle(mixed)  # type: ignore[attr-defined]
    assert gives_way(mixed, KEY) == gives_way(seats, KEY)


@given(SEATS)
def test_the_quickest_and_the_most_useful_stay(seats: list[Seat]) -> None:
    quick = Seat("quick", False, "198.51.0.0/24", 999.0, rtt=0.0001)
    useful = Seat("useful", False, "198.51.0.0/24", 999.5, useful_at=900.0)
    victim = gives_way([*seats, quick, useful], KEY)
    assert victim not in (quick, useful)


@given(SEATS)
def test_the_older_half_of_the_unprotected_stays(seats: list[Seat]) -> None:
    plain = [replace(seat, rtt=0.0, useful_at=0.0, kept=False) for seat in seats]
    victim = gives_way(plain, KEY)
    if victim is not None:
        older = sum(1 for seat in plain if seat.since <= victim.since)
        assert older > (len(plain) - PROTECTED_BLOCKS) // 2


def crowd(count: int, block: str, since: float) -> list[Seat]:
    return [Seat(f"{block} {number:04}", False, block, since + number) for number in range(count)]


def test_a_crowd_that_came_first_makes_room_out_of_its_own() -> None:
    seats = crowd(MAX_CONNECTIONS, "203.0.113.0/24", 0)
    for number in range(100):  # as many newcomers, each from another block
        victim = gives_way(seats, KEY)
        assert victim is not None
        assert victim.block == "203.0.113.0/24"
        seats.remove(victim)
        seats.append(Seat(f"honest {number}", False, f"10.0.{number}.0/24", 1_000.0 + number))


def test_a_crowd_that_comes_later_does_not_drive_out_who_is_here() -> None:
    honest = [Seat(f"honest {n}", False, f"10.0.{n}.0/24", float(n), 0.02, 50.0 + n) for n in range(40)]
    seats = [*honest, *crowd(MAX_CONNECTIONS - 40, "203.0.113.0/24", 1_000)]
    for number in range(1_000):
        victim = gives_way(seats, KEY)
        assert victim is not None
        assert victim not in honest
        seats.remove(victim)
        seats.append(Seat(f"late {number}", False, "203.0.113.0/24", 2_000.0 + number))


def test_a_crowd_of_many_blocks_that_comes_later_leaves_the_older_half() -> None:
    """The worst case: every one of it has a block of its own. Some honest ones may go, the protected may not."""
    honest = [Seat(f"honest {n}", False, f"10.0.{n}.0/24", float(n)) for n in range(60)]
    seats = [*honest, *(Seat(f"sybil {n}", False, f"20.0.{n}.0/24", 100.0 + n) for n in range(MAX_CONNECTIONS - 60))]
    for number in range(1_000):
        victim = gives_way(seats, KEY)
        assert victim is not None
        seats.remove(victim)
        seats.append(Seat(f"late {number}", False, f"30.{number >> 8}.{number & 255}.0/24", 2_000.0 + number))
    assert all(seat in seats for seat in honest)


def test_which_blocks_are_protected_cannot_be_known_without_the_key() -> None:
    seats = [Seat(f"peer {n}", False, f"10.0.{n}.0/24", 5.0) for n in range(64)]
    assert len({gives_way(seats, bytes([n]) * 32) for n in range(8)} - {None}) >= 1
    kept = [frozenset(_survivors(seats, bytes([n]) * 32)) for n in range(4)]
    assert len(set(kept)) > 1


def _survivors(seats: list[Seat], key: bytes) -> list[str]:
    left = list(seats)
    while (victim := gives_way(left, key)) is not None:
        left.remove(victim)
    return [seat.peer for seat in left]
