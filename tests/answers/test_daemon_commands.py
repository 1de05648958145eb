"""The commands that the daemon answers itself, without the core."""

import sys
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from PIL import Image

from p2pnode.commands import Args, Doctor, Health, parse_args
from p2pnode.core.effects import Reply
from p2pnode.core.events import Command
from p2pnode.dispatch import Dispatch
from p2pnode.doctor.answering import answer
from p2pnode.history import COLUMNS
from p2pnode.home.config import SETTINGS, load_config
from p2pnode.home.folder import Home
from p2pnode.home.founding import set_up
from p2pnode.home.kinds import OwnKinds
from p2pnode.keeping import Keeping
from p2pnode.listeners import Listeners
from p2pnode.news.targets import load_targets
from p2pnode.photos.photos import Photos
from p2pnode.sampling import Sampling
from p2pnode.store import Store
from p2pnode.web.port import Web
from protocols.errors import Refusal
from protocols.identity import digest
from tests.answers.recorder import SEEN
from tests.p2pnode.fake_node import FakeNode
from tests.p2pnode.lab import Lab
from tests.web.lan_port import on_loopback

LOG = structlog.wrap_logger(structlog.ReturnLogger())
ROOT = Path(__file__).resolve().parents[2]


async def sent(url: str, title: str, body: str | None) -> dict[str, Any]:
    """What sends messages, apart."""
    return {"sent": "good" in url or body is None, "why": "nobody is there"}


async def of_core(make: Callable[[int], Any]) -> Any:
    """A core in which there is one listing of our own."""
    assert make(1).name == "listing.list"
    return [{"kind": "tool-library"}] if LISTED else []


LISTED: list[str] = []


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Dispatch]:
    home = Home(tmp_path / "anna")
    set_up(home, "Anna", "u33dc", None, None, (), "test", None)
    store, listeners = Store.open(home.store), Listeners()
    none: Any = None
    sampling = Sampling(home, lambda: none, lambda: 0, lambda: 0, listeners, LOG)
    async with trio.open_nursery() as nursery:
        web = Web(FakeNode(), home, LOG)
        keeping = Keeping(home, load_config(home)[0], sent)
        parts = (
            home,
            store,
            OwnKinds(home),
            web,
            sampling,
            none,
            keeping,
            listeners,
            Photos(home, none, lambda: none, lambda: 0, lambda: None, LOG),
        )
        yield Dispatch(*parts, of_core, lambda: nursery)
        nursery.cancel_scope.cancel()
    store.close()


async def ask(daemon: Dispatch, name: str, /, **fields: Any) -> Any:
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


async def test_a_device_is_paired_and_the_local_network_shut_out(
    daemon: Dispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_loopback(monkeypatch)
    assert (await ask(daemon, "web.lan"))["open"] is False
    data = await ask(daemon, "web.pair")
    assert data["link"].startswith(f"{data['urls'][0]}/pair/") and data["open"] and len(data["fingerprint"]) == 95
    code = data["link"].rpartition("/")[2]
    assert daemon.web.lan.devices.pair(code, "ab" * 32, "Ann's phone", "Firefox", "127.0.0.1")
    (row,) = await ask(daemon, "web.sessions")
    assert row["kind"] == "device" and row["name"] == "Ann's phone" and row["address"] == "127.0.0.1"
    assert await ask(daemon, "web.lan", open=True) == {**await ask(daemon, "web.lan"), "devices": 1, "open": True}
    assert await ask(daemon, "web.revoke", ids=[row["id"]]) == {"revoked": [row["id"]]}
    closed = await ask(daemon, "web.lan", open=False)
    assert (closed["open"], closed["urls"], closed["fingerprint"]) == (False, [], "")


async def test_a_kind_is_added_and_told_of(daemon: Dispatch) -> None:
    text = (ROOT / "docs" / "examples" / "kinds" / "tool-library.toml").read_text()
    assert (await ask(daemon, "kinds.add", text=text))["own"]
    assert daemon.listeners._what == {"kinds"}


async def test_a_kind_goes_when_nothing_is_listed_of_it(daemon: Dispatch, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "examples" / "kinds" / "tool-library.toml").read_text()
    await ask(daemon, "kinds.add", text=text)
    (file,) = daemon.home.kinds.iterdir()
    monkeypatch.setattr(sys.modules[__name__], "LISTED", ["one"])
    with pytest.raises(Refusal, match="listing of yours"):
        await ask(daemon, "kinds.remove", kind="tool-library")
    assert file.exists() and "tool-library" in daemon.kinds.by_name
    monkeypatch.setattr(sys.modules[__name__], "LISTED", [])
    assert (await ask(daemon, "kinds.remove", kind="tool-library"))["kind"] == "tool-library"
    assert not file.exists() and not daemon.kinds.by_name and not OwnKinds(daemon.home).by_name
    for none in ("tool-library", "rent", "../../keystore"):
        with pytest.raises(Refusal, match="no kind of yours"):
            await ask(daemon, "kinds.remove", kind=none)


async def test_settings_are_shown_and_changed_for_the_next_start(daemon: Dispatch) -> None:
    async def seen(name: str) -> dict[str, Any]:
        rows = (await ask(daemon, "settings.list"))["settings"]
        return next(row for row in rows if row["name"] == name)

    shown = await ask(daemon, "settings.list")
    assert [row["name"] for row in shown["settings"]] == list(SETTINGS)
    assert [row["profile"] for row in shown["profiles"] if row["chosen"]] == ["test"]
    before = await seen("max_peers")
    assert (before["value"], before["running"], before["source"], before["type"]) == (64, 64, "default", "int")
    assert (before["least"], before["most"]) == (1, 4096)
    answer = await ask(daemon, "settings.set", name="max_peers", values=["32"])
    assert answer == {"file": str(daemon.home.config), "changed": ["max_peers"], "restart": True}
    after = await seen("max_peers")
    assert (after["value"], after["running"], after["source"]) == (32, 64, "file")
    assert not (await ask(daemon, "settings.set", name="max_peers", values=["32"]))["restart"], "it may be repeated"
    await ask(daemon, "settings.set", name="max_peers")
    assert (await seen("max_peers"))["source"] == "default"
    await ask(daemon, "settings.set", name="listen", values=["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1"])
    assert list((await seen("listen"))["value"]) == ["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1"]


@pytest.mark.parametrize(
    ("name", "values"), [("max_peers", ["0"]), ("listen", []), ("web", ["0.0.0.0:80"]), ("nosuch", ["1"])]
)
async def test_what_the_node_could_not_use_is_not_written(daemon: Dispatch, name: str, values: list[str]) -> None:
    before = daemon.home.config.read_bytes()
    with pytest.raises(Refusal) as refused:
        await ask(daemon, "settings.set", name=name, values=values)
    assert refused.value.field == "values" and daemon.home.config.read_bytes() == before


async def test_who_is_told_is_added_tried_and_removed_and_no_address_is_shown(daemon: Dispatch) -> None:
    good, deaf = "ntfys://good/SECRET", "ntfys://deaf/SECRET"
    first = await ask(daemon, "notify.add", url=good, events=["due"], quiet="22:00-07:00", brief=True)
    assert first == {"number": 1, "to": "ntfys://…", "events": ["due"], "quiet": "22:00-07:00", "brief": True}
    await ask(daemon, "notify.add", url=deaf)
    listed = await ask(daemon, "notify.list")
    assert [row["number"] for row in listed["targets"]] == [1, 2] and "SECRET" not in str(listed)
    assert (await ask(daemon, "notify.test", number=1))["sent"] is True
    with pytest.raises(Refusal, match="nobody is there"):
        await ask(daemon, "notify.test", number=2)
    await ask(daemon, "notify.remove", number=1)
    assert [target.url for target in load_targets(daemon.home)] == [deaf]
    assert "SECRET" not in repr(parse_args("notify.add", {"url": good}))


@pytest.mark.parametrize(
    ("field", "given"),
    [("url", {"url": "with blank"}), ("quiet", {"url": "good", "quiet": "x"}),
     ("events", {"url": "good", "events": ["nosuch"]})],
)  # fmt: skip
async def test_whom_to_tell_is_refused_by_its_field(daemon: Dispatch, field: str, given: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        await ask(daemon, "notify.add", **given)
    assert refused.value.field == field and not load_targets(daemon.home)


async def test_a_backup_is_written(daemon: Dispatch, tmp_path: Path) -> None:
    data = await ask(daemon, "backup", file=str(tmp_path / "b"), passphrase="five words that nobody knows")
    assert data["bytes"] == (tmp_path / "b").stat().st_size


async def test_a_picture_becomes_a_photo(daemon: Dispatch, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "red.png")
    made = await ask(daemon, "photo.add", file=str(tmp_path / "red.png"))
    assert (made["width"], made["height"], made["media"]) == (40, 30, "image/jpeg")
    assert await ask(daemon, "photo.here", photos=["00" * 32, made["photo"]]) == {"here": [made["photo"]]}
    got = await ask(daemon, "photo.get", photo=made["photo"])
    assert digest(b64decode(got["base64"])).hex() == made["photo"] and got["bytes"] == made["bytes"]
    with pytest.raises(Refusal, match="not here"):
        await ask(daemon, "photo.get", photo="00" * 32)


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
