"""The running node: puts store, core, host, DHT, index and control API together, and stops them cleanly."""

import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import trio
from structlog.typing import FilteringBoundLogger

from dht.presences import Presences
from p2pnode.core import effects
from p2pnode.core.core import Core
from p2pnode.core.effects import Effect
from p2pnode.core.events import (
    Banned,
    Connected,
    Disconnected,
    Event,
    Listening,
    Received,
    Sighted,
    Space,
    Unspoken,
)
from p2pnode.core.keys import GENESIS
from p2pnode.core.multiaddrs import with_peer
from p2pnode.core.state import Settings
from p2pnode.home.config import Config, load_config
from p2pnode.home.files import close_to_others
from p2pnode.home.folder import Home
from p2pnode.home.keystore import Keys, load_keystore, read_passphrase
from p2pnode.home.kinds import OwnKinds
from p2pnode.home.log import open_log
from p2pnode.home.pending import clear_pending, load_pending
from p2pnode.net.addresses import is_everywhere
from p2pnode.net.delivery import FrameReceived, HostEvent, PeerBanned, PeerConnected, PeerDisconnected, ProtocolUnspoken
from p2pnode.net.host import Host
from p2pnode.net.lan import Lan
from p2pnode.net.reach import Reach
from p2pnode.news.notifier import Notifier, send_apart
from p2pnode.photos.photos import Photos
from p2pnode.search.index import Index, IndexUnavailable
from p2pnode.search.remote import Remote
from p2pnode.search.searching import Searching
from protocols.errors import Refusal
from protocols.photo_messages import PROTOCOL as PHOTO
from protocols.reach_messages import PROTOCOL as REACH
from protocols.search_messages import PROTOCOL as SEARCH

from . import clock, commands
from .bounds import LOOK_AT_ADDRESSES, STOP_WITHIN
from .control import serve_control
from .dispatch import Dispatch
from .errands import Errands
from .greeting import greeting
from .keeping import Keeping
from .listeners import Listeners
from .loop import Loop
from .marker import Marked, marker_of
from .sampling import Sampling
from .starter import command, refusal_in, say_ready, say_ready_json, store_refusal
from .store import AnyStore, StoreError
from .supervision import Supervisor, in_short
from .tickets import Tickets
from .verifying import Verifier
from .web.port import Handed, Web
from .wholeness import check_chains, examine, keep_copy, open_store


def run(
    home: Home,
    *,
    listen: Sequence[str] = (),
    bootstrap: Sequence[str] = (),
    relay: bool = False,
    lan: bool = True,
    json: bool = False,
    passphrase_file: Path | None = None,
    page: Handed | None = None,
) -> int:
    """Run the node of this home until it is told to stop. Returns the exit status; `Refusal` if it cannot start.

    page: where its set-up was served.
    """
    home.require()
    home.check_version()
    with home.locked():
        os.umask(0o077)  # LevelDB and SQLite make their files as open as they may
        copy = home.migrate()
        if copy is not None:
            print(f"home brought up to date; the old one is kept in {copy}", file=sys.stderr)
        config, notes = load_config(home)
        keys, more = load_keystore(home.keystore, read_passphrase(passphrase_file) if passphrase_file else None)
        kinds = OwnKinds(home)
        for note in [*notes, *more, *kinds.notes, *close_to_others(home.root)]:
            print(note, file=sys.stderr)
        log = open_log(config.log_level, home.log if config.log_to == "file" else None)
        kept = home.root.with_name(f"{home.root.name}.damaged-{clock.now() // 1000}")
        try:
            store, zeroed = open_store(home.store, kept)
        except StoreError as e:
            raise store_refusal(e) from e
        try:
            marker = marker_of(keys.public.author)
            lost = check_chains(store)
            if lost and not zeroed:
                keep_copy(home.store, kept)
            for head, missing in lost:
                which = f"entries {missing[0]} to {missing[-1]}"
                print(f"the ledger in network {head.network.hex()[:8]} lost {which}", file=sys.stderr)
            if lost or zeroed:
                begin = "they are fetched from neighbours" if lost else "the end of the database was empty"
                print(f"{begin}; what was found is kept in {kept}", file=sys.stderr)
            examine(store, marker, lost)
            where = listen or config.listen
            given = (home, config, keys, Marked(store, marker), log)
            daemon = Daemon(*given, listen=where, lan=lan and config.lan, json=json, kinds=kinds, page=page)
            return trio.run(daemon.main, (*config.bootstrap, *bootstrap))
        except StoreError as e:  # met on reading what is stored
            raise store_refusal(e) from e
        except Exception as e:
            if not isinstance(e, Refusal):
                log.exception("the node ended by a bug")
            raise
        finally:
            store.close()


class Daemon:
    """One node. Performs the core's effects, and is the port that the control API talks to."""

    def __init__(
        self,
        home: Home,
        config: Config,
        keys: Keys,
        store: AnyStore,
        log: FilteringBoundLogger,
        *,
        listen: Sequence[str],
        lan: bool,
        json: bool,
        kinds: OwnKinds,
        page: Handed | None = None,
    ) -> None:
        self._home = home
        self._kinds = kinds
        self._config = config
        self._log = log
        self._json = json
        self._keys = keys
        self._listen = tuple(listen)
        self._host = Host(keys.host_seed, list(listen), self._host_event, validator=Presences(self._time))
        reach = Reach(self._host)
        self._host.handle(REACH, reach.serve)
        self._rng = random.SystemRandom()
        self._verifier = Verifier()
        self._supervisor = Supervisor()
        self._store = store
        self._tickets = Tickets()
        self._listeners = Listeners()
        self.heard = self._listeners.heard
        self._warning: str | None = None
        self._ready = False
        self._web = Web(self, home, log, page)
        self._listening: tuple[str, ...] = ()
        self._connections: dict[str, list[Event]] = {}  # by peer: what a core must be told of it
        self._nursery: trio.Nursery
        self._status = 0
        self._lan = Lan(lan, lambda: self._loop.core.local.wanted(), lambda finds: self._loop.put(Sighted(finds)), log)
        self._searching = Searching(self._open_index(), log)
        self._loop = Loop(store, self._make_core, self, log)
        self._remote = Remote(
            self._host, self._searching, lambda: self._loop.core, self._ask_core, self._spawn, self._time, log
        )
        self._host.handle(SEARCH, self._remote.serve)
        self._sampling = Sampling(
            home, lambda: self._loop.core, self._time, lambda: self._loop.waiting, self._listeners, log
        )
        self._errands = Errands(self._host, reach, self._loop.put, log)
        arrived = partial(self._listeners.tell, "changed", {"what": ["photos"]})
        quota = config.photos_mb * 2**20
        self._photos = Photos(home, self._host, lambda: self._loop.core, self._time, arrived, log, quota)
        self._host.handle(PHOTO, self._photos.giving.serve)
        keeping = Keeping(home, config, send_apart)
        around = (home, store, kinds, self._web, self._sampling, self._remote, keeping, self._listeners, self._photos)
        self._dispatch = Dispatch(*around, self._ask_core, lambda: self._nursery)

    async def main(self, bootstrap: tuple[str, ...]) -> int:
        """Serve until SIGTERM or SIGINT; returns the exit status."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            try:
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    nursery.start_soon(self._stop_on_signal, signals, nursery.cancel_scope)
                    await self._start(nursery, bootstrap)
            except BaseExceptionGroup as group:
                refusal = refusal_in(group)
                if refusal is None:
                    raise
                raise refusal from None
            finally:
                self._remote.close()
                self._searching.close()
                self._verifier.close()
        return self._status

    async def _start(self, nursery: trio.Nursery, bootstrap: tuple[str, ...]) -> None:
        addresses: list[str] = await nursery.start(self._host.run)
        self._listening = tuple(addresses)
        pending = load_pending(self._home)
        founded = [n.id for n in pending.network]
        founded += [n.hex() for n in self._store.heads() if self._store.get(GENESIS + n) is None]  # a lost row
        files = (self._home.networks / f"{id_}.genesis" for id_ in dict.fromkeys(founded))
        genesis = tuple(file.read_bytes() for file in files if file.exists())
        targets = tuple(j.target for j in pending.join)
        while not await self._loop.finish(self._loop.core.begin(clock.now(), genesis, targets, bootstrap)):
            pass  # the disk refused, and can be written again: from the beginning
        clear_pending(self._home)
        for peer, where in self._loop.core.neighbours.book.to_remember():
            self._host.remember(peer, where)
        nursery.start_soon(self._loop.run)
        nursery.start_soon(self._listeners.run)
        nursery.start_soon(self._sampling.run)
        self._searching.rebuild(self._loop.core)
        nursery.start_soon(self._searching.run, lambda: self._loop.core)
        nursery.start_soon(self._searching.tell, lambda: self._listeners.tell("listings", {}))
        await self._loop.put(self._space())
        await self._loop.put(Listening(self._listening))
        nursery.start_soon(self._watch_addresses)
        nursery.start_soon(self._photos.run)
        nursery.start_soon(self._lan.run)
        await nursery.start(serve_control, self, self._home, self._log)
        await self._web.begin(nursery, self._config.web, self._config.web_lan)
        self._say_ready()

    async def _stop_on_signal(self, signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
        async for number in signals:
            self._status = 130 if number == signal.SIGINT else 0
            self._log.info("stopping", signal=number)
            self._supervisor.say("STOPPING=1")
            scope.deadline = trio.current_time() + STOP_WITHIN / 1000
            scope.cancel()
            return

    def _say_ready(self) -> None:
        self._ready = True
        core, networks = self._loop.core, self._loop.core.state.joined
        if self._json:
            say_ready_json(self._host.peer_id, self._listening, networks[0].json if networks else None, self._web.url)
        else:
            own = sum(len(core.listings.mine(network)) for network in networks)
            name = networks[0].genesis.name if networks else ""
            alone, joining = not core.neighbours.known, bool(core.membership.joining)
            said = greeting(command(), self._config.name, name, self._listening, own, alone, joining)
            say_ready(said, self._listening)
        self._supervisor.say("READY=1")
        self._spawn(self._supervisor.watch, self._loop.turn, lambda: in_short(self._loop.core.state, self._warning))
        self._spawn(Notifier(self._home, self.subscribe, lambda n, a: self.call(n, a, None), self._log).run)

    # The port of the control API

    async def call(self, name: str, args: commands.Args, request_id: str | None) -> Any:
        return await self._dispatch.call(name, args, request_id)

    async def metrics(self) -> tuple[bytes, str]:
        return await self._sampling.metrics()

    async def _ask_core(self, make: Callable[[int], Event]) -> Any:
        return await self._tickets.ask(self._loop.put, make)

    def subscribe(self, after: str | None = None) -> AsyncIterator[dict[str, Any]]:
        return self._listeners.subscribe(after)

    def _spawn(self, task: Callable[..., Awaitable[None]], *args: Any) -> None:
        self._nursery.start_soon(task, *args)

    # The performer of the loop

    def perform(self, effect: Effect) -> None:
        match effect:
            case effects.Send(peer, protocol, data):
                self._sampling.tally.frame("out", protocol)
                self._host.send(peer, protocol, data)
            case effects.Reply(ticket, result):
                self._tickets.reply(ticket, result)
            case effects.Emit(kind, data):
                self._listeners.tell(kind, data)
            case effects.Reindex(slots, gone):
                self._searching.changed(slots, gone)
                self._photos.fetching.changed(slots, gone)
            case effects.Compare():
                compare = self._searching.compare
                self._nursery.start_soon(compare, self._loop.core, effect, self._time(), self._loop.put)
            case effects.Penalize(peer, reason):
                self._log.info("strike", peer=peer, reason=reason)
                self._host.strike(peer, reason)
            case effects.Credit(peer):
                self._host.credit(peer)
            case effects.Ban(peer, until, reason, by_user):
                self._host.ban(peer, reason, until - self._time(), kept=by_user)
            case effects.Unban(peer):
                self._host.lift(peer)
            case effects.Admit(peers):
                for peer in peers:
                    self._host.guard.reached(peer)
            case effects.Hangup(peer):
                self._nursery.start_soon(self._host.disconnect, peer)
            case effects.Withdraw(key):
                self._host.withdraw(key)
            case _:
                self._nursery.start_soon(self._errands.run, effect)

    def warn(self, warning: str | None) -> None:
        if warning is not None and not self._ready:  # nobody can ask for the status yet
            print(warning, file=sys.stderr, flush=True)
        self._warning = warning
        self._listeners.tell("warning", {"message": warning})

    def core_made(self, core: Core) -> Sequence[Event]:
        if not self._listening:
            return ()
        connections = (event for events in self._connections.values() for event in events)
        return (self._space(), Listening(self._listening), *connections)

    # Parts

    async def _watch_addresses(self) -> None:
        """Another network, or an address that came or went: the core is told, publishes it and dials anew."""
        while True:
            await trio.sleep(LOOK_AT_ADDRESSES)
            await self._loop.put(self._space())
            addresses = tuple(self._host.addresses())
            if addresses != self._listening:
                self._log.info("the addresses of this machine have changed", addresses=addresses)
                self._listening = addresses
                await self._loop.put(Listening(addresses))

    def _space(self) -> Space:
        return Space(*self._home.space())

    def _make_core(self, now: int) -> Core:
        settings = Settings(
            name=self._config.name,
            area=self._config.area,
            peer_id=self._host.peer_id,
            box=self._keys.public.box_key,
            default_network=self._config.network,
            witness=self._config.witness,
            everywhere=any(is_everywhere(text) for text in self._listen),
            kinds=self._kinds.by_name,
            turns=self._keys.turns(),
        )
        core = Core(self._store, self._keys.signer(), settings, self._rng, now, self._verifier)
        core.status.warnings = self._warnings
        core.status.lan_page = self._web.lan.json
        core.local.radio = self._lan.state
        core.status.indexing = lambda: self._searching.progress
        return core

    def _time(self) -> int:
        return self._loop.core.time(clock.now())

    def _warnings(self) -> list[str]:
        return [self._warning] if self._warning else []

    def _open_index(self) -> Index:
        try:
            return Index(self._home.index)
        except IndexUnavailable as e:
            self._log.warning("searching in memory", problem=e.message)
            return Index(":memory:")

    async def _host_event(self, event: HostEvent) -> None:
        match event:
            case FrameReceived(peer, protocol, data):
                self._sampling.tally.frame("in", protocol)
                await self._loop.put(Received(peer, protocol, data))
            case ProtocolUnspoken(peer, protocol):
                unspoken = Unspoken(peer, protocol)
                self._connections.setdefault(peer, []).append(unspoken)
                await self._loop.put(unspoken)
            case PeerBanned(peer, reason, duration):
                await self._loop.put(Banned(peer, reason, self._time() + duration))
            case PeerConnected(peer, address, outbound, chosen):
                connected = Connected(peer, with_peer(address, peer) if outbound else address, outbound, chosen)
                self._connections[peer] = [connected]
                await self._loop.put(connected)
                self._listeners.tell("peer", {"peer_id": peer, "connected": True})
            case PeerDisconnected(peer):
                self._connections.pop(peer, None)
                await self._loop.put(Disconnected(peer))
                self._listeners.tell("peer", {"peer_id": peer, "connected": False})
