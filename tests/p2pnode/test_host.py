"""The host over real connections on loopback."""

import socket

import pytest
import trio

from p2pnode.bounds import MAX_SEND_FRAMES
from p2pnode.net.addresses import BadAddress
from p2pnode.net.connection import _Line
from p2pnode.net.delivery import FrameReceived, PeerConnected, PeerDisconnected, ProtocolUnspoken
from p2pnode.net.dialing import Unreachable
from protocols.errors import Refusal
from protocols.limits import MAX_FRAME

from .hosts import EXCHANGE, GOSSIP, Node, connect, nodes, until

QUIET = {"dht": False}


async def test_frames_go_both_ways_in_order() -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        await connect(a, b)
        sent = [b"%d" % number for number in range(300)] + [b"x" * MAX_FRAME]
        for data in sent:
            assert a.host.send(b.id, GOSSIP, data)
            assert b.host.send(a.id, GOSSIP, data)
        assert b.host.send(a.id, EXCHANGE, b"other")
        await until(lambda: len(a.frames(b)) == len(sent) + 1 and len(b.frames(a)) == len(sent))
        assert b.frames(a) == sent
        assert [one.data for one in a.of(FrameReceived) if one.protocol == GOSSIP] == sent
        assert [one.data for one in a.of(FrameReceived) if one.protocol == EXCHANGE] == [b"other"]
        assert a.of(PeerConnected)[0].outbound and not b.of(PeerConnected)[0].outbound
        assert a.of(PeerConnected)[0].address == b.addresses[0]


async def test_frames_keep_their_order_whether_they_leave_at_once_or_wait() -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        await connect(a, b)
        sent: list[bytes] = []
        for burst in range(20):
            for number in range(30):  # some fit into the window, some have to wait for room, some come after those
                data = b"%d.%d" % (burst, number) + b"x" * (50_000 if number % 5 == 2 else 100)
                assert a.host.send(b.id, GOSSIP, data)
                sent.append(data)
                if number % 7 == 6:
                    await trio.lowlevel.checkpoint()
            await until(lambda: len(b.frames(a)) > len(sent) - 20)
        await until(lambda: len(b.frames(a)) == len(sent))
        assert b.frames(a) == sent


def test_nothing_overtakes_what_is_being_sent() -> None:
    class Open:
        broken = local_closed = False

        def write_now(self, data: bytes) -> bool:
            return True

    line = _Line()
    line.streams = [Open()]  # type: ignore[list-item]
    assert line.sent_now(b"first")
    line.sending = True
    assert not line.sent_now(b"second")


async def test_disconnect_is_told_on_both_sides_and_ends_sending() -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        await connect(a, b)
        await a.host.disconnect(b.id)
        assert not a.host.send(b.id, GOSSIP, b"late")
        await until(lambda: not a.is_connected(b) and not b.is_connected(a))
        await connect(a, b)
        assert len(a.of(PeerConnected)) == 2


async def test_dialling_a_connected_peer_keeps_the_connection() -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        await connect(a, b)
        assert await a.host.dial(b.addresses[0]) == b.id
        assert await b.host.dial(a.addresses[0]) == a.id
        assert len(a.of(PeerConnected)) == len(b.of(PeerConnected)) == 1


async def test_many_dials_at_once_make_one_connection() -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(a.host.dial, b.addresses)
        await until(lambda: b.is_connected(a))
        await trio.sleep(0.05)
        assert len(a.of(PeerConnected)) == len(b.of(PeerConnected)) == 1


@pytest.mark.parametrize("attempt", range(5))
async def test_both_dial_at_once_and_agree_on_one_connection(attempt: int) -> None:
    a, b = Node(1 + attempt, **QUIET), Node(20 - attempt, **QUIET)
    async with nodes(a, b):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(a.host.dial, b.addresses)
            nursery.start_soon(b.host.dial, a.addresses)
        await trio.sleep(0.1)
        await until(lambda: a.is_connected(b) and b.is_connected(a))
        assert len(a.host.connections()) == len(b.host.connections()) == 1
        assert a.host.connections()[0].outbound != b.host.connections()[0].outbound
        assert a.host.send(b.id, GOSSIP, b"to b")
        assert b.host.send(a.id, GOSSIP, b"to a")
        await until(lambda: b.frames(a) == [b"to b"] and a.frames(b) == [b"to a"])


async def test_everybody_dials_everybody_at_once() -> None:
    crowd = [Node(number + 1, **QUIET) for number in range(6)]
    async with nodes(*crowd):
        async with trio.open_nursery() as nursery:
            for one in crowd:
                for other in crowd:
                    if other is not one:
                        nursery.start_soon(one.host.dial, other.addresses)
        await trio.sleep(0.2)
        for one in crowd:
            assert len(one.host.connections()) == len(crowd) - 1
            for other in crowd:
                if other is not one:
                    assert one.is_connected(other)
                    assert one.host.send(other.id, GOSSIP, one.id.encode())
        for one in crowd:
            for other in crowd:
                if other is not one:
                    await until(lambda one=one, other=other: one.frames(other) == [other.id.encode()])


async def test_what_is_no_frame_is_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        await connect(a, b)
        assert not a.host.send(b.id, GOSSIP, b"")
        assert not a.host.send(b.id, GOSSIP, b"x" * (MAX_FRAME + 1))
        assert not a.host.send("nobody", GOSSIP, b"x")
        assert a.host.send(b.id, GOSSIP, b"x")
        await until(lambda: b.frames(a) == [b"x"])
    assert "was not sent" in caplog.text


async def test_a_protocol_that_the_other_does_not_speak_hurts_no_other() -> None:
    a, b = Node(1, **QUIET), Node(2, protocols=[GOSSIP], **QUIET)
    async with nodes(a, b):
        await connect(a, b)
        a.host.send(b.id, EXCHANGE, b"x")
        await until(lambda: not a.host.send(b.id, EXCHANGE, b"y"))
        assert a.host.send(b.id, GOSSIP, b"z")
        await until(lambda: b.frames(a) == [b"z"])
        assert [(one.peer, one.protocol) for one in a.of(ProtocolUnspoken)] == [(b.id, EXCHANGE)], "it is told once"
        assert not b.of(ProtocolUnspoken)


async def test_events_of_a_peer_come_in_order() -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        for _ in range(5):
            await connect(a, b)
            for number in range(20):
                a.host.send(b.id, GOSSIP, b"%d" % number)
            await until(lambda: b.frames(a)[-1:] == [b"19"])
            await b.host.disconnect(a.id)
            await until(lambda: not a.is_connected(b))
        connected = False
        for event in b.events:
            if isinstance(event, PeerConnected):
                assert not connected
                connected = True
            elif isinstance(event, PeerDisconnected):
                assert connected
                connected = False
            else:
                assert connected


async def test_a_restarted_peer_is_redialled_at_once_at_the_same_address() -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b) as nursery:
        await connect(a, b)
        for _ in range(3):
            address = b.addresses[0]
            await b.stop()
            await until(lambda: not a.host.connections() and len(a.of(PeerDisconnected)) == len(a.of(PeerConnected)))
            with pytest.raises(Unreachable, match="refused"):
                await a.host.dial(address)
            b = Node(2, [address.partition("/p2p/")[0]], **QUIET)
            await nursery.start(b.run)
            assert b.addresses == [address]
            with trio.fail_after(1):
                await connect(a, b)


async def test_a_peer_whose_old_connection_hangs_is_heard_again() -> None:
    """The other side restarted, and the end of its old connection never reached us."""
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        await connect(a, b)
        a.host.connections()[0].since -= 60
        again = Node(2, **QUIET)
        async with nodes(again):
            await again.host.dial(a.addresses)
            await until(lambda: len(a.of(PeerConnected)) == 2 and a.is_connected(again))
            assert again.host.send(a.id, GOSSIP, b"back")
            await until(lambda: a.frames(again) == [b"back"])


async def test_reasons_in_plain_words() -> None:
    a, b, c = Node(1, **QUIET), Node(2, **QUIET), Node(3, **QUIET)
    async with nodes(a, b):
        cases = {
            f"/ip4/127.0.0.1/tcp/1/p2p/{c.id}": "refused",
            f"/dns4/no-such-host.invalid/tcp/1/p2p/{c.id}": "name is unknown",
            b.addresses[0].replace(b.id, c.id): "wrong peer id",
            a.addresses[0]: "this node itself",
            "/ip4/127.0.0.1/tcp/1": "does not say which peer",
            "/ip4/127.0.0.1/udp/1/p2p/" + c.id: "only tcp",
            "nonsense": "not an address",
        }
        for address, words in cases.items():
            with trio.fail_after(6), pytest.raises(Unreachable, match=words):
                await a.host.dial(address)
        with pytest.raises(Unreachable):
            await a.host.dial([])
        assert await a.host.dial(b.addresses) == b.id  # after a wrong id, the right one is not held against it


async def test_something_that_listens_and_says_nothing_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.net.host.HANDSHAKE_TIMEOUT", 0.2)
    a = Node(1, **QUIET)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with nodes(a):
            with pytest.raises(Unreachable, match="timed out"):
                await a.host.dial(f"/ip4/127.0.0.1/tcp/{silent.getsockname()[1]}/p2p/{Node(2, **QUIET).id}")


async def test_every_address_is_tried() -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        dead = [f"/ip4/127.0.0.1/tcp/{port}/p2p/{b.id}" for port in (1, 2)]
        with trio.fail_after(2):
            assert await a.host.dial([*dead, "nonsense", f"/dns4/x.invalid/tcp/1/p2p/{b.id}", *b.addresses]) == b.id


async def test_an_address_that_drops_packets_does_not_hold_up_the_next() -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        # TEST-NET-1 is routed nowhere: here the connection is refused or hangs, and neither may take long.
        with trio.fail_after(2):
            assert await a.host.dial([f"/ip4/192.0.2.1/tcp/9/p2p/{b.id}", *b.addresses]) == b.id


async def test_names_and_ipv6() -> None:
    a, b = Node(1, ["/ip6/::1/tcp/0"], **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        port = b.addresses[0].split("/")[4]
        assert await a.host.dial(f"/dns4/localhost/tcp/{port}/p2p/{b.id}") == b.id
        await a.host.disconnect(b.id)
        await until(lambda: not b.is_connected(a))
        assert "/ip6/::1/tcp/" in a.addresses[0]
        assert await b.host.dial(a.addresses) == a.id


async def test_a_wildcard_is_told_as_the_addresses_of_the_machine() -> None:
    a, b = Node(1, ["/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0"], **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        assert a.addresses
        assert not any("/0.0.0.0/" in one or "/::/" in one or "/tcp/0/" in one for one in a.addresses)
        assert await b.host.dial(a.addresses) == a.id


async def test_a_port_in_use_is_an_error() -> None:
    a = Node(1, **QUIET)
    async with nodes(a):
        where = a.addresses[0].partition("/p2p/")[0]
        with pytest.raises(Refusal, match="in use") as caught:
            await Node(2, [where], **QUIET).host.run()
        assert caught.value.code == "conflict"
        wildcard = where.replace("127.0.0.1", "0.0.0.0")  # overlaps: must not be shared silently either
        with pytest.raises(Refusal, match="in use"):
            await Node(2, ["/ip4/127.0.0.1/tcp/0", wildcard], **QUIET).host.run()


@pytest.mark.parametrize(
    "listen", [[], ["/dns4/localhost/tcp/0"], ["/ip4/127.0.0.1/udp/0"], ["/ip4/203.0.113.9/tcp/0"]]
)
async def test_what_cannot_be_listened_on_is_an_error(listen: list[str]) -> None:
    with pytest.raises(Refusal):
        await Node(1, listen, **QUIET).host.run()


async def test_a_peer_that_answers_nothing_is_taken_for_gone() -> None:
    a, b = Node(1, dht=False, silence=0.6), Node(2, dht=False, silence=600)
    async with nodes(a, b):
        await connect(a, b)
        await trio.sleep(1.0)
        assert a.is_connected(b)  # b has nothing to say, and answers pings
        connection = b.host.connections()[0]
        connection._mux._channel.write = lambda data: trio.sleep_forever()  # type: ignore[method-assign, assignment]
        await until(lambda: not a.is_connected(b), 3)
        assert a.of(PeerDisconnected)[0].reason == "no answer"


async def test_a_slow_core_holds_peers_back_and_loses_nothing() -> None:
    a, b, c = Node(1, **QUIET), Node(2, **QUIET), Node(3, **QUIET)
    async with nodes(a, b, c):
        await connect(a, b)
        await connect(c, b)
        gate = trio.Event()

        async def wait(event: object) -> None:
            await gate.wait()

        b.gate = wait
        for number in range(60):
            assert a.host.send(b.id, GOSSIP, b"%d" % number + b"." * 30_000)
        assert c.host.send(b.id, GOSSIP, b"small")
        await trio.sleep(0.2)
        assert len(b.of(FrameReceived)) == 1
        assert b.host.connections()[0]._mux._buffered < 1024 * 1024
        gate.set()
        await until(lambda: len(b.frames(a)) == 60 and b.frames(c) == [b"small"])
        assert [data.partition(b".")[0] for data in b.frames(a)] == [b"%d" % number for number in range(60)]


async def test_a_peer_that_takes_nothing_loses_its_own_connection_only() -> None:
    a, b, c = Node(1, **QUIET), Node(2, **QUIET), Node(3, **QUIET)
    async with nodes(a, b, c):
        await connect(a, b)
        await connect(a, c)
        b.gate = lambda event: trio.sleep_forever()
        sent = 0
        while a.host.send(b.id, GOSSIP, b"x" * 20_000):
            sent += 1
            assert sent <= MAX_SEND_FRAMES
        await until(lambda: not a.is_connected(b))
        assert a.of(PeerDisconnected, b)[0].reason == "takes its frames too slowly"
        assert a.host.send(c.id, GOSSIP, b"still here")
        await until(lambda: c.frames(a) == [b"still here"])


async def test_a_handler_of_ours_that_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):

        async def fail(event: object) -> None:
            raise RuntimeError("a bug")

        b.gate = fail
        await connect(a, b)
        a.host.send(b.id, GOSSIP, b"one")
        a.host.send(b.id, GOSSIP, b"two")
        await until(lambda: b.frames(a) == [b"one", b"two"])
    assert "a bug" in caplog.text


async def test_strikes_end_in_a_ban_that_can_be_lifted() -> None:
    a, b = Node(1, **QUIET), Node(2, **QUIET)
    async with nodes(a, b):
        await connect(a, b)
        for _ in range(20):
            b.host.strike(a.id, "test")
        await until(lambda: not a.is_connected(b))
        assert list(b.host.bans()) == [a.id]
        with pytest.raises(Unreachable, match="banned"):
            await b.host.dial(a.addresses)
        await a.host.dial(b.addresses)
        await until(lambda: not a.host.connections())
        assert len(b.of(PeerConnected)) == 1
        assert b.host.lift(a.id)
        await connect(b, a)


def test_bad_addresses_are_usage_errors() -> None:
    assert BadAddress("x").exit_status == 2
    assert Unreachable("x").exit_status == 7
