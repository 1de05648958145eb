"""The multiplexer against a peer that keeps no rule."""

import struct
from collections.abc import Callable

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.bounds import (
    MAX_BUFFERED,
    MAX_DIRECT_FRAMES,
    MAX_INBOUND_STREAMS,
    MAX_WRITE_BACKLOG,
    WRITE_TIMEOUT,
)
from p2pnode.net import yamux
from p2pnode.net.yamux import (
    ACK,
    DATA,
    FIN,
    HEADER,
    PING,
    RST,
    SYN,
    WINDOW,
    WINDOW_SIZE,
    Pool,
    Yamux,
)

from .hosts import until
from .muxes import channel, header, push, victim

VIOLATIONS: dict[str, bytes] = {
    "unknown version": struct.pack("!BBHII", 1, DATA, SYN, 1, 0),
    "unknown type": struct.pack("!BBHII", 0, 9, 0, 1, 0),
    "a stream of ours": header(WINDOW, SYN, 2, 0),
    "stream 0": header(WINDOW, SYN, 0, 0),
    "a stream twice": header(WINDOW, SYN, 1, 0) * 2,
    "more than the window": header(DATA, SYN, 1, WINDOW_SIZE + 1),
    "more than the window in pieces": header(WINDOW, SYN, 1, 0) + (header(DATA, 0, 1, 50_000) + b"x" * 50_000) * 6,
    "data after the end": header(DATA, SYN | FIN, 1, 0) + header(DATA, 0, 1, 1) + b"x",
    "a window beyond measure": header(WINDOW, SYN, 1, 2**31) * 1,
}


@pytest.mark.parametrize("name", VIOLATIONS)
async def test_a_violation_ends_the_connection(name: str) -> None:
    async with victim() as (mux, end):
        await push(end, VIOLATIONS[name])
        await until(mux.closed.is_set, 2)
        assert mux.violation, mux.reason


async def test_all_streams_together_are_bounded() -> None:
    async with victim() as (mux, end):
        for number in range(MAX_INBOUND_STREAMS):
            body = header(DATA, SYN, 2 * number + 1, WINDOW_SIZE - 1) + b"x" * (WINDOW_SIZE - 1)
            await push(end, body)
            assert mux._buffered <= MAX_BUFFERED + WINDOW_SIZE
        assert mux.violation


async def test_all_connections_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.net.pool.MAX_POOL", 4 * WINDOW_SIZE)
    muxes: list[Yamux] = []

    def relieve(what: str) -> None:
        max((one for one in muxes if not one.closed.is_set()), key=lambda one: one.received).close("memory is short")

    pool = yamux.Pool(relieve)
    async with trio.open_nursery() as nursery:
        for number in range(8):
            left, right = channel()
            mux = Yamux(left, initiator=False, on_stream=lambda stream: True, pool=pool)
            muxes.append(mux)
            nursery.start_soon(mux.run)
            for stream in (1, 3) if number < 2 else (1,):
                await push(right, header(DATA, SYN, stream, WINDOW_SIZE) + b"x" * WINDOW_SIZE)
            assert pool.used <= 4 * WINDOW_SIZE
            assert pool.used == sum(one.received for one in muxes if not one.closed.is_set())
        assert all(one.closed.is_set() for one in muxes[:2])  # those that held most
        assert len([one for one in muxes if not one.closed.is_set()]) >= 3
        assert not any(one.violation for one in muxes)
        for one in muxes:
            one.close("done")
    assert pool.used == pool.sending == 0


async def test_what_waits_to_be_sent_counts_until_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.net.pool.MAX_SEND_POOL", 100_000)
    asked: list[str] = []
    pool = yamux.Pool(asked.append)
    left, right = channel()
    mux = Yamux(left, initiator=True, on_stream=lambda stream: True, pool=pool)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mux.run)
        stream = mux.open_stream()
        nursery.start_soon(stream.write, b"x" * 60_000)
        mux.hold_back(30_000)
        await trio.sleep(0.02)
        while mux._queued:
            await right.read_some()
        assert not asked
        assert pool.sending == 30_000
        mux.hold_back(80_000)
        assert asked == ["sending"]
        mux.close("done")
    assert pool.sending == 0


async def test_what_was_written_as_the_connection_ended_counts_once() -> None:
    pool = Pool()
    left, _ = channel()
    mux = Yamux(left, initiator=True, on_stream=lambda stream: True, pool=pool)

    async def write(data: bytes) -> None:
        mux.close("ended meanwhile")  # the write was through before anybody could stop it

    left.write = write  # type: ignore[method-assign]
    mux.open_stream()
    await mux.run()
    assert (pool.used, pool.sending) == (0, 0)


async def test_frames_of_all_kinds_are_taken_at_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamux, "MUX_RATE", 1_000)
    monkeypatch.setattr(yamux, "MUX_BURST", 500)
    async with victim() as (mux, end):
        stream = header(WINDOW, SYN, 1, 0)
        began = trio.current_time()
        for _ in range(20):
            await push(end, stream + header(WINDOW, 0, 1, 1) * 98 + header(WINDOW, RST, 1, 0))
            stream = header(WINDOW, SYN, 1, 0)
        assert trio.current_time() - began > 1.0  # 2,000 frames, of which 500 at once; some are still on their way
        assert not mux.closed.is_set()


async def test_streams_beyond_the_limit_are_refused() -> None:
    async with victim() as (mux, end):
        await push(end, b"".join(header(WINDOW, SYN, 2 * number + 1, 0) for number in range(200)))
        answers = b""
        while len(answers) < 200 * HEADER.size:
            answers += await end.read_some()
        flags = [HEADER.unpack_from(answers, at)[2] for at in range(0, len(answers), HEADER.size)]
        assert flags == [ACK] * MAX_INBOUND_STREAMS + [RST] * (200 - MAX_INBOUND_STREAMS)
        assert len(mux.streams) == MAX_INBOUND_STREAMS


async def test_provoking_answers_without_reading_them_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamux, "MUX_BURST", 100_000)
    async with victim() as (mux, end):
        await push(end, header(PING, SYN, 0, 7) * 60_000)
        await until(mux.closed.is_set, 2)
        assert mux._queued < 1024 * 1024


async def test_sending_into_closed_streams_is_bounded() -> None:
    async with victim() as (mux, end):
        with trio.move_on_after(5):
            while not mux.closed.is_set():
                await push(end, header(DATA, 0, 77, 60_000) + b"x" * 60_000)
        assert mux.violation


async def test_who_speaks_but_takes_nothing_is_let_go(autojump_clock: trio.testing.MockClock) -> None:
    async with victim() as (mux, end):
        stream = mux.open_stream()
        while stream.write_now(b"x" * 100):
            await trio.lowlevel.checkpoint()
        began = trio.current_time()
        while not mux.closed.is_set() and trio.current_time() < began + 60:
            await trio.sleep(5)
            await push(end, header(PING, ACK, 0, 0))  # a sign of life
        assert mux.reason == "takes no data"
        assert WRITE_TIMEOUT <= trio.current_time() - began <= WRITE_TIMEOUT + 10


async def test_what_is_written_at_once_is_bounded() -> None:
    async with victim() as (mux, _):
        for size, most in ((1, MAX_DIRECT_FRAMES), (30_000, MAX_WRITE_BACKLOG // 30_000)):
            for _ in range(2):  # one window is less than the bound
                stream = mux.open_stream()
                written = 0
                while stream.write_now(b"x" * size):
                    written += 1
                assert written <= most + 1
            assert not mux.open_stream().write_now(b"x" * size)
            await trio.sleep(0.1)


async def test_who_answers_a_ping_before_it_came_is_not_quick_for_it() -> None:
    left, right = channel()
    mux = Yamux(left, initiator=False, on_stream=lambda stream: True, silence=0.3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mux.run)
        for value in range(3):
            await push(right, header(PING, ACK, 0, value))
        asked = await right.read_some()
        await push(right, header(PING, ACK, 0, 1))
        await trio.sleep(0.02)
        assert mux.rtt == 0
        await push(right, header(PING, ACK, 0, HEADER.unpack_from(asked)[4]))
        await until(lambda: mux.rtt > 0)
        assert 0.01 < mux.rtt < 0.3
        mux.close("done")


FRAMES = st.tuples(
    st.integers(0, 4),
    st.integers(0, 15),
    st.sampled_from([0, 1, 2, 3, 5, 2**32 - 1]),
    st.sampled_from([0, 1, 100, 2**31]),
).map(lambda it: header(*it) + (b"x" * it[3] if it[0] == DATA and it[3] <= 100 else b""))


@settings(max_examples=60, deadline=None)
@given(frames=st.lists(st.one_of(FRAMES, st.binary(max_size=40)), max_size=12), cut=st.integers(0, 64))
def test_no_bytes_raise_or_hang(frames: list[bytes], cut: int) -> None:
    async def attack() -> None:
        left, right = channel()
        mux = Yamux(left, initiator=False, on_stream=lambda stream: True)
        data = b"".join(frames)

        async def drain(read: Callable[[], object]) -> None:
            try:
                while True:
                    await right.read_some()
            except (trio.EndOfChannel, trio.ClosedResourceError):
                pass

        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(mux.run)
                nursery.start_soon(drain, right.read_some)
                for piece in (data[:cut], data[cut:]):
                    try:
                        await right.write(piece)
                    except (trio.BrokenResourceError, trio.ClosedResourceError):
                        break
                right.abort()
                await mux.closed.wait()
        assert mux._buffered >= 0

    trio.run(attack)
