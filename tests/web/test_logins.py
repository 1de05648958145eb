"""Links are good once and not for long; sessions end, and can be ended; nothing of either is kept as it is."""

import http.client
import pickle
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from p2pnode.bounds import LINK_LIFE, MAX_FLASHES, MAX_LINKS, MAX_SESSIONS, SESSION_LIFE
from p2pnode.web.held import Held
from p2pnode.web.logins import Logins
from p2pnode.web.port import Web, bind_loopback
from protocols.errors import Refusal
from tests.p2pnode.fake_node import FakeNode, make_home
from tests.web.browser import Browser
from tests.web.street import LOG

LINK, SECRET = "ab" * 32, "cd" * 32


class Clock:
    now = 1_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logins(clock: Clock) -> Logins:
    return Logins(clock)


def test_a_link_is_good_once(logins: Logins) -> None:
    logins.invite(LINK)
    assert logins.is_invited(LINK.encode()) and not logins.is_invited(SECRET.encode())
    session = logins.log_in(LINK, SECRET, "Firefox")
    assert session is not None and session.browser == "Firefox" and logins.is_known(SECRET.encode())
    assert not logins.is_invited(LINK.encode()) and logins.log_in(LINK, "ef" * 32) is None
    assert not logins.is_known(b"ef" * 32)


def test_a_link_is_good_for_some_minutes(logins: Logins, clock: Clock) -> None:
    until = logins.invite(LINK)
    clock.now = until - 1
    assert logins.is_invited(LINK.encode())
    clock.now = until
    assert until == 1_000 + LINK_LIFE and not logins.is_invited(LINK.encode())
    assert logins.log_in(LINK, SECRET) is None and not logins.is_known(SECRET.encode())


def test_a_session_ends(logins: Logins, clock: Clock) -> None:
    logins.invite(LINK)
    logins.log_in(LINK, SECRET)
    clock.now += SESSION_LIFE - 1
    assert logins.is_known(SECRET.encode())
    clock.now += 1
    assert not logins.is_known(SECRET.encode()) and logins.sessions() == []


def test_sessions_are_listed_and_revoked(logins: Logins, clock: Clock) -> None:
    for n in range(3):
        clock.now += 1
        logins.invite(f"{n:064x}")
        logins.log_in(f"{n:064x}", f"{n + 100:064x}")
    first = logins.sessions()[-1]
    assert [s.since for s in logins.sessions()] == [1_003, 1_002, 1_001]
    assert logins.revoke(first.id) and not logins.revoke(first.id)
    assert not logins.is_known(f"{100:064x}".encode()) and logins.is_known(f"{101:064x}".encode())


def test_there_are_only_so_many(logins: Logins, clock: Clock) -> None:
    for n in range(2 * MAX_SESSIONS):
        clock.now += 1
        logins.invite(f"{n:064x}")
        assert logins.log_in(f"{n:064x}", f"{n + 1_000:064x}")
    assert len(logins.sessions()) == MAX_SESSIONS and not logins.is_known(f"{1_000:064x}".encode())
    for n in range(MAX_LINKS + 1):
        logins.invite(f"{n:064x}")
    assert not logins.is_invited(f"{0:064x}".encode()) and logins.is_invited(f"{1:064x}".encode())
    session = logins.sessions()[0]
    for n in range(10):
        session.tell("ok", str(n))
    assert [text for _, text in session.take_flashes()] == ["6", "7", "8", "9"][-MAX_FLASHES:]
    assert session.take_flashes() == []


def test_neither_link_nor_secret_is_kept() -> None:
    logins = Logins(int)
    logins._now = lambda: 5  # type: ignore[method-assign, assignment]
    logins.invite(LINK)
    logins.invite("99" * 32)
    logins.log_in(LINK, SECRET)
    kept = pickle.dumps((logins._links, logins._sessions))
    for secret in (LINK, SECRET, "99" * 32):
        assert secret.encode() not in kept and bytes.fromhex(secret) not in kept


class Served:
    """A node whose page was asked for; `ask` makes a link, as the command does."""

    def __init__(self, folder: Path) -> None:
        self.home = make_home(folder)
        self.node = FakeNode()
        self.web = Web(self.node, self.home, LOG)  # type: ignore[arg-type]
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._main,))
        self._thread.start()
        assert self._ready.wait(10)

    async def _main(self) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery, self._token = nursery, trio.lowlevel.current_trio_token()
            self._ready.set()
            await trio.sleep_forever()

    def ask(self) -> dict[str, str]:
        return trio.from_thread.run(self.web.login, self._nursery, trio_token=self._token)  # type: ignore[return-value]

    def close(self) -> None:
        trio.from_thread.run_sync(self._nursery.cancel_scope.cancel, trio_token=self._token)
        self._thread.join(10)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "home")
    yield made
    made.close()


def test_the_link_opens_the_page_once(served: Served) -> None:
    assert not served.home.web_cookie.exists(), "closed until it is asked for"
    served.node.answers["status"] = {"name": "Anna", "network": None, "peers": 0}
    data = served.ask()
    url, path = data["url"], data["link"].removeprefix(data["url"])
    ours, other = Browser(url), Browser(url)
    assert other.get("/exchanges").status == 403
    served.node.answers["exchange.list"] = []
    served.node.answers["search"] = []
    served.node.answers["kinds.list"] = []
    page = ours.get(path, **{"Sec-Fetch-Site": "none"})
    assert page.status == 200 and page.url == "/" and "neighbourhood" in page.words
    (name,) = ours.cookies
    assert name == f"p2pnode-{url.rpartition(':')[2]}" and len(ours.cookies[name]) == 64
    assert other.get(path).status == 403 and not other.cookies
    assert ours.get("/exchanges").status == 200
    assert ours.get("/v1").status == 200, "the API is open to a session, too"
    ours.post("/do/page.logout", b"")
    assert ours.get("/exchanges").status == 403


def test_a_browser_that_is_logged_out_hears_no_more_events(served: Served) -> None:
    data = served.ask()
    browser = Browser(data["url"])
    browser.get(data["link"].removeprefix(data["url"]), **{"Sec-Fetch-Site": "none"})
    ((name, secret),) = browser.cookies.items()
    connection = http.client.HTTPConnection(data["url"].removeprefix("http://"), timeout=10)
    connection.request("GET", "/v1/events", headers={"Cookie": f"{name}={secret}"})
    answer = connection.getresponse()
    while b": listening" not in answer.readline():
        pass
    (row,) = served.web.listed()
    assert trio.from_thread.run_sync(served.web.revoke, row["id"], trio_token=served._token)
    with suppress(http.client.IncompleteRead):
        answer.read()  # a time-out fails
    connection.close()


@pytest.mark.parametrize(("path", "reached"), [("/", False), ("/v1/events", False), ("/pair/abc", True)])
async def test_who_is_logged_out_after_the_walls_let_him_in_gets_nothing(path: str, reached: bool) -> None:
    """But may log in again."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])

    async def send(message: Any) -> None:
        seen.append(str(message.get("status", "")))

    scope = {"type": "http", "method": "GET", "path": path, "headers": [(b"cookie", b"c=" + SECRET.encode())]}
    await Held(app, Logins(lambda: 5), "c")(scope, app, send)  # type: ignore[arg-type]
    assert seen[0] == (path if reached else "403")


def test_the_session_cookie_is_for_our_own_page_alone(served: Served) -> None:
    data = served.ask()
    connection = http.client.HTTPConnection(data["url"].removeprefix("http://"), timeout=10)
    connection.request("GET", data["link"].removeprefix(data["url"]))
    cookie = connection.getresponse().getheader("set-cookie", "")
    connection.close()
    assert "httponly" in cookie.lower() and "samesite=strict" in cookie.lower() and "path=/" in cookie.lower()
    assert f"max-age={SESSION_LIFE // 1000}" in cookie.lower() and "domain" not in cookie.lower()


def test_the_port_is_opened_once(served: Served) -> None:
    first, second = served.ask(), served.ask()
    assert first["url"] == second["url"] and first["link"] != second["link"]


def test_another_port_where_the_usual_one_is_taken(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from p2pnode.web import port

    taken = bind_loopback("127.0.0.1:0")
    try:
        monkeypatch.setattr(port, "WEB_PORT", taken.getsockname()[1])
        assert served.ask()["url"].startswith("http://127.0.0.1:")
        assert served.web.url != f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        taken.close()


def test_a_port_that_is_refused_is_said(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from p2pnode.web import port

    monkeypatch.setattr(port, "WEB_PORT", 80)
    with pytest.raises(Refusal, match="no address"):
        served.ask()
