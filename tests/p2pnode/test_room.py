"""A host that is full: who came in makes room, by the rules of `p2pnode.net.eviction`; whom it dialled stays."""

from contextlib import AbstractAsyncContextManager, AsyncExitStack

import pytest
import trio
import trio.testing

from p2pnode.net.delivery import PeerConnected, PeerDisconnected
from p2pnode.net.guard import is_private, wide_block
from p2pnode.net.listening import Handshakes
from p2pnode.net.yamux import Yamux

from . import strangers
from .hosts import GOSSIP, Node, connect, nodes, until

MOST = 6
HONEST = "127.0.0.9"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.net.room.MAX_CONNECTIONS", MOST)
    for name in ("BLOCKS", "QUICK", "USEFUL"):
        monkeypatch.setattr(f"p2pnode.net.eviction.PROTECTED_{name}", 1)


def stranger(node: Node, number: int, source: str = "127.0.0.1") -> AbstractAsyncContextManager[Yamux]:
    return strangers.stranger(node.addresses[0], number.to_bytes(2, "big") * 16, source)


async def settled() -> None:
    await trio.sleep(0.05)


async def test_a_crowd_that_came_first_makes_room() -> None:
    a = Node(1, dht=False)
    async with nodes(a), AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(stranger(a, 100 + n)) for n in range(MOST)]
        await until(lambda: len(a.host.connections()) == MOST)
        late = await stack.enter_async_context(stranger(a, 200, HONEST))
        await until(lambda: len(a.of(PeerConnected)) == MOST + 1)
        await settled()
        assert len(a.host.connections()) == MOST
        assert not late.closed.is_set()
        assert sum(one.closed.is_set() for one in crowd) == 1
        await until(lambda: [one.reason for one in a.of(PeerDisconnected)] == ["made room for another"])


async def test_a_crowd_that_comes_later_changes_places_among_itself() -> None:
    a = Node(1, dht=False)
    async with nodes(a), AsyncExitStack() as stack:
        honest = [await stack.enter_async_context(stranger(a, 200 + n, f"127.0.0.{9 + n}")) for n in range(3)]
        await until(lambda: len(a.host.connections()) == 3)
        for number in range(30):
            await stack.enter_async_context(stranger(a, 300 + number))
        await settled()
        assert len(a.host.connections()) == MOST
        assert not any(one.closed.is_set() for one in honest)


async def test_whom_the_node_dialled_stays_and_when_there_is_no_other_the_newcomer_goes() -> None:
    a = Node(1, dht=False)
    others = [Node(10 + n, dht=False) for n in range(MOST)]
    async with nodes(a, *others), AsyncExitStack() as stack:
        for other in others:
            await connect(a, other)
        late = await stack.enter_async_context(stranger(a, 200, HONEST))
        with trio.fail_after(2):
            await late.closed.wait()
        assert all(a.is_connected(other) for other in others)


async def test_whom_only_the_dht_dialled_gives_way() -> None:
    a = Node(1, dht=False)
    others = [Node(10 + n, dht=False) for n in range(MOST)]
    async with nodes(a, *others), AsyncExitStack() as stack:
        for other in others:
            await a.host.dial(other.addresses, keep=False)
        await a.host.dial(others[-1].addresses)  # now for ourselves
        await until(lambda: len(a.of(PeerConnected)) == MOST)
        late = await stack.enter_async_context(stranger(a, 200, HONEST))
        await until(lambda: len(a.of(PeerDisconnected)) == 1)
        assert not late.closed.is_set()
        assert a.is_connected(others[-1])


async def test_who_brought_something_stays() -> None:
    a = Node(1, dht=False)
    async with nodes(a), AsyncExitStack() as stack:
        for n in range(MOST):
            await stack.enter_async_context(stranger(a, 100 + n))
        await until(lambda: len(a.of(PeerConnected)) == MOST)
        newest = a.of(PeerConnected)[-1].peer
        a.host.credit(newest)
        await stack.enter_async_context(stranger(a, 200, HONEST))
        await until(lambda: a.of(PeerDisconnected))
        assert a.of(PeerDisconnected)[0].peer != newest


async def test_one_address_has_a_share_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.net.room.MAX_CONNECTIONS_PER_ADDRESS", 3)
    a = Node(1, dht=False)
    async with nodes(a), AsyncExitStack() as stack:
        honest = await stack.enter_async_context(stranger(a, 200, HONEST))
        for n in range(10):
            await stack.enter_async_context(stranger(a, 100 + n))
        await settled()
        assert len([one for one in a.host.connections() if one.block == "127.0.0.1"]) == 3
        assert not honest.closed.is_set()


async def test_a_block_of_addresses_has_a_share_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.net.room.MAX_CONNECTIONS_PER_BLOCK", 4)
    a = Node(1, dht=False)
    async with nodes(a), AsyncExitStack() as stack:
        for n in range(MOST):  # a LAN, or this machine, is no block of one holder
            await stack.enter_async_context(stranger(a, 100 + n, f"127.0.0.{20 + n}"))
        await settled()
        assert len(a.host.connections()) == MOST
        monkeypatch.setattr("p2pnode.net.room.is_private", lambda block: False)
        await stack.enter_async_context(stranger(a, 300, "127.0.0.40"))
        await settled()
        assert len(a.host.connections()) == MOST  # one left for it
        for one in a.host.connections()[:2]:
            one.close("test")
        await settled()
        await stack.enter_async_context(stranger(a, 301, "127.0.0.41"))
        await settled()
        assert len(a.host.connections()) == 4


async def test_who_says_nothing_for_long_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.net.room.IDLE_CONNECTION", 0.4)
    a, b, c = (Node(n, dht=False) for n in (1, 2, 3))
    async with nodes(a, b, c), stranger(a, 100) as mute:
        await connect(b, a)
        await connect(a, c)
        assert b.host.send(a.id, GOSSIP, b"hello")
        assert a.host.send(c.id, GOSSIP, b"hello")
        with trio.fail_after(2):
            await mute.closed.wait()
        await trio.sleep(0.8)
        assert a.is_connected(b)  # with whom something is spoken
        assert a.is_connected(c)  # whom it dialled itself
        assert [one.reason for one in a.of(PeerDisconnected)] == ["said nothing for long"]


async def test_a_bug_within_a_connection_ends_that_connection_alone_and_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a = Node(1, dht=False)
    async with nodes(a), stranger(a, 100) as first, stranger(a, 101) as second:
        await until(lambda: len(a.of(PeerConnected)) == 2)

        async def broken(*_: object) -> str:
            raise RuntimeError("a bug")

        monkeypatch.setattr("p2pnode.net.connection.agree", broken)
        first.open_stream()
        await until(lambda: len(a.of(PeerDisconnected)) == 1)
        assert not second.closed.is_set()


async def test_of_too_many_handshakes_the_oldest_of_the_largest_block_gives_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p2pnode.net.listening.MAX_PENDING", 5)
    handshakes = Handshakes()
    ended: list[str] = []

    async def one(name: str, block: str) -> None:
        with handshakes.begin(block):
            await trio.sleep_forever()
        ended.append(name)

    async with trio.open_nursery() as nursery:
        for name in ("honest", "a1", "a2", "b1", "a3", "c1", "a4"):
            nursery.start_soon(one, name, name[0])
            await trio.testing.wait_all_tasks_blocked()
        assert ended == ["a1", "a2"]
        nursery.cancel_scope.cancel()


def test_wide_blocks() -> None:
    assert wide_block("192.0.2.7") == wide_block("192.0.2.200") == "192.0.2.0/24"
    assert wide_block("2001:db8:1:2::/64") == wide_block("2001:db8:1:ffff::/64") == "2001:db8:1::/48"
    assert is_private("192.168.1.7") and is_private("127.0.0.1") and is_private("fd00:1:2:3::/64")
    assert not is_private("1.1.1.1") and not is_private("2a00:1:2:3::/64")
