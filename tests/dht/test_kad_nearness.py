"""What the DHT says to whom, and takes from whom: a peer hears of no address that is nearer to us than it is."""

from typing import Any

import pytest
import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from dht.kad import Rendezvous
from dht.kad_host import PROTOCOL, KadHost, fitting, full_addresses, speaking_with
from p2pnode.net.libp2p_pieces import HostKey
from protocols.nearness import LAN, LOOPBACK, PUBLIC

ALL = ("/ip4/127.0.0.1/tcp/1", "/ip4/192.168.1.7/tcp/1", "/ip4/203.0.113.7/tcp/1", "/dns4/example.org/tcp/1")
TOLD = {LOOPBACK: ALL, LAN: ALL[1:], PUBLIC: ALL[2:]}


class Net:
    """A host whose one peer is as near as the test says."""

    def __init__(self, scope: int) -> None:
        self.key = HostKey(b"k" * 32)
        self.peer_id = str(self.key.id)
        self.private_key = self.key.pair.private_key
        self.scope = scope
        self.handlers: dict[str, Any] = {}

    def addresses(self) -> list[str]:
        return [f"{address}/p2p/{self.peer_id}" for address in ALL]

    def connected_peers(self) -> list[str]:
        return [OTHER]

    def scope_of(self, peer: str) -> int:
        return self.scope

    def group_of(self, peer: str) -> str:
        return ""

    async def dial(self, address: Any, *, keep: bool = True) -> str:
        raise ConnectionError

    async def ask(self, peer: str, protocol: str) -> Any:
        return None

    def handle(self, protocol: str, handler: Any) -> None:
        self.handlers[protocol] = handler


OTHER = str(HostKey(b"o" * 32).id)
THIRD = HostKey(b"t" * 32).id


def texts(addresses: list[Any]) -> tuple[str, ...]:
    return tuple(str(one).split("/p2p/")[0] for one in addresses)


@pytest.mark.parametrize("scope", TOLD)
def test_who_asks_hears_of_nothing_nearer_than_itself(scope: int) -> None:
    net = Net(scope)
    host = KadHost(net)
    found: list[tuple[str, ...]] = []

    async def handler(stream: Any) -> None:
        found.append(texts(host.get_peerstore().addrs(THIRD)))
        found.append(texts(host.get_addrs()))

    async def main() -> None:
        host.get_peerstore().add_addrs(THIRD, [Multiaddr(a) for a in ALL], 60)
        host.set_stream_handler("", handler)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(net.handlers[PROTOCOL], OTHER, None)
        assert texts(host.get_peerstore().addrs(THIRD)) == ALL, "our own look is not narrowed"

    trio.run(main)
    assert found == [TOLD[scope], TOLD[scope]]


@pytest.mark.parametrize("scope", TOLD)
def test_nothing_nearer_than_the_source_is_taken(scope: int) -> None:
    net = Net(scope)
    dht = Rendezvous(net)  # type: ignore[arg-type]
    store = dht._providers

    async def main() -> None:
        async def ask() -> None:
            speaking_with(dht._host, ID.from_base58(OTHER))
            dht._host.get_peerstore().add_addrs(THIRD, [Multiaddr(a) for a in ALL], 60)
            store.add_provider(b"key", PeerInfo(THIRD, [Multiaddr(a) for a in ALL]))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
        assert texts(dht._host.get_peerstore().known(THIRD)) == TOLD[scope]
        (provider,) = store.get_providers(b"key")
        assert texts(provider.addrs) == TOLD[scope]

    trio.run(main)


def test_bytes_that_are_no_address_are_left_out() -> None:
    """libp2p makes a Multiaddr of any bytes, and raises when it is asked for its text."""
    broken = Multiaddr(bytes([12, 0, 1, 2]))
    assert fitting([broken, Multiaddr(ALL[2])]) == [Multiaddr(ALL[2])]
    assert full_addresses(THIRD, [broken, Multiaddr(ALL[2])]) == [f"{ALL[2]}/p2p/{THIRD}"]
