"""Serves the API to the callers of a door: one request a connection, each head checked before anything else sees it.

anycorn speaks HTTP/2 and WebSocket too, changes over to them by itself, reads on without a time-out, and writes to a
caller that does not read without an end (behind a shield, so that not even a stop ends it). So it gets only what
p2pnode.walls has let in: a head, the body that the head announces, and nothing after it; and it writes through a
stream that gives up. Its own `serve` accepts from anybody and lets an error in one connection end all of them; here
each is kept apart. Written for anycorn 0.18 to 0.20.
"""

import html
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import anyio
import anyio.abc
import anyio.streams.tls
import trio
from anycorn.app_wrappers import ASGIWrapper
from anycorn.config import Config
from anycorn.tcp_server import TCPServer
from anycorn.typing import ConnectionState
from anycorn.worker_context import WorkerContext
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from p2pnode import walls
from p2pnode.api import refuse
from p2pnode.bounds import (
    ANSWER_TIMEOUT,
    BODY_TIMEOUT,
    HEAD_TIMEOUT,
    LINGER,
    MAX_AT_DOOR,
    MAX_BODY,
    MAX_FROM_ONE,
    MAX_HEAD,
    MAX_TLS_PENDING,
    TLS_TIMEOUT,
)
from p2pnode.uploads import Uploads
from protocols.errors import Refusal

PIECE = 65_536
# Whoever is not let in gets nothing of the page, not even its looks; it may be its own user, whose session is over.
_TURNED_AWAY = """<!doctype html><html lang="en"><meta charset="utf-8"><title>p2pnode</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<h1>Please log in</h1><p>{}.</p>
<p>Type <code>p2pnode web</code> in a terminal of this machine: it opens this page anew.</p>
<p lang="de">Zum Anmelden <code>p2pnode web</code> in einem Terminal dieses Rechners eingeben.</p></html>
"""
_NOT_PAIRED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>p2pnode</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<h1>This device is not paired</h1><p>{}.</p>
<p>Type <code>p2pnode web --lan</code> in a terminal of the machine on which the node runs, and scan what it shows.</p>
<p lang="de">Dieses Gerät ist nicht gekoppelt. Auf dem Rechner, auf dem der Knoten läuft, <code>p2pnode web --lan</code>
in ein Terminal eingeben und das Gezeigte scannen.</p></html>
"""
_NO_ROOM = """<!doctype html><html lang="en"><meta charset="utf-8"><title>p2pnode</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<h1>Please try again in a moment</h1>
<p>Other photos are being sent just now. Nothing was done: go back, and send the form once more.</p>
<p lang="de">Gerade werden andere Fotos gesendet. Es ist nichts geschehen: bitte zurückgehen und das Formular gleich
noch einmal senden.</p></html>
"""
ACCEPT_AGAIN = 0.2  # seconds after the system refused to accept, for lack of descriptors say
SAY_EVERY = 10.0  # seconds between lines in the log about callers turned away
GONE = (OSError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.BusyResourceError)


async def serve_door(
    door: walls.Door,
    app: ASGIApp,
    listening: socket.socket,
    knows: Callable[[socket.socket], Awaitable[str]],
    log: FilteringBoundLogger,
    pace: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint,
    tls: ssl.SSLContext | None = None,
    uploads: Uploads | None = None,
) -> None:
    """Serve until cancelled. knows: why the process at the other end may not call at all, empty if it may; asked
    before a byte is read. pace: awaited before each connection is taken. tls: all is spoken within it, and no address
    has all the places. uploads: room for them, where several doors share it.
    """
    uploads = uploads or Uploads()
    callers: set[Caller] = set()
    of_one: Counter[str] = Counter()
    secured = _Secured(tls) if tls is not None else None
    places = trio.Semaphore(MAX_AT_DOOR)
    wrapped = ASGIWrapper(app)  # type: ignore[arg-type]  # starlette's ASGI types against anycorn's
    configs = {page: _config(walls.PAGE_HEADERS if page else walls.HEADERS) for page in (False, True)}
    turned = _TurnedAway(log)

    async def serve(caller: Caller) -> None:
        address = caller.address if secured else ""
        of_one[address] += 1
        try:
            if secured and of_one[address] > MAX_FROM_ONE:
                turned.away("too many connections from one address")
            else:
                await _serve_one(caller, door, wrapped, configs, knows, turned, secured, uploads)
        except Exception:
            log.exception("api: connection failed")
        finally:
            of_one[address] -= 1
            if not of_one[address]:
                del of_one[address]
            callers.discard(caller)
            places.release()
            await anyio.aclose_forcefully(caller)

    listener = await anyio.abc.SocketListener.from_socket(listening)
    async with listener, trio.open_nursery() as nursery:
        nursery.start_soon(_stop_with_the_door, callers)
        while True:
            await pace()
            await places.acquire()
            try:
                caller = Caller(await listener.accept())
            except OSError as e:
                places.release()
                log.warning("api: cannot take a connection", problem=e.strerror)
                await trio.sleep(ACCEPT_AGAIN)
                continue
            callers.add(caller)
            nursery.start_soon(serve, caller)


async def _serve_one(
    caller: "Caller",
    door: walls.Door,
    app: ASGIWrapper,
    configs: Mapping[bool, Config],
    knows: Callable[[socket.socket], Awaitable[str]],
    turned: "_TurnedAway",
    secured: "_Secured | None",
    uploads: Uploads,
) -> None:
    stranger = await knows(caller.extra(anyio.abc.SocketAttribute.raw_socket))
    if not stranger and secured is not None and not await secured.shake_hands(caller):
        stranger = "no TLS was agreed on"
    if stranger:
        turned.away(stranger)
        return
    try:
        if not await caller.read_head(door):
            return
    except Refusal as refusal:
        turned.away(refusal.message)
        await caller.refuse(refusal, forced=door.browsers, page=_NOT_PAIRED if door.lan else _TURNED_AWAY)
        return
    except GONE:
        return
    config = configs[caller.for_page]
    async with uploads.room(caller.address, caller.length) as there_is:
        if not there_is:
            turned.away("too many uploads at a time")
            await caller.turn_back()
            return
        caller.begin_body()
        await TCPServer(app, config, WorkerContext(None), ConnectionState({}), caller).run()  # type: ignore[arg-type]


class Caller(anyio.abc.AsyncResource):
    """One connection. What is above receives the request that was let in, and then only that the caller is gone."""

    def __init__(self, stream: anyio.abc.SocketStream) -> None:
        self._stream: anyio.abc.SocketStream | anyio.streams.tls.TLSStream = stream
        self._at_hand = b""
        self.length = 0  # bytes of the body
        self._left = 0  # of it that are still to come
        self._body_by = 0.0
        self._sending: trio.CancelScope | None = None
        self._stopped = False
        self.for_page = False  # whether it asks for the page, and not for the API

    @property
    def address(self) -> str:
        """The IP address of the other end; empty if it is gone, or has none."""
        try:
            name = self.extra(anyio.abc.SocketAttribute.raw_socket).getpeername()
        except OSError:
            return ""
        return str(name[0]) if isinstance(name, tuple) else ""

    async def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS from here on. `OSError` and its like if the other end does not."""
        wrap = anyio.streams.tls.TLSStream.wrap
        self._stream = await wrap(self._stream, server_side=True, ssl_context=context, standard_compatible=False)

    async def read_head(self, door: walls.Door) -> bool:
        """Whether a request came. `Refusal` for one that is not let in."""
        raw = b""
        with trio.move_on_after(HEAD_TIMEOUT):
            while walls.END not in raw:
                raw += await self._stream.receive(PIECE)
                head, end, rest = raw.partition(walls.END)
                if len(head) > MAX_HEAD:
                    raise Refusal("refused", f"The head has more than {MAX_HEAD} bytes", "Send less")
                if walls.spoilt(head if end else raw):
                    break
            else:
                self.for_page = walls.is_for_page(door, head + end)
                self._left = self.length = walls.admit(door, head + end, self.address if door.lan else "")
                self._at_hand = head + end + rest[: self._left]
                self._left -= min(self._left, len(rest))
                return True
            walls.parse_head(raw)  # says why
        return False

    def begin_body(self) -> None:
        self._body_by = trio.current_time() + BODY_TIMEOUT

    async def receive(self, max_bytes: int = PIECE) -> bytes:
        if self._at_hand:
            data, self._at_hand = self._at_hand, b""
            return data
        if self._left:
            with trio.move_on_at(self._body_by), _broken_tls():
                data = await self._stream.receive(min(self._left, max_bytes))
                self._left -= len(data)
                return data
            raise TimeoutError
        await self._discard()
        raise anyio.EndOfStream

    async def _discard(self) -> None:
        """Read what belongs to no request, until the caller hangs up or has sent too much of it."""
        read = 0
        with suppress(*GONE):
            while read <= MAX_BODY:
                read += len(await self._stream.receive(PIECE))

    async def send(self, data: bytes) -> None:
        if self._stopped:
            raise anyio.ClosedResourceError
        with trio.CancelScope(deadline=trio.current_time() + ANSWER_TIMEOUT) as self._sending, _broken_tls():
            await self._stream.send(data)
            return
        raise anyio.BrokenResourceError

    async def refuse(self, refusal: Refusal, forced: bool, page: str = _TURNED_AWAY) -> None:
        """Say why, and hang up. forced: with 403, whatever the reason. page: how it is said to who wants a page."""
        response = refuse(refusal)
        status = 403 if forced else response.status_code
        body, kind = bytes(response.body), b"application/json"
        if self.for_page:
            body, kind = page.format(html.escape(refusal.message)).encode(), b"text/html; charset=utf-8"
        with suppress(*GONE), trio.move_on_after(LINGER):
            await self._say(status, body, kind)
            await self.send_eof()
            await self._discard()

    async def turn_back(self) -> None:
        """There is no room for what is sent: say so. A browser shows that only once it has sent all of it, which is
        read and kept nowhere."""
        self.begin_body()
        with suppress(*GONE, TimeoutError, anyio.EndOfStream):
            self._at_hand = b""
            while self._left:
                await self.receive()
            with trio.move_on_after(LINGER):
                await self._say(503, _NO_ROOM.encode(), b"text/html; charset=utf-8")
                await self.send_eof()
                await self._discard()

    async def _say(self, status: int, body: bytes, kind: bytes) -> None:
        fields = [*(walls.PAGE_HEADERS if self.for_page else walls.HEADERS), (b"content-type", kind)]
        fields += [(b"connection", b"close"), (b"content-length", str(len(body)).encode())]
        lines = [b"HTTP/1.1 %d Refused" % status, *(name + b": " + value for name, value in fields)]
        await self.send(b"\r\n".join(lines) + walls.END + body)

    async def send_eof(self) -> None:
        if not isinstance(self._stream, anyio.streams.tls.TLSStream):
            await self._stream.send_eof()
            return
        with trio.move_on_after(LINGER):  # TLS says so in words, and waits for the other's
            await self._stream.unwrap()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def extra(self, attribute: Any) -> Any:
        return self._stream.extra(attribute)

    def stop(self) -> None:
        """No more is written, not even what is being written now."""
        self._stopped = True
        if self._sending is not None:
            self._sending.cancel()


@contextmanager
def _broken_tls() -> Iterator[None]:
    """What anycorn does not expect of a stream, as what it does."""
    try:
        yield
    except ssl.SSLError as e:
        raise anyio.BrokenResourceError from e


class _Secured:
    """Handshakes of TLS: only so many at a time, and each with an end."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._places = trio.CapacityLimiter(MAX_TLS_PENDING)

    async def shake_hands(self, caller: Caller) -> bool:
        with trio.move_on_after(TLS_TIMEOUT), suppress(*GONE):
            async with self._places:
                await caller.secure(self._context)
                return True
        return False


async def _stop_with_the_door(callers: set[Caller]) -> None:
    try:
        await trio.sleep_forever()
    finally:
        for caller in callers:
            caller.stop()


class _TurnedAway:
    """Notes in the log who was turned away, without letting them fill it."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._count = 0
        self._said = -SAY_EVERY

    def away(self, reason: str) -> None:
        self._count += 1
        if trio.current_time() - self._said >= SAY_EVERY:
            self._log.warning("api: callers turned away", callers=self._count, reason=reason)
            self._count, self._said = 0, trio.current_time()


class _Config(Config):
    fields: tuple[tuple[bytes, bytes], ...]

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        return [*super().response_headers(protocol), *self.fields]


def _config(fields: tuple[tuple[bytes, bytes], ...]) -> Config:
    """fields: that stand in the head of every answer."""
    config = _Config()
    config.fields = fields
    config.errorlog = None
    config.accesslog = None
    config.keep_alive_timeout = HEAD_TIMEOUT
    config.keep_alive_max_requests = 0  # every answer says `Connection: close`
    config.include_server_header = False
    config.h11_max_incomplete_size = 2 * MAX_HEAD
    return config
