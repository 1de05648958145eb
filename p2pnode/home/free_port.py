"""A port for a new node that nobody on this machine listens on."""

import errno
import re
import socket
from collections.abc import Sequence

MOST = 50  # ports that are tried
_TCP = re.compile(r"/(ip4|ip6)/([0-9a-f.:]+)/tcp/([0-9]+)")


def free_addresses(addresses: Sequence[str]) -> tuple[str, ...]:
    """These addresses to listen on; if one of their ports is taken, all with the next port that is free for each.
    Unchanged if there is none, or what they are is not known here."""
    found = [_TCP.fullmatch(address) for address in addresses]
    for further in range(MOST):
        moved = [(m[1], m[2], int(m[3]) + further) for m in found if m is not None]
        if len(moved) == len(addresses) and all(_is_free(*one) for one in moved):
            return tuple(f"/{family}/{host}/tcp/{port}" for family, host, port in moved)
    return tuple(addresses)


def _is_free(family: str, host: str, port: int) -> bool:
    """Can one listen there? Where this machine lacks the family of addresses, its port counts as free."""
    if port > 65535:
        return False
    try:
        with socket.socket(socket.AF_INET if family == "ip4" else socket.AF_INET6, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == "ip6":
                tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            tried.bind((host, port))
            tried.listen(1)
    except OSError as e:
        return e.errno != errno.EADDRINUSE
    return True
