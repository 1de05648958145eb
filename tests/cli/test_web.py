"""`web` prints a link, and opens a browser only where somebody can see it."""

import sys
import webbrowser

import pytest

from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

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
