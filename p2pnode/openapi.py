"""The control API as an OpenAPI 3.1 document, made from the table of commands and the table of events.

    python -m p2pnode.openapi > docs/openapi.json

The same is served as GET /v1/openapi.json. What commands answer stands in answers.json: schemas of the answers that
nodes gave in a test (`python -m tests.answers.make`), so that no field is described that was not seen.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from . import commands
from .bounds import MAX_BODY, MAX_LISTENERS
from .event_types import EVENTS

ANSWERS: Final = Path(__file__).with_name("answers.json")
STATUS: Final = {
    "failed": 500,
    "usage": 400,
    "not_found": 404,
    "no_daemon": 503,
    "refused": 403,
    "conflict": 409,
    "unreachable": 504,
}
_ERRORS: Final = {
    "usage": "What was sent makes no sense; the message names the field",
    "refused": "A rule of the network, of this node or of the other side forbids it",
    "not_found": "There is no such listing, exchange, peer or command",
    "conflict": "It was so and is otherwise by now: a time that is taken, terms that were replaced",
    "failed": "The node could not: the disk, or a bug; its number stands in the log",
    "no_daemon": "The node is starting or stopping: try again",
    "unreachable": "Nobody who is needed could be reached in time",
}
_ABOUT: Final = (
    "For programs of this machine, in the name of its user: HTTP on the Unix socket of the node's home folder "
    "(`Host: p2pnode`), and on a port of loopback where the setting `web` names one. What is described of an answer "
    "was seen; more fields may come, so pass over those that you do not know. See docs/api.md."
)
_COMPONENT: Final = "#/components/schemas/{name}"
Json = dict[str, Any]


def document() -> Json:
    """The whole document."""
    answers = json.loads(ANSWERS.read_text(encoding="utf-8"))
    rows = list(commands.COMMANDS.values())
    args = dict(zip({row.args: None for row in rows}, _schemas(dict.fromkeys(row.args for row in rows)), strict=True))
    paths: Json = {
        "/v1": {"get": _get("table", "All commands, each with the schema of its arguments", {"type": "object"})},
        "/v1/openapi.json": {"get": _get("openapi", "This document", {"type": "object"}, bare=True)},
        "/v1/events": {"get": _events()},
        "/metrics": {"get": _metrics()},
    }
    for row in rows:
        paths[f"/v1/{row.name}"] = {"post": _command(row, args[row.args], answers["answers"].get(row.name))}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "p2pnode control API",
            "version": "1",
            "description": _ABOUT,
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "servers": [
            {"url": "http://p2pnode", "description": "over the Unix socket"},
            {"url": "http://127.0.0.1:{port}", "variables": {"port": {"default": "7117"}}},
        ],
        "security": [{}, {"bearer": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "the second line of web.cookie"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "p2pnode", "description": "the same"},
            },
            "parameters": {"RequestId": _REQUEST_ID, "LastEventId": _LAST_EVENT_ID, "After": _AFTER},
            "responses": {code: _error(code) for code in _ERRORS},
            "schemas": {
                **_components(dict.fromkeys(row.args for row in rows)),
                **{f"Event.{each.__name__}": _tidy(_event(each)) for each in EVENTS.values()},
                **answers["schemas"],
                "Error": _tidy(_ERROR),
            },
        },
    }


_REQUEST_ID: Final[Json] = {
    "name": "X-Request-Id",
    "in": "header",
    "description": "A call that is repeated under the same id is done once, and answered the same.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
}
_LAST_EVENT_ID: Final[Json] = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The event_id that was heard last: what came since is told first, or `resync`.",
    "schema": {"type": "string"},
}
_AFTER: Final[Json] = {
    "name": "after",
    "in": "query",
    "description": "As Last-Event-ID, for a page that was put together before it listens.",
    "schema": {"type": "string"},
}
_ERROR: Final[Json] = {
    "type": "object",
    "required": ["schema", "error"],
    "properties": {
        "schema": {"const": 1},
        "error": {
            "type": "object",
            "required": ["code", "message", "hint"],
            "properties": {
                "code": {"enum": list(_ERRORS)},
                "message": {"type": "string", "description": "for people"},
                "hint": {"type": "string", "description": "what to do about it"},
            },
        },
    },
}


def _command(row: commands.Command, args: Json, answer: Json | None) -> Json:
    made: Json = {
        "operationId": row.name.replace(".", "_"),
        "summary": row.summary,
        "tags": [row.name.partition(".")[0]],
        "x-writes": row.writes,
        "requestBody": {
            "required": False,
            "description": f"At most {MAX_BODY} bytes. Nothing stands for {{}}.",
            "content": {"application/json": {"schema": args}},
        },
        "responses": {
            "200": _ok(answer if answer is not None else {"description": "not described yet"}, "What it answers"),
            **_errors(*_ERRORS),
        },
    }
    if row.writes:
        made["parameters"] = [{"$ref": "#/components/parameters/RequestId"}]
    return made


def _get(name: str, summary: str, schema: Json, bare: bool = False) -> Json:
    ok = {"description": summary, "content": {"application/json": {"schema": schema}}} if bare else _ok(schema, summary)
    return {"operationId": name, "summary": summary, "tags": ["about"], "responses": {"200": ok, **_errors("refused")}}


def _metrics() -> Json:
    words = "The node in figures, as Prometheus reads them"
    ok = {"description": words, "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {
        "operationId": "metrics",
        "summary": words,
        "tags": ["about"],
        "responses": {"200": ok, **_errors("refused", "failed")},
    }


def _events() -> Json:
    refs = [{"$ref": _COMPONENT.format(name=f"Event.{each.__name__}")} for each in EVENTS.values()]
    mapping = {kind: _COMPONENT.format(name=f"Event.{each.__name__}") for kind, each in EVENTS.items()}
    data = {"oneOf": refs, "discriminator": {"propertyName": "type", "mapping": mapping}}
    return {
        "operationId": "events",
        "summary": "Server-sent events for everything that changes, until the caller hangs up",
        "description": f"The data of each is one of the schemas Event.*. {MAX_LISTENERS} callers may listen at a time.",
        "tags": ["events"],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in ("LastEventId", "After")],
        "responses": {
            "200": {
                "description": "Lines `event`, `id`, `data`; a comment now and then, as a sign of life",
                "content": {"text/event-stream": {"schema": {"type": "string"}, "x-data": data}},
            },
            **_errors("refused"),
        },
    }


def _ok(schema: Json, words: str) -> Json:
    envelope = {
        "type": "object",
        "required": ["schema", "data"],
        "properties": {"schema": {"const": 1}, "data": schema},
    }
    return {"description": words, "content": {"application/json": {"schema": envelope}}}


def _errors(*codes: str) -> Json:
    return {str(STATUS[code]): {"$ref": f"#/components/responses/{code}"} for code in codes}


def _error(code: str) -> Json:
    schema = {"$ref": _COMPONENT.format(name="Error")}
    return {"description": _ERRORS[code], "content": {"application/json": {"schema": schema}}}


def _event(kind: type[msgspec.Struct]) -> Json:
    (_,), components = msgspec.json.schema_components([kind], ref_template=_COMPONENT)
    made: Json = components[kind.__name__]
    made["title"] = f"Event.{kind.__name__}"
    made["properties"]["type"] = {"const": kind.__name__.lower()}
    return made


def _schemas(kinds: Any) -> list[Json]:
    schemas, _ = msgspec.json.schema_components(list(kinds), ref_template=_COMPONENT)
    return list(schemas)


def _components(kinds: Any) -> Json:
    _, components = msgspec.json.schema_components(list(kinds), ref_template=_COMPONENT)
    return {name: _tidy(each) for name, each in components.items()}


def _tidy(schema: Any) -> Any:
    """With patterns as JSON Schema writes them (those of ECMAScript), and descriptions on one line."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _tidy(value) for key, value in schema.items()}
    if isinstance(pattern := made.get("pattern"), str):
        made["pattern"] = pattern.replace(r"\A", "^").replace(r"\Z", "$").replace("*+", "*")
    if isinstance(words := made.get("description"), str):
        made["description"] = " ".join(words.split())
    return made


def main() -> None:
    """Print the document."""
    sys.stdout.write(json.dumps(document(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
