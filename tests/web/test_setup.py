"""The page of a home without a node: what it asks, that nothing is written before the words were seen, and what a
stranger gets. Over a real door; the last test over the real program, to the first listing."""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trio
from mnemonic import Mnemonic

from p2pnode.home.config import load_config
from p2pnode.home.folder import Home
from p2pnode.home.keystore import load_keystore
from p2pnode.home.pending import load_pending
from p2pnode.web.setup import serve_set_up
from protocols.identity import incept
from tests.e2e.nodes import CLI, ROOT
from tests.web.browser import Browser, Page
from tests.web.hostile import HOSTILE

MOST_ACTIONS = 10
TARGET = "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWCZaPq6Bx7CEEm7NfchiZpQQcMMcrKAEZYuWBfP44jvBm"


class Serving:
    """The page in a thread. handed: what the node would go on with."""

    def __init__(self, home: Home) -> None:
        self.home, self._ready = home, threading.Event()
        self.handed: Any = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(20)

    def _run(self) -> None:
        self.handed = trio.run(self._main)

    async def _main(self) -> Any:
        self._token = trio.lowlevel.current_trio_token()
        with trio.CancelScope() as self._scope:
            return await serve_set_up(self.home, self._say)

    def close(self) -> None:
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._scope.cancel)
        self._thread.join(15)
        if self.handed is not None:
            self.handed.listening.close()

    def _say(self, url: str, link: str, until: int) -> None:
        self.url, self.link = url, link
        self._ready.set()

    def ended(self) -> Any:
        self._thread.join(15)
        return self.handed

    def browser(self, language: str = "en") -> Browser:
        browser = Browser(self.url, language)
        browser.get(self.link.removeprefix(self.url))
        return browser


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(Home(tmp_path / "home"))
    yield made
    made.close()


def words_of(page: Page) -> tuple[list[str], list[int]]:
    """The words, and the numbers of the two that are asked back."""
    return re.findall(r"<li>([a-z]+)</li>", page.source), [int(n) for n in re.findall(r"Wor[dt] (\d+)", page.source)]


def asked_back(page: Page) -> dict[str, str]:
    words, numbers = words_of(page)
    assert len(words) == 24 and len(set(numbers)) == 2
    return {f"word{i}": words[n - 1] for i, n in enumerate(numbers)}


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_node_is_made_of_what_was_asked(serving: Serving, language: str) -> None:
    browser = serving.browser(language)
    page = browser.submit("/do/setup.begin", name="Ann", area="52.52, 13.405", network="Elm Street")
    words, _ = words_of(page)
    assert "u33dc · Berlin" in page.words and not serving.home.root.exists(), "nothing is written yet"
    page = browser.submit("/do/setup.make", **asked_back(page))
    assert page.status == 200 and page.fields["refresh"].startswith("0; url=/")
    handed = serving.ended()
    assert handed.listening.getsockname()[1] == int(serving.url.rpartition(":")[2])
    assert handed.logins.is_known(next(iter(browser.cookies.values())).encode()), "the session goes on"
    config, _ = load_config(serving.home)
    assert (config.name, config.area) == ("Ann", "u33dc")
    assert [n.name for n in load_pending(serving.home).network] == ["Elm Street"]
    keys, _ = load_keystore(serving.home.keystore, None)
    _, inception = incept(bytes(Mnemonic("english").to_entropy(" ".join(words))))
    assert inception == keys.public.inception, "these words are this identity's"


@pytest.mark.parametrize(
    ("typed", "network", "joins"),
    [({"target": TARGET}, False, True), ({"network": "Elm Street", "target": TARGET, "way": "join"}, False, True),
     ({"network": "Elm Street", "target": TARGET}, True, False), ({"target": TARGET, "way": "later"}, False, False)],
)  # fmt: skip
def test_who_gives_a_link_and_names_no_network_means_the_link(
    serving: Serving, typed: dict[str, str], network: bool, joins: bool
) -> None:
    browser = serving.browser()
    page = browser.submit("/do/setup.begin", name="Ann", **typed)
    assert browser.submit("/do/setup.make", **asked_back(page)).status == 200
    serving.ended()
    noted = load_pending(serving.home)
    assert (bool(noted.network), [one.target for one in noted.join]) == (network, [TARGET] if joins else [])


def test_where_one_lives_is_typed_by_name_and_chosen_on_a_map(serving: Serving) -> None:
    """The town's middle first; then another square of the map, and none that was not on it."""
    browser = serving.browser()
    page = browser.submit("/do/setup.begin", name="Ann", area="Potsdam", way="later")
    assert page.status == 422 and "Potsdam, DE; Potsdam, US" in page.words
    page = browser.submit("/do/setup.begin", name="Ann", area="Potsdam, DE", way="later")
    words, _ = words_of(page)
    squares = re.findall(r'name="cell" value="(\w+)"( aria-pressed="true")?', page.source.partition("<details")[0])
    assert len(squares) == 49 and [cell for cell, pressed in squares if pressed] == ["u3361"]
    assert "u3361 · Potsdam" in page.words and "Kleinmachnow" in page.words
    page = browser.post("/do/setup.area", urlencode({"cell": "u336h"}).encode())
    assert "u336h · Kleinmachnow" in page.words and words_of(page)[0] == words, "the words stay"
    for other in ("u0000", "", "u336", "<b>", "dresden"):
        assert "u336h · Kleinmachnow" in browser.post("/do/setup.area", urlencode({"cell": other}).encode()).words
    assert browser.submit("/do/setup.make", **asked_back(page)).status == 200
    serving.ended()
    assert load_config(serving.home)[0].area == "u336h"


def test_nowhere_and_a_larger_cell_have_no_map(serving: Serving) -> None:
    browser = serving.browser()
    for area in ("", "u33"):
        page = browser.submit("/do/setup.begin", name="Ann", area=area, way="later")
        assert page.status == 200 and "/do/setup.area" not in page.source
        browser.submit("/do/setup.back")


def test_a_second_node_of_a_machine_has_a_port_of_its_own(serving: Serving) -> None:
    browser = serving.browser()
    page = browser.submit("/do/setup.begin", name="Ann", way="later")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # somebody else has it: as good
            taken.bind(("0.0.0.0", 4001))
            taken.listen()
        assert browser.submit("/do/setup.make", **asked_back(page)).status == 200
    assert serving.ended() is not None
    ports = {address.rpartition("/")[2] for address in load_config(serving.home)[0].listen}
    assert len(ports) == 1 and ports != {"4001"}


def test_the_words_are_asked_for_until_they_are_right_or_said_to_be_written(serving: Serving) -> None:
    browser = serving.browser()
    page = browser.submit("/do/setup.begin", name="Ann", way="later")
    words, _ = words_of(page)
    again = browser.submit("/do/setup.make", word0="x", word1="y")
    assert again.status == 422 and words_of(again)[0] == words and not serving.home.root.exists()
    fields = [(n, "yes" if n == "written" else v) for n, v in again.form("/do/setup.make").fields] + [
        ("written", "yes")
    ]
    assert browser.post("/do/setup.make", urlencode(fields).encode()).status == 200
    assert serving.ended() and serving.home.initialised and not load_pending(serving.home).network


def test_words_that_were_on_another_window_make_no_node(serving: Serving) -> None:
    """Who has written down what an older window shows would be left with words of nobody."""
    browser = serving.browser()
    older = browser.submit("/do/setup.begin", name="Ann", way="later")
    written = [*older.form("/do/setup.make").fields, ("written", "yes")]
    browser.get("/")
    begun = urlencode({"name": "Ann", "way": "later"}).encode()
    newer, _ = words_of(browser.post("/do/setup.begin", begun))
    page = browser.post("/do/setup.make", urlencode(written).encode())
    assert page.status == 422 and words_of(page)[0] == newer and not serving.home.root.exists()
    assert "other words" in page.words
    browser.submit("/do/setup.make", **asked_back(page))
    assert serving.ended() and serving.home.initialised


def test_going_back_throws_the_words_away(serving: Serving) -> None:
    browser = serving.browser()
    first, _ = words_of(browser.submit("/do/setup.begin", name="Ann", way="later"))
    browser.submit("/do/setup.back")
    second, _ = words_of(browser.submit("/do/setup.begin", name="Ben", way="later"))
    assert first != second and not serving.home.root.exists()


@pytest.mark.parametrize(
    "typed",
    [
        {"name": ""}, {"name": "a\x1b[2J"}, {"name": "x" * 65}, {"area": "the church"}, {"network": ""},
        {"unit": ""}, {"network": "x" * 500}, {"way": "join"}, {"way": "join", "target": "p2pnode://join/rubbish"},
        {"way": "join", "target": "/ip4/192.0.2.7/tcp/4001"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_at_once(serving: Serving, typed: dict[str, str]) -> None:
    page = serving.browser().submit("/do/setup.begin", **{"name": "Ann", "network": "Elm Street", **typed})
    assert page.status == 422 and not serving.home.root.exists()
    shown = dict(page.form("/do/setup.begin").fields)
    assert shown["network"] == typed.get("network", "Elm Street"), "what was typed stays"


def test_hostile_words_do_nothing(serving: Serving) -> None:
    browser = serving.browser()
    for text in HOSTILE:
        for field in ("name", "area", "network", "unit", "target"):
            typed = {"name": "Ann", "network": "Elm Street", "way": "join" if field == "target" else "found"}
            page = browser.submit("/do/setup.begin", **{**typed, field: text})
            if page.status == 200:
                browser.submit("/do/setup.back")


def test_who_has_no_link_gets_nothing(serving: Serving) -> None:
    stranger = Browser(serving.url)
    for path in ("/", "/static/page.css", "/login/" + "0" * 64):
        page = stranger.get(path)
        assert page.status == 403 and "setup" not in page.source
    assert stranger.post("/do/setup.begin", b"name=Eve&way=later").status == 403
    browser = serving.browser()
    assert Browser(serving.url).get(serving.link.removeprefix(serving.url)).status == 403, "a link is good once"
    assert browser.post("/do/listing.publish", b"").status == 404
    for fields in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert browser.get("/", **fields).status == 403


def test_nothing_heavy_is_loaded() -> None:
    code = "import sys, p2pnode.web.setup\nprint([m for m in ('libp2p', 'plyvel', 'sqlite3') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done


@pytest.fixture
def program(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    env = {**os.environ, "P2PNODE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), "P2PNODE_LAN": "no",
           "P2PNODE_LISTEN": "/ip4/127.0.0.1/tcp/0"}  # fmt: skip
    command = [*CLI, "web", "--no-open"]
    process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    yield process
    process.terminate()
    process.wait(15)
    assert process.stdout is not None
    process.stdout.close()


def test_from_the_program_to_the_first_listing(program: "subprocess.Popen[str]") -> None:
    """Each line that is typed, each field and each button is one action; a browser opens by itself."""
    assert program.stdout is not None
    link = program.stdout.readline().strip()
    browser = Browser(link.partition("/login")[0])
    browser.get("/login/" + link.rpartition("/")[2])
    actions = ["p2pnode web", "name", "network", "Go on"]
    page = browser.submit("/do/setup.begin", name="Ann", network="Elm Street")
    assert len(words_of(page)[0]) == 24
    fields = urlencode([*page.form("/do/setup.make").fields, ("written", "yes")])
    actions += ["tick", "Make"]
    page = browser.post("/do/setup.make", fields.encode())
    page = browser.get(page.fields["refresh"].partition("url=")[2])
    assert page.status == 200 and "Elm Street" in page.words, "the node's page, in the same session"
    actions += ["kind", "title", "Look at it first", "Publish it"]
    assert any(path.startswith("/publish/lend") for path, _ in page.links)
    browser.get("/publish/lend?direction=offer")
    browser.submit("/do/listing.publish", title="Ladder")
    page = browser.submit("/do/listing.publish")
    assert page.status == 200 and "Published." in page.words and "Ladder" in browser.get("/").words
    assert len(actions) <= MOST_ACTIONS, actions
