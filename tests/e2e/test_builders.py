"""What a builder sees of a real node: the example of the documentation, events, figures, and the OpenAPI document."""

import http.client
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p2pnode.client import Client, _Connection
from tests.e2e.nodes import Node

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "window.py"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    anna, ben = Node("Anna", tmp_path), Node("Ben", tmp_path)
    try:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
        anna.start()
        ben.init("--area", "u33dc")
        ben.start()
        ben.cli("join", anna.cli("invite")["link"], "--wait", "30")
        yield anna, ben
    finally:
        for node in (anna, ben):
            if node.process is not None:
                node.stop()


def get(node: Node, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = _Connection(node.home / "control.sock", 10)
    try:
        connection.request("GET", path, headers={"Host": "p2pnode"})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def example() -> Any:
    spec = importlib.util.spec_from_file_location("window", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_sees_what_is_offered_and_asks_once(pair: tuple[Node, Node]) -> None:
    anna, ben = pair
    assert len(EXAMPLE.read_text().splitlines()) <= 40
    window = example().window
    anna.cli("offer", "publish", "--kind", "lend", "--title", "Long ladder", "--wait", "30")
    lines = window(Client(ben.home), ["LADDER"])
    assert next(lines) == "Long ladder (lend), by Anna"
    assert next(lines).startswith("  asked for: exchange ")
    anna.cli("offer", "publish", "--kind", "lend", "--title", "Drill")
    assert next(lines) == "Drill (lend), by Anna", "an event came of it"
    lines.close()
    again = window(Client(ben.home), ["ladder"])
    shown = [next(again) for _ in range(3)]
    again.close()
    assert sum(line.startswith("  asked for") for line in shown) == 1
    assert len(ben.cli("exchange", "list")) == 1, "started again, it has asked nobody twice"


def test_events_figures_and_the_document_of_a_real_node(pair: tuple[Node, Node]) -> None:
    anna, ben = pair
    events = Client(anna.home).watch()
    assert next(events)["type"] == "resync"
    ben.cli("peers", "name", anna.peer_id, "Annie")
    anna.cli("search", "ladder", "--save", "ladders")
    what: set[str] = set()
    while "searches" not in what:
        what |= set(next(events).get("what", ()))
    events.close()
    response, text = get(anna, "/metrics")
    assert response.status == 200 and response.headers["content-type"].startswith("text/plain")
    assert b'p2pnode_records{kind="profile"} 2.0\n' in text
    response, text = get(anna, "/v1/openapi.json")
    assert response.status == 200
    assert json.loads(text) == json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert Client(anna.home).history()["step"] == "minute"
