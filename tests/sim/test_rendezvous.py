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


def test_with_the_dht_dead_neighbours_still_meet_trade_news_and_come_back() -> None:
    """It is never the only path: invites lead in, profiles on, and the address book back."""
    sim = Simulator(2)
    sim.dht = False
    anna, ben, cleo, dora = street(sim)
    sim.run(2 * MINUTE)
    everybody = {node.peer_id for node in (anna, ben, cleo, dora)}
    for node in (anna, ben, cleo, dora):
        assert set(node.links) == everybody - {node.peer_id}, "profiles lead from one to the other"
    sim.ask_now(ben, "listing.publish", direction="offer", kind="lend", title="A ladder")
    sim.crash(dora, away=5 * MINUTE)
    sim.run(MINUTE)
    made = sim.ask_now(cleo, "listing.publish", direction="offer", kind="give", title="Plums")
    sim.run(6 * MINUTE)
    assert set(dora.links) == everybody - {dora.peer_id}, "the address book leads back"
    core = dora.core
    network = next(iter(core.state.networks.values()))
    assert len([r for r in network.catalog.rows(kind="listing") if not r.withdrawn]) == 2
    assert made["listing_id"]
    assert not any(sim._providers.values())
