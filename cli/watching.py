"""--watch. `status --watch`: the same again whenever it changes; on a terminal drawn anew, elsewhere a line for each
change. Others print what is new, whenever the node says that there may be something."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from protocols.errors import Refusal

from .output import note, print_json, say, table
from .session import Session
from .times import moment, now_ms

if TYPE_CHECKING:
    from p2pnode.client import Client

LOOK = 5.0  # seconds between looks without news: some of it changes by time alone
GATHER = 0.2  # seconds after news, in which more of the same comes


PAUSE = 2.0  # seconds between looks, where the node has no room for one more who listens


def looks(session: Session, counts: Callable[[dict[str, Any]], bool]) -> Iterator[None]:
    """Comes back at once, and then at each event that counts, and where some were missed."""
    while True:
        try:
            events = session.client().events()
        except Refusal as e:
            if e.code != "refused":
                raise
            yield  # as many listen as may: looked at now and then
            time.sleep(PAUSE)
            continue
        yield
        for event in events:
            if event["type"] == "resync" or counts(event):
                yield


class News:
    """Set whenever the node says that something has changed, from when this is made."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._heard = threading.Event()
        try:
            events = client.events()
        except Refusal as e:
            if e.code == "no_daemon":
                raise
            return  # it has no room for one more who listens: looks alone will do
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()

    def wait(self) -> None:
        """Until there is news, or `LOOK` is over."""
        if self._heard.wait(LOOK):
            time.sleep(GATHER)
        self._heard.clear()

    def _listen(self, events: Any) -> None:
        while True:
            for _ in events:
                self._heard.set()
            self._heard.set()  # it stopped, or went too far ahead of us
            time.sleep(GATHER)
            with suppress(Refusal, OSError):
                events = self._client.events()
                continue
            return


def watch_status(session: Session, draw: Callable[[dict[str, Any]], None]) -> None:
    """Until interrupted, or until the node is gone: a `Refusal` then. draw: prints all of it for people."""
    news, seen, shown = News(session.client()), None, ""
    drawn = sys.stdout.isatty() and not session.plain
    while True:
        data = session.call("status")
        if session.json:
            if data != seen:
                print_json(data)
        elif drawn:
            if data != seen:
                click.clear()
                draw(data)
                note(f"\n{moment(now_ms())[:19]}; Ctrl-C ends this.")
        elif (line := in_a_line(data)) != shown:
            shown = line
            _print(session, data, line)
        sys.stdout.flush()
        seen = data
        news.wait()


def in_a_line(data: dict[str, Any]) -> str:
    """What matters of a status: `joined, 3 peers, 12 listings, 1 exchange waits for you; warning`."""
    words = [str(data.get("state")), _count(data.get("peers"), "peer"), _count(data.get("listings"), "listing")]
    if waiting := data.get("exchanges_waiting"):
        words.append(f"{_count(waiting, 'exchange')} {'waits' if waiting == 1 else 'wait'} for you")
    if notices := data.get("notices"):
        words.append(_count(notices, "new notice"))
    return "; ".join([", ".join(words), *(data.get("warnings") or ())])


def _print(session: Session, data: dict[str, Any], line: str) -> None:
    now = now_ms()
    if session.plain:
        numbers = (data.get(name) for name in ("state", "peers", "listings", "exchanges_waiting", "notices"))
        table([], [(now, *numbers, "; ".join(data.get("warnings") or ()))], plain=True)
    else:
        say(f"{moment(now)[:19]}  {line}")


def _count(number: Any, word: str) -> str:
    return f"{number or 0} {word}{'' if number == 1 else 's'}"
