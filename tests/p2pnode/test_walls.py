"""The walls of the local API: nothing of the table gets in, what is legal does, and each rule is needed."""

import re

import pytest

from p2pnode import walls
from p2pnode.bounds import MAX_BODY
from p2pnode.walls import CONTROL, Door, admit, loopback_door, parse_head, spoilt
from protocols.errors import Refusal
from tests.p2pnode.hostile_requests import BODY, GROUPS, HOSTILE, Make, Port, Request

OURS = Port("127.0.0.1", 7117, "ab" * 32)
DOOR = loopback_door("127.0.0.1", 7117, OURS.secret.encode())


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
    "override ignored": lambda ours: Request(
        ours, "GET", "/v1/listing.publish", body=b"", fields={"X-HTTP-Method-Override": "POST"}
    ).bytes(),
}  # fmt: skip


@pytest.mark.parametrize("name", LEGAL)
def test_what_the_page_sends_is_let_in(name: str) -> None:
    assert let_in(DOOR, LEGAL[name](OURS))
    assert not spoilt(head_of(LEGAL[name](OURS)))


@pytest.mark.parametrize(("group", "name", "make"), HOSTILE, ids=[f"{g}: {n}" for g, n, _ in HOSTILE])
def test_nothing_of_the_table_is_let_in(group: str, name: str, make: Make) -> None:
    request = make(OURS)
    if "too long a" in name and group == "parse_head":
        return  # not parsed at all; see tests/p2pnode/test_web.py
    with pytest.raises(Refusal) as e:
        admit(DOOR, head_of(request))
    assert OURS.secret not in e.value.message + e.value.hint


def test_the_table_is_long_enough() -> None:
    assert len(HOSTILE) >= 40 and len({name for _, name, _ in HOSTILE}) == len(HOSTILE)
    assert set(GROUPS) == {"parse_head", *(rule.__name__ for rule in walls.RULES)}


@pytest.mark.parametrize("rule", walls.RULES, ids=lambda rule: rule.__name__)
def test_without_its_rule_each_request_of_a_group_gets_in(rule: walls.Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the table tests this rule and no other."""
    monkeypatch.setattr(walls, "RULES", tuple(r for r in walls.RULES if r is not rule))
    kept_out = [name for name, make in GROUPS[rule.__name__].items() if not let_in(DOOR, make(OURS))]
    assert set(kept_out) <= ALSO, kept_out
    assert len(kept_out) < len(GROUPS[rule.__name__]) / 2


ALSO = {  # stopped by a second rule, too
    "preflight", "asterisk", "TRACE", "CONNECT", "chunked",
}  # fmt: skip


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
