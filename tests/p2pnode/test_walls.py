"""The walls of the local API: nothing of the table gets in, what is legal does, and each rule is needed."""

import re

import pytest

from p2pnode import walls
from p2pnode.bounds import MAX_BODY, MAX_UPLOAD
from p2pnode.walls import CONTROL, Door, admit, is_for_page, lan_door, loopback_door, parse_head, spoilt
from protocols.errors import Refusal
from tests.p2pnode.hostile_at_lan import LAN_GROUPS, LAN_HOSTILE
from tests.p2pnode.hostile_requests import BODY, GROUPS, HOSTILE, Make, Port, Request

OURS = Port("127.0.0.1", 7117, "ab" * 32)
LINK, CODE, SESSION = "1c" * 32, "c2" * 10, "2d" * 32


class Guests:
    """One link that was not used, and one session. asked: who came with a link, or with what should be one."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def is_invited(self, token: bytes, caller: str) -> bool:
        self.asked.append(caller)
        return token in (LINK.encode(), CODE.encode())

    def is_known(self, secret: bytes) -> bool:
        return secret == SESSION.encode()


DOOR = loopback_door("127.0.0.1", 7117, OURS.secret.encode(), Guests())
AT_LAN = Port("127.0.0.1", 7118, SESSION, lan=True)
LAN_DOOR = lan_door(["127.0.0.1", "pi.local"], 7118, Guests())


def page_request(method: str, target: str, cookie: str | None, body: bytes = b"", **fields: str) -> bytes:
    """As a browser sends it from our page."""
    own = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
    if method == "POST":
        own |= {"Origin": f"http://{OURS.name}", "Content-Type": "application/x-www-form-urlencoded"}
    changed = {name.replace("_", "-"): value for name, value in fields.items()}
    return Request(OURS, method, target, body=body, fields={**own, **changed}).bytes()


IN = f"p2pnode-7117={SESSION}"


def head_of(request: bytes) -> bytes:
    head, end, _ = request.partition(walls.END)
    return head + end


def let_in(door: Door, request: bytes) -> bool:
    try:
        admit(door, head_of(request))
    except Refusal:
        return False
    return True


LEGAL: dict[str, Make] = {
    "the page": lambda ours: Request(ours).bytes(),
    "under its other name": lambda ours: Request(ours, fields={"Host": f"localhost:{ours.port}"}).bytes(),
    "with our origin": lambda ours: Request(
        ours, fields={"Origin": f"http://{ours.name}", "Sec-Fetch-Site": "same-origin"}
    ).bytes(),
    "typed": lambda ours: Request(ours, "GET", "/v1", body=b"", fields={"Sec-Fetch-Site": "none"}).bytes(),
    "by bearer": lambda ours: Request(
        ours, fields={"Cookie": None, "Authorization": f"Bearer {ours.secret}"}
    ).bytes(),
    "by both": lambda ours: Request(ours, fields={"Authorization": f"Bearer {ours.secret}"}).bytes(),
    "among other cookies": lambda ours: Request(ours, fields={"Cookie": f"a=b; p2pnode={ours.secret}; c=\xfc"}).bytes(),
    "keep-alive": lambda ours: Request(ours, fields={"Connection": "keep-alive"}).bytes(),
    "HTTP/1.0": lambda ours: Request(ours, version="HTTP/1.0").bytes(),
    "with a query": lambda ours: Request(ours, "GET", "/v1?a=%20b", body=b"").bytes(),
    "a link": lambda ours: page_request("GET", f"/login/{LINK}", None),
    "a link, with an old session": lambda ours: page_request("GET", f"/login/{LINK}", f"p2pnode-7117={'0' * 64}"),
    "a session": lambda ours: page_request("GET", "/", IN),
    "a session at the API": lambda ours: Request(ours, fields={"Cookie": IN}).bytes(),
    "a session, and one of another port": lambda ours: page_request("GET", "/", f"p2pnode-80={'0' * 64}; {IN}"),
    "events": lambda ours: page_request("GET", "/v1/events", IN),
    "a form": lambda ours: page_request("POST", "/do/exchange.accept", IN, b"id=ab"),
    "a long form with files": lambda ours: page_request(
        "POST", "/do/listing.publish", IN, b"x", Content_Length=str(MAX_UPLOAD),
        Content_Type="multipart/form-data; boundary=----geckoformboundary1a2b",
    ),
    "override ignored": lambda ours: Request(
        ours, "GET", "/v1/listing.publish", body=b"", fields={"X-HTTP-Method-Override": "POST"}
    ).bytes(),
}  # fmt: skip


@pytest.mark.parametrize("name", LEGAL)
def test_what_the_page_sends_is_let_in(name: str) -> None:
    assert let_in(DOOR, LEGAL[name](OURS))
    assert not spoilt(head_of(LEGAL[name](OURS)))


ROWS = [(DOOR, OURS, *row) for row in HOSTILE] + [(LAN_DOOR, AT_LAN, *row) for row in LAN_HOSTILE]


@pytest.mark.parametrize(
    ("door", "ours", "group", "name", "make"),
    ROWS,
    ids=[f"{'lan: ' if ours.lan else ''}{group}: {name}" for _, ours, group, name, _ in ROWS],
)
def test_nothing_of_the_table_is_let_in(door: Door, ours: Port, group: str, name: str, make: Make) -> None:
    request = make(ours)
    if "too long a" in name and group == "parse_head":
        return  # not parsed at all; see tests/p2pnode/test_web.py
    with pytest.raises(Refusal) as e:
        admit(door, head_of(request))
    assert ours.secret not in e.value.message + e.value.hint


def test_the_table_is_long_enough() -> None:
    for rows in (HOSTILE, LAN_HOSTILE):
        assert len(rows) >= 40 and len({(group, name) for group, name, _ in rows}) == len(rows)
    assert set(LAN_GROUPS) == {"parse_head", *(rule.__name__ for rule in walls.RULES)}
    assert set(LAN_GROUPS) - set(GROUPS) == {"page_alone"}, "on loopback programs may call, too"


CONTROLS = [
    (door, ours, groups, rule)
    for door, ours, groups in ((DOOR, OURS, GROUPS), (LAN_DOOR, AT_LAN, LAN_GROUPS))
    for rule in walls.RULES
    if rule.__name__ in groups
]


@pytest.mark.parametrize(
    ("door", "ours", "groups", "rule"),
    CONTROLS,
    ids=[f"{'lan: ' if ours.lan else ''}{rule.__name__}" for _, ours, _, rule in CONTROLS],
)
def test_without_its_rule_each_request_of_a_group_gets_in(
    door: Door, ours: Port, groups: dict[str, dict[str, Make]], rule: walls.Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the table tests this rule and no other."""
    monkeypatch.setattr(walls, "RULES", tuple(r for r in walls.RULES if r is not rule))
    kept_out = [name for name, make in groups[rule.__name__].items() if not let_in(door, make(ours))]
    assert set(kept_out) <= (ALSO_AT_LAN if ours.lan else ALSO), kept_out
    assert len(kept_out) < len(groups[rule.__name__]) / 2


def test_what_a_device_sends_is_let_in() -> None:
    cookie = f"__Host-p2pnode-7118={SESSION}"

    def sent(method: str, target: str, **fields: str | None) -> bool:
        given = {"Cookie": cookie, **{k.replace("_", "-"): v for k, v in fields.items()}}
        return let_in(LAN_DOOR, Request(AT_LAN, method, target, body=b"", fields=given).bytes())

    assert sent("GET", "/") and sent("GET", "/v1/events?after=0.7") and sent("POST", "/do/exchange.accept")
    assert sent("GET", "/", Host="pi.local:7118")
    assert sent("GET", "/", Cookie=f"p2pnode=0; {cookie}"), "of another page under our address"
    for method in ("GET", "POST"):
        assert sent(method, f"/pair/{CODE}", Cookie=None)
    assert sent("GET", f"/pair/{CODE}/page.css", Cookie=None)
    assert not sent("POST", f"/pair/{CODE}/page.css", Cookie=None)
    assert not sent("POST", f"/pair/{CODE}", Cookie=None, Origin="https://evil.example")
    assert not sent("POST", f"/pair/{CODE}", Cookie=None, Origin=None)
    assert not sent("GET", f"/login/{LINK}", Cookie=None), "links of this machine are for this machine"
    assert not let_in(DOOR, Request(OURS, "GET", f"/pair/{CODE}", body=b"", fields={"Cookie": None}).bytes())


def test_who_guesses_is_told_apart_by_his_address() -> None:
    guests = Guests()
    door = lan_door(["127.0.0.1"], 7118, guests)
    head = Request(AT_LAN, "GET", "/pair/" + "a" * 20, body=b"", fields={"Cookie": None}).bytes()
    with pytest.raises(Refusal):
        admit(door, head, "192.168.1.9")
    assert guests.asked == ["192.168.1.9"]


ALSO = {  # stopped by a second rule, too
    "form of another page", "form of a page without an origin", "login under a rebound name",
    "preflight", "asterisk", "TRACE", "CONNECT", "chunked",
}  # fmt: skip


ALSO_AT_LAN = ALSO | {"form under a rebound name", "secret in the target"}


def test_the_control_socket_wants_no_secret_and_no_page() -> None:
    def request(*fields: str) -> bytes:
        return "\r\n".join(["POST /v1/status HTTP/1.1", *fields, "", ""]).encode()

    assert admit(CONTROL, request("Host: p2pnode", "Content-Length: 2")) == 2
    assert admit(CONTROL, request("Host: p2pnode")) == 0
    for fields in (
        (), ("Host: P2PNODE",), ("Host: p2pnode:80",), ("Host: localhost",), ("Host: p2pnode", "Host: p2pnode"),
        ("Host: p2pnode", "Origin: http://p2pnode"), ("Host: p2pnode", "Origin: null"),
        ("Host: p2pnode", "Sec-Fetch-Site: cross-site"), ("Host: p2pnode", "Upgrade: h2c"),
        ("Host: p2pnode", "Transfer-Encoding: chunked"),
    ):  # fmt: skip
        with pytest.raises(Refusal):
            admit(CONTROL, request(*fields))
    with pytest.raises(Refusal) as e:
        admit(CONTROL, request("Host: p2pnode", f"Content-Length: {MAX_BODY + 1}"))
    assert e.value.code == "usage"


def test_the_control_socket_has_no_page() -> None:
    plain = loopback_door("127.0.0.1", 7117, OURS.secret.encode())
    for name, make in LEGAL.items():
        if "form" in name or "session" in name or "link" in name or name == "events":
            assert not let_in(plain, make(OURS)), name
    for door in (plain, CONTROL):
        assert not is_for_page(door, b"GET / HTTP/1.1\r\n")
    assert is_for_page(DOOR, b"GET / HTTP/1.1\r\n") and is_for_page(DOOR, b"GET /v1x HTTP/1.1\r\n")
    for target in (b"/v1", b"/v1/status", b"/v1?x", b"/v1/", b"/metrics"):
        assert not is_for_page(DOOR, b"GET " + target + b" HTTP/1.1\r\n")
    assert not is_for_page(DOOR, b"") and not is_for_page(DOOR, b"\x16\x03\x01")


def test_a_beginning_of_a_legal_head_is_not_spoilt() -> None:
    for make in LEGAL.values():
        whole = head_of(make(OURS))
        assert not any(spoilt(whole[:length]) for length in range(len(whole) + 1))


def test_what_is_let_in_reads_the_same_everywhere() -> None:
    """A parser that skips over what it finds odd sees the same fields."""
    request = Request(OURS).bytes()
    head = parse_head(head_of(request))
    found = dict(re.findall(rb"\r\n([^:\r\n]+):[ \t]*([^\r\n]*)", head_of(request)))
    assert {k.lower(): v for k, v in found.items()} == dict(head.fields)
    assert head.length == len(BODY)


def test_the_secret_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr("hmac.compare_digest", compare)
    assert let_in(DOOR, Request(OURS).bytes())
    assert compared == [(OURS.secret.encode(), OURS.secret.encode())]
