"""`search --everywhere` and `--cell`: others are asked, and who did not answer is said beside what was found."""

from typing import Any

import pytest

import cli.search
from p2pnode.commands import COMMANDS
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

ROW = {"listing_id": "ab" * 16, "revision": 1, "title": "Ladder", "direction": "offer", "kind": "lend", "remote": True}


def state(*asked: tuple[str, str, bool], rows: list[Any] | None = None, step: int = 1, done: bool = True) -> Any:
    told = [
        {"peer_id": "12D", "name": name, "cell": "u281z", "state": how, "found": 0, "more": more}
        for name, how, more in asked
    ]
    return {"search": "5ea4c4", "step": step, "done": done, "asked": told, "rows": rows or []}


def test_what_others_hold_is_printed_as_one_list_when_all_have_answered(run: Run, node: FakeNode) -> None:
    node.answers["search.begin"] = state(("Ben", "asked", False), done=False)
    node.in_turn("search.more", state(("Ben", "asked", False), step=2, done=False),
                 state(("Ben", "answered", False), rows=[ROW], step=3))  # fmt: skip
    result = run("search", "ladder", "--cell", "u281z", "--wait", "3", "--json")
    assert result.status == 0 and result.data == [ROW]
    name, args, _ = node.calls[0]
    assert (name, args.query, args.cell, args.everywhere, args.wait) == ("search.begin", "ladder", "u281z", False, 3.0)
    assert [(a.search, a.step) for n, a, _ in node.calls if n == "search.more"] == [("5ea4c4", 1), ("5ea4c4", 2)]
    assert not COMMANDS["search.begin"].writes


def test_who_did_not_answer_is_said_on_stderr(run: Run, node: FakeNode) -> None:
    node.answers["search.begin"] = state(("Ben", "silent", False), ("Cleo", "unreachable", False),
                                         ("Dora", "answered", True), rows=[ROW])  # fmt: skip
    result = run("search", "--everywhere", "--json")
    assert result.status == 0 and result.data == [ROW]
    assert "Ben (u281z) did not answer" in result.err
    assert "Cleo (u281z) could not be reached" in result.err
    assert "Dora" not in result.err and "There is more" in result.err


def test_what_takes_longer_is_said_meanwhile(run: Run, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.search, "PROGRESS_AFTER", 0.0)
    monkeypatch.setattr(cli.search, "PROGRESS_EVERY", 0.0)
    asked = (("Ben", "asked", False), ("Cleo", "answered", False))
    node.answers["search.begin"] = state(*asked, rows=[ROW], done=False)
    node.answers["search.more"] = state(("Ben", "answered", False), rows=[ROW], step=2)
    result = run("search", "--everywhere")
    assert "1 found; 1 of 2 asked have not answered yet" in result.err
    assert "Ladder" in result.out


@pytest.mark.parametrize("typed", [["--cell", "U281Z!"], ["--cell", "u281zzz"]])
def test_a_cell_that_is_none_is_refused(run: Run, node: FakeNode, typed: list[str]) -> None:
    result = run("search", *typed, "--json")
    assert result.status == 2 and "cell" in result.error["message"]
