"""Exchanges of form 2 between whole cores in a storm: both see the same in the end, and no value is gone or made."""

import os
from random import Random
from typing import Any

import pytest

from protocols.errors import Refusal
from protocols.limits import DAY, MINUTE
from tests.longer import seeds
from tests.sim.simulator import Faults, Simulator
from tests.sim.street import People, look, storm, street

SEEDS = int(os.environ.get("P2PNODE_SEEDS_FORM2", "200" if os.environ.get("P2PNODE_LONG") else "6"))
KINDS = ("rent", "service", "sell")


@pytest.mark.parametrize("seed", seeds(SEEDS, 2))
def test_a_storm_over_exchanges_of_the_second_form(seed: int) -> None:
    sim = Simulator(seed)
    nodes = street(sim)
    _, ben, cleo, _ = nodes
    listings = [
        sim.ask_now(ben, "listing.publish", direction="offer", kind=kind, title=kind, price="1")["listing_id"]
        for kind in KINDS
    ]
    sim.run(MINUTE)
    sim.faults = storm(Random(seed))
    people = People(sim, nodes, Random(seed + 1))
    begun: list[Any] = []
    for listing in listings:
        sim.ask(cleo, "exchange.propose", begun.append, listing=listing, mediator="Anna", within=DAY)
        sim.run(20_000)
    sim.run(3 * MINUTE)
    sim.faults = Faults()
    sim.run(12 * MINUTE)
    made = [b["exchange_id"] for b in begun if not isinstance(b, Refusal)]
    assert not [b.message for b in begun if isinstance(b, Refusal) and b.code == "internal"]
    assert not [m for _, m in people.refused if "Traceback" in m or "internal" in m]
    mine, theirs = ({x["exchange_id"]: x for x in look(n, "exchange.list", sim.now)} for n in (ben, cleo))
    for id_ in made:
        one, other = mine[id_], theirs[id_]
        assert one["terms"]["form"] == 2
        for key in ("status", "terms", "dispute", "amended", "waits_for_goal"):
            assert one[key] == other[key], key
        assert [(d["id"], d["state"]) for d in one["duties"]] == [(d["id"], d["state"]) for d in other["duties"]]
        assert one["status"] == "closed"
        assert [p["state"] for p in one["payments"]] == [p["state"] for p in other["payments"]] == ["settled"]
    balances = [look(n, "ledger.balance", sim.now)["balance"]["amount"] for n in nodes]
    assert sum(balances) == 0
