"""The page and the API on a TCP port of loopback; off until the setting `web` names the port, or somebody asks for it.

Whoever can reach loopback can connect: every web page by way of the browser, every user of the machine. So besides the
walls (p2pnode.walls) two things are asked: a secret made anew at each start, that stands in `web.cookie` in the home
folder, and whose socket the other end is. Linux says that in /proc/net/tcp (proc_net(5)); it closes what the secret
leaves open, since a browser sends a cookie to all ports of a host alike, whoever listens there.
"""

import importlib
import ipaddress
import os
import re
import secrets
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import trio
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from p2pnode import clock, walls
from p2pnode.api import NodePort, build_app
from p2pnode.bounds import WEB_BURST, WEB_PORT, WEB_RATE
from p2pnode.home.files import write_atomic
from p2pnode.home.folder import Home
from p2pnode.net.guard import TokenBucket
from p2pnode.serving import serve_door
from p2pnode.web.held import Held
from p2pnode.web.lan import Lan
from p2pnode.web.logins import Logins
from protocols.errors import Refusal

BACKLOG = 128
ADDRESS = re.compile(r"(127\.0\.0\.1|\[::1\]):([0-9]{1,5})")
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ESTABLISHED = "01"


async def serve_web(
    port: NodePort,
    home: Home,
    address: str,
    log: FilteringBoundLogger,
    logins: Logins | None = None,
    listening: socket.socket | None = None,
    *,
    task_status: Any = anyio.TASK_STATUS_IGNORED,  # of str; trio's and anyio's types do not know each other
) -> None:
    """Serve page and API on `address` (as in the setting) until cancelled. Reports the URL once it listens.

    listening: a socket of loopback that listens already, instead of the address. Call with the home locked. `Refusal`
    if the address is none of loopback, or cannot be had.
    """
    listening = listening or bind_loopback(address)
    try:
        host = "[::1]" if listening.family == socket.AF_INET6 else "127.0.0.1"
        url = f"http://{host}:{listening.getsockname()[1]}"
        secret = secrets.token_hex(32)
        try:
            write_atomic(home.web_cookie, f"{url}\n{secret}\n".encode())
        except OSError as e:
            raise Refusal("failed", f"Cannot write {home.web_cookie}: {e.strerror}", "Check the disk's space") from e
        logins = logins or Logins(clock.now)
        door = walls.loopback_door(host, listening.getsockname()[1], secret.encode(), logins)
        bucket = TokenBucket(WEB_RATE, WEB_BURST, _now())

        async def pace() -> None:
            await trio.sleep(bucket.charge(1, _now()) / 1000)

        task_status.started(url)
        cookie = door.cookie.decode()
        held = Held(_Faces(build_app(port, log), partial(_build_page, port, log, logins, cookie)), logins, cookie)
        logins.ended = held.end
        await serve_door(door, held, listening, who, log, pace)
    finally:
        listening.close()
        home.web_cookie.unlink(missing_ok=True)


@dataclass(frozen=True)
class Handed:
    """What the node goes on with after its set-up: the open socket, on which a browser waits, and its session."""

    listening: socket.socket
    logins: Logins


class Web:
    """The port while the node runs: at the start where one is set, and else when somebody asks for the page."""

    def __init__(self, port: NodePort, home: Home, log: FilteringBoundLogger, handed: Handed | None = None) -> None:
        self._port, self._home, self._log = port, home, log
        self._opening = trio.Lock()
        self._listening = handed.listening if handed else None
        self.logins = handed.logins if handed else Logins(clock.now)
        self.url: str | None = None
        self.lan = Lan(port, home, log, lambda narrow, devices, cookie: _build_page(narrow, log, devices, cookie))

    async def begin(self, nursery: trio.Nursery, address: str, lan: bool = False) -> None:
        """At the start of the node: listen where the settings say, or go on where its set-up listened."""
        if address or self._listening is not None:
            await self.open(nursery, address)
        await self.lan.begin(nursery, lan)

    async def open(self, nursery: trio.Nursery, address: str) -> None:
        """Listen on `address`, in the nursery, unless that is done already. `Refusal` as in `serve_web`."""
        async with self._opening:
            if self.url is None:
                taken, self._listening = self._listening, None
                given = (self._port, self._home, address, self._log, self.logins, taken)
                self.url = await nursery.start(serve_web, *given)

    async def login(self, nursery: trio.Nursery) -> dict[str, Any]:
        """A link that logs a browser of this machine in, once; opens the port if it is closed."""
        try:
            await self.open(nursery, f"127.0.0.1:{WEB_PORT}")
        except Refusal as e:
            if e.code != "conflict":
                raise
            await self.open(nursery, "127.0.0.1:0")
        token = secrets.token_hex(32)
        until = self.logins.invite(token)
        return {"url": self.url, "link": f"{self.url}/login/{token}", "valid_until": until}

    def listed(self) -> list[dict[str, Any]]:
        """Who may use the page: browsers of this machine, and devices that were paired; the newest first."""
        return sorted([*self.logins.listed(), *self.lan.devices.listed()], key=lambda row: -row["since"])

    def revoke(self, id_: str) -> bool:
        """End a session or a pairing, at once; whether there was one."""
        return self.logins.revoke(id_) | self.lan.devices.revoke(id_)


class _Faces:
    """Page and API at one port. The page is loaded when it is first asked for."""

    def __init__(self, api: ASGIApp, build_page: Callable[[], ASGIApp]) -> None:
        self._api = api
        self._build_page = build_page
        self._page: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or walls.is_of_api(scope["raw_path"]):
            return await self._api(scope, receive, send)
        if self._page is None:
            self._page = self._build_page()
        await self._page(scope, receive, send)


def _build_page(port: NodePort, log: FilteringBoundLogger, logins: Logins, cookie: str) -> ASGIApp:
    pages: Any = importlib.import_module("p2pnode.web.pages")  # Jinja comes with it
    page: ASGIApp = pages.build_page(port, log, logins, cookie)
    return page


def bind_loopback(address: str) -> socket.socket:
    """A listening socket on `127.0.0.1:PORT` or `[::1]:PORT`. `Refusal` for another address, or one that is taken."""
    match = ADDRESS.fullmatch(address)
    if match is None or not (int(match[2]) == 0 or 1024 <= int(match[2]) < 65536):
        raise Refusal(
            "failed",
            f"web: {address[:80]!r} is no address for it",
            "Only this machine may call: 127.0.0.1:PORT or [::1]:PORT, with a PORT from 1024, or 0 for any",
        )
    if not os.access(TABLES[0], os.R_OK):
        raise Refusal("failed", f"web: {TABLES[0]} cannot be read", "Leave web empty: who calls cannot be known")
    host, port = match[1].strip("[]"), int(match[2])
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listening.family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as e:
        listening.close()
        raise Refusal("conflict", f"web: cannot listen on {address}: {e.strerror}", "Choose another port") from e
    listening.setblocking(False)
    return listening


async def who(connection: socket.socket) -> str:
    """Why the process at the other end may not call; empty if it may."""
    try:
        here, there = connection.getsockname()[:2], connection.getpeername()[:2]
    except OSError:
        return "it hung up"
    uid = await trio.to_thread.run_sync(lambda: uid_of(_rows(), there, here))
    if uid is None:
        return "nobody knows whose connection this is"
    return "" if uid in (os.getuid(), 0) else f"the web port is not for user {uid}"


def uid_of(rows: Iterable[str], local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    """Whose the socket is that is connected from `local` to `remote`. rows: of /proc/net/tcp and tcp6. None if there is
    none: a socket that its process has closed already counts as nobody's, and is shown as user 0's.
    """
    ends = {(_shown(local, mapped), _shown(remote, mapped)) for mapped in (False, True)}
    for row in rows:
        match row.split():
            case [_, here, there, state, _, _, _, uid, _, inode, *_] if (here, there) in ends:
                return int(uid) if state == ESTABLISHED and inode != "0" else None
    return None


def _shown(end: tuple[str, int], mapped: bool) -> str:
    """An address as the kernel writes it: words of four bytes in the machine's own order. mapped: as an IPv6 socket
    has it that is connected by IPv4."""
    address = ipaddress.ip_address(end[0])
    packed = (bytes(10) + b"\xff\xff" if mapped and address.version == 4 else b"") + address.packed
    words = (packed[n : n + 4] for n in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{end[1]:04X}"


def _rows() -> Iterator[str]:
    for table in TABLES:
        try:
            with table.open() as rows:
                yield from rows
        except FileNotFoundError:
            continue


def _now() -> int:
    return int(trio.current_time() * 1000)
