"""Codes are good once and not for long, guessing is of no use, pairings outlive the node and end at once."""

import pytest

from p2pnode.bounds import (
    DEVICE_LIFE,
    GUESSES_LOCKED,
    LINK_LIFE,
    MAX_DEVICES,
    MAX_GUESSERS,
    MAX_GUESSES,
    SEEN_SAVED_EVERY,
)
from p2pnode.web.devices import Devices, clean, guessed, load
from p2pnode.web.near_addresses import is_near

CODE, SECRET, PHONE = "ab" * 10, "cd" * 32, "192.168.1.20"
FIREFOX = "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0"


class Clock:
    now = 1_000_000

    def __call__(self) -> int:
        return self.now


class Disk:
    """Counts how often something was to be kept."""

    written = 0

    def __call__(self) -> None:
        self.written += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def devices(clock: Clock, disk: Disk) -> Devices:
    return Devices(clock, (), disk)


def wrong(n: int) -> bytes:
    return f"wrong{n:015}".encode()


def paired(devices: Devices, code: str = CODE, secret: str = SECRET, name: str = "") -> None:
    devices.invite(code)
    assert devices.pair(code, secret, name, FIREFOX, PHONE)


def test_a_code_is_good_once_and_for_five_minutes(devices: Devices, clock: Clock) -> None:
    paired(devices)
    assert devices.pair(CODE, "ef" * 32, "", "", PHONE) is None and not devices.is_known(b"ef" * 32)
    devices.invite("second" * 3)
    clock.now += LINK_LIFE
    assert not devices.is_invited(b"second" * 3) and devices.log_in("second" * 3, "ef" * 32) is None


def test_a_device_has_the_name_it_was_given(devices: Devices) -> None:
    paired(devices, name="  Ann's\n phone\u202e ")
    paired(devices, "ef" * 10, "ef" * 32)
    assert {s.name for s in devices.sessions()} == {"Ann's phone", "phone, Firefox"}
    assert {row["kind"] for row in devices.listed()} == {"device"}
    assert clean("x" * 500) == "x" * 60 and clean("\x1b[2J") == "[2J"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "phone, Firefox"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Version/17.0 Mobile/15E Safari/604.1",
            "phone, Safari",
        ),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) CriOS/120.0 Mobile/15E148 Safari/604.1", "tablet, Chrome"),
        ("Mozilla/5.0 (Linux; Android 14; K) Chrome/120.0 Mobile Safari/537.36", "phone, Chrome"),
        ("Mozilla/5.0 (Linux; Android 14; K) Chrome/120.0 Safari/537.36", "tablet, Chrome"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/120.0 Safari/537.36 Edg/120.0", "computer, Edge"),
        ("curl/8.0", "device"),
        ("", "device"),
    ],
)
def test_what_a_device_is_taken_for(agent: str, name: str) -> None:
    assert guessed(agent) == name


def test_an_address_that_guesses_is_locked_out_for_a_while(devices: Devices, clock: Clock) -> None:
    devices.invite(CODE)
    for n in range(MAX_GUESSES):
        assert not devices.is_invited(wrong(n), PHONE)
    assert not devices.is_invited(CODE.encode(), PHONE), "not even with the right one"
    assert devices.is_invited(CODE.encode(), "192.168.1.21")
    clock.now += GUESSES_LOCKED
    devices.invite(CODE)
    assert devices.is_invited(CODE.encode(), PHONE)


def test_a_used_or_old_code_is_no_guess(devices: Devices, clock: Clock) -> None:
    paired(devices)
    devices.invite("old" * 6)
    clock.now += LINK_LIFE - 1
    for _ in range(3 * MAX_GUESSES):
        assert not devices.is_invited(CODE.encode(), PHONE)
    clock.now += 1
    for _ in range(3 * MAX_GUESSES):
        assert not devices.is_invited(b"old" * 6, PHONE)
    devices.invite("ef" * 10)
    assert devices.is_invited(b"ef" * 10, PHONE)


def test_many_addresses_that_guess_keep_nobody_else_from_pairing_and_fill_nothing(devices: Devices) -> None:
    devices.invite(CODE)
    for n in range(2 * MAX_GUESSERS):
        devices.is_invited(wrong(n), f"fd00::{n:x}")
    assert len(devices._guesses) <= MAX_GUESSERS
    assert devices.is_invited(CODE.encode(), PHONE), "a stranger's guesses cost the household nothing"


def test_pairings_outlive_the_node_for_90_days(devices: Devices, clock: Clock) -> None:
    import msgspec

    paired(devices, name="Ann's phone")
    raw = msgspec.json.encode(devices.dump())
    assert SECRET.encode() not in raw and bytes.fromhex(SECRET) not in raw, "by hash alone"
    again = Devices(clock, load(raw))
    (session,) = again.sessions()
    assert (session.name, session.kind, session.address) == ("Ann's phone", "device", PHONE)
    clock.now += DEVICE_LIFE - 1
    assert again.is_known(SECRET.encode())
    clock.now += 1
    assert not again.is_known(SECRET.encode()) and again.dump() == []


def test_what_is_no_list_of_devices_counts_for_nothing(devices: Devices) -> None:
    for raw in (b"", b"{}", b"[1]", b'[{"hash": "00"}]', b"\xff", b"[" * 10_000):
        with pytest.raises((ValueError, RecursionError)):
            load(raw)


def test_what_is_revoked_is_over_at_once_and_on_the_disk(devices: Devices, disk: Disk) -> None:
    ended: list[str] = []
    devices.ended = ended.append
    paired(devices)
    (session,) = devices.sessions()
    before = disk.written
    assert devices.revoke(session.id) and ended == [session.id] and disk.written > before
    assert not devices.is_known(SECRET.encode()) and devices.dump() == [] and not devices.revoke(session.id)


def test_where_it_was_seen_is_written_now_and_then(devices: Devices, clock: Clock, disk: Disk) -> None:
    devices.changed = lambda: (disk(), devices.dump())  # type: ignore[assignment, func-returns-value]
    paired(devices)
    before = disk.written
    for minute in range(60):
        clock.now += SEEN_SAVED_EVERY // 60
        session = devices.session(SECRET.encode())
        assert session is not None
        devices.saw(session, f"10.0.0.{minute}")
    assert session.address == "10.0.0.59" and disk.written == before + 1


def test_there_are_only_so_many(devices: Devices, clock: Clock) -> None:
    for n in range(MAX_DEVICES + 3):
        clock.now += 1
        paired(devices, f"{n:020}", f"{n:064x}")
    assert len(devices.sessions()) == MAX_DEVICES and not devices.is_known(f"{0:064x}".encode())


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("10.1.2.3", True), ("172.16.0.1", True), ("172.31.255.1", True), ("192.168.1.7", True), ("169.254.3.4", True),
        ("fd12::1", True), ("fe80::1", True), ("fe80::1%eth0", True), ("::ffff:192.168.1.7", True),
        ("172.32.0.1", False), ("8.8.8.8", False), ("100.64.0.1", False), ("127.0.0.1", False), ("::1", False),
        ("2001:db8::1", False), ("0.0.0.0", False), ("::ffff:8.8.8.8", False), ("2002:c0a8:0107::1", False),
        ("", False), ("localhost", False), ("192.168.1.7.example", False),
    ],
)  # fmt: skip
def test_which_addresses_are_of_the_local_network(address: str, near: bool) -> None:
    assert is_near(address) is near
