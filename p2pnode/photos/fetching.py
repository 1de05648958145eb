"""Gets photos: those of listings that are kept here by themselves and slowly, others when our user looks.

So that a listing outlives its author's node with its pictures. Nothing is asked for that no listing names.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice

import trio
from structlog.typing import FilteringBoundLogger

from p2pnode.bounds import MAX_TRACKED
from p2pnode.core.core import Core
from p2pnode.core.elsewhere import Target
from p2pnode.core.holders import holders_of
from p2pnode.core.state import Network
from p2pnode.home.folder import Home
from p2pnode.photo_bounds import (
    MAX_PHOTOS_WANTED,
    PHOTO_AGAIN,
    PHOTO_AGAIN_MAX,
    PHOTO_LOOKED_AGAIN,
    PHOTO_PACE,
    PHOTO_SLICE,
    PHOTOS_AT_A_TIME,
    PHOTOS_SPARE,
)
from protocols.envelope import Record
from protocols.limits import MAX_PHOTO

from .asking import Asking
from .folder import PhotoFolder
from .keeping import own_photos
from .named import Named, Slot

PHOTOS_LOOKED_FOR = 16  # that are to be fetched beforehand, at a time


@dataclass
class _Missing:
    """Asked for in vain. after: seconds until the next time; at: when that is, on trio's clock; came: how many peers
    had been connected by the last time."""

    after: float = PHOTO_AGAIN
    at: float = 0.0
    came: int = 0
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
        self._missing: OrderedDict[bytes, _Missing] = OrderedDict()
        self._next_few: deque[bytes] = deque()  # to be fetched beforehand
        self._met: OrderedDict[str, None] = OrderedDict()  # peers that were connected, the last ones
        self._came = 0  # how many of them were new
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
        for network in self._core().state.joined:
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
        if not self._core().state.connected:
            return None
        if not self._next_few:
            await self._look_for_more()
        while self._next_few:
            photo = self._next_few.popleft()
            if photo in self._named and self._is_lacking(photo):
                return photo
        return None

    async def _look_for_more(self) -> None:
        """First photos of those of whom the fewest were asked for in vain, then those asked for least: who names what
        nobody has keeps himself waiting, and not the street."""
        clock, came = trio.current_time(), self._peers_so_far()
        for photo in [photo for photo in self._missing if photo not in self._named]:
            del self._missing[photo]
        vain = Counter(author for photo in self._missing for author in self._named.authors_of(photo))
        chance = self._core().state.rng.random  # who is not remembered must not always come first
        found: list[tuple[int, float, float, bytes]] = []
        for n, photo in enumerate(self._named.photos):
            if n % PHOTO_SLICE == 0:
                await trio.lowlevel.checkpoint()
            missing = self._missing.get(photo)
            due = missing is None or missing.at <= clock or missing.came < came
            if due and self._is_lacking(photo):
                least = min((vain[author] for author in self._named.authors_of(photo)), default=0)
                found.append((least, missing.after if missing else 0.0, chance(), photo))
        self._next_few.extend(photo for *_, photo in nsmallest(PHOTOS_LOOKED_FOR, found))

    def _is_lacking(self, photo: bytes) -> bool:
        return not self._folder.has(photo) and photo not in self._asked and photo not in self._wanted

    def _peers_so_far(self) -> int:
        """How many peers have been connected so far; one that comes back counts once."""
        for peer in self._core().state.connected:
            self._came += peer not in self._met
            self._met[peer] = None
            self._met.move_to_end(peer)
        while len(self._met) > MAX_TRACKED:
            self._met.popitem(last=False)
        return self._came

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
        came = self._peers_so_far()
        try:
            for target, network in self._whom(photo, looked_at):
                data = await self._asking.ask(target, network.id, photo)
                if data is not None:
                    await self._keep(photo, data)
                    self._missing.pop(photo, None)
                    return
            vain = self._missing.setdefault(photo, _Missing(PHOTO_AGAIN / 2))
            self._missing.move_to_end(photo)
            while len(self._missing) > MAX_TRACKED:
                self._missing.popitem(last=False)
            vain.after = min(2 * vain.after, PHOTO_AGAIN_MAX)
            vain.tried = trio.current_time()
            vain.at, vain.came = vain.tried + vain.after, came
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
        for slot in islice(self._named.slots_of(photo), PHOTO_SLICE):
            network = core.state.networks.get(slot.network)
            current = core.listings.current(network, slot.author, slot.name) if network else None
            if network is not None and current is not None:
                found.append((network, current[0]))
        if not found and looked_at:
            found += holders_of(core).elsewhere({photo}).values()
        return found
