"""Messages to our user elsewhere: what is worth one, what stands in it, when it is sent; and it holds up nobody."""

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from trio.testing import MockClock

from p2pnode import commands
from p2pnode.bounds import (
    NEWS_AGAIN,
    NEWS_AN_HOUR,
    NEWS_GATHERED,
    NEWS_HELD,
    NEWS_LOOKED_FOR,
    NEWS_SENT_WITHIN,
    NEWS_TRIES,
)
from p2pnode.home.folder import Home
from p2pnode.news import notifier as notifier_module
from p2pnode.news.notifier import Notifier, send_apart
from p2pnode.news.targets import Target, add_target, file_of, load_targets, masked, save_targets
from p2pnode.news.worth import BRIEF, TOPICS, is_quiet, of_event, of_exchange, text_for
from protocols.errors import Refusal
from tests.p2pnode.fake_node import make_home
from tests.p2pnode.sink import Sink, sink  # noqa: F401 (a fixture)

DAY = 86_400_000
NOW = 1_000 * DAY


def exchange(command: str = "", until: int | None = None, **more: Any) -> dict[str, Any]:
    steps = [{"who": "you", "command": command, "until": until}] if command else []
    return {
        "exchange_id": "77c1" * 16,
        "terms": {"title": "Barn", "hash": "ab" * 32, "note": "the key is under the mat"},
        "counterparty_name": "Ben",
        "next": steps,
        "duties": [{"id": "do", "overdue": False}],
        "settlement": {"state": "none"},
        "role": "giver",
        "amendment": None,
        **more,
    }


def topics(shown: dict[str, Any], overdue: bool = False) -> list[str]:
    return [news.topic for news in of_exchange(shown, overdue, NOW)]


def test_what_is_worth_a_message() -> None:
    assert topics(exchange("p2pnode exchange accept 77c1")) == ["proposal"]
    assert topics(exchange()) == []
    assert topics(exchange("p2pnode exchange done 77c1", NOW + DAY // 2)) == ["due"]
    assert topics(exchange("p2pnode exchange done 77c1", NOW + 2 * DAY)) == []
    assert topics(exchange("p2pnode exchange done 77c1", NOW - 1)) == []
    assert topics(exchange(duties=[{"id": "do", "overdue": True}]), overdue=True) == ["due"]
    assert topics(exchange(duties=[{"id": "do", "overdue": True}])) == [], "once, when it becomes so"
    assert topics(exchange(settlement={"state": "settled"})) == ["payment"]
    assert topics(exchange(settlement={"state": "settled"}, role="taker")) == []
    assert topics(exchange("p2pnode attest 77c1 --outcome 2", NOW + 1)) == ["rating"]


def test_what_an_event_says_by_itself() -> None:
    events: list[dict[str, Any]] = [
        {"type": "warning", "message": "the disk is full"},
        {"type": "recovering", "network": "ab"},
        {"type": "misconduct", "author": "cd", "name": "Mallory"},
        {"type": "notice", "of": "winter", "title": "Sledge"},
        {"type": "message", "id": "ab", "state": "new", "name": "Ben\n\x1b[2J", "exchange_id": None},
    ]
    told = [news for event in events for news in of_event(event)]
    assert [news.topic for news in told] == ["health", "health", "health", "match", "message"]
    assert told[-1].text == "Message from Ben [2J" and of_event({"type": "message", "state": "refused"}) == []
    assert of_event({"type": "warning", "message": None}) == [], "it is over"
    assert of_event({"type": "peer", "peer_id": "12D3"}) == []
    late = "overdue: 'Barn' with Ben: p2pnode exchange show 77c1"
    warnings = ["this machine's clock is 40 s ahead", late, "2 more are overdue: p2pnode calendar"]
    (one,) = of_event({"type": "health", "warnings": warnings, "reachable": True})
    assert one.text == warnings[0], "what is overdue is told as such"
    (again,) = of_event({"type": "health", "warnings": ["this machine's clock is 41 s ahead"], "reachable": True})
    assert again.key == one.key
    assert set(BRIEF) == set(TOPICS)


def test_what_stands_in_a_message() -> None:
    (news,) = of_exchange(exchange("p2pnode exchange accept 77c1"), False, NOW)
    assert text_for([news, news], brief=False) == "Proposal: Barn, with Ben"
    assert text_for([news], brief=True) == "A proposal waits for you."
    terms = {"title": "a\nb\x1b[31m" + "c" * 500, "hash": "ab"}
    (news,) = of_exchange(exchange("p2pnode exchange accept 77c1", terms=terms), False, NOW)
    assert "\n" not in news.text and "\x1b" not in news.text and len(news.text) < 200


@pytest.mark.parametrize(
    ("minute", "quiet", "said"),
    [(0, None, False), (600, (540, 660), True), (660, (540, 660), False), (1380, (1320, 420), True),
     (419, (1320, 420), True), (420, (1320, 420), False), (1440 - 1, (1320, 1440), True)],
)  # fmt: skip
def test_quiet_hours(minute: int, quiet: tuple[int, int] | None, said: bool) -> None:
    assert is_quiet(minute, quiet) is said


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


def test_addresses_are_kept_closed_and_never_shown(home: Home) -> None:
    targets: list[Target] = []
    add_target(targets, "tgram://123456:SECRET/chat", (), None, False)
    add_target(targets, "desktop", ("health",), (0, 60), True)
    save_targets(home, targets)
    assert stat.S_IMODE(file_of(home).stat().st_mode) == 0o600
    file_of(home).chmod(0o644)
    assert load_targets(home) == targets and stat.S_IMODE(file_of(home).stat().st_mode) == 0o600
    assert "SECRET" not in repr(targets) and masked(targets[0].url) == "tgram://…" and masked("secret") == "…"
    for bad in (("desktop", ()), ("json://a b", ()), ("json://" + "x" * 2_000, ()), ("json://x", ("party",))):
        with pytest.raises(Refusal):
            add_target(targets, *bad, None, False)
    for number in range(14):
        add_target(targets, f"json://{number}", (), None, False)
    with pytest.raises(Refusal):
        add_target(targets, "json://more", (), None, False)


def test_a_file_that_is_none_is_refused_without_a_word_of_it(home: Home) -> None:
    assert load_targets(home) == []
    file_of(home).write_text('[{"number": 1, "url": "SECRET", "events": 5}]')
    with pytest.raises(Refusal) as e:
        load_targets(home)
    assert "SECRET" not in e.value.message + e.value.hint


class Street:
    """A node whose events are put in by hand, and a service that takes messages or does not."""

    def __init__(self) -> None:
        self.send_event, self.receive = trio.open_memory_channel[dict[str, Any]](1_000)
        self.shown: dict[str, Any] = exchange("p2pnode exchange accept 77c1")
        self.sent: list[tuple[str, str]] = []
        self.takes = True
        self.hangs = False
        self.minute = 600

    async def events(self) -> AsyncGenerator[dict[str, Any], None]:
        async for event in self.receive:
            yield event

    async def ask(self, name: str, args: commands.Args) -> Any:
        if name == "exchange.show":
            assert args == commands.ShowExchange(id="77c1", unread=True), "our user has read nothing of it"
        return [self.shown] if name == "exchange.list" else self.shown

    async def send(self, url: str, title: str, body: str) -> Mapping[str, Any]:
        if self.hangs:
            await trio.sleep_forever()
        self.sent.append((url, body))
        return {"sent": self.takes, "why": "no"}

    def proposal(self, number: int = 0) -> None:
        self.shown = exchange("p2pnode exchange accept 77c1")
        self.shown["terms"] = {"title": f"Barn {number}", "hash": f"{number:064}"}
        self.send_event.send_nowait({"type": "exchange", "exchange_id": "77c1", "status": "proposed"})

    @property
    def bodies(self) -> list[str]:
        return [body for _, body in self.sent]


GATHERED = NEWS_GATHERED / 1000 + 62  # seconds: one round of looking, too


def now() -> int:
    return NOW + int(trio.current_time() * 1000)


def notifier(street: Street, home: Home) -> Notifier:
    log = structlog.wrap_logger(structlog.ReturnLogger())
    return Notifier(home, street.events, street.ask, log, street.send, now, lambda: street.minute)


async def test_a_proposal_is_told_once_and_what_comes_together_in_one(home: Home, autojump_clock: MockClock) -> None:
    save_targets(home, [Target(1, "json://a"), Target(2, "json://b", ("health",)), Target(3, "json://c", brief=True)])
    street = Street()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notifier(street, home).run)
        for number in (1, 1, 2):
            street.proposal(number)
            await trio.sleep(0.1)
        street.send_event.send_nowait({"type": "warning", "message": "the disk is full"})
        await trio.sleep(GATHERED)
        assert street.sent == [
            ("json://a", "Proposal: Barn 1, with Ben\nProposal: Barn 2, with Ben\nthe disk is full"),
            ("json://b", "the disk is full"),
            ("json://c", "A proposal waits for you.\nThe node has a problem."),
        ]
        nursery.cancel_scope.cancel()


async def test_quiet_hours_are_kept_and_told_afterwards(home: Home, autojump_clock: MockClock) -> None:
    save_targets(home, [Target(1, "json://a", quiet=(1320, 420))])
    street = Street()
    street.minute = 1380
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notifier(street, home).run)
        for number in range(NEWS_HELD + 5):
            street.proposal(number)
            await trio.sleep(0.1)
        await trio.sleep(2 * GATHERED)
        assert street.sent == []
        street.minute = 420
        await trio.sleep(2 * GATHERED)
        (body,) = street.bodies
        assert len(body.splitlines()) == NEWS_HELD, "the newest of them"
        nursery.cancel_scope.cancel()


async def test_a_service_that_takes_nothing_is_asked_seldom(home: Home, autojump_clock: MockClock) -> None:
    save_targets(home, [Target(1, "json://a")])
    street = Street()
    street.takes = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notifier(street, home).run)
        street.proposal()
        await trio.sleep(GATHERED)
        assert len(street.sent) == 1
        await trio.sleep(3 * NEWS_TRIES * NEWS_AGAIN / 1000)
        assert len(street.sent) == NEWS_TRIES
        street.takes = True
        street.proposal(2)
        await trio.sleep(NEWS_AGAIN / 1000 + GATHERED)
        assert street.bodies[-1] == "Proposal: Barn 2, with Ben"
        nursery.cancel_scope.cancel()


async def test_a_flood_becomes_few_messages(home: Home, autojump_clock: MockClock) -> None:
    save_targets(home, [Target(1, "json://a")])
    street = Street()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notifier(street, home).run)
        for number in range(200):
            street.proposal(number)
            await trio.sleep(15)
        assert len(street.sent) <= NEWS_AN_HOUR
        nursery.cancel_scope.cancel()


async def test_a_sender_that_hangs_holds_up_no_event(home: Home, autojump_clock: MockClock) -> None:
    save_targets(home, [Target(1, "json://a")])
    street = Street()
    street.hangs = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notifier(street, home).run)
        for number in range(900):
            street.proposal(number)
            await trio.sleep(0.1)
        await trio.sleep(GATHERED)
        assert street.receive.statistics().current_buffer_used == 0
        nursery.cancel_scope.cancel()


async def test_what_becomes_due_is_seen_without_an_event(home: Home, autojump_clock: MockClock) -> None:
    save_targets(home, [Target(1, "json://a")])
    street = Street()
    street.shown = exchange("p2pnode exchange done 77c1", NOW + DAY)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notifier(street, home).run)
        await trio.sleep(2.5 * NEWS_LOOKED_FOR / 1000)
        assert street.bodies == ["Due within a day: Barn, with Ben"]
        nursery.cancel_scope.cancel()


async def test_targets_that_change_count_at_once(home: Home, autojump_clock: MockClock) -> None:
    street = Street()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notifier(street, home).run)
        street.proposal(1)
        await trio.sleep(GATHERED)
        assert street.sent == []
        file_of(home).write_text("{")
        street.proposal(2)
        await trio.sleep(GATHERED)
        save_targets(home, [Target(1, "json://a")])
        street.proposal(3)
        await trio.sleep(GATHERED)
        assert street.bodies == ["Proposal: Barn 3, with Ben"]
        nursery.cancel_scope.cancel()


async def test_who_missed_events_reads_all(home: Home, autojump_clock: MockClock) -> None:
    save_targets(home, [Target(1, "json://a")])
    street = Street()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notifier(street, home).run)
        street.send_event.send_nowait({"type": "resync"})
        await trio.sleep(GATHERED)
        assert street.bodies == ["Proposal: Barn, with Ben"]
        nursery.cancel_scope.cancel()


async def test_a_bug_in_it_ends_neither_it_nor_the_node(home: Home, autojump_clock: MockClock) -> None:
    save_targets(home, [Target(1, "json://a")])
    street = Street()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(notifier(street, home).run)
        street.shown = {}
        street.send_event.send_nowait({"type": "exchange", "exchange_id": "77c1"})
        await trio.sleep(2)
        street.proposal(1)
        await trio.sleep(GATHERED)
        assert street.bodies == ["Proposal: Barn 1, with Ben"]
        nursery.cancel_scope.cancel()


async def test_by_json_and_by_ntfy(sink: Sink) -> None:  # noqa: F811
    assert await send_apart(f"json://{sink.place}/key", "p2pnode", "Proposal: Bärn") == {"sent": True}
    path, _, body = sink.posted[-1].partition(b" ")
    said = json.loads(body)
    assert path.startswith(b"/key") and said["title"] == "p2pnode" and said["message"] == "Proposal: Bärn"
    assert await send_apart(f"ntfy://{sink.place}/elm-street", "p2pnode", "Proposal: Barn") == {"sent": True}
    assert b"elm-street" in sink.posted[-1] and b"Proposal: Barn" in sink.posted[-1]


async def test_what_cannot_be_sent_says_why_and_no_address(sink: Sink) -> None:  # noqa: F811
    for url in ("json://127.0.0.1:1/SECRET", "nosuch://SECRET"):
        answer = await send_apart(url, "p2pnode", "x")
        assert answer["sent"] is False and "SECRET" not in answer["why"] and answer["why"]
    assert (await send_apart(f"json://{sink.place}/key", "", None))["sent"] and not sink.posted, "checked only"


async def test_a_service_that_never_answers_is_given_up(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    sink.hangs = True
    monkeypatch.setattr(notifier_module, "NEWS_SENT_WITHIN", 1_500)
    with trio.fail_after(15):
        answer = await send_apart(f"json://{sink.place}/key?rto=60&cto=60", "p2pnode", "x")
    assert answer["sent"] is False


def test_the_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(body: str = "--help") -> dict[str, Any]:
        asked = json.dumps({"url": "desktop", "title": "p2pnode", "body": body}).encode()
        done = subprocess.run(
            [sys.executable, "-m", "p2pnode.news.sending"], input=asked, capture_output=True, check=True
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    monkeypatch.setenv("PATH", str(tmp_path))
    assert "libnotify-bin" in ask()["why"]
    tool = tmp_path / "notify-send"
    tool.write_text(
        f'#!{shutil.which("sh", path="/bin:/usr/bin")}\nfor word; do echo "$word"; done > {tmp_path}/shown\n'
    )
    tool.chmod(0o755)
    assert ask() == {"sent": True}
    assert (tmp_path / "shown").read_text().splitlines() == ["--app-name=p2pnode", "--", "p2pnode", "--help"]
    assert ask('<img src="http://evil.example/x"> & <a href="file:///">Ben</a>') == {"sent": True}
    shown = (tmp_path / "shown").read_text()  # a desktop takes the text for markup: it would fetch that picture
    assert "<" not in shown and "&lt;img src=" in shown and " &amp; " in shown


def test_bounds_fit_together() -> None:
    assert NEWS_SENT_WITHIN < NEWS_AGAIN < NEWS_LOOKED_FOR
