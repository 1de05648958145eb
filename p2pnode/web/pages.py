"""The page as an ASGI application: views, forms, logging in, errors. Who may call is decided before (p2pnode.walls).

GET  /login/TOKEN    a link of `p2pnode web`: a session comes of it
GET  …               the views (p2pnode.web.views)
POST /do/COMMAND     a form, for a command of the table (p2pnode.web.doing)
GET  /static/…       the page's own files
GET  /photo/….jpg    photos of listings, by their hash, as far as they are here
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from urllib.parse import parse_qsl

import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from structlog.typing import FilteringBoundLogger

from p2pnode import clock
from p2pnode.api import NodePort
from p2pnode.bounds import MAX_CALLS, MAX_FORM_FIELDS, PAGE_TIMEOUT, SESSION_LIFE
from p2pnode.commands import COMMANDS, parse_args
from p2pnode.openapi import STATUS
from protocols.errors import Refusal, Reject

from . import static
from .filled import Filled
from .forms import ALSO
from .languages import N_, choose
from .logins import Logins, Session
from .paths import own
from .picturing import picture
from .templating import catalog, reader, render, say
from .view import File, View, Visit
from .views import VIEWS, navigation

READ_BY_PAGE = ALSO | {"backup", "web.login", "web.pair", "web.lan"}  # do not count as writing; no views' business


@dataclass(frozen=True)
class Sent:
    """A form that was sent, to be shown again: refused, to be changed, or to be looked at before it does something.
    key: which of the page's forms it is; looked: the arguments that it came to, in the last of these cases."""

    key: str
    typed: Mapping[str, list[str]]
    field: str
    message: str
    hint: str
    looked: Mapping[str, Any] | None = None

    def filled(self) -> Filled:
        return Filled(self.key, self.typed, self.field, self.message, self.hint)


class Over(Refusal):
    """Who asks was logged out meanwhile."""


class Pages:
    """cookie: the name of the session's. zone: of the node; None is this machine's."""

    def __init__(
        self,
        port: NodePort,
        log: FilteringBoundLogger,
        logins: Logins,
        cookie: str,
        now: Callable[[], int] = clock.now,
        zone: tzinfo | None = None,
    ) -> None:
        self.port, self.log, self.logins, self.cookie = port, log, logins, cookie
        self.now, self.zone = now, zone
        self.limiter = trio.CapacityLimiter(MAX_CALLS)
        self.files = static.listed()
        self._owner = Session("owner", 0, 0, 0)  # who shows the secret of the start instead of a session's

    # Requests

    async def view(self, request: Request, view: View) -> Response:
        query = parse_qsl(request.url.query, keep_blank_values=False, max_num_fields=MAX_FORM_FIELDS)
        return await self.show(request, view, dict(request.path_params), dict(query))

    async def login(self, request: Request) -> Response:
        secret = secrets.token_hex(32)
        if self.logins.log_in(request.path_params["token"], secret, request.headers.get("user-agent", "")) is None:
            return await self.problem(request, Refusal("refused", N_("This link has been used, or is too old")))
        response = RedirectResponse("/", 303)
        life = SESSION_LIFE // 1000
        response.set_cookie(self.cookie, secret, max_age=life, path="/", httponly=True, samesite="strict")
        return response

    async def static(self, request: Request) -> Response:
        path = self.files.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        return Response(path.read_bytes(), media_type=static.media_type(path))

    async def photo(self, request: Request) -> Response:
        try:
            found = picture(await self.ask("photo.get", photo=request.path_params["photo"]))
        except (Refusal, Reject) as e:
            raise HTTPException(404) from e
        return Response(found.data, media_type=found.media)

    # What they share

    def session(self, request: Request) -> Session:
        secret = request.cookies.get(self.cookie, "")
        return self.logins.session(secret.encode()) or self._owner

    def lasting(self, request: Request) -> Session:
        """The session of who is about to do something. `Over` if it was ended since the request was let in: a body may
        be long on its way, and so may a photo."""
        session = self.session(request)
        if session is self._owner and self.cookie in request.cookies:
            raise Over("refused", N_("This session has ended: nothing was done"))
        return session

    def language(self, request: Request) -> str:
        chosen = request.cookies.get(f"{self.cookie}-language", "")
        return choose(chosen, request.headers.get("accept-language", ""))

    async def call(self, name: str, args: Any, request_id: str | None = None) -> Any:
        """A command of the node. `Refusal` for whatever comes of it but an answer."""
        try:
            with trio.fail_after(PAGE_TIMEOUT):
                async with self.limiter:
                    return await self.port.call(name, args, request_id)
        except trio.TooSlowError:
            raise Refusal("no_daemon", N_("The node is busy"), N_("Try again in a moment.")) from None
        except Reject as e:
            raise Refusal("usage", e.message) from e
        except Refusal:
            raise
        except Exception as e:
            number = secrets.token_hex(4)
            self.log.exception("command failed", command=name, failure=number)
            what = f"Something went wrong inside the node (failure {number})"
            raise Refusal(
                "failed", what, f"If it stays, report it with the lines of node.log that name {number}"
            ) from e

    async def ask(self, name: str, /, **args: Any) -> Any:
        """For views: what a command answers that only reads."""
        if COMMANDS[name].writes or name in READ_BY_PAGE:
            raise ValueError(f"a view must not call {name}")
        given = {key: value for key, value in args.items() if value is not None}
        try:
            parsed = parse_args(name, given)
        except ValueError as e:  # of an URL that somebody typed
            raise Refusal("usage", str(e).split(" - at")[0]) from e
        return await self.call(name, parsed)

    async def show(
        self,
        request: Request,
        view: View,
        params: Mapping[str, str],
        query: Mapping[str, str],
        sent: Sent | None = None,
        here: str | None = None,
    ) -> Response:
        """A view; with a form that was refused, 422."""
        heard = self.port.heard()  # before anything is asked: what comes while it is put together is told again
        try:
            status = await self.ask("status")
            read = self.reader(request, status)
            looked = sent.looked if sent else None
            visit = Visit(params, query, self.ask, read, status, looked, self.session(request))
            context = await view.show(visit)
        except Refusal as e:
            if sent and sent.looked is not None:
                raise  # the form is shown again, and why
            return await self.problem(request, e)
        if isinstance(context, File):
            saved = {"content-disposition": f'attachment; filename="{context.name}"'} if context.name else {}
            return Response(context.data, headers=saved, media_type=context.media)
        base = self.context(request, view, status, sent, here)
        return HTMLResponse(
            render(f"{view.name}.html", self.language(request), {**base, "heard": heard, **context}),
            422 if sent and sent.message else 200,
        )

    def context(
        self, request: Request, view: View | None, status: Mapping[str, Any], sent: Sent | None, here: str | None
    ) -> dict[str, Any]:
        """What every template can use; a view's own context goes above it."""
        fragment = request.headers.get("hx-request") == "true"
        raw = request.scope.get("raw_path") or request.scope["path"].encode()
        query = request.scope.get("query_string") or b""
        where = here or own((raw + (b"?" + query if query else b"")).decode("latin1"))
        return {
            "r": self.reader(request, status),
            "title": catalog(self.language(request)).gettext(view.title) if view else "",
            "view": view,
            "here": where,
            "nav": navigation(),
            "status": status,
            "flashes": [] if fragment else self.session(request).take_flashes(),
            "form_state": lambda key: sent.filled() if sent and sent.key == key else Filled(key),
            "new_id": lambda: secrets.token_hex(16),
        }

    def reader(self, request: Request, status: Mapping[str, Any]) -> Any:
        networks = status.get("networks") or [n for n in [status.get("network")] if n]
        return reader(self.language(request), self.now(), self.zone, [*networks, *status.get("left", ())])

    async def problem(self, request: Request, refusal: Refusal, code: int = 0) -> Response:
        """The error page; knows nothing of the node, which may be what is wrong."""
        language = self.language(request)
        context = self.context(request, None, {}, None, None)
        context.update(
            code=code or STATUS.get(refusal.code, 500),
            kind=refusal.code,
            message=say(language, refusal.message),
            hint=say(language, refusal.hint) if refusal.hint else "",
        )
        return HTMLResponse(render("error.html", language, context), context["code"])

    async def http_error(self, request: Request, error: Exception) -> Response:
        code = error.status_code if isinstance(error, HTTPException) else 500
        words = {404: N_("There is nothing here"), 405: N_("That cannot be done here")}
        return await self.problem(request, Refusal("not_found", words.get(code, N_("Something went wrong"))), code)


def build_page(
    port: NodePort,
    log: FilteringBoundLogger,
    logins: Logins,
    cookie: str,
    now: Callable[[], int] = clock.now,
    zone: tzinfo | None = None,
) -> Starlette:
    """The ASGI application of the page over a node."""
    from .doing import Doing  # it shows pages, too

    pages = Pages(port, log, logins, cookie, now, zone)
    doing = Doing(pages)

    def route(view: View) -> Route:
        async def show(request: Request) -> Response:
            try:
                return await pages.view(request, view)
            except ClientDisconnect:
                return Response()

        return Route(view.path, show, methods=["GET"], name=view.name)

    app = Starlette(
        routes=[
            Route("/login/{token}", pages.login, methods=["GET"]),
            Route("/static/{name:path}", pages.static, methods=["GET"]),
            Route("/photo/{photo}.jpg", pages.photo, methods=["GET"]),
            Route("/do/{command}", doing.do, methods=["POST"]),
            *(route(view) for view in VIEWS),
        ],
        exception_handlers={HTTPException: pages.http_error},
    )
    app.router.redirect_slashes = False
    return app
