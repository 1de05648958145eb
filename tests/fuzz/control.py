"""Targets at the control API: bytes on its socket, the bodies of calls, and what the command line reads in answer."""

import socket
from collections.abc import AsyncIterator, Sequence
from functools import cache
from typing import Any

import anyio
import anyio.abc
import msgspec
import structlog
import trio
from anycorn.app_wrappers import ASGIWrapper
from anycorn.config import Config
from anycorn.tcp_server import TCPServer
from anycorn.typing import ConnectionState
from anycorn.worker_context import WorkerContext
from trio.testing import MockClock

from p2pnode.api import build_app, parse_json
from p2pnode.client import _unwrap
from p2pnode.commands import COMMANDS, parse_args
from protocols.errors import Reject

from .sound import texts
from .table import Target


class _Port:
    def __init__(self) -> None:
        self.calls = 0

    async def call(self, name: str, args: Any, request_id: str | None) -> Any:
        assert name in COMMANDS and isinstance(args, COMMANDS[name].args)
        self.calls += 1
        return {}

    async def metrics(self) -> tuple[bytes, str]:
        return b"", "text/plain"

    def heard(self) -> str:
        return "0.7"

    async def subscribe(self, after: str | None = None) -> AsyncIterator[dict[str, Any]]:
        yield {"type": "peer"}


class _Stream:
    """One connection of a caller who says all at once, and hears everything."""

    def __init__(self, data: bytes) -> None:
        self._left = data
        self.said = bytearray()

    def extra(self, attribute: Any) -> Any:
        if attribute is anyio.abc.SocketAttribute.raw_socket:
            return _sockets()[0]
        raise anyio.TypedAttributeLookupError

    async def receive(self, max_bytes: int) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self._left:
            await trio.sleep(1)
            raise anyio.EndOfStream
        piece, self._left = self._left[:max_bytes], self._left[max_bytes:]
        return piece

    async def send(self, data: bytes) -> None:
        self.said += data
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None: ...

    async def aclose(self) -> None:
        self._left = b""


@cache
def _sockets() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


@cache
def _served() -> tuple[Any, Config, _Port]:
    port = _Port()
    config = Config()
    config.errorlog = None
    config.accesslog = None
    config.include_server_header = False
    log = structlog.wrap_logger(structlog.ReturnLogger())
    return ASGIWrapper(build_app(port, log)), config, port  # type: ignore[arg-type]


def request(data: bytes) -> None:
    """Bytes on the control socket. Every answer is ours: no page of a server that met a bug."""
    app, config, port = _served()
    before = port.calls
    stream = _Stream(data)

    async def main() -> None:
        with trio.move_on_after(60):
            server = TCPServer(app, config, WorkerContext(None), ConnectionState({}), stream)  # type: ignore[arg-type]
            await server.run()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    for answer in bytes(stream.said).split(b"HTTP/1.1 ")[1:]:
        assert not answer.startswith(b"500"), answer[:200]
    if port.calls == before:
        raise Reject("state", "no call")


def requests() -> list[bytes]:
    found = []
    for name, fields in arguments():
        body = msgspec.json.encode(fields)
        head = f"POST /v1/{name} HTTP/1.1\r\nHost: p2pnode\r\nContent-Type: application/json\r\n"
        found.append(f"{head}X-Request-Id: 0123456789abcdef\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    chunks = b"2\r\n{}\r\n0\r\n\r\n"
    head_of = b"POST /v1/status HTTP/1.1\r\nHost: p2pnode\r\nContent-Type: application/json\r\n"
    return [
        *found[:6],
        head_of + b"Transfer-Encoding: chunked\r\n\r\n" + chunks,
        b"GET /v1 HTTP/1.1\r\nHost: p2pnode\r\n\r\n" + found[0],
        b"GET /v1/events HTTP/1.1\r\nHost: p2pnode\r\n\r\n",
    ]


def arguments() -> list[tuple[str, dict[str, Any]]]:
    return [
        ("status", {}),
        ("listing.publish", {"direction": "offer", "kind": "rent", "title": "Snowblower", "price": "2/hour"}),
        ("exchange.propose", {"listing": "ab12", "quantity": 2, "witness": ["Anna", "Ben"]}),
        ("vouch", {"peer": "Ben", "amount": "2.50"}),
        ("search", {"query": "snow", "within_km": 2.5, "limit": 10}),
        ("join", {"target": "/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE"}),
    ]


def body(data: bytes) -> None:
    """The body of a call, for every command."""
    fields = parse_json(data)
    taken = 0
    for name in COMMANDS:
        try:
            parse_args(name, fields)
            taken += 1
        except msgspec.ValidationError:
            pass
    if not taken:
        raise Reject("field", "no command takes that")


def answer(data: bytes) -> None:
    """What the command line reads from a node, or from who stands in its place."""
    import http.client

    try:
        _unwrap(200, data)
    except http.client.HTTPException as e:
        raise Reject("decode", str(e)) from None


TARGETS: Sequence[Target] = (
    Target("requests", request, requests),
    Target("bodies", body, lambda: [msgspec.json.encode(fields) for _, fields in arguments()]),
    Target("answers", answer, texts('{"schema":1,"data":{"a":[1]}}', '{"schema":1,"error":{"code":"usage"}}')),
)
