"""A fork: two entries that one author signed at the same place of one chain. The proof is two headers and signatures.

    proof = canonical array [header, signature, header, signature, inception]     the lower id first, some 650 bytes

Most forks are accidents (a restored backup, two machines with one key). A proof shows that both were signed, not why.
"""

import msgspec

from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.limits import MAX_RECORD

from .entry import Entry, parse_entry
from .halves import Keys, first_key, verify_with


class Fork(msgspec.Struct, frozen=True):
    """Two entries of one author, network and seq; `first.id < second.id`. Their payloads are left away."""

    first: Entry
    second: Entry

    @property
    def network(self) -> bytes:
        return self.first.network

    @property
    def author(self) -> bytes:
        return self.first.author

    @property
    def seq(self) -> int:
        return self.first.seq


def fork_of(a: Entry, b: Entry) -> Fork | None:
    """The fork that two entries are, or None if they can both be of one chain."""
    if (a.network, a.author, a.seq) != (b.network, b.author, b.seq) or a.id == b.id:
        return None
    first, second = sorted((_bare(a), _bare(b)), key=lambda e: e.id)
    return Fork(first, second)


def encode_fork(fork: Fork) -> bytes:
    """The proof, as it is kept and gossiped."""
    a, b = fork.first, fork.second
    return encode([a.header, a.signature, b.header, b.signature, a.inception])


def parse_fork(data: bytes) -> Fork:
    """The fork that these bytes prove, if their signatures are right: see `verify_fork`. `DecodeError`."""
    value = decode(data, MAX_RECORD)
    if not (type(value) is list and len(value) == 5 and all(type(v) is bytes for v in value)):
        raise DecodeError("not a fork proof", "field")
    a, b = (parse_entry(encode([h, s, value[4], None, None])) for h, s in (value[0:2], value[2:4]))
    fork = fork_of(a, b)
    if fork is None or fork.first.id != a.id:
        raise DecodeError("these two entries are no fork", "field")
    return fork


def verify_fork(fork: Fork, keys: Keys = first_key) -> None:
    """`Reject` unless both are signed with keys that were valid there.

    `keys` must answer None for entries after the seq at which a rotation ended their epoch: else a thief of an old key
    could convict its owner.
    """
    verify_with(fork.first, keys)
    verify_with(fork.second, keys)


def _bare(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry, settlement=None, private=None)
