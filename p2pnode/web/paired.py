"""What a paired device may do, and that all of it ends with its pairing."""

from collections.abc import AsyncIterator
from typing import Any

import trio
from starlette.types import ASGIApp, Receive, Scope, Send

from p2pnode import walls
from p2pnode.api import NodePort
from p2pnode.commands import Args
from p2pnode.settings_arguments import SetSetting
from protocols.errors import Refusal

from .devices import Devices
from .languages import N_
from .logins import Session

# What changes who may use the page, gives away what nobody but the owner of the machine should have, or would go on
# telling somebody what happens after the pairing has ended.
WITHHELD = frozenset({"backup", "web.login", "web.lan", "web.pair", "web.revoke", "notify.add"})
WITHHELD_SETTINGS = frozenset({"web", "web_lan", "lan"})


class Narrow:
    """The node, for a paired device: all but what is withheld."""

    def __init__(self, port: NodePort) -> None:
        self._port = port

    async def call(self, name: str, args: Args, request_id: str | None) -> Any:
        if name in WITHHELD or (isinstance(args, SetSetting) and args.name in WITHHELD_SETTINGS):
            raise Refusal(
                "refused",
                N_("A paired device cannot do that"),
                N_("Do it on the machine on which the node runs, or in a browser there."),
            )
        return await self._port.call(name, args, request_id)

    def subscribe(self, after: str | None = None) -> AsyncIterator[dict[str, Any]]:
        return self._port.subscribe(after)

    def heard(self) -> str:
        return self._port.heard()

    async def metrics(self) -> tuple[bytes, str]:
        return await self._port.metrics()


class Held:
    """Requests of paired devices that are being answered; what goes on for long, such as events, ends with the
    pairing."""

    def __init__(self, app: ASGIApp, devices: Devices, cookie: str) -> None:
        self._app, self._devices, self._cookie = app, devices, cookie.encode()
        self._scopes: dict[str, set[trio.CancelScope]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = self._session(scope) if scope["type"] == "http" else None
        if session is None:  # a lifespan; or the pairing itself, which the walls have let in
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        self._devices.saw(session, client[0] if client else "")
        if scope["method"] != "GET":  # a form is soon over; it may be the one that ends the pairing
            await self._app(scope, receive, send)
            return
        held = self._scopes.setdefault(session.id, set())
        with trio.CancelScope() as one:
            held.add(one)
            try:
                await self._app(scope, receive, send)
            finally:
                held.discard(one)
                if not held:
                    self._scopes.pop(session.id, None)

    def end(self, id_: str) -> None:
        """Of this session nothing goes on."""
        for scope in list(self._scopes.get(id_, ())):
            scope.cancel()

    def _session(self, scope: Scope) -> Session | None:
        field = next((value for name, value in scope["headers"] if name == b"cookie"), b"")
        secret = next((value for name, value in walls.cookies(field) if name == self._cookie), b"")
        return self._devices.session(secret)
