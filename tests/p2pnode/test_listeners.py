"""Events: numbered, kept for who comes back, `resync` for who missed some; and that no change goes without one."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest
import trio

from p2pnode.bounds import EVENTS_KEPT, EVENTS_WAITING
from p2pnode.core import keys
from p2pnode.core.effects import Write
from p2pnode.core.topics import SINGLES, TOPICS, topics
from p2pnode.event_types import EVENTS, What, table
from p2pnode.listeners import Listeners

ROOT = Path(__file__).resolve().parents[2]


async def take(events: AsyncIterator[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    with trio.fail_after(5):
        return [await anext(events) for _ in range(count)]


async def test_who_comes_back_hears_what_came_meanwhile_and_nothing_twice() -> None:
    listeners = Listeners()
    for number in range(5):
        listeners.tell("order", {"number": number})
    first = listeners.subscribe("nothing.such")
    (last,) = await take(first, 1)
    assert last["type"] == "resync"
    await first.aclose()
    listeners.tell("order", {"number": 5})
    listeners.tell("order", {"number": 6})
    again = listeners.subscribe(last["event_id"])
    assert [event["number"] for event in await take(again, 2)] == [5, 6]
    listeners.tell("order", {"number": 7})
    assert [event["number"] for event in await take(again, 1)] == [7]
    assert listeners.count == 1
    await again.aclose()
    assert listeners.count == 0


async def test_who_was_away_for_too_long_or_over_a_start_is_told_to_look_at_everything() -> None:
    listeners = Listeners()
    listeners.tell("order", {"number": 0})
    start = listeners._start
    for number in range(EVENTS_KEPT + 1):
        listeners.tell("order", {"number": number})
    ids = [f"{start}.1", "00000000.1", f"{start}.{EVENTS_KEPT + 3}", f"{start}.x", f"{start}.²", "", "." * 9000]
    for after in ids:
        events = listeners.subscribe(after)
        assert [event["type"] for event in await take(events, 1)] == ["resync"], after
        await events.aclose()
    kept = listeners.subscribe(f"{start}.2")
    assert (await take(kept, 1))[0]["number"] == 1
    await kept.aclose()


async def test_who_listens_too_slowly_is_told_to_look_again_and_goes_on() -> None:
    listeners = Listeners()
    told: list[dict[str, Any]] = []
    gate = trio.Event()

    async def listen() -> None:
        async for event in listeners.subscribe():
            told.append(event)
            await gate.wait()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.testing.wait_all_tasks_blocked()
            for number in range(EVENTS_WAITING + 3):
                listeners.tell("order", {"number": number})
                await trio.testing.wait_all_tasks_blocked()
            gate.set()
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert [event.get("number") for event in told] == [0, None, EVENTS_WAITING + 2]
    assert told[1]["type"] == "resync"


async def test_changes_of_a_moment_are_told_together(autojump_clock: trio.testing.MockClock) -> None:
    listeners = Listeners()
    told: list[dict[str, Any]] = []

    async def listen() -> None:
        async for event in listeners.subscribe():
            told.append(event)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listeners.run)
        nursery.start_soon(listen)
        await trio.sleep(0.01)
        for what in (["ledger"], ["exchanges", "ledger"], ["peers"]):
            listeners.tell("changed", {"what": what})
        await trio.sleep(1)
        listeners.tell("changed", {"what": ["peers"]})
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert [event["what"] for event in told] == [["exchanges", "ledger", "peers"], ["peers"]]


def test_every_key_of_the_database_says_what_has_changed() -> None:
    known = {name: value for name, value in vars(keys).items() if name.isupper() and type(value) is bytes}
    single = {value for value in known.values() if len(value) == 1}
    assert single == set(TOPICS), "a key that is not in the table changes without an event"
    assert {value for value in known.values() if len(value) > 1} <= set(SINGLES)
    assert {*TOPICS.values(), *SINGLES.values(), "kinds", "photos"} - {""} == set(get_args(What))


@pytest.mark.parametrize(
    ("key", "what"),
    [
        (b"e" + bytes(24), ["ledger"]),
        (b"sclock", ["clock"]),
        (b"sbook", []),
        (b"qabc", []),
        (b"x" + bytes(32), ["exchanges"]),
    ],
)
def test_a_write_and_a_deletion_say_alike_what_changed(key: bytes, what: list[str]) -> None:
    assert topics([Write({key: b""})]) == topics([Write({}, frozenset({key}))]) == what


def test_every_event_that_is_told_is_in_the_table() -> None:
    told = set()
    for path in (ROOT / "p2pnode").rglob("*.py"):
        told |= set(re.findall(r"\b(?:Emit|_listeners\.tell)\(\s*\"(\w+)\"", path.read_text()))
    assert told | {"resync"} == set(EVENTS)


def test_the_table_of_events_in_the_documentation_is_this_one() -> None:
    assert table() in (ROOT / "docs" / "api.md").read_text(), "put p2pnode.event_types.table() into docs/api.md"
