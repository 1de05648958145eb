"""Targets of photos: the questions of others to a node, their answers to its own, and photos as bytes."""

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import structlog
import trio

from p2pnode.home.folder import Home
from p2pnode.net.guard import TokenBucket
from p2pnode.photos.asking import Assembly
from p2pnode.photos.photos import Photos
from protocols.frames import FrameReader, frame
from protocols.limits import MAX_FRAME
from protocols.photo import check_photo
from protocols.photo_messages import Get, encode_message
from tests.p2pnode.city import Ear, ears
from tests.p2pnode.lab import Lab
from tests.vectors.photos import SQUARE

from .sound import frames_of, hexed
from .table import Target

LOG = structlog.wrap_logger(structlog.ReturnLogger())


@cache
def home() -> tuple[Lab, Photos, Any]:
    """A node that has a listing with a photo."""
    lab = Lab()
    folder = tempfile.TemporaryDirectory(prefix="p2pnode-")  # gone with the process
    made = Home(Path(folder.name))
    made.create()
    none: Any = None
    photos = Photos(made, none, lambda: lab.ben.core, lambda: lab.now, lambda: None, LOG)
    photo = photos.folder.keep_own(SQUARE)
    lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title="Bike", photos=[photo.hex()])
    photos.fetching.begin()
    photos.fetching._whole = True
    trio.run(photos.fetching._read)
    return lab, photos, folder


def question(data: bytes) -> None:
    """A stream of the protocol. What the handler raises costs the peer its stream (`Connection`), no more."""
    lab, photos, _ = home()
    photos.giving._peers.clear()  # or it would soon be too often
    photos.giving._all = TokenBucket(1, 1, 0)  # or it would have to wait

    async def main() -> None:
        mine, theirs = ears()
        if data:
            mine.give.send_nowait(data)
        await mine.finish()
        await _serve(theirs)

    async def _serve(stream: Ear) -> None:
        await photos.giving.serve(lab.cleo.peer_id, stream)  # type: ignore[arg-type]

    trio.run(main)


def questions() -> Sequence[bytes]:
    lab, photos, _ = home()
    (photo,) = photos.fetching._named.photos
    own = encode_message(Get(lab.network(lab.ben).id, photo))
    return [frame(data) for data in [*frames_of("photo"), own]]


def answer(data: bytes) -> None:
    """A stream that is said to be the answer."""
    assembly = Assembly(bytes(32))
    for item in FrameReader(MAX_FRAME).feed(data):
        if assembly.take(item) is not None:
            return


def photo(data: bytes) -> None:
    check_photo(data)


TARGETS: Sequence[Target] = (
    Target("photo-questions", question, questions),
    Target("photo-answers", answer, lambda: [frame(data) for data in frames_of("photo")]),
    Target("photos", photo, lambda: [*hexed("photos", "photos", "bytes"), *hexed("photos", "no photos", "bytes")]),
)
