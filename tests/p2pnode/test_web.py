"""The web port over real TCP, before a node that only remembers: what gets through, and what the rest costs."""

import json
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p2pnode import serving, uploads, walls
from p2pnode.bounds import MAX_BODY
from p2pnode.client import Client
from p2pnode.home.folder import Home
from p2pnode.web import port as web
from protocols.errors import Refusal
from tests.p2pnode.fake_node import FakeNode, make_home, running
from tests.p2pnode.hostile_requests import COMMAND, GROUPS, HOSTILE, Port, Request, status_request

V4 = "127.0.0.1:0"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


@pytest.fixture
def node(home: Home) -> Iterator[FakeNode]:
    fake = FakeNode()
    fake.answers["status"] = {"state": "alone"}
    with running(home, fake, V4):
        yield fake


def send(ours: Port, request: bytes, timeout: float = 5.0, *, whole: bool = True) -> bytes:
    """All of the answer; nothing if the node hung up. whole: it must end within the time."""
    data = b""
    with socket.create_connection((ours.host.strip("[]"), ours.port), timeout=timeout) as s:
        try:
            s.sendall(request)
            while piece := s.recv(65536):
                data += piece
        except ConnectionError:
            pass
        except TimeoutError:
            assert not whole
    return data


def status_of(answer: bytes) -> int:
    """0: closed without a word; 2: another protocol."""
    if not answer:
        return 0
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 2


def body_of(answer: bytes) -> Any:
    return json.loads(answer.partition(walls.END)[2])


def test_a_command_by_tcp(home: Home, node: FakeNode) -> None:
    ours = Port.of(home.web_cookie)
    node.answers[COMMAND] = {"listing_id": "ab"}
    assert body_of(send(ours, Request(ours).bytes())) == {"schema": 1, "data": {"listing_id": "ab"}}
    assert node.last[1]["title"] == "Planted"
    assert status_of(send(ours, Request(ours, "GET", "/v1", body=b"").bytes())) == 200
    assert status_of(send(ours, Request(ours, "GET", "/nothing", body=b"").bytes())) == 404
    assert status_of(send(ours, Request(ours, "GET", f"/v1/{COMMAND}", body=b"").bytes())) == 405
    override = Request(ours, "GET", f"/v1/{COMMAND}", body=b"", fields={"X-HTTP-Method-Override": "POST"})
    assert status_of(send(ours, override.bytes())) == 405
    assert len(node.calls) == 1


def test_figures_and_the_document_are_behind_the_same_walls(home: Home, node: FakeNode) -> None:
    ours = Port.of(home.web_cookie)
    for target in ("/metrics", "/v1/openapi.json"):
        assert status_of(send(ours, Request(ours, "GET", target, body=b"").bytes())) == 200
        for fields in ({"Cookie": None}, {"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            answer = send(ours, Request(ours, "GET", target, body=b"", fields=fields).bytes())
            assert status_of(answer) == 403 and b"p2pnode_" not in answer and b"openapi" not in answer
        assert status_of(send(ours, Request(ours, target=target).bytes())) in (404, 405)


def test_every_hostile_request_is_turned_down_and_changes_nothing(home: Home, node: FakeNode) -> None:
    ours = Port.of(home.web_cookie)
    through = {}
    for number, (group, name, make) in enumerate(HOSTILE):
        answer = send(ours, make(ours))
        if status_of(answer) not in (0, 403) or node.calls:
            through[group, name] = answer[:80], node.calls
        node.calls.clear()
        if number % 10 == 0:
            assert body_of(send(ours, status_request(ours)))["data"] == {"state": "alone"}
            node.calls.clear()
    assert not through


def test_without_the_walls_some_of_each_group_get_through(
    home: Home, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with nothing but the parsers below, as they are."""

    def anybody(door: walls.Door, raw: bytes, caller: str = "") -> int:
        return 2**40

    monkeypatch.setattr(walls, "admit", anybody)
    monkeypatch.setattr(walls, "spoilt", lambda raw: False)
    monkeypatch.setattr(uploads, "MAX_BODY", 2**40)
    monkeypatch.setattr(serving, "HEAD_TIMEOUT", 0.3)
    monkeypatch.setattr(serving, "BODY_TIMEOUT", 0.3)
    ours = Port.of(home.web_cookie)
    through = dict.fromkeys(GROUPS, 0)
    for group, _, make in HOSTILE:
        answer = send(ours, make(ours), 0.5, whole=False)
        through[group] += bool(node.calls) or status_of(answer) in (2, 101, 200)
        node.calls.clear()
    assert all(through.values()), through


def test_all_answers_carry_the_same_fields(home: Home, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Port.of(home.web_cookie)
    answers = [
        send(ours, request)
        for request in (
            Request(ours).bytes(),
            Request(ours, "GET", "/v1/nothing", body=b"").bytes(),
            Request(ours, body=b"{").bytes(),
            Request(ours, fields={"Host": "rebind.example"}).bytes(),
        )
    ]
    monkeypatch.setattr(walls, "admit", lambda door, raw, caller: 0)
    answers.append(send(ours, Request(ours, more=["Host: x"]).bytes()))  # of the server below
    node.events = [{"type": "x"}]
    with socket.create_connection((ours.host, ours.port), timeout=5) as s:
        s.sendall(Request(ours, "GET", "/v1/events", body=b"").bytes())
        answers.append(s.recv(65536))
    assert [status_of(a) for a in answers] == [200, 405, 400, 403, 400, 200]
    for answer in answers:
        head = answer.partition(walls.END)[0].lower()
        assert all(name + b": " + value.lower() in head for name, value in walls.HEADERS), head
        assert b"connection: close" in head and b"access-control" not in head and b"server:" not in head


def test_whoever_is_not_let_in_reads_how_to_log_in(home: Home, node: FakeNode) -> None:
    ours = Port.of(home.web_cookie)
    for target in ("/", "/exchanges", f"/login/{'0' * 64}"):
        answer = send(ours, Request(ours, "GET", target, body=b"", fields={"Cookie": None}).bytes())
        head, _, body = answer.partition(walls.END)
        assert status_of(answer) == 403 and b"p2pnode web" in body and b"text/html" in head
        assert all(name + b": " + value in head for name, value in walls.PAGE_HEADERS)
    assert node.calls == []


def test_a_new_secret_for_each_start_for_its_owner_only(home: Home) -> None:
    before = os.umask(0)
    try:
        with running(home, FakeNode(), V4):
            assert stat.S_IMODE(home.web_cookie.stat().st_mode) == 0o600
            first = Port.of(home.web_cookie)
    finally:
        os.umask(before)
    assert not home.web_cookie.exists()
    with running(home, FakeNode(), V4):
        ours = Port.of(home.web_cookie)
        assert ours.secret != first.secret and len(ours.secret) == 64
        old = Port(ours.host, ours.port, first.secret)
        assert status_of(send(ours, status_request(old))) == 403
        assert status_of(send(ours, status_request(ours))) == 200


@pytest.mark.parametrize("address", ["[::1]:0", V4])
def test_both_families(home: Home, address: str) -> None:
    with running(home, FakeNode(), address):
        ours = Port.of(home.web_cookie)
        assert status_of(send(ours, status_request(ours))) == 200
        other = "[::1]" if ours.host == "127.0.0.1" else "127.0.0.1"
        assert status_of(send(ours, status_request(Port(other, ours.port, ours.secret)))) == 403


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:7117", "[::]:7117", "192.168.1.7:1", "localhost:7117", "7117", "127.0.0.1:80", "127.0.0.1:65536"],
)
def test_only_loopback(address: str) -> None:
    with pytest.raises(Refusal, match="web"):
        web.bind_loopback(address)


def test_a_port_that_is_taken_is_said(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Refusal) as e:
        web.bind_loopback(f"127.0.0.1:{taken.getsockname()[1]}")
    assert e.value.code == "conflict"


def test_it_is_off_unless_it_is_set(home: Home) -> None:
    with running(home, FakeNode()):
        assert not home.web_cookie.exists()


ROWS = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1BCD 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0
   1: 0100007F:1BCD 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0 100 0 0 10 0
   2: 0100007F:C001 0100007F:1BCD 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0 100 0 0 10 0
   3: 0100007F:C002 0100007F:1BCD 05 00000000:00000000 00:00000000 00000000     0        0 0 1 0 100 0 0 10 0
   4: 0100007F:C003 0100007F:1BCD 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0 100 0 0 10 0
   5: 0000000000000000FFFF00000100007F:C004 0000000000000000FFFF00000100007F:1BCD 01 0:0 0:0 0  1002 0 4 1 0 1 0 0 1 0
   6: 00000000000000000000000001000000:C005 00000000000000000000000001000000:1BCD 01 0:0 0:0 0  1003 0 5 1 0 1 0 0 1 0
"""


@pytest.mark.skipif(sys.byteorder == "big", reason="the table is one of a little-endian machine")
@pytest.mark.parametrize(
    ("host", "port", "uid"),
    [
        ("127.0.0.1", 0xC001, 1001),
        ("127.0.0.1", 0xC002, None),  # closed by its process: the kernel shows user 0, whoever it was
        ("127.0.0.1", 0xC003, None),
        ("127.0.0.1", 0xC004, 1002),  # by IPv4 from an IPv6 socket
        ("::1", 0xC005, 1003),
        ("127.0.0.1", 0xC006, None),
    ],
)
def test_whose_a_connection_is(host: str, port: int, uid: int | None) -> None:
    assert web.uid_of(ROWS.splitlines(), (host, port), (host, 0x1BCD)) == uid


def test_another_users_connection_gets_nothing(home: Home, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Port.of(home.web_cookie)
    monkeypatch.setattr(web, "uid_of", lambda rows, local, remote: os.getuid() + 1)
    assert send(ours, status_request(ours)) == b"" and node.calls == []
    monkeypatch.setattr(web, "uid_of", lambda rows, local, remote: None)
    assert send(ours, status_request(ours)) == b"" and node.calls == []


def test_a_slow_head_or_body_is_not_waited_for(home: Home, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEAD_TIMEOUT", 0.2)
    monkeypatch.setattr(serving, "BODY_TIMEOUT", 0.2)
    ours = Port.of(home.web_cookie)
    request = Request(ours).bytes()
    begun = time.monotonic()
    for length in (0, 10, request.index(walls.END), len(request) - 1):
        assert status_of(send(ours, request[:length])) in (0, 400)
    with socket.create_connection((ours.host, ours.port), timeout=5) as s:
        sent = 0
        with pytest.raises(ConnectionError):
            for byte in request:
                s.sendall(bytes([byte]))
                sent += 1
                time.sleep(0.02)
    assert sent < 60 and node.calls == []
    assert time.monotonic() - begun < 20


def test_only_one_request_a_connection(home: Home, node: FakeNode) -> None:
    ours = Port.of(home.web_cookie)
    answer = send(ours, status_request(ours) * 3)
    assert answer.count(b"HTTP/1.1 200") == 1 and len(node.calls) == 1
    assert send(ours, status_request(ours) + b"x" * 2 * MAX_BODY).count(b"HTTP/1.1") <= 1


def test_more_callers_than_places_wait_until_the_silent_ones_are_gone(
    home: Home, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEAD_TIMEOUT", 1.0)
    ours = Port.of(home.web_cookie)
    silent = [socket.create_connection((ours.host, ours.port)) for _ in range(200)]
    try:
        assert status_of(send(ours, status_request(ours), timeout=20)) == 200
    finally:
        for one in silent:
            one.close()


def test_no_descriptor_left_is_no_end(home: Home, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    from anyio._backends._trio import TCPSocketListener

    accept, failing = TCPSocketListener.accept, [3]

    async def fails(self: Any) -> Any:
        stream = await accept(self)
        if failing[0]:
            failing[0] -= 1
            await stream.aclose()
            raise OSError(24, "Too many open files")
        return stream

    monkeypatch.setattr(TCPSocketListener, "accept", fails)
    ours = Port.of(home.web_cookie)
    answers = [send(ours, status_request(ours)) for _ in range(5)]
    assert answers[-1] and failing == [0]
    assert Client(home.root).status() == {"state": "alone"}


def test_who_does_not_read_holds_up_no_stop(home: Home) -> None:
    node = FakeNode()
    node.answers["status"] = {"much": "x" * 50_000_000}
    begun: list[float] = []
    with running(home, node, V4):
        ours = Port.of(home.web_cookie)
        deaf = [socket.create_connection((ours.host, ours.port)) for _ in range(3)]
        deaf.append(socket.socket(socket.AF_UNIX))
        deaf[-1].connect(str(home.socket_path()))
        for one in deaf[:-1]:
            one.sendall(status_request(ours))
        deaf[-1].sendall(b"POST /v1/status HTTP/1.1\r\nHost: p2pnode\r\nContent-Type: application/json\r\n\r\n")
        end = time.monotonic() + 10
        while len(node.calls) < len(deaf) and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.5)  # until the answers fill what the system holds for the callers
        begun.append(time.monotonic())
    assert time.monotonic() - begun[0] < 3
    for one in deaf:
        one.close()


def test_the_log_is_not_filled(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Log:
        def warning(self, event: str, **more: Any) -> None:
            said.append(event)

    turned = serving._TurnedAway(Log())  # type: ignore[arg-type]
    now = [100.0]
    monkeypatch.setattr(serving.trio, "current_time", lambda: now[0])
    for _ in range(1_000):
        turned.away("x")
    now[0] += serving.SAY_EVERY
    turned.away("x")
    assert len(said) == 2
