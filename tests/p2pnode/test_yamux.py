"""The multiplexer over channels in memory."""

import pytest
import trio

from p2pnode.net import yamux
from p2pnode.net.yamux import (
    ACK,
    GO_AWAY,
    PING,
    SYN,
    WINDOW_SIZE,
    StreamBroken,
)

from .hosts import until
from .muxes import header, pair, push, victim


async def read_all(stream: yamux.Stream) -> bytes:
    data = b""
    while piece := await stream.read():
        data += piece
    return data


async def test_data_arrives_whole_and_in_order() -> None:
    async with pair() as (a, b, opened):
        stream = a.open_stream()
        data = bytes(range(256)) * 8_192  # eight windows
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                await stream.write(data)
                await stream.close()

            nursery.start_soon(send)
            await until(lambda: opened)
            assert await read_all(opened[0]) == data
        await opened[0].write(b"answer after the end of the question")
        await opened[0].close()
        assert await read_all(stream) == b"answer after the end of the question"
        assert not a.streams
        assert not b.streams
        assert a._buffered == b._buffered == 0


async def test_what_nobody_reads_stops_the_sender_at_the_window() -> None:
    async with pair() as (a, b, _):
        stream = a.open_stream()
        with trio.move_on_after(0.2):
            await stream.write(b"x" * (2 * WINDOW_SIZE))
            raise AssertionError("more than the window was taken")
        assert b._buffered == WINDOW_SIZE
        assert b.closed.is_set() is False


async def test_a_stream_that_stalls_does_not_hold_up_another() -> None:
    async with pair() as (a, _, opened):
        stalled, lively = a.open_stream(), a.open_stream()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stalled.write, b"x" * (2 * WINDOW_SIZE))
            await trio.sleep(0.05)
            await lively.write(b"hello")
            await until(lambda: len(opened) == 2)
            assert await opened[1].read() == b"hello"
            nursery.cancel_scope.cancel()


async def test_reset_is_seen_by_both_sides() -> None:
    async with pair() as (a, b, opened):
        stream = a.open_stream()
        await stream.write(b"x")
        await until(lambda: opened)
        await opened[0].reset()
        with pytest.raises(StreamBroken):
            await stream.read()
        with pytest.raises(StreamBroken):
            await stream.write(b"y")
        with pytest.raises(StreamBroken):
            await opened[0].read()
        assert not a.streams
        assert not b.streams


async def test_a_finished_stream_keeps_nothing_of_what_still_comes() -> None:
    async with pair() as (a, _, opened):
        stream = a.open_stream()
        await stream.write(b"question")
        await until(lambda: opened)
        await stream.finish()
        await opened[0].write(b"answer that nobody wants" * 100)
        await opened[0].close()
        await until(lambda: not a.streams)
        assert a._buffered == 0


async def test_closing_wakes_everybody() -> None:
    async with pair() as (a, b, _):
        stream = a.open_stream()
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                with pytest.raises(StreamBroken):
                    await stream.read()

            nursery.start_soon(read)
            await trio.sleep(0.01)
            b.close("enough")
        assert a.closed.is_set()
        with pytest.raises(StreamBroken):
            a.open_stream()


# A peer that writes what it likes.


async def test_go_away_ends_the_connection_in_peace() -> None:
    async with victim() as (mux, end):
        await push(end, header(GO_AWAY, 0, 0, 0))
        await until(mux.closed.is_set)
        assert not mux.violation


async def test_a_ping_is_answered_and_measured() -> None:
    async with victim() as (_, end):
        await push(end, header(PING, SYN, 0, 42))
        assert await end.read_some() == header(PING, ACK, 0, 42)
