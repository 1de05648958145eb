"""Makes photos of the files that our user names, one at a time, each in a process of its own (`scaling`)."""

import os
import stat
import sys
from pathlib import Path
from typing import Final

import trio

from p2pnode.photo_bounds import MAX_PICTURE, MAX_PICTURE_PIXELS, PICTURE_WITHIN
from protocols.errors import Refusal, Reject
from protocols.photo import check_photo

_HINTS: Final = {
    "heic": ("is a HEIC or AVIF picture, which cannot be read here", "Save or export it as JPEG, and take that."),
    "unknown": ("is no picture that can be read here", "JPEG, PNG and WebP can be."),
    "damaged": ("cannot be read: it is damaged, or no whole picture", "Open it, save it again as JPEG, and take that."),
    "large": (
        f"is too large: {MAX_PICTURE // 2**20} MB and {MAX_PICTURE_PIXELS // 1_000_000} million pixels at most",
        "Save it smaller, and take that.",
    ),
}
_APART: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Making:
    def __init__(self) -> None:
        self._turn = trio.CapacityLimiter(1)

    async def photo_of(self, path: Path, name: str = "") -> bytes:
        """The photo that comes of a picture. name: what it is called in what is said of it. `Refusal`."""
        name = name or path.name
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as e:
            hint = "The node reads it itself, as its own user: put the file where that user may read it."
            raise Refusal("usage", f"{name} cannot be read by the node: {e.strerror}", hint) from e
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise Refusal("usage", f"{name} is no file", "Name a picture.")
            if found.st_size > MAX_PICTURE:
                raise _refusal(name, "large")
            async with self._turn:
                return await _made(fd, name)
        finally:
            os.close(fd)


async def _made(fd: int, name: str) -> bytes:
    environ = {key: value for key, value in os.environ.items() if key not in _APART}
    command = [sys.executable, "-m", "p2pnode.photos.scaling"]
    with trio.move_on_after(PICTURE_WITHIN):
        done = await trio.run_process(
            command, stdin=fd, capture_stdout=True, capture_stderr=True, check=False, env=environ
        )
        if done.returncode:
            word = done.stderr.decode(errors="replace")
            raise _refusal(name, word if done.returncode == 3 and word in _HINTS else "large")
        try:
            check_photo(done.stdout)
        except Reject as e:
            raise _refusal(name, "damaged") from e
        return done.stdout
    raise _refusal(name, "large")


def _refusal(name: str, word: str) -> Refusal:
    what, hint = _HINTS[word]
    return Refusal("usage", f"{name} {what}", hint)
