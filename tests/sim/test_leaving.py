"""People who leave their network in the middle of everything, and come back, through a storm: nothing is lost by it."""

import os
from random import Random
from typing import Any

import pytest

from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.longer import seeds
from tests.sim.simulator import Faults, Node, Simulator
from tests.sim.street import People, storm, street
from tests.sim.test_street import check, propose

SEEDS = int(os.environ.get("P2PNODE_SEEDS", "200" if os.environ.get("P2PNODE_LONG") else "20"))
AWAY = 2 * MINUTE


def wander(sim: Simulator, node: Node, rng: Random, gone: list[str]) -> None:
    """Somebody leaves, and is back some time later; again where the node was just not there to be told."""

    def left(result: Any) -> None:
        if isinstance(result, Refusal):
            assert "left" in result.message, result
        else:
            gone.append(node.name)
        sim.at(sim.now + rng.randrange(AWAY), back)

    def back() -> None:
        sim.ask(node, "join", joined, target="Elm Street")

    def joined(result: Any) -> None:
        if isinstance(result, Refusal) and node.core.state.joined:
            return  # the answer was lost, and it was done
        assert not isinstance(result, Refusal), result

    sim.ask(node, "leave", left, anyway=True)


@pytest.mark.parametrize("seed", seeds(SEEDS, 6))
def test_leaving_and_coming_back_loses_nothing(seed: int) -> None:
    sim, rng = Simulator(seed), Random(seed)
    nodes = street(sim)
    _, ben, cleo, _ = nodes
    listing = sim.ask_now(ben, "listing.publish", direction="offer", kind="rent", title="Snowblower", price="2/hour")
    sim.run(MINUTE)
    started: list[Any] = []
    for number in range(2):
        propose(sim, cleo, listing["listing_id"], started, f"for the {number + 1}. time")
    sim.run(MINUTE)
    sim.faults = storm(rng)
    people = People(sim, nodes, Random(seed + 1))
    gone: list[str] = []
    for _ in range(4):
        wander(sim, rng.choice(nodes), rng, gone)
        sim.run(rng.randrange(AWAY))
    sim.run(AWAY)
    sim.faults = Faults()
    for node in nodes:
        if not node.core.state.joined:
            assert sim.ask_now(node, "join", target="Elm Street")["state"] == "joined"
    sim.run(15 * MINUTE)
    assert gone
    check(sim, nodes, [s["exchange_id"] for s in started], people)
