"""Whom to be connected to: known peers, when to dial them again, and finding more through the DHT."""

from typing import Any

import msgspec

from dht.keys import cell_key
from p2pnode.bounds import (
    DIAL_BACKOFF_MAX,
    DIAL_BACKOFF_MIN,
    DIAL_BACKOFF_WANTED,
    MAX_KNOWN_PEERS,
    PROVIDE_EVERY,
    RENDEZVOUS_EVERY,
    RENDEZVOUS_FIRST,
    WANTED_NEIGHBOURS,
)
from protocols.codec import decode, encode
from protocols.errors import Refusal

from .effects import Dial, Lookup, Provide
from .keys import PEER
from .membership import Membership
from .multiaddrs import peer_of, with_peer
from .state import Connection, State

MAX_ADDRESSES_KEPT = 8
DIALLED_US = "dialled us"
SEEN_GRAIN = 60_000  # last-seen is written at most once a minute and peer


class Known(msgspec.Struct):
    """A peer we may dial. via: how we came to know it; seen: last connected, ms, 0 for never."""

    addresses: list[str]
    via: str
    seen: int = 0
    tries: int = 0
    next_at: int = 0
    problem: str = ""


class Neighbours:
    def __init__(self, state: State, membership: Membership) -> None:
        self._state = state
        self._membership = membership
        self.known: dict[str, Known] = {}
        self.bootstraps: set[str] = set()  # named at this start
        self._keys: dict[bytes, bytes] = {}  # DHT key → network
        self._lookup_at = 0
        self._provide_at = 0
        for key, value in state.journal.scan(PEER):
            peer = key[len(PEER) :].decode()
            addresses, via, seen, name = decode(value)
            self.known[peer] = Known(addresses, via, seen)
            if name:
                state.directory.pet_names[peer] = name

    def add(self, peer: str, addresses: tuple[str, ...], via: str, now: int) -> None:
        """Remember where a peer may be reached."""
        if via == "bootstrap":
            self.bootstraps.add(peer)
        if peer == self._state.settings.peer_id or not addresses:
            return
        known = self.known.get(peer)
        if known is None:
            if len(self.known) >= MAX_KNOWN_PEERS and not self._forget_one():
                return
            known = self.known[peer] = Known([], via, next_at=now)
        fresh = [with_peer(a, peer) for a in addresses]
        merged = list(dict.fromkeys([*fresh, *known.addresses]))[:MAX_ADDRESSES_KEPT]
        if merged != known.addresses:
            known.addresses, known.next_at, known.tries = merged, now, 0
            self._store(peer)

    def started(self, now: int) -> None:
        """The host is up: everything is due."""
        self._lookup_at = now + RENDEZVOUS_FIRST
        self._provide_at = now + RENDEZVOUS_FIRST // 2
        for known in self.known.values():
            known.next_at = now

    def connected(self, peer: str, address: str, outbound: bool, now: int) -> None:
        first = not self._state.connected
        self._state.connected[peer] = Connection(address, outbound, now)
        self._state.wanted.discard(peer)
        known = self.known.get(peer)
        if known is None:
            if len(self.known) >= MAX_KNOWN_PEERS:
                self._forget_one()
            known = self.known[peer] = Known([], DIALLED_US)
        if outbound and address and address not in known.addresses:
            known.addresses = [address, *known.addresses][:MAX_ADDRESSES_KEPT]
        fresh = now - known.seen >= SEEN_GRAIN
        known.seen, known.tries, known.problem = now, 0, ""
        if fresh:
            self._store(peer)
        if first:  # with nobody to ask, the DHT was mute until now
            self._lookup_at = min(self._lookup_at, now + RENDEZVOUS_FIRST)
            self._provide_at = min(self._provide_at, now + RENDEZVOUS_FIRST // 2)

    def disconnected(self, peer: str, now: int) -> None:
        if self._state.connected.pop(peer, None) is not None and peer in self.known:
            self._state.parted[peer] = now
            known = self.known[peer]
            known.seen, known.tries, known.next_at = now, 0, now + DIAL_BACKOFF_MIN // 3

    def failed(self, peer: str, reason: str, now: int) -> None:
        known = self.known.get(peer)
        if known is not None:
            known.problem = reason

    def found(self, key: bytes, peers: tuple[tuple[str, tuple[str, ...]], ...], now: int) -> None:
        if key in self._keys:
            for peer, addresses in peers:
                self.add(peer, addresses, "dht", now)

    def woke(self, now: int) -> None:
        self._redial(now)
        if not self._state.connected or not self._state.addresses:
            return
        if now >= self._provide_at:
            self._provide_at = now + PROVIDE_EVERY
            for key in self._own_keys():
                self._state.journal.out(Provide(key))
        if now >= self._lookup_at:
            self._lookup_at = now + RENDEZVOUS_EVERY
            for key in self._own_keys():
                self._state.journal.out(Lookup(key))

    def next_wake(self) -> int | None:
        times = [k.next_at for p, k in self.known.items() if self._dials(p, k)]
        if self._state.connected and self._state.addresses:
            times += [self._provide_at, self._lookup_at]
        return min(times, default=None)

    def _own_keys(self) -> list[bytes]:
        """Where in the DHT those meet who replicate the same cells: our own cell, and the network as a whole."""
        self._keys.clear()
        for network in self._state.networks.values():
            own = (self._state.settings.area or network.genesis.area)[: network.genesis.cell_precision]
            for cell in {"", own}:
                self._keys[cell_key(network.id, cell)] = network.id
        return list(self._keys)

    def _dials(self, peer: str, known: Known) -> bool:
        if peer in self._state.connected or not (known.addresses or self._state.directory.addresses_of(peer)):
            return False
        return peer in self._state.wanted or len(self._state.connected) < WANTED_NEIGHBOURS

    def _redial(self, now: int) -> None:
        for joining in self._membership.joining.values():
            self.add(joining.peer, joining.addresses, "join", now)
        for peer in self._state.wanted:
            self.add(peer, self._state.directory.addresses_of(peer), "profile", now)
            known = self.known.get(peer)
            if known is not None:
                known.next_at = min(known.next_at, now + DIAL_BACKOFF_WANTED)
        for peer, known in self.known.items():
            if known.next_at <= now and self._dials(peer, known):
                pause = min(DIAL_BACKOFF_MAX, DIAL_BACKOFF_MIN << min(known.tries, 12))
                known.tries += 1
                known.next_at = now + pause + self._state.rng.randrange(0, 1 + pause // 4)
                profile = tuple(with_peer(a, peer) for a in self._state.directory.addresses_of(peer))
                addresses = tuple(dict.fromkeys([*known.addresses, *profile]))
                self._state.journal.out(Dial(peer, addresses[: 2 * MAX_ADDRESSES_KEPT]))

    def _forget_one(self) -> bool:
        idle = [p for p in self.known if p not in self._state.connected and p not in self._state.directory.pet_names]
        if not idle:
            return False
        oldest = min(idle, key=lambda p: _worth(self.known[p]))
        del self.known[oldest]
        self._state.journal.delete(PEER + oldest.encode())
        return True

    def _store(self, peer: str) -> None:
        known = self.known[peer]
        name = self._state.directory.pet_names.get(peer, "")
        row = encode([known.addresses, known.via, known.seen, name])
        self._state.journal.put(PEER + peer.encode(), row, durable=False)

    # Commands

    def list(self, now: int) -> list[dict[str, Any]]:
        peers = set(self.known) | {
            p for a in self._state.directory.authors() for p in self._state.directory.peers_of(a)
        }
        return [self._json(p) for p in sorted(peers, key=lambda p: (p not in self._state.connected, p))]

    def show(self, text: str) -> dict[str, Any]:
        return self._json(self.resolve(text))

    def name(self, text: str, name: str) -> dict[str, Any]:
        peer = self.resolve(text)
        self._state.directory.pet_names[peer] = name
        if peer not in self.known:
            self.known[peer] = Known(list(self._state.directory.addresses_of(peer)), "profile")
        self._store(peer)
        return self._json(peer)

    def resolve(self, text: str) -> str:
        """The one peer that this names: by peer id, prefix of one, or the name of its author."""
        found = [p for p in self.known if p == text] or [p for p in self.known if len(text) >= 6 and p.startswith(text)]
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            raise Refusal("conflict", f"{len(found)} peers start with {text}", "Give more of the id.")
        return self._state.directory.peer_id(self._state.directory.resolve(text))

    def _json(self, peer: str) -> dict[str, Any]:
        known = self.known.get(peer)
        connection = self._state.connected.get(peer)
        author = self._state.directory.author_of(peer)
        named = self._state.directory.pet_names.get(peer)
        addresses = [with_peer(a, peer) for a in self._state.directory.addresses_of(peer)]
        return {
            "peer_id": peer,
            "author": author.hex() if author else None,
            "name": named or (self._state.directory.name(author) if author else None),
            "addresses": list(dict.fromkeys([*(known.addresses if known else []), *addresses])),
            "connected": connection is not None,
            "direction": None if connection is None else "out" if connection.outbound else "in",
            "via": known.via if known else "profile",
            "last_seen": known.seen or None if known else None,
            "problem": known.problem or None if known else None,
        }


def _worth(known: Known) -> tuple[bool, bool, int]:
    """Which peers are forgotten last: those our user named an address of, then those that we reached ourselves; so
    that no crowd of strangers who dial us or are talked of can push out the neighbours."""
    reached = bool(known.addresses) and known.seen > 0 and known.via != DIALLED_US
    return (known.via in ("join", "bootstrap"), reached, known.seen)


def bootstrap_peer(address: str) -> str:
    """The peer id of a bootstrap address, or `Refusal`."""
    peer = peer_of(address)
    if peer is None:
        raise Refusal("usage", f"not a bootstrap address: {address}", "It looks like /ip4/…/tcp/…/p2p/12D3KooW….")
    return peer
