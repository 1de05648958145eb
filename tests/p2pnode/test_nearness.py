"""How near an address is, and whose it may be."""

import pytest

from protocols.nearness import LAN, LOOPBACK, PUBLIC, group_of, is_taken, scope_of

PEER = "/p2p/12D3KooW" + "E" * 44


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("/ip4/127.0.0.1/tcp/1", LOOPBACK),
        ("/ip6/::1/tcp/1", LOOPBACK),
        ("/ip6/::ffff:127.0.0.1/tcp/1", LOOPBACK),
        ("/dns4/localhost/tcp/1", LOOPBACK),
        ("/ip4/192.168.1.5/tcp/4001" + PEER, LAN),
        ("/ip4/10.1.2.3/tcp/1", LAN),
        ("/ip4/172.31.0.1/tcp/1", LAN),
        ("/ip4/100.64.0.1/tcp/1", LAN),
        ("/ip6/fd00::1/tcp/1", LAN),
        ("/ip6/2002:c0a8:0101::1/tcp/1", LAN),
        ("/dns/nas/tcp/1", LAN),
        ("/dns/nas.local./tcp/1", LAN),
        ("/ip4/198.51.100.7/tcp/1" + PEER, PUBLIC),
        ("/ip6/2001:db8::7/tcp/1", PUBLIC),
        ("/dns4/example.org/tcp/1", PUBLIC),
        ("/ip4/0.0.0.0/tcp/1", None),
        ("/ip4/224.0.0.1/tcp/1", None),
        ("/ip4/255.255.255.255/tcp/1", None),
        ("/ip4/198.51.100.7/tcp/0", None),
        ("/ip4/198.51.100.7/tcp/65536", None),
        ("/ip4/198.51.100.7/udp/1", None),
        ("/ip4/1.2.3/tcp/1", None),
        ("", None),
    ],
)
def test_how_near_an_address_is(address: str, scope: int | None) -> None:
    assert scope_of(address) == scope


def test_addresses_of_one_holder_are_one_group() -> None:
    assert group_of("/ip4/198.51.100.7/tcp/1") == group_of("/ip4/198.51.100.200/tcp/9" + PEER) == "198.51.100.0/24"
    assert group_of("/ip6/::ffff:198.51.100.9/tcp/1") == group_of("/ip6/2002:c633:6401::1/tcp/1") == "198.51.100.0/24"
    assert group_of("/ip6/2001:db8:1:2::7/tcp/1") == group_of("/ip6/2001:db8:1:ffff::1/tcp/1") == "2001:db8:1::/48"
    assert group_of("/dns4/a.example.org/tcp/1") == group_of("/dns/b.EXAMPLE.org./tcp/1") == "example.org"
    assert group_of("/ip4/198.51.101.7/tcp/1") != group_of("/ip4/198.51.100.7/tcp/1")
    assert group_of("/ip4/192.168.1.5/tcp/1") == group_of("/ip4/127.0.0.1/tcp/1") == ""


def test_an_address_is_taken_only_from_who_is_as_near() -> None:
    home, lan, far = "/ip4/127.0.0.1/tcp/1", "/ip4/192.168.1.5/tcp/1", "/ip4/198.51.100.7/tcp/1"
    taken = {scope: [a for a in (home, lan, far) if is_taken(a, scope)] for scope in (LOOPBACK, LAN, PUBLIC)}
    assert taken == {LOOPBACK: [home, lan, far], LAN: [lan, far], PUBLIC: [far]}
