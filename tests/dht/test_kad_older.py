"""Beside nodes of the version before, which ask with libp2p's own client and keep its routing table."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
from libp2p.peer.id import ID
from libp2p.records.validator import NamespacedValidator
from multiaddr import Multiaddr

from dht.kad import NAMESPACE, _Namespaced, _text_of
from dht.kad_host import KadHost, KadStream
from tests.dht.test_kad import KEY, Newest, dht
from tests.p2pnode.hosts import Node, nodes, until

OTHER = b"\x08" * 32


class OlderHost(KadHost):
    async def new_stream(self, peer: ID, protocols: Sequence[str]) -> KadStream:
        return await self.open(peer)


def older(node: Node) -> tuple[KadDHT, KadHost]:
    host: Any = OlderHost(node.host)
    ours: Any = _Namespaced(Newest())
    validator = NamespacedValidator({NAMESPACE: ours}, strict_validation=True)
    return KadDHT(host, DHTMode.SERVER, validator=validator, validator_changed=True, strict_validation=True), host


@asynccontextmanager
async def old_and_new() -> AsyncIterator[tuple[KadDHT, Node, Node, Node]]:
    """An older node between two new ones that do not know each other."""
    middle, left, right = Node(1, dht=False), Node(2, validator=Newest()), Node(3, validator=Newest())
    old, host = older(middle)
    async with nodes(middle, left, right):
        for new in (left, right):
            await new.host.dial(middle.addresses)
            await until(lambda new=new: dht(new).size == 1)
            peer = ID.from_base58(new.id)
            host.get_peerstore().add_addrs(peer, [Multiaddr(new.addresses[0])], 3600)
            await old.routing_table.add_peer(peer)
        yield old, middle, left, right


async def test_an_older_node_finds_what_we_provide_and_we_what_it_does() -> None:
    async with old_and_new() as (old, middle, left, right):
        assert await left.host.provide(KEY)
        assert ID.from_base58(left.id) in {one.peer_id for one in await old.provider_store.find_providers(KEY)}
        assert await old.provider_store.provide(OTHER)
        assert [peer for peer, _ in await right.host.find_providers(OTHER)] == [middle.id]
        assert dict(await right.host.find_providers(KEY)) == {left.id: left.addresses}


async def test_values_go_both_ways() -> None:
    async with old_and_new() as (old, _middle, left, right):
        assert await left.host.put(KEY, b"v0001")
        assert await old.get_value(_text_of(KEY)) == b"v0001"
        await old.put_value(_text_of(KEY), b"v0002")
        assert await right.host.get(KEY) == b"v0002"
        assert not await right.host.put(KEY, b"v0001")


async def test_a_peer_is_found_through_an_older_node() -> None:
    async with old_and_new() as (_old, _middle, left, right):
        assert await right.host.find_peer(left.id) == left.addresses
