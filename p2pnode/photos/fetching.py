"""Gets photos: those of listings that are kept here by themselves and slowly, others when our user looks.

So that a listing outlives its author's node with its pictures. Nothing is asked for that no listing names.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import trio
from structlog.typing import FilteringBoundLogger

from p2pnode.bounds import (
    MAX_PHOTOS_WANTED,
    PHOTO_AGAIN,
    PHOTO_AGAIN_MAX,
    PHOTO_LOOKED_AGAIN,
    PHOTO_PACE,
    PHOTO_SLICE,
    PHOTOS_AT_A_TIME,
    PHOTOS_SPARE,
)
from p2pnode.core.core import Core
from p2pnode.core.elsewhere import Target
from p2pnode.core.holders import holders_of
from p2pnode.core.state import Network
from p2pnode.home.folder import Home
from protocols.envelope import Record
from protocols.limits import MAX_PHOTO

from .asking import Asking
from .folder import PhotoFolder
from .keeping import own_photos
from .named import Named, Slot


@dataclass
class _Missing:
    """Asked for in vain. after: seconds until the next time; at: when that is, on trio's clock; peers: who was
    connected the last time."""

    after: float = PHOTO_AGAIN
    at: float = 0.0
    peers: frozenset[str] = frozenset()
    tried: float = 0.0


class Fetching:
    """core: the newest. now: ms, the time to go by. arrived: called when a photo has come."""

    def __init__(
        self,
        home: Home,
        folder: PhotoFolder,
        asking: Asking,
        core: Callable[[], Core],
        now: Callable[[], int],
        arrived: Callable[[], None],
        log: FilteringBoundLogger,
    ) -> None:
        self._home, self._folder, self._asking = home, folder, asking
        self._core, self._now, self._arrived, self._log = core, now, arrived, log
        self._named = Named()
        self._unread: OrderedDict[Slot, None] = OrderedDict()  # listings to be looked at
        self._whole = False  # all have been
        self._missing: dict[bytes, _Missing] = {}
        self._wanted: OrderedDict[bytes, trio.Event] = OrderedDict()  # by our user, the last one last
        self._asked: set[bytes] = set()
        self._news = trio.Event()
        self._more = trio.Event()

    @property
    def named(self) -> Named | None:
        """What listings that are held here name; None as long as not all of them have been looked at."""
        return self._named if self._whole else None

    def begin(self) -> None:
        """Look at all listings that are held."""
        for network in self._core().state.networks.values():
            for row in network.catalog.rows(kind="listing"):
                self._unread[Slot(network.id, row.author, row.name)] = None
        self._news.set()

    def changed(self, slots: Iterable[tuple[bytes, bytes, bytes]], gone: Iterable[bytes]) -> None:
        """These listings must be looked at again, and these records are no more."""
        for record in gone:
            self._named.gone(record)
        self._unread.update((Slot(*slot), None) for slot in slots)
        self._news.set()

    def want(self, photo: bytes) -> trio.Event:
        """Our user looks at it. Set when all has been tried."""
        tried = self._wanted.setdefault(photo, trio.Event())
        self._wanted.move_to_end(photo)
        while len(self._wanted) > MAX_PHOTOS_WANTED:
            self._wanted.popitem(last=False)[1].set()
        self._more.set()
        return tried

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._beforehand)
            for _ in range(PHOTOS_AT_A_TIME):
                nursery.start_soon(self._for_our_user)

    # Beforehand

    async def _beforehand(self) -> None:
        while True:
            try:
                await self._one_beforehand()
            except Exception:  # as a disk that cannot be read: photos are no reason to end the node
                self._log.exception("photos were not fetched")
                await trio.sleep(PHOTO_AGAIN)

    async def _one_beforehand(self) -> None:
        await self._read()
        self._whole = True
        photo = await self._next()
        if photo is None:
            with trio.move_on_after(PHOTO_AGAIN / 4):
                await self._news.wait()
            return
        await self._get(photo, looked_at=False)
        await trio.sleep(PHOTO_PACE)

    async def _read(self) -> None:
        """Look at listings that are new or other than before."""
        self._news = trio.Event()
        while self._unread:
            core = self._core()
            for _ in range(min(PHOTO_SLICE, len(self._unread))):
                slot = next(iter(self._unread))
                network = core.state.networks.get(slot.network)
                current = core.listings.current(network, slot.author, slot.name) if network else None
                self._named.put(slot, *((current[0].id, current[1].photos) if current else (b"", ())))
                del self._unread[slot]
            await trio.lowlevel.checkpoint()

    async def _next(self) -> bytes | None:
        """A photo that is missing and may be had, if there is room for it."""
        free, total = await trio.to_thread.run_sync(self._home.space)
        if self._folder.room < MAX_PHOTO or (total and free < PHOTOS_SPARE):
            return None
        clock, peers = trio.current_time(), frozenset(self._core().state.connected)
        for photo in [photo for photo in self._missing if photo not in self._named]:
            del self._missing[photo]
        for photo in self._named.photos:
            if not self._folder.has(photo) and photo not in self._asked and photo not in self._wanted:
                vain = self._missing.get(photo)
                if vain is None or vain.at <= clock or peers - vain.peers:
                    return photo if peers else None
        return None

    # For our user

    async def _for_our_user(self) -> None:
        while True:
            photo = next((photo for photo in reversed(self._wanted) if photo not in self._asked), None)
            if photo is None:
                self._more = trio.Event()
                await self._more.wait()
                continue
            try:
                await self._get(photo, looked_at=True)
            except Exception:
                self._log.exception("a photo was not fetched")
            finally:
                self._wanted.pop(photo, trio.Event()).set()

    # Both

    async def _get(self, photo: bytes, looked_at: bool) -> None:
        """Ask one after the other until somebody gives it."""
        vain = self._missing.get(photo)
        if self._folder.has(photo) or (looked_at and vain and trio.current_time() < vain.tried + PHOTO_LOOKED_AGAIN):
            return
        self._asked.add(photo)
        peers = frozenset(self._core().state.connected)
        try:
            for target, network in self._whom(photo, looked_at):
                data = await self._asking.ask(target, network.id, photo)
                if data is not None:
                    await self._keep(photo, data)
                    self._missing.pop(photo, None)
                    return
            vain = self._missing.setdefault(photo, _Missing(PHOTO_AGAIN / 2))
            vain.after = min(2 * vain.after, PHOTO_AGAIN_MAX)
            vain.tried = trio.current_time()
            vain.at, vain.peers = vain.tried + vain.after, peers
        except OSError as e:
            self._log.warning("a photo was not stored", problem=str(e))
        finally:
            self._asked.discard(photo)

    async def _keep(self, photo: bytes, data: bytes) -> None:
        """One that a listing of ours names has been lost with an older folder: it is ours again."""
        store = self._folder.keep_own if photo in own_photos(self._core()) else self._folder.keep
        await trio.to_thread.run_sync(store, data)
        self._arrived()

    def _whom(self, photo: bytes, looked_at: bool) -> list[tuple[Target, Network]]:
        holders = holders_of(self._core())
        found: dict[str, tuple[Target, Network]] = {}
        for network, record in self._listings(photo, looked_at):
            targets = holders.connected(network, record)
            if looked_at:
                targets += holders.reachable(network, record, self._now())
            for target in targets:
                found.setdefault(target.peer, (target, network))
        return list(found.values())

    def _listings(self, photo: bytes, looked_at: bool) -> list[tuple[Network, Record]]:
        core, found = self._core(), []
        for slot in self._named.slots_of(photo):
            network = core.state.networks.get(slot.network)
            current = core.listings.current(network, slot.author, slot.name) if network else None
            if network is not None and current is not None:
                found.append((network, current[0]))
        if not found and looked_at:
            found += holders_of(core).elsewhere({photo}).values()
        return found
