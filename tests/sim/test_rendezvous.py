"""Peers of a cell find one another through the DHT, when nothing else leads from one to the other."""

import pytest

from protocols.limits import MINUTE
from tests.sim.simulator import Simulator
from tests.sim.street import street


@pytest.mark.parametrize("dht", [True, False], ids=["with the DHT", "without it, as a control"])
def test_neighbours_whose_profiles_lead_nowhere_meet_through_the_dht_alone(dht: bool) -> None:
    sim = Simulator(1)
    sim.dht = dht
    sim.hidden = {"Ben", "Cleo", "Dora"}
    anna, *others = street(sim)
    sim.run(10 * MINUTE)
    for node in others:
        wanted = {n.peer_id for n in others if n is not node} if dht else set()
        assert set(node.links) == {anna.peer_id} | wanted, node.name
