"""What people say of a deal besides its outcome, along what the genesis names."""

from typing import Any

import pytest
from msgspec.structs import replace

from p2pnode import commands
from protocols.errors import Refusal, Reject
from protocols.genesis import found, parse_genesis
from tests.p2pnode.lab import EVE
from tests.p2pnode.test_amending import PAUSE
from tests.p2pnode.test_rateable import listed, sold
from tests.p2pnode.test_told import Listed


def named(lab: Listed, *dimensions: str) -> None:
    """As if the network had been founded with them."""
    for node in (lab.anna, lab.ben, lab.cleo, lab.dora):
        network = lab.network(node)
        network.genesis = replace(network.genesis, dimensions=dimensions)


def why(lab: Listed, node: Any, peer: str) -> Any:
    return node.core.reputations.reputation(commands.Reputation(peer=peer, why=True), lab.now)["dimensions"]


def test_they_are_averaged_as_the_score_weighs() -> None:
    lab = listed("plain", sold)
    named(lab, "punctual", "friendly")
    for node, said in ((lab.cleo, {"punctual": -2}), (lab.ben, {})):
        lab.ask(node, "attest", exchange=lab.id, outcome=2, dimensions=said)
        lab.sim.run(PAUSE)
    assert why(lab, lab.cleo, "Ben") == {"punctual": {"average": -2.0, "voices": 1.0, "raters": 1}}
    assert why(lab, lab.anna, "Ben")["punctual"]["average"] == -2.0
    assert why(lab, lab.anna, "Cleo") == {}
    named(lab, "friendly")
    assert why(lab, lab.anna, "Ben") == {}, "a foreign one says nothing"


def test_what_somebody_says_of_others_is_not_said_of_him() -> None:
    lab = listed("plain", sold)
    named(lab, "punctual")
    for node, outcome, said in ((lab.cleo, 2, 2), (lab.ben, -2, -2)):
        lab.ask(node, "attest", exchange=lab.id, outcome=outcome, dimensions={"punctual": said})
        lab.sim.run(PAUSE)
    told = lab.anna.core.reputations.reputation(commands.Reputation(peer="Ben", why=True), lab.now)
    assert {row["rater_name"] for row in told["why"]} == {"Ben", "Cleo"}, "his quarrel weighs on him"
    assert told["dimensions"]["punctual"]["average"] == 2.0 and told["dimensions"]["punctual"]["raters"] == 1


def test_what_is_asked_and_what_was_given_is_shown() -> None:
    lab = listed("plain", sold)
    named(lab, "punctual", "late", "friendly")
    shown = lab.ask(lab.cleo, "exchange.show", id=lab.id)["attestations"]
    assert shown["dimensions"] == ["punctual", "friendly"] and shown["given"] is None, "a fault is not asked"
    for node, said in ((lab.cleo, {"punctual": -1}), (lab.ben, {})):
        lab.ask(node, "attest", exchange=lab.id, outcome=2, text="So late", dimensions=said)
        lab.sim.run(PAUSE)
    shown = lab.ask(lab.cleo, "exchange.show", id=lab.id)["attestations"]
    assert shown["given"] == {"outcome": 2, "text": "So late", "dimensions": {"punctual": -1}}
    named(lab, "punctual")
    (row,) = lab.ask(lab.anna, "reputation", peer="Ben", why=True)["why"]
    assert (row["text"], row["dimensions"]) == ("So late", {"punctual": -1})


def test_what_the_network_does_not_have_is_refused() -> None:
    lab = listed("plain", sold)
    named(lab, "punctual")
    with pytest.raises(Refusal, match="clean is nothing that is rated") as refused:
        lab.ask(lab.cleo, "attest", exchange=lab.id, outcome=2, dimensions={"clean": 1})
    assert "punctual" in str(refused.value.hint)


def test_a_genesis_names_each_once_and_none_is_left_out_of_its_bytes() -> None:
    lab = Listed()
    genesis = lab.network(lab.anna).genesis
    plain = found(EVE, genesis, lab.now)
    assert b"dimensions" not in plain.wire
    assert parse_genesis(found(EVE, replace(genesis, dimensions=("punctual",)), lab.now).wire)[1].dimensions == (
        "punctual",
    )
    with pytest.raises(Reject):
        found(EVE, replace(genesis, dimensions=("punctual", "punctual")), lab.now)
