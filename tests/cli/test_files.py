"""Files that somebody shows: by a path with `~`, on stdin, and what they are where they are none of these."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.output import write_file
from ledger.history import MAGIC
from protocols.codec import encode
from protocols.errors import Reject
from tests.cli.conftest import Run

CHECKS = (("exchange", "check"), ("ledger", "check"), ("challenge", "check"))


@pytest.mark.parametrize("path", CHECKS)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"\xff\xd8\xff\xe0 and so on", "it is a picture (JPEG)"),
        (encode(["p2pnode-rebuttal", 1, []]), "it is what rebuts a double booking"),
        (encode(["p2pnode-with-keys", 1, encode(["p2pnode-agreement", 1, []]), [b"x"]]), "it is an agreement"),
        (b"p2pnode-backup\n\x00\xff", "it is a backup of a node"),
        (b"Dear Ben,\nthe \x1b[31mbarn", "it is text that begins with 'Dear Ben,'"),
        (b"\x00\xfe\xff", "or not all of one"),
    ],
)
def test_what_it_is_is_said(run: Run, tmp_path: Path, path: tuple[str, str], content: bytes, said: str) -> None:
    file = tmp_path / "shown"
    file.write_bytes(content)
    result = run(*path, str(file))
    assert result.status == 1 and said in result.err


def test_one_that_is_cut_off_is_not_called_something_else(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "shown"
    file.write_bytes(encode([MAGIC, 1, b"genesis"])[:-3])
    assert "This is not a history, or not all of one" in run("exchange", "check", str(file)).err
    assert "it is the history of an exchange" in run("ledger", "check", str(file)).err


@pytest.mark.parametrize("path", CHECKS)
def test_a_home_in_the_path_and_stdin(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: tuple[str, str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "shown").write_bytes(b"\x89PNG\r\n")
    assert "a picture (PNG)" in run(*path, "~/shown").err

    class Stdin:
        buffer = io.BytesIO(b"%PDF-1.7")

    monkeypatch.setattr("sys.stdin", Stdin)
    assert "a PDF" in run(*path, "-").err
    missing: Any = run(*path, "~/other")
    assert missing.status == 3 and "There is no file ~/other" in missing.err


def test_a_whole_one_is_read_from_stdin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def check(content: bytes, now: int) -> None:
        seen.append(content)
        raise Reject("state", "of another day")

    class Stdin:
        buffer = io.BytesIO(MAGIC.encode())

    monkeypatch.setattr("sys.stdin", Stdin)
    monkeypatch.setattr("ledger.history.check_history", check)
    assert "does not hold: of another day" in run("exchange", "check", "-").err and seen == [MAGIC.encode()]


def test_a_file_is_written_through_no_link(tmp_path: Path) -> None:
    mine, out = tmp_path / "mine", tmp_path / "out"
    mine.write_bytes(b"my own")
    out.symlink_to(mine)
    (tmp_path / "out.part").symlink_to(mine)
    write_file(str(out), [b"new"])
    assert mine.read_bytes() == b"my own" and out.read_bytes() == b"new" and not out.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["mine", "out", "out.part"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"before")

    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise ValueError

    with pytest.raises(ValueError):
        write_file(str(out), pieces())
    assert out.read_bytes() == b"before" and os.listdir(tmp_path) == ["out"]
    with pytest.raises(OSError) as e:
        write_file(str(tmp_path / "none" / "out"), [b"new"])
    assert e.value.filename == str(tmp_path / "none" / "out")
