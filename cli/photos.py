"""Photos of listings: which files become photos, and saving those of a listing."""

import os
import re
import stat
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from protocols.errors import Refusal

from .command import with_session
from .output import say, short, write_new
from .session import Session

_HASH = re.compile(r"[0-9a-f]{64}")


def named(photos: Any, clearing: bool) -> list[str]:
    """What the node is to take: whole paths, and hashes of photos that it has, as they are. clearing: the empty text
    means none. `Refusal`."""
    if not isinstance(photos, (list, tuple)) or not all(isinstance(photo, str) for photo in photos):
        raise Refusal("usage", "photos should be a list of files", "photos = ['bike.jpg']")
    return [_path(photo) for photo in photos if photo or not clearing]


def _path(photo: str) -> str:
    if _HASH.fullmatch(photo):
        return photo
    path = Path(photo).expanduser()
    if not path.is_file():
        raise Refusal("usage", f"There is no file {photo}", "Check the path")
    return os.path.abspath(path)


def save(group: click.Group, direction: str) -> None:
    """Add the command that saves the photos of a listing."""

    @group.command("photos", example=f"p2pnode {direction} photos 3f9a --into pictures")
    @click.argument("id_", metavar="ID")
    @click.option(
        "--into", metavar="DIR", default=".", help="The folder that they go to, made if it is not there; else this one."
    )
    @with_session
    def photos(session: Session, id_: str, into: str) -> None:
        """Save the photos of a listing as files.

        A file that is there already is left as it is: one with another content is refused.
        What is not here yet is asked of neighbours; --wait says for how long, in seconds (else 20).
        """
        listing = session.call("listing.show", id=id_)
        wait = int(1000 * min(60, 20 if session.wait is None else session.wait))
        folder = Path(into).expanduser()
        found: list[dict[str, Any]] = []
        for number, photo in enumerate(listing.get("photos") or (), 1):
            file = folder / f"{short(listing['listing_id'])}-{number}.jpg"
            found.append({"photo": photo, "file": _saved(session, photo, file, wait)})
        session.emit(found, lambda: _say(found))
        if any(one["file"] is None for one in found):
            raise click.exceptions.Exit(7)


def _saved(session: Session, photo: str, file: Path, wait: int) -> str | None:
    """Where it was saved; None where nobody has given it."""
    try:
        got = session.call("photo.get", photo=photo, wait=wait)
    except Refusal as e:
        if e.code != "not_found":
            raise
        return None
    if session.dry_run:
        return str(file)
    data = b64decode(got["base64"])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not _is_there(file, data):
            write_new(str(file), [data])
    except FileExistsError as e:
        raise Refusal(
            "conflict", f"There is a {file} already, and it is not this photo", "Name another folder: --into DIR"
        ) from e
    except OSError as e:
        raise Refusal("failed", f"Cannot write {file}: {e.strerror}", "Name another folder: --into DIR") from e
    return str(file)


def _is_there(file: Path, data: bytes) -> bool:
    """Whether this photo has been saved there before, as a file of its own."""
    if not stat.S_ISREG(file.lstat().st_mode if os.path.lexists(file) else 0):
        return False
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
        return stream.read(len(data) + 1) == data


def _say(found: Sequence[dict[str, Any]]) -> None:
    if not found:
        say("It has no photos.")
    for number, one in enumerate(found, 1):
        say(one["file"] or f"photo {number}: nobody who has it can be reached now; try again later")
