"""Proofs about a long chain from its stored Merkle nodes: O(log n) reads, nothing in memory.

Level 0 are the leaves; node (level, index) stands for the leaves index·2^level … (index + 1)·2^level − 1, and is stored
once these are all there: with the entry that completes it. So nodes never change, and each entry adds one on average.
"""

from collections.abc import Callable, Iterator

from .merkle import Frontier, leaf_hash, node_hash

ReadNode = Callable[[int, int], bytes]
"""The hash of the complete node (level, index)."""


def completed(frontier: Frontier, count: int, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(level, index, hash) of the nodes above the leaves that leaf number `count` completes; see `merkle.push`."""
    node, level, end = leaf_hash(leaf), 0, len(frontier)
    while count & 1:
        end, level, count = end - 1, level + 1, count >> 1
        node = node_hash(frontier[end], node)
        yield level, count, node


def subtree(read: ReadNode, first: int, last: int) -> bytes:
    """The Merkle tree hash of the leaves first … last − 1, where `first` is a multiple of a power of two that is not
    smaller than their number: what a proof is made of."""
    size = last - first
    level = size.bit_length() - 1
    if size == 1 << level:
        return read(level, first >> level)
    middle = first + (1 << level)
    return node_hash(read(level, first >> level), subtree(read, middle, last))


def inclusion_path(read: ReadNode, index: int, size: int) -> list[bytes]:
    """What `merkle.inclusion_proof` gives for the first `size` leaves."""
    if not 0 <= index < size:
        raise IndexError("no such leaf")
    path: list[bytes] = []
    first, last = 0, size
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            path.append(subtree(read, middle, last))
            last = middle
        else:
            path.append(subtree(read, first, middle))
            first = middle
    path.reverse()
    return path


def consistency_path(read: ReadNode, old_size: int, size: int) -> list[bytes]:
    """What `merkle.consistency_proof` gives for the first `size` leaves."""
    if not 0 <= old_size <= size:
        raise IndexError("no such size")
    if old_size in (0, size):
        return []
    path: list[bytes] = []
    first, last, whole = 0, size, True
    while last != old_size:
        middle = first + _split(last - first)
        if old_size <= middle:
            path.append(subtree(read, middle, last))
            last = middle
        else:
            path.append(subtree(read, first, middle))
            first, whole = middle, False
    if not whole:
        path.append(subtree(read, first, last))
    path.reverse()
    return path


def _split(n: int) -> int:
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1
