"""The DHT of several nodes on loopback, and what it keeps for whom."""

import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import pytest
import trio
import trio.testing
from libp2p.kad_dht.pb.kademlia_pb2 import Message, Record
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from dht import kad, kad_host, kad_kept
from dht.kad import Rendezvous
from p2pnode.net.host import Host
from p2pnode.net.stream import Stream
from tests.p2pnode.hosts import Node, nodes, until

KEY = b"\x07" * 32


class Newest:
    """Values `v<number>`; the higher number is the better one."""

    def validate(self, key: bytes, value: bytes) -> None:
        if not value.startswith(b"v"):
            raise ValueError("not one of ours")
        int(value[1:5])

    def select(self, key: bytes, values: Sequence[bytes]) -> int:
        return max(range(len(values)), key=lambda index: values[index])


def dht(node: Node) -> Rendezvous:
    assert node.host.dht is not None
    return node.host.dht


@asynccontextmanager
async def chain(count: int) -> AsyncIterator[list[Node]]:
    """Nodes of which each was told of the one before it only."""
    started = [Node(number + 1, validator=Newest()) for number in range(count)]
    async with nodes(*started):
        for before, after in itertools.pairwise(started):
            await after.host.dial(before.addresses)
            await until(lambda before=before, after=after: dht(after).size > 0 and dht(before).size > 0)
        yield started


async def test_providers_are_found_by_those_who_know_neither() -> None:
    async with chain(5) as five:
        assert await five[0].host.provide(KEY)
        assert await five[1].host.provide(KEY)
        found = dict(await five[4].host.find_providers(KEY))
        assert found == {five[0].id: five[0].addresses, five[1].id: five[1].addresses}
        assert dict(await five[0].host.find_providers(KEY)) == {five[1].id: five[1].addresses}  # not itself
        assert await five[2].host.find_providers(b"\x08" * 32) == []
        assert await five[4].host.dial(found[five[0].id]) == five[0].id


async def test_a_peer_is_found_by_its_id() -> None:
    async with chain(4) as four:
        assert await four[3].host.find_peer(four[0].id) == four[0].addresses
        assert await four[3].host.find_peer(Node(99, dht=False).id) == []
        assert await four[3].host.find_peer("nonsense") == []


async def test_the_best_value_wins_everywhere() -> None:
    async with chain(4) as four:
        assert await four[0].host.put(KEY, b"v0001")
        assert await four[3].host.get(KEY) == b"v0001"
        assert await four[1].host.put(KEY, b"v0002")
        for node in four:
            assert await node.host.get(KEY) == b"v0002"
        assert not await four[2].host.put(KEY, b"v0001")
        assert await four[2].host.get(KEY) == b"v0002"


async def test_what_the_validator_refuses_is_kept_by_nobody() -> None:
    async with chain(2) as (a, b):
        assert not await a.host.put(KEY, b"other")
        assert not await a.host.put(KEY, b"v0001" + b"x" * kad.MAX_VALUE)
        assert not await a.host.put(b"", b"v0001")
        assert await b.host.get(KEY) is None
        # Past our own checks, straight to the other side: it has its own.
        for key, value in [("/p2pnode/" + KEY.hex(), b"other"), ("/pk/x", b"v0001"), ("plain", b"v0001")]:
            record = Record(key=key.encode(), value=value)
            request = Message(type=Message.PUT_VALUE, key=record.key, record=record)
            with pytest.raises(ConnectionError):
                await dht(a)._asker.ask(ID.from_base58(b.id).to_bytes(), request)
        assert dht(b)._dht.get_value_store_size() == 0


async def test_without_a_validator_no_values_are_kept() -> None:
    a = Node(1)
    async with nodes(a):
        assert not await a.host.put(KEY, b"v0001")
        assert await a.host.get(KEY) is None


async def test_a_client_asks_and_is_not_asked() -> None:
    a, b, client = Node(1), Node(2), Node(3, dht_server=False)
    async with nodes(a, b, client):
        await b.host.dial(a.addresses)
        await client.host.dial(a.addresses)
        await until(lambda: dht(a).size == 1 and dht(b).size == 1 and dht(client).size >= 1)
        assert await b.host.provide(KEY)
        assert [peer for peer, _ in await client.host.find_providers(KEY)] == [b.id]
        assert await client.host.provide(b"\x09" * 32)
        assert [peer for peer, _ in await b.host.find_providers(b"\x09" * 32)] == [client.id]


async def test_alone_nothing_is_found_and_nothing_raised() -> None:
    a = Node(1, validator=Newest())
    async with nodes(a):
        with trio.fail_after(2):
            assert not await a.host.provide(KEY)
            assert await a.host.find_providers(KEY) == []
            assert await a.host.find_peer(Node(2, dht=False).id) == []
            assert await a.host.put(KEY, b"v0001")
            assert await a.host.get(KEY) == b"v0001"


async def test_without_a_dht_nothing_is_found() -> None:
    a = Node(1, dht=False)
    async with nodes(a):
        assert not await a.host.provide(KEY)
        assert await a.host.find_providers(KEY) == []
        assert await a.host.find_peer(a.id) == []
        assert not await a.host.put(KEY, b"v")
        assert await a.host.get(KEY) is None


async def test_operations_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kad, "OPERATION_TIMEOUT", 0.2)

    async def forever(*_: object, **__: object) -> None:
        await trio.sleep_forever()

    async with chain(2) as (a, _b):
        monkeypatch.setattr(kad_host.KadStream, "read", forever)
        with trio.fail_after(3):
            assert not await a.host.provide(KEY)
            assert await a.host.find_providers(KEY) == []
            assert await a.host.find_peer(Node(9, dht=False).id) == []
            assert not await a.host.put(KEY, b"v0001")
            assert await a.host.get(KEY) == b"v0001"  # ours, which waited while the others were asked


async def test_a_peer_that_is_gone_does_not_stop_a_lookup() -> None:
    async with chain(4) as four:
        assert await four[0].host.provide(KEY)
        await four[1].stop()
        with trio.fail_after(8):
            assert [peer for peer, _ in await four[2].host.find_providers(KEY)] in ([four[0].id], [])
            assert await four[3].host.provide(KEY)


def test_what_is_kept_of_peers_is_bounded() -> None:
    peers = kad_host._Peers()
    for number in range(2 * kad_host.MAX_PEERS):
        peer = ID(b"\x12\x20" + number.to_bytes(32, "big"))
        addresses = [Multiaddr(f"/ip4/192.0.2.1/tcp/{port}") for port in range(1, 30)]
        peers.add_addrs(peer, addresses, 60)
        assert peers.addrs(peer) == addresses[-kad_host.MAX_ADDRESSES :]
    assert len(peers.peer_ids()) == kad_host.MAX_PEERS
    peers.add_addrs(ID(b"\x00" * 5_000), [Multiaddr("/ip4/192.0.2.1/tcp/1")], 60)
    assert len(peers.peer_ids()) == kad_host.MAX_PEERS
    long = Multiaddr("/dns4/" + "a" * 60 + ".example." + "b" * 60 + ".example/tcp/1")
    peers.add_addrs(peer, [long] * 3, 60)
    assert long not in peers.addrs(peer)


def a_peer(number: int) -> ID:
    return ID(b"\x12\x20" + number.to_bytes(32, "big"))


def provider(number: int, addresses: int = 1) -> PeerInfo:
    return PeerInfo(a_peer(number), [Multiaddr("/ip4/192.0.2.1/tcp/1")] * addresses)


@contextmanager
def brought_by(source: str) -> Iterator[None]:
    token = kad_host._asker.set(source)
    yield
    kad_host._asker.reset(token)


async def test_a_flood_of_keys_pushes_out_the_flooder_s_own() -> None:
    a = Node(1)
    store = dht(a)._providers
    with brought_by("honest"):
        store.add_provider(b"cell", provider(1, addresses=50))
    with brought_by("flooder"):
        for number in range(kad_kept.MAX_PROVIDED + 100):
            store.add_provider(number.to_bytes(4, "big"), provider(2))
    assert len(store) == kad_kept.MAX_PROVIDED
    (kept,) = store.get_providers(b"cell")
    assert len(kept.addrs) == kad_host.MAX_ADDRESSES
    assert store.get_providers((0).to_bytes(4, "big")) == []
    store.add_provider(b"x" * (kad_kept.MAX_KEY + 1), provider(3))
    assert store.get_providers(b"x" * (kad_kept.MAX_KEY + 1)) == []


async def test_a_crowd_from_one_place_does_not_hide_the_providers_of_a_key() -> None:
    store = dht(Node(1))._providers
    with brought_by("flooder"):
        for number in range(100, 100 + 2 * kad_kept.PROVIDERS):
            store.add_provider(KEY, provider(number))
    for number in range(1, 4):
        with brought_by(f"honest {number}"):
            store.add_provider(KEY, provider(number))
    kept = {info.peer_id for info in store.get_providers(KEY)}
    assert {a_peer(1), a_peer(2), a_peer(3)} <= kept
    assert len(kept) == kad_kept.PROVIDERS
    with brought_by("flooder"):
        for number in range(200, 300):
            store.add_provider(KEY, provider(number))
    assert {a_peer(1), a_peer(2), a_peer(3)} <= {info.peer_id for info in store.get_providers(KEY)}


async def test_a_flood_of_values_pushes_out_the_flooder_s_own() -> None:
    store = dht(Node(1))._values
    with brought_by("honest"):
        store.put_record(b"mine", Record(key=b"mine", value=b"v0001"))
    with brought_by("flooder"):
        for number in range(kad_kept.MAX_VALUES + 100):
            key = number.to_bytes(4, "big")
            store.put_record(key, Record(key=key, value=b"v0001"))
    assert len(store.store) == kad_kept.MAX_VALUES
    assert store.get(b"mine") is not None


async def test_what_is_kept_for_others_ends_after_a_day_whatever_the_clock_is_set_to(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    rendezvous = dht(Node(1))
    rendezvous._providers.add_provider(KEY, provider(1))
    rendezvous._values.put_record(b"k", Record(key=b"k", value=b"v0001"))
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert rendezvous._providers.get_providers(KEY) and rendezvous._values.get(b"k")
    monkeypatch.setattr(time, "time", lambda: 0.0)
    await trio.sleep(24 * 3600 + 1)
    assert rendezvous._providers.get_providers(KEY) == [] and rendezvous._values.get(b"k") is None
    rendezvous._providers.cleanup_expired()
    rendezvous._values.cleanup_expired()
    assert len(rendezvous._providers) == len(rendezvous._values.store) == 0


async def test_what_is_withdrawn_is_provided_no_more() -> None:
    async with chain(2) as (a, b):
        assert await a.host.provide(KEY)
        assert {one.peer_id for one in dht(a)._providers.get_providers(KEY)} == {ID.from_base58(a.id)}
        a.host.withdraw(KEY)
        assert dht(a)._providers.get_providers(KEY) == []
        assert [peer for peer, _ in await b.host.find_providers(KEY)] == [a.id], "who noted it forgets it in a day"


async def test_who_was_known_before_is_asked_before_anybody_is_connected() -> None:
    async with chain(3) as three:
        assert await three[0].host.provide(KEY)
        back = Node(50)
        async with nodes(back):
            assert await back.host.find_providers(KEY) == []
            back.host.remember(three[1].id, three[1].addresses)
            assert dict(await back.host.find_providers(KEY)) == {three[0].id: three[0].addresses}


async def test_of_whom_only_our_address_book_knows_nobody_is_told() -> None:
    async with chain(2) as (a, b):
        friend = Node(60)
        a.host.remember(friend.id, ["/ip4/127.0.0.1/tcp/9"])
        assert await b.host.find_peer(friend.id) == []
        assert dht(a).size == 2


async def test_what_is_no_address_is_not_remembered() -> None:
    rendezvous = dht(Node(1))
    rendezvous.remember("nonsense", ["/ip4/127.0.0.1/tcp/9"])
    rendezvous.remember(Node(2, dht=False).id, ["/foo/bar"])
    assert rendezvous.size == 0


async def test_a_stream_serves_for_several_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    ask = Host.ask

    async def counted(self: Host, peer: str, protocol: str) -> Stream:
        opened.append(peer)
        return await ask(self, peer, protocol)

    async with chain(2) as (a, _b):
        monkeypatch.setattr(Host, "ask", counted)
        for number in range(12):
            assert await a.host.put(bytes([number]) * 32, b"v0001")  # two questions each
        assert len(opened) <= 24 // kad_host.MAX_ANSWERS + 1
        await until(lambda: not dht(a)._asker._kept, 5)
