"""What systemd hears of the node, and that it hears nothing while the loop hangs."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio

from ledger.head import Head
from p2pnode.bounds import STATUS_SAID_EVERY
from p2pnode.core.effects import Effect, Emit, Reply, Write
from p2pnode.core.events import Event
from p2pnode.loop import Loop
from p2pnode.store import MemoryStore
from p2pnode.supervision import Supervisor


class Manager:
    """Listens as systemd does."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        lines: list[str] = []
        while True:
            try:
                lines += self.socket.recv(65_536).decode().split("\n")
            except BlockingIOError:
                return lines


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.socket.close()


def environ(manager: Manager, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.socket.getsockname(), **more}


def test_what_is_said_arrives_as_one_message(manager: Manager) -> None:
    Supervisor(environ(manager)).say("READY=1", "STATUS=two\nlines")
    assert manager.socket.recv(100) == b"READY=1\nSTATUS=two lines"


def test_an_abstract_socket(tmp_path: Path) -> None:
    name = f"p2pnode-{tmp_path}"[:100]
    manager = Manager("\0" + name)
    Supervisor({"NOTIFY_SOCKET": "@" + name}).say("READY=1")
    assert manager.heard() == ["READY=1"]
    manager.socket.close()


@pytest.mark.parametrize("where", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative"}, {"NOTIFY_SOCKET": "/no"}])
def test_where_nobody_listens_nothing_is_wrong(where: dict[str, str]) -> None:
    Supervisor(where).say("READY=1")


def test_a_manager_that_reads_nothing_holds_nobody_up(manager: Manager) -> None:
    supervisor = Supervisor(environ(manager))
    for _ in range(2_000):
        supervisor.say("STATUS=" + "x" * 500)


def test_the_watchdog_is_for_the_process_that_is_meant(manager: Manager) -> None:
    def asked(**more: str) -> float | None:
        return Supervisor(environ(manager, **more), pid=7).watchdog

    assert asked(WATCHDOG_USEC="30000000", WATCHDOG_PID="7") == 30.0
    assert asked(WATCHDOG_USEC="30000000") == 30.0
    assert asked(WATCHDOG_USEC="30000000", WATCHDOG_PID="8") is None
    assert asked(WATCHDOG_USEC="0") is None and asked(WATCHDOG_USEC="soon") is None and asked() is None


class Steady:
    """A core that has nothing to do."""

    def begin(self, now: int) -> list[Effect]:
        return []

    def committed(self) -> None: ...

    def handle(self, event: Event, now: int) -> list[Effect]:
        return [Write({b"turn": b""}, durable=True)]


class Nobody:
    def perform(self, effect: Effect) -> None:
        assert isinstance(effect, Reply | Emit)

    def warn(self, warning: str | None) -> None: ...

    def core_made(self, core: Any) -> Sequence[Event]:
        return ()


class Disk(MemoryStore):
    """A disk that stops to answer: a commit that never ends, in its thread."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = False
        self.let_go = False

    def commit(
        self,
        puts: Mapping[bytes, bytes],
        deletes: Any = (),
        durable: bool = False,
        heads: Mapping[bytes, Head] | None = None,
    ) -> None:
        while self.hangs and not self.let_go:
            trio.from_thread.run(trio.sleep, 0.001)


PAUSE = 0.03  # seconds from one keep-alive to the next: real time, since a commit is in a thread


async def test_a_loop_that_hangs_sends_no_keep_alive(manager: Manager) -> None:
    """The control: with a turn that asks nothing of the loop, the same hanging node goes on saying that it lives."""
    disk = Disk()
    loop = Loop(disk, lambda now: Steady(), Nobody(), structlog.get_logger())  # type: ignore[arg-type, return-value]
    supervisor = Supervisor(environ(manager, WATCHDOG_USEC=str(int(3 * PAUSE * 1_000_000))))

    async def no_guard() -> None: ...

    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run)
        nursery.start_soon(supervisor.watch, loop.turn, lambda: "well")
        await trio.sleep(10 * PAUSE)
        heard = manager.heard()
        assert heard.count("WATCHDOG=1") >= 2 and "STATUS=well" in heard
        disk.hangs = True
        await trio.sleep(2 * PAUSE)
        manager.heard()
        await trio.sleep(10 * PAUSE)
        assert manager.heard() == []
        with trio.move_on_after(10 * PAUSE):
            await supervisor.watch(no_guard, lambda: "well")
        assert "WATCHDOG=1" in manager.heard()
        disk.let_go = True
        await trio.sleep(10 * PAUSE)
        assert "WATCHDOG=1" in manager.heard()
        nursery.cancel_scope.cancel()


async def test_without_a_watchdog_the_status_alone_is_said(manager: Manager, autojump_clock: Any) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        turns += 1

    with trio.move_on_after(10.5 * STATUS_SAID_EVERY / 1000):
        await Supervisor(environ(manager)).watch(turn, lambda: "well")
    assert manager.heard() == ["STATUS=well"] * 11 and turns == 11


async def test_where_nobody_asked_the_loop_is_not_turned(autojump_clock: Any) -> None:
    async def turn() -> None:
        raise AssertionError("nobody asked")

    await Supervisor({}).watch(turn, lambda: "well")
