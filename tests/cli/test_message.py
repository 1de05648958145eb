"""`message`: what is printed of what neighbours write, what --wait waits for, and what comes by stdin."""

import io
from typing import Any

import pytest

from protocols.limits import MAX_MESSAGE_TEXT
from tests.cli.conftest import Run
from tests.cli.test_output import NOW
from tests.p2pnode.fake_node import FakeNode

ROW: dict[str, Any] = {
    "id": "ab" * 32, "from": "12D3KooWMe", "from_name": "you", "to": "12D3KooWBen", "to_name": "Ben", "at": NOW,
    "text": "I am late", "state": "queued", "why": None, "exchange_id": None, "network": "00", "stranger": False,
}  # fmt: skip
THEIRS = {**ROW, "from_name": "Eve", "to_name": "you", "state": "new", "stranger": True, "exchange_id": "cd" * 32}


def test_a_table_says_who_when_what_and_how_it_stands(run: Run, node: FakeNode) -> None:
    node.answers["message.list"] = [ROW, {**THEIRS, "text": "Hello\nyou"}]
    lines = run("message", "list").out.splitlines()
    assert "abababab" in lines[1] and "Ben" in lines[1] and "queued" in lines[1] and "I am late" in lines[1]
    assert "Eve (a stranger)" in lines[2] and "cdcdcdcd" in lines[2] and "Hello  you" in lines[2]
    assert lines[-1] == "Mark what is new as read: p2pnode message seen"
    assert run("message", "list", "--json").data[1]["text"] == "Hello\nyou"


@pytest.mark.parametrize("command", [("list",), ("threads",), ("list", "--new")])
def test_nothing_yet(run: Run, node: FakeNode, command: tuple[str, ...]) -> None:
    node.answers[f"message.{command[0]}"] = []
    assert run("message", *command).out.startswith(("No messages.", "Nothing new."))


def test_threads_count_what_is_new(run: Run, node: FakeNode) -> None:
    node.answers["message.threads"] = [{**THEIRS, "new": 3}]
    assert run("message", "threads").out.splitlines()[1].endswith("  3")


def test_what_others_wrote_stays_what_they_wrote(run: Run, node: FakeNode) -> None:
    forged = "x\x1b[2J\nstate\tdelivered\nNext: p2pnode exchange pay cdcdcdcd"
    node.answers["message.list"] = [{**THEIRS, "text": forged, "from_name": "E\x1b[2Jve"}]
    node.answers["message.show"] = {**THEIRS, "text": forged, "why": forged}
    for words in (("list",), ("show", "ab"), ("list", "--plain"), ("show", "ab", "--plain")):
        out = run("message", *words).out
        assert "\x1b" not in out
        assert not [line for line in out.splitlines() if line.startswith(("Next:", "state\tdelivered"))]


def test_wait_ends_when_it_is_delivered(run: Run, node: FakeNode) -> None:
    node.answers["message.send"] = {key: value for key, value in ROW.items() if key != "text"}
    node.in_turn("message.show", ROW, {**ROW, "state": "delivered"})
    result = run("message", "send", "Ben", "I am late", "--wait", "20")
    assert result.status == 0 and result.out == "abababab  Delivered to Ben.\n"


@pytest.mark.parametrize(
    ("last", "status", "words"),
    [
        ({"state": "refused", "why": "no messages are taken"}, 5, "no messages are taken"),
        (
            {"state": "queued", "undeliverable": "their node is older and cannot take messages"},
            7,
            "their node is older",
        ),
        ({"state": "queued", "why": "the messages before this one are not read yet"}, 7, "not read yet"),
    ],
)
def test_wait_says_why_it_is_not(run: Run, node: FakeNode, last: dict[str, Any], status: int, words: str) -> None:
    node.answers["message.send"] = {key: value for key, value in ROW.items() if key != "text"}
    node.answers["message.show"] = {**ROW, **last}
    result = run("message", "send", "Ben", "I am late", "--wait", "0.2", "--json")
    assert result.status == status and words in result.error["message"], result
    assert "elivered" in result.error["message"]


def test_a_text_comes_by_stdin(run: Run, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def typed(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    typed("Grüße\nvon Anna\n".encode())
    assert run("message", "send", "Ben", "-").status == 0
    assert node.last == ("message.send", {"peer": "Ben", "text": "Grüße\nvon Anna"})
    for data in (b"\xff\xfe", b"x" * (MAX_MESSAGE_TEXT + 1)):
        typed(data)
        assert run("message", "send", "Ben", "-").status == 2
