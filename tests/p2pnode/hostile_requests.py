"""Requests that must not get through the web port: each is right in all but one thing, and filed under the rule that
stops it. Used against the rules alone, a node that only remembers, and real nodes; at the port of loopback, and at the
one of the local network, where the request that is right is a form of a paired device."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from p2pnode.bounds import MAX_BODY, MAX_FIELDS, MAX_HEAD, MAX_UPLOAD

BODY = b'{"direction":"offer","kind":"lend","title":"Planted"}'
COMMAND = "listing.publish"
FORM = b"request_id=0123456789abcdef&direction=offer&kind=lend&title=Planted"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")


@dataclass(frozen=True)
class Port:
    """What a caller must know of a node's web port. lan: it is the one of the local network, and the secret a paired
    device's."""

    host: str
    port: int
    secret: str
    lan: bool = False

    @staticmethod
    def of(cookie: Path) -> "Port":
        url, secret = cookie.read_text().split()
        host, _, port = url.removeprefix("http://").rpartition(":")
        return Port(host, int(port), secret)

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{'https' if self.lan else 'http'}://{self.name}"

    @property
    def place(self) -> str:
        """What may be asked for here."""
        return "/exchanges" if self.lan else "/v1"

    @property
    def command(self) -> str:
        """What may be done here."""
        return f"/do/{COMMAND}" if self.lan else f"/v1/{COMMAND}"

    @property
    def cookie(self) -> str:
        """The name of the cookie that shows the secret."""
        return self.session if self.lan else "p2pnode"

    @property
    def session(self) -> str:
        """The name of the cookie of a session."""
        return f"__Host-p2pnode-{self.port}" if self.lan else f"p2pnode-{self.port}"


@dataclass
class Request:
    """A request of the page itself, to be changed in one thing. None: as it is right at this port."""

    ours: Port
    method: str = "POST"
    target: str | None = None
    version: str = "HTTP/1.1"
    body: bytes | None = None
    fields: dict[str, str | None] = field(default_factory=dict)
    more: list[str] = field(default_factory=list)

    def bytes(self) -> bytes:
        lan, post = self.ours.lan, self.method == "POST"
        target = self.ours.command if self.target is None else self.target
        body = (FORM if lan else BODY) if self.body is None else self.body
        kind = FORMS[0] if lan else "application/json"
        fields = {
            "Host": self.ours.name,
            "Cookie": f"{self.ours.cookie}={self.ours.secret}",
            **({"Content-Type": kind} if post else {}),
            **({"Origin": self.ours.origin} if post and lan else {}),
            **({"Content-Length": str(len(body))} if body or post else {}),
            **self.fields,
        }
        lines = [f"{self.method} {target} {self.version}".strip()]
        lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
        return "\r\n".join([*lines, *self.more, "", ""]).encode("latin1") + body


Make = Callable[[Port], bytes]


def _host(name: str) -> Make:
    """{0} stands for the port."""
    return lambda ours: _plain(ours, Host=name.format(ours.port))


def _plain(ours: Port, target: str = "{}", **fields: str) -> bytes:
    """What this rule alone should stop: from the local network no form, since that must name its origin besides.
    {} stands for what is asked for."""
    if ours.lan:
        return Request(ours, "GET", target.format(ours.place), body=b"", fields={**fields}).bytes()
    return Request(ours, target=target.format(ours.command), fields={**fields}).bytes()


def _odd(target: str) -> Make:
    return lambda ours: _plain(ours, target.replace("NAME", ours.name))


def _with(**fields: str) -> Make:
    return lambda ours: Request(ours, fields={k.replace("_", "-"): v for k, v in fields.items()}).bytes()


def _without(*names: str) -> Make:
    return lambda ours: Request(ours, fields=dict.fromkeys(names)).bytes()


def _more(*lines: str) -> Make:
    return lambda ours: Request(ours, more=[line.format(ours=ours) for line in lines]).bytes()


def target(method: str, target: str, body: bytes = b"") -> Make:
    return lambda ours: Request(ours, method, target.format(ours=ours), body=body).bytes()


def _changed(old: bytes, new: bytes) -> Make:
    return lambda ours: Request(ours).bytes().replace(old, new, 1)


def _cookie(text: str) -> Make:
    return lambda ours: Request(ours, fields={"Cookie": text.format(ours=ours, half=ours.secret[:32])}).bytes()


OLD = "5e" * 32  # of the last start
FORM_FIELDS = {"Content-Type": FORMS[0]}


def _form(target: str = f"/do/{COMMAND}", body: bytes = FORM, **fields: str | None) -> Make:
    """What a form of our own page sends, but for what is named. {0} in a value stands for our name."""

    def make(ours: Port) -> bytes:
        given = {**FORM_FIELDS, "Origin": ours.origin, "Sec-Fetch-Site": "same-origin"}
        changed = {k.replace("_", "-"): v.format(ours.name) if v else v for k, v in fields.items()}
        return Request(ours, target=target, body=body, fields={**given, **changed}).bytes()

    return make


def _from(origin: str) -> Make:
    return lambda ours: _plain(ours, Origin=origin)


named_right: dict[str, Make] = {
    "rebound name": _host("rebind.example:{0}"),
    "rebound name without port": _host("rebind.example"),
    "name that begins like ours": _host("localhost.rebind.example:{0}"),
    "name with ours in it": _host("127.0.0.1.nip.example:{0}"),
    "this machine's name": _host("my-computer.local:{0}"),
    "address of another interface": _host("192.168.1.7:{0}"),
    "0.0.0.0": _host("0.0.0.0:{0}"),
    "another loopback address": _host("127.0.0.2:{0}"),
    "hexadecimal": _host("0x7f.1:{0}"),
    "one number": _host("2130706433:{0}"),
    "short form": _host("127.1:{0}"),
    "octal": _host("0177.0.0.1:{0}"),
    "mapped IPv6": _host("[::ffff:127.0.0.1]:{0}"),
    "long IPv6": _host("[0:0:0:0:0:0:0:1]:{0}"),
    "the other family": _host("[::1]:{0}"),
    "with a zone": _host("[::1%lo]:{0}"),
    "trailing dot": _host("localhost.:{0}"),
    "upper case": _host("LOCALHOST:{0}"),
    "sub-domain of localhost": _host("p2pnode.localhost:{0}"),
    "another port": _host("localhost:1"),
    "no port": _host("localhost"),
    "empty port": _host("localhost:"),
    "zeros before the port": _host("localhost:0{0}"),
    "userinfo": _host("user@localhost:{0}"),
    "space in Host": _host("localhost :{0}"),
    "two names in one": _host("localhost:{0}, rebind.example"),
    "path in Host": _host("localhost:{0}/"),
    "empty Host": _host(""),
    "name of the control socket": _host("p2pnode"),
    "form under a rebound name": _form(Host="rebind.example", Origin="http://rebind.example"),
    "page under a rebound name": lambda ours: Request(
        ours, "GET", "/", body=b"", fields={"Host": "rebind.example"}
    ).bytes(),
    "login under a rebound name": lambda ours: Request(
        ours, "GET", f"/login/{OLD}", body=b"", fields={"Host": "rebind.example"}
    ).bytes(),
    "no Host": lambda ours: Request(ours, "GET", ours.place, body=b"", fields={"Host": None}).bytes(),
    "HTTP/1.0 without Host": lambda ours: Request(ours, "GET", ours.place, "HTTP/1.0", b"", {"Host": None}).bytes(),
}
no_other_page: dict[str, Make] = {
    "foreign origin": _from("https://evil.example"),
    "null origin": _from("null"),
    "empty origin": _from(""),
    "origin of another port": _from("http://127.0.0.1:8080"),
    "origin without port": _from("http://127.0.0.1"),
    "origin by the other scheme": lambda ours: _plain(ours, Origin=f"{'http' if ours.lan else 'https'}://{ours.name}"),
    "origin under our other name": lambda ours: _plain(
        ours, Origin=f"{ours.origin.partition(':')[0]}://localhost:{ours.port}"
    ),
    "origin that begins like ours": lambda ours: _plain(ours, Origin=f"{ours.origin}.evil"),
    "two origins in one": lambda ours: _plain(ours, Origin=f"{ours.origin} http://evil"),
    "extension": _from("chrome-extension://abcdefghijklmnop"),
    "form of another page": _form(Origin="https://evil.example"),
    "form of a page without an origin": _form(Origin="null"),
    "form of another port": _form(Sec_Fetch_Site="same-site"),
    "link from another page": lambda ours: Request(
        ours, "GET", "/exchanges", body=b"", fields={"Sec-Fetch-Site": "cross-site"}
    ).bytes(),
    "image from another page": lambda ours: Request(
        ours, "GET", "/static/icon.svg", body=b"", fields={"Sec-Fetch-Site": "cross-site"}
    ).bytes(),
    "cross-site": _with(Sec_Fetch_Site="cross-site"),
    "same-site, another port": _with(Sec_Fetch_Site="same-site"),
}
plain_json: dict[str, Make] = {
    **{f"form: {kind}": _with(Content_Type=kind) for kind in FORMS},
    "form without an origin": _form(Origin=None),
    "form that is none": _form(Content_Type="text/plain"),
    "JSON where forms go": _form(Content_Type="application/json"),
    "form with a charset": _form(Content_Type="application/x-www-form-urlencoded; charset=utf-16"),
    "form with files and no boundary": _form(Content_Type="multipart/form-data"),
    "form with files and an odd boundary": _form(Content_Type='multipart/form-data; boundary="a b"'),
    "form for a path below": _form(f"/do/{COMMAND}/x"),
    "form with a query": _form(f"/do/{COMMAND}?sure=yes"),
    "form for the page": _form("/"),
    "form for a link": _form(f"/login/{OLD}"),
    "form without a length": _form(Content_Length=None),
    "form that is too long": _form(Content_Length=str(MAX_BODY + 1)),
    "files that are too long": _form(Content_Type=FORMS[1], Content_Length=str(MAX_UPLOAD + 1)),
    "JSON with parameters": _with(Content_Type="application/json; charset=utf-8"),
    "nearly JSON": _with(Content_Type="application/json-patch+json"),
    "no media type": _without("Content-Type"),
    "no length": _without("Content-Length"),
    "too long a body": _with(Content_Length=str(MAX_BODY + 1)),
    "GET with a body": target("GET", "{ours.place}", b"{}"),
    "HEAD": target("HEAD", "{ours.place}"),
    "PUT": target("PUT", "{ours.command}", BODY),
    "DELETE": target("DELETE", "{ours.command}"),
    "PATCH": target("PATCH", "{ours.command}", BODY),
    "a method of its own": target("PROPFIND", "{ours.place}"),
}
known: dict[str, Make] = {
    "no cookie": _without("Cookie"),
    "no cookie, path unknown": lambda ours: Request(ours, "GET", "/nothing", body=b"", fields={"Cookie": None}).bytes(),
    "no cookie, events": lambda ours: Request(ours, "GET", "/v1/events", body=b"", fields={"Cookie": None}).bytes(),
    "no cookie, the page": lambda ours: Request(ours, "GET", "/", body=b"", fields={"Cookie": None}).bytes(),
    "no cookie, its looks": lambda ours: Request(
        ours, "GET", "/static/page.css", body=b"", fields={"Cookie": None}
    ).bytes(),
    "no cookie, a form": _form(Cookie=None),
    "a link that nobody made": lambda ours: Request(
        ours, "GET", f"/login/{OLD}", body=b"", fields={"Cookie": None}
    ).bytes(),
    "half a link": lambda ours: Request(ours, "GET", f"/login/{OLD[:32]}", body=b"", fields={"Cookie": None}).bytes(),
    "the secret as a link": lambda ours: Request(
        ours, "GET", f"/login/{ours.secret}", body=b"", fields={"Cookie": None}
    ).bytes(),
    "a session that nobody has": lambda ours: Request(ours, fields={"Cookie": f"{ours.session}={OLD}"}).bytes(),
    "the secret as a session": lambda ours: Request(
        ours, fields={"Cookie": f"p2pnode-{ours.port}={ours.secret}"}
    ).bytes(),
    "right cookie, wrong session": lambda ours: Request(
        ours, fields={"Cookie": f"{ours.cookie}={ours.secret}; {ours.session}={OLD}"}
    ).bytes(),
    "wrong cookie": _cookie("{ours.cookie}=" + "0" * 64),
    "cookie of the last start": _cookie("{ours.cookie}=" + OLD),
    "empty cookie": _cookie("{ours.cookie}="),
    "half of the cookie": _cookie("{ours.cookie}={half}"),
    "cookie and more": _cookie("{ours.cookie}={ours.secret}0"),
    "cookie in quotes": _cookie('{ours.cookie}="{ours.secret}"'),
    "cookie in upper case": lambda ours: Request(
        ours, fields={"Cookie": f"{ours.cookie}={ours.secret.upper()}A"}
    ).bytes(),
    "cookie under another name": _cookie("{ours.cookie}2={ours.secret}"),
    "cookie twice": _cookie("{ours.cookie}={ours.secret}; {ours.cookie}={ours.secret}"),
    "cookie twice, once wrong": _cookie("{ours.cookie}=0; {ours.cookie}={ours.secret}"),
    "right cookie, wrong bearer": _with(Authorization="Bearer 00"),
    "wrong cookie, right bearer": lambda ours: Request(
        ours, fields={"Cookie": f"{ours.cookie}=0", "Authorization": f"Bearer {ours.secret}"}
    ).bytes(),
    "basic": lambda ours: Request(ours, fields={"Cookie": None, "Authorization": "Basic cDJwbm9kZTo="}).bytes(),
    "secret in the target": lambda ours: Request(
        ours, target=f"{ours.command}?p2pnode={ours.secret}", fields={"Cookie": None}
    ).bytes(),
}
one_protocol: dict[str, Make] = {
    "WebSocket": lambda ours: Request(
        ours, "GET", "/v1/events", body=b"",
        fields={"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="},
    ).bytes(),
    "WebSocket without asking": _with(Sec_WebSocket_Version="13"),
    "h2c": lambda ours: Request(
        ours, "GET", ours.place, body=b"",
        fields={"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"},
    ).bytes(),
    "Upgrade to what nobody knows": _with(Upgrade="x"),
    "Connection names a field": _with(Connection="close, cookie"),
    "preflight": lambda ours: Request(
        ours, "OPTIONS", body=b"",
        fields={"Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true"},
    ).bytes(),
    "TRACE": target("TRACE", "{ours.place}"),
    "CONNECT": target("CONNECT", "{ours.name}"),
    "asterisk": target("OPTIONS", "*"),
    "absolute URI": _odd("http://NAME{}"),
    "absolute URI of another": _odd("http://evil.example{}"),
    "two slashes": _odd("/{}"),
    "fragment": _odd("{}#x"),
    "backslash": _odd("{}\\x"),
    "chunked": lambda ours: Request(
        ours, body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
        fields={"Content-Length": None, "Transfer-Encoding": "chunked"},
    ).bytes(),
    "chunked and a length": _with(Transfer_Encoding="chunked"),
    "identity and a length": _with(Transfer_Encoding="identity"),
    "chunked, spelt oddly": _with(Transfer_Encoding="xchunked"),
    "Trailer": _with(Trailer="Cookie"),
}  # fmt: skip
no_proxy: dict[str, Make] = {
    "X-Forwarded-For": _with(X_Forwarded_For="203.0.113.5"),
    "X-Forwarded-Host": _with(X_Forwarded_Host="evil.example"),
    "Forwarded": _with(Forwarded="for=203.0.113.5"),
    "Via": _with(Via="1.1 proxy"),
}
parse_head: dict[str, Make] = {
    "two Hosts": _more("Host: {ours.name}"),
    "two Hosts, one foreign": _more("Host: rebind.example"),
    "two cookies": _more("Cookie: {ours.cookie}={ours.secret}"),
    "two lengths": _more(f"Content-Length: {len(BODY)}"),
    "two lengths that differ": _more("Content-Length: 0"),
    "two media types": _more("Content-Type: text/plain"),
    "two origins": _more("Origin: {ours.origin}", "Origin: http://evil.example"),
    "two authorizations": _more("Authorization: Bearer {ours.secret}", "Authorization: Bearer 0"),
    "lengths in a list": _with(Content_Length=f"{len(BODY)}, {len(BODY)}"),
    "length with a sign": _with(Content_Length=f"+{len(BODY)}"),
    "negative length": _with(Content_Length="-1"),
    "hexadecimal length": _with(Content_Length="0x10"),
    "length as text": _with(Content_Length="many"),
    "length of many digits": _with(Content_Length="9" * 30),
    "zero before the length": _with(Content_Length=f"0{len(BODY)}"),
    "tab in Host": _host("localhost:{0}\t"),
    "tab before Host": _changed(b"Host: ", b"Host:\t"),
    "space before the colon": _changed(b"Host:", b"Host :"),
    "space before the name": _changed(b"\r\nCookie", b"\r\n Cookie"),
    "folded": _changed(b"\r\nCookie: ", b"\r\nX: 1\r\n folded\r\nCookie: "),
    "folded cookie": _changed(b"Cookie: ", b"Cookie:\r\n "),
    "line without a colon": _more("nonsense"),
    "empty name": _more(": x"),
    "NUL in a value": _more("X: a\0b"),
    "NUL in the target": _changed(b"listing.publish ", b"listing\0publish "),
    "bare CR in a value": _more("X: a\rb"),
    "bare LF in a value": _more("X: a\nOrigin: http://evil.example"),
    "bare LF at the end of a line": _changed(b"\r\nCookie", b"\nCookie"),
    "all lines end in LF": lambda ours: Request(ours).bytes().replace(b"\r\n", b"\n"),
    "empty line first": lambda ours: b"\r\n" + Request(ours).bytes(),
    "control character": _more("X: \x1b[2J"),
    "too long a head": _more("X: " + "x" * MAX_HEAD),
    "too long a target": target("GET", "/" + "a" * MAX_HEAD),
    "too many fields": _more(*(f"X-{n}: 1" for n in range(MAX_FIELDS))),
    "HTTP/0.9": lambda ours: b"GET /v1\r\n",
    "HTTP/0.9 with an end": lambda ours: b"GET /v1\r\n\r\n",
    "HTTP/2 in the line": lambda ours: Request(ours, version="HTTP/2.0").bytes(),
    "HTTP/3 in the line": lambda ours: Request(ours, version="HTTP/3").bytes(),
    "HTTP/1.10": lambda ours: Request(ours, version="HTTP/1.10").bytes(),
    "version in lower case": lambda ours: Request(ours, version="http/1.1").bytes(),
    "two spaces": _changed(b"POST ", b"POST  "),
    "method in lower case": _changed(b"POST", b"post"),
    "h2 by prior knowledge": lambda ours: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "TLS": lambda ours: b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(32)),
    "SSH": lambda ours: b"SSH-2.0-OpenSSH_9.2\r\n",
    "multistream": lambda ours: b"\x13/multistream/1.0.0\n",
    "noise": lambda ours: bytes(range(256)) * 8,
}

GROUPS: dict[str, dict[str, Make]] = {
    "parse_head": parse_head,
    "one_protocol": one_protocol,
    "named_right": named_right,
    "no_other_page": no_other_page,
    "no_proxy": no_proxy,
    "known": known,
    "plain_json": plain_json,
}
HOSTILE = [(group, name, make) for group, rows in GROUPS.items() for name, make in rows.items()]


def status_request(ours: Port) -> bytes:
    """What the page may always ask."""
    if ours.lan:
        return Request(ours, "GET", "/static/page.css", body=b"").bytes()
    return Request(ours, target="/v1/status", body=b"{}").bytes()
