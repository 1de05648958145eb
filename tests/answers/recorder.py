"""A pytest plugin: what the cores of the tests that run answer to commands, and what each command wrote.

python -m pytest -p tests.answers.recorder …      with P2PNODE_ANSWERS=FILE, to which it goes as JSON
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from p2pnode.commands import COMMANDS
from p2pnode.core.core import Core
from p2pnode.core.effects import Effect, Emit, Reply, Write
from p2pnode.core.events import Command, Event
from p2pnode.core.topics import topics
from p2pnode.event_types import EVENTS
from p2pnode.search.remote import Remote
from protocols.errors import Refusal
from tests.answers.shapes import Schema, merged, shape


class Seen:
    """answers: shapes, by command; changed: what each command wrote, in words of `topics`; silent: those that wrote
    nothing that anybody is told of, though they were not refused; by: which tests asked what; events: problems of the
    events that were told."""

    def __init__(self) -> None:
        self.answers: dict[str, Schema] = {}
        self.changed: dict[str, list[str]] = {}
        self.by: dict[str, list[str]] = {}
        self.events: dict[str, str] = {}
        self.told: set[str] = set()
        self.test = ""
        self._asked: dict[tuple[int, int], str] = {}

    def step(self, core: Core, event: Event, effects: list[Effect]) -> None:
        writes = [e for e in effects if isinstance(e, Write)]
        if isinstance(event, Command):
            self._asked[id(core), event.ticket] = event.name
        for effect in effects:
            if isinstance(effect, Emit):
                self._event(effect)
            if isinstance(effect, Reply):
                name = self._asked.pop((id(core), effect.ticket), None)
                if name is not None and not isinstance(effect.result, Refusal):
                    self.answered(name, effect.result, topics(writes))

    def answered(self, name: str, result: Any, changed: list[str]) -> None:
        data = json.loads(msgspec.json.encode(result))
        self.answers[name] = merged([self.answers.get(name, {}), shape(data)])
        if COMMANDS[name].writes and changed:
            self.changed[name] = sorted({*self.changed.get(name, ()), *changed})
        asked = self.by.setdefault(self.test, [])
        if name not in asked:
            asked.append(name)

    def _event(self, effect: Emit) -> None:
        self.told.add(effect.kind)
        try:
            data = json.loads(msgspec.json.encode(dict(effect.data)))
            msgspec.convert({**data, "type": effect.kind, "event_id": "a.1"}, EVENTS[effect.kind])
        except (KeyError, TypeError, msgspec.ValidationError) as e:
            self.events[effect.kind] = f"{dict(effect.data)}: {e!r}"

    def json(self) -> dict[str, Any]:
        return {
            "answers": self.answers,
            "changed": self.changed,
            "by": self.by,
            "events": self.events,
            "told": sorted(self.told),
        }


SEEN = Seen()


def pytest_configure() -> None:
    handle = Core.handle

    def recorded(core: Core, event: Event, wall: int) -> list[Effect]:
        effects = handle(core, event, wall)
        SEEN.step(core, event, effects)
        return effects

    Core.handle = recorded  # type: ignore[method-assign]
    for method, name in (("search", "search"), ("begin", "search.begin"), ("more", "search.more")):
        setattr(Remote, method, _heard(getattr(Remote, method), name))


def _heard(method: Any, name: str) -> Any:
    async def asked(remote: Remote, args: Any) -> Any:
        result = await method(remote, args)
        SEEN.answered(name, result, [])
        return result

    return asked


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    SEEN.test = item.nodeid
    return (yield)


def pytest_sessionfinish() -> None:
    with open(os.environ["P2PNODE_ANSWERS"], "w", encoding="utf-8") as file:
        json.dump(SEEN.json(), file, indent=1, sort_keys=True)
