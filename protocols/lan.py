"""How nodes on one local network find each other: what a service of DNS-SD says (RFC 6763), made and read. Pure.

A node announces one service for each network that it is in. Its tag can be recognised by who knows the network's id,
and tells everybody else nothing but that a node is there. Nothing of it is signed: a find is worth a try, and the
handshake shows who answers. docs/protocol/lan.md.
"""

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from ipaddress import ip_address
from typing import Final, NamedTuple

from .limits import MAX_LAN_ADDRESSES
from .nearness import LAN, scope_of

SERVICE: Final = "_p2pnode._tcp.local."
VERSION: Final = b"1"
_PEER: Final = re.compile(rb"[1-9A-HJ-NP-Za-km-z]{32,64}")
_TAG: Final = re.compile(rb"[0-9a-f]{32}")


class Service(NamedTuple):
    """One that this node announces. name: of the instance, and of the host that it points to; ips: IP addresses."""

    name: str
    properties: Mapping[str, str]
    port: int
    ips: tuple[str, ...]


class Find(NamedTuple):
    """What somebody on the local network announces. addresses: multiaddrs without the peer id, at least one."""

    peer: str
    tag: str
    addresses: tuple[str, ...]


def tag(network: bytes, peer: str) -> str:
    """By which members of a network know a peer as one of it, 32 hexadecimal digits. network: its id, 16 bytes."""
    return blake2b(peer.encode(), digest_size=16, key=network, person=b"p2pnode-lan").hexdigest()


def make_service(network: bytes, peer: str, addresses: Iterable[str]) -> Service | None:
    """addresses: multiaddrs at which this node listens; None if none of them is of a local network."""
    places = [place for address in addresses if (place := _place(address)) is not None]
    here = [ip for ip, port in places if port == places[0][1]]
    if not here:
        return None
    mark = tag(network, peer)
    properties = {"v": VERSION.decode(), "p": peer, "n": mark}
    return Service(f"p2pnode-{mark[:16]}", properties, places[0][1], tuple(here[:MAX_LAN_ADDRESSES]))


def local_ips(addresses: Iterable[str]) -> tuple[str, ...]:
    """The IPv4 addresses of local networks among these multiaddrs: where to announce, and to listen for others."""
    places = [place for address in addresses if (place := _place(address)) is not None]
    return tuple(dict.fromkeys(ip for ip, _ in places if ":" not in ip))


def parse_find(properties: Mapping[bytes, bytes | None], port: int | None, packed: Iterable[bytes]) -> Find | None:
    """properties: of the TXT record; packed: addresses, 4 or 16 bytes each. None for what no node of ours says. Of
    addresses only those of local networks count, whatever else is named."""
    peer, mark = properties.get(b"p") or b"", properties.get(b"n") or b""
    if properties.get(b"v") != VERSION or not _PEER.fullmatch(peer) or not _TAG.fullmatch(mark):
        return None
    if port is None or not 1 <= port <= 65_535:
        return None
    found: dict[str, None] = {}
    for raw in packed:
        if len(raw) in (4, 16) and len(found) < MAX_LAN_ADDRESSES:
            ip = ip_address(raw)
            address = f"/ip{ip.version}/{ip}/tcp/{port}"
            if scope_of(address) == LAN and not ip.is_link_local:  # those need the name of an interface
                found[address] = None
    return Find(peer.decode(), mark.decode(), tuple(found)) if found else None


def _place(address: str) -> tuple[str, int] | None:
    """IP address and port of a multiaddr of the local network."""
    parts = address.split("/")
    if scope_of(address) != LAN or parts[1] not in ("ip4", "ip6") or ip_address(parts[2]).is_link_local:
        return None
    return str(ip_address(parts[2])), int(parts[4])
