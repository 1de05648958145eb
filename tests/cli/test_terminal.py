"""What a terminal shows: nothing cut, nothing that plays with it, and that something is under way."""

import io
import re
import subprocess
import sys
import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cli import output, terminal
from cli.output import watched
from cli.session import Session
from cli.terminal import draw_facts, draw_table, mark, working
from p2pnode.home.folder import Home
from tests.cli.conftest import Run
from tests.cli.test_output import ROW
from tests.e2e.nodes import ROOT
from tests.p2pnode.fake_node import FakeNode

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
HEAD = ["ID", "TITLE", "BY"]


class Screen(io.StringIO):
    """A terminal's end of a stream. at: each time that something is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        done = super().write(text)
        if "under way" in self.getvalue():
            self.written.set()
        return done


def bare(text: str) -> str:
    return _STYLE.sub("", text)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """stdout is watched, and 80 cells wide."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(output, "watched", lambda stream: True)
    monkeypatch.setattr(terminal, "columns", lambda: 80)
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda *args: False)


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["C", "Z", "M"]), max_size=60), min_size=3, max_size=3),
             min_size=1, max_size=4),
    st.integers(20, 160),
)  # fmt: skip
def test_whatever_the_width_nothing_is_lost_and_nothing_too_wide(rows: list[list[str]], width: int) -> None:
    drawn = bare(draw_table(HEAD, rows, width))
    assert not Counter("".join(cell for row in rows for cell in row)) - Counter(drawn)
    if width >= terminal.NARROW:
        assert all(cell_len(line) <= width for line in drawn.splitlines())


def test_a_long_title_is_folded_at_words_and_an_id_is_not() -> None:
    drawn = bare(draw_table(HEAD, [["87cd149a", "word " * 30, "Ben"]], 80))
    assert drawn.count("word") == 30 and "…" not in drawn and all(len(line) <= 80 for line in drawn.splitlines())
    assert drawn.splitlines()[1].startswith("87cd149a  word word")


def test_where_columns_would_be_too_narrow_each_row_is_a_block() -> None:
    drawn = bare(draw_table(HEAD, [["87cd149a", "A title of some length", "Ben"]] * 2, 30)).splitlines()
    assert drawn[:3] == ["ID     87cd149a", "TITLE  A title of some length", "BY     Ben"] and drawn[3] == ""
    assert drawn.count("BY     Ben") == 2


def test_what_looks_like_markup_is_text() -> None:
    assert "[red]x[/red] :smile:" in bare(draw_table(HEAD, [["1", "[red]x[/red] :smile:", "[/]"]], 80))
    assert "[red]x[/red]" in bare(draw_facts([("name", "[red]x[/red]")], 80))


def test_a_link_stays_whole_so_that_it_can_be_copied() -> None:
    link = "p2pnode://join/" + "x" * 200
    assert link in bare(draw_facts([("link", link), ("text", "many words " * 20)], 60))
    lines = bare(draw_facts([("text", "many words " * 20), ("n", "1\n2")], 60)).splitlines()
    assert len(lines) > 4 and all(len(line) <= 60 for line in lines) and lines[1].startswith("      many")
    assert lines[-2:] == ["n     1", "      2"]


def test_who_wants_no_colour_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert mark("PROBLEM", "bad") != bare(mark("PROBLEM", "bad")) == "PROBLEM"
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31" not in mark("PROBLEM", "bad")


def test_a_terminal_that_cannot_move_its_cursor_is_written_to_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert watched(Screen()) and not watched(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not watched(Screen())


def test_on_a_terminal_what_others_wrote_cannot_move_the_cursor(run: Run, node: FakeNode, screen: None) -> None:
    node.answers["search"] = [ROW]
    node.answers["listing.show"] = {**ROW, "text": "two\x1b[2J\nlines\u202e"}
    for typed in (("search",), ("offer", "show", "ab")):
        out = run(*typed).out
        assert "\x1b" in out and "\x1b" not in bare(out) and "\u202e" not in out, typed
        assert "Snow" in out
    assert "\x1b" not in run("search", "--plain").out and "\x1b" not in run("search", "--json").out


def test_what_takes_its_time_is_said_and_leaves_nothing_behind() -> None:
    screen = Screen()
    with working("This is under way [red]", screen, patience=0) as task:
        assert screen.written.wait(20), "it is drawn by a thread of its own"
        task.at(3, 9)
    assert "[red]" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K"), "its line is cleared"


def test_what_is_done_at_once_is_not_said() -> None:
    screen = Screen()
    with working("This is under way", screen, patience=3600):
        pass
    assert screen.getvalue() == ""


@pytest.mark.parametrize("given", [{"json": True}, {"plain": True}, {}])
def test_where_nobody_watches_nothing_is_said(given: dict[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen() if given else io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(terminal, "PATIENCE", 0)
    with Session(**given).working("This is under way") as task:
        task.at(1, 2)
        assert not task.seen
    assert screen.getvalue() == ""


def test_what_is_part_of_something_else_is_not_said_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    mine = Session()
    with mine.working("This is under way\x1b[2J") as task, mine.working("a part") as part:
        assert task.seen and not part.seen
        task.at(0, None)
    with mine.working("and this later") as task:
        assert task.seen


@pytest.mark.parametrize("typed", [["--help"], ["paths"], ["paths", "--json"], ["offer", "publish", "--help"]])
def test_rich_is_loaded_for_terminals_alone(typed: list[str], home: Home) -> None:
    code = f"import sys; from cli.main import main; main({typed!r}); sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0
