"""Short forms of what `python -m bench.scale` measures, and what sybils, spam and a cut network may do to it."""

import os

import pytest

from bench.scale import line
from dht.fetching import PROMPT
from dht.flights import Flights
from p2pnode.bounds import BY_CELL, VISIT_EVERY
from protocols.limits import MINUTE, SECOND
from tests.longer import either
from tests.scale import world
from tests.scale.measure import Run, Spread, state_size
from tests.scale.simulation import NOT, Simulation
from tests.scale.world import FAIR, WEATHERS, Dials, Weather

LONG = os.environ.get("P2PNODE_LONG") == "1"
# Each sybil has dialled so many honest nodes before these dial: half of all connections, or three quarters of them.
FIRST = Weather(sybils=0.2, crowd=160 if LONG else 64)
WITHHOLDING = [(n, c) for n in (100, 200) for c in (32, 64, 160)] if LONG else [(80, 64)]


def spread(count: int, weather: Weather, seed: int, records: int, watch: int = 30 * SECOND, **options: bool) -> Spread:
    return Run(count, weather, seed).spread(records, watch=watch, **options)


@pytest.mark.parametrize("count", [10, 100])
def test_in_fair_weather_everybody_has_a_record_within_a_second(count: int) -> None:
    found = spread(count, FAIR, seed=1, records=10)
    assert found.delivered == found.soon == 1
    assert found.ms[2] < 1_000
    assert found.checks == pytest.approx(1 - 1 / count)  # once per node, not per copy; the author's own node: never
    assert 1 - 1 / count <= found.copies <= 8
    assert found.bytes < 6_000


def test_what_a_record_costs_a_node_does_not_grow_with_the_network() -> None:
    small, large = (spread(count, FAIR, seed=1, records=5, watch=20 * SECOND) for count in (40, 120))
    assert large.bytes < 1.25 * small.bytes
    assert large.frames < 1.25 * small.frames
    assert large.hops[1] <= small.hops[1] + 3


@pytest.mark.parametrize("weather", either(["loss", "churn", "foul"], "loss", "churn"))
def test_in_foul_weather_nothing_is_missing_in_the_end(weather: str) -> None:
    found = Run(60, WEATHERS[weather], seed=2)
    assert found.spread(10, watch=MINUTE).delivered == 1
    assert not found.sim.strikes[True]  # nobody honest is taken for somebody else


@pytest.mark.parametrize("seed", range(1, 6 if LONG else 2))
def test_sybils_that_connected_first_keep_nothing_from_honest_nodes(seed: int) -> None:
    found = spread(200, FIRST, seed, records=2, watch=10 * SECOND)
    assert found.worst >= 0.99 and found.soon >= 0.99


def test_control_who_is_content_with_those_that_dialled_it_is_cut_off_by_them() -> None:
    found = Run(200, FIRST, 1, Dials(1, 0, 0)).spread(2, watch=10 * SECOND)
    assert found.worst < 0.99


def test_who_pushes_without_end_is_let_go_and_holds_up_nobody() -> None:
    run = Run(10, Weather(sybils=0.1, crowd=9, spam=80), seed=3)
    found = run.spread(3, watch=10 * SECOND)
    assert found.soon == 1
    assert run.sim.strikes[False] > 0 and not run.sim.strikes[True]
    assert not any(sybil.links for sybil in run.sim.sybils)


def test_a_record_of_a_cell_goes_to_those_that_keep_the_cell_and_to_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "CELL_OF", 10)
    run = Run(90, FAIR, seed=1)  # nine cells, three by three
    assert len({node.home for node in run.sim.honest}) == 9
    corner = next(node for node in run.sim.honest if node.home == world.cells(90)[0])
    record = run.sim.publish(corner, corner.home)
    run.sim.run(run.sim.now + 5 * SECOND)
    holders = {node.home for node in run.sim.honest if record.id in node.catalog}
    assert len(holders) == 4  # the corner and the three that touch it
    assert all(record.id in node.catalog for node in run.sim.honest if node.home in holders)


def cut(visits: int, seed: int) -> list[float]:
    """Sixty nodes fall apart into two halves in which everybody finds connections enough, and records are published
    on both sides; the share of (record, node) that is there at the end of the cut, 2½ minutes, and 5 minutes later."""
    sim = Run(60, FAIR, seed, Dials(visits=visits)).sim
    sim.part([place % 2 == 0 for place in range(60)])
    sim.run(sim.now + 10 * MINUTE)
    records = [sim.publish(node, "") for node in sim.honest[:20]]
    sim.run(sim.now + 10 * SECOND)
    shares = []
    for pause in (0, 150 * SECOND, 150 * SECOND):
        sim.heal()
        sim.run(sim.now + pause)
        shares.append(sum(r.id in node.catalog for node in sim.honest for r in records) / 60 / len(records))
    return shares


@pytest.mark.parametrize("seed", range(1, 11 if LONG else 2))
def test_a_cut_that_heals_closes_by_visits_although_nobody_lacks_a_connection(seed: int) -> None:
    assert cut(VISIT_EVERY, seed) == [0.5, 1, 1]


def test_control_without_visits_a_cut_stays_open() -> None:
    assert cut(0, 1) == [0.5, 0.5, 0.5]


def test_a_run_can_be_repeated() -> None:
    def trace(seed: int) -> tuple[int, list[int], list[list[int]]]:
        sim: Simulation = Run(30, WEATHERS["foul"], seed).sim
        records = [sim.publish(node, "") for node in sim.honest[:3]]
        sim.run(sim.now + 30 * SECOND)
        return sim.events, sim.bytes, [list(sim.at[r.id]) for r in records]

    assert trace(5) == trace(5)
    assert trace(5) != trace(6)


def test_what_the_figures_rest_on() -> None:
    assert line([1, 2, 3], [5, 7, 9]) == (3, 2)
    run = Run(10, FAIR, seed=1)
    assert state_size(run.sim.honest[0]) > 10_000
    record = run.sim.publish(run.sim.honest[0], "")
    assert run.sim.hops[record.id][0] == 0 and run.sim.hops[record.id][1] == NOT
    run.sim.run(run.sim.now + SECOND)
    assert {1, 2} & set(run.sim.hops[record.id])


@pytest.mark.parametrize(("count", "of"), [(64, 1), (256, 4), (640, 10)] if LONG else [(64, 1), (144, 4)])
def test_connections_chosen_by_cell_carry_the_records_of_a_cell_and_those_by_chance_do_not(
    monkeypatch: pytest.MonkeyPatch, count: int, of: int
) -> None:
    monkeypatch.setattr(world, "CELL_OF", of)
    chosen, chance = (
        Run(count, FAIR, 1, Dials(by_cell=k, visits=0)).spread(10, cells=True, watch=20 * SECOND) for k in (BY_CELL, 0)
    )
    assert chosen.delivered >= 0.995
    assert chance.delivered < 0.97


@pytest.mark.parametrize("seed", range(1, 4 if LONG else 2))
@pytest.mark.parametrize(("count", "crowd"), WITHHOLDING)
def test_sybils_that_announce_first_and_withhold_keep_nothing_from_honest_nodes(
    count: int, crowd: int, seed: int
) -> None:
    found = spread(count, Weather(sybils=0.2, crowd=crowd, withhold=True), seed, records=3, watch=10 * SECOND)
    assert found.worst >= 0.99 and found.soon >= 0.99


def test_control_without_links_of_its_own_and_shrinking_turns_who_withholds_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def first_as_long_as_ever(self: Flights, record_id: bytes, now: int, pause: int) -> None:
        self._asked[record_id] = now + (pause or PROMPT), 1

    monkeypatch.setattr("dht.gossip.OWN", 0)
    monkeypatch.setattr(Flights, "take_off", first_as_long_as_ever)
    found = spread(80, Weather(sybils=0.2, crowd=64, withhold=True), 1, records=3, watch=10 * SECOND)
    assert found.worst < 0.99
