"""The commands that the daemon answers itself, without the core."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio

from p2pnode.commands import Args, Doctor, Health, parse_args
from p2pnode.core.effects import Reply
from p2pnode.core.events import Command
from p2pnode.dispatch import Dispatch
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
from tests.p2pnode.fake_node import FakeNode
from tests.p2pnode.lab import Lab

LOG = structlog.wrap_logger(structlog.ReturnLogger())
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Dispatch]:
    home = Home(tmp_path / "anna")
    set_up(home, "Anna", "u33dc", None, None, (), "test", None)
    store, listeners = Store.open(home.store), Listeners()
    none: Any = None
    sampling = Sampling(home, lambda: none, lambda: 0, lambda: 0, listeners, LOG)
    async with trio.open_nursery() as nursery:
        web = Web(FakeNode(), home, LOG)
        yield Dispatch(home, store, OwnKinds(home), web, sampling, none, listeners, none, lambda: nursery)
        nursery.cancel_scope.cancel()
    store.close()


async def ask(daemon: Dispatch, name: str, **fields: Any) -> Any:
    data = await daemon.call(name, parse_args(name, fields), None)
    SEEN.answered(name, data, [])
    return data


async def test_a_link_to_the_page(daemon: Dispatch) -> None:
    data = await ask(daemon, "web.login")
    assert data["link"].startswith(f"{data['url']}/login/")


async def test_browsers_are_listed_and_logged_out(daemon: Dispatch) -> None:
    link = (await ask(daemon, "web.login"))["link"]
    assert await ask(daemon, "web.sessions") == []
    session = daemon.web.logins.log_in(link.rpartition("/")[2], "ab" * 32, "Firefox")
    assert session is not None
    (row,) = await ask(daemon, "web.sessions")
    assert row["id"] == session.id and row["browser"] == "Firefox" and row["since"] <= row["seen"] < row["valid_until"]
    assert await ask(daemon, "web.revoke", ids=[session.id, "00000000", session.id]) == {"revoked": [session.id]}
    assert await ask(daemon, "web.revoke", ids=[session.id]) == {"revoked": []}, "it may be repeated"
    assert await ask(daemon, "web.sessions") == [] and not daemon.web.logins.is_known(b"ab" * 32)


async def test_a_kind_is_added_and_told_of(daemon: Dispatch) -> None:
    text = (ROOT / "docs" / "examples" / "kinds" / "tool-library.toml").read_text()
    assert (await ask(daemon, "kinds.add", text=text))["own"]
    assert daemon.listeners._what == {"kinds"}


async def test_a_backup_is_written(daemon: Dispatch, tmp_path: Path) -> None:
    data = await ask(daemon, "backup", file=str(tmp_path / "b"), passphrase="five words that nobody knows")
    assert data["bytes"] == (tmp_path / "b").stat().st_size


async def test_the_history_of_figures(daemon: Dispatch) -> None:
    daemon.sampling._history.add(3_600_000, dict.fromkeys(COLUMNS, 4))
    data = await ask(daemon, "history", since=1)
    assert data == {"step": "minute", "columns": ["at", *COLUMNS], "rows": [(3_600_000, *[4] * len(COLUMNS))]}


async def test_health_and_what_is_made_of_it(daemon: Dispatch) -> None:
    lab = Lab()

    async def of_core(args: Args) -> Any:
        effects = lab.ben.core.handle(Command(7, "health", args), lab.now)
        return next(effect.result for effect in effects if isinstance(effect, Reply))

    health = await answer(Health(), daemon.home, of_core)
    SEEN.answered("health", health, [])
    findings = await answer(Doctor(), daemon.home, of_core)
    SEEN.answered("doctor", findings, [])
    assert health["resident"] > 0 and {"check", "state"} <= set(findings[0])
