"""The real node under somebody who listens as systemd does: what it hears, and the silence when the loop hangs."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.nodes import Node, until

WATCHDOG = 0.6  # seconds; a keep-alive every third of it
# A loop that hangs, in the two ways it can: the whole process in one step, or the loop alone, in a write that does not
# end, while all around it goes on.
HANGING = """
import sys, time
from pathlib import Path
import cli.main
from p2pnode import loop
from p2pnode.core.core import Core
flag = Path(sys.argv.pop(1))
def stuck():
    while flag.exists(): time.sleep(0.02)
how = sys.argv.pop(1)
if how == "process":
    handle = Core.handle
    def handled(self, event, wall):
        stuck()
        return handle(self, event, wall)
    Core.handle = handled
else:
    import trio
    finish = loop.Loop.finish
    async def finished(self, effects):
        await trio.to_thread.run_sync(stuck)
        return await finish(self, effects)
    loop.Loop.finish = finished
cli.main.main()
"""


class Manager:
    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.lines: list[str] = []

    def hear(self) -> list[str]:
        """What has come since."""
        new: list[str] = []
        while True:
            try:
                new += self.socket.recv(65_536).decode().split("\n")
            except BlockingIOError:
                self.lines += new
                return new

    def wait_for(self, line: str) -> None:
        until(f"hears {line}", lambda: any(one.startswith(line) for one in self.hear()))


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(int(WATCHDOG * 1_000_000)))
    yield made
    made.socket.close()


def test_from_ready_to_stopping(tmp_path: Path, manager: Manager) -> None:
    with Node("Ann", tmp_path) as ann:
        ann.init("--new-network", "Elm Street", "--unit", "hour")
        assert manager.hear() == []
        ann.start()
        manager.wait_for("WATCHDOG=1")
        assert manager.lines[0] == "READY=1" and "STATUS=Elm Street: 0 connected" in manager.lines
        manager.wait_for("WATCHDOG=1")
        assert ann.stop() == 0
        manager.hear()
        assert manager.lines.count("READY=1") == 1 and "STOPPING=1" in manager.lines


@pytest.mark.parametrize("how", ["process", "loop"])
def test_a_loop_that_hangs_is_silent(tmp_path: Path, manager: Manager, how: str) -> None:
    flag = tmp_path / "hang"
    with Node("Ann", tmp_path) as ann:
        ann.init()
        process = subprocess.Popen(
            [sys.executable, "-c", HANGING, str(flag), how, "run"],
            env=ann.environment,
            cwd=ann.source,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            manager.wait_for("WATCHDOG=1")
            manager.wait_for("WATCHDOG=1")
            flag.touch()
            quiet(manager)
            flag.unlink()
            manager.wait_for("WATCHDOG=1")
        finally:
            process.kill()
            process.wait()


def quiet(manager: Manager, now: Callable[[], float] = time.monotonic) -> None:
    """Nothing comes for longer than systemd would bear, once what was under way has arrived."""
    time.sleep(WATCHDOG)
    manager.hear()
    end = now() + 2 * WATCHDOG
    while now() < end:
        assert manager.hear() == []
        time.sleep(0.05)
