"""A host among strangers: whatever they send, it stays up, honest peers get through, and the stranger pays."""

import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio

from dht.kad_host import PROTOCOL as KAD
from p2pnode.bounds import MAX_PENDING, MAX_STRIKES
from p2pnode.net.addresses import Address, parse_address
from p2pnode.net.delivery import FrameReceived, PeerBanned, PeerConnected, PeerDisconnected
from p2pnode.net.dialing import connect as tcp
from p2pnode.net.host import PROTOCOLS
from p2pnode.net.libp2p_pieces import ID, HostKey, propose, upgrade
from p2pnode.net.yamux import HEADER, WINDOW_SIZE, Stream, StreamBroken, Yamux

from .hosts import GOSSIP, Node, connect, nodes, until


def where(node: Node) -> Address:
    return parse_address(node.addresses[0])


@asynccontextmanager
async def stranger(
    node: Node, number: int = 66, on_stream: Callable[[Stream], bool] = lambda stream: True
) -> AsyncIterator[Yamux]:
    """A peer that speaks Noise and yamux as it should, and beyond that does what the test wants."""
    key = HostKey(bytes([number]) * 32)
    channel = await upgrade(await tcp(where(node)), key, ID.from_base58(node.id))
    mux = Yamux(channel, initiator=True, on_stream=on_stream)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mux.run)
        yield mux
        mux.close("done")


async def still_serves(node: Node, number: int = 77) -> None:
    honest = Node(number, dht=False)
    async with nodes(honest):
        with trio.fail_after(5):
            await connect(honest, node)
            assert honest.host.send(node.id, GOSSIP, b"hello")
            await until(lambda: node.frames(honest) == [b"hello"])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\xff" * 100_000,
        b"\x13/multistream/1.0.0\n" * 1_000,
        b"\x13/multistream/1.0.0\n\x07/noise\n" + b"\xff\xff" + b"x" * 65_535,
        b"\x13/multistream/1.0.0\n\x07/noise\n" + b"\x00\x20" + b"x" * 32 + b"\x00\x00" * 1_000,
        random.Random(7).randbytes(50_000),
    ],
    ids=["nothing", "http", "ones", "greetings", "long handshake", "empty handshake", "noise"],
)
async def test_garbage_on_a_plain_socket(data: bytes) -> None:
    a = Node(1, dht=False)
    async with nodes(a):
        stream = await tcp(where(a))
        try:
            await stream.send_all(data)
            await stream.send_eof()
            with trio.fail_after(6):
                while await stream.receive_some(65_536):
                    pass
        except trio.BrokenResourceError:
            pass
        await stream.aclose()
        await still_serves(a)
        assert not a.host._handshakes
        assert not any(isinstance(one, FrameReceived) and one.data != b"hello" for one in a.events)


async def test_half_open_connections_do_not_keep_honest_peers_out() -> None:
    a = Node(1, dht=False)
    async with nodes(a):
        sockets: list[socket.socket] = []
        try:
            for _ in range(300):
                sockets.append(socket.create_connection(("127.0.0.1", where(a).port)))
                await trio.lowlevel.checkpoint()
            await trio.sleep(0.05)
            assert len(a.host._handshakes) <= MAX_PENDING
            for number in range(5):
                await still_serves(a, 70 + number)
        finally:
            for one in sockets:
                one.close()


async def test_an_unfinished_handshake_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.net.listening.HANDSHAKE_TIMEOUT", 0.2)
    a = Node(1, dht=False)
    async with nodes(a):
        stream = await tcp(where(a))
        with trio.fail_after(2):
            while await stream.receive_some():
                pass
        await stream.aclose()


async def open_gossip(mux: Yamux) -> Stream:
    stream = mux.open_stream()
    await propose(stream, GOSSIP)
    return stream


MALFORMED = [b"\x00", b"\xff\xff\xff\xff\xff\xff", b"\x80\x00", b"\x81\x80\x04" + b"x"]


@pytest.mark.parametrize("data", MALFORMED)
async def test_a_malformed_frame_costs_the_connection(data: bytes) -> None:
    a = Node(1, dht=False)
    async with nodes(a):
        async with stranger(a) as mux:
            await (await open_gossip(mux)).write(b"\x02ok" + data)
            with trio.fail_after(2):
                await mux.closed.wait()
        await until(lambda: a.of(PeerDisconnected))
        assert all(one.data == b"ok" for one in a.of(FrameReceived))
        await still_serves(a)


async def test_who_keeps_sending_malformed_frames_is_banned() -> None:
    a = Node(1, dht=False)
    async with nodes(a):
        for _ in range(MAX_STRIKES):
            async with stranger(a) as mux:
                await (await open_gossip(mux)).write(b"\x00")
                await mux.closed.wait()
        assert len(a.host.bans()) == 1
        told = len(a.of(PeerConnected))
        async with stranger(a) as mux:
            with trio.fail_after(2):
                await mux.closed.wait()
        assert len(a.of(PeerConnected)) == told
        await still_serves(a)


async def write_raw(mux: Yamux, data: bytes) -> None:
    await mux._channel.write(data)


async def forge(mux: Yamux) -> None:
    await mux._channel._raw.write(b"\x00\x40" + b"x" * 64)  # type: ignore[attr-defined]


async def overrun(mux: Yamux) -> None:
    stream = await open_gossip(mux)
    size = 2 * WINDOW_SIZE
    await write_raw(mux, HEADER.pack(0, 0, 0, stream.id, size))


async def bad_header(mux: Yamux) -> None:
    await write_raw(mux, b"\x07" * 12)


@pytest.mark.parametrize("attack", [forge, overrun, bad_header])
async def test_breaking_the_rules_below_costs_the_connection(attack: Callable[[Yamux], Awaitable[None]]) -> None:
    a = Node(1, dht=False)
    async with nodes(a):
        async with stranger(a) as mux:
            await until(lambda: a.of(PeerConnected))
            await attack(mux)
            with trio.fail_after(2):
                await mux.closed.wait()
        await until(lambda: a.of(PeerDisconnected))
        await still_serves(a)


async def test_idle_streams_and_unknown_protocols_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.net.connection.NEGOTIATION_TIMEOUT", 0.3)
    monkeypatch.setattr("p2pnode.net.connection.RPC_STREAM_TIMEOUT", 0.5)
    a = Node(1)
    async with nodes(a), stranger(a) as mux:
        streams = [mux.open_stream() for _ in range(100)]
        for stream in streams[:10]:
            with pytest.raises(Exception, match=r"does not speak|reset|closed"):
                await propose(stream, "/ipfs/kad/1.0.0")
        idle = [mux.open_stream() for _ in range(6)]
        for stream in idle:
            try:
                await propose(stream, KAD)
            except StreamBroken:
                continue
        await still_serves(a)
        victim = next(one for one in a.host.connections() if one.peer != Node(77, dht=False).id)
        assert victim._mux.inbound <= 32
        await until(lambda: victim._mux.inbound == 0)


async def test_two_requests_of_a_peer_are_served_at_a_time_and_each_has_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p2pnode.net.connection.RPC_STREAM_TIMEOUT", 0.3)
    a = Node(1, dht=False)
    serving, most = 0, 0

    async def wait(peer: str, stream: Stream) -> None:
        nonlocal serving, most
        serving += 1
        most = max(most, serving)
        try:
            await stream.read()
        finally:
            serving -= 1

    a.host.handle("/test", wait)
    async with nodes(a), stranger(a) as mux:
        for _ in range(6):
            await propose(mux.open_stream(), "/test")
        await until(lambda: serving == 2)
        await until(lambda: a.host.connections()[0]._mux.inbound == 0, 2)
        assert most == 2
        assert not serving
        assert not mux.closed.is_set()


async def test_a_request_on_which_a_handler_fails_costs_a_strike_and_ends_nothing() -> None:
    a = Node(1, dht=False)

    async def fail(peer: str, stream: Stream) -> None:
        async with trio.open_nursery() as nursery:  # so that it comes in a group
            nursery.start_soon(stream.read)
            raise RuntimeError("a bug")

    a.host.handle("/test", fail)
    async with nodes(a), stranger(a) as mux:
        stream = mux.open_stream()
        await propose(stream, "/test")
        with pytest.raises(StreamBroken):
            await stream.read()
        await until(lambda: a.host.guard.strikes(a.of(PeerConnected)[0].peer, a.host._now()) > 0)
        assert not mux.closed.is_set()
        await still_serves(a)


async def test_idle_requests_of_several_peers_do_not_stop_the_dht() -> None:
    """KadDHT serves 12 at a time, whoever asks."""
    a, honest = Node(1), Node(2)
    async with nodes(a, honest), AsyncExitStack() as stack:
        for number in range(8):
            mux = await stack.enter_async_context(stranger(a, 100 + number))
            for _ in range(2):
                await propose(mux.open_stream(), KAD)
        assert a.host.dht is not None
        dht = a.host.dht
        await until(lambda: dht._dht._inbound_limiter.borrowed_tokens == 16)
        await connect(honest, a)
        with trio.fail_after(3):
            assert await honest.host.provide(b"k" * 32)


async def test_unfinished_frames_of_all_streams_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.net.pool.MAX_POOL", 1_000_000)
    a, honest = Node(1, dht=False), Node(2, dht=False)
    async with nodes(a, honest), AsyncExitStack() as stack:
        await connect(honest, a)
        muxes = []
        for number in range(3):
            mux = await stack.enter_async_context(stranger(a, 100 + number))
            muxes.append(mux)
            for protocol in sorted(PROTOCOLS):
                stream = mux.open_stream()
                await propose(stream, protocol)
                await stream.write(b"\xff\xff\x03" + b"x" * 60_000)
        await until(lambda: any(mux.closed.is_set() for mux in muxes))
        assert a.host._pool.used <= 1_000_000
        assert a.is_connected(honest)
        await still_serves(a)
        for mux in muxes:
            mux.close("done")
        await until(lambda: a.host._pool.used == 0)


async def test_what_nobody_reads_of_ours_is_bounded_for_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.net.pool.MAX_SEND_POOL", 4_000_000)
    a, honest = Node(1, dht=False), Node(2, dht=False)
    async with nodes(a, honest), AsyncExitStack() as stack:
        await connect(honest, a)
        for number in range(4):
            mux = await stack.enter_async_context(stranger(a, 100 + number))
            await open_gossip(mux)  # and nothing is ever read from it
        await until(lambda: len(a.of(PeerConnected)) == 5)
        for _ in range(50):
            for one in a.host.connections():
                if one.peer != honest.id:
                    a.host.send(one.peer, GOSSIP, b"x" * 60_000)
            assert a.host._pool.sending <= 4_000_000
            await trio.sleep(0)
        await until(lambda: any(one.reason == "memory is short" for one in a.of(PeerDisconnected)))
        assert a.host.send(honest.id, GOSSIP, b"hello")
        await until(lambda: honest.frames(a) == [b"hello"])


async def test_one_stream_after_another_of_a_protocol_is_an_offence() -> None:
    a = Node(1, dht=False)
    async with nodes(a), stranger(a) as mux:
        await until(lambda: a.of(PeerConnected))
        for _ in range(2):
            await open_gossip(mux)
        for _ in range(MAX_STRIKES):
            try:
                with trio.move_on_after(0.5):
                    await (await open_gossip(mux)).read()
            except StreamBroken:
                continue
        with trio.fail_after(2):
            await mux.closed.wait()
        assert a.host.bans()


async def test_a_flood_of_frames_is_slowed_and_an_honest_peer_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.net.guard.FRAME_RATE", 100)
    monkeypatch.setattr("p2pnode.net.guard.FRAME_BURST", 200)
    a, honest = Node(1, dht=False), Node(2, dht=False)
    async with nodes(a, honest), stranger(a) as mux:
        stream = await open_gossip(mux)

        async def flood() -> None:
            try:
                while True:
                    await stream.write(b"\x04spam" * 1_000)
            except StreamBroken:
                pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood)
            await until(lambda: len(a.of(FrameReceived)) > 150)
            started = trio.current_time()
            await connect(honest, a)
            for number in range(20):
                honest.host.send(a.id, GOSSIP, b"%d" % number)
            await until(lambda: len(a.frames(honest)) == 20)
            assert trio.current_time() - started < 1.0
            assert len(a.of(FrameReceived)) < 500
            assert a.host.connections()[0]._mux._buffered <= WINDOW_SIZE
            nursery.cancel_scope.cancel()


DHT_MESSAGES = [b"", b"\xff" * 20, b"\x03\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x02\x08\x04", b"\x04\x08\x04\x12\x00"]


async def test_malformed_dht_messages_end_their_stream_only() -> None:
    a = Node(1)
    noise = random.Random(3)
    async with nodes(a):
        async with stranger(a) as mux:
            for data in [*DHT_MESSAGES, *(bytes([40]) + noise.randbytes(40) for _ in range(20))]:
                stream = mux.open_stream()
                try:
                    await propose(stream, KAD)
                    await stream.write(data)
                    await stream.close()
                    with trio.fail_after(2):
                        while await stream.read():
                            pass
                except StreamBroken:
                    continue
            assert not mux.closed.is_set()
        await still_serves(a)


async def test_fresh_names_from_one_address_are_refused_in_the_end_and_whom_we_reached_are_not() -> None:
    a, honest = Node(1, dht=False), Node(77, dht=False)
    async with nodes(a, honest):
        await connect(a, honest)
        for number in range(3):
            for _ in range(MAX_STRIKES):
                async with stranger(a, 90 + number) as mux:
                    await (await open_gossip(mux)).write(b"\x00")
                    with trio.fail_after(2):
                        await mux.closed.wait()
        assert len(a.of(PeerBanned)) == 3
        told = len(a.of(PeerConnected))
        async with stranger(a, 99) as mux:
            with trio.fail_after(2):
                await mux.closed.wait()
        assert len(a.of(PeerConnected)) == told
        await honest.host.disconnect(a.id)
        await until(lambda: not a.is_connected(honest))
        await connect(honest, a)
