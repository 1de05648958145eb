"""How near an address is, and which others have the same holder, as far as an address tells. Pure.

An address that a peer names is worth nothing but a try, and a try costs: it shows our address to whoever answers, and
in our own network it knocks at doors of others. So an address is taken only from who is as near as the address itself,
and of one holder of many addresses only few are.
"""

import ipaddress
import re
from functools import lru_cache
from typing import Final

LOOPBACK: Final = 0  # this machine
LAN: Final = 1  # private networks, link-local, and the shared ones of providers (RFC 1918, 4193, 3927, 6598)
PUBLIC: Final = 2  # and whatever is not known to be nearer, such as a name

_TEXT: Final = re.compile(
    r"/(ip4|ip6|dns|dns4|dns6)/([^/]{1,253})/tcp/([0-9]{1,5})(?:/p2p/[1-9A-HJ-NP-Za-km-z]{32,64})?"
)
_LAN: Final = [
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
        "fe80::/10",
    )
]
_LOCAL_NAMES: Final = ("local", "lan", "home", "internal", "localdomain", "arpa")
_SIX_TO_FOUR: Final = ipaddress.ip_network("2002::/16")

IP = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(maxsize=4_096)
def scope_of(address: str) -> int | None:
    """How far away a multiaddr is; None for what cannot be dialled. A name is public, unless it is a local one."""
    parts = _TEXT.fullmatch(address)
    if parts is None or not 1 <= int(parts[3]) <= 65_535:
        return None
    if parts[1].startswith("dns"):
        last = parts[2].rstrip(".").rpartition(".")
        if last[2].lower() == "localhost":
            return LOOPBACK
        return LAN if not last[1] or last[2].lower() in _LOCAL_NAMES else PUBLIC
    ip = _ip(parts[2])
    if ip is None or ip.is_unspecified or ip.is_multicast or (ip.version == 4 and int(ip) >= 0xF000_0000):
        return None
    if ip.is_loopback:
        return LOOPBACK
    return LAN if any(ip.version == net.version and ip in net for net in _LAN) else PUBLIC


@lru_cache(maxsize=4_096)
def group_of(address: str) -> str:
    """The group that a public address is counted with: its /24, of IPv6 its /48, of a name its last two parts. Empty
    for an address that is nearer: a household or a lab may hold as many as it likes.
    """
    if scope_of(address) != PUBLIC:
        return ""
    parts = _TEXT.fullmatch(address)
    assert parts is not None
    if parts[1].startswith("dns"):
        return ".".join(parts[2].lower().rstrip(".").split(".")[-2:])
    ip = _ip(parts[2])
    assert ip is not None
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 48), strict=False))


def is_taken(address: str, source: int) -> bool:
    """Whether an address is taken from a source of this scope: it must not be nearer to us than who names it."""
    scope = scope_of(address)
    return scope is not None and scope >= source


def _ip(text: str) -> IP | None:
    """The address, an IPv4 one where it stands inside an IPv6 one."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _SIX_TO_FOUR:
            return ip.sixtofour
    return ip
