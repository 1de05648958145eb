"""A network that fell in two halves, each large enough for everybody to find connections enough on his own side."""

import pytest

from p2pnode.core import neighbours, visits
from p2pnode.core.visits import Visits
from protocols.limits import MAX_INT, MINUTE, SECOND
from tests.longer import either
from tests.sim.simulator import Node, Simulator
from tests.sim.street import street

HOUSES = 12
ENOUGH = 2  # connections that each of them makes, so that few nodes are many


class Cut(Simulator):
    """apart: which nodes cannot reach the others."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.apart: set[str] = set()

    def across(self, one: Node, other: Node) -> bool:
        return bool(self.apart) and (one.name in self.apart) != (other.name in self.apart)

    def cut(self, names: set[str]) -> None:
        self.apart = names
        for node in self.nodes.values():
            for other in [self.nodes[peer] for peer in node.links]:
                if self.across(node, other):
                    self._break(node, other)

    def _dial(self, node: Node, life: int, key: str, addresses: tuple[str, ...]) -> None:
        if key in self.nodes and self.across(node, self.nodes[key]):
            addresses = ()
        super()._dial(node, life, key, addresses)


def healed(seed: int, old: int = 3 * MINUTE) -> tuple[list[int], float | None]:
    """How many listings each holds after 15 minutes of a cut in which each half has published one; and how many seconds
    after its end all hold both, None if not within five minutes. old: the network when it falls apart; ms."""
    sim = Cut(seed)
    nodes = street(sim, tuple(f"House {n}" for n in range(HOUSES)))
    sim.run(old)
    sim.cut({node.name for node in nodes[::2]})
    sim.run(15 * MINUTE)
    for node in nodes[:2]:
        sim.ask(node, "listing.publish", direction="offer", kind="give", title="A chair")
    sim.run(MINUTE)
    before = [held(node) for node in nodes]
    sim.apart = set()
    begin = sim.now
    while sim.now < begin + 5 * MINUTE:
        sim.run(SECOND)
        if all(held(node) == 2 for node in nodes):
            return before, (sim.now - begin) / 1000
    return before, None


def held(node: Node) -> int:
    (network,) = node.core.state.networks.values()
    return len(list(network.catalog.rows(kind="listing")))


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "WANTED_OUTBOUND", ENOUGH)


@pytest.mark.parametrize(
    ("seed", "old"),
    either([*((seed, 3 * MINUTE) for seed in range(5)), (0, 20 * SECOND)], *((n, 3 * MINUTE) for n in (2, 3, 4))),
)
def test_it_closes_by_visits(seed: int, old: int) -> None:
    before, took = healed(seed, old)
    assert before == [1] * HOUSES
    assert took is not None and took <= 30


def test_control_without_visits_it_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Visits, "_may", lambda self, peer, known, now: False)
    monkeypatch.setattr(visits, "LOST_AFTER", MAX_INT)
    before, took = healed(0)
    assert before == [1] * HOUSES
    assert took is None
