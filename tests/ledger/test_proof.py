"""Proof files: each part is needed, and nothing in them can be changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.entry import encode_entry, parse_entry
from ledger.merkle import leaf_hash, root
from ledger.nodes import inclusion_path
from ledger.proof import check_proof, encode_proof
from protocols.codec import decode, encode
from protocols.errors import Reject
from protocols.genesis import Genesis, found
from tests.ledger import people
from tests.ledger.people import ALICE, BOB, Author, settle

GENESIS = found(
    ALICE,
    Genesis(
        name="Elm Street", unit="hour", decimals=2, endowments=((ALICE.author, 1_000),), stewards=(ALICE.author,),
        quorum=1, newcomer_limit=0, open=True, salt=bytes(16),
    ),
    1,
)  # fmt: skip


@pytest.fixture(scope="module")
def chains():
    """Alice paid Bob three times; the chains are in the network of the genesis."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "NET", GENESIS.id[:16])
        alice, bob = Author(ALICE, 1_000), Author(BOB, 0, 2)
        for n in range(3):
            settle(alice, bob, 100 + n, bytes([n]) * 32, now=10 + n)
    return alice, bob


def prove(author: Author, seq: int, head: int = -1) -> bytes:
    newest = author.entries[head]
    ids = [e.id for e in author.entries]

    def read(level: int, index: int) -> bytes:
        return leaf_hash(ids[index]) if not level else root(ids[index << level : index + 1 << level])

    path = inclusion_path(read, seq, newest.seq) if seq != newest.seq else []
    return encode_proof(GENESIS.wire, encode_entry(author.entries[seq]), newest, path)


def test_what_is_shown(chains):
    alice, bob = chains
    for author in chains:
        for entry in author.entries[1:]:
            shown = check_proof(prove(author, entry.seq))
            assert (shown["seq"], shown["kind"], shown["head_seq"]) == (entry.seq, entry.kind, author.entries[-1].seq)
            if entry.kind in ("PAY_COMPLETE", "PAY_RECEIPT"):
                assert shown["proves"] == "payment"
                assert (shown["payer"], shown["payee"]) == (alice.author.hex(), bob.author.hex())
            else:
                assert shown["proves"] == "entry" and shown["payer"] is None
    with pytest.raises(Reject, match="nothing of an exchange"):
        check_proof(prove(alice, 0))


def test_every_part_must_fit(chains):
    alice, bob = chains
    magic, version, genesis, entry, head, path = decode(prove(alice, 2))
    other = decode(prove(alice, 4))
    longer = [*path, bytes(32)]
    bobs = decode(prove(bob, 2))[4]
    older = decode(prove(alice, 1, 1))[4]
    foreign = found(ALICE, Genesis(**{**_fields(), "salt": b"s" * 16}), 1).wire
    private = encode_entry(alice.entries[2], private=True)
    withheld = encode([*decode(entry)[:3], None, None])
    for parts in (
        ["p2pnode-prooF", version, genesis, entry, head, path],
        [magic, 2, genesis, entry, head, path],
        [magic, True, genesis, entry, head, path],
        [magic, version, foreign, entry, head, path],
        [magic, version, genesis, other[3], head, path],
        [magic, version, genesis, entry, bobs, path],
        [magic, version, genesis, entry, older, path],
        [magic, version, genesis, entry, head, path[:-1]],
        [magic, version, genesis, entry, head, longer],
        [magic, version, genesis, entry, head, [bytes(32), *path[1:]]],
        [magic, version, genesis, entry, head, [b"short", *path[1:]]],
        [magic, version, genesis, private, head, path],
        [magic, version, genesis, withheld, head, path],
        [magic, version, genesis, entry, encode_entry(parse_entry(other[4])), path, []],
    ):
        with pytest.raises(Reject):
            check_proof(encode(parts))
    assert check_proof(encode([magic, version, genesis, entry, head, path]))


def _fields():
    return {f: getattr(_genesis(), f) for f in Genesis.__struct_fields__}


def _genesis():
    from protocols.genesis import parse_genesis

    return parse_genesis(GENESIS.wire)[1]


@given(data=st.data())
def test_no_bit_can_be_flipped(chains, data):
    proof = bytearray(prove(chains[1], 3))
    place = data.draw(st.integers(0, len(proof) * 8 - 1))
    proof[place // 8] ^= 1 << place % 8
    with pytest.raises(Reject):
        check_proof(bytes(proof))


@given(st.binary(max_size=200))
def test_anything_else_is_rejected(content):
    with pytest.raises(Reject):
        check_proof(content)
