"""`status --watch`: a line a change, drawn anew on a terminal, ended by Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli import watching
from cli.watching import in_a_line
from p2pnode.home.folder import Home
from protocols.errors import Refusal
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

ROOT = Path(__file__).parents[2]
CALM = {"state": "joined", "peers": 1, "listings": 4, "network": {"name": "Elm"}, "warnings": []}


@contextmanager
def watched(*args: str, **to: Any) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "cli.main", "status", "--watch", *args]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TERM": "xterm"}, **to)
    patience = threading.Timer(30, process.kill)
    patience.start()
    try:
        yield process
    finally:
        patience.cancel()
        process.kill()
        process.communicate()


def lines_of(process: "subprocess.Popen[bytes]") -> Callable[[], str]:
    assert process.stdout is not None
    out = process.stdout
    return lambda: out.readline().decode()


def test_a_line_for_each_change(node: FakeNode) -> None:
    node.answers["status"] = CALM
    with watched(stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        line = lines_of(process)
        assert line()[19:] == "  joined, 1 peer, 4 listings\n"
        node.events.append({"type": "peer"})  # news that change nothing that is shown
        asked = len(node.calls)
        while len(node.calls) == asked:
            time.sleep(0.02)
        node.answers["status"] = {**CALM, "exchanges_waiting": 1, "warnings": ["the disk is nearly full"]}
        node.events.append({"type": "exchange"})
        assert line()[19:] == "  joined, 1 peer, 4 listings, 1 exchange waits for you; the disk is nearly full\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        out, err = process.communicate()
        assert out == b"" and err == b"Interrupted\n"


@pytest.mark.parametrize("how", ["--json", "--plain"])
def test_lines_for_programs(node: FakeNode, how: str) -> None:
    node.answers["status"] = CALM
    with watched(how, stdout=subprocess.PIPE) as process:
        line = lines_of(process)
        first = line()
        node.answers["status"] = {**CALM, "peers": 2}
        node.events.append({"type": "peer"})
        if how == "--json":
            assert json.loads(first)["data"] == CALM and json.loads(line())["data"]["peers"] == 2
        else:
            assert first.split("\t")[1:4] == ["joined", "1", "4"] and line().split("\t")[2] == "2"


def test_a_terminal_is_drawn_anew(node: FakeNode) -> None:
    node.answers["status"] = CALM
    ours, theirs = pty.openpty()
    seen = b""

    def until(words: bytes) -> None:
        nonlocal seen
        while words not in seen:
            seen += os.read(ours, 4096)

    with watched(stdout=theirs, stderr=theirs) as process:
        until(b"Ctrl-C ends this")
        node.answers["status"] = {**CALM, "peers": 7}
        node.events.append({"type": "peer"})
        until(b"7\r\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    os.close(theirs)
    os.close(ours)
    assert seen.count(b"\x1b[2J") == 2 and b"Traceback" not in seen


def test_when_the_node_goes_so_does_it(run: Run, home: Home) -> None:
    assert run("status", "--watch").status == 4


def test_a_node_that_has_no_room_for_listeners_is_looked_at(
    run: Run, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any) -> Any:
        raise Refusal("refused", "32 callers listen already")

    monkeypatch.setattr("p2pnode.client.Client.events", full)
    monkeypatch.setattr(watching, "LOOK", 0.01)
    node.in_turn("status", CALM, {**CALM, "peers": 2}, Refusal("failed", "enough"))
    result = run("status", "--watch")
    assert result.status == 1 and "2 peers" in result.out and result.out.count("\n") == 2


def test_a_status_in_a_line() -> None:
    assert in_a_line({"state": "alone"}) == "alone, 0 peers, 0 listings"
    assert in_a_line({"state": "joined", "peers": 2, "listings": 1, "exchanges_waiting": 2, "notices": 1}) == (
        "joined, 2 peers, 1 listing, 2 exchanges wait for you, 1 new notice"
    )


def test_news_are_not_waited_for_until_the_next_look(run: Run, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK", 25.0)
    node.events.append({"type": "peer"})
    node.in_turn("status", CALM, Refusal("failed", "enough"))
    begun = time.monotonic()
    assert run("status", "--watch").status == 1 and time.monotonic() - begun < 20
