"""Man pages: one for each command, and such as man can read."""

import os
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from cli.man import pages, write
from tests.cli.test_help import COMMANDS

PAGES = pages()


def test_each_command_has_a_page() -> None:
    assert set(PAGES) == {"p2pnode.1", *(f"{'-'.join(('p2pnode', *place))}.1" for place in COMMANDS)}


@pytest.mark.parametrize("place", COMMANDS, ids=" ".join)
def test_a_page_says_what_the_help_says(place: tuple[str, ...]) -> None:
    text, command = PAGES[f"{'-'.join(('p2pnode', *place))}.1"], COMMANDS[place]
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    assert text.count("\n.TP\n") == len(options) + (len(command.commands) if isinstance(command, click.Group) else 0)
    for option in options:
        assert option.opts[0].replace("-", "\\-") in text
    assert "p2pnode " in text.split(".SH DESCRIPTION")[1] and text.isascii(), "an example"


def test_pages_of_commands_that_are_no_more_are_taken_away(tmp_path: Path) -> None:
    (tmp_path / "p2pnode-gone.1").write_text("")
    (tmp_path / "other.1").write_text("")
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*PAGES, "other.1"}


def lint(text: str, tmp_path: Path) -> str:
    """What man has to say of a page."""
    if shutil.which("man") is None or shutil.which("groff") is None:
        pytest.skip("man and groff are not installed")
    page = tmp_path / "page.1"
    page.write_text(text)
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l", str(page)],
        env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return done.stderr


def test_man_finds_nothing_to_warn_of(tmp_path: Path) -> None:
    """All in one, since starting man takes longer than reading."""
    assert lint("".join(PAGES.values()), tmp_path) == ""


def test_it_would(tmp_path: Path) -> None:
    assert lint(PAGES["p2pnode.1"] + "\n.nosuchrequest\n", tmp_path)
