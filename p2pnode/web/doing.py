"""POST /do/COMMAND: a form becomes the arguments of a command (p2pnode.web.forms), and an answer another page.

Fields of the form itself: `request_id`, made when it was shown, so that a double click does a thing once; `form`, which
form of which page it is, to show it again with what is wrong; `back`, where to go then, with `{exchange_id}` filled
from the answer; `sure`, from the page that asks before what cannot be undone; `look`: `first` shows what it comes to
and does nothing yet, `again` shows the form again, to be changed. `back` and `form` lead to our own paths.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from p2pnode.api import REQUEST_ID
from p2pnode.bounds import MAX_FORM_FIELDS, SESSION_LIFE
from p2pnode.commands import COMMANDS, Args
from protocols.errors import Refusal

from . import words
from .forms import ABOUT_THE_FORM, ALSO, as_typed, decode
from .languages import LANGUAGES, N_
from .multipart import File, parse_multipart
from .paths import own
from .picturing import written
from .saying import said
from .templating import render, say
from .times import moment_in
from .views import VIEWS

if TYPE_CHECKING:
    from .pages import Pages

_ID = re.compile(r"[0-9a-f]{8,128}")


class Doing:
    def __init__(self, pages: "Pages") -> None:
        self.pages = pages

    async def do(self, request: Request) -> Response:
        from .pages import Over

        try:
            return await self._do(request)
        except Over as e:
            return await self.pages.problem(request, e)

    async def _do(self, request: Request) -> Response:
        name = request.path_params["command"]
        try:
            fields, files = await self._read(request)
        except (ValueError, Refusal) as e:
            return await self.pages.problem(request, Refusal("usage", N_("The form cannot be read"), str(e)))
        self.pages.lasting(request)
        about = {key: value for key, value in fields if key in ABOUT_THE_FORM}
        if name == "page.language":
            return self._language(request, dict(fields).get("language", ""), own(about.get("back", "")))
        if name == "page.logout":
            self.pages.logins.revoke(self.pages.session(request).id)
            return RedirectResponse("/", 303)
        if name not in COMMANDS or not (COMMANDS[name].writes or name in ALSO):
            return await self.pages.problem(request, Refusal("not_found", N_("The page has no such command")))
        if not REQUEST_ID.fullmatch(about.get("request_id", "")):
            return await self.pages.problem(request, Refusal("usage", N_("The form has no request_id")))
        if name in words.SURE and about.get("sure") != "yes":
            return await self._ask_first(request, name, fields, about)
        if about.get("look") == "again":
            return await self._again(request, fields, about)
        with ExitStack() as stack:
            try:
                await written(stack, files, self.pages.call, fields)
                args = decode(name, fields, moment_in(self.pages.zone))
                if self.pages.lasting(request).kind == "device":
                    _only_brought(args)
                if about.get("look") == "first":
                    return await self._again(request, fields, about, looked=_said(args))
                answer = await self.pages.call(name, args, about["request_id"])
            except Refusal as e:
                return await self._again(request, fields, about, e)
        if name in words.KEPT:
            self.pages.session(request).kept[name] = answer
        for kind, text in said(self.pages.language(request), name, answer):
            self.pages.session(request).tell(kind, text)
        return RedirectResponse(filled_in(own(about.get("back", "")), answer), 303)

    async def _read(self, request: Request) -> tuple[list[tuple[str, str]], list[File]]:
        """Fields and files; a browser sends each new line as `\\r\\n`. `ValueError` for what is no form. Its length is
        bounded by the walls."""
        body = await request.body()
        kind, _, boundary = request.headers.get("content-type", "").partition(";")
        if kind == "multipart/form-data":
            fields, files = parse_multipart(body, boundary.strip().removeprefix("boundary="))
            return [(name, value.replace("\r\n", "\n")) for name, value in fields], files
        query = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=MAX_FORM_FIELDS,
            errors="strict",
        )  # fmt: skip
        return [(name, value.replace("\r\n", "\n")) for name, value in query], []

    def _language(self, request: Request, language: str, back: str) -> Response:
        response = RedirectResponse(back, 303)
        cookie = f"{self.pages.cookie}-language"
        if language in LANGUAGES:
            life = 52 * SESSION_LIFE // 1000
            response.set_cookie(cookie, language, max_age=life, path="/", httponly=True, samesite="strict")
        else:
            response.delete_cookie(cookie, path="/")
        return response

    async def _ask_first(
        self, request: Request, name: str, fields: Sequence[tuple[str, str]], about: Mapping[str, str]
    ) -> Response:
        """The page between a button and what cannot be undone."""
        context = self.pages.context(request, None, {}, None, own(about.get("back", "")))
        context.update(
            command=name,
            question=words.SURE[name],
            fields=[(key, value) for key, value in fields if key != "sure"],
            back=_form_of(about)[1],
        )
        return HTMLResponse(render("sure.html", self.pages.language(request), context))

    async def _again(
        self,
        request: Request,
        fields: Sequence[tuple[str, str]],
        about: Mapping[str, str],
        refusal: Refusal | None = None,
        looked: Mapping[str, Any] | None = None,
    ) -> Response:
        """The page with the form on it, filled with what was typed, and what is wrong with it or comes of it."""
        from .pages import Over, Sent

        if isinstance(refusal, Over):
            raise refusal
        self.pages.lasting(request)
        key, here = _form_of(about)
        path, _, query = here.partition("?")
        language = self.pages.language(request)
        field = refusal.field if refusal else ""
        message, hint = (
            say(language, t) if t else "" for t in ((refusal.message, refusal.hint) if refusal else ("", ""))
        )
        sent = Sent(key, as_typed(fields), field, message, hint, looked)
        for view in VIEWS:
            params = view.match(path)
            if params is not None:
                return await self.pages.show(request, view, params, dict(parse_qsl(query)), sent, here)
        return await self.pages.problem(request, refusal or Refusal("not_found", N_("There is nothing here")), 422)


def filled_in(path: str, answer: Any) -> str:
    """A path with ids from what a command answered in it; `/` where one is missing."""
    for name in re.findall(r"\{([^}]*)\}", path):
        value = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(value, str) or not _ID.fullmatch(value):
            return "/"
        path = path.replace(f"{{{name}}}", value)
    return path if "{" not in path and "}" not in path else "/"


def _said(args: Args) -> dict[str, Any]:
    """The arguments that were given."""
    return {name: value for name in args.__struct_fields__ if (value := getattr(args, name)) is not None}


def _form_of(about: Mapping[str, str]) -> tuple[str, str]:
    key, _, here = about.get("form", "").partition(" ")
    return key, own(here)


def _only_brought(args: Args) -> None:
    """Of a device elsewhere no path is taken, however it was typed: the node would read a file of its own machine."""
    if any(photo.startswith("/") for photo in getattr(args, "photos", None) or ()):
        raise Refusal("refused", N_("A paired device cannot do that"), N_("Choose the photos on the device itself."))
