"""The commands that the daemon answers itself, without the core."""

from pathlib import Path
from typing import Any

import pytest
import structlog
import trio

from p2pnode.commands import Args, Doctor, Health, parse_args
from p2pnode.core.effects import Reply
from p2pnode.core.events import Command
from p2pnode.daemon import Daemon
from p2pnode.doctor.answering import answer
from p2pnode.history import COLUMNS
from p2pnode.home.folder import Home
from p2pnode.home.founding import set_up
from p2pnode.home.kinds import OwnKinds
from p2pnode.listeners import Listeners
from p2pnode.sampling import Sampling
from p2pnode.store import Store
from p2pnode.web.port import Web
from tests.answers.recorder import SEEN
from tests.p2pnode.lab import Lab

LOG = structlog.wrap_logger(structlog.ReturnLogger())
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def daemon(tmp_path: Path) -> Any:
    made = Daemon.__new__(Daemon)
    made._home = Home(tmp_path / "anna")
    set_up(made._home, "Anna", "u33dc", None, None, (), "test", None)
    made._kinds = OwnKinds(made._home)
    made._store = Store.open(made._home.store)
    made._listeners = Listeners()
    made._sampling = Sampling(made._home, lambda: None, lambda: 0, lambda: 0, made._listeners, LOG)  # type: ignore[arg-type, return-value]
    yield made
    made._store.close()


async def ask(daemon: Daemon, name: str, **fields: Any) -> Any:
    data = await daemon.call(name, parse_args(name, fields), None)
    SEEN.answered(name, data, [])
    return data


async def test_a_link_to_the_page(daemon: Daemon) -> None:
    async with trio.open_nursery() as nursery:
        daemon._nursery, daemon._web = nursery, Web(daemon, daemon._home, LOG)
        data = await ask(daemon, "web.login")
        nursery.cancel_scope.cancel()
    assert data["link"].startswith(f"{data['url']}/login/")


async def test_a_kind_is_added_and_told_of(daemon: Daemon) -> None:
    text = (ROOT / "docs" / "examples" / "kinds" / "tool-library.toml").read_text()
    assert (await ask(daemon, "kinds.add", text=text))["own"]
    assert daemon._listeners._what == {"kinds"}


async def test_a_backup_is_written(daemon: Daemon, tmp_path: Path) -> None:
    data = await ask(daemon, "backup", file=str(tmp_path / "b"), passphrase="five words that nobody knows")
    assert data["bytes"] == (tmp_path / "b").stat().st_size


async def test_the_history_of_figures(daemon: Daemon) -> None:
    daemon._sampling._history.add(3_600_000, dict.fromkeys(COLUMNS, 4))
    data = await ask(daemon, "history", since=1)
    assert data == {"step": "minute", "columns": ["at", *COLUMNS], "rows": [(3_600_000, *[4] * len(COLUMNS))]}


async def test_health_and_what_is_made_of_it(daemon: Daemon) -> None:
    lab = Lab()

    async def of_core(args: Args) -> Any:
        effects = lab.ben.core.handle(Command(7, "health", args), lab.now)
        return next(effect.result for effect in effects if isinstance(effect, Reply))

    health = await answer(Health(), daemon._home, of_core)
    SEEN.answered("health", health, [])
    findings = await answer(Doctor(), daemon._home, of_core)
    SEEN.answered("doctor", findings, [])
    assert health["resident"] > 0 and {"check", "state"} <= set(findings[0])


async def test_a_link_that_logs_in(daemon: Daemon) -> None:
    async with trio.open_nursery() as nursery:
        daemon._nursery, daemon._web = nursery, Web(daemon, daemon._home, LOG)
        data = await ask(daemon, "web.login")
        nursery.cancel_scope.cancel()
    assert data["link"].startswith(data["url"] + "/login/")
