"""The target of the local network: what anybody on it may announce."""

from collections.abc import Sequence
from ipaddress import ip_address

from protocols.lan import make_service, parse_find
from protocols.limits import MAX_LAN_ADDRESSES
from protocols.nearness import LAN, scope_of

from .table import Target

PEER = "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"


def find(data: bytes) -> None:
    """A port, and pieces with their length before them, as in a TXT record: with `=` of the text, else an address."""
    properties: dict[bytes, bytes | None] = {}
    addresses, rest = [], data[2:]
    while rest:
        piece, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
        name, mark, value = piece.partition(b"=")
        if mark:
            properties[name] = value
        else:
            addresses.append(piece)
    found = parse_find(properties, int.from_bytes(data[:2]), addresses)
    if found is not None:
        assert 0 < len(found.addresses) <= MAX_LAN_ADDRESSES
        assert all(scope_of(address) == LAN for address in found.addresses)


def finds() -> Sequence[bytes]:
    made = make_service(bytes(16), PEER, ["/ip4/192.168.1.7/tcp/4001", "/ip6/fd00::7/tcp/4001"])
    assert made is not None
    pieces = [f"{name}={value}".encode() for name, value in made.properties.items()]
    pieces += [ip_address(ip).packed for ip in made.ips]
    return [made.port.to_bytes(2) + b"".join(bytes([len(piece)]) + piece for piece in pieces)]


TARGETS = (Target("lan", find, finds),)
