"""The log: JSON lines, levels, no secrets."""

import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from p2pnode.home.log import open_log


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)
            handler.close()
    root.setLevel(level)
    structlog.reset_defaults()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_json_lines_from_a_level_upwards(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    log = open_log("info", path)
    log.debug("too fine")
    log.info("hello", peer="12D3", n=1, id=b"\x01" * 32)
    (line,) = lines(path)
    assert (line["event"], line["level"], line["peer"], line["n"]) == ("hello", "info", "12D3", 1)
    assert line["id"] == "0101010101010101…" and line["at"].endswith("Z")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_secrets_are_blanked(tmp_path: Path) -> None:
    log = open_log("info", tmp_path / "l")
    log.info("x", seed="s3cret", host_seed=b"s3cret", words="s3cret", invite_link="s3cret", Passphrase="s3cret")
    assert "s3cret" not in (tmp_path / "l").read_text()


def test_one_event_is_one_line_with_its_trace(tmp_path: Path) -> None:
    log = open_log("info", tmp_path / "l")
    try:
        raise ValueError("a\nb")
    except ValueError:
        log.exception("it failed\nforged", failure="ab12")
    (line,) = lines(tmp_path / "l")
    assert "Traceback" in line["exception"] and line["failure"] == "ab12"


def test_libraries_end_up_there_from_warnings_upwards(tmp_path: Path) -> None:
    open_log("debug", tmp_path / "l")
    logging.getLogger("somebody").info("quiet")
    logging.getLogger("somebody").warning("loud %d", 1)
    (line,) = lines(tmp_path / "l")
    assert (line["event"], line["logger"]) == ("loud 1", "somebody")


def test_opening_again_replaces(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    open_log("info", tmp_path / "l")
    log = open_log("info", None)
    log.info("here")
    assert (tmp_path / "l").read_text() == ""
    out, err = capfd.readouterr()
    assert out == "" and json.loads(err)["event"] == "here"
