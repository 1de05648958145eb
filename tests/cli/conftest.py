"""The real command line against a node that only remembers, behind the real API."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cli.main import main
from p2pnode.home.folder import Home
from tests.p2pnode.fake_node import FakeNode, make_home, running


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The data of the one JSON object that stdout is."""
        value = json.loads(self.out)
        assert set(value) == {"schema", "data"} and value["schema"] == 1, value
        assert self.out.count("\n") == 1
        return value["data"]

    @property
    def error(self) -> dict[str, Any]:
        value = json.loads(self.out)
        assert set(value) == {"schema", "error"} and value["schema"] == 1, value
        assert {"code", "message", "hint"} <= set(value["error"])
        assert self.out.count("\n") == 1 and self.err == ""
        error: dict[str, Any] = value["error"]
        return error


Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with an identity, and P2PNODE_HOME set to it."""
    made = make_home(tmp_path / "home")
    monkeypatch.setenv("P2PNODE_HOME", str(made.root))
    return made


@pytest.fixture
def node(home: Home) -> Iterator[FakeNode]:
    fake = FakeNode()
    with running(home, fake):
        yield fake


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Type a command: `run("search", "snow", "--json")`."""

    def type_(*args: str) -> Result:
        capfd.readouterr()
        status = main(args)
        out, err = capfd.readouterr()
        return Result(status, out, err)

    return type_
