"""The wizard of `init`, on a terminal: what it asks and bears, and how few steps there are to the first listing."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode.home.config import load_config
from p2pnode.home.folder import Home
from p2pnode.home.pending import load_pending
from tests.e2e.nodes import CLI, ROOT

MOST_ACTIONS = 10  # from the installed program to the first published listing


class Terminal:
    """Somebody at a terminal. actions: what he typed, each line one."""

    def __init__(self, folder: Path) -> None:
        self.env = {**os.environ, "P2PNODE_HOME": str(folder), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        self.seen = ""
        self.actions: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None

    def starts(self, *args: str) -> None:
        self.actions.append(" ".join(("p2pnode", *args)))
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*CLI, *args], stdin=theirs, stdout=theirs, stderr=theirs, env=self.env, cwd=ROOT, start_new_session=True
        )
        os.close(theirs)

    def until(self, words: str) -> None:
        end = time.monotonic() + 30
        while words not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.ours], [], [], 0.5)[0]:
                try:
                    self.seen += os.read(self.ours, 65536).decode()
                except OSError:
                    assert words in self.seen, self.seen
        before, self.seen = self.seen.split(words, 1)
        self.last = before

    def types(self, after: str, line: str) -> None:
        self.until(after)
        self.actions.append(line)
        os.write(self.ours, line.encode() + b"\n")

    def ends(self) -> int:
        assert self.process is not None
        while select.select([self.ours], [], [], 20)[0]:
            try:
                self.seen += os.read(self.ours, 65536).decode()
            except OSError:
                break
        return self.process.wait(20)

    def word(self, after: str) -> None:
        """Types the word that is asked for."""
        if not getattr(self, "words", None):
            self.until("Word ")
            shown = re.findall(r"(\d+)\. ([a-z]+)", self.last)
            self.words = {int(number): word for number, word in shown}
            assert len(self.words) == 24
        else:
            self.until("Word ")
        self.until(" of your paper")
        self.types(": ", self.words[int(self.last)])


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path / "home")
    yield made
    if made.process is not None and made.process.poll() is None:
        os.killpg(made.process.pid, signal.SIGKILL)
        made.process.wait()


def test_from_the_program_to_the_first_listing(terminal: Terminal, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    terminal.starts("init")
    terminal.types("neighbours see it: ", "Ann")
    terminal.types("nowhere): ", "52.52, 13.405")
    terminal.types("later): ", "Elm Street")
    terminal.types("unit [hour]: ", "")
    terminal.word("first")
    terminal.word("second")
    assert terminal.ends() == 0 and "p2pnode run" in terminal.seen and "offer publish" in terminal.seen
    config, _ = load_config(home)
    assert (config.name, config.area) == ("Ann", "u33dc")
    terminal.actions.append("p2pnode run")
    node = subprocess.Popen(
        [*CLI, "run", "--no-lan", "--listen", "/ip4/127.0.0.1/tcp/0"], env=terminal.env, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert node.stdout is not None and node.stdout.readline().startswith(b"ready ")
        publish = ("offer", "publish", "--kind", "lend", "--title", "Ladder, 6 m")
        terminal.actions.append(" ".join(("p2pnode", *publish)))
        done = subprocess.run(
            [*CLI, *publish, "--json"], env=terminal.env, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL
        )
        assert json.loads(done.stdout)["data"]["state"] in ("stored", "spread"), done
    finally:
        node.terminate()
        node.wait(15)
        if node.stdout is not None:
            node.stdout.close()
    assert len(terminal.actions) <= MOST_ACTIONS, terminal.actions


def test_wrong_answers_are_asked_again_and_enter_is_an_answer(terminal: Terminal, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    terminal.starts("init")
    terminal.types("neighbours see it: ", "Ben")
    terminal.types("nowhere): ", "the church")
    terminal.types("nowhere): ", "")
    terminal.types("later): ", "p2pnode://join/rubbish")
    terminal.types("later): ", "")
    terminal.types("written all of them down): ", "nonsense")
    terminal.until("another word")
    assert not home.initialised, "kept only once the words have been seen"
    terminal.types("written all of them down): ", "")
    assert terminal.ends() == 0
    assert load_config(home)[0].area == "" and not load_pending(home).network and not load_pending(home).join


def test_who_breaks_off_has_no_node(terminal: Terminal, tmp_path: Path) -> None:
    terminal.starts("init")
    terminal.types("neighbours see it: ", "Ben")
    terminal.until("nowhere): ")
    os.write(terminal.ours, b"\x04")  # the end of his input, as Ctrl-D says it
    assert terminal.ends() == 130 and not (tmp_path / "home").exists()


def test_with_options_nothing_more_is_asked(tmp_path: Path) -> None:
    env = {**os.environ, "P2PNODE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "cli.main", "init"], env=env, cwd=ROOT, capture_output=True, input=b"")
    assert done.returncode == 2 and not (tmp_path / "home").exists(), "no terminal, no questions"
