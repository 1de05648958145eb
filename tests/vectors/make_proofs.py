"""Writes proofs.json: `python -m tests.vectors.make_proofs`. Proof files, and messages of `/p2pnode/ledger/1.0.0`.

Each valid proof comes with what it shows, each invalid one with the rung that refuses it and why. Bytes are in hex.
"""

import json
from pathlib import Path
from typing import Any

from ledger.entry import encode_entry
from ledger.merkle import leaf_hash, root
from ledger.nodes import inclusion_path
from ledger.proof import check_proof, encode_proof
from protocols import ledger_messages as messages
from protocols.codec import decode, encode
from protocols.genesis import Genesis, found
from tests.ledger import people
from tests.ledger.people import ALICE, BOB, Author, settle

PATH = Path(__file__).with_name("proofs.json")


def genesis(salt: bytes) -> Any:
    return found(
        ALICE,
        Genesis(
            name="Elm Street", unit="hour", decimals=2, endowments=((ALICE.author, 1_000),), stewards=(ALICE.author,),
            quorum=1, newcomer_limit=0, open=True, salt=salt,
        ),
        1,
    )  # fmt: skip


GENESIS = genesis(bytes(16))


def chains() -> tuple[Author, Author]:
    """Alice pays Bob three times."""
    usual, people.NET = people.NET, GENESIS.id[:16]
    try:
        alice, bob = Author(ALICE, 1_000), Author(BOB, 0, 2)
        for n in range(3):
            settle(alice, bob, 100 + n, bytes([n]) * 32, now=10 + n)
    finally:
        people.NET = usual
    return alice, bob


def prove(author: Author, seq: int) -> bytes:
    ids, newest = [e.id for e in author.entries], author.entries[-1]

    def read(level: int, index: int) -> bytes:
        return root(ids[index << level : index + 1 << level]) if level else leaf_hash(ids[index])

    path = inclusion_path(read, seq, newest.seq) if seq != newest.seq else []
    return encode_proof(GENESIS.wire, encode_entry(author.entries[seq]), newest, path)


def make() -> str:
    alice, bob = chains()
    shown = {
        "the payee's receipt": prove(bob, 2),
        "the payer's completion": prove(alice, 4),
        "an acceptance settles nothing": prove(bob, 3),
        "the head itself": prove(bob, 6),
    }
    valid = [{"name": k, "bytes": v.hex(), "shows": check_proof(v)} for k, v in shown.items()]
    magic, version, wire, entry, head, path = decode(shown["the payee's receipt"])
    bare = [*decode(entry)[:3], None, None]
    private = encode_entry(bob.entries[2], private=True)
    invalid = [
        ("another magic", "field", ["p2pnode-prooF", version, wire, entry, head, path]),
        ("an unknown version", "field", [magic, 2, wire, entry, head, path]),
        ("another network's genesis", "context", [magic, version, genesis(b"s" * 16).wire, entry, head, path]),
        ("the settlement is withheld", "field", [magic, version, wire, encode(bare), head, path]),
        ("the private payload is shown", "field", [magic, version, wire, private, head, path]),
        ("another author's head", "context", [magic, version, wire, entry, decode(prove(alice, 4))[4], path]),
        ("a path that is too short", "context", [magic, version, wire, entry, head, path[:-1]]),
        ("a path that is too long", "context", [magic, version, wire, entry, head, [*path, bytes(32)]]),
        ("another path", "context", [magic, version, wire, entry, head, [bytes(32), *path[1:]]]),
        ("a signature of zeros", "signature", [magic, version, wire, entry, _unsigned(head), path]),
    ]
    said: list[messages.Message] = [
        messages.Show(people.NET, 0),
        messages.Shown(people.NET, 0, 2, (encode_entry(bob.entries[0]), encode(bare))),
        messages.Hidden(people.NET, "refused", "members only"),
    ]
    content = {
        "valid": valid,
        "invalid": [{"why": why, "code": code, "bytes": encode(value).hex()} for why, code, value in invalid],
        "messages": [{"type": type(m).__name__, "frame": messages.encode_message(m).hex()} for m in said],
    }
    return json.dumps(content, indent=1) + "\n"


def _unsigned(head: bytes) -> bytes:
    header, _, *rest = decode(head)
    return encode([header, bytes(64), *rest])


if __name__ == "__main__":
    PATH.write_text(make())
