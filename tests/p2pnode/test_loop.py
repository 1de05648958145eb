"""The loop around the core: what leaves, and when; a disk that refuses; a bug in the core."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
import trio
from pytest import MonkeyPatch
from trio.testing import MockClock

from ledger.head import Head
from p2pnode import loop as loop_module
from p2pnode.commands import NoArgs
from p2pnode.core.effects import Effect, Emit, Reply, Wake, Write
from p2pnode.core.events import Command, Event, Woke
from p2pnode.loop import Loop
from p2pnode.store import MemoryStore, StoreDamaged, StoreFailed
from protocols.errors import Refusal

ERASED_ONE = Emit("changed", {"what": ["exchanges"]})  # what keys that begin with `1` stand for


class Notebook:
    """A core that notes each command under its ticket, and says so; `bug` is one that it does not survive."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def begin(self, now: int) -> list[Effect]:
        return []

    def committed(self) -> None: ...

    def handle(self, event: Event, now: int) -> list[Effect]:
        if isinstance(event, Woke):
            return [Emit("woke", {})]
        assert isinstance(event, Command)
        if event.name == "bug":
            raise KeyError("a bug")
        if event.name == "read":
            raise StoreDamaged("the database is damaged")
        if event.name == "wake":
            return [Wake(now + 1), Reply(event.ticket, "soon")]
        if event.name == "purge":
            return [Write({b"p": b"rest"}, durable=True, purge=frozenset({b"p"})), Reply(event.ticket, "purged")]
        return [Write({str(event.ticket).encode(): b"noted"}, durable=True), Reply(event.ticket, "noted")]


class Street:
    """Performs, and notes what was on disk when each effect left."""

    def __init__(self, store: "Disk") -> None:
        self.left: list[tuple[Effect, frozenset[bytes]]] = []
        self.warnings: list[str | None] = []
        self.made = 0
        self._store = store

    def perform(self, effect: Effect) -> None:
        self.left.append((effect, frozenset(k for k, _ in self._store.scan(b""))))

    def warn(self, warning: str | None) -> None:
        self.warnings.append(warning)

    def core_made(self, core: Any) -> Sequence[Event]:
        self.made += 1
        return ()

    def replies(self) -> dict[int, object]:
        return {e.ticket: e.result for e, _ in self.left if isinstance(e, Reply)}


class Disk(MemoryStore):
    """Refuses to write while it is full."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.commits = 0
        self.purged: list[Mapping[bytes, bytes]] = []

    def commit(
        self,
        puts: Mapping[bytes, bytes],
        deletes: Iterable[bytes] = (),
        durable: bool = False,
        heads: Mapping[bytes, Head] | None = None,
    ) -> None:
        if self.full:
            raise StoreFailed("no space left", "")
        self.commits += 1
        super().commit(puts, deletes, durable, heads)

    def purge(self, rows: Mapping[bytes, bytes]) -> None:
        assert all(self.get(key) == value for key, value in rows.items())  # after the commit
        self.purged.append(rows)


def command(ticket: int, name: str = "note") -> Command:
    return Command(ticket, name, NoArgs())


@asynccontextmanager
async def running(disk: Disk) -> AsyncIterator[tuple[Loop, Street]]:
    street = Street(disk)
    made = Loop(disk, lambda now: Notebook(disk), street, structlog.get_logger())  # type: ignore[arg-type, return-value]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.run)
        yield made, street
        nursery.cancel_scope.cancel()


async def answered(street: Street, *tickets: int) -> None:
    with trio.fail_after(10):
        while not set(tickets) <= set(street.replies()):
            await trio.sleep(0.005)


async def test_what_is_purged_is_purged_before_anything_leaves() -> None:
    disk = Disk()
    async with running(disk) as (loop, street):
        await loop.put(command(1))
        await loop.put(command(2, "purge"))
        await answered(street, 1, 2)
        assert disk.purged == [{b"p": b"rest"}]


async def test_nothing_leaves_before_it_is_on_disk_and_many_steps_share_a_commit() -> None:
    disk = Disk()
    async with running(disk) as (loop, street):
        for ticket in range(20):
            await loop.put(command(ticket))
        await answered(street, *range(20))
    for effect, there in street.left:
        assert isinstance(effect, Emit) or (isinstance(effect, Reply) and str(effect.ticket).encode() in there)
    assert isinstance(street.left[-1][0], Emit), "and who listens is told, afterwards"
    assert disk.commits < 20
    assert [e.ticket for e, _ in street.left if isinstance(e, Reply)] == list(range(20))


async def test_what_a_full_disk_refused_is_not_acknowledged_and_the_node_goes_on_when_there_is_space(
    monkeypatch: MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_module, "REOPEN_EVERY", 20)
    disk = Disk()
    async with running(disk) as (loop, street):
        await loop.put(command(1))
        await answered(street, 1)
        disk.full = True
        await loop.put(command(2))
        await answered(street, 2)
        await loop.put(command(3))
        await answered(street, 3)
        assert all(isinstance(street.replies()[t], Refusal) for t in (2, 3))
        assert street.warnings and street.warnings[-1] and street.made == 0
        assert [e for e, _ in street.left if isinstance(e, Emit)] == [ERASED_ONE], "nothing was changed by 2 and 3"
        disk.full = False
        with trio.fail_after(10):
            while street.warnings[-1] is not None:
                await trio.sleep(0.005)
        await loop.put(command(4))
        await answered(street, 4)
    assert street.made == 1 and street.replies()[4] == "noted"
    assert {b"1", b"4"} <= {k for k, _ in disk.scan(b"")} and disk.get(b"2") is None


async def test_damage_that_is_met_in_reading_is_said_and_the_rest_goes_on(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "REOPEN_EVERY", 20)
    disk = Disk()
    async with running(disk) as (loop, street):
        for ticket, name in enumerate(["note", "read", "note"]):
            await loop.put(command(ticket, name))
        await answered(street, 0, 1, 2)
        with trio.fail_after(10):
            while street.warnings[-1:] != [None]:
                await trio.sleep(0.005)
        await loop.put(command(3))
        await answered(street, 3)
    replies = street.replies()
    assert (replies[0], replies[3], street.made) == ("noted", "noted", 1)
    assert isinstance(replies[1], Refusal) and "damaged" in replies[1].message
    assert street.warnings[0] and "damaged" in street.warnings[0]


async def test_a_bug_costs_one_event_and_the_rest_is_done() -> None:
    disk = Disk()
    async with running(disk) as (loop, street):
        for ticket, name in enumerate(["note", "bug", "note", "bug", "note"]):
            await loop.put(command(ticket, name))
        await answered(street, *range(5))
    replies = street.replies()
    assert [isinstance(replies[t], Refusal) for t in range(5)] == [False, True, False, True, False]
    assert street.made == 2
    assert {k for k, _ in disk.scan(b"")} == {b"0", b"2", b"4"}


async def test_the_core_is_woken_when_it_asked_for_it() -> None:
    async with running(Disk()) as (loop, street):
        await loop.put(command(1, "wake"))
        with trio.fail_after(10):
            while Emit("woke", {}) not in [e for e, _ in street.left]:
                await trio.sleep(0.005)


async def test_a_clock_that_was_set_back_is_noticed_by_a_node_to_which_nothing_happens(
    monkeypatch: MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_module, "CLOCK_LOOKED_AT", 20)
    disk = Disk()
    async with running(disk) as (loop, street):
        now = loop_module.clock.now
        loop._wake(now() + 3_600_000)
        monkeypatch.setattr(loop_module.clock, "now", lambda: now() - 86_400_000)
        with trio.fail_after(10):
            while Emit("woke", {}) not in [e for e, _ in street.left]:
                await trio.sleep(0.005)


class Slow(Notebook):
    """Takes 10 ms for everything, and writes nothing."""

    def __init__(self, store: MemoryStore, clock: MockClock) -> None:
        super().__init__(store)
        self._clock = clock

    def handle(self, event: Event, now: int) -> list[Effect]:
        assert isinstance(event, Command)
        self._clock.jump(0.01)
        return [Reply(event.ticket, "read")]


def test_many_slow_steps_do_not_keep_everybody_else_waiting() -> None:
    clock = MockClock()

    async def main() -> float:
        disk = Disk()
        street = Street(disk)
        made = Loop(disk, lambda now: Slow(disk, clock), street, structlog.get_logger())  # type: ignore[arg-type, return-value]
        for number in range(60):
            await made.put(command(number))
        longest, before = 0.0, trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.run)
            while len(street.replies()) < 60:
                await trio.lowlevel.checkpoint()
                longest, before = max(longest, trio.current_time() - before), trio.current_time()
            nursery.cancel_scope.cancel()
        assert list(street.replies()) == list(range(60))
        return longest

    assert trio.run(main, clock=clock) < 0.06
