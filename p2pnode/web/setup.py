"""The page where there is no node yet: asks what `p2pnode init` asks, shows the backup words, makes the identity.

Nothing is written before the words have been seen; until then all stands in the memory of this process. It has a few
pages of its own, behind the same link and walls as the node's page, and neither a daemon nor libp2p.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import structlog
import trio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from p2pnode import clock, gazetteer, walls
from p2pnode.bounds import MAX_FORM_FIELDS, SESSION_LIFE, WEB_PORT
from p2pnode.home.config import PROFILES
from p2pnode.home.folder import Home
from p2pnode.home.founding import AREA_PRECISION, NetworkPlan, check_set_up, set_up
from p2pnode.home.free_port import free_addresses
from p2pnode.home.keystore import Keys, new_keys
from p2pnode.serving import serve_door
from protocols.errors import Refusal

from . import static
from .filled import Filled
from .languages import LANGUAGES, N_, choose
from .logins import Logins
from .paths import own
from .port import Handed, bind_loopback, who
from .templating import catalog, reader, render, say

FIELDS = ("name", "area", "way", "network", "unit", "target")
ANSWER_WITHIN = 5.0  # seconds until the node starts, whether the last page has been fetched or not
FIRST = "/publish"  # where the node's page begins; the front page, where there is no such view


class Square(NamedTuple):
    """A cell on the map that one's own is chosen from, and the places in it, the largest first."""

    cell: str
    places: list[str]


@dataclass
class Plan:
    """What was asked for, checked; the cell and those around it; the identity that will be kept, with its words; and
    which two are asked back."""

    typed: Mapping[str, str]
    cell: str
    squares: list[list["Square"]]
    network: NetworkPlan | None
    target: str | None
    keys: Keys
    words: list[str]
    asked: tuple[int, ...]

    @property
    def names(self) -> list[tuple[str, str]]:
        """All places of the map by name, each with its cell."""
        return sorted((name, one.cell) for row in self.squares for one in row for name in one.places)

    @property
    def place(self) -> str:
        """What lies in the cell."""
        return ", ".join(name for row in self.squares for one in row if one.cell == self.cell for name in one.places)


class SetUp:
    """cookie: the name of the session's. made: set when there is a node; told: when the browser has been told."""

    def __init__(self, home: Home, logins: Logins, cookie: str) -> None:
        self.home, self.logins, self.cookie = home, logins, cookie
        self.plan: Plan | None = None
        self.made = trio.Event()
        self.told = trio.Event()

    # Pages

    async def begin(self, request: Request) -> Response:
        if self.plan is None:
            return self._page(request, "setup.html", Filled("setup"), code=200)
        return self._words(request, "")

    async def login(self, request: Request) -> Response:
        secret = secrets.token_hex(32)
        token, browser = request.path_params["token"], request.headers.get("user-agent", "")
        if self.logins.log_in(token, secret, browser) is None:
            return RedirectResponse("/", 303)
        response = RedirectResponse("/", 303)
        life = SESSION_LIFE // 1000
        response.set_cookie(self.cookie, secret, max_age=life, path="/", httponly=True, samesite="strict")
        return response

    async def static(self, request: Request) -> Response:
        path = static.listed().get(request.path_params["name"])
        return Response(path.read_bytes(), media_type=static.media_type(path)) if path else Response(status_code=404)

    async def do(self, request: Request) -> Response:
        try:
            body = (await request.body()).decode()
            fields = dict(parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS))
        except ValueError:
            return Response(status_code=400)
        match request.path_params["command"]:
            case "setup.begin":
                return await self._begun(request, {name: fields.get(name, "").strip() for name in FIELDS})
            case "setup.area":
                return await self._moved(fields.get("cell", ""))
            case "setup.back":
                self.plan = None
                return RedirectResponse("/", 303)
            case "setup.make":
                return await self._made(request, fields)
            case "page.language":
                return self._language(fields.get("language", ""))
        return Response(status_code=404)

    # Steps

    async def _begun(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Check what was typed as `init` would, and make an identity that nobody keeps yet."""
        listed = {name: [value] for name, value in typed.items()}
        try:
            if not typed["name"]:
                raise Refusal("usage", N_("A node needs a name"), N_("Your neighbours see it."))
            way = _way(typed)
            if way == "found" and not (typed["network"] and typed["unit"]):
                raise Refusal("usage", N_("A new network needs a name and a unit"), N_("Such as Elm Street, and hour."))
            if way == "join" and not typed["target"]:
                raise Refusal("usage", N_("Whom to join?"), N_("Paste the invite link, or the address of a node."))
            plan = NetworkPlan(typed["network"], typed["unit"]) if way == "found" else None
            target = typed["target"] if way == "join" else None
            place = typed["area"] and await trio.to_thread.run_sync(gazetteer.area_of, typed["area"], AREA_PRECISION)
            cell = check_set_up(self.home, place or None, plan, target, name=typed["name"])
        except Refusal as e:
            message, hint = (say(self.language(request), text) if text else "" for text in (e.message, e.hint))
            return self._page(request, "setup.html", Filled("setup", listed, "", message, hint), 422)
        keys, words = new_keys()
        asked = tuple(sorted(secrets.SystemRandom().sample(range(24), 2)))
        squares = await trio.to_thread.run_sync(_squares, cell)
        self.plan = Plan(typed, cell, squares, plan, target, keys, words.split(), asked)
        return RedirectResponse("/", 303)

    async def _moved(self, cell: str) -> Response:
        """Another square of the map; it is in the middle then."""
        if self.plan is not None and any(one.cell == cell for row in self.plan.squares for one in row):
            self.plan.cell, self.plan.squares = cell, await trio.to_thread.run_sync(_squares, cell)
        return RedirectResponse("/#area", 303)

    async def _made(self, request: Request, fields: Mapping[str, str]) -> Response:
        """Two of the words, or the user's word that he has written them down; then there is a node."""
        plan = self.plan
        if plan is None or self.made.is_set():
            return RedirectResponse("/", 303)
        if fields.get("of") != plan.keys.public.author.hex():
            return self._words(request, N_("These are other words than you were shown before. Write these down."))
        given = [fields.get(f"word{n}", "").strip().lower() for n in range(2)]
        if fields.get("written") != "yes" and given != [plan.words[n] for n in plan.asked]:
            return self._words(request, N_("These are not the two words. Look at your paper."))
        listen = free_addresses(PROFILES["home"]["listen"])
        make = partial(set_up, self.home, plan.typed["name"], plan.cell or None, plan.network, plan.target, listen,
                       made=(plan.keys, " ".join(plan.words)))  # fmt: skip
        try:
            await trio.to_thread.run_sync(make)
        except Refusal as e:
            return self._words(request, e.message)
        self.made.set()
        response = self._page(request, "setup_done.html", Filled("setup"), code=200, first=first_page().lstrip("/"))
        response.headers["refresh"] = f"0; url={first_page()}"  # this page stays in sight until the node answers
        response.background = BackgroundTask(self._told)
        return response

    async def _told(self) -> None:
        self.told.set()

    def _words(self, request: Request, problem: str) -> Response:
        assert self.plan is not None
        filled = Filled("words", {} if problem else None, "", say(self.language(request), problem))
        return self._page(request, "setup_words.html", filled, 422 if problem else 200, plan=self.plan)

    # What they share

    def language(self, request: Request) -> str:
        chosen = request.cookies.get(f"{self.cookie}-language", "")
        return choose(chosen, request.headers.get("accept-language", ""))

    def _language(self, language: str) -> Response:
        response = RedirectResponse("/", 303)
        if language in LANGUAGES:
            life = 52 * SESSION_LIFE // 1000
            name = f"{self.cookie}-language"
            response.set_cookie(name, language, max_age=life, path="/", httponly=True, samesite="strict")
        return response

    def _page(self, request: Request, template: str, filled: Filled, code: int, **more: Any) -> Response:
        language = self.language(request)
        context = {
            "r": reader(language, clock.now(), None, []), "title": catalog(language).gettext(N_("A new node")),
            "view": None, "here": own(request.scope["path"]), "nav": [], "status": {}, "flashes": [],
            "form_state": lambda key: filled, "new_id": lambda: secrets.token_hex(16),
        }  # fmt: skip
        return HTMLResponse(render(template, language, {**context, **more}), code)


def _squares(cell: str) -> list[list[Square]]:
    """The map around a cell; none around one that is larger, or nowhere."""
    if len(cell) != gazetteer.CELL:
        return []
    rows = gazetteer.squares(cell)
    found = gazetteer.within({one for row in rows for one in row})
    return [[Square(one, found.get(one, [])) for one in row] for row in rows]


def _way(typed: Mapping[str, str]) -> str:
    """`found`, `join` or `later`. Whoever names no network and gives a link means the link, though a new network stands
    first in the choice."""
    found = typed["way"] == "found" and not typed["network"] and typed["target"]
    return "join" if found else typed["way"]


def first_page() -> str:
    """Where the node's page begins for a new user."""
    from .views import VIEWS

    return FIRST if any(view.path == FIRST for view in VIEWS) else "/"


def build_set_up(set_up_: SetUp) -> Starlette:
    """The ASGI application of the page of a home without a node."""
    return Starlette(
        routes=[
            Route("/", set_up_.begin, methods=["GET"]),
            Route("/login/{token}", set_up_.login, methods=["GET"]),
            Route("/static/{name:path}", set_up_.static, methods=["GET"]),
            Route("/do/{command}", set_up_.do, methods=["POST"]),
        ]
    )


async def serve_set_up(home: Home, say: Callable[[str, str, int], None]) -> Handed:
    """Serve the page on loopback until there is a node in `home`; what the node goes on with. say: is called with the
    URL, a link that logs in once, and until when it is good (ms). `Refusal` if there is no port to be had."""
    try:
        listening = bind_loopback(f"127.0.0.1:{WEB_PORT}")
    except Refusal as e:
        if e.code != "conflict":
            raise
        listening = bind_loopback("127.0.0.1:0")
    port = listening.getsockname()[1]
    logins = Logins(clock.now)
    door = walls.loopback_door("127.0.0.1", port, secrets.token_hex(32).encode(), logins)
    made = SetUp(home, logins, door.cookie.decode())
    token = secrets.token_hex(32)
    until = logins.invite(token)
    url = f"http://127.0.0.1:{port}"
    kept = listening.dup()  # the door closes its own

    async def pace() -> None:
        """Take no caller once there is a node: whoever comes then waits for it."""
        await trio.lowlevel.wait_readable(kept.fileno())
        if made.made.is_set():
            await trio.sleep_forever()

    log = structlog.wrap_logger(structlog.ReturnLogger())
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_door, door, build_set_up(made), listening, who, log, pace)
            say(url, f"{url}/login/{token}", until)
            await made.made.wait()
            with trio.move_on_after(ANSWER_WITHIN):
                await made.told.wait()
                await trio.sleep(0.2)  # the last answer leaves
            nursery.cancel_scope.cancel()
    except BaseException:
        kept.close()
        raise
    return Handed(kept, logins)


def run_set_up(home: Home, say: Callable[[str, str, int], None]) -> Handed:
    """`serve_set_up` in a loop of its own, which is over when the node's begins."""
    return trio.run(serve_set_up, home, say)
