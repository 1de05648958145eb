"""All that the node does about photos, put together."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import trio
from structlog.typing import FilteringBoundLogger

from p2pnode.bounds import OTHERS_PHOTOS
from p2pnode.core.core import Core
from p2pnode.home.folder import Home
from p2pnode.photo_arguments import AddPhoto, GetPhoto, LookForPhotos
from protocols.errors import Refusal
from protocols.photo import MEDIA_TYPE

from .folder import PhotoFolder
from .keeping import Keeping


class Photos:
    """core: the newest."""

    def __init__(self, home: Home, core: Callable[[], Core], log: FilteringBoundLogger) -> None:
        self._folder = PhotoFolder(home.photos, OTHERS_PHOTOS)
        self.keeping = Keeping(self._folder, core, lambda: None)

    async def call(self, args: AddPhoto | GetPhoto | LookForPhotos) -> Any:
        """What a command about photos answers. `Refusal`."""
        match args:
            case AddPhoto():
                return await self.keeping.add(args)
            case GetPhoto():
                return await self._get(bytes.fromhex(args.photo))
            case LookForPhotos():
                return {"here": [photo for photo in args.photos if self._folder.has(bytes.fromhex(photo))]}

    async def _get(self, photo: bytes) -> dict[str, Any]:
        data = await trio.to_thread.run_sync(self._folder.read, photo)
        if data is None:
            raise Refusal("not_found", f"the photo {photo.hex()[:8]} is not here", "Try again later.")
        return {"photo": photo.hex(), "media": MEDIA_TYPE, "bytes": len(data), "base64": b64encode(data).decode()}
