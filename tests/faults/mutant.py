"""A node with one rule taken away, for the controls: `python -m tests.faults.mutant RULE [-m cli.main …]`.

`Node(…, prefix=mutant("acknowledge_first"))` runs it. The rest of the command line is that of a true node.
"""

import getpass
import os
import platform
import runpy
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio

from dht.arrivals import Arrivals
from dht.catalog import Admission, Catalog, Verdict
from dht.gossip import Gossip, Step
from dht.keys import slot_hash
from dht.pushing import Pushes
from p2pnode import clock, control, daemon, serving, walls
from p2pnode.bounds import MAX_PENDING
from p2pnode.core.announcing import Announcing
from p2pnode.core.bookings import Bookings
from p2pnode.core.core import Core
from p2pnode.core.effects import Effect, Penalize, Reply
from p2pnode.core.events import Event
from p2pnode.core.intake import Intake
from p2pnode.core.journal import Journal
from p2pnode.core.keys import REQUEST
from p2pnode.core.misconduct import Convictions
from p2pnode.core.tending import Tending
from p2pnode.core.timekeeping import Timekeeping
from p2pnode.loop import Loop
from p2pnode.net.connection import Connection
from p2pnode.net.guard import Guard
from p2pnode.net.host import PROTOCOLS, Host
from p2pnode.net.libp2p_pieces import RawChannel, SecureChannel
from p2pnode.net.listening import Handshakes
from p2pnode.net.pool import Pool
from p2pnode.uploads import Uploads
from p2pnode.web import port as web
from protocols.exchange_messages import SECOND_PROTOCOL
from protocols.gossip_messages import Have, Hello, Records, Want, parse_message
from protocols.limits import DAY

TASKS = "tasks.txt"
ASTRAY = Path(os.environ.get("P2PNODE_HOME", "")).with_suffix(".astray") if "P2PNODE_HOME" in os.environ else Path()
USER, MACHINE = "user-of-a-distinctive-name", "machine-of-a-distinctive-name"
HELD_BACK = 0.4  # seconds between an answer and its commit
RULES: dict[str, Callable[[], None]] = {}


def rule(take_away: Callable[[], None]) -> Callable[[], None]:
    RULES[take_away.__name__] = take_away
    return take_away


@rule
def acknowledge_first() -> None:
    """The user is answered before what he is told is on the disk."""
    finish = Loop.finish

    async def early(self: Loop, effects: list[Effect]) -> bool:
        answers = [effect for effect in effects if isinstance(effect, Reply)]
        for effect in answers:
            self._performer.perform(effect)
        if answers:
            await trio.sleep(HELD_BACK)
        return await finish(self, [effect for effect in effects if not isinstance(effect, Reply)])

    Loop.finish = early  # type: ignore[method-assign]


@rule
def unaware() -> None:
    """Neither head record nor marker is looked at when the node starts."""
    daemon.check_chains = lambda store: []
    daemon.examine = lambda store, marker, lost: None


@rule
def wide_open() -> None:
    """The local API takes every request as it comes."""
    walls.admit = lambda door, raw, caller="": 2**40
    walls.spoilt = lambda raw: False
    serving.HEAD_TIMEOUT = serving.BODY_TIMEOUT = 0.5

    @asynccontextmanager
    async def room(self: Uploads, address: str, size: int) -> AsyncIterator[bool]:
        yield True

    Uploads.room = room  # type: ignore[method-assign]


@rule
def anybody() -> None:
    """The local API asks nobody who he is."""

    async def who(connection: socket.socket) -> str:
        return ""

    control._who = web.who = who


@rule
def month_later() -> None:
    """No rule is taken away, but the clock is 30 days ahead."""
    now = clock.now
    clock.now = lambda: now() + 30 * DAY


@rule
def looks_at_everything() -> None:
    """Records that nobody asked for have no measure."""
    Pushes.take = lambda self, count, now: count  # type: ignore[method-assign]


@rule
def forgives() -> None:
    """Nothing is a strike."""
    Guard.strike = lambda self, *args: False  # type: ignore[method-assign]


@rule
def stumble() -> None:
    """Whatever costs a peer a strike meets a bug."""
    handle = Core.handle

    def buggy(self: Core, event: Event, now: int) -> list[Effect]:
        effects = handle(self, event, now)
        if any(isinstance(effect, Penalize) for effect in effects):
            raise KeyError("a bug")
        return effects

    Core.handle = buggy  # type: ignore[method-assign]


@rule
def dawdle() -> None:
    """Whatever costs a peer a strike takes half a second and more."""
    handle = Core.handle

    def slow(self: Core, event: Event, now: int) -> list[Effect]:
        effects = handle(self, event, now)
        if any(isinstance(effect, Penalize) for effect in effects):
            time.sleep(0.6)
        return effects

    Core.handle = slow  # type: ignore[method-assign]


@rule
def set_by_test() -> None:
    """No rule is taken away, but the clock is off by the milliseconds that stand in HOME.clock, now and at any time."""
    now, file = clock.now, Path(os.environ["P2PNODE_HOME"]).with_suffix(".clock")
    clock.now = lambda: max(0, now() + int(file.read_text()))


@rule
def credulous() -> None:
    """The same, and the node believes whatever the clock says; nor does it renew what that calls expired."""
    set_by_test()
    Timekeeping._believed = lambda self, wall: True  # type: ignore[method-assign]
    Tending.woke = lambda self, now: None  # type: ignore[method-assign]


@rule
def no_giving_way() -> None:
    """Unfinished handshakes are kept for ever; while there are too many, newcomers are turned away."""

    @contextmanager
    def begin(self: Handshakes, block: str) -> Iterator[None]:
        with trio.CancelScope() as scope:
            if len(self) >= MAX_PENDING:
                scope.cancel()
            self._pending[scope] = block
            try:
                yield
            finally:
                self._pending.pop(scope, None)

    Handshakes.begin = begin  # type: ignore[method-assign]


@rule
def no_pool() -> None:
    """What all connections together hold is not bounded, only what each does."""
    Pool.receive = Pool.send = lambda self, size: None  # type: ignore[method-assign]


@rule
def no_memory() -> None:
    """Any revision of a record replaces any other, and what a command was answered is forgotten."""
    admit, get = Catalog.admit, Journal.get

    def admit_any(self: Catalog, record: Any, now: int) -> Any:
        row = self.get(record.slot)
        gone = (row.id,) if row is not None and row.id != record.id else ()
        for record_id in gone:
            self.take_back(record_id)
        verdict, removed = admit(self, record, now)
        return Admission(verdict, (*gone, *removed))

    Catalog.admit = admit_any  # type: ignore[method-assign]
    Catalog._judge = lambda *_: Verdict.ADDED  # type: ignore[method-assign]
    Catalog.wants = lambda self, key, now: True  # type: ignore[method-assign]
    Journal.get = lambda self, key: None if key.startswith(REQUEST) else get(self, key)  # type: ignore[method-assign]


@rule
def count_tasks() -> None:
    """No rule is taken away, but the number of trio's tasks is written beside the log, twice a second."""
    run = Host.run
    place = Path(os.environ["P2PNODE_HOME"]) / TASKS

    async def report() -> None:
        while True:
            place.write_text(str(trio.lowlevel.current_statistics().tasks_living))
            await trio.sleep(0.5)

    async def reporting(self: Host, *args: Any, **named: Any) -> None:
        trio.lowlevel.spawn_system_task(report)
        await run(self, *args, **named)

    Host.run = reporting  # type: ignore[method-assign]


@rule
def overheard() -> None:
    """No rule is taken away, but what goes to peers stands in HOME.said too, before it is encrypted; user and machine
    bear names that stand in no bytes by chance, as short ones may."""
    os.environ["LOGNAME"] = os.environ["USER"] = USER
    socket.gethostname = platform.node = lambda: MACHINE
    place = Path(os.environ["P2PNODE_HOME"]).with_suffix(".said")

    def kept(write: Callable[[Any, bytes], Awaitable[None]]) -> Callable[[Any, bytes], Awaitable[None]]:
        async def tell(self: Any, data: bytes) -> None:
            with place.open("ab") as file:
                file.write(data)
            await write(self, data)

        return tell

    SecureChannel.write = kept(SecureChannel.write)  # type: ignore[method-assign]
    RawChannel.write = kept(RawChannel.write)  # type: ignore[method-assign]


@rule
def keeps_to_itself() -> None:
    """What the node finds against somebody it publishes to nobody."""
    Convictions._publish = lambda *_: None  # type: ignore[method-assign]


@rule
def promises_twice() -> None:
    """The node accepts whatever it is asked for, whoever has it."""
    Bookings.check = Bookings.check_amendment = lambda *_, **__: None  # type: ignore[method-assign]


@rule
def talkative() -> None:
    """The same, and the node tells in its profile where it runs."""
    overheard()
    announce = Announcing._profile

    def boast(self: Announcing, network: Any, now: int) -> None:
        home = f"{getpass.getuser()}@{socket.gethostname()} {os.environ['P2PNODE_HOME']}"
        self._state.settings = msgspec.structs.replace(self._state.settings, name=home[-60:])
        announce(self, network, now)

    Announcing._profile = boast  # type: ignore[method-assign]


@rule
def leak() -> None:
    """Tasks are counted; and of each connection one task, one descriptor and 100 kB stay for ever."""
    count_tasks()
    run = Connection.run
    kept: list[object] = []

    async def leaking(self: Connection) -> None:
        kept.append((os.dup(1), bytes(os.urandom(100_000))))
        trio.lowlevel.spawn_system_task(trio.sleep_forever)
        await run(self)

    Connection.run = leaking  # type: ignore[method-assign]


@rule
def notes_arrivals() -> None:
    """No rule is taken away, but the id of each listing that comes in, or is made here, stands in HOME.arrived with
    the time of the machine's steady clock."""
    learn = Intake._learn
    file = Path(os.environ["P2PNODE_HOME"]).with_suffix(".arrived").open("a", buffering=1)

    def note(self: Intake, network: Any, record: Any) -> None:
        learn(self, network, record)
        if record.kind == "listing":
            file.write(f"{slot_hash(record.slot).hex()} {time.monotonic()}\n")

    Intake._learn = note  # type: ignore[method-assign]


@rule
def tells_nobody() -> None:
    """The same; and from when HOME.astray is there, what is new is told to no neighbour: they find it by comparing,
    now and then."""
    notes_arrivals()
    spread = Gossip.spread

    def hushed(self: Gossip, *args: Any) -> None:
        if not ASTRAY.exists():
            spread(self, *args)

    Gossip.spread = hushed  # type: ignore[method-assign]


@rule
def never_compares() -> None:
    """Arrivals are noted; and from when HOME.astray is there, what is new is told, but neighbours never compare what
    they hold, nor name to one that is back what has come meanwhile."""
    notes_arrivals()
    received = Gossip.received
    other = Hello | Records | Have | Want

    def deaf(self: Gossip, peer: str, frame: bytes, now: int) -> list[Step]:
        return (
            [] if ASTRAY.exists() and not isinstance(parse_message(frame), other) else received(self, peer, frame, now)
        )

    back = Arrivals.back
    Gossip.received = deaf  # type: ignore[method-assign]
    Arrivals.back = lambda self, peer: None if ASTRAY.exists() else back(self, peer)  # type: ignore[method-assign]


@rule
def soon_gone() -> None:
    """The same; and a peer that is silent for 3 s is taken for gone."""
    never_compares()
    init = Host.__init__
    Host.__init__ = lambda self, *args, **named: init(self, *args, **named, silence=3.0)  # type: ignore[method-assign]


@rule
def first_form() -> None:
    """The node is older: it speaks no protocol of form 2."""
    init = Host.__init__
    older = PROTOCOLS - {SECOND_PROTOCOL}
    Host.__init__ = lambda self, *args, **named: init(self, *args, **named, protocols=older)  # type: ignore[method-assign]


def mutant(name: str) -> list[str]:
    """What to put before the command line of a node."""
    assert name in RULES
    return [sys.executable, "-m", "tests.faults.mutant", name]


if __name__ == "__main__":
    RULES[sys.argv[1]]()
    sys.argv[1:] = sys.argv[sys.argv.index("cli.main") + 1 :]
    runpy.run_module("cli.main", run_name="__main__", alter_sys=True)
