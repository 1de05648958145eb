"""A browser without scripts: follows links, fills forms, keeps cookies; and checks of every page that it is sound."""

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import MappingProxyType
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit

VOID = {"meta", "link", "img", "input", "br", "hr"}
ALLOWED = {  # attributes of which the page makes use; what else turns up was let through by mistake
    "href", "src", "class", "id", "lang", "charset", "name", "content", "rel", "type", "value", "method", "action",
    "for", "loading", "autofocus",
    "required", "maxlength", "placeholder", "inputmode", "rows", "selected", "checked", "accept", "multiple", "enctype",
    "title", "datetime", "alt", "width", "height", "role", "tabindex", "defer", "open", "scope", "hidden", "disabled",
    "viewbox", "points", "preserveaspectratio", "min", "max", "step", "autocomplete", "colspan",
    "x", "y", "cx", "cy", "r",
}  # fmt: skip


@dataclass
class Form:
    method: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)  # label, name, value


class Page(HTMLParser):
    """A page that was parsed. `AssertionError` for what no template of ours writes."""

    def __init__(self, status: int, url: str, text: str, fields: dict[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self.status, self.url, self.source, self.fields = status, url, text, fields
        self.data = text.encode()
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.words = ""
        self._open: list[str] = []
        self._link = ""
        self._button: tuple[str, str] | None = None
        self._select = self._area = ""
        self._option: tuple[str, bool] | None = None
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        for name, value in given.items():
            assert name in ALLOWED or name.startswith(("aria-", "data-", "hx-")), (self.url, tag, name, value)
            assert not name.startswith("hx-on"), (self.url, tag, name)
            if name in ("href", "src", "action", "hx-get"):
                assert re.match(r"/(?!/)|#", value), (self.url, tag, name, value)
        if tag == "script":
            assert given.get("src", "").startswith("/static/"), given
        assert tag not in ("style", "iframe", "object", "embed", "base"), tag
        if tag not in VOID:
            self._open.append(tag)
        match tag:
            case "form":
                self.forms.append(Form(given.get("method", "get"), given.get("action", "")))
            case "input" if self.forms and given.get("type") not in ("file",):
                if given.get("type") != "checkbox" or "checked" in given:
                    self.forms[-1].fields.append((given["name"], given.get("value", "")))
            case "a":
                self._link = given.get("href", "")
                self.links.append((self._link, ""))
            case "button":
                self._button = given.get("name", ""), given.get("value", "")
                self.forms[-1].buttons.append(("", *self._button))
            case "textarea":
                self._area = given["name"]
                self.forms[-1].fields.append((self._area, ""))
            case "select":
                self._select = given["name"]
            case "option" if "selected" in given or not any(n == self._select for n, _ in self.forms[-1].fields):
                fields = [pair for pair in self.forms[-1].fields if pair[0] != self._select]
                self.forms[-1].fields = [*fields, (self._select, given.get("value", ""))]

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, (self.url, tag, self._open)
        self._open.pop()
        if tag == "a":
            self._link = ""
        if tag == "button":
            self._button = None
        if tag == "textarea":
            self._area = ""

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"{self.url}: a comment: {data[:60]}")

    def handle_data(self, data: str) -> None:
        self.words += data
        if self._link and self.links:
            self.links[-1] = self._link, self.links[-1][1] + data
        if self._button is not None:
            label, name, value = self.forms[-1].buttons[-1]
            self.forms[-1].buttons[-1] = (" ".join((label + data).split()), name, value)
        if self._area:
            name, value = self.forms[-1].fields[-1]
            self.forms[-1].fields[-1] = name, value + data

    def form(self, action: str, where: Mapping[str, str] = MappingProxyType({}), button: str = "") -> Form:
        """The first form that leads there, with these fields and this button."""
        found = [
            form
            for form in self.forms
            if form.action == action
            and set(where.items()) <= set(form.fields)
            and (not button or any(label == button for label, _, _ in form.buttons))
        ]
        assert found, f"no form for {action} at {self.url}; there are {[form.action for form in self.forms]}"
        return found[0]


class Browser:
    """url: of the port. language: what Accept-Language says."""

    def __init__(self, url: str, language: str = "en") -> None:
        self.url, self.language = url, language
        self.cookies: dict[str, str] = {}
        self.page: Page

    def get(self, path: str, **fields: str) -> Page:
        return self._request("GET", path, b"", fields)

    def submit(self, action: str, where: dict[str, str] | None = None, /, button: str = "", **typed: str) -> Page:
        """Fill in and send the first form that leads there, with these fields and this button. `_` in a name stands for
        itself; other fields stay as they are."""
        form = self.page.form(action, where or {}, button)
        known = {name for name, _ in form.fields}
        assert not typed.keys() - known, f"no such fields: {typed.keys() - known}"
        fields = [(name, typed.get(name, value)) for name, value in form.fields]
        if form.method == "get":
            return self.get(f"{form.action}?{urlencode(fields)}")
        as_browsers_do = [(name, value.replace("\n", "\r\n")) for name, value in fields]
        return self.post(form.action, urlencode(as_browsers_do).encode())

    def post(self, path: str, body: bytes, kind: str = "application/x-www-form-urlencoded", **fields: str) -> Page:
        origin = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", "Content-Type": kind}
        return self._request("POST", path, body, {**origin, **fields})

    def _request(self, method: str, path: str, body: bytes, fields: dict[str, str]) -> Page:
        for _ in range(5):
            place = urlsplit(self.url)
            connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
            cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            head = {"Accept": "text/html", "Accept-Language": self.language, **fields}
            try:
                connection.request(method, path, body or None, {**head, **({"Cookie": cookies} if cookies else {})})
                answer = connection.getresponse()
                data = answer.read()
                text = data.decode(errors="replace")
            finally:
                connection.close()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    key, _, rest = value.partition("=")
                    self.cookies[key] = rest.partition(";")[0]
            if answer.status != 303:
                kind = answer.getheader("content-type", "")
                html = text if kind.startswith("text/html") and answer.status != 403 else ""
                got = {name.lower(): value for name, value in answer.getheaders()}
                self.page = Page(answer.status, path, html, got)
                self.page.source, self.page.data = text, data
                return self.page
            path, method, body = urldefrag(urljoin(path, answer.getheader("location", ""))).url, "GET", b""
            fields = {}
        raise AssertionError("goes round in circles")
