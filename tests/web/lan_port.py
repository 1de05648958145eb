"""The page on the local network, on loopback, with a client that speaks TLS: the one place that calls loopback near."""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

import pytest
import trio

from p2pnode.home.folder import Home
from p2pnode.web import lan, near_addresses
from p2pnode.web.port import Web
from tests.p2pnode.fake_node import FakeNode
from tests.p2pnode.hostile_requests import Port
from tests.web.browser import Page
from tests.web.street import LOG

PHONE = "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0"


def on_loopback(patch: pytest.MonkeyPatch) -> None:
    """Loopback counts as the local network, at any free port."""
    patch.setattr(near_addresses, "own_addresses", lambda: ["127.0.0.1"])
    patch.setattr(near_addresses, "own_name", lambda: "pi.local")
    patch.setattr(near_addresses, "is_near", lambda address: address == "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as free:
        patch.setattr(lan, "WEB_LAN_PORT", free.getsockname()[1])


class Served:
    """A node whose page can be opened to the local network."""

    def __init__(self, home: Home, node: FakeNode) -> None:
        self.home, self.node = home, node
        self.web = Web(node, home, LOG)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._main,))
        self._thread.start()
        assert self._ready.wait(10)

    async def _main(self) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery, self._token = nursery, trio.lowlevel.current_trio_token()
            self._ready.set()
            await trio.sleep_forever()

    def pair(self) -> dict[str, Any]:
        data: dict[str, Any] = self.run(self.web.lan.pair, self._nursery)
        return data

    def begin(self, on: bool) -> None:
        self.run(self.web.begin, self._nursery, "", on)

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        return trio.from_thread.run(function, *args, trio_token=self._token)

    def inside(self, function: Callable[..., Any], *args: Any) -> Any:
        return trio.from_thread.run_sync(function, *args, trio_token=self._token)

    def close(self) -> None:
        if not self._thread.is_alive():
            return
        self.inside(self._nursery.cancel_scope.cancel)
        self._thread.join(10)
        assert not self._thread.is_alive()


@contextmanager
def served(home: Home, node: FakeNode) -> Iterator[Served]:
    made = Served(home, node)
    try:
        yield made
    finally:
        made.close()


def trusting(file: Path | None = None) -> ssl.SSLContext:
    """A client that trusts the certificate in the file; without one, whatever it is shown."""
    context = ssl.create_default_context(cafile=file)
    if file is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def send(ours: Port, request: bytes, timeout: float = 5.0) -> bytes:
    """All of the answer, by TLS; nothing if the node hung up."""
    data = b""
    with (
        socket.create_connection((ours.host, ours.port), timeout=timeout) as plain,
        trusting().wrap_socket(plain, suppress_ragged_eofs=True) as s,
    ):
        try:
            s.sendall(request)
            while piece := s.recv(65536):
                data += piece
        except (ConnectionError, ssl.SSLError):
            pass
    return data


class Device:
    """A browser without scripts, elsewhere. url: of the page. cookies: kept only if they are as they should be."""

    def __init__(self, url: str, trust: ssl.SSLContext | None = None) -> None:
        self.url, self.trust = url, trust or trusting()
        self.host, _, port = url.removeprefix("https://").rpartition(":")
        self.port = int(port)
        self.cookies: dict[str, str] = {}
        self.said: list[str] = []  # the cookies as they were set

    @property
    def ours(self) -> Port:
        (secret,) = (v for n, v in self.cookies.items() if n == f"__Host-p2pnode-{self.port}")
        return Port(self.host, self.port, secret, lan=True)

    def get(self, path: str) -> Page:
        return self._ask("GET", path.removeprefix(self.url), None)

    def post(self, path: str, **fields: str) -> Page:
        return self._ask("POST", path, urlencode(fields).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Page:
        for _ in range(4):
            head = {"User-Agent": PHONE, "Sec-Fetch-Site": "same-origin"}
            if self.cookies:
                head["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            if method == "POST":
                head |= {"Origin": self.url, "Content-Type": "application/x-www-form-urlencoded"}
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=20, context=self.trust)
            with closing(connection):
                connection.request(method, path, body, head)
                answer = connection.getresponse()
                text = answer.read().decode()
            for cookie in answer.headers.get_all("set-cookie") or ():
                self.said.append(cookie)
                name, _, rest = cookie.partition("=")
                assert name.startswith("__Host-") and "secure" in rest.lower() and "domain" not in rest.lower()
                self.cookies[name] = rest.partition(";")[0]
            if answer.status != 303:
                return Page(
                    answer.status, path, text if answer.status == 200 and "<html" in text else "", {"all": text}
                )
            path, method, body = urljoin(path, answer.getheader("location", "")), "GET", None
        raise AssertionError("goes round in circles")
