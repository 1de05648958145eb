"""The page on the local network by real TLS: paired devices get it, nobody else does, and a pairing ends at once."""

import hashlib
import json
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest

from p2pnode import serving, uploads
from p2pnode.bounds import DEVICE_LIFE, MAX_FROM_ONE, MAX_GUESSES, MAX_UPLOAD
from p2pnode.home.folder import Home
from p2pnode.web import near_addresses
from p2pnode.web.paired import WITHHELD
from protocols.errors import Refusal
from tests.p2pnode.fake_node import FakeNode, make_home
from tests.p2pnode.hostile_at_lan import LAN_HOSTILE
from tests.p2pnode.hostile_requests import Port, Request, status_request
from tests.web.lan_port import Device, Served, on_loopback, send, served, trusting


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


@pytest.fixture
def node() -> FakeNode:
    made = FakeNode()
    made.answers["status"] = {"name": "Anna", "network": None, "peers": 0}
    made.answers["exchange.list"] = made.answers["search"] = made.answers["kinds.list"] = []
    return made


@pytest.fixture
def near(home: Home, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    on_loopback(monkeypatch)
    with served(home, node) as made:
        yield made


def paired(near: Served, name: str = "Ann's phone") -> Device:
    data = near.pair()
    device = Device(data["urls"][0])
    assert device.get(data["link"]).status == 200
    assert device.post(data["link"].removeprefix(device.url), name=name).status == 200
    return device


def test_a_device_is_paired_by_its_link(near: Served) -> None:
    data = near.pair()
    device = Device(data["urls"][0], trusting(near.home.web_lan))  # the certificate is for this address
    page = device.get(data["link"])
    assert "Anna" in page.words and page.form(data["link"].removeprefix(device.url)).fields == [
        ("name", "phone, Firefox")
    ]
    assert device.get(data["link"]).status == 200, "looking uses nothing up"
    assert device.get(f"{data['link']}/page.css").status == 200
    assert not device.cookies
    page = device.post(data["link"].removeprefix(device.url), name="Ann's phone")
    assert page.status == 200 and page.url == "/" and "neighbourhood" in page.words
    (said,) = device.said
    assert "httponly" in said.lower() and "samesite=strict" in said.lower() and "path=/" in said.lower()
    assert f"max-age={DEVICE_LIFE // 1000}" in said.lower()
    assert device.get("/exchanges").status == 200
    (row,) = near.inside(near.web.listed)
    assert (row["kind"], row["name"], row["address"]) == ("device", "Ann's phone", "127.0.0.1")
    assert "Firefox" in row["browser"]
    other = Device(device.url)
    assert other.get(data["link"]).status == 403 and other.get("/exchanges").status == 403
    assert "p2pnode web --lan" in other.get("/").fields["all"] and not other.cookies


def test_the_fingerprint_is_that_of_what_is_shown(near: Served) -> None:
    data = near.pair()
    device = Device(data["urls"][0])
    with socket.create_connection((device.host, device.port)) as plain, trusting().wrap_socket(plain) as s:
        shown = s.getpeercert(binary_form=True)
        assert s.version() == "TLSv1.3"
    assert shown and hashlib.sha256(shown).hexdigest().upper() == data["fingerprint"].replace(":", "")
    assert stat.S_IMODE(near.home.web_lan.stat().st_mode) == 0o600


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_and_plain_http_get_nothing(near: Served) -> None:
    device = paired(near)
    old = trusting()
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection((device.host, device.port), timeout=5) as plain, pytest.raises(OSError):
        old.wrap_socket(plain)
    with socket.create_connection((device.host, device.port), timeout=5) as plain:
        plain.sendall(status_request(device.ours))
        answer = b""
        with suppress(ConnectionError):
            while piece := plain.recv(4096):
                answer += piece
    assert b"HTTP" not in answer
    assert device.get("/static/page.css").status == 200


def test_every_hostile_request_is_turned_down_and_changes_nothing(near: Served) -> None:
    ours = paired(near).ours
    near.node.calls.clear()
    through = {}
    for group, name, make in LAN_HOSTILE:
        answer = send(ours, make(ours))
        if (answer and not answer.startswith(b"HTTP/1.1 403 ")) or near.node.calls:
            through[group, name] = answer[:80], list(near.node.calls)
        near.node.calls.clear()
    assert not through
    assert send(ours, status_request(ours)).startswith(b"HTTP/1.1 200 ")


def test_the_right_form_does_something(near: Served) -> None:
    """The control of the table: what each of its requests is but for one thing."""
    ours = paired(near).ours
    near.node.calls.clear()
    near.node.answers["listing.publish"] = {"listing_id": "ab" * 8}
    assert send(ours, Request(ours).bytes()).startswith(b"HTTP/1.1 303 ")
    assert near.node.last[0] == "listing.publish"


def test_guessing_codes_is_of_no_use(near: Served) -> None:
    data = near.pair()
    device = Device(data["urls"][0])
    for n in range(MAX_GUESSES):
        assert device.get(f"/pair/{'a' * 19}{'bcdefgh'[n]}").status == 403
    assert device.get(data["link"]).status == 403, "locked out"


FIELDS = {
    "web.revoke": {"ids": "ab" * 4},
    "backup": {"file": "/tmp/x", "passphrase": "x"},
    "notify.add": {"url": "ntfys://ntfy.sh/mallory"},
}


@pytest.mark.parametrize("name", sorted(WITHHELD))
def test_a_device_may_not_do_what_makes_it_master(near: Served, name: str) -> None:
    device = paired(near)
    near.node.calls.clear()
    fields = FIELDS.get(name, {})
    page = device.post(f"/do/{name}", request_id="0123456789abcdef", back="/", sure="yes", **fields)
    assert page.status in (403, 404, 422)
    assert name not in {call[0] for call in near.node.calls}
    answer = send(device.ours, Request(device.ours, target=f"/v1/{name}", body=b"{}").bytes())
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert name not in {call[0] for call in near.node.calls}


@pytest.mark.parametrize(
    ("setting", "done"), [("web", False), ("web_lan", False), ("lan", False), ("profile", False), ("name", True)]
)
def test_a_device_changes_no_settings_of_the_page(near: Served, setting: str, done: bool) -> None:
    device = paired(near)
    near.node.calls.clear()
    device.post("/do/settings.set", request_id="0123456789abcdef", back="/", sure="yes", name=setting, values="x")
    assert ("settings.set" in {call[0] for call in near.node.calls}) is done


def test_a_device_names_no_files_of_the_machine(near: Served) -> None:
    device = paired(near)
    near.node.calls.clear()
    fields = {"direction": "offer", "kind": "lend", "title": "Drill", "request_id": "0123456789abcdef"}
    for name in ("photos", "photos:list"):
        device.post("/do/listing.publish", **{name: "/home/anna/private.jpg"}, **fields)
    assert "private.jpg" not in repr(near.node.calls)
    device.post("/do/listing.publish", **fields)
    assert "listing.publish" in {call[0] for call in near.node.calls}


def test_a_pairing_that_is_revoked_ends_at_once_with_its_events(near: Served) -> None:
    device = paired(near)
    ours = device.ours
    with (
        socket.create_connection((ours.host, ours.port), timeout=10) as plain,
        trusting().wrap_socket(plain) as listening,
    ):
        listening.sendall(Request(ours, "GET", "/v1/events", body=b"").bytes())
        heard = b""
        while b": listening" not in heard:
            heard += listening.recv(4096)
        (row,) = near.inside(near.web.listed)
        assert near.inside(near.web.revoke, row["id"])
        while piece := listening.recv(4096):  # a time-out fails
            heard += piece
    assert device.get("/exchanges").status == 403
    assert near.inside(near.web.listed) == [] and json.loads(near.home.web_devices.read_bytes()) == []


@pytest.mark.parametrize("photo", ["", "/home/anna/private.jpg"])
def test_a_form_that_is_under_way_when_the_pairing_ends_does_nothing(near: Served, photo: str) -> None:
    """Neither as what it was, nor as somebody who may name files of the machine."""
    ours = paired(near).ours
    near.node.calls.clear()
    fields = {"direction": "offer", "kind": "lend", "title": "Drill", "request_id": "0123456789abcdef"}
    body = urlencode({**fields, **({"photos:list": photo} if photo else {})}).encode()
    request = Request(ours, target="/do/listing.publish", body=body).bytes()
    with socket.create_connection((ours.host, ours.port), timeout=10) as plain, trusting().wrap_socket(plain) as s:
        (row,) = near.inside(near.web.listed)
        s.sendall(request[:-4])
        until = time.monotonic() + 10
        while near.inside(near.web.listed)[0]["seen"] == row["seen"] and time.monotonic() < until:
            time.sleep(0.01)  # until it was let in
        assert near.inside(near.web.revoke, row["id"])
        s.sendall(request[-4:])
        answer = b""
        with suppress(ConnectionError, ssl.SSLError):
            while piece := s.recv(4096):
                answer += piece
    assert not near.node.calls and b" 403 " in answer.partition(b"\r\n")[0] and b"Drill" not in answer


def test_logging_out_on_the_device_ends_its_pairing(near: Served) -> None:
    device = paired(near)
    device.post("/do/page.logout")
    assert device.get("/exchanges").status == 403 and near.inside(near.web.listed) == []


def test_a_pairing_outlives_the_node(near: Served, home: Home, node: FakeNode) -> None:
    device = paired(near)
    near.close()
    assert device.ours.secret not in home.web_devices.read_text()
    assert stat.S_IMODE(home.web_devices.stat().st_mode) == 0o600
    with served(home, node) as again:
        again.begin(False)
        with pytest.raises(OSError):
            device.get("/exchanges")
        again.begin(True)
        assert device.get("/exchanges").status == 200
        trusted = Device(device.url, trusting(home.web_lan))
        trusted.cookies = device.cookies
        assert trusted.get("/exchanges").status == 200, "and the certificate is the same"


def test_it_is_closed_and_opened_again(near: Served) -> None:
    device = paired(near)
    assert near.inside(near.web.lan.close) and not near.inside(near.web.lan.close)
    assert near.web.lan.json()["open"] is False and near.web.lan.json()["urls"] == []
    with pytest.raises(OSError):
        device.get("/exchanges")
    assert near.pair()["urls"] == [device.url] and device.get("/exchanges").status == 200


def test_who_is_not_of_the_local_network_is_hung_up_on(near: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = paired(near).ours
    monkeypatch.setattr(near_addresses, "is_near", lambda address: False)
    with socket.create_connection((ours.host, ours.port), timeout=5) as plain, pytest.raises(OSError):
        trusting().wrap_socket(plain)


def test_without_an_address_of_a_local_network_it_says_so(near: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_addresses, "own_addresses", list)
    with pytest.raises(Refusal, match="no address of a local network"):
        near.pair()
    near.begin(True)
    assert near.web.lan.json()["problem"]


def test_ports_that_are_all_taken_are_said(near: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from p2pnode.web import lan

    monkeypatch.setattr(lan, "WEB_LAN_PORTS", 1)
    with socket.create_server(("127.0.0.1", lan.WEB_LAN_PORT)):
        with pytest.raises(Refusal, match="taken"):
            near.pair()
        near.begin(True)
        assert "taken" in near.web.lan.json()["problem"]
    assert near.pair()["open"]


def test_silent_and_slow_callers_keep_nobody_out(near: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "TLS_TIMEOUT", 0.5)
    device = paired(near)
    silent = [socket.create_connection((device.host, device.port)) for _ in range(MAX_FROM_ONE - 4)]
    try:
        assert device.get("/static/page.css").status == 200
        deadline = time.monotonic() + 20
        for one in silent:
            one.settimeout(max(0.1, deadline - time.monotonic()))
            assert _ended(one), "a handshake has an end"
    finally:
        for one in silent:
            one.close()


def _ended(one: socket.socket) -> bool:
    try:
        return one.recv(4096) == b""
    except ConnectionError:
        return True


def test_one_address_has_only_so_many_places(near: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEAD_TIMEOUT", 60.0)
    ours: Port = paired(near).ours
    monkeypatch.setattr(serving, "MAX_FROM_ONE", 5)
    with ExitStack() as held:
        for _ in range(5):
            plain = held.enter_context(socket.create_connection((ours.host, ours.port), timeout=5))
            held.enter_context(trusting().wrap_socket(plain))
        with socket.create_connection((ours.host, ours.port), timeout=5) as plain, pytest.raises(OSError):
            trusting().wrap_socket(plain)


def test_uploads_have_only_so_much_room(near: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "UPLOAD_LINE", 0.3)
    ours: Port = paired(near).ours

    def form(size: int) -> bytes:
        fields = {
            "Host": ours.name,
            "Cookie": f"{ours.session}={ours.secret}",
            "Origin": ours.origin,
            "Content-Type": "multipart/form-data; boundary=x",
            "Content-Length": str(size),
        }
        return "\r\n".join(["POST /do/listing.publish HTTP/1.1", *map(": ".join, fields.items()), "", ""]).encode()

    whole = form(1_000_000) + bytes(1_000_000)
    with ExitStack() as held:
        plain = held.enter_context(socket.create_connection((ours.host, ours.port), timeout=5))
        first = held.enter_context(trusting().wrap_socket(plain))
        first.sendall(form(MAX_UPLOAD) + b"x")
        while not near.web.lan._uploads.under_way:
            time.sleep(0.01)
        answer = send(ours, whole)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"try again in a moment" in answer
        assert send(ours, status_request(ours)), "what is no upload is answered"
    while near.web.lan._uploads.under_way:
        time.sleep(0.01)
    answer = send(ours, whole)
    assert answer.startswith(b"HTTP/1.1 ") and b" 503 " not in answer.partition(b"\r\n")[0]
