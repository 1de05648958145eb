"""RFC 6962 Merkle trees over entry ids (SHA-256), with the proofs of RFC 9162, section 2.1.

A chain keeps only the frontier: the roots of the complete subtrees, from left to right, one for each bit that is set in
the number of leaves. From it the root follows, and the next leaf is added, in O(log n).
"""

from collections.abc import Sequence
from hashlib import sha256

from protocols.errors import Reject

EMPTY_ROOT = sha256(b"").digest()

Frontier = tuple[bytes, ...]


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf; for us the leaf is an entry id."""
    return sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def push(frontier: Frontier, count: int, leaf: bytes) -> Frontier:
    """The frontier of `count` + 1 leaves, from that of `count`."""
    node = leaf_hash(leaf)
    end = len(frontier)
    while count & 1:
        end -= 1
        node = sha256(b"\1" + frontier[end] + node).digest()
        count >>= 1
    return (*frontier[:end], node)


def frontier_root(frontier: Frontier) -> bytes:
    """The Merkle tree hash of the leaves that a frontier stands for."""
    if not frontier:
        return EMPTY_ROOT
    node = frontier[-1]
    for left in frontier[-2::-1]:
        node = sha256(b"\1" + left + node).digest()
    return node


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of these leaves: MTH(D[n]) of RFC 6962, section 2.1."""
    frontier: Frontier = ()
    for i, leaf in enumerate(leaves):
        frontier = push(frontier, i, leaf)
    return frontier_root(frontier)


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """PATH(index, D[n]): the hashes that lead from one leaf to the root of all of them, from the bottom up."""
    if not 0 <= index < len(leaves):
        raise IndexError("no such leaf")
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*inclusion_proof(leaves[:k], index), root(leaves[k:])]
    return [*inclusion_proof(leaves[k:], index - k), root(leaves[:k])]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> None:
    """`Reject` unless `leaf` is number `index` of the `size` leaves under this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise Reject("context", "the leaf is outside of the tree")
    fn, sn, node = index, size - 1, leaf_hash(leaf)
    for sibling in proof:
        if sn == 0:
            raise Reject("context", "the inclusion proof is too long")
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = node_hash(node, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn or node != expected_root:
        raise Reject("context", "the inclusion proof does not lead to the root")


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """PROOF(old_size, D[n]): that the first `old_size` leaves are still what they were. Empty for 0 and for n."""
    if not 0 <= old_size <= len(leaves):
        raise IndexError("no such size")
    return _subproof(leaves, old_size, True) if 0 < old_size < len(leaves) else []


def verify_consistency(old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """`Reject` unless the tree of `new_size` leaves continues the one of `old_size` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old_size <= new_size:
        raise Reject("context", "the newer tree is smaller")
    if old_size in (0, new_size):
        if proof or (old_size == new_size and old_root != new_root) or (old_size == 0 and old_root != EMPTY_ROOT):
            raise Reject("context", "the consistency proof does not fit the sizes")
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)  # a complete subtree of the newer tree: its root is the older tree's own
    if not path:
        raise Reject("context", "the consistency proof is empty")
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise Reject("context", "the consistency proof is too long")
        if fn & 1 or fn == sn:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn or old != old_root or new != new_root:
        raise Reject("context", "the consistency proof does not lead to the roots")


def _subproof(leaves: Sequence[bytes], m: int, whole: bool) -> list[bytes]:
    n = len(leaves)
    if m == n:
        return [] if whole else [root(leaves)]
    k = _split(n)
    if m <= k:
        return [*_subproof(leaves[:k], m, whole), root(leaves[k:])]
    return [*_subproof(leaves[k:], m - k, False), root(leaves[:k])]


def _split(n: int) -> int:
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1
