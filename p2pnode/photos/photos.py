"""All that the node does about photos, put together."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import trio
from structlog.typing import FilteringBoundLogger

from p2pnode.core.core import Core
from p2pnode.home.folder import Home
from p2pnode.photo_arguments import AddPhoto, GetPhoto, LookForPhotos
from p2pnode.photo_bounds import OTHERS_PHOTOS
from protocols.errors import Refusal
from protocols.photo import MEDIA_TYPE

from .asking import Asking, Asks
from .fetching import Fetching
from .folder import PhotoFolder
from .giving import Giving
from .keeping import Keeping


class Photos:
    """core: the newest. now: ms, the time to go by. arrived: called when a photo has come."""

    def __init__(
        self,
        home: Home,
        host: Asks,
        core: Callable[[], Core],
        now: Callable[[], int],
        arrived: Callable[[], None],
        log: FilteringBoundLogger,
        quota: int = OTHERS_PHOTOS,
    ) -> None:
        self.folder = PhotoFolder(home.photos, quota)
        self.fetching = Fetching(home, self.folder, Asking(host, log), core, now, arrived, log)
        self.giving = Giving(self.folder, core, lambda: self.fetching.named)
        self.keeping = Keeping(self.folder, core, lambda: named.photos if (named := self.fetching.named) else None)

    async def run(self) -> None:
        """Until cancelled."""
        self.fetching.begin()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.fetching.run)
            nursery.start_soon(self.keeping.sweep)

    async def call(self, args: AddPhoto | GetPhoto | LookForPhotos) -> Any:
        """What a command about photos answers. `Refusal`."""
        match args:
            case AddPhoto():
                return await self.keeping.add(args)
            case GetPhoto():
                return await self._get(bytes.fromhex(args.photo), args.wait)
            case LookForPhotos():
                return {"here": [photo for photo in args.photos if self._look_for(bytes.fromhex(photo))]}

    def _look_for(self, photo: bytes) -> bool:
        here = self.folder.has(photo)
        if not here:
            self.fetching.want(photo)
        return here

    async def _get(self, photo: bytes, wait: int) -> dict[str, Any]:
        data = await trio.to_thread.run_sync(self.folder.read, photo)
        if data is None:
            tried = self.fetching.want(photo)
            with trio.move_on_after(wait / 1000):
                await tried.wait()
            data = await trio.to_thread.run_sync(self.folder.read, photo)
        if data is None:
            raise Refusal("not_found", f"the photo {photo.hex()[:8]} is not here", "It is asked for. Try again later.")
        return {"photo": photo.hex(), "media": MEDIA_TYPE, "bytes": len(data), "base64": b64encode(data).decode()}
