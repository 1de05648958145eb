"""A node without a network, to be hurt: the real store, core and loop, given commands without end.

    python -m tests.faults.writer FOLDER [--marker FILE] [--bulk] [--careless HOW] …

Says one line for each thing that happens, by `writev`, which no injected fault of `write` meets:

    ready COUNT            the store is open, the own chain has so many entries
    ack ID DIGEST COUNT HEAD   the command with this request id was answered; the chain reaches so far
    no ID TEXT             it was refused
    error TEXT             the log, from that level on
    warn TEXT, made        the disk refused; the core was made anew from it
    cannot TEXT            it cannot start (exit status 3)

The controls. unsynced: nothing is synced; deaf: what the disk refuses is acknowledged all the same; dead: the store is
never opened again.
"""

import argparse
import os
import random
import sys
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import structlog
import trio

from ledger.head import Head
from p2pnode import clock
from p2pnode import loop as loop_module
from p2pnode.bounds import MAX_OUTBOX
from p2pnode.commands import parse_args
from p2pnode.core.core import Core
from p2pnode.core.effects import Effect, Reply
from p2pnode.core.events import Command, Event
from p2pnode.core.state import Settings
from p2pnode.loop import Loop
from p2pnode.marker import Marked, Marker
from p2pnode.store import AnyStore, Store, StoreError, StoreFailed
from p2pnode.wholeness import check_chains, examine
from protocols.envelope import Record
from protocols.errors import Refusal
from protocols.genesis import Genesis, found
from protocols.identity import incept
from protocols.profile import PeerAddress, Profile, seal_profile

ANNA = incept(b"anna".ljust(32))[0]
EVE = incept(b"eve".ljust(32))[0]
PEER = "12D3KooW" + "A" * 44
EVES_PEER = "12D3KooW" + "E" * 44
FOUNDED = 1_750_000_000_000
BULK = 20_000  # bytes of a foreign row
BULK_ROWS = 100
LISTINGS = 20
PAUSE = 0.02  # seconds, after a refusal

Lines = list[str]


def genesis() -> Record:
    """A network in which Anna can vouch for ever."""
    return found(
        ANNA,
        Genesis(
            name="Elm Street",
            unit="hour",
            decimals=2,
            endowments=((ANNA.author, 10**9),),
            stewards=(ANNA.author,),
            quorum=1,
            newcomer_limit=0,
            open=True,
            area="u33dc",
            salt=bytes(16),
        ),
        FOUNDED,
    )


NETWORK = genesis().id[:16]


def core_over(store: AnyStore, now: int) -> Core:
    """Anna's core over what is stored."""
    return Core(store, ANNA, Settings("Anna", "u33dc", PEER, bytes(32)), random.SystemRandom(), now)  # type: ignore[arg-type]


def meet(core: Core) -> None:
    """Eve's profile is stored with the next step."""
    if NETWORK not in core.state.networks:
        return
    now = clock.now()
    profile = Profile(name="Eve", box=bytes(32), peers=(PeerAddress(EVES_PEER, ("/ip4/192.0.2.1/tcp/1",)),))
    record = seal_profile(EVE, NETWORK, profile, created=now, until=now + 86_400_000, revision=now)
    core.intake.take(core.state.networks[NETWORK], record.wire, now)


def digest_of(reply: object) -> str:
    return blake2b(msgspec.json.encode(reply, order="sorted"), digest_size=8).hexdigest()


class Unsynced(Store):
    """Syncs nothing."""

    def _load(self) -> None:
        super()._load()
        os.fdatasync = os.fsync = lambda fd: None
        db = self._db

        class Db:
            def __getattr__(self, name: str) -> Any:
                return getattr(db, name)

            def write_batch(self, **options: Any) -> Any:
                return db.write_batch(**{**options, "sync": False})

        self._db = Db()


class Deaf(Store):
    """Does not hear what the disk refuses."""

    def commit(
        self,
        puts: Mapping[bytes, bytes],
        deletes: Iterable[bytes] = (),
        durable: bool = False,
        heads: Mapping[bytes, Head] | None = None,
    ) -> None:
        try:
            super().commit(puts, deletes, durable, heads)
        except StoreFailed:
            self._failure = None


class Dead(Store):
    """Is never opened again."""

    def reopen(self) -> None:
        raise StoreFailed("this store does not open again")


STORES = {"": Store, "unsynced": Unsynced, "deaf": Deaf, "dead": Dead}


def say(*words: object) -> None:
    line = " ".join(str(w).replace("\n", " ") for w in words) + "\n"
    os.writev(1, [line.encode()])


class Writer:
    """Performs for the loop, and gives it commands. bulk: foreign rows beside them, which are not synced."""

    def __init__(self, store: AnyStore, *, bulk: bool, last: int) -> None:
        self._store = store
        self._bulk = bulk
        self._last = last
        self._waiting: dict[int, tuple[str, trio.Event]] = {}
        self._listings: list[str] = []
        self._rng = random.Random(os.urandom(8))
        self._given = self._acknowledged = 0
        self._loop = Loop(store, lambda now: core_over(store, now), self, structlog.get_logger())

    def perform(self, effect: Effect) -> None:
        if not isinstance(effect, Reply) or effect.ticket not in self._waiting:
            return
        request, answered = self._waiting[effect.ticket]
        if isinstance(effect.result, Refusal):
            say("no", request, effect.result.message)
        else:
            self._acknowledged += 1
            state = self._loop.core.state.networks[NETWORK].chain.state
            say("ack", request, digest_of(effect.result), state.count, state.head.hex())
            if "listing_id" in effect.result:
                self._listings = [*self._listings, effect.result["listing_id"]][-LISTINGS:]
        answered.set()

    def warn(self, warning: str | None) -> None:
        say("warn", warning)

    def core_made(self, core: Core) -> Sequence[Event]:
        say("made")
        meet(core)
        return ()

    async def run(self, at_once: int) -> None:
        loop = self._loop
        while not await loop.finish(loop.core.begin(clock.now(), (genesis().wire,))):
            pass
        meet(loop.core)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(loop.run)
            say("ready", loop.core.state.networks[NETWORK].chain.state.count)
            if self._bulk:
                nursery.start_soon(self._foreign)
            async with trio.open_nursery() as people:
                for _ in range(at_once):
                    people.start_soon(self._person)
            nursery.cancel_scope.cancel()

    async def _person(self) -> None:
        while not self._last or self._acknowledged < self._last:
            self._given += 1
            ticket, request, answered = self._given, os.urandom(8).hex(), trio.Event()
            self._waiting[ticket] = request, answered
            name, args = self._command()
            await self._loop.put(Command(ticket, name, parse_args(name, args), request))
            before = self._acknowledged
            await answered.wait()
            del self._waiting[ticket]
            if self._acknowledged == before:
                await trio.sleep(PAUSE)

    def _command(self) -> tuple[str, dict[str, Any]]:
        if self._rng.random() < 0.6 and self._loop.core.state.networks[NETWORK].chain.state.count < MAX_OUTBOX - 100:
            return "vouch", {"peer": EVE.author.hex(), "amount": "0.01"}
        title = f"Ladder {self._rng.random()}"
        if len(self._listings) < LISTINGS:
            return "listing.publish", {"direction": "offer", "kind": "rent", "title": title}
        return "listing.edit", {"id": self._rng.choice(self._listings), "title": title}

    async def _foreign(self) -> None:
        while True:
            row = {b"z%d" % self._rng.randrange(BULK_ROWS): os.urandom(BULK)}
            with suppress(StoreError):
                await trio.to_thread.run_sync(self._store.commit, row)
            await trio.sleep(0.01)


def _to_line(logger: Any, method: str, event: MutableMapping[str, Any]) -> Any:
    say(method, *event.values())
    raise structlog.DropEvent


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--marker", type=Path)
    parser.add_argument("--bulk", action="store_true")
    parser.add_argument("--at-once", type=int, default=3)
    parser.add_argument("--reopen", type=int, default=50)
    parser.add_argument("--careless", choices=STORES, default="")
    parser.add_argument("--last", type=int, default=0)
    args = parser.parse_args()
    structlog.configure(processors=[_to_line], wrapper_class=structlog.make_filtering_bound_logger(40))
    loop_module.REOPEN_EVERY = args.reopen
    try:
        store = STORES[args.careless].open(args.folder)
        lost = check_chains(store)
        if args.marker is not None:
            examine(store, Marker(args.marker), lost)
        any_store = store if args.marker is None else Marked(store, Marker(args.marker))
        trio.run(Writer(any_store, bulk=args.bulk, last=args.last).run, args.at_once)
        store.close()
    except (StoreError, Refusal) as e:
        say("cannot", e.message)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
