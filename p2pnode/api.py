"""The local API: HTTP on a Unix socket, and on loopback where that is set, for the same user only.

One table of commands (p2pnode.commands):

    POST /v1/<command>   a JSON object of arguments → {"schema": 1, "data": …} or {"schema": 1, "error": {…}}
    GET  /v1/events      server-sent events, one JSON object each, until the caller hangs up; after `Last-Event-ID`,
                         or `?after=`
    GET  /metrics        the node in figures, as text for Prometheus
    GET  /v1/openapi.json   all this as an OpenAPI 3.1 document (p2pnode.openapi)
    GET  /v1             the table: each command's summary and the JSON schema of its arguments

A request may carry `X-Request-Id`; a writing command that is repeated with the same id is done once, and answered
the same. Nothing that the caller or a command does ends the server: an exception that is none of ours becomes code
`failed` with a short id, and stands in the log under that id.
"""

import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Protocol

import msgspec
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from p2pnode.bounds import EVENTS_BEAT, MAX_BODY, MAX_CALLS, MAX_LISTENERS
from p2pnode.commands import COMMANDS, Args, parse_args
from p2pnode.complaints import help_for, in_words
from p2pnode.openapi import STATUS, document
from protocols.errors import Refusal, Reject

SCHEMA = 1
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


class NodePort(Protocol):
    """What the API needs of the node behind it."""

    async def call(self, name: str, args: Args, request_id: str | None) -> Any:
        """Carry out a command. Returns what JSON can hold (structs too); `Refusal` for what a rule forbids."""

    def subscribe(self, after: str | None = None) -> AsyncIterator[dict[str, Any]]:
        """Events, each with a `type`, from now on or after the one with this `event_id`, until this is closed."""

    def heard(self) -> str:
        """The `event_id` of the newest event: to listen from here on, later."""

    async def metrics(self) -> tuple[bytes, str]:
        """The node in figures, as Prometheus reads them, and the media type of that."""


def build_app(port: NodePort, log: FilteringBoundLogger) -> ASGIApp:
    """The ASGI application over a node. Knows nothing of sockets; who may call is decided before (p2pnode.walls)."""
    return Starlette(
        routes=[
            Route("/v1", _table, methods=["GET"]),
            Route("/metrics", _metrics(port), methods=["GET"]),
            Route("/v1/openapi.json", _openapi, methods=["GET"]),
            Route("/v1/events", _Events(port, log), methods=["GET"]),
            Route("/v1/{name}", _Call(port, log), methods=["POST"]),
        ],
        exception_handlers={HTTPException: _http_error},
    )


def answer(data: Any) -> Response:
    """Data in the envelope. `TypeError` for what JSON cannot hold."""
    return Response(msgspec.json.encode({"schema": SCHEMA, "data": data}), 200, media_type="application/json")


def refuse(refusal: Refusal) -> Response:
    """An error in the envelope."""
    code = refusal.code if refusal.code in STATUS else "failed"
    error = {"code": code, "message": refusal.message, "hint": refusal.hint}
    body = msgspec.json.encode({"schema": SCHEMA, "error": error})
    return Response(body, STATUS[code], media_type="application/json")


async def _table(request: Request) -> Response:
    return answer(
        {
            c.name: {"summary": c.summary, "writes": c.writes, "args": msgspec.json.schema(c.args)}
            for c in COMMANDS.values()
        }
    )


async def _openapi(request: Request) -> Response:
    return Response(msgspec.json.encode(document()), 200, media_type="application/json")


def _metrics(port: NodePort) -> Callable[[Request], Awaitable[Response]]:
    async def metrics(request: Request) -> Response:
        text, kind = await port.metrics()
        return Response(text, 200, media_type=kind)

    return metrics


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = "not_found" if status == 404 else "usage"
    response = refuse(Refusal(code, f"{request.method} {request.url.path[:80]} is nothing here", "GET /v1 lists all"))
    response.status_code = status
    return response


class _Call:
    def __init__(self, port: NodePort, log: FilteringBoundLogger) -> None:
        self.port = port
        self.log = log
        self.limiter = trio.CapacityLimiter(MAX_CALLS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            name, args, request_id = await self._read(request)
            async with self.limiter:
                response = await self._do(name, args, request_id)
        except ClientDisconnect:
            return
        except Refusal as e:
            response = refuse(e)
        await response(scope, receive, send)

    async def _do(self, name: str, args: Args, request_id: str | None) -> Response:
        try:
            return answer(await self.port.call(name, args, request_id))
        except Refusal as e:
            self.log.info("refused", command=name, code=e.code, reason=e.message)
            return refuse(e if e.hint else Refusal(e.code, e.message, help_for(name)))
        except Reject as e:  # what the user typed does not parse; the parser's words are meant for him
            self.log.info("refused", command=name, code="usage", reason=e.message)
            return refuse(Refusal("usage", e.message, help_for(name)))
        except Exception:
            number = secrets.token_hex(4)
            self.log.exception("command failed", command=name, failure=number)
            return refuse(
                Refusal(
                    "failed",
                    f"Something went wrong inside the node (failure {number})",
                    f"Try again. If it stays, report it with the lines of node.log that name {number}",
                )
            )

    async def _read(self, request: Request) -> tuple[str, Args, str | None]:
        """The command, its arguments and the request id. Reads at most MAX_BODY bytes."""
        name = request.path_params["name"]
        if name not in COMMANDS:
            raise Refusal("not_found", f"There is no command {name[:40]!r}", "GET /v1 lists all commands")
        kind = request.headers.get("content-type", "")
        if kind.split(";")[0].strip().lower() != "application/json":
            raise Refusal("usage", "The body must be JSON", "Send `Content-Type: application/json`")
        request_id = request.headers.get("x-request-id")
        if request_id is not None and not REQUEST_ID.fullmatch(request_id):
            raise Refusal("usage", "X-Request-Id must be 8 to 64 letters, digits, _ or -", "One for each call")
        body = bytearray()
        pieces: Any = request.stream()
        async with aclosing(pieces):
            async for piece in pieces:
                body += piece
                if len(body) > MAX_BODY:
                    raise Refusal("usage", f"The body has more than {MAX_BODY} bytes", "Send less")
        try:
            return name, parse_args(name, parse_json(bytes(body))), request_id
        except msgspec.ValidationError as e:
            raise Refusal("usage", in_words(str(e)), help_for(name)) from e


class _Events:
    """Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

    def __init__(self, port: NodePort, log: FilteringBoundLogger) -> None:
        self.port = port
        self.log = log
        self.listeners = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.listeners >= MAX_LISTENERS:
            await refuse(Refusal("refused", f"{MAX_LISTENERS} callers listen already"))(scope, receive, send)
            return
        self.listeners += 1
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(b"content-type", b"text/event-stream")],
                }
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_gone, receive, nursery.cancel_scope.cancel)
                nursery.start_soon(self._beat, send)
                request = Request(scope)
                after = request.headers.get("last-event-id") or request.query_params.get("after") or None
                await self._pump(send, after)
                nursery.cancel_scope.cancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self.listeners -= 1

    async def _pump(self, send: Send, after: str | None) -> None:
        try:
            events: Any = self.port.subscribe(after)
            async with aclosing(events):
                async for event in events:
                    kind = re.sub(r"[^a-z0-9_.-]", "", str(event.get("type", "event")))
                    data = json.dumps(msgspec.to_builtins(event), ensure_ascii=False)  # json.dumps writes no newline
                    number = re.sub(r"[^0-9a-f.]", "", str(event.get("event_id", "")))
                    named = f"event: {kind}\nid: {number}\n" if number else f"event: {kind}\n"
                    await _write(send, f"{named}data: {data}\n\n")
        except Exception:
            self.log.exception("events failed")

    async def _beat(self, send: Send) -> None:
        await _write(send, ": listening\n\n")
        while True:
            await trio.sleep(EVENTS_BEAT)
            await _write(send, ": still here\n\n")

    async def _until_gone(self, receive: Receive, stop: Callable[[], None]) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        stop()


def _write(send: Send, text: str) -> Awaitable[None]:
    return send({"type": "http.response.body", "body": text.encode(), "more_body": True})


def parse_json(body: bytes) -> dict[str, Any]:
    """A JSON object, exactly: UTF-8, no duplicate keys, no NaN. Nothing at all stands for {}."""
    if not body:
        return {}
    try:
        value = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as e:
        raise Refusal("usage", f"The body is not JSON: {e}", "Send one JSON object") from e
    if type(value) is not dict:
        raise Refusal("usage", "The body is not a JSON object", "Send the arguments by name")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands there twice")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
