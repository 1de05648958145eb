"""What strangers and lying partners say to a node of this ledger, and what it must not make of it."""

from random import Random
from time import process_time

import pytest

from ledger.entry import NO_PREV, Entry, encode_entry, sign_entry
from ledger.payloads import Settlement, encode_payload, salted
from p2pnode import commands
from p2pnode.core.effects import Effect, Reply
from p2pnode.core.events import Command
from protocols import exchange_messages as messages
from protocols import ledger_messages
from protocols.identity import Signer
from tests.p2pnode.lab import EVE, EVES_PEER, Lab
from tests.sim.simulator import Node

RNG = Random(1)


@pytest.fixture
def lab() -> Lab:
    return Lab(31)


def forged(
    lab: Lab, kind: str, said: Settlement | None, signer: Signer = EVE, seq: int = 1, at: int = 0, **figures: int
) -> Entry:
    """An entry signed by whoever wants to, with the figures and the place that it likes."""
    return sign_entry(
        signer,
        network=lab.network(lab.anna).id,
        seq=seq,
        prev=bytes([1]) * 32 if seq else NO_PREV,
        root=bytes(32),
        kind=kind,
        at=at or lab.now,
        balance=figures.get("balance", 0),
        hold=figures.get("hold", 0),
        limit=figures.get("limit", 0),
        settlement=None if said is None else salted(encode_payload(said), RNG),
        private=None,
    )


def tell(lab: Lab, node: Node, entry: Entry, peer: str = EVES_PEER) -> list[Effect]:
    return lab.say(node, messages.EntryMessage(entry.network, encode_entry(entry)), peer)


def entries(lab: Lab, node: Node) -> int:
    return lab.network(node).chain.state.count


def known(lab: Lab, node: Node, name: str = "Eve") -> None:
    """Eve has a profile there."""
    lab.meet(node)
    lab.take(node, lab.profile(EVE, name, EVES_PEER))


# Audits


def test_a_gap_of_a_chain_that_is_shown_costs_nothing(lab: Lab) -> None:
    known(lab, lab.ben)
    args = commands.parse_args("ledger.audit", {"peer": "Eve"})
    lab.ben.core.handle(Command(9, "ledger.audit", args), lab.now)
    far = encode_entry(forged(lab, "EVENT", None, seq=50_000_000))
    page = ledger_messages.Shown(lab.network(lab.ben).id, 0, 2, (far,))
    began = process_time()
    effects = lab.tell(lab.ben, ledger_messages.PROTOCOL, ledger_messages.encode_message(page))
    assert process_time() - began < 0.25
    (result,) = [e.result for e in effects if isinstance(e, Reply)]
    assert not result["ok"] and len(result["missing"]) <= 1_000
