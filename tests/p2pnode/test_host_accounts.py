"""What a host counts against whom: streams, what waits, and the strikes of who is gone already."""

from contextlib import AsyncExitStack, suppress

import pytest
import trio

from p2pnode.bounds import BLOCK_STRIKES, EVENT_BACKLOG, MAX_INBOUND_STREAMS
from p2pnode.net.connection import Connection
from p2pnode.net.delivery import HostEvent, PeerBanned, PeerConnected, PeerDisconnected
from p2pnode.net.guard import address_block
from p2pnode.net.libp2p_pieces import NegotiationFailed, agree
from p2pnode.net.yamux import HEADER, RST, SYN, WINDOW, Stream, StreamBroken

from .hosts import GOSSIP, Node, nodes, until
from .test_host_hostile import stranger


async def test_what_a_peer_does_not_take_is_not_counted_as_waiting() -> None:
    a = Node(1, dht=False)
    async with nodes(a), trio.open_nursery() as nursery:

        async def refuse(stream: Stream) -> None:
            with suppress(NegotiationFailed, StreamBroken):
                await agree(stream, [])

        def opened(stream: Stream) -> bool:
            nursery.start_soon(refuse, stream)
            return True

        async with stranger(a, on_stream=opened):
            await until(lambda: a.of(PeerConnected))
            [connection] = a.host.connections()
            assert a.host.send(connection.peer, GOSSIP, b"x" * 10_000)
            await until(lambda: connection._lines[GOSSIP].refused)
            await until(lambda: connection.holds("sending") == 0)
            assert connection._queued == connection._frames == 0
        nursery.cancel_scope.cancel()


async def test_streams_opened_and_reset_at_once_leave_few_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [0]
    opened = Connection._opened

    def counted(self: Connection, stream: Stream) -> bool:
        answer = opened(self, stream)
        tasks.append(len(self._nursery.child_tasks) if self._nursery else 0)
        return answer

    monkeypatch.setattr(Connection, "_opened", counted)
    a = Node(1, dht=False)
    async with nodes(a), stranger(a) as mux:
        await until(lambda: a.of(PeerConnected))
        pairs = (
            HEADER.pack(0, WINDOW, SYN, number, 0) + HEADER.pack(0, WINDOW, RST, number, 0)
            for number in range(1, 4_000, 2)
        )
        mux.queue(b"".join(pairs), control=False)
        await until(lambda: len(tasks) > 1_000 or mux.closed.is_set())
        assert max(tasks) <= MAX_INBOUND_STREAMS + 8


async def test_who_hangs_up_before_his_frames_are_looked_at_is_counted_with_his_address() -> None:
    a = Node(1, dht=False)
    async with nodes(a):
        for number in range(BLOCK_STRIKES):
            async with stranger(a, 100 + number):
                await until(lambda: len(a.of(PeerConnected)) > len(a.of(PeerDisconnected)))
            await until(lambda: len(a.of(PeerConnected)) == len(a.of(PeerDisconnected)))
            a.host.strike(a.of(PeerConnected)[-1].peer, "what the core found later")
        assert a.host.guard.refused(address_block("127.0.0.1"), "another", a.host._now())


async def test_whom_only_the_dht_dialled_is_not_known_for_it() -> None:
    a, led, own = Node(1, dht=False), Node(2, dht=False), Node(3, dht=False)
    async with nodes(a, led, own):
        await a.host.dial(led.addresses, keep=False)
        await a.host.dial(own.addresses)
        assert led.id not in a.host.guard._reached and own.id in a.host.guard._reached
        await until(lambda: a.is_connected(led) and a.is_connected(own))
        assert [a.of(PeerConnected, one)[0].chosen for one in (led, own)] == [False, True]


async def test_one_peer_has_no_more_than_one_connection_waiting_for_the_one_that_it_replaces() -> None:
    a, go_on = Node(1, dht=False), trio.Event()

    async def busy(event: HostEvent) -> None:
        await go_on.wait()

    a.gate = busy
    async with nodes(a), AsyncExitStack() as stack:
        for _ in range(EVENT_BACKLOG + 1):
            await a.host._delivery.put(PeerBanned("somebody", "", 0))
        open_ = [await stack.enter_async_context(stranger(a)) for _ in range(10)]
        await until(lambda: sum(not mux.closed.is_set() for mux in open_) <= 2)
        go_on.set()
        await until(lambda: len(a.host.connections()) == 1 and not a.host.connections()[0].waits)
        await until(lambda: len(a.of(PeerConnected)) == len(a.of(PeerDisconnected)) + 1 == 2)
