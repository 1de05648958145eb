"""The page over the cores of a lab: what a browser does reaches a real core, and the neighbours'."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import structlog
import trio

from p2pnode import commands
from p2pnode.commands import Args
from p2pnode.core.events import Command
from p2pnode.history import COLUMNS
from p2pnode.home.config import Config
from p2pnode.home.folder import Home
from p2pnode.keeping import Keeping
from p2pnode.photo_arguments import AddPhoto, GetPhoto, LookForPhotos
from p2pnode.photos.photos import Photos
from p2pnode.search.index import Index
from p2pnode.search.searching import Searching
from p2pnode.session_arguments import ListSessions
from protocols.errors import Refusal
from tests.p2pnode.fake_node import make_home, running
from tests.p2pnode.hostile_requests import Port
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node
from tests.web.browser import Browser
from tests.web.hostile import mixed

LOG = structlog.wrap_logger(structlog.ReturnLogger())


class LabPort:
    """A node of a lab as the API sees it. One lab, one lock: the simulator is nobody's but its caller's."""

    def __init__(self, lab: Lab, node: Node, lock: threading.Lock, home: Home) -> None:
        self.lab, self.node, self.lock = lab, node, lock
        self.home = home
        self.sent: list[tuple[str, str | None]] = []
        self.calls: list[tuple[str, Args, str | None]] = []
        words = mixed(1000)
        self.answers: dict[type, Any] = {
            commands.Doctor: [{"check": "peers", "state": "problem", "found": words, "fix": words}],
            commands.History: {"step": "minute", "columns": ["at", *COLUMNS], "rows": []},
            ListSessions: [],
        }
        none: Any = None
        self.photos = Photos(home, none, lambda: node.core, lambda: lab.now, lambda: None, LOG)

    async def call(self, name: str, args: Args, request_id: str | None) -> Any:
        match args:
            case AddPhoto() | GetPhoto() | LookForPhotos():
                self.calls.append((name, args, request_id))
                return await self.photos.call(args)
            case commands.Publish(photos=[_, *_]) | commands.Edit(photos=[_, *_]):
                args = await self.photos.keeping.signed_for(args)
        with self.lock:
            self.calls.append((name, args, request_id))
            if type(args) in self.answers:  # what a daemon answers, and not its core
                return self.answers[type(args)]
            if isinstance(args, commands.Search):
                return await self._search(args)
            if name.startswith(("settings.", "notify.")):
                return await Keeping(self.home, Config(), self._send).answer(args)  # type: ignore[arg-type]
            sim, got = self.lab.sim, []
            sim._ticket += 1
            self.node.waiting[sim._ticket] = got.append
            sim.handle(self.node, Command(sim._ticket, name, args, request_id))
            sim.run(20_000)
            assert got, f"{name} was not answered"
            if isinstance(got[0], BaseException):
                raise got[0]
            return got[0]

    async def _send(self, url: str, title: str, body: str | None) -> dict[str, Any]:
        self.sent.append((url, body))
        return {"sent": "deaf" not in url, "why": "nobody is there"}

    async def _search(self, args: commands.Search) -> Any:
        index = Index(":memory:", languages=("en", "de"))
        searching = Searching(index, LOG)
        try:
            core = self.node.core
            rows = [(n.id, row) for n in core.state.networks.values() for row in n.catalog.rows(kind="listing")]
            searching.changed(tuple((network, row.author, row.name) for network, row in rows))
            return await searching.search(core, args, self.lab.now)
        finally:
            index.close()

    def heard(self) -> str:
        return "0.7"

    async def subscribe(self, after: str | None = None) -> AsyncIterator[dict[str, Any]]:
        await trio.sleep_forever()
        yield {}

    async def metrics(self) -> tuple[bytes, str]:
        return b"", "text/plain"


class Street:
    """browsers: one for each person of the lab who was asked for, logged in."""

    def __init__(self, lab: Lab, browsers: dict[str, Browser], ports: dict[str, LabPort]) -> None:
        self.lab, self.browsers, self.ports = lab, browsers, ports


@contextmanager
def open_street(folder: Path, *names: str, language: str = "en") -> Iterator[Street]:
    """A lab whose people of these names (`anna`, `ben`, …) have their page open."""
    lab, lock = Lab(), threading.Lock()
    browsers: dict[str, Browser] = {}
    ports: dict[str, LabPort] = {}
    with ExitStack() as stack:
        for name in names:
            home = make_home(folder / name)
            ports[name] = LabPort(lab, getattr(lab, name), lock, home)
            stack.enter_context(running(home, ports[name], "127.0.0.1:0"))  # type: ignore[arg-type]
            browsers[name] = bearer(Port.of(home.web_cookie), language)
        yield Street(lab, browsers, ports)


def bearer(ours: Port, language: str = "en") -> Browser:
    """A browser that knows the secret of the start."""
    browser = Browser(f"http://{ours.name}", language)
    browser.cookies["p2pnode"] = ours.secret
    return browser


__all__ = ["LabPort", "Refusal", "Street", "bearer", "open_street"]
