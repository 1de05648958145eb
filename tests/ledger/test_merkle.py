from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    frontier_root,
    inclusion_proof,
    push,
    root,
    verify_consistency,
    verify_inclusion,
)
from protocols.errors import Reject

# The test tree of the certificate-transparency reference implementation (RFC 6962's authors).
LEAVES = [
    bytes.fromhex(h)
    for h in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = [  # leaf (from 0), size, path
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CONSISTENCY = [  # old size, new size, path
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]


def test_roots_of_the_rfc_tree() -> None:
    assert sha256(b"").digest() == EMPTY_ROOT == root([])
    assert [root(LEAVES[: n + 1]).hex() for n in range(8)] == ROOTS


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
def test_inclusion_of_the_rfc_tree(index: int, size: int, path: list[str]) -> None:
    proof = inclusion_proof(LEAVES[:size], index)
    assert [h.hex() for h in proof] == path
    verify_inclusion(LEAVES[index], index, size, proof, root(LEAVES[:size]))


@pytest.mark.parametrize(("old", "new", "path"), CONSISTENCY)
def test_consistency_of_the_rfc_tree(old: int, new: int, path: list[str]) -> None:
    proof = consistency_proof(LEAVES[:new], old)
    assert [h.hex() for h in proof] == path
    verify_consistency(old, new, proof, root(LEAVES[:old]), root(LEAVES[:new]))


leaves = st.lists(st.binary(max_size=4), max_size=40)


@settings(max_examples=60, deadline=None)
@given(leaves)
def test_the_frontier_gives_the_root_of_the_definition(items: list[bytes]) -> None:
    def mth(d: list[bytes]) -> bytes:  # RFC 6962, section 2.1, word for word
        if len(d) <= 1:
            return sha256(b"\0" + d[0]).digest() if d else sha256(b"").digest()
        k = max(1 << i for i in range(10) if 1 << i < len(d))
        return sha256(b"\1" + mth(d[:k]) + mth(d[k:])).digest()

    frontier: tuple[bytes, ...] = ()
    for i, leaf in enumerate(items):
        assert frontier_root(frontier) == mth(items[:i])
        frontier = push(frontier, i, leaf)
        assert len(frontier) == (i + 1).bit_count()


@settings(max_examples=80, deadline=None)
@given(leaves.filter(bool), st.data())
def test_only_the_right_inclusion_proof_verifies(items: list[bytes], data: st.DataObject) -> None:
    items = [bytes([i]) + leaf for i, leaf in enumerate(items)]
    index = data.draw(st.integers(0, len(items) - 1))
    proof, top = inclusion_proof(items, index), root(items)
    verify_inclusion(items[index], index, len(items), proof, top)
    other = data.draw(st.integers(-1, len(items) + 1).filter(lambda i: i != index))
    wrong = [
        (items[index] + b"x", index, len(items), proof, top),
        (items[index], other, len(items), proof, top),
        (items[index], index, len(items), [*proof, top], top),
        (items[index], index, len(items), proof, bytes(32)),
    ]
    if proof:
        wrong.append((items[index], index, len(items), proof[:-1], top))
    for args in wrong:
        with pytest.raises(Reject):
            verify_inclusion(*args)


@settings(max_examples=80, deadline=None)
@given(leaves, st.data())
def test_only_the_right_consistency_proof_verifies(items: list[bytes], data: st.DataObject) -> None:
    items = [bytes([i]) + leaf for i, leaf in enumerate(items)]
    old = data.draw(st.integers(0, len(items)))
    proof, before, after = consistency_proof(items, old), root(items[:old]), root(items)
    verify_consistency(old, len(items), proof, before, after)
    for args in [
        (old, len(items), [*proof, after], before, after),
        (old, len(items), proof, bytes(32), after),
        (len(items) + 1, len(items), proof, before, after),
    ]:
        with pytest.raises(Reject):
            verify_consistency(*args)
    if old > 0:  # from size 0 everything follows, so there is nothing that could be wrong about the newer root
        with pytest.raises(Reject):
            verify_consistency(old, len(items), proof, before, bytes(32))
    if proof:
        with pytest.raises(Reject):
            verify_consistency(old, len(items), proof[:-1], before, after)


def test_a_proof_for_another_size_does_not_verify() -> None:
    tops = [root(LEAVES[:n]) for n in range(9)]
    for size in (9, 17, 4):  # the hashes lead to the right roots; only the size is not theirs
        with pytest.raises(Reject):
            verify_consistency(2, size, consistency_proof(LEAVES, 2), tops[2], tops[8])
        with pytest.raises(Reject):
            verify_inclusion(LEAVES[1], 1, size, inclusion_proof(LEAVES, 1), tops[8])
