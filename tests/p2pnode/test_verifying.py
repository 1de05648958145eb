"""Signatures that several threads check get the verdicts of one thread, in their order."""

import random

import pytest

from ledger.entry import sign_entry
from p2pnode.verifying import Verifier
from protocols.identity import Claim, verify_in_turn
from tests.ledger.people import ALICE, BOB, NET


@pytest.mark.parametrize("number", [0, 1, 7, 8, 9, 100])
def test_verdicts_come_in_order(number: int) -> None:
    rng = random.Random(number)
    common = {"network": NET, "prev": b"p" * 32, "root": b"r" * 32, "kind": "EVENT", "at": 5}
    claims: list[Claim] = []
    for seq in range(1, number + 1):
        entry = sign_entry(ALICE, **common, seq=seq, balance=0, hold=0, limit=0, settlement=None, private=None)  # type: ignore[arg-type]
        claims.append((entry, "entry", rng.choice([ALICE, BOB]).public_key))
    verifier = Verifier(3)
    try:
        verdicts = verifier(claims)
    finally:
        verifier.close()
    assert [v is None for v in verdicts] == [key == ALICE.public_key for _, _, key in claims]
    assert [str(v) for v in verdicts] == [str(v) for v in verify_in_turn(claims)]
