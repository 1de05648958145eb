"""The thin loop around the core: events in, one commit for several steps, then what the steps want done.

The journal rule is kept here: nothing of a step leaves before its writes, and those of all earlier steps, are on disk.
A failed write discards the core, since it stands for states that the disk does not know; it is made anew from the disk
as soon as that can be written again. The same happens after a bug in the core: one event is lost, the node goes on.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import trio
from structlog.typing import FilteringBoundLogger

from ledger.head import Head
from p2pnode.core.core import Core
from p2pnode.core.effects import Effect, Emit, Penalize, Remake, Reply, Wake, Write
from p2pnode.core.events import Command, Event, Received, Woke
from p2pnode.core.topics import topics
from protocols.errors import Refusal

from . import clock
from .bounds import CLOCK_LOOKED_AT, LONGEST_TURN, QUEUE, REOPEN_EVERY, STEPS_PER_COMMIT
from .store import AnyStore, StoreError

WARNING = "the disk refused a write, nothing is signed until it can be written: "
DISK = "Free some space or check the disk; the node goes on by itself as soon as it can write again."


class Performer(Protocol):
    """Carries out effects other than `Write` and `Wake`. Never blocks, never raises."""

    def perform(self, effect: Effect) -> None: ...
    def warn(self, warning: str | None) -> None: ...
    def core_made(self, core: Core) -> Sequence[Event]:
        """A new core stands: what it must be told of the world (listening, connections)."""
        ...


class Loop:
    def __init__(
        self, store: AnyStore, make_core: Callable[[int], Core], performer: Performer, log: FilteringBoundLogger
    ) -> None:
        self._store = store
        self._make_core = make_core
        self._performer = performer
        self._log = log
        self._send, self._receive = trio.open_memory_channel[Event](QUEUE)
        self._wake_at: int | None = None
        self._wake_changed = trio.Event()
        self._jumps = clock.JumpDetector()
        self._stale = False  # the core has asked to be made anew
        self._turned = trio.Event()
        self.core = make_core(clock.now())

    async def put(self, event: Event) -> None:
        """Hand over an event; waits while many are waiting already, which holds their senders back."""
        await self._send.send(event)

    async def turn(self) -> None:
        """Until the loop has come around: steps were handled and are on disk. While the disk refuses, a try to write
        counts, since the loop lives."""
        turned = self._turned
        await self.put(Woke())
        await turned.wait()

    def _turn_ended(self) -> None:
        self._turned.set()
        self._turned = trio.Event()

    @property
    def waiting(self) -> int:
        """Events that were handed over and are not handled yet."""
        return self._receive.statistics().current_buffer_used

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tick)
            while True:
                events = [await self._receive.receive()]
                while len(events) < STEPS_PER_COMMIT:
                    try:
                        events.append(self._receive.receive_nowait())
                    except trio.WouldBlock:
                        break
                if self._jumps.jumped():
                    self._log.warning("the clock was set; timers start anew")
                    await self._remake()
                await self._steps(events)
                if self._stale:
                    self._stale = False
                    await self._remake()
                self._turn_ended()

    async def finish(self, effects: list[Effect]) -> bool:
        """Commit, then perform. False if the disk refused; the core is made anew then."""
        writes = [e for e in effects if isinstance(e, Write)]
        try:
            if writes:
                await self._commit(writes)
        except StoreError as e:
            self._log.error("the disk refused a write", problem=str(e))
            for effect in effects:
                if isinstance(effect, Reply):
                    self._performer.perform(Reply(effect.ticket, Refusal("failed", f"the disk refused: {e}", DISK)))
            await self._recover(str(e))
            return False
        self.core.committed()
        for effect in effects:
            if isinstance(effect, Wake):
                self._wake(effect.at)
            elif isinstance(effect, Remake):
                self._stale = True
            elif not isinstance(effect, Write):
                self._performer.perform(effect)
        if what := topics(writes):
            self._performer.perform(Emit("changed", {"what": what}))
        return True

    async def _steps(self, events: list[Event]) -> None:
        effects: list[Effect] = []
        turn = trio.current_time()
        for place, event in enumerate(events):
            if trio.current_time() - turn > LONGEST_TURN:
                await self.finish(effects)
                await trio.lowlevel.checkpoint()
                effects, turn = [], trio.current_time()
            try:
                effects += self.core.handle(event, clock.now())
            except StoreError as e:  # a read failed
                await self._lost(events[place:], effects, Refusal("failed", f"the disk refused: {e}", DISK))
                await self._recover(str(e))
                return
            except Exception as e:
                self._log.error("a bug in the core; it is made anew", cause=type(event).__name__, exc_info=e)
                refusal = Refusal("failed", f"the node met a bug of its own ({type(e).__name__})", "See node.log.")
                await self._lost([event], effects, refusal)
                await self._remake()
                await self._steps(events[place + 1 :])
                return
        await self.finish(effects)

    async def _lost(self, events: list[Event], before: list[Effect], refusal: Refusal) -> None:
        """Steps before the failed one are whole; answer those that are not."""
        await self.finish(before)
        for event in events:
            if isinstance(event, Command):
                self._performer.perform(Reply(event.ticket, refusal))
            elif isinstance(event, Received):
                self._performer.perform(Penalize(event.peer, "its message met a bug"))

    async def _commit(self, writes: list[Write]) -> None:
        puts: dict[bytes, bytes] = {}
        deletes: set[bytes] = set()
        heads: dict[bytes, Head] = {}
        for write in writes:
            puts.update(write.puts)
            deletes -= write.puts.keys()
            deletes |= write.deletes
            for key in write.deletes:
                puts.pop(key, None)
            heads.update(write.heads)
        durable = any(w.durable for w in writes)
        if durable:  # a sync takes tens of milliseconds on an SD card
            await trio.to_thread.run_sync(self._store.commit, puts, deletes, True, heads)
            purge = {key: puts.get(key) for write in writes for key in write.purge}
            if purge:
                await trio.to_thread.run_sync(self._store.purge, purge)
        else:
            self._store.commit(puts, deletes, False, heads)

    async def _recover(self, problem: str) -> None:
        """Wait until the disk takes writes again; answer commands meanwhile."""
        self._performer.warn(WARNING + problem)
        while True:
            with trio.move_on_after(REOPEN_EVERY / 1000):
                while True:
                    event = await self._receive.receive()
                    if isinstance(event, Command):
                        self._performer.perform(Reply(event.ticket, self._meanwhile(event, problem)))
            try:
                await trio.to_thread.run_sync(self._store.reopen)
                await trio.to_thread.run_sync(self._store.commit, {b"s" + b"writable": b""}, (), True)
                self._log.warning("the disk can be written again")
                self._performer.warn(None)
                return await self._make_anew()
            except StoreError as e:
                problem = str(e)
                self._performer.warn(WARNING + problem)
                self._turn_ended()

    def _meanwhile(self, command: Command, problem: str) -> object:
        """The answer to a command while the disk cannot be written: how the node is, or why nothing else is done. What
        else the core holds in memory may be what the disk refused, so it is not shown."""
        if command.name == "status":
            try:
                effects = self.core.handle(command, clock.now())
                return next(e.result for e in effects if isinstance(e, Reply))
            except Exception as e:
                self._log.warning("no status", cause=repr(e))
        return Refusal("failed", f"the disk cannot be written: {problem}", DISK)

    async def _remake(self) -> None:
        try:
            await self._make_anew()
        except StoreError as e:
            await self._recover(str(e))

    async def _make_anew(self) -> None:
        self.core = self._make_core(clock.now())
        self._wake_at = None
        await self.finish(self.core.begin(clock.now()))
        for event in self._performer.core_made(self.core):
            await self.finish(self.core.handle(event, clock.now()))

    def _wake(self, at: int) -> None:
        if self._wake_at is None or at < self._wake_at:
            self._wake_at = at
            self._wake_changed.set()

    async def _tick(self) -> None:
        while True:
            if self._wake_at is None:
                await self._wake_changed.wait()
            self._wake_changed = trio.Event()
            at = self._wake_at
            if at is None:
                continue
            delay = at - clock.now()
            if delay > 0 and not self._jumps.pending():
                with trio.move_on_after(min(delay, CLOCK_LOOKED_AT) / 1000):
                    await self._wake_changed.wait()
                    continue
            if clock.now() >= at or self._jumps.pending():  # if it was set back, the rest of a wait may be years
                self._wake_at = None
                await self.put(Woke())
