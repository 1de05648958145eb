"""Whose proofs of misconduct a node has room for, and what it costs to hold them."""

import pytest

from ledger.misconduct import booking_of
from p2pnode.core import misconduct as module
from protocols.identity import KeyState
from protocols.limits import HOUR, MINUTE
from protocols.misconduct import Misconduct
from tests.p2pnode.lab import EVE, Lab
from tests.p2pnode.test_misconduct import convicted, proof, record
from tests.protocols.test_double_booking import ANN, BOB, CLEO, NOW, booked, challenge


@pytest.fixture
def lab() -> Lab:
    return Lab(7)


def _bookings_of(lab, monkeypatch, count: int) -> list[Misconduct]:
    """Bob has booked one thing for each of many hours twice: as many facts, all of them true."""
    there = lab.network(lab.anna)
    monkeypatch.setattr("tests.protocols.bookings.network", lambda *a: there.id)
    return [
        booking_of(challenge(booked(ANN, NOW + n * HOUR), booked(CLEO, NOW + n * HOUR + HOUR))) for n in range(count)
    ]


def test_who_has_himself_convicted_a_thousand_times_leaves_room_for_others(lab, monkeypatch):
    monkeypatch.setattr(module, "MAX_CONVICTED", 12)
    monkeypatch.setattr(type(lab.network(lab.anna)), "member", lambda self, author: True)
    network = lab.network(lab.anna)
    for said in _bookings_of(lab, monkeypatch, 16):
        lab.take(lab.anna, record(lab, said))
    assert convicted(lab, lab.anna, BOB.author)
    lab.take(lab.anna, record(lab, proof(lab)))
    assert convicted(lab, lab.anna, EVE.author) and convicted(lab, lab.anna, BOB.author)
    facts = lab.anna.core.convictions._facts[network.id]
    assert len(facts) == 12
    lab.sim.perform(lab.anna, lab.anna.core._journal.take())
    monkeypatch.setattr(type(network), "member", lambda self, author: False)  # what is stored has room
    lab.sim.crash(lab.anna)
    lab.sim.run(MINUTE)
    assert convicted(lab, lab.anna, EVE.author) and convicted(lab, lab.anna, BOB.author)
    assert len(lab.anna.core.convictions._facts[network.id]) == 12


def test_a_proof_that_a_rotation_has_ended_is_checked_once(lab, monkeypatch):
    """Who convicts many identities of his own and replaces their keys makes nobody check it all at each look."""
    convictions, network = lab.anna.core.convictions, lab.network(lab.anna)
    lab.take(lab.anna, record(lab, proof(lab)))
    assert convicted(lab, lab.anna, EVE.author)
    epochs = {EVE.author: KeyState(1, bytes(32), bytes(32))}
    monkeypatch.setattr(lab.anna.core.state, "key_states", epochs)
    checked = []
    check = convictions._check
    monkeypatch.setattr(convictions, "_check", lambda *a: checked.append(a) or check(*a))
    for _ in range(5):
        assert not convicted(lab, lab.anna, EVE.author) and not convictions.accused(network.id)
    assert len(checked) == 1
    epochs.clear()
    assert convicted(lab, lab.anna, EVE.author)
