"""Whose rotations go into a file: of all who signed in it with a later key, and of nobody else."""

import pytest

from p2pnode.core.evidence import Hand
from p2pnode.core.key_files import with_keys
from protocols.errors import Refusal
from protocols.limits import MAX_CHALLENGE
from protocols.shown_keys import open_with_keys
from tests.p2pnode.lab import Lab
from tests.p2pnode.test_intake import rotation


def test_a_node_shows_what_leads_to_the_keys_in_a_file() -> None:
    lab = Lab()
    network, state = lab.network(lab.ben), lab.ben.core.state
    lab.meet(lab.ben)
    made = [rotation(lab, b"old".ljust(32), epoch) for epoch in (1, 2)]
    author = made[0][0].author
    assert with_keys(state, network, b"file", [Hand(author, 0)]) == b"file"
    with pytest.raises(Refusal, match="is not held here"):
        with_keys(state, network, b"file", [Hand(author, 1)])
    for _, record in made:
        lab.take(lab.ben, record)
    one = open_with_keys(with_keys(state, network, b"file", [Hand(author, 0), Hand(author, 1)]), MAX_CHALLENGE)
    assert one.file == b"file" and set(one.keys) == {(author, 1)}
    two = open_with_keys(with_keys(state, network, b"file", [Hand(author, 2), Hand(author, 1)]), MAX_CHALLENGE)
    assert two.keys[author, 2] == made[1][0].public_key and len(two.rotations) == 2
