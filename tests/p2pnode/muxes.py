"""Multiplexers over channels in memory: two that talk, and one that a test speaks to byte by byte."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from p2pnode.net import yamux
from p2pnode.net.yamux import (
    HEADER,
    Yamux,
)


class End:
    """One end of a channel in memory."""

    def __init__(self, out: trio.MemorySendChannel[bytes], into: trio.MemoryReceiveChannel[bytes]) -> None:
        self._out = out
        self._into = into

    async def read_some(self) -> bytes:
        return await self._into.receive()

    async def write(self, data: bytes) -> None:
        await self._out.send(data)

    def abort(self) -> None:
        self._out.close()
        self._into.close()


def channel() -> tuple[End, End]:
    there_in, there_out = trio.open_memory_channel[bytes](4)
    back_in, back_out = trio.open_memory_channel[bytes](4)
    return End(there_in, back_out), End(back_in, there_out)


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Yamux, Yamux, list[yamux.Stream]]]:
    left, right = channel()
    opened: list[yamux.Stream] = []
    a = Yamux(left, initiator=True, on_stream=lambda stream: True)
    b = Yamux(right, initiator=False, on_stream=lambda stream: not opened.append(stream))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(a.run)
        nursery.start_soon(b.run)
        yield a, b, opened
        a.close("done")
        b.close("done")


@asynccontextmanager
async def victim() -> AsyncIterator[tuple[Yamux, End]]:
    left, right = channel()
    mux = Yamux(left, initiator=False, on_stream=lambda stream: True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mux.run)
        yield mux, right
        mux.close("done")


async def push(end: End, data: bytes) -> None:
    with trio.move_on_after(1):
        try:
            for start in range(0, len(data), 60_000):
                await end.write(data[start : start + 60_000])
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return


def header(kind: int, flags: int, stream: int, length: int) -> bytes:
    return HEADER.pack(0, kind, flags, stream, length)
