"""Tells who listens what happens in the node, numbered, so that whoever was cut off knows whether it missed anything.

An event is a JSON object with a `type` and an `event_id`. Who comes back with the id of the last that it heard gets
what came since; if that is kept no more, or the node was started anew, an event `resync` instead: all may be other than
it was. The same is told to who takes its events too slowly, in place of all that waits for it.
"""

import secrets
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

import trio

from .bounds import EVENTS_KEPT, EVENTS_TOGETHER, EVENTS_WAITING

CHANGED = "changed"
RESYNC = "resync"
Event = dict[str, Any]


class Listeners:
    """All who listen to one node."""

    def __init__(self) -> None:
        self._start = secrets.token_hex(4)
        self._number = 0
        self._kept: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._all: set[_Listener] = set()
        self._what: set[str] = set()
        self._some = trio.Event()

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """All of them, at once; `changed` soon, many together. Never waits."""
        if kind == CHANGED:
            self._what.update(data["what"])
            self._some.set()
        else:
            self._tell(kind, data)

    async def run(self) -> None:
        """Tell of changes, as many together as come within a moment. Until cancelled."""
        while True:
            await self._some.wait()
            await trio.sleep(EVENTS_TOGETHER / 1000)
            self._some = trio.Event()
            what, self._what = sorted(self._what), set()
            self._tell(CHANGED, {"what": what})

    async def subscribe(self, after: str | None = None) -> AsyncIterator[Event]:
        """Events from now on, or after the one with this id."""
        listener = _Listener(self._since(after))
        self._all.add(listener)
        try:
            while True:
                yield await listener.take()
        finally:
            self._all.discard(listener)

    def heard(self) -> str:
        """The id of the newest event."""
        return f"{self._start}.{self._number}"

    @property
    def count(self) -> int:
        """How many listen."""
        return len(self._all)

    def _tell(self, kind: str, data: Mapping[str, Any]) -> None:
        self._number += 1
        event = {**data, "type": kind, "event_id": self.heard()}
        self._kept.append(event)
        for listener in self._all:
            listener.put(event, self._resync())

    def _since(self, after: str | None) -> list[Event]:
        if after is None:
            return []
        start, _, number = after.partition(".")
        if start == self._start and number.isascii() and number.isdigit():
            missed = self._number - int(number[:20])
            if 0 <= missed <= len(self._kept):
                return list(self._kept)[len(self._kept) - missed :]
        return [self._resync()]

    def _resync(self) -> Event:
        return {"type": RESYNC, "event_id": self.heard()}


class _Listener:
    def __init__(self, events: list[Event]) -> None:
        self._waiting = deque(events)
        self._arrived = trio.Event()
        if events:
            self._arrived.set()

    def put(self, event: Event, instead: Event) -> None:
        if len(self._waiting) >= EVENTS_WAITING:
            self._waiting.clear()
            event = instead
        self._waiting.append(event)
        self._arrived.set()

    async def take(self) -> Event:
        await self._arrived.wait()
        event = self._waiting.popleft()
        if not self._waiting:
            self._arrived = trio.Event()
        return event
