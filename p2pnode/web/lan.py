"""The page on the local network: by TLS, on private addresses only, for devices that were paired. Off until somebody
asks for it, or the setting `web_lan` says so.

Each address of the machine gets a door of its own, and a machine's addresses come and go; so they are looked at again
and again while this is open.
"""

import importlib
import secrets
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
import trio
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from p2pnode import clock, walls
from p2pnode.api import NodePort, build_app
from p2pnode.bounds import LAN_BURST, LAN_RATE, LOOK_AT_ADDRESSES, WEB_LAN_PORT, WEB_LAN_PORTS
from p2pnode.home.files import write_atomic
from p2pnode.home.folder import Home
from p2pnode.net.guard import TokenBucket
from p2pnode.serving import serve_door
from p2pnode.uploads import Uploads
from protocols.errors import Refusal

from . import near_addresses
from .devices import Devices, Kept, load
from .held import Held
from .near_addresses import in_url
from .paired import Narrow

BACKLOG = 64
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"  # of a code; 20 of them are 100 bits
CODE_LENGTH = 20

BuildPage = Callable[[NodePort, Any, str], ASGIApp]


class Lan:
    """build_page: the page for a node's port, the sessions and the name of their cookie."""

    def __init__(self, port: NodePort, home: Home, log: FilteringBoundLogger, build_page: BuildPage) -> None:
        self._port, self._home, self._log = Narrow(port), home, log
        self._build_page = build_page
        self.devices = Devices(clock.now, self._kept(), self._save)
        self._uploads = Uploads()
        self._opening = trio.Lock()
        self._scope: trio.CancelScope | None = None
        self._over = trio.Event()  # of the last time that it was open
        self._over.set()
        self._context: ssl.SSLContext | None = None
        self._held: list[Held] = []
        self._doors: dict[str, trio.CancelScope] = {}
        self._number = 0  # of the port
        self.urls: tuple[str, ...] = ()
        self.fingerprint = ""
        self.problem = ""  # why it is not open although it should be
        self.devices.ended = self._ended

    # What is asked for

    async def begin(self, nursery: trio.Nursery, on: bool) -> None:
        """At the start of the node: open if the setting says so. What is in the way is said by `status`."""
        if on:
            try:
                await self.open(nursery)
            except Refusal as e:
                self.problem = e.message
                self._log.warning("the page is not open to the local network", problem=e.message)

    async def open(self, nursery: trio.Nursery) -> None:
        """Listen in the nursery, unless that is done already. `Refusal` if there is no address of a local network yet
        (it goes on looking for one), no free port, or no place for the certificate."""
        async with self._opening:
            if self._scope is None:
                await self._over.wait()
                self._number = self._number or _free_port(near_addresses.own_addresses())
                self._scope = await nursery.start(self._watch)
                self._log.info("the page is open to the local network", urls=self.urls)
        if not self.urls:
            raise Refusal(
                "failed",
                self.problem or "This machine has no address of a local network",
                "Connect it to the router, by cable or Wi-Fi: public addresses are never listened on",
            )

    def close(self) -> bool:
        """Listen no more, and end what goes on. Whether it was open. The pairings stay."""
        if self._scope is None:
            return False
        self._scope.cancel()
        self._scope, self.urls, self.problem, self._doors = None, (), "", {}
        self._log.info("the page is closed to the local network")
        return True

    async def turn(self, nursery: trio.Nursery, on: bool | None) -> dict[str, Any]:
        """Open or close it, or leave it; how it is then. `Refusal` as `open`."""
        if on:
            await self.open(nursery)
        elif on is not None:
            self.close()
        return self.json()

    async def pair(self, nursery: trio.Nursery) -> dict[str, Any]:
        """A link that pairs a device, once; opens what is closed. `Refusal` as `open`."""
        await self.open(nursery)
        code = "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))
        until = self.devices.invite(code)
        return {**self.json(), "link": f"{self.urls[0]}/pair/{code}", "valid_until": until}

    def json(self) -> dict[str, Any]:
        """How it is."""
        return {
            "open": self._scope is not None,
            "urls": list(self.urls),
            "fingerprint": self.fingerprint if self.urls else "",
            "devices": len(self.devices.sessions()),
            "problem": self.problem,
        }

    # The doors

    async def _watch(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        self._over, told = trio.Event(), False
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    try:
                        await self._look(nursery)
                    except OSError as e:
                        self.problem = f"the certificate cannot be written: {e.strerror}"
                    if not told:
                        told = True
                        task_status.started(nursery.cancel_scope)
                    await trio.sleep(LOOK_AT_ADDRESSES)
        finally:
            self._over.set()

    async def _look(self, nursery: trio.Nursery) -> None:
        """Have a door at each address of the local network that there is now, and at no other."""
        addresses, name = near_addresses.own_addresses(), near_addresses.own_name()
        for gone in self._doors.keys() - set(addresses):
            self._doors.pop(gone).cancel()
        if addresses:
            await self._certify([*addresses, *([name] if name else [])])
        for address in addresses:
            if address in self._doors:
                continue
            try:
                listening = _bound(address, self._number)
            except OSError as e:
                self.problem = f"cannot listen on {address}, port {self._number}: {e.strerror}"
                continue
            self._doors[address] = await nursery.start(self._serve, address, name, listening)
        if self._doors:
            self.problem = ""
        elif not addresses:
            self.problem = "this machine has no address of a local network"
        self.urls = tuple(
            f"https://{in_url(address)}:{self._number}" for address in addresses if address in self._doors
        )

    async def _certify(self, names: Sequence[str]) -> None:
        """Have a certificate for these names that lasts a while; those who connect from now on are shown it."""
        from . import certificate  # cryptography comes with it

        file = self._home.web_lan
        found = await trio.to_thread.run_sync(certificate.have_certificate, file, names, clock.now())
        if found.fingerprint != self.fingerprint or self._context is None:
            self._context = self._context or certificate.server_context()
            self._context.load_cert_chain(file)
            self.fingerprint = found.fingerprint

    async def _serve(
        self, address: str, name: str, listening: socket.socket, *, task_status: Any = trio.TASK_STATUS_IGNORED
    ) -> None:
        names = [in_url(address), *([name] if name else [])]
        door = walls.lan_door(names, self._number, self.devices)
        cookie = door.cookie.decode()
        faces = _Faces(self._port, self._log, self.devices, cookie, self._build_page)
        held = Held(faces, self.devices, cookie, self.devices.saw)
        bucket = TokenBucket(LAN_RATE, LAN_BURST, _now())

        async def pace() -> None:
            await trio.sleep(bucket.charge(1, _now()) / 1000)

        self._held.append(held)
        try:
            with trio.CancelScope() as scope:
                task_status.started(scope)
                await serve_door(door, held, listening, _who, self._log, pace, self._context, self._uploads)
        finally:
            self._held.remove(held)
            if self._doors.get(address) is scope:
                del self._doors[address]
            listening.close()

    # The pairings

    def _ended(self, id_: str) -> None:
        for held in self._held:
            held.end(id_)

    def _kept(self) -> list[Kept]:
        try:
            return load(self._home.web_devices.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValueError, msgspec.MsgspecError) as e:
            self._log.warning("no device is paired any more: their list cannot be read", problem=str(e))
            return []

    def _save(self) -> None:
        try:
            write_atomic(self._home.web_devices, msgspec.json.encode(self.devices.dump()))
        except OSError as e:
            self._log.warning("the list of paired devices cannot be written", problem=e.strerror)


class _Faces:
    """Form of the pairing, events and page at one port. The page is loaded when it is first asked for."""

    def __init__(
        self,
        port: NodePort,
        log: FilteringBoundLogger,
        devices: Devices,
        cookie: str,
        build_page: BuildPage,
    ) -> None:
        self._api = build_app(port, log)
        self._page: ASGIApp | None = None
        self._pairing: ASGIApp | None = None
        self._build_page = partial(build_page, port, devices, cookie)
        self._build_pairing = partial(_build_pairing, port, devices, cookie)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or walls.is_of_api(scope["raw_path"]):
            return await self._api(scope, receive, send)
        if scope["path"].startswith("/pair/"):
            if self._pairing is None:
                self._pairing = self._build_pairing()
            return await self._pairing(scope, receive, send)
        if self._page is None:
            self._page = self._build_page()
        await self._page(scope, receive, send)


def _build_pairing(port: NodePort, devices: Devices, cookie: str) -> ASGIApp:
    pairing: Any = importlib.import_module("p2pnode.web.pairing")  # Jinja comes with it
    built: ASGIApp = pairing.Pairing(port, devices, cookie)
    return built


async def _who(connection: socket.socket) -> str:
    """Why the other end may not call: it is none of the local network."""
    try:
        address = connection.getpeername()[0]
    except OSError:
        return "it hung up"
    return "" if near_addresses.is_near(address) else f"{address} is no address of the local network"


def _free_port(addresses: Sequence[str]) -> int:
    """The first of our ports that is free at all these addresses. `Refusal` if none is."""
    for number in range(WEB_LAN_PORT, WEB_LAN_PORT + WEB_LAN_PORTS):
        try:
            for address in addresses:
                _bound(address, number).close()
        except OSError:
            continue
        return number
    last = WEB_LAN_PORT + WEB_LAN_PORTS - 1
    raise Refusal("conflict", f"the ports {WEB_LAN_PORT} to {last} are taken", "End one of the programs that have them")


def _bound(address: str, number: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listening.family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, number))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def _now() -> int:
    return int(trio.current_time() * 1000)
