"""Neighbours write to each other: while the other is there, while it is off, and over restarts. Real nodes."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.nodes import Failed, Node, until


def texts(node: Node, *options: str) -> list[str]:
    rows: list[dict[str, Any]] = node.cli("message", "list", *options)
    return [row["text"] for row in rows]


def state(node: Node, id_: str) -> str:
    return str(node.cli("message", "show", id_)["state"])


def test_a_message_waits_until_its_reader_is_back(tmp_path: Path) -> None:
    with Node("Anna", tmp_path) as anna, Node("Ben", tmp_path) as ben:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
        anna.start()
        ben.init("--area", "u33dc")
        ben.start()
        assert ben.cli("join", anna.address, "--wait", "30")["state"] == "joined"
        until("Anna knows Ben", lambda: anna.cli("peers", "show", "Ben"))
        assert anna.cli("message", "send", "Ben", "Hello", "--wait", "30")["state"] == "delivered"
        assert [(row["text"], row["from_name"], row["state"]) for row in ben.cli("message", "list")] == [
            ("Hello", "Anna", "new")
        ]
        assert ben.cli("message", "send", "Anna", "Hello yourself", "--wait", "30")["state"] == "delivered"
        assert texts(ben, "--new") == [], "to answer is to have read"

        assert ben.stop() == 0
        with pytest.raises(Failed) as late:
            anna.cli("message", "send", "Ben", "Are you there?", "--wait", "1")
        assert late.value.status == 7 and "Not delivered" in late.value.error["message"]
        more = anna.cli("message", "send", "Ben", "I will be\nten minutes late")["id"]
        assert anna.stop() == 0
        anna.start()
        assert state(anna, more) == "queued"
        ben.start()
        until("Ben has all of it", lambda: len(texts(ben)) == 4, 60)
        assert texts(ben) == texts(anna) == ["Hello", "Hello yourself", "Are you there?", "I will be\nten minutes late"]
        until("Anna knows it", lambda: state(anna, more) == "delivered")
        ben.stop()
        ben.start()
        assert texts(ben, "--new") == ["Are you there?", "I will be\nten minutes late"]
        assert ben.cli("message", "seen", "--with", "Anna")["seen"] == 2
        ben.cli("message", "erase", more)
        assert len(texts(ben)) == 3 and len(texts(anna)) == 4
        assert b"ten minutes" not in b"".join(p.read_bytes() for p in ben.home.rglob("*") if p.is_file())
