"""Multiaddrs as text. What they mean on the network is the host's business."""

import re

from protocols.errors import Refusal

_PEER = re.compile(r"(?:/[!-.0-~]+)+/p2p/([1-9A-HJ-NP-Za-km-z]{32,64})")


def peer_of(address: str) -> str | None:
    """The peer id that a full multiaddr ends in, or None if it does not look like one."""
    match = _PEER.fullmatch(address)
    return match[1] if match and address.split("/")[1] in ("ip4", "ip6", "dns", "dns4", "dns6") else None


def without_peer(address: str) -> str:
    return address.split("/p2p/")[0]


def with_peer(address: str, peer: str) -> str:
    return address if "/p2p/" in address else f"{address}/p2p/{peer}"


def bootstrap_peer(address: str) -> str:
    """The peer id of a bootstrap address, or `Refusal`."""
    peer = peer_of(address)
    if peer is None:
        raise Refusal("usage", f"not a bootstrap address: {address}", "It looks like /ip4/…/tcp/…/p2p/12D3KooW….")
    return peer
