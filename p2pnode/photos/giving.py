"""Photos for others: who asks, is a member and does not ask too often gets what a listing that is held here names."""

from collections import OrderedDict
from collections.abc import Callable

import trio

from p2pnode.bounds import (
    MAX_TRACKED,
    PHOTO_BURST,
    PHOTO_BURST_ALL,
    PHOTO_RATE,
    PHOTO_RATE_ALL,
    PHOTOS_GIVEN_AT_A_TIME,
)
from p2pnode.core.core import Core
from p2pnode.core.holders import holders_of
from p2pnode.net.guard import TokenBucket
from p2pnode.net.yamux import Stream
from protocols.errors import DecodeError
from protocols.frames import FrameReader, frame
from protocols.photo_messages import MAX_GET, Busy, Get, Message, Nothing, encode_message, parse_message, pieces_of

from .folder import PhotoFolder
from .named import Named


class Giving:
    """core: the newest. named: what may be given, None as long as not all listings have been looked at."""

    def __init__(self, folder: PhotoFolder, core: Callable[[], Core], named: Callable[[], Named | None]) -> None:
        self._folder = folder
        self._core = core
        self._named = named
        self._all = TokenBucket(PHOTO_RATE_ALL, PHOTO_BURST_ALL, 0)
        self._peers: OrderedDict[str, TokenBucket] = OrderedDict()
        self._given: set[str] = set()  # peers that are being given one

    async def serve(self, peer: str, stream: Stream) -> None:
        """Answer one question. What is none raises, and costs the peer; to have thought better of it does not."""
        data = await _read(stream)
        if not data:
            return
        asked = parse_message(data)
        if not isinstance(asked, Get):
            raise DecodeError("not a question", "field")
        if peer in self._given or len(self._given) >= PHOTOS_GIVEN_AT_A_TIME:
            await stream.write(frame(encode_message(Busy())))
            return
        self._given.add(peer)
        try:
            for message in await self._answer(peer, asked):
                await stream.write(frame(encode_message(message)))
        finally:
            self._given.discard(peer)

    async def _answer(self, peer: str, asked: Get) -> list[Message]:
        named = self._named()
        if not holders_of(self._core()).may_ask(peer, asked.network):
            return [Nothing()]
        if named is None or not self._may(peer, int(trio.current_time() * 1_000)):
            return [Busy()]
        if not any(slot.network == asked.network for slot in named.slots_of(asked.photo)):
            return [Nothing()]
        photo = await trio.to_thread.run_sync(self._folder.read, asked.photo)
        return [Nothing()] if photo is None else [*pieces_of(photo)]

    def _may(self, peer: str, now: int) -> bool:
        bucket = self._peers.get(peer)
        if bucket is None:
            bucket = self._peers[peer] = TokenBucket(PHOTO_RATE, PHOTO_BURST, now)
        self._peers.move_to_end(peer)
        while len(self._peers) > MAX_TRACKED:
            self._peers.popitem(last=False)
        return bucket.take(1, now) and self._all.take(1, now)


async def _read(stream: Stream) -> bytes:
    """The one frame that comes, nothing if nothing does."""
    reader = FrameReader(MAX_GET)
    while data := await stream.read(MAX_GET):
        for item in reader.feed(data):
            return item
    if reader.pending:
        raise DecodeError("ended within a message", "field")
    return b""
