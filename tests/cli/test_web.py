"""`web` prints a link, and opens a browser only where somebody can see it."""

import sys
import types
import webbrowser
from pathlib import Path

import pytest

from p2pnode.home.folder import Home
from tests.cli.conftest import Run
from tests.e2e.nodes import until
from tests.p2pnode.fake_node import FakeNode, running

ADDRESS = "/ip4/127.0.0.1/tcp/4002"
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


def test_a_node_that_runs_listens_where_it_does(run: Run, opened: list[str]) -> None:
    done = run("web", "--listen", ADDRESS)
    assert done.out == f"{LINK}\n" and "was running already" in done.err


def test_from_another_machine(run: Run, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
    assert "ssh -L 7117:127.0.0.1:7117" in run("web").err


@pytest.mark.parametrize(
    ("terminal", "typed", "status"),
    [(True, "web", 0), (True, f"web --listen {ADDRESS}", 0), (False, "web", 4), (True, "web --json", 4)],
)
def test_on_a_terminal_a_node_that_does_not_run_is_started(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch, terminal: bool, typed: str, status: int
) -> None:
    node = FakeNode()
    node.answers["web.login"] = {"url": "http://127.0.0.1:7117", "link": LINK, "valid_until": 1_800_000_000_000}
    node.answers["status"] = {}

    def runs(where: Home, listen: list[str]) -> int:
        assert listen == ([ADDRESS] if "--listen" in typed else [])
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
        "kind": "browser",
        "name": "",
        "address": "",
        "browser": "Firefox",
        "since": 1_800_000_000_000,
        "seen": 1_800_000_100_000,
        "valid_until": 1_800_600_000_000,
    },
    {
        "id": "3fbb01c2",
        "kind": "device",
        "name": "Ann's phone",
        "address": "192.168.1.20",
        "browser": "Mozilla/5.0",
        "since": 1_800_000_000_000,
        "seen": 1_800_000_100_000,
        "valid_until": 1_800_600_000_000,
    },
]


def test_who_is_logged_in_is_listed(run: Run, node: FakeNode) -> None:
    node.answers["web.sessions"] = SESSIONS
    assert run("web", "--list", "--json").data == SESSIONS and node.calls[-1][0] == "web.sessions"
    shown = run("web", "--list").out
    assert "3f9a01c2" in shown and "Firefox" in shown and "this machine" in shown
    assert "Ann's phone" in shown and "192.168.1.20" in shown
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


PAIRING = {
    "open": True,
    "urls": ["https://192.168.1.7:7118", "https://[fd00::7]:7118"],
    "fingerprint": ":".join(f"{n:02X}" for n in range(32)),
    "devices": 0,
    "problem": "",
    "link": "https://192.168.1.7:7118/pair/" + "ab" * 10,
    "valid_until": 1_800_000_000_000,
}


def test_a_device_is_paired_by_link_or_code(run: Run, node: FakeNode) -> None:
    node.answers["web.pair"] = PAIRING
    done = run("web", "--lan")
    assert done.out.splitlines()[0] == PAIRING["link"] and "█" in done.out
    assert "00:01:02:03:04:05:06:07\n" in done.err and "18:19:1A:1B:1C:1D:1E:1F\n" in done.err
    assert "https://[fd00::7]:7118" in done.err and "web_lan yes" in done.err
    assert run("web", "--lan", "--plain").out == f"{PAIRING['link']}\n"
    assert run("web", "--lan", "--json").data == PAIRING
    node.calls.clear()
    assert run("web", "--lan", "--dry-run").status == 0 and node.calls == []


def test_the_local_network_is_shut_out_again_for_good(run: Run, node: FakeNode, home: Home) -> None:
    node.answers["web.lan"] = {**PAIRING, "open": False, "devices": 2}
    home.config.write_text("# mine\nweb_lan = true\n")
    assert run("web", "--lan", "--off", "--dry-run").status == 0 and "true" in home.config.read_text()
    done = run("web", "--lan", "--off")
    assert node.last == ("web.lan", {"open": False}) and "closed" in done.out and "--revoke all" in done.err
    assert home.config.read_text() == "# mine\n"


@pytest.mark.parametrize("typed", ["--off", "--lan --list", "--lan --revoke 3f", "--list --revoke 3f"])
def test_one_thing_at_a_time(run: Run, node: FakeNode, typed: str) -> None:
    assert run("web", *typed.split()).status == 2 and node.calls == []


def test_without_a_node_a_program_gets_no_page(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[bool] = []
    monkeypatch.setattr("cli.web._set_up", lambda session, no_open, listen: served.append(True))
    monkeypatch.setenv("P2PNODE_HOME", str(tmp_path / "empty"))
    done = run("web", "--json")
    assert done.status == 4 and "--set-up" in done.out + done.err and not served
    run("web", "--json", "--set-up")
    run("web")
    assert served == [True, True]
