"""A node that only remembers what it was asked, behind the real API on a real socket in a thread of its own."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
import trio

from p2pnode.commands import Args
from p2pnode.control import serve_control
from p2pnode.home.folder import Home
from p2pnode.home.keystore import create_keystore
from p2pnode.web.port import serve_web
from protocols.errors import Refusal


class FakeNode:
    """answers: command name → data, a `Refusal` or other exception to raise, or a function of the arguments."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Args, str | None]] = []
        self.answers: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.listening = 0
        self.after: str | None = None

    async def call(self, name: str, args: Args, request_id: str | None) -> Any:
        self.calls.append((name, args, request_id))
        answer = self.answers.get(name, {})
        if isinstance(answer, list) and answer and answer[0] == "in turn":
            answer = answer.pop(1) if len(answer) > 2 else answer[1]
        if callable(answer):
            answer = answer(args)
        if isinstance(answer, trio.Event):
            await answer.wait()
            return {}
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def heard(self) -> str:
        return "0.7"

    async def subscribe(self, after: str | None = None) -> AsyncIterator[dict[str, Any]]:
        self.listening += 1
        self.after = after
        try:
            told = 0
            while True:
                while told < len(self.events):
                    told += 1
                    yield self.events[told - 1]
                await trio.sleep(0.01)
        finally:
            self.listening -= 1

    async def metrics(self) -> tuple[bytes, str]:
        return b"p2pnode_peers 1.0\n", "text/plain; version=1.0.0; charset=utf-8"

    def in_turn(self, name: str, *answers: Any) -> None:
        """One answer after the other; the last one stays."""
        self.answers[name] = ["in turn", *answers]

    @property
    def last(self) -> tuple[str, dict[str, Any]]:
        name, args, _ = self.calls[-1]
        return name, {f: getattr(args, f) for f in args.__struct_fields__ if getattr(args, f) is not None}


def make_home(path: Path) -> Home:
    home = Home(path)
    home.create()
    create_keystore(home.keystore)
    return home


@contextmanager
def running(home: Home, node: FakeNode, web: str = "") -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Serve `node` on the home's socket, and on the address `web` if there is one. Yields a function that runs another
    one inside the node's loop."""
    ready = threading.Event()
    state: dict[str, Any] = {}

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            state["token"] = trio.lowlevel.current_trio_token()
            state["scope"] = nursery.cancel_scope
            log = structlog.wrap_logger(structlog.ReturnLogger())
            try:
                await nursery.start(serve_control, node, home, log)
                if web:
                    await nursery.start(serve_web, node, home, web, log)
            finally:
                ready.set()

    def target() -> None:
        try:
            with home.locked():
                trio.run(main)
        except (Exception, BaseExceptionGroup) as e:
            state["error"] = e
            ready.set()

    thread = threading.Thread(target=target)
    thread.start()
    assert ready.wait(10)

    def inside(function: Callable[[], Any]) -> Any:
        return trio.from_thread.run_sync(function, trio_token=state["token"])

    try:
        if "error" not in state:
            yield inside
    finally:
        if "token" in state and thread.is_alive():
            inside(state["scope"].cancel)
        thread.join(10)
    if "error" in state:
        raise state["error"]


__all__ = ["FakeNode", "Refusal", "make_home", "running"]
