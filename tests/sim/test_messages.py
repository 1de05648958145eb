"""Messages through loss, reordering, crashes and power cuts: each arrives, once, and both know it in the end."""

import os
from collections import Counter
from random import Random
from typing import Any

import pytest

from p2pnode.core.effects import Effect, Emit
from protocols.limits import MINUTE
from tests.longer import seeds
from tests.sim.simulator import Faults, Node, Simulator
from tests.sim.street import look, storm, street
from tests.sim.test_restored import copy_of, put_back, restored

SEEDS = int(os.environ.get("P2PNODE_SEEDS", "100" if os.environ.get("P2PNODE_LONG") else "30"))
EACH = 8


def listed(sim: Simulator, node: Node) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = look(node, "message.list", sim.now)
    return rows


def listen(sim: Simulator) -> Counter[tuple[str, str]]:
    """How often the user of a node was told that a message came, by node and message."""
    told: Counter[tuple[str, str]] = Counter()
    carry_out = sim._carry_out

    def noting(node: Node, life: int, effect: Effect) -> None:
        if isinstance(effect, Emit) and effect.kind == "message":
            told[node.name, effect.data["id"]] += 1
        carry_out(node, life, effect)

    sim._carry_out = noting  # type: ignore[method-assign]
    return told


def talk(sim: Simulator, pairs: list[tuple[Node, Node]], rng: Random) -> None:
    for number in range(EACH):
        for sender, reader in pairs:
            text = f"{sender.name} to {reader.name}, {number}"
            sim.at(
                sim.now + rng.randrange(2 * MINUTE),
                lambda s=sender, r=reader, t=text: sim.ask(s, "message.send", peer=r.name, text=t),
            )


@pytest.mark.parametrize("seed", seeds(SEEDS, 10))
def test_each_arrives_once_whatever_the_weather(seed: int) -> None:
    sim = Simulator(seed)
    told = listen(sim)
    _, ben, cleo, dora = street(sim)
    sim.run(MINUTE)
    for one, other in ((ben, cleo), (cleo, ben), (ben, dora), (dora, ben)):
        sim.ask_now(one, "message.send", peer=other.name, text="Hello")  # now they know each other
    sim.faults = storm(Random(seed))
    talk(sim, [(ben, cleo), (cleo, ben), (dora, ben)], Random(seed + 1))
    sim.run(3 * MINUTE)
    sim.faults = Faults()
    sim.run(15 * MINUTE)
    expected = Counter(
        f"{s} to {r}, {n}" for s, r in (("Ben", "Cleo"), ("Cleo", "Ben"), ("Dora", "Ben")) for n in range(EACH)
    )
    arrived: Counter[str] = Counter()
    for node in (ben, cleo, dora):
        for row in listed(sim, node):
            if row["to_name"] == "you" and row["text"] != "Hello":
                arrived[row["text"]] += 1
            elif row["from_name"] == "you":
                assert row["state"] == "delivered", (node.name, row)
    assert arrived == expected
    assert max(told.values()) == 1, "who reads a message is told of it once"
    assert not any(node.core.outbox.items for node in (ben, cleo, dora))
    same = [{row["id"] for row in listed(sim, node) if "Cleo" in row["text"]} for node in (ben, cleo)]
    assert same[0] == same[1]


def test_an_older_disk_sends_again_what_is_there_already_and_nothing_is_doubled() -> None:
    sim = Simulator(5)
    _, ben, cleo, _ = street(sim)
    sim.run(MINUTE)
    sim.crash(ben, away=2 * MINUTE)
    sim.ask_now(cleo, "message.send", peer="Ben", text="one")
    disk = copy_of(cleo.disk)
    sim.run(5 * MINUTE)
    assert listed(sim, cleo)[0]["state"] == "delivered"
    put_back(sim, cleo, restored(disk))
    sim.run(1_000)
    sim.run(10 * MINUTE)
    assert [row["state"] for row in listed(sim, cleo)] == ["delivered"]
    assert [row["text"] for row in listed(sim, ben)] == ["one"]
