"""The local network with real sockets, on loopback: what one announces another finds; what cannot be is said once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import structlog
import trio
from structlog.testing import capture_logs

from p2pnode.bounds import MAX_LAN_NEW, MAX_LAN_SERVICES
from p2pnode.core.local import Wanted
from p2pnode.net import lan
from p2pnode.net.lan import DEAF, FLOODED, Lan, _Radio
from protocols.lan import SERVICE, Find, Service, make_service, tag

PEER, OTHER = "12D3KooW" + "M" * 44, "12D3KooW" + "N" * 44
HERE = ("127.0.0.1",)


def service(peer: str, network: bytes) -> Service:
    made = make_service(network, peer, ("/ip4/10.9.8.7/tcp/4001",))
    assert made is not None
    return made


class Heard:
    """One `Lan`, and what it found last."""

    def __init__(self, wanted: Wanted, on: bool = True) -> None:
        self.wanted = wanted
        self.finds: list[tuple[Find, ...]] = []
        self.lan = Lan(on, lambda: self.wanted, self._found, structlog.get_logger())

    async def _found(self, finds: tuple[Find, ...]) -> None:
        self.finds.append(finds)

    def sees(self, find: Find) -> bool:
        return bool(self.finds) and find in self.finds[-1]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LAN_LOOK", "LAN_GATHERED", "LAN_RENEWED"):
        monkeypatch.setattr(lan, name, 0.05)


async def until(true: Any) -> None:
    with trio.fail_after(30):
        while not true():
            await trio.sleep(0.02)


@pytest.fixture
def network(request: pytest.FixtureRequest) -> bytes:
    """Of this test alone: others use the same port."""
    return request.node.name.encode()[:16].ljust(16)


async def test_what_one_announces_another_finds_until_it_goes(network: bytes) -> None:
    there = Heard(Wanted(HERE, (service(PEER, network),)))
    here = Heard(Wanted(HERE, ()))
    find = Find(PEER, tag(network, PEER), ("/ip4/10.9.8.7/tcp/4001",))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(here.lan.run)
        with trio.CancelScope() as scope:
            nursery.start_soon(there.lan.run)
            await until(lambda: here.sees(find))
            assert here.lan.state() == ("on", "")
            there.wanted = Wanted((), ())  # no interface is left: it says goodbye
            await until(lambda: not here.sees(find))
            await until(lambda: there.lan.state() == ("none", ""))
            assert there.finds[-1] == ()
            there.wanted = Wanted(HERE, (service(OTHER, network),))
            await until(lambda: any(f.peer == OTHER for f in here.finds[-1]))
            scope.cancel()
        nursery.cancel_scope.cancel()


def test_nothing_of_a_radio_goes_on_when_it_is_closed(network: bytes) -> None:
    before = threading.active_count()
    for _ in range(2):
        radio = _Radio(lambda: None)
        radio.open(HERE, (service(PEER, network),))
        assert threading.active_count() > before
        radio.close()
    assert threading.active_count() == before


async def test_switched_off_it_opens_nothing(monkeypatch: pytest.MonkeyPatch, network: bytes) -> None:
    monkeypatch.setattr(lan, "_Radio", None)
    off = Heard(Wanted(HERE, (service(PEER, network),)), on=False)
    with trio.fail_after(5):
        await off.lan.run()
    assert off.lan.state() == ("off", "") and not off.finds


class Fake:
    """Instead of a radio: fails as often as `failing` says."""

    failing: ClassVar[list[Exception]] = []
    hears_itself = True
    is_full = is_flooded = False
    opened = 0

    def __init__(self, heard: Any) -> None:
        self.heard = heard

    def open(self, ips: Any, services: Any) -> None:
        if self.failing:
            raise self.failing.pop(0)
        Fake.opened += 1

    def look(self) -> tuple[Find, ...]:
        return ()

    def close(self) -> None: ...


@contextmanager
def faked(monkeypatch: pytest.MonkeyPatch, failing: list[Exception], hears: bool = True) -> Iterator[None]:
    monkeypatch.setattr(lan, "_Radio", Fake)
    Fake.failing, Fake.hears_itself, Fake.opened = failing, hears, 0
    Fake.is_full = Fake.is_flooded = False
    yield


async def test_a_network_that_cannot_be_used_is_told_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, network: bytes
) -> None:
    one = Heard(Wanted(HERE, (service(PEER, network),)))
    with faked(monkeypatch, [OSError(19, "No such device")] * 5), capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.lan.run)
            await until(lambda: one.lan.state()[0] == "problem")
            assert "No such device" in one.lan.state()[1]
            await until(lambda: one.lan.state() == ("on", ""))
            nursery.cancel_scope.cancel()
    assert len([entry for entry in logs if "local network" in entry["event"]]) == 1, logs


async def test_where_nothing_comes_back_that_is_said_until_it_does(
    monkeypatch: pytest.MonkeyPatch, network: bytes
) -> None:
    one = Heard(Wanted(HERE, (service(PEER, network),)))
    with faked(monkeypatch, [], hears=False), capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.lan.run)
            await until(lambda: one.lan.state() == ("problem", DEAF))
            looks = len(one.finds)
            await until(lambda: len(one.finds) > looks + 3)
            Fake.hears_itself = True
            await until(lambda: one.lan.state() == ("on", ""))
            nursery.cancel_scope.cancel()
    assert len(logs) == 1 and Fake.opened == 1


async def test_a_flood_is_listened_to_no_longer_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, network: bytes
) -> None:
    """What zeroconf keeps of each name lasts as long as its announcer says: closed, it is all gone."""
    one = Heard(Wanted(HERE, (service(PEER, network),)))
    with faked(monkeypatch, []), capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.lan.run)
            await until(lambda: Fake.opened == 1)
            Fake.is_full = Fake.is_flooded = True
            await until(lambda: one.lan.state() == ("problem", FLOODED) and Fake.opened >= 2)
            assert one.finds[-1] == ()
            Fake.is_full = Fake.is_flooded = False
            await until(lambda: one.lan.state() == ("on", ""))
            nursery.cancel_scope.cancel()
    assert {entry["problem"] for entry in logs} == {FLOODED}


async def test_names_that_were_announced_for_years_are_forgotten_all_the_same(
    monkeypatch: pytest.MonkeyPatch, network: bytes
) -> None:
    monkeypatch.setattr(lan, "FRESH", 0.1)
    one = Heard(Wanted(HERE, (service(PEER, network),)))
    with faked(monkeypatch, []), capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.lan.run)
            await until(lambda: len(one.finds) > 4)
            assert Fake.opened == 1, "as long as there is room it goes on"
            Fake.is_full = True
            await until(lambda: Fake.opened > 1)
            nursery.cancel_scope.cancel()
    assert not logs


def test_a_flood_is_seen_and_our_own_name_has_its_place() -> None:
    radio = _Radio(lambda: None)
    added, updated = SimpleNamespace(name="Added"), SimpleNamespace(name="Updated")
    radio._own = frozenset({f"ours.{SERVICE}"})
    for n in range(MAX_LAN_NEW - 2):
        assert radio.is_full is (n >= MAX_LAN_SERVICES)
        radio._changed(None, SERVICE, f"{n}.{SERVICE}", added)
    for _ in range(MAX_LAN_NEW):
        radio._changed(None, SERVICE, f"0.{SERVICE}", updated)
    radio._changed(None, SERVICE, f"ours.{SERVICE}", added)
    assert f"ours.{SERVICE}" in radio._names and not radio.is_flooded
    radio._changed(None, SERVICE, f"x.{SERVICE}", added)
    assert radio.is_flooded and len(radio._names) == MAX_LAN_SERVICES + 1


def test_of_names_that_strangers_announce_few_are_kept_and_none_can_break_it(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[None] = []
    radio = _Radio(lambda: heard.append(None))
    added, removed = SimpleNamespace(name="Added"), SimpleNamespace(name="Removed")
    for n in range(4 * MAX_LAN_SERVICES):
        radio._changed(None, SERVICE, f"{n}.{SERVICE}", added)
    assert len(radio._names) == MAX_LAN_SERVICES
    for n in range(4 * MAX_LAN_SERVICES):
        radio._changed(None, SERVICE, f"{n}.{SERVICE}", removed)
    for odd in ("", ".", "x" * 300, "\x00\xff", f"{'y' * 200}.{SERVICE}", "z._http._tcp.local."):
        radio._changed(None, SERVICE, odd, added)
    assert len(radio._names) == 6
    assert radio.look() == () and not radio.hears_itself
    radio.close()
    radio.close()
