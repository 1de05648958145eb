"""Photos in commands: pictures become photos before a listing is signed, and what nobody names any more goes."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import trio
from msgspec.structs import replace

from p2pnode import commands
from p2pnode.core.core import Core
from p2pnode.core.picturing import is_hash
from p2pnode.photo_arguments import AddPhoto
from p2pnode.photo_bounds import PHOTOS_SWEPT_EVERY
from p2pnode.store import StoreError
from protocols.errors import Refusal
from protocols.photo import MEDIA_TYPE, check_photo

from .folder import PhotoFolder
from .making import Making

_DISK: Final = "Free some space or check the disk, and try again."


class Keeping:
    """core: the newest. named: hashes that listings held here name, None as long as not all have been looked at."""

    def __init__(
        self, folder: PhotoFolder, core: Callable[[], Core], named: Callable[[], frozenset[bytes] | None]
    ) -> None:
        self._folder = folder
        self._core = core
        self._named = named
        self._making = Making()

    async def add(self, args: AddPhoto) -> dict[str, Any]:
        """Make and store a photo. `Refusal`."""
        photo = await self._made(args.file)
        data = await trio.to_thread.run_sync(self._folder.read, photo)
        if data is None:
            raise Refusal("failed", "the photo is gone again", _DISK)
        width, height = check_photo(data)
        return {"photo": photo.hex(), "bytes": len(data), "width": width, "height": height, "media": MEDIA_TYPE}

    async def signed_for(self, args: commands.Publish | commands.Edit) -> commands.Publish | commands.Edit:
        """The arguments with photos by their hashes, each of which is on the disk. `Refusal`."""
        return replace(args, photos=tuple(dict.fromkeys([await self._hash(text) for text in args.photos or ()])))

    async def sweep(self) -> None:
        """Now and then remove what is named no more."""
        while True:
            await trio.sleep(PHOTOS_SWEPT_EVERY / 1000)
            named = self._named()
            with suppress(StoreError, OSError):  # next time
                if named is not None:
                    ours = own_photos(self._core())
                    await trio.to_thread.run_sync(self._folder.sweep, ours, named | ours)

    async def _hash(self, text: str) -> str:
        if not is_hash(text):
            return (await self._made(text)).hex()
        try:
            if await trio.to_thread.run_sync(self._folder.make_own, bytes.fromhex(text)):
                return text
        except OSError as e:
            raise Refusal("failed", f"the photo cannot be stored: {e.strerror}", _DISK) from e
        if bytes.fromhex(text) in own_photos(self._core()):  # a listing of ours names it already: its file was lost
            return text
        raise Refusal("not_found", f"the photo {text[:8]} is not here", "Choose the picture again.")

    async def _made(self, file: str) -> bytes:
        path = Path(file)
        if not path.is_absolute():
            raise Refusal("usage", f"{file[:200]!r} is neither a whole path nor the hash of a photo", "Name a picture.")
        data = await self._making.photo_of(path)
        try:
            return await trio.to_thread.run_sync(self._folder.keep_own, data)
        except OSError as e:
            raise Refusal("failed", f"the photo cannot be stored: {e.strerror}", _DISK) from e


def own_photos(core: Core) -> frozenset[bytes]:
    """What our own listings and drafts name."""
    listed = {p for n in core.state.joined for _, listing in core.listings.mine(n) for p in listing.photos}
    return frozenset(listed | {bytes.fromhex(photo) for row in core.drafts.rows() for photo in row["photos"]})
