"""Has messages sent of what happens here: listens to the node's own events, gathers, keeps quiet hours, and hands on
to a process that sends. Nothing of it can hold up the node: what waits is bounded, and a sender that hangs is ended.
"""

import json
import os
import sys
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import trio
from structlog.typing import FilteringBoundLogger

from p2pnode import clock, commands
from p2pnode.bounds import (
    NEWS_AGAIN,
    NEWS_AN_HOUR,
    NEWS_GATHERED,
    NEWS_HELD,
    NEWS_LOOKED_FOR,
    NEWS_SENT_WITHIN,
    NEWS_TOLD,
    NEWS_TRIES,
)
from p2pnode.home.folder import Home
from protocols.errors import Refusal

from .targets import Target, file_of, load_targets, masked
from .worth import TOPICS, News, is_quiet, of_event, of_exchange, text_for

TITLE = "p2pnode"
Send = Callable[[str, str, str], Awaitable[Mapping[str, Any]]]


async def send_apart(url: str, title: str, body: str | None) -> Mapping[str, Any]:
    """In a process of its own, which is ended when it takes too long."""
    asked = json.dumps({"url": url, "title": title, "body": body}).encode()
    apart = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    environ = {name: value for name, value in os.environ.items() if name not in apart}
    command = [sys.executable, "-m", "p2pnode.news.sending"]
    with trio.move_on_after(NEWS_SENT_WITHIN / 1000):
        done = await trio.run_process(command, stdin=asked, capture_stdout=True, check=False, env=environ)
        try:
            answer: Mapping[str, Any] = json.loads(done.stdout)
        except ValueError:
            return {"sent": False, "why": f"the sender ended with exit status {done.returncode}"}
        return answer
    return {"sent": False, "why": f"no answer within {NEWS_SENT_WITHIN // 1000} s"}


@dataclass
class _Waiting:
    """What one target has not had yet. at: when it was sent to, ms; not_before: after a failure."""

    news: deque[News] = field(default_factory=lambda: deque(maxlen=NEWS_HELD))
    at: deque[int] = field(default_factory=lambda: deque(maxlen=NEWS_AN_HOUR))
    not_before: int = 0
    failed: int = 0


class Notifier:
    """events: the node's own, from the call on. ask: a command of the API. minute: of the day, here."""

    def __init__(
        self,
        home: Home,
        events: Callable[[], AsyncIterator[dict[str, Any]]],
        ask: Callable[[str, commands.Args], Awaitable[Any]],
        log: FilteringBoundLogger,
        send: Send = send_apart,
        now: Callable[[], int] = clock.now,
        minute: Callable[[], int] = lambda: datetime.now().hour * 60 + datetime.now().minute,  # noqa: DTZ005
    ) -> None:
        self._home, self._events, self._ask, self._log = home, events, ask, log
        self._send, self._now, self._minute = send, now, minute
        self._told: OrderedDict[str, None] = OrderedDict()
        self._waiting: dict[int, _Waiting] = {}
        self._targets: list[Target] = []
        self._read: object = None
        self._some = trio.Event()

    async def run(self) -> None:
        """Until cancelled. A bug here is logged, and costs a message."""
        async with trio.open_nursery() as nursery:
            for part in (self._listen, self._look, self._deliver):
                nursery.start_soon(self._for_ever, part)

    async def _for_ever(self, part: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await part()
            except Exception as e:
                self._log.error("a bug in telling our user", exc_info=e)
            await trio.sleep(1)

    async def _listen(self) -> None:
        own: Any = self._events()
        async with aclosing(own) as events:
            async for event in events:
                if not self._all():
                    continue
                if event.get("type") == "resync":
                    await self._read_all(TOPICS)
                elif event.get("type") == "exchange" and "exchange_id" in event:
                    await self._shown(event["exchange_id"], "overdue" in event)
                for news in of_event(event):
                    self._tell(news)

    async def _shown(self, id_: str, overdue: bool) -> None:
        try:
            shown = await self._ask("exchange.show", commands.ShowExchange(id=id_, unread=True))
        except Refusal:
            return
        for news in of_exchange(shown, overdue, self._now()):
            self._tell(news)

    async def _look(self) -> None:
        """What becomes due says so by no event."""
        await trio.sleep(NEWS_LOOKED_FOR / 1000)
        if self._all():
            await self._read_all(("due",))

    async def _read_all(self, topics: Collection[str]) -> None:
        for shown in await self._ask("exchange.list", commands.ListExchanges(open=True)):
            for news in of_exchange(shown, False, self._now()):
                if news.topic in topics:
                    self._tell(news)

    def _tell(self, news: News) -> None:
        if news.key in self._told:
            return
        self._told[news.key] = None
        if len(self._told) > NEWS_TOLD:
            self._told.popitem(last=False)
        for target in self._all():
            if news.topic in target.events:
                self._waiting.setdefault(target.number, _Waiting()).news.append(news)
                self._some.set()

    def _all(self) -> list[Target]:
        """The targets, read again when the file has changed."""
        try:
            found = os.stat(file_of(self._home))
            stamp: object = (found.st_mtime_ns, found.st_ino, found.st_size)
        except OSError:
            stamp = None
        if stamp != self._read:
            self._read = stamp
            try:
                self._targets = load_targets(self._home)
            except Refusal as e:
                self._targets = []
                self._log.warning("nobody is told anything", problem=e.message)
            numbers = {target.number for target in self._targets}
            self._waiting = {number: w for number, w in self._waiting.items() if number in numbers}
        return self._targets

    async def _deliver(self) -> None:
        with trio.move_on_after(60):
            await self._some.wait()
            await trio.sleep(NEWS_GATHERED / 1000)
        self._some = trio.Event()
        for target in list(self._all()):
            waiting = self._waiting.get(target.number)
            if waiting is None or not waiting.news or self._held_back(target, waiting):
                continue
            news = list(waiting.news)
            waiting.news.clear()
            answer = await self._send(target.url, TITLE, text_for(news, target.brief))
            now = self._now()
            waiting.at.append(now)
            if answer.get("sent"):
                waiting.failed = 0
                continue
            waiting.failed += 1
            gives_up = waiting.failed >= NEWS_TRIES
            self._log.warning("a message was not sent", target=target.number, by=masked(target.url),
                              why=answer.get("why"), given_up=gives_up)  # fmt: skip
            waiting.not_before = now + NEWS_AGAIN
            if gives_up:
                waiting.failed = 0
            else:
                waiting.news.extendleft(reversed(news))

    def _held_back(self, target: Target, waiting: _Waiting) -> bool:
        now = self._now()
        busy = len(waiting.at) == NEWS_AN_HOUR and now - waiting.at[0] < 3_600_000
        return busy or now < waiting.not_before or is_quiet(self._minute(), target.quiet)
