"""Photos for others: who asks, is a member and does not ask too often gets what a listing that is held here names."""

from collections import OrderedDict
from collections.abc import Callable

import trio

from p2pnode.bounds import MAX_TRACKED
from p2pnode.core.core import Core
from p2pnode.core.holders import holders_of
from p2pnode.net.guard import TokenBucket
from p2pnode.net.yamux import Stream
from p2pnode.photo_bounds import (
    PHOTO_BURST,
    PHOTO_BURST_ALL,
    PHOTO_LINE,
    PHOTO_RATE,
    PHOTO_RATE_ALL,
    PHOTO_STALLED,
    PHOTO_TAKEN,
    PHOTO_WRITTEN,
    PHOTOS_GIVEN_AT_A_TIME,
    PHOTOS_IN_LINE,
)
from protocols.errors import DecodeError
from protocols.frames import FrameReader, frame
from protocols.photo_messages import MAX_GET, Busy, Get, Message, Nothing, encode_message, parse_message, pieces_of

from .folder import PhotoFolder
from .named import Named


class Giving:
    """core: the newest. named: what may be given, None as long as not all listings have been looked at.

    Who takes slowly, or asks often, must not keep others from theirs: a member has one place or one in the line, the
    line is served in its order, and who takes nothing loses his place.
    """

    def __init__(self, folder: PhotoFolder, core: Callable[[], Core], named: Callable[[], Named | None]) -> None:
        self._folder = folder
        self._core = core
        self._named = named
        self._all = TokenBucket(PHOTO_RATE_ALL, PHOTO_BURST_ALL, 0)
        self._peers: OrderedDict[str, TokenBucket] = OrderedDict()
        self._line = trio.StrictFIFOLock()
        self._places = trio.Semaphore(PHOTOS_GIVEN_AT_A_TIME)
        self._here: set[bytes] = set()  # members that have a place, or wait for one

    async def serve(self, peer: str, stream: Stream) -> None:
        """Answer one question. What is none raises, and costs the peer; to have thought better of it does not.
        `trio.TooSlowError` if the peer does not take what it is given."""
        data = await _read(stream)
        if not data:
            return
        asked = parse_message(data)
        if not isinstance(asked, Get):
            raise DecodeError("not a question", "field")
        member = holders_of(self._core()).asker(peer, asked.network)
        answer = self._at_once(peer, member, asked)
        if answer is not None or member is None:
            await stream.write(frame(encode_message(answer or Nothing())))
            return
        self._here.add(member)
        try:
            await self._in_turn(asked.photo, stream)
        finally:
            self._here.discard(member)

    def _at_once(self, peer: str, member: bytes | None, asked: Get) -> Message | None:
        """The answer that takes no place, None if it is a photo."""
        named = self._named()
        if member is None:
            return Nothing()
        if named is None or not self._may(peer):
            return Busy()
        if not any(slot.network == asked.network for slot in named.slots_of(asked.photo)):
            return Nothing()
        waiting = len(self._here) >= PHOTOS_GIVEN_AT_A_TIME + PHOTOS_IN_LINE
        return Busy() if waiting or member in self._here else None

    async def _in_turn(self, photo: bytes, stream: Stream) -> None:
        with trio.move_on_after(PHOTO_LINE) as line:
            await self._come_up()
        if line.cancelled_caught:
            await stream.write(frame(encode_message(Busy())))
            return
        try:
            await self._give(photo, stream)
        finally:
            self._places.release()

    async def _come_up(self) -> None:
        """Wait in line for a place, and until all together may be given one more."""
        async with self._line:
            while not self._all.take(1, _now()):
                await trio.sleep(1 / PHOTO_RATE_ALL)
            await self._places.acquire()

    async def _give(self, photo: bytes, stream: Stream) -> None:
        data = await trio.to_thread.run_sync(self._folder.read, photo)
        answer: list[Message] = [Nothing()] if data is None else [*pieces_of(data)]
        whole = b"".join(frame(encode_message(message)) for message in answer)
        began = trio.current_time()
        for at in range(0, len(whole), PHOTO_WRITTEN):
            with trio.fail_at(began + PHOTO_STALLED + at / PHOTO_TAKEN):
                await stream.write(whole[at : at + PHOTO_WRITTEN])

    def _may(self, peer: str) -> bool:
        now = _now()
        bucket = self._peers.get(peer)
        if bucket is None:
            bucket = self._peers[peer] = TokenBucket(PHOTO_RATE, PHOTO_BURST, now)
        self._peers.move_to_end(peer)
        while len(self._peers) > MAX_TRACKED:
            self._peers.popitem(last=False)
        return bucket.take(1, now)


def _now() -> int:
    return int(trio.current_time() * 1_000)


async def _read(stream: Stream) -> bytes:
    """The one frame that comes, nothing if nothing does."""
    reader = FrameReader(MAX_GET)
    while data := await stream.read(MAX_GET):
        for item in reader.feed(data):
            return item
    if reader.pending:
        raise DecodeError("ended within a message", "field")
    return b""
