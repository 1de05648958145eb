"""`logs`: across files that were turned over, by level and time, torn lines among them, and as the log grows."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.times import now_ms
from p2pnode.home.folder import Home
from p2pnode.home.logged import follow, last_lines, parse_line
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]


def written(event: str, level: str = "info", ago: float = 0, **fields: Any) -> str:
    """ago: seconds."""
    at = datetime.fromtimestamp(now_ms() / 1000 - ago, UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"event": event, "level": level, "at": at, **fields}) + "\n"


@pytest.fixture
def log(home: Home) -> Path:
    home.log.with_name("node.log.2").write_text(written("first", ago=9_000))
    home.log.with_name("node.log.1").write_text(written("second", "warning", ago=7_000) + '{"event": "torn\n')
    home.log.write_text(
        written("strike", ago=60, peer="12D3KooWabc", reason="too many frames") + written("fourth", "error")
    )
    return home.log


def events(run: Run, *args: str) -> list[str]:
    return [row.get("event", "damaged") for row in run("logs", "--json", *args).data]


def test_all_files_are_one_log(run: Run, log: Path) -> None:
    assert events(run) == ["first", "second", "damaged", "strike", "fourth"]
    assert events(run, "-n", "2") == ["strike", "fourth"] and events(run, "-n", "0") == []
    assert events(run, "--level", "warning") == ["second", "damaged", "fourth"]
    assert events(run, "--since", "2h") == ["second", "damaged", "strike", "fourth"]
    assert events(run, "--since", "2h", "-n", "1") == ["fourth"]
    assert run("logs", "--since", "whenever").status == 2


def test_in_words(run: Run, log: Path) -> None:
    shown = run("logs").out.splitlines()
    assert shown[2].split() == ["damaged", '{"event":', '"torn']
    assert shown[3][21:] == 'info     a peer sent what no honest one sends  peer=12D3KooWabc reason="too many frames"'
    plain = run("logs", "--plain").out.splitlines()[3].split("\t")
    assert plain[0].isdecimal() and plain[1:3] == ["info", "strike"]


def test_a_trace_is_one_line_and_whole_in_json(run: Run, log: Path) -> None:
    log.write_text(written("command failed", "error", exception="Traceback …\n  File x\nValueError: no"))
    assert run("logs", "-n", "1").out.endswith("a command met a bug  ValueError: no\n")
    assert "File x" in run("logs", "-n", "1", "--json").data[0]["exception"]


def test_what_strangers_wrote_cannot_move_the_cursor(run: Run, log: Path) -> None:
    log.write_text(written("dial failed", problem="\x1b[2Jx\ny"))
    out = run("logs", "-n", "1").out
    assert "\x1b" not in out and out.count("\n") == 1


def test_where_there_is_no_log(run: Run, home: Home) -> None:
    result = run("logs", "--json")
    assert result.status == 3 and "p2pnode run" in result.error["hint"]
    home.config.write_text('log_to = "stderr"\n')
    assert "journalctl" in run("logs").err


def test_without_a_home(run: Run, home: Home) -> None:
    home.keystore.unlink()
    assert run("logs").status == 4


@pytest.mark.parametrize("raw", ["", "x", "[1]", "{}", '{"level": 3}', '{"level": "info", "at": 9}', '{"a":' * 5_000])
def test_any_line_is_taken(raw: str) -> None:
    line = parse_line(raw)
    assert line.at is None and line.json


class Pauses:
    """In each pause the next thing happens; after the last one following ends."""

    def __init__(self, *steps: Any) -> None:
        self.steps = iter(steps)

    def __call__(self) -> None:
        next(self.steps, self._end)()

    def _end(self) -> None:
        raise KeyboardInterrupt


def followed(log: Path, *steps: Any) -> Iterator[str]:
    try:
        for line in follow(log, Pauses(*steps)):
            yield line.event
    except KeyboardInterrupt:
        return


def append(log: Path, text: str) -> Any:
    def step() -> None:
        with log.open("a") as file:
            file.write(text)

    return step


def test_following_goes_on_over_files_that_are_turned_over(tmp_path: Path) -> None:
    log = tmp_path / "node.log"
    log.write_text(written("old"))
    whole = written("in two parts")

    def turn() -> None:
        append(log, written("last of the old file"))()
        log.rename(tmp_path / "node.log.1")

    found = followed(
        log, append(log, written("a")), append(log, whole[:20]), append(log, whole[20:]), turn,
        append(log, written("b")), lambda: log.write_text(""), append(log, written("c")),
    )  # fmt: skip
    assert list(found) == ["a", "in two parts", "last of the old file", "b", "c"]


def test_following_waits_for_a_log_that_is_not_there_yet(tmp_path: Path) -> None:
    log = tmp_path / "node.log"
    assert list(followed(log, lambda: None, append(log, written("a")))) == ["a"]
    assert [line.event for line in last_lines(log, None)] == ["a"]


def test_following_until_interrupted(home: Home, log: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "logs", "-f", "-n", "1", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True,
    )  # fmt: skip
    patience = threading.Timer(30, process.kill)
    patience.start()
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["data"]["event"] == "fourth"
        append(log, written("fifth"))()
        assert json.loads(process.stdout.readline())["data"]["event"] == "fifth"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        out, err = process.communicate()
        assert json.loads(out)["error"]["code"] == "interrupted" and "Traceback" not in err
    finally:
        patience.cancel()
        process.kill()
        process.communicate()
