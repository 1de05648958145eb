"""Which addresses are of the local network: private ones and link-local ones, and no others. Pure but for asking the
machine for its own.
"""

import ipaddress
import re
import socket
from typing import Final

from p2pnode.net.addresses import interface_addresses

NETWORKS: Final = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
]
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
MAX_SERVED: Final = 8  # addresses of this machine


def is_near(text: str) -> bool:
    """Is this an address of a private network (RFC 1918, RFC 4193), or a link-local one (RFC 3927, RFC 4291)?"""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address.version == network.version and address in network for network in NETWORKS)


def own_addresses() -> list[str]:
    """Of this machine, those of the local network, IPv4 first. Link-local IPv6 ones are left out, which cannot stand
    in the address of a page."""
    found = [text for kind in ("ip4", "ip6") for text in interface_addresses(kind)]
    return [text for text in found if is_near(text)][:MAX_SERVED]


def own_name() -> str:
    """`NAME.local`, under which multicast DNS knows this machine; empty where its name is no such name."""
    name = socket.gethostname().partition(".")[0].lower()
    return f"{name}.local" if _LABEL.fullmatch(name) and name != "localhost" else ""


def in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
