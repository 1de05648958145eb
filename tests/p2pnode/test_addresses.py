"""Addresses as people and peers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.net.addresses import BadAddress, expand, parse_address, parse_peer

PEER = "12D3KooWEfY2TmhEWp1scTkNTgGcB6sBdaeicFJXJjeBmUpFMyg8"
OLD_PEER = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"


@pytest.mark.parametrize(
    "text",
    [
        f"/ip4/192.0.2.7/tcp/4001/p2p/{PEER}",
        f"/ip6/2001:db8::7/tcp/4001/p2p/{PEER}",
        f"/dns4/example.org/tcp/1/p2p/{OLD_PEER}",
        "/dns6/a-b.example.org/tcp/65535",
        "/dns/localhost/tcp/0",
        "/ip4/0.0.0.0/tcp/0",
    ],
)
def test_round_trip(text: str) -> None:
    assert str(parse_address(text)) == text


def test_what_is_read_generously() -> None:
    assert str(parse_address(f" /ip6/2001:DB8:0::7/tcp/04001/ipfs/{PEER}/ ")) == f"/ip6/2001:db8::7/tcp/4001/p2p/{PEER}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not an address"),
        ("192.0.2.7:4001", "not an address"),
        ("/ip4/192.0.2.7", "not an address"),
        ("/ip4/192.0.2.256/tcp/1", "not an ip4"),
        ("/ip4/::1/tcp/1", "not an ip4"),
        ("/ip6/192.0.2.7/tcp/1", "not an ip6"),
        ("/ip4/192.0.2.7/udp/1", "only tcp"),
        ("/ip4/192.0.2.7/tcp/65536", "not a port"),
        ("/ip4/192.0.2.7/tcp/-1", "not a port"),
        ("/ip4/192.0.2.7/tcp/١", "not a port"),
        ("/onion3/abc/tcp/1", "cannot|not a kind"),
        ("/dns4/exa mple.org/tcp/1", "not a host name"),
        ("/dns4/-/tcp/1", "not a host name"),
        ("/ip4/192.0.2.7/tcp/1/p2p/nonsense", "not a peer id"),
        ("/ip4/192.0.2.7/tcp/1/p2p/" + PEER[:-1], "not a peer id"),
        (f"/ip4/192.0.2.7/tcp/1/p2p-circuit/{PEER}", "not understood"),
        ("/ip4/192.0.2.7/tcp/1/p2p/" + "1" * 5_000, "too long"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(BadAddress, match=words) as caught:
        parse_address(text)
    assert caught.value.hint


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_a_usage_error(text: str) -> None:
    for parse in (parse_address, parse_peer):
        try:
            assert str(parse(text))
        except BadAddress as error:
            assert error.exit_status == 2


def test_wildcards_stand_for_concrete_addresses() -> None:
    for text in ("/ip4/0.0.0.0/tcp/7", "/ip6/::/tcp/7"):
        for one in expand(parse_address(text)):
            assert one.port == 7
            assert one.host not in ("0.0.0.0", "::")
    assert [str(one) for one in expand(parse_address("/ip4/192.0.2.1/tcp/7"))] == ["/ip4/192.0.2.1/tcp/7"]
