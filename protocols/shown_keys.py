"""Files that stand by themselves, with what proves the later keys of those who signed in them.

    with keys = canonical array ["p2pnode-with-keys", 1, file, [rotation record, …]]               1 … 128 records

file: the bytes of an agreement, a challenge, a rebuttal or a history, as each is by itself; rotation records in wire
form: of each author all from epoch 1 on, without gaps. A file in which all signed with their first key has none of
this around it.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from protocols.codec import decode, encode
from protocols.envelope import Record, parse_record, verify_record
from protocols.errors import DecodeError, Reject
from protocols.identity import initial_state, parse_inception, rotated
from protocols.limits import MAX_SHOWN_ROTATIONS
from protocols.rotation import parse_rotation

WITH_KEYS: Final = "p2pnode-with-keys"
VERSION: Final = 1
_MAX_ROTATION: Final = 1_024  # bytes of one record; it says little
AROUND: Final = MAX_SHOWN_ROTATIONS * (_MAX_ROTATION + 8) + 64  # bytes that the keys add to a file, at most
_BEGINS: Final = encode([WITH_KEYS])[1:]

Keys = Mapping[tuple[bytes, int], bytes]
"""Public keys by (author, epoch), of epochs after the first."""


class Shown(NamedTuple):
    """file: what stands inside; rotations: wires; keys: what they prove; last: by (author, epoch), up to which entry of
    the author's chain the key counts, where it was replaced."""

    file: bytes
    rotations: tuple[bytes, ...]
    keys: Keys
    last: Mapping[tuple[bytes, int], int]


def encode_with_keys(file: bytes, rotations: Iterable[bytes]) -> bytes:
    """The file by itself where there are none. `Reject` for more than a reader takes."""
    shown = sorted({*rotations})
    if len(shown) > MAX_SHOWN_ROTATIONS:
        raise Reject("size", f"{len(shown)} rotations, {MAX_SHOWN_ROTATIONS} can be shown")
    return encode([WITH_KEYS, VERSION, file, shown]) if shown else file


def open_with_keys(data: bytes, limit: int) -> Shown:
    """What such a file holds, or any other file as it is. limit: bytes of the file inside. `Reject` for a rotation that
    does not follow, or whose signature does not hold."""
    if not data[1:].startswith(_BEGINS):
        return Shown(data, (), {}, {})
    row = decode(data, limit + AROUND)
    if type(row) is not list or len(row) != 4 or type(row[1]) is not int or row[1] != VERSION:
        raise Reject("field", f"a {WITH_KEYS} file of another version")
    file, wires = row[2:]
    if type(file) is not bytes or type(wires) is not list or not 1 <= len(wires) <= MAX_SHOWN_ROTATIONS:
        raise DecodeError("not a file and the rotations of its signers", "field")
    if len(file) > limit or any(type(wire) is not bytes or len(wire) > _MAX_ROTATION for wire in wires):
        raise DecodeError("a file or a rotation that is too long", "field")
    keys, last = dict[tuple[bytes, int], bytes](), dict[tuple[bytes, int], int]()
    records = sorted((parse_record(wire) for wire in wires), key=lambda r: (r.author, r.epoch))
    for author, of_one in groupby(records, key=lambda r: r.author):
        _follow(author, [*of_one], keys, last)
    return Shown(file, tuple(wires), keys, last)


def _follow(
    author: bytes, records: Sequence[Record], keys: dict[tuple[bytes, int], bytes], last: dict[tuple[bytes, int], int]
) -> None:
    state = initial_state(parse_inception(records[0].inception))  # that it is the author's, each signature's check says
    for record in records:
        rotation = parse_rotation(record)
        state = rotated(state, record.epoch, rotation)
        verify_record(record, rotation.key)
        keys[author, record.epoch], last[author, record.epoch - 1] = rotation.key, rotation.seq
