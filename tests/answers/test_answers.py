"""The OpenAPI document holds: against the table, the routes, and what nodes answer."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import structlog
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.applications import Starlette

from p2pnode import openapi
from p2pnode.api import build_app
from p2pnode.client import _Connection
from p2pnode.commands import COMMANDS
from p2pnode.event_types import EVENTS
from protocols.errors import Refusal
from tests.answers import make
from tests.answers.chapters import CHAPTERS
from tests.answers.shapes import merged, misfits, shape
from tests.p2pnode.fake_node import FakeNode, make_home, running

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "openapi.json"
RENEW = (
    "python -m tests.answers.make --quick where answers have more than before, without --quick where they have less; "
    "python -m p2pnode.openapi > docs/openapi.json where only arguments or events changed"
)


def test_the_file_is_what_the_table_makes() -> None:
    text = json.dumps(openapi.document(), indent=1, ensure_ascii=False) + "\n"
    assert FILE.read_text() == text, RENEW


def test_it_is_sound_openapi() -> None:
    OpenAPIV31SpecValidator(json.loads(FILE.read_text())).validate()


def test_the_validator_sees_a_wrong_one() -> None:
    wrong = json.loads(FILE.read_text())
    wrong["paths"]["/v1/status"]["post"]["responses"]["200"]["description"] = 5
    assert list(OpenAPIV31SpecValidator(wrong).iter_errors())


def test_patterns_are_those_of_json_schema() -> None:
    patterns = re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', FILE.read_text())
    assert len(patterns) > 20
    for pattern in patterns:
        assert not re.search(r"\\\\[AZ]|\*\+|\(\?", pattern), pattern


def test_every_route_stands_in_it_and_nothing_else() -> None:
    app = build_app(FakeNode(), structlog.get_logger())  # type: ignore[arg-type]
    assert isinstance(app, Starlette)
    routes = {(route.path, method) for route in app.routes for method in route.methods - {"HEAD"}}  # type: ignore[attr-defined]
    document = openapi.document()["paths"]
    described = {(path, method.upper()) for path, methods in document.items() for method in methods}
    commands = {(f"/v1/{name}", "POST") for name in COMMANDS}
    assert described == routes - {("/v1/{name}", "POST")} | commands


def test_every_command_says_what_it_takes_answers_and_refuses() -> None:
    document = openapi.document()
    for name, row in COMMANDS.items():
        said = document["paths"][f"/v1/{name}"]["post"]
        assert said["summary"] == row.summary
        assert bool(said.get("parameters")) == row.writes
        schema = said["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert set(document["components"]["schemas"][schema]["properties"]) == set(row.args.__struct_fields__)
        statuses = {str(status) for status in openapi.STATUS.values()}
        assert set(said["responses"]) == {"200", *statuses}
        data = said["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["data"]
        assert data != {"description": "not described yet"}, f"{name}: {RENEW}"
    assert {str(code) for code in Refusal.EXIT} <= set(document["components"]["responses"])


def test_every_event_is_described() -> None:
    schemas = openapi.document()["components"]["schemas"]
    for kind, each in EVENTS.items():
        said = schemas[f"Event.{each.__name__}"]
        assert said["properties"]["type"] == {"const": kind}
        assert set(said["properties"]) == set(each.__struct_fields__)


def test_the_node_serves_it(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    with running(home, FakeNode()):
        connection = _Connection(home.socket_path(), 5)
        connection.request("GET", "/v1/openapi.json", headers={"Host": "p2pnode"})
        assert json.loads(connection.getresponse().read()) == json.loads(FILE.read_text())
        connection.close()


def test_what_nodes_answer_is_described_and_every_change_is_told() -> None:
    """Each command of the table, by whole cores in virtual time, in tests that stand elsewhere for what they test."""
    seen = make.record(CHAPTERS)
    written = make.written()
    assert set(seen["answers"]) == set(COMMANDS), "a command that no chapter calls: see tests/answers/chapters.py"
    wrong = {name: misfits_of(written[name], schema) for name, schema in seen["answers"].items()}
    assert {name: found for name, found in wrong.items() if found} == {}, RENEW
    silent = {name for name, row in COMMANDS.items() if row.writes and name not in seen["changed"]}
    assert silent == set(), "what these wrote is told to nobody who listens: see p2pnode/core/topics.py"
    assert seen["events"] == {}, "events that are not as p2pnode/event_types.py says"
    assert len(seen["told"]) > 10


def misfits_of(written: Any, seen: Any) -> list[str]:
    """What was seen and is not described."""
    both = merged([written, seen])
    return [] if both == merged([written]) else _differences(merged([written]), both)


def _differences(a: Any, b: Any, place: str = "") -> list[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        return [line for key in b for line in _differences(a.get(key), b[key], f"{place}.{key}")]
    return [] if a == b else [f"{place}: {b!r} was seen, {a!r} is described"]


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"a": 1, "b": [{"c": None}]}, []),
        ({"a": 1.5, "b": []}, []),
        ({"a": "1"}, [".a is string, not number"]),
        ({"z": 1}, [".z is not described"]),
        ({"b": [{"d": 1}]}, [".b[].d is not described"]),
        ({"dimensions": {"kind": 2, "on time": 1}}, []),
        ([], ["the answer is array, not object"]),
    ],
)
def test_a_schema_says_what_is_not_as_it_was_seen(value: Any, wrong: list[str]) -> None:
    seen = [{"a": 1, "b": [{"c": None}]}, {"a": 1.5, "b": [{"c": "x"}]}, {"dimensions": {"punctual": 1}}]
    assert misfits(merged(shape(each) for each in seen), value) == wrong
