"""The control API over its real socket, against a node that only remembers; and callers that mean ill."""

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from p2pnode.bounds import MAX_BODY, MAX_LISTENERS
from p2pnode.client import Client
from p2pnode.commands import COMMANDS, Search
from p2pnode.home.folder import Home
from protocols.errors import DecodeError, Refusal
from tests.p2pnode.fake_node import FakeNode, make_home, running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


@pytest.fixture
def node(home: Home) -> Iterator[FakeNode]:
    fake = FakeNode()
    with running(home, fake):
        yield fake


def raw(home: Home, request: bytes, more: bool = False) -> tuple[int, dict[str, Any], bytes]:
    """Send bytes as they are; status, JSON and everything of the answer."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(home.socket_path()))
        try:
            s.sendall(request)
            if not more:
                s.shutdown(socket.SHUT_WR)
        except BrokenPipeError:
            pass
        data = b""
        try:
            while piece := s.recv(65536):
                data += piece
        except ConnectionResetError:
            pass
    if not data:
        return 0, {}, data
    if not data.startswith(b"HTTP/1"):
        return 0, {}, data
    head, _, body = data.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    try:
        return status, json.loads(body), data
    except ValueError:
        return status, {}, data


def post(home: Home, name: str, body: bytes, *headers: str) -> tuple[int, dict[str, Any]]:
    lines = [f"POST /v1/{name} HTTP/1.1", "Host: p2pnode", "Connection: close", f"Content-Length: {len(body)}"]
    if not any(h.lower().startswith("content-type") for h in headers):
        lines.append("Content-Type: application/json")
    status, value, _ = raw(home, "\r\n".join([*lines, *headers, "", ""]).encode() + body, more=True)
    return status, value


def test_a_command_reaches_the_node_and_its_data_comes_back(home: Home, node: FakeNode) -> None:
    node.answers["search"] = [{"title": "Schneefräse", "score": 0.5}]
    assert Client(home.root).search("snow", within_km=5) == [{"title": "Schneefräse", "score": 0.5}]
    assert node.last == (
        "search",
        {"query": "snow", "within_km": 5.0, "sort": "relevance", "limit": 50, "everywhere": False},
    )
    assert node.calls[0][2], "a call carries a request id"
    assert isinstance(node.calls[0][1], Search)


def test_dots_are_underscores_in_the_python_api(home: Home, node: FakeNode) -> None:
    Client(home.root, network="Elm").exchange_propose(listing="ab", quantity=2)
    assert node.last == ("exchange.propose", {"listing": "ab", "quantity": 2, "note": "", "network": "Elm"})


def test_structs_and_tuples_become_json(home: Home, node: FakeNode) -> None:
    class Row(msgspec.Struct):
        a: int

    node.answers["status"] = {"rows": (Row(1), Row(2))}
    assert Client(home.root).status() == {"rows": [{"a": 1}, {"a": 2}]}


@pytest.mark.parametrize("code", list(Refusal.EXIT))
def test_a_refusal_arrives_as_it_was_raised(home: Home, node: FakeNode, code: str) -> None:
    node.answers["status"] = Refusal(code, "No.", "Do this.")
    with pytest.raises(Refusal) as e:
        Client(home.root).status()
    assert (e.value.code, e.value.message, e.value.hint) == (code, "No.", "Do this.")


def test_what_the_user_typed_wrong_is_a_usage_error(home: Home, node: FakeNode) -> None:
    node.answers["search"] = DecodeError("a price is AMOUNT[ UNIT][/PER]")
    with pytest.raises(Refusal) as e:
        Client(home.root).search("x", max_price="cheap")
    assert e.value.code == "usage" and "AMOUNT" in e.value.message


@pytest.mark.parametrize(
    "bug", [ZeroDivisionError("secret detail"), ExceptionGroup("g", [ValueError("secret detail")])]
)
def test_a_bug_is_a_short_id_to_the_user_and_a_trace_in_the_log(home: Home, node: FakeNode, bug: Exception) -> None:
    node.answers["status"] = bug
    with pytest.raises(Refusal) as e:
        Client(home.root).status()
    assert e.value.code == "failed"
    assert "secret detail" not in e.value.message + e.value.hint
    node.answers["status"] = {"state": "alone"}
    assert Client(home.root).status() == {"state": "alone"}, "and the node lives on"


def test_data_that_json_cannot_hold_is_a_bug_too(home: Home, node: FakeNode) -> None:
    node.answers["status"] = {"x": object()}
    with pytest.raises(Refusal) as e:
        Client(home.root).status()
    assert e.value.code == "failed"


@pytest.mark.parametrize(
    ("name", "body", "status", "word"),
    [
        ("nothing", b"{}", 404, "no command"),
        ("search", b"{", 400, "JSON"),
        ("search", b"\xff\xfe", 400, "JSON"),
        ("search", b"[]", 400, "object"),
        ("search", b"null", 400, "object"),
        ("search", b'{"query": "a", "query": "b"}', 400, "twice"),
        ("search", b'{"within_km": NaN}', 400, "NaN"),
        ("search", b'{"within_km": -1}', 400, "within_km"),
        ("search", b'{"within_km": "5"}', 400, "within_km"),
        ("search", b'{"limit": true}', 400, "limit"),
        ("search", b'{"limit": 1' + b"0" * 5000 + b"}", 400, "JSON"),
        ("search", b'{"colour": 1}', 400, "colour"),
        ("search", b"[" * 100_000, 400, "JSON"),
        ("attest", b'{"exchange": "ab", "outcome": 3}', 400, "outcome"),
        ("attest", b'{"exchange": "ab"}', 400, "outcome"),
        ("listing.publish", b'{"direction": "gift", "kind": "rent", "title": "t"}', 400, "direction"),
    ],
)
def test_bad_bodies_are_named_and_never_reach_the_node(
    home: Home, node: FakeNode, name: str, body: bytes, status: int, word: str
) -> None:
    got, value = post(home, name, body)
    assert got == status
    assert set(value) == {"schema", "error"} and set(value["error"]) == {"code", "message", "hint"}
    assert word in value["error"]["message"]
    assert node.calls == []


def test_only_json_for_this_host_without_an_origin(home: Home, node: FakeNode) -> None:
    assert post(home, "status", b"{}", "Content-Type: text/plain")[0] == 400
    assert post(home, "status", b"{}", "Origin: http://evil.example")[0] == 403
    assert post(home, "status", b"{}", "X-Request-Id: a b")[0] == 400
    for host in (b"Host: localhost\r\n", b"Host: p2pnode.example\r\n"):
        head = b"POST /v1/status HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\nContent-Length: 2\r\n"
        assert raw(home, head + b"Connection: close\r\n\r\n{}")[0] == 403
    assert node.calls == []
    assert post(home, "status", b"{}", "X-Request-Id: 12345678")[0] == 200
    assert node.calls[-1][2] == "12345678"


def test_a_body_that_is_too_large_is_not_kept(home: Home, node: FakeNode) -> None:
    status, value = post(home, "search", b'{"query": "' + b"x" * MAX_BODY + b'"}')
    assert status == 400 and "bytes" in value["error"]["message"]
    endless = b"POST /v1/search HTTP/1.1\r\nHost: p2pnode\r\nContent-Type: application/json\r\n"
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    got, value, _ = raw(home, endless + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 20)
    assert got in (0, 403)
    assert node.calls == []


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00" * 4096,
        b"GET\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nHost: p2pnode\r\nContent-Length: -5\r\n\r\n",
        b"GET /v1/" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: p2pnode\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: p2pnode\r\nConnection: close\r\n\r\n",
        b"DELETE /v1/search HTTP/1.1\r\nHost: p2pnode\r\nConnection: close\r\n\r\n",
        b"GET /v1/events HTTP/1.1\r\nHost: p2pnode\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64,
        b"POST /v1/search HTTP/1.1\r\nHost: p2pnode\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    ],
)
def test_any_bytes_leave_the_node_answering(home: Home, node: FakeNode, junk: bytes) -> None:
    status, _, answer = raw(home, junk)
    assert status == 0 or 400 <= status < 600, answer
    assert b"Traceback" not in answer
    node.answers["status"] = {"state": "alone"}
    assert Client(home.root).status() == {"state": "alone"}
    assert [name for name, _, _ in node.calls] == ["status"]


@pytest.mark.parametrize(
    "request_",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
        b"GET /v1 HTTP/1.1\r\nHost: p2pnode\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        b"GET /v1/events HTTP/1.1\r\nHost: p2pnode\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        b"OPTIONS /v1/status HTTP/1.1\r\nHost: p2pnode\r\n\r\n",
        b"GET http://p2pnode/v1 HTTP/1.1\r\nHost: p2pnode\r\n\r\n",
        b"GET /v1 HTTP/1.1\r\nHost: p2pnode\r\nHost: p2pnode\r\n\r\n",
    ],
)
def test_no_other_protocol_is_spoken(home: Home, node: FakeNode, request_: bytes) -> None:
    status, value, _ = raw(home, request_, more=True)
    assert status == 403 and value["error"]["code"] == "refused"


def test_one_request_a_connection(home: Home, node: FakeNode) -> None:
    one = b"POST /v1/status HTTP/1.1\r\nHost: p2pnode\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    _, _, answer = raw(home, one * 3, more=True)
    assert answer.count(b"HTTP/1.1 ") == 1 and b"connection: close" in answer and len(node.calls) == 1


def test_the_socket_is_the_owners_alone_and_goes_away(home: Home) -> None:
    before = os.umask(0)
    try:
        with running(home, FakeNode()):
            mode = home.socket_path().stat().st_mode
            assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
            assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
    finally:
        os.umask(before)
    assert not home.socket_path().exists()


def test_a_dead_nodes_socket_is_replaced(home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(home.socket_path()))
    with running(home, FakeNode()):
        assert Client(home.root).status() == {}


def test_another_users_call_is_turned_away(home: Home, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.control.peer_uid", lambda connection: os.getuid() + 1)
    with pytest.raises(Refusal):
        Client(home.root, timeout=5).status()
    assert node.calls == []


def test_events_come_as_they_happen_and_end_with_the_caller(home: Home, node: FakeNode) -> None:
    node.events = [{"type": "listing.new", "title": "a\nb: c"}, {"type": "peer\n\nevil", "n": 1}]
    events = Client(home.root).events()
    assert [next(events), next(events)] == node.events
    assert node.listening == 1
    events.close()
    deadline = time.monotonic() + 5
    while node.listening and time.monotonic() < deadline:
        time.sleep(0.01)
    assert node.listening == 0


def test_listeners_are_bounded(home: Home, node: FakeNode) -> None:
    node.events = [{"type": "x"}]
    streams = [Client(home.root).events() for _ in range(MAX_LISTENERS)]
    for stream in streams:
        next(stream)
    with pytest.raises(Refusal):
        Client(home.root).events()
    for stream in streams:
        stream.close()


def test_the_table_describes_itself(home: Home, node: FakeNode) -> None:
    status, value, _ = raw(home, b"GET /v1 HTTP/1.1\r\nHost: p2pnode\r\nConnection: close\r\n\r\n")
    assert status == 200 and set(value["data"]) == set(COMMANDS)
    assert all(row["summary"] and "properties" in json.dumps(row["args"]) for row in value["data"].values())


def test_a_dropped_connection_repeats_the_call_under_the_same_id(home: Home) -> None:
    """A server that takes the request and hangs up, as one that is killed between its commit and its reply."""
    seen: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home.socket_path()))
        listening.listen(4)

        def serve() -> None:
            for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{", b"GO"):
                connection, _ = listening.accept()
                with connection:
                    request = b""
                    while not request.endswith(b"}"):
                        request += connection.recv(65536)
                    seen.append(request)
                    if answer == b"GO":
                        body = b'{"schema": 1, "data": {"done": 1}}'
                        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert Client(home.root, timeout=3).call("exchange.pay", {"id": "ab"}) == {"done": 1}
        thread.join()
    ids = {line for request in seen for line in request.split(b"\r\n") if line.startswith(b"X-Request-Id")}
    assert len(seen) == 3 and len(ids) == 1


def test_no_node_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as e:
        Client(tmp_path / "nowhere").status()
    assert e.value.code == "no_daemon" and "init" in e.value.hint
    home = make_home(tmp_path / "home")
    with pytest.raises(Refusal) as e:
        Client(home.root).status()
    assert e.value.code == "no_daemon" and "p2pnode run" in e.value.hint
    with home.locked(), pytest.raises(Refusal) as e:
        Client(home.root).status()
    assert "starting" in e.value.message


def test_a_silent_node_is_a_time_out(home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home.socket_path()))
        listening.listen(1)
        with pytest.raises(Refusal) as e:
            Client(home.root, timeout=0.05).status()
    assert e.value.code == "unreachable"


def test_events_go_on_after_the_one_that_was_heard_last(home: Home, node: FakeNode) -> None:
    node.events = [{"type": "peer", "event_id": "0a1b.7", "n": 1}]
    events = Client(home.root).events("0a1b.6")
    assert next(events) == node.events[0] and node.after == "0a1b.6"
    events.close()
    assert b"event: peer\nid: 0a1b.7\ndata: " in raw_events(home)


def test_a_page_says_in_the_address_what_it_heard_last(home: Home, node: FakeNode) -> None:
    """An EventSource sends a header only when it comes back."""
    node.events = [{"type": "peer", "event_id": "0a1b.7", "n": 1}]
    raw_events(home, "/v1/events?after=0a1b.5")
    assert node.after == "0a1b.5"


def raw_events(home: Home, target: str = "/v1/events") -> bytes:
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(home.socket_path()))
        s.sendall(f"GET {target} HTTP/1.1\r\nHost: p2pnode\r\nConnection: close\r\n\r\n".encode())
        told = b""
        while b"data: " not in told:
            told += s.recv(65536)
    return told


def test_who_watches_hears_on_over_restarts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.client.WATCH_AGAIN", 0.01)
    first, second = FakeNode(), FakeNode()
    first.events = [{"type": "resync", "event_id": "aa.1"}, {"type": "changed", "event_id": "aa.2", "what": ["ledger"]}]
    second.events = [{"type": "resync", "event_id": "bb.1"}]
    watched = Client(home.root).watch()
    with running(home, first):
        assert [next(watched), next(watched)] == first.events
        assert first.after == "0"
    with running(home, second):
        assert next(watched) == second.events[0]
        assert second.after == "aa.2"
    watched.close()
