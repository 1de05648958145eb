"""What a service on the local network says: what a node makes it reads again, and of what anybody else makes nothing
comes but an address of a local network to try."""

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.lan import Find, Service, local_ips, make_service, parse_find, tag
from protocols.limits import MAX_LAN_ADDRESSES
from protocols.nearness import LAN, scope_of

PEER = "12D3KooW" + "M" * 44
NETWORK, OTHER = bytes(range(16)), bytes(16)
HOME = (f"/ip4/192.168.1.5/tcp/4001/p2p/{PEER}", f"/ip6/fd00::5/tcp/4001/p2p/{PEER}")


def said(service: Service) -> Find | None:
    properties = {key.encode(): value.encode() for key, value in service.properties.items()}
    return parse_find(properties, service.port, [ip_address(ip).packed for ip in service.ips])


def test_what_is_made_is_read_again_and_names_nothing_but_the_peer():
    service = make_service(NETWORK, PEER, HOME)
    assert service is not None and service.ips == ("192.168.1.5", "fd00::5") and service.port == 4001
    assert said(service) == Find(PEER, tag(NETWORK, PEER), ("/ip4/192.168.1.5/tcp/4001", "/ip6/fd00::5/tcp/4001"))
    assert set(service.properties) == {"v", "p", "n"} and NETWORK.hex() not in repr(service)


def test_a_network_is_known_by_its_id_alone():
    marks = {tag(network, peer) for network in (NETWORK, OTHER) for peer in (PEER, PEER[:-1] + "N")}
    assert len(marks) == 4, "neither two nodes of a network nor two networks of a node can be told to be the same"
    names = {made.name for network in (NETWORK, OTHER) if (made := make_service(network, PEER, HOME))}
    assert len(names) == 2


def test_the_tag_is_that_of_the_protocol():
    assert tag(NETWORK, PEER) == "de101295fdda2e2ef1eceb35d418ab61", "docs/protocol/lan.md"


@pytest.mark.parametrize(
    "addresses",
    [(), ("/ip4/127.0.0.1/tcp/4001",), ("/ip4/0.0.0.0/tcp/4001",), ("/ip4/8.8.8.8/tcp/4001",), ("/dns4/nas/tcp/1",),
     ("/ip4/169.254.1.1/tcp/4001",), ("/ip6/fe80::1/tcp/4001",)],
)  # fmt: skip
def test_who_listens_at_no_local_address_announces_nothing(addresses: tuple[str, ...]):
    assert make_service(NETWORK, PEER, addresses) is None and local_ips(addresses) == ()


def test_of_several_ports_the_first_is_announced_with_its_addresses_alone():
    addresses = ("/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.2/tcp/2", "/ip4/10.0.0.3/tcp/1", *HOME)
    service = make_service(NETWORK, PEER, addresses)
    assert service is not None and (service.port, service.ips) == (1, ("10.0.0.1", "10.0.0.3"))
    assert local_ips((*addresses, addresses[0])) == ("10.0.0.1", "10.0.0.2", "10.0.0.3", "192.168.1.5")


SOUND: dict[bytes, bytes | None] = {b"v": b"1", b"p": PEER.encode(), b"n": tag(NETWORK, PEER).encode()}
PACKED = bytes([10, 0, 0, 9])


@pytest.mark.parametrize(
    ("changed", "port", "packed"),
    [
        ({b"v": b"2"}, 4001, [PACKED]), ({b"v": None}, 4001, [PACKED]), ({b"p": None}, 4001, [PACKED]),
        ({b"p": b"x" * 3}, 4001, [PACKED]), ({b"p": PEER.encode() + b"\n"}, 4001, [PACKED]),
        ({b"p": b"0" * 52}, 4001, [PACKED]), ({b"n": b"ff"}, 4001, [PACKED]), ({b"n": b"\xff" * 32}, 4001, [PACKED]),
        ({}, 0, [PACKED]), ({}, 65_536, [PACKED]), ({}, None, [PACKED]), ({}, 4001, []), ({}, 4001, [b"", b"12345"]),
        ({}, 4001, [bytes([127, 0, 0, 1])]), ({}, 4001, [bytes(4)]), ({}, 4001, [bytes([8, 8, 8, 8])]),
        ({}, 4001, [bytes([255] * 4)]), ({}, 4001, [bytes([169, 254, 1, 1])]),
        ({}, 4001, [ip_address("fe80::1").packed]), ({}, 4001, [ip_address("::ffff:127.0.0.1").packed]),
    ],
)  # fmt: skip
def test_what_no_node_of_ours_says_is_nothing(changed: dict[bytes, bytes | None], port: Any, packed: list[bytes]):
    assert parse_find(SOUND, 4001, [PACKED]) is not None
    assert parse_find({**SOUND, **changed}, port, packed) is None


KEYS = st.sampled_from([b"v", b"p", b"n"]) | st.binary(max_size=8)
VALUES = st.none() | st.sampled_from(list(SOUND.values())) | st.binary(max_size=300)
RAW = st.sampled_from([PACKED, bytes([127, 0, 0, 1])]) | st.binary(min_size=4, max_size=4) | st.binary(max_size=20)


@given(st.dictionaries(KEYS, VALUES), st.booleans(), st.integers() | st.none(), st.lists(RAW, max_size=40))
def test_of_any_bytes_comes_an_address_of_a_local_network_or_nothing(
    properties: dict[bytes, bytes | None], sound: bool, port: int | None, packed: list[bytes]
):
    find = parse_find({**properties, **SOUND} if sound else properties, port, packed)
    if find is not None:
        assert 1 <= len(find.addresses) <= MAX_LAN_ADDRESSES and len(set(find.addresses)) == len(find.addresses)
        assert all(scope_of(address) == LAN for address in find.addresses)
        assert len(find.peer) <= 64 and len(find.tag) == 32
