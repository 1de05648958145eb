"""Proofs from stored nodes are the proofs of RFC 9162, and stay small and quick in a long chain."""

import time

import pytest

from ledger.merkle import (
    Frontier,
    consistency_proof,
    frontier_root,
    inclusion_proof,
    leaf_hash,
    push,
    root,
    verify_consistency,
    verify_inclusion,
)
from ledger.nodes import completed, consistency_path, inclusion_path


class Tree:
    """Nodes as an own chain stores them."""

    def __init__(self, size: int) -> None:
        self.leaves = [i.to_bytes(32, "big") for i in range(size)]
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.reads = 0
        frontier: Frontier = ()
        for i, leaf in enumerate(self.leaves):
            for level, index, node in completed(frontier, i, leaf):
                assert (level, index) not in self.nodes
                self.nodes[level, index] = node
            frontier = push(frontier, i, leaf)
        self.root = frontier_root(frontier)

    def read(self, level: int, index: int) -> bytes:
        self.reads += 1
        return self.nodes[level, index] if level else leaf_hash(self.leaves[index])


@pytest.mark.parametrize("size", [*range(1, 20), 31, 32, 33, 64, 100])
def test_the_proofs_are_those_of_the_rfc(size: int) -> None:
    tree = Tree(size)
    assert tree.root == root(tree.leaves)
    for index in range(size):
        assert inclusion_path(tree.read, index, size) == inclusion_proof(tree.leaves, index)
    for old in range(size + 1):
        assert consistency_path(tree.read, old, size) == consistency_proof(tree.leaves, old)


def test_a_proof_for_an_earlier_size_needs_no_other_nodes() -> None:
    tree = Tree(100)
    for size in (1, 2, 3, 50, 64, 77):
        early = tree.leaves[:size]
        assert inclusion_path(tree.read, size // 2, size) == inclusion_proof(early, size // 2)
        assert consistency_path(tree.read, size // 3, size) == consistency_proof(early, size // 3)


@pytest.mark.parametrize("size", [0, 3])
def test_what_is_not_there(size: int) -> None:
    tree = Tree(size)
    with pytest.raises(IndexError):
        inclusion_path(tree.read, size, size)
    with pytest.raises(IndexError):
        consistency_path(tree.read, size + 1, size)


def test_one_node_an_entry() -> None:
    assert len(Tree(4096).nodes) == 4095


def test_a_hundred_thousand_entries() -> None:
    size = 100_000
    tree = Tree(size)
    took, longest = [], 0
    for i in range(0, size, 997):
        tree.reads = 0
        began = time.perf_counter()
        path = inclusion_path(tree.read, i, size)
        steps = consistency_path(tree.read, i + 1, size)
        took.append(time.perf_counter() - began)
        assert tree.reads <= 4 * 17
        verify_inclusion(tree.leaves[i], i, size, path, tree.root)
        old: Frontier = ()
        if i < 5_000:
            for n, leaf in enumerate(tree.leaves[: i + 1]):
                old = push(old, n, leaf)
            verify_consistency(i + 1, size, steps, frontier_root(old), tree.root)
        longest = max(longest, 32 * len(path), 32 * len(steps))
    assert longest <= 600
    assert sorted(took)[len(took) // 2] < 0.001
