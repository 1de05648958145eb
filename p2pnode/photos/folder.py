"""Photos on the disk: files by their hash. One's own are there to stay; of others', those looked at last.

photos/HASH.jpg          made here, synced before their hash is signed; in backups
photos/others/HASH.jpg   of neighbours' listings: a cache with a quota
"""

import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from p2pnode.home.files import private_folder, write_atomic
from p2pnode.photo_bounds import OWN_PHOTOS_UNNAMED, PHOTOS_UNNAMED
from protocols.identity import digest
from protocols.limits import DAY, MAX_PHOTO

_NAME: Final = re.compile(r"([0-9a-f]{64})\.jpg")


class PhotoFolder:
    """quota: bytes of others' photos. now: ms, of the machine's clock, which the files go by. Any thread may call.

    What is read is compared with its hash, so a file that the disk has spoilt counts as missing.
    """

    def __init__(self, root: Path, quota: int, now: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._root, self._elsewhere = root, root / "others"
        self._quota = quota
        self._now = now
        self._lock = Lock()
        private_folder(root)
        private_folder(self._elsewhere)
        self._own = dict(_listed(root))
        self._others = OrderedDict(_listed(self._elsewhere))  # looked at longest ago first
        self._shrink()

    @property
    def room(self) -> int:
        """Bytes of others' photos that can come without one that goes."""
        with self._lock:
            return self._quota - sum(self._others.values())

    def has(self, photo: bytes) -> bool:
        with self._lock:
            return photo in self._own or photo in self._others

    def size(self, photo: bytes) -> int | None:
        """Bytes of the file, None if it is not here."""
        with self._lock:
            return self._own.get(photo, self._others.get(photo))

    def path(self, photo: bytes) -> Path | None:
        """Where the file is, None if it is not here."""
        with self._lock:
            if photo in self._own:
                return _file(self._root, photo)
            return _file(self._elsewhere, photo) if photo in self._others else None

    def read(self, photo: bytes) -> bytes | None:
        """The photo, None if it is not here. It counts as looked at."""
        path = self.path(photo)
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                data = file.read(MAX_PHOTO + 1)
        except OSError:
            data = b""
        with self._lock:
            if digest(data) != photo:
                self._drop(photo)
                return None
            if photo in self._others:
                self._others.move_to_end(photo)
                self._touch(path)
        return data

    def keep_own(self, data: bytes) -> bytes:
        """Store a photo of ours; on the disk when this returns. Its hash. `OSError`."""
        photo = digest(data)
        path = _file(self._root, photo)
        with self._lock:
            if photo in self._own and path.exists():
                self._touch(path, 0)
            else:
                write_atomic(path, data)
                self._own[photo] = len(data)
        return photo

    def make_own(self, photo: bytes) -> bool:
        """Have a photo that is here, of whosever listing, stay as one's own. Whether it is here. `OSError`."""
        data = self.read(photo)
        return data is not None and self.keep_own(data) == photo

    def keep(self, data: bytes) -> bytes:
        """Store a photo of somebody else's listing; those that were looked at longest ago give way. `OSError`."""
        photo = digest(data)
        with self._lock:
            write_atomic(_file(self._elsewhere, photo), data)
            self._others[photo] = len(data)
            self._others.move_to_end(photo)
            self._shrink()
        return photo

    def sweep(self, ours: Container[bytes], named: Container[bytes]) -> int:
        """Remove what has not been named for a while. ours: hashes that listings of ours name; named: any that are
        held. How many went."""
        with self._lock:
            gone = [
                (folder, photo)
                for folder, there, wanted, life in (
                    (self._root, self._own, ours, OWN_PHOTOS_UNNAMED),
                    (self._elsewhere, self._others, named, PHOTOS_UNNAMED),
                )
                for photo in there
                if photo not in wanted and self._age(_file(folder, photo)) > life
            ]
            for folder, photo in gone:
                (self._own if folder is self._root else self._others).pop(photo)
                _file(folder, photo).unlink(missing_ok=True)
        return len(gone)

    def _age(self, path: Path) -> int:
        """ms since it was stored or looked at."""
        try:
            return self._now() - path.stat().st_mtime_ns // 1_000_000
        except OSError:
            return 0

    def _touch(self, path: Path, after: int = DAY) -> None:
        """Note the time, unless that was done lately: cards wear out."""
        now = self._now()
        with suppress(OSError):
            if self._age(path) > after:
                os.utime(path, ns=(now * 1_000_000, now * 1_000_000))

    def _drop(self, photo: bytes) -> None:
        for folder, there in ((self._root, self._own), (self._elsewhere, self._others)):
            if there.pop(photo, None) is not None:
                with suppress(OSError):
                    _file(folder, photo).unlink(missing_ok=True)

    def _shrink(self) -> None:
        total = sum(self._others.values())
        while total > self._quota and self._others:
            photo, size = self._others.popitem(last=False)
            total -= size
            with suppress(OSError):
                _file(self._elsewhere, photo).unlink(missing_ok=True)


def _listed(folder: Path) -> list[tuple[bytes, int]]:
    """Hash and size of the photos in a folder, the oldest first."""
    found = []
    for path in folder.iterdir():
        name = _NAME.fullmatch(path.name)
        if name is None or path.is_symlink():
            continue
        with suppress(OSError):
            stat = path.stat()
            found.append((stat.st_mtime_ns, bytes.fromhex(name[1]), stat.st_size))
    return [(photo, size) for _, photo, size in sorted(found)]


def _file(folder: Path, photo: bytes) -> Path:
    return folder / f"{photo.hex()}.jpg"
