"""`web` prints a link, and opens a browser only where somebody can see it."""

import sys
import types
import webbrowser

import pytest

from p2pnode.home.folder import Home
from tests.cli.conftest import Run
from tests.e2e.nodes import until
from tests.p2pnode.fake_node import FakeNode, running

LINK = "http://127.0.0.1:7117/login/" + "ab" * 32


@pytest.fixture
def opened(node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    node.answers["web.login"] = {"url": "http://127.0.0.1:7117", "link": LINK, "valid_until": 1_800_000_000_000}
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda link: not found.append(link))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    return found


def test_the_link_is_printed_alone(run: Run, opened: list[str]) -> None:
    done = run("web")
    assert done.status == 0 and done.out == f"{LINK}\n" and "Good once, until" in done.err
    assert run("web", "--json").data["link"] == LINK and not opened


@pytest.mark.parametrize(
    ("typed", "display", "opens"),
    [("web", ":0", True), ("web", "", False), ("web --no-open", ":0", False), ("web --json", ":0", False),
     ("web --no-input", ":0", False)],
)  # fmt: skip
def test_a_browser_is_opened_where_there_is_a_display(
    run: Run, opened: list[str], monkeypatch: pytest.MonkeyPatch, typed: str, display: str, opens: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", display)
    assert run(*typed.split()).status == 0
    assert opened == ([LINK] if opens else [])


def test_from_another_machine(run: Run, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
    assert "ssh -L 7117:127.0.0.1:7117" in run("web").err


@pytest.mark.parametrize(
    ("terminal", "typed", "status"), [(True, "web", 0), (False, "web", 4), (True, "web --json", 4)]
)
def test_on_a_terminal_a_node_that_does_not_run_is_started(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch, terminal: bool, typed: str, status: int
) -> None:
    node = FakeNode()
    node.answers["web.login"] = {"url": "http://127.0.0.1:7117", "link": LINK, "valid_until": 1_800_000_000_000}
    node.answers["status"] = {}

    def runs(where: Home) -> int:
        with running(where, node):
            until("somebody asks for the link", lambda: bool(node.calls) and node.calls[-1][0] == "web.login")
        return 0

    daemon = types.ModuleType("p2pnode.daemon")
    daemon.run = runs  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "p2pnode.daemon", daemon)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    done = run(*typed.split(), "--no-open")
    assert done.status == status
    assert [name for name, _, _ in node.calls] == (["status", "web.login"] if status == 0 else [])


SESSIONS = [
    {
        "id": "3f9a01c2",
        "browser": "Firefox",
        "since": 1_800_000_000_000,
        "seen": 1_800_000_100_000,
        "valid_until": 1_800_600_000_000,
    },
    {
        "id": "3fbb01c2",
        "browser": "",
        "since": 1_800_000_000_000,
        "seen": 1_800_000_100_000,
        "valid_until": 1_800_600_000_000,
    },
]


def test_who_is_logged_in_is_listed(run: Run, node: FakeNode) -> None:
    node.answers["web.sessions"] = SESSIONS
    assert run("web", "--list", "--json").data == SESSIONS and node.calls[-1][0] == "web.sessions"
    assert "3f9a01c2" in run("web", "--list").out and "Firefox" in run("web", "--list").out
    node.answers["web.sessions"] = []
    assert "No browser" in run("web", "--list").out


@pytest.mark.parametrize(
    ("typed", "ids"),
    [("--revoke 3f9", ("3f9a01c2",)), ("--revoke all", ("3f9a01c2", "3fbb01c2")),
     ("--revoke 3f9a --revoke 3f9a01c2", ("3f9a01c2",))],
)  # fmt: skip
def test_browsers_are_logged_out(run: Run, node: FakeNode, typed: str, ids: tuple[str, ...]) -> None:
    node.answers["web.sessions"], node.answers["web.revoke"] = SESSIONS, {"revoked": list(ids)}
    assert run("web", *typed.split(), "--json").data == {"revoked": list(ids)}
    assert node.last == ("web.revoke", {"ids": ids})


def test_what_names_no_browser_or_two_logs_none_out(run: Run, node: FakeNode) -> None:
    node.answers["web.sessions"] = SESSIONS
    for wrong in ("3f", "77", ""):
        assert run("web", "--revoke", wrong).status == 3
    assert run("web", "--revoke", "3f9", "--list").status == 2
    assert run("web", "--revoke", "3f9", "--dry-run").status == 0
    assert {name for name, _, _ in node.calls} == {"web.sessions"}, "nothing was done"
    node.answers["web.sessions"] = []
    assert run("web", "--revoke", "all", "--json").data == {"revoked": []}
