"""Requests that are being answered, by session: what goes on for long, such as events, ends with the session."""

from collections.abc import Callable

import trio
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from p2pnode import walls

from .logins import Logins, Session

_LOGGING_IN = ("/login/", "/pair/")  # who has a cookie of before may do so


class Held:
    """logins: whose sessions these are. cookie: in which they show their secret. saw: is told which session asks for
    something, and from which address."""

    def __init__(
        self, app: ASGIApp, logins: Logins, cookie: str, saw: Callable[[Session, str], None] = lambda *_: None
    ) -> None:
        self._app, self._logins, self._cookie, self._saw = app, logins, cookie.encode(), saw
        self._scopes: dict[str, set[trio.CancelScope]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        secret = self._secret(scope) if scope["type"] == "http" else b""
        session = self._logins.session(secret)
        if session is None:
            if secret and not scope["path"].startswith(_LOGGING_IN):  # ended since the walls let it in
                await Response(status_code=403)(scope, receive, send)
                return
            await self._app(scope, receive, send)  # a lifespan, a program, or the login itself
            return
        client = scope.get("client")
        self._saw(session, client[0] if client else "")
        if scope["method"] != "GET":  # a form is soon over; it may be the one that ends the session
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

    def _secret(self, scope: Scope) -> bytes:
        """What stands in the session's cookie."""
        field = next((value for name, value in scope["headers"] if name == b"cookie"), b"")
        return next((value for name, value in walls.cookies(field) if name == self._cookie), b"")
