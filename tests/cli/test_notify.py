"""Who is told: added, shown without its address, tried, removed."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from p2pnode.home.folder import Home
from tests.cli.conftest import Run


@pytest.fixture
def desktop(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desktop that notes what it shows; the file."""
    programs, notes = tmp_path / "bin", tmp_path / "shown"
    programs.mkdir()
    tool = programs / "notify-send"
    tool.write_text(f'#!{shutil.which("sh")}\necho "$*" >> {notes}\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return notes


def test_added_tried_and_removed(run: Run, home: Home, desktop: Path) -> None:
    assert "p2pnode notify add" in run("notify").out
    assert run("notify", "add", "desktop", "--quiet", "22:00-07:00", "--event", "health", "--json").data == {
        "number": 1, "to": "desktop", "events": ["health"], "quiet": "22:00-07:00", "brief": False,
    }  # fmt: skip
    assert stat.S_IMODE((home.root / "notify.json").stat().st_mode) == 0o600
    assert [row["number"] for row in run("notify", "list", "--json").data] == [1]
    result = run("notify", "test", "--json")
    assert result.status == 0 and result.data[0]["sent"] is True
    assert "how your node tells you" in desktop.read_text()
    assert run("notify", "add", "desktop").status == 6
    assert run("notify", "remove", "2").status == 3
    assert run("notify", "remove", "1").status == 0 and run("notify", "list", "--json").data == []
    assert run("notify", "test").status == 3


def test_an_address_is_shown_nowhere(run: Run, home: Home) -> None:
    pytest.importorskip("apprise")
    url = "json://127.0.0.1:1/SECRET"
    typed = ("add " + url, "list", "test", "test 1 --json", "add " + url, "remove 1 --dry-run", "remove 1")
    for words in typed:
        result = run("notify", *words.split())
        assert "SECRET" not in result.out + result.err and "127.0.0.1" not in result.out + result.err, words
    assert run("notify", "add", "nosuch://SECRET").status == 2
    assert "SECRET" not in run("notify", "add", "nosuch://SECRET").err


def test_a_message_that_is_not_taken(run: Run, home: Home) -> None:
    pytest.importorskip("apprise")
    run("notify", "add", "json://127.0.0.1:1/x")
    result = run("notify", "test", "--json")
    assert result.status == 7 and result.data[0]["sent"] is False and "cannot be reached" in result.data[0]["why"]


def test_from_stdin(home: Home, desktop: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "notify", "add", "-", "--brief", "--json"],
        input="desktop\n", capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and json.loads(done.stdout)["data"]["brief"] is True


@pytest.mark.parametrize("words", [("--quiet", "22-7"), ("--quiet", "25:00-07:00"), ("--event", "party")])
def test_what_is_typed_wrongly(run: Run, home: Home, words: tuple[str, str]) -> None:
    assert run("notify", "add", "desktop", *words).status == 2
    assert not (home.root / "notify.json").exists()


def test_dry_run_changes_nothing(run: Run, home: Home, desktop: Path) -> None:
    assert run("notify", "add", "desktop", "--dry-run").status == 0 and not (home.root / "notify.json").exists()
    run("notify", "add", "desktop")
    assert run("notify", "remove", "1", "--dry-run").status == 0 and run("notify", "test", "--dry-run").status == 0
    assert not desktop.exists() and len(run("notify", "list", "--json").data) == 1
