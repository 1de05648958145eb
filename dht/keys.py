"""Names and orders that spreading rests on: keys of the DHT, keys of items, scopes.

An item is what reconciliation knows of a record:

    item = until (8 bytes, big-endian) | slot hash (16) | revision (8, big-endian) | id (32)      64 bytes

Compared as bytes, items stand in the order of their end, so those that have expired are a prefix of the set.
"""

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from protocols.codec import encode
from protocols.envelope import Record, Slot
from protocols.identity import digest

ITEM = 64
_SLOT = msgspec.msgpack.Encoder()  # the same bytes as of `codec.encode`, for what holds nothing but bytes and text
_ID_MASK = (1 << 256) - 1


def realm(genesis: bytes, is_open: bool) -> bytes:
    """The 16 bytes that stand for a network in the keys of the DHT. genesis: id of its genesis, 32 bytes.

    Of an open network its id. That of another follows from the second half of the genesis' id too, which stands in no
    header: only members know it, and who holds an invite link.
    """
    return genesis[:16] if is_open else digest(encode(["realm", genesis]))[:16]


def cell_key(realm: bytes, cell: str, kind: str = "") -> bytes:
    """Where those who replicate a cell (or publish one kind of exchange in it) are found in the DHT; 32 bytes."""
    return digest(encode(["cell", realm, cell, kind]))


def author_key(network: bytes, author: bytes) -> bytes:
    """Where the presence of an author is found in the DHT; 32 bytes. network: an open one."""
    return digest(encode(["author", network, author]))


@lru_cache(maxsize=4096)
def slot_hash(slot: Slot) -> bytes:
    """16 bytes that stand for `(author, kind, name)`."""
    return digest(_SLOT.encode(slot))[:16]


def item_of(record: Record) -> bytes:
    return item(record.until, slot_hash(record.slot), record.revision, record.id)


def item(until: int, slot: bytes, revision: int, id_: bytes) -> bytes:
    return until.to_bytes(8, "big") + slot + revision.to_bytes(8, "big") + id_


def item_until(key: bytes) -> int:
    return int.from_bytes(key[:8], "big")


def item_slot(key: bytes) -> bytes:
    return key[8:24]


def item_revision(key: bytes) -> int:
    return int.from_bytes(key[24:32], "big")


def item_id(key: bytes) -> bytes:
    return key[32:]


def item_place(key: bytes) -> bytes:
    """Sorts the slots of an author: those that end last stay."""
    return key[:24]


def item_order(key: bytes) -> bytes:
    """Sorts the records of one slot: the highest stays. By `until`, then as `envelope.replaces` does."""
    return key[:8] + key[24:32] + (_ID_MASK ^ int.from_bytes(key[32:], "big")).to_bytes(32, "big")


def covers(prefixes: Iterable[str], scope: str) -> bool:
    """Whether who announces these prefixes wants a record of this scope. The empty scope concerns everybody."""
    return scope == "" or any(scope.startswith(prefix) for prefix in prefixes)


def shared(mine: Iterable[str], theirs: Iterable[str]) -> frozenset[str]:
    """The prefixes that two nodes have in common: `covers` of the result is `covers` of both."""
    theirs = tuple(theirs)
    both = {max(a, b, key=len) for a in mine for b in theirs if a.startswith(b) or b.startswith(a)}
    return frozenset(p for p in both if not any(p != q and p.startswith(q) for q in both))
