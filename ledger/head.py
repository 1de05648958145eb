"""The head record: how many entries a chain has and which is the last, kept apart from the entries themselves.

A database that loses the tail of its log opens as if nothing had been there. The head record is what notices: it
lies in a file of its own, in two slots that are written in turn, so that a torn write leaves the other slot whole.
A slot is written after the batch of its entries is durable, so it is never ahead of an undamaged database.

    file   = slot 0 at offset 0, slot 1 at offset 4096, 8192 bytes in all
    slot   = magic 8 | generation 8 | network 16 | count 8 | last 32 | checksum 32      integers big-endian, 104 bytes
    checksum = BLAKE2b-256 of the 72 bytes before it

Generation g goes to slot g mod 2; of two valid slots of one network the higher generation counts. The file exists, with
generation 0 and count 0, before the first entry is written: no head and some entries is damage.
"""

import struct
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from protocols.errors import DecodeError
from protocols.identity import digest

MAGIC = b"p2phead1"
SLOT_BYTES = 104
SLOT_STRIDE = 4096  # a page and a sector of their own, so that no write of one slot can touch the other
FILE_BYTES = 2 * SLOT_STRIDE
NO_ENTRY = bytes(32)
_BODY = struct.Struct(">8sQ16sQ32s")


class Head(msgspec.Struct, frozen=True):
    """network: 16 bytes; count: entries of the chain; last: id of entry count − 1, or 32 zero bytes if count is 0."""

    network: bytes
    count: int
    last: bytes = NO_ENTRY


class Slotted(NamedTuple):
    """A head as found in a file."""

    head: Head
    generation: int


def encode_slot(head: Head, generation: int) -> bytes:
    """The 104 bytes of a slot. `ValueError` for lengths or numbers that do not fit."""
    if len(head.network) != 16 or len(head.last) != 32 or not 0 <= head.count < 2**63 or not 0 <= generation < 2**63:
        raise ValueError("head out of bounds")
    body = _BODY.pack(MAGIC, generation, head.network, head.count, head.last)
    return body + digest(body)


def decode_slot(data: bytes) -> tuple[Head, int]:
    """The head and generation in a slot (bytes after the 104th are not looked at). `DecodeError` if it is damaged."""
    if len(data) < SLOT_BYTES:
        raise DecodeError("a head slot is too short", "size")
    body, checksum = data[: _BODY.size], data[_BODY.size : SLOT_BYTES]
    if digest(body) != checksum:
        raise DecodeError("the checksum of a head slot is wrong")
    magic, generation, network, count, last = _BODY.unpack(body)
    if magic != MAGIC:
        raise DecodeError("not a head slot")
    return Head(network, count, last), generation


def slot_offset(generation: int) -> int:
    """Where in the file a generation is written, in bytes."""
    return (generation % 2) * SLOT_STRIDE


def new_file(network: bytes) -> bytes:
    """The content of a head file before the first entry."""
    return encode_slot(Head(network, 0), 0).ljust(FILE_BYTES, b"\0")


def newest(data: bytes, network: bytes) -> Slotted:
    """The newest valid slot of a file. `DecodeError` if neither slot holds a head of this network."""
    found: list[Slotted] = []
    for index in (0, 1):
        try:
            head, generation = decode_slot(data[index * SLOT_STRIDE : index * SLOT_STRIDE + SLOT_BYTES])
        except DecodeError:
            continue
        if head.network == network and generation % 2 == index:
            found.append(Slotted(head, generation))
    if not found:
        raise DecodeError("neither slot of the head record is whole")
    return max(found, key=lambda s: s.generation)


def missing_after(head: Head | None, count: int, id_at: Callable[[int], bytes | None]) -> range:
    """Which sequence numbers a stored chain lacks, by its head record. Empty: nothing is known to be lost.

    count: entries found in the store; id_at(seq): the id of a stored entry, or None. A head that is behind the store is
    the trace of a crash between the batch and the head slot, and no damage. No head but some entries, or
    another id at the head, means that the files do not belong together: everything is in doubt.
    """
    if head is None:
        return range(count)
    if count < head.count:
        return range(count, head.count)
    if head.count and id_at(head.count - 1) != head.last:
        return range(head.count)
    return range(0)
