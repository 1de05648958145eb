"""What may come through a door of the local API: the head of a request in, how long its body is or a refusal out. Pure.

A door is the control socket, the TCP port on loopback that browsers can reach, or the one on the local network, which
has the page for paired devices and nothing else. A browser lets every web page send requests there
(https://developer.mozilla.org/docs/Web/Security), so the head is read more strictly than HTTP demands: no field twice,
no second way to say how long the body is, no other protocol. What passes means the same to whatever parser comes after.
Everything else is refused, whatever it was meant for.
"""

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from p2pnode.bounds import MAX_BODY, MAX_FIELDS, MAX_UPLOAD
from protocols.errors import Refusal

HOST: Final = b"p2pnode"  # of the control socket: a page in a browser can never send it
COOKIE: Final = b"p2pnode"
END: Final = b"\r\n\r\n"

# On every answer of the API.
HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)

# On every answer that a browser shows, and what belongs to it. The referrer stays within: without one a browser says
# `Origin: null` of the page's own forms (https://fetch.spec.whatwg.org/#append-a-request-origin-header).
PAGE_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
)

_REQUEST: Final = re.compile(rb"([A-Z]{1,16}) ([\x21-\x7e]+) HTTP/1\.[01]")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ ]*([^\x00-\x1f\x7f]*)")
_SPOILT: Final = re.compile(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?=[^\n])")
_LENGTH: Final = re.compile(rb"0|[1-9][0-9]{0,9}")
_OTHER_PROTOCOL: Final = (b"upgrade", b"http2-settings", b"transfer-encoding", b"trailer")
_HINT: Final = "docs/threats.md says what is let in: web pages, other users and programs of this machine"
_API: Final = re.compile(rb"/(?:v1|metrics)(?:[/?].*)?")
_LINK: Final = re.compile(rb"/login/([0-9a-f]{64})")
_PAIRING: Final = re.compile(rb"/pair/([a-z2-7]{20})(/page\.css|/icon\.svg)?")
_EVENTS: Final = re.compile(rb"/v1/events(?:\?.*)?")
_DO: Final = re.compile(rb"/do/[a-z_.]{1,64}")
_FORM: Final = b"application/x-www-form-urlencoded"
_FORM_WITH_FILES: Final = re.compile(rb"multipart/form-data; ?boundary=[0-9A-Za-z'()+_,./:=?-]{1,70}")
_UNPAIRED: Final = "This device is not paired, or not any more"
_PROXY: Final = (b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip")


class Guests(Protocol):
    """Browsers that were let in by a link."""

    def is_invited(self, token: bytes, caller: str) -> bool:
        """Is this a link that was not used yet? caller: the address that asks; guessing is counted."""

    def is_known(self, secret: bytes) -> bool:
        """Is this the secret of a session?"""


@dataclass(frozen=True)
class Door:
    """hosts: what Host may be, exactly. secret: what a program may show, in hex, where a browser may be the caller;
    empty where the operating system has said who calls, and where programs have no business. cookie: in which the
    page's sessions show theirs; empty where there is no page: cookies of one host go to all its ports, so each port has
    a name of its own. lan: it is open to the local network, by TLS: the page alone, for devices that were paired."""

    hosts: frozenset[bytes]
    secret: bytes = b""
    cookie: bytes = b""
    guests: Guests | None = None
    lan: bool = False

    @property
    def browsers(self) -> bool:
        """May a browser be the caller?"""
        return bool(self.secret or self.cookie)

    def origin(self, host: bytes) -> bytes:
        """What a browser calls our own page."""
        return (b"https://" if self.lan else b"http://") + host


CONTROL: Final = Door(frozenset({HOST}))


def loopback_door(host: str, port: int, secret: bytes, guests: Guests | None = None) -> Door:
    """The door of a TCP port. host: the literal loopback address that it is bound to, an IPv6 one in brackets."""
    hosts = frozenset(f"{name}:{port}".encode() for name in (host, "localhost"))
    return Door(hosts, secret, f"{COOKIE.decode()}-{port}".encode() if guests else b"", guests)


def lan_door(names: Iterable[str], port: int, guests: Guests) -> Door:
    """The door of a port on the local network. names: the addresses and names under which it is served, an IPv6
    address in brackets."""
    hosts = frozenset(f"{name}:{port}".encode() for name in names)
    return Door(hosts, b"", f"__Host-{COOKIE.decode()}-{port}".encode(), guests, lan=True)


@dataclass(frozen=True)
class Head:
    """The head of a request. fields: by name in lower case, each of which stood there once. caller: the address that
    it came from, where that matters."""

    method: bytes
    target: bytes
    fields: Mapping[bytes, bytes]
    caller: str = ""

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return int(self.fields.get(b"content-length", b"0"))


def admit(door: Door, raw: bytes, caller: str = "") -> int:
    """Let a request in: the bytes of body that follow. raw: all of its head, to the empty line; caller: the address
    that it came from. `Refusal` if not."""
    head = replace(parse_head(raw), caller=caller)
    for rule in RULES:
        rule(door, head)
    return head.length


def is_for_page(door: Door, raw: bytes) -> bool:
    """Is this head, sound or not, one that asks for the page, and not for the API?"""
    parts = raw.partition(b"\r\n")[0].split(b" ")
    return bool(door.cookie) and len(parts) > 1 and not is_of_api(parts[1])


def is_of_api(target: bytes) -> bool:
    """Does this path, with or without its query, belong to the API where there is a page, too?"""
    return _API.fullmatch(target) is not None


def spoilt(raw: bytes) -> bool:
    """Can this beginning of a head never become one that is let in? So that nobody has to wait for its end."""
    if _SPOILT.search(raw):
        return True
    line, end, _ = raw.partition(b"\r\n")
    return bool(end) and not _REQUEST.fullmatch(line)


def parse_head(raw: bytes) -> Head:
    """Read a head. `Refusal` for whatever two parsers could read in two ways."""
    if not raw.endswith(END) or spoilt(raw):
        raise _no("the head is not HTTP/1.1 as it is written here")
    first, *lines = raw[: -len(END)].split(b"\r\n")
    request = _REQUEST.fullmatch(first)
    if request is None:
        raise _no("the first line is not that of HTTP/1.1")
    if len(lines) > MAX_FIELDS:
        raise _no(f"more than {MAX_FIELDS} fields")
    fields: dict[bytes, bytes] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise _no("a field is malformed")
        name = match[1].lower()
        if name in fields:
            raise _no("a field stands there twice")
        fields[name] = match[2].rstrip(b" ")
    length = fields.get(b"content-length", b"0")
    if not _LENGTH.fullmatch(length):
        raise _no("Content-Length is not a number")
    return Head(request[1], request[2], fields)


def one_protocol(door: Door, head: Head) -> None:
    """Neither another protocol nor another framing, and no way through a proxy's eyes."""
    if head.method in (b"CONNECT", b"TRACE", b"OPTIONS"):
        raise _no(f"{head.method.decode()} is for others")
    if not head.target.startswith(b"/") or head.target.startswith(b"//") or set(head.target) & set(b"#\\"):
        raise _no("the target is not a path")
    if any(name in _OTHER_PROTOCOL or name.startswith(b"sec-websocket-") for name in head.fields):
        raise _no("only plain HTTP/1.1, with Content-Length")
    tokens = {token.strip().lower() for token in head.fields.get(b"connection", b"close").split(b",")}
    if not tokens <= {b"close", b"keep-alive"}:
        raise _no("Connection names something else than close and keep-alive")


def named_right(door: Door, head: Head) -> None:
    """Host is one of ours to the letter: a name that somebody else's DNS leads here is not."""
    if head.fields.get(b"host") not in door.hosts:
        raise _no("Not for web pages under other names", f"Send `Host: {min(door.hosts).decode()}` and no Origin")


def no_other_page(door: Door, head: Head) -> None:
    """No page but our own has made this request. On the control socket no page at all."""
    origin = head.fields.get(b"origin")
    ours = door.origin(head.fields.get(b"host", b"")) if door.browsers else None
    if origin is not None and origin != ours:
        raise _no("Not for web pages" if ours is None else "not for other web pages")
    if head.fields.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
        raise _no("not for other web pages")


def no_proxy(door: Door, head: Head) -> None:
    """A proxy that passes on what comes from elsewhere would undo the other rules."""
    if door.browsers and any(name in head.fields for name in _PROXY):
        raise _no("not through a proxy")


def known(door: Door, head: Head) -> None:
    """The caller has read the secret of this start: as cookie, as `Authorization: Bearer`, or both; or his browser has
    the cookie of a session, or he follows a link that makes one."""
    if not door.browsers:
        return
    if (link := _link(door, head)) is not None:
        if door.guests is not None and door.guests.is_invited(link, head.caller):
            return
        raise _no("This link has been used, or is too old")
    pairs = cookies(head.fields.get(b"cookie", b""))
    shown = [value for name, value in pairs if door.secret and name == COOKIE]
    sessions = [value for name, value in pairs if door.cookie and name == door.cookie]
    bearer = head.fields.get(b"authorization")
    count = len(shown)
    if bearer is not None:
        shown.append(bearer.removeprefix(b"Bearer ") if bearer.startswith(b"Bearer ") else b"")
    good = [bool(door.secret) and hmac.compare_digest(value, door.secret) for value in shown]
    good += [door.guests is not None and door.guests.is_known(value) for value in sessions]
    if not good or count > 1 or len(sessions) > 1 or not all(good):
        raise _no("who does not know the secret of this start is not let in" if door.secret else _UNPAIRED)


def cookies(field: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of a Cookie field."""
    pairs = (pair.strip(b" ").partition(b"=") for pair in field.split(b";"))
    return [(name, value) for name, _, value in pairs]


def _link(door: Door, head: Head) -> bytes | None:
    """The token of a link that makes a session, if this asks for one. A pairing link shows a form first, which comes
    back to the same place."""
    pattern, methods = (_PAIRING, (b"GET", b"POST")) if door.lan else (_LINK, (b"GET",))
    link = pattern.fullmatch(head.target) if door.guests and head.method in methods else None
    return link[1] if link else None


def page_alone(door: Door, head: Head) -> None:
    """From the local network there is the page and its events, and none of what programs of this machine may ask."""
    if door.lan and is_of_api(head.target) and not (head.method == b"GET" and _EVENTS.fullmatch(head.target)):
        raise _no("the API is for programs of the machine on which the node runs")


def plain_json(door: Door, head: Head) -> None:
    """What can have an effect is JSON, which no form can send, or a form of which the browser says that it is on our
    own page; what has none has no body."""
    kind = head.fields.get(b"content-type", b"")
    form = bool(door.cookie) and head.method == b"POST" and _is_form(door, head.target)
    most = MAX_UPLOAD if form and _FORM_WITH_FILES.fullmatch(kind) else MAX_BODY
    if head.length > most:
        raise Refusal("usage", f"The body has more than {most} bytes", "Send less")
    if not door.browsers:
        return
    if head.method == b"POST":
        if form and kind != _FORM and not _FORM_WITH_FILES.fullmatch(kind):
            raise _no("what is done here comes by a form")
        if form and head.fields.get(b"origin") != door.origin(head.fields.get(b"host", b"")):
            raise _no("a form must come from our own page, and the browser must say so")
        if not form and kind != b"application/json":
            raise _no("the body must be application/json, and say so in these words")
        if b"content-length" not in head.fields:
            raise _no("how long is the body?")
    elif head.method != b"GET" or head.length:
        raise _no("only POST, and GET without a body")


def _is_form(door: Door, target: bytes) -> bool:
    pairing = _PAIRING.fullmatch(target) if door.lan else None
    return bool(_DO.fullmatch(target) or (pairing and not pairing[2]))


Rule = Callable[[Door, Head], None]
RULES: tuple[Rule, ...] = (one_protocol, named_right, no_other_page, no_proxy, known, page_alone, plain_json)


def _no(reason: str, hint: str = _HINT) -> Refusal:
    return Refusal("refused", reason, hint)
