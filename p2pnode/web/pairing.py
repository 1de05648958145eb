"""The form that pairs a device of the local network. Only who has a code gets here (p2pnode.walls).

GET  /pair/CODE            what it is about, and what the device is to be called; the code stays good
POST /pair/CODE            the code is used up: a session comes of it
GET  /pair/CODE/page.css   its looks, as /pair/CODE/icon.svg
"""

import secrets
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from p2pnode.api import NodePort
from p2pnode.bounds import DEVICE_LIFE, MAX_DEVICE_NAME, MAX_FORM_FIELDS
from p2pnode.commands import NoArgs
from protocols.errors import Refusal

from . import static
from .devices import Devices, guessed
from .languages import choose
from .templating import catalog, render


class Pairing:
    """The form, as an ASGI application. cookie: the name of the session's."""

    def __init__(self, port: NodePort, devices: Devices, cookie: str) -> None:
        self._port, self._devices, self._cookie = port, devices, cookie
        self._app = Starlette(
            routes=[
                Route("/pair/{code}", self._ask, methods=["GET"]),
                Route("/pair/{code}", self._pair, methods=["POST"]),
                Route("/pair/{code}/{file}", self._looks, methods=["GET"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _ask(self, request: Request) -> Response:
        language = choose("", request.headers.get("accept-language", ""))
        words = catalog(language).gettext
        name = guessed(request.headers.get("user-agent", ""), words)
        try:
            who = (await self._port.call("status", NoArgs(), None)).get("name", "")
        except Refusal:
            who = ""
        context = {"code": request.path_params["code"], "name": name, "who": who, "max": MAX_DEVICE_NAME}
        return HTMLResponse(render("pair.html", language, context))

    async def _pair(self, request: Request) -> Response:
        try:
            fields = parse_qs((await request.body()).decode(), max_num_fields=MAX_FORM_FIELDS)
        except ValueError:
            return Response(status_code=400)
        secret = secrets.token_hex(32)
        name, browser = fields.get("name", [""])[0], request.headers.get("user-agent", "")
        address = request.client.host if request.client else ""
        if self._devices.pair(request.path_params["code"], secret, name, browser, address) is None:
            return RedirectResponse("/", 303)  # somebody was faster: there the walls say so
        response = RedirectResponse("/", 303)
        life = DEVICE_LIFE // 1000
        response.set_cookie(self._cookie, secret, max_age=life, path="/", secure=True, httponly=True, samesite="strict")
        return response

    async def _looks(self, request: Request) -> Response:
        path = static.listed()[request.path_params["file"]]  # one of two: the walls know
        return Response(path.read_bytes(), media_type=static.media_type(path))
