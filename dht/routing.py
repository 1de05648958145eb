"""The routing table: the peers of the DHT that this node knows, more of them the nearer they are to it. Pure.

A peer's place is SHA-256 of its binary peer id, a key's place SHA-256 of the key, and how far apart two places are is
their XOR (as in libp2p's Kademlia). Peers that share the same number of leading bits with us form a bucket. Whoever
answered us stays before who was only talked of, and who has been there before who comes: a crowd of new names pushes
nobody out.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from heapq import nsmallest
from typing import Final, NamedTuple

K: Final = 20  # peers of a bucket, and of an answer
PER_BUCKET: Final = 2  # of them in one /24 of public addresses; private networks are exempt
PER_TABLE: Final = 10
GIVEN_UP: Final = 3  # failures in a row of a peer that has answered before; of any other, one


class Contact(NamedTuple):
    """peer: binary peer id; place: see above; groups: the groups of its public addresses (`nearness.group_of`)."""

    peer: bytes
    place: int
    groups: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Entry:
    contact: Contact
    answered: int = 0  # ms, 0 for never
    failures: int = 0


def place_of(name: bytes) -> int:
    """The place of a peer id or of a key."""
    return int.from_bytes(sha256(name).digest(), "big")


def contact_of(peer: bytes, groups: Iterable[str] = ()) -> Contact:
    return Contact(peer, place_of(peer), frozenset(groups))


class RoutingTable:
    """own: our binary peer id. At most K peers a bucket, so a few hundred in all."""

    def __init__(self, own: bytes) -> None:
        self.own = own
        self._place = place_of(own)
        self._entries: dict[bytes, _Entry] = {}
        self._buckets: dict[int, list[bytes]] = {}
        self._groups: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, peer: bytes) -> bool:
        return peer in self._entries

    def peers(self) -> list[bytes]:
        return list(self._entries)

    def heard(self, contact: Contact, *, answered: int = 0) -> bool:
        """A peer was talked of, or asked us (answered: 0), or answered us at this time, ms. Whether it is in the table
        now."""
        entry = self._entries.get(contact.peer)
        if entry is not None:
            if answered:
                entry.answered, entry.failures = answered, 0
            return True
        if contact.peer == self.own:
            return False
        bucket = self._buckets.setdefault(self._bucket(contact.place), [])
        beside = Counter(g for peer in bucket for g in self._entries[peer].contact.groups)
        if any(beside[g] >= PER_BUCKET or self._groups[g] >= PER_TABLE for g in contact.groups):
            return False
        if len(bucket) >= K:
            weak = [p for p in bucket if self._entries[p].failures or (answered and not self._entries[p].answered)]
            if not weak:
                return False
            self.forget(weak[0])
        bucket.append(contact.peer)
        self._groups.update(contact.groups)
        self._entries[contact.peer] = _Entry(contact, answered)
        return True

    def failed(self, peer: bytes) -> None:
        """A peer could not be reached, or did not answer."""
        entry = self._entries.get(peer)
        if entry is not None:
            entry.failures += 1
            if entry.failures >= (GIVEN_UP if entry.answered else 1):
                self.forget(peer)

    def forget(self, peer: bytes) -> None:
        entry = self._entries.pop(peer, None)
        if entry is not None:
            self._buckets[self._bucket(entry.contact.place)].remove(peer)
            self._groups.subtract(entry.contact.groups)
            self._groups += Counter()  # leaves out what is zero

    def closest(self, place: int, count: int = K, *, proven: bool = False) -> list[Contact]:
        """The nearest to a place, those first that did not fail last time. proven: of those that have answered us."""
        entries = [entry for entry in self._entries.values() if entry.answered or not proven]
        near = nsmallest(count, entries, key=lambda e: (e.failures > 0, e.contact.place ^ place, e.contact.peer))
        return [entry.contact for entry in near]

    def far_buckets(self) -> list[int]:
        """The buckets that hold somebody, by the number of bits shared with us: those to be refreshed."""
        return sorted(bucket for bucket, peers in self._buckets.items() if peers)

    def place_in(self, bucket: int, chance: int) -> int:
        """A place in a bucket. chance: a random number of 256 bits."""
        free = 255 - bucket
        return ((self._place >> free) ^ 1) << free | chance & ((1 << free) - 1)

    def _bucket(self, place: int) -> int:
        return 256 - (place ^ self._place).bit_length()
