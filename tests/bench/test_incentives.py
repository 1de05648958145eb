"""The simulation of incentives: that it keeps its own books, and that its figures can come out badly."""

import random

import pytest

from bench.incentives import earned, figures, year
from bench.incentives_pairs import EXIT, pairs, summary
from bench.incentives_people import DISHONEST, HONEST, people
from bench.incentives_systems import SYSTEMS
from bench.incentives_world import World


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("system", [s for s in SYSTEMS if s != "p2pnode"])
def test_credit_is_conserved_and_nobody_is_over_his_limit(system: str, free: bool) -> None:
    world = World(system, free, 60, 3)
    world.run()
    assert sum(m.balance for m in world.members) == 0
    founders = sum(1 for p in world.people if p.founder)
    granted = sum(m.limit for m in world.members)
    assert granted == 2000 * founders if not free else granted > 2000 * founders
    late = [d for deals in world.due.values() for d in deals]  # of the last days
    held = {m: 0 for m in world.members}
    for deal in late:
        held[deal.buyer] += deal.price
    assert {m: m.held for m in world.members} == held
    assert all(m.spendable >= 0 for m in world.members)


def test_one_seed_is_one_year_and_another_one_another() -> None:
    assert year("beta", False, 60, [1]) == year("beta", False, 60, [1])
    assert [p.total for p in World("beta", False, 60, 1).run()] != [p.total for p in World("beta", False, 60, 2).run()]


def test_where_nothing_protects_them_the_honest_earn_less_than_thieves() -> None:
    """The control: the criterion fails where it should."""
    found = year("none", True, 60, [1])
    assert found.best > 2
    assert all(found.taken[kind] > 0 for kind in ("whitewasher", "sybil ring", "exit scammer"))


def test_years_are_judged_by_their_means_with_what_they_leave_open() -> None:
    one = year("none", False, 60, [1])
    years = [one._replace(income={**one.income, EXIT: part * one.income[HONEST]}) for part in (0.5, 1.0, 1.2)]
    found = earned(EXIT, years)
    assert round(found.ratio, 9) == 0.9
    assert 0.5 <= found.low < found.ratio < found.high <= 1.2
    assert earned("whitewasher", [year("none", True, 60, [1])] * 2).low > 1, "the control: thieves who gain are seen"


def test_a_fifth_is_dishonest_and_every_way_of_it_is_there() -> None:
    found = [p.kind for p in people(200, random.Random(1))]
    assert found.count(HONEST) == 160
    assert all(found.count(kind) in (6, 7) for kind in DISHONEST)


@pytest.mark.parametrize("kind", [EXIT, "whitewasher"])
def test_who_is_looked_at_twice_is_honest_in_the_one_year_which_the_copies_leave_as_it_was(kind: str) -> None:
    found = pairs(kind, 60, 1, system="beta")
    honest = [p.a_year for p in World("beta", False, 60, 1).run() if p.honest and not p.founder]
    assert sorted(pair.honest for pair in found) == sorted(honest)
    assert any(pair.lost for pair in found)


def test_where_nothing_protects_them_the_same_persons_had_better_been_thieves() -> None:
    """The control: in pairs, too, the criterion fails where it should; and only who leaves has last days."""
    plundering, leaving = (pairs(kind, 60, 1, system="none") for kind in ("whitewasher", EXIT))
    assert summary(plundering).ratio > 1
    assert sum(pair.lost for pair in plundering) > sum(pair.lost for pair in leaving) > 0
    assert all(0 <= pair.debt <= 3 for pair in leaving)


def test_what_is_judged_is_the_upper_end_of_what_the_years_leave_open() -> None:
    one = year("none", False, 60, [1])
    sure, open_ = (
        [one._replace(income={k: part * one.income[HONEST] for k in one.income} | {HONEST: one.income[HONEST]})]
        for part in (0.8, 1.3)
    )
    names = ["incentives_best_dishonesty", "incentives_best_dishonesty_upper"]
    met = [{f.name: f.met for f in figures(years, one, one)} for years in (sure * 9, sure * 7 + open_ * 2, open_)]
    assert [[each[name] for name in names] for each in met] == [[True, True], [True, False], [False, False]]
