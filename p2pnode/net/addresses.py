"""Multiaddrs of the only kind we use: an IP address or a name, a TCP port, and usually the peer that answers there.

/ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…      /ip6/2001:db8::7/tcp/4001      /dns4/example.org/tcp/4001/p2p/…
"""

import ipaddress
import re
import socket
from dataclasses import dataclass, replace
from typing import Final

import base58
import psutil

from protocols.errors import Refusal
from protocols.limits import MAX_ADDRESS

IP: Final = ("ip4", "ip6")
DNS: Final = ("dns", "dns4", "dns6")
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}[A-Za-z0-9_])?(\.[A-Za-z0-9_-]{1,63})*\.?")
_HINT: Final = "an address looks like /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…"


class BadAddress(Refusal):
    """The text is not an address that we can use; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__("usage", message, _HINT)


@dataclass(frozen=True, slots=True)
class Address:
    """kind: ip4, ip6, dns, dns4 or dns6; peer: base58 peer id, "" where none is given."""

    kind: str
    host: str
    port: int
    peer: str = ""

    def __str__(self) -> str:
        return f"/{self.kind}/{self.host}/tcp/{self.port}" + (f"/p2p/{self.peer}" if self.peer else "")

    def with_peer(self, peer: str) -> "Address":
        return replace(self, peer=peer)


def parse_address(text: str) -> Address:
    """Raises BadAddress."""
    if len(text) > MAX_ADDRESS:
        raise BadAddress("the address is too long")
    parts = text.strip().removesuffix("/").split("/")
    if len(parts) not in (5, 7) or parts[0]:
        raise BadAddress(f"{text!r} is not an address of a node")
    kind, host, transport, port_text = parts[1:5]
    if kind not in IP + DNS:
        raise BadAddress(f"{kind!r} is not a kind of address that can be dialled here (ip4, ip6, dns4, dns6)")
    if transport != "tcp":
        raise BadAddress(f"only tcp is spoken, not {transport!r}")
    if not re.fullmatch(r"[0-9]{1,5}", port_text) or int(port_text) > 65_535:
        raise BadAddress(f"{port_text!r} is not a port")
    if kind in IP:
        try:
            host = str(ipaddress.IPv4Address(host) if kind == "ip4" else ipaddress.IPv6Address(host))
        except ValueError:
            raise BadAddress(f"{host!r} is not an {kind} address") from None
    elif not _NAME.fullmatch(host):
        raise BadAddress(f"{host!r} is not a host name")
    peer = ""
    if len(parts) == 7:
        if parts[5] not in ("p2p", "ipfs"):
            raise BadAddress(f"{parts[5]!r} is not understood here")
        peer = parse_peer(parts[6])
    return Address(kind, host, int(port_text), peer)


def parse_peer(text: str) -> str:
    """A peer id in base58, checked. Raises BadAddress."""
    try:
        raw = base58.b58decode(text) if len(text) <= 64 else b""
    except ValueError:
        raw = b""
    # A multihash: sha2-256, or the identity of a short protobuf that holds the key itself.
    if not ((len(raw) == 34 and raw[:2] == b"\x12\x20") or (len(raw) >= 34 and raw[0] == 0 and raw[1] == len(raw) - 2)):
        raise BadAddress(f"{text!r} is not a peer id")
    return text


def interface_addresses(kind: str) -> list[str]:
    """The addresses of this machine's interfaces, for `ip4` or `ip6`; loopback only if there is no other.

    Link-local IPv6 addresses are left out: they mean nothing without the name of the interface.
    """
    family = socket.AF_INET if kind == "ip4" else socket.AF_INET6
    found: list[str] = []
    for name in sorted(interfaces := psutil.net_if_addrs()):
        for entry in interfaces[name]:
            if entry.family == family:
                address = ipaddress.ip_address(entry.address.partition("%")[0])
                if not address.is_link_local and str(address) not in found:
                    found.append(str(address))
    outward = [text for text in found if not ipaddress.ip_address(text).is_loopback]
    return outward or found


def is_everywhere(text: str) -> bool:
    """Whether this address to listen on stands for all addresses of the machine."""
    address = parse_address(text)
    return address.kind in IP and ipaddress.ip_address(address.host).is_unspecified


def expand(address: Address) -> list[Address]:
    """The concrete addresses that 0.0.0.0 or :: stands for; any other address stands for itself."""
    if address.kind in IP and ipaddress.ip_address(address.host).is_unspecified:
        return [replace(address, host=host) for host in interface_addresses(address.kind)]
    return [address]
