"""A street in the simulator: neighbours who join, publish, and finish whatever exchange they are in."""

from random import Random
from typing import Any

from p2pnode import commands
from p2pnode.core.core import Core
from p2pnode.core.effects import Reply
from p2pnode.core.events import Command
from protocols.errors import Refusal
from protocols.genesis import Genesis, found
from protocols.identity import incept
from tests.sim.simulator import START, Faults, Node, Simulator

LOOK_EVERY = 4_000  # how often people look at what waits for them


def street(sim: Simulator, names: tuple[str, ...] = ("Anna", "Ben", "Cleo", "Dora")) -> list[Node]:
    """Anna founds a network with credit; the others join by her invite, the last one by her address alone."""
    nodes = [sim.spawn(name) for name in names]
    anna = nodes[0]
    signer, _ = incept(anna.entropy)
    genesis = Genesis(
        name="Elm Street",
        unit="hour",
        decimals=2,
        endowments=((signer.author, 10_000),),
        stewards=(signer.author,),
        quorum=1,
        newcomer_limit=1_000,
        open=True,
        area="u33dc",
        salt=bytes(16),
    )
    anna.genesis = (found(signer, genesis, START).wire,)
    sim.perform(anna, anna.core.begin(sim.now, anna.genesis))
    for node in nodes[1:-1]:
        link = sim.ask_now(anna, "invite")["link"]
        assert sim.ask_now(node, "join", target=link)["state"] == "joined"
    assert sim.ask_now(nodes[-1], "join", target=anna.address)["state"] == "joined"
    return nodes


def look(node: Node, name: str, now: int, **fields: Any) -> Any:
    """Read from a core without touching the run: a reading command has no effect but its reply."""
    core: Core = node.core
    effects = core.handle(Command(-1, name, commands.parse_args(name, fields)), now)
    replies = [e.result for e in effects if isinstance(e, Reply)]
    assert len(replies) == 1, (name, effects)
    return replies[0]


class People:
    """Each user looks now and then, and does the first thing that is his to do; sometimes he counters first."""

    def __init__(self, sim: Simulator, nodes: list[Node], rng: Random) -> None:
        self._sim = sim
        self._rng = rng
        self.refused: list[tuple[str, str]] = []
        for node in nodes:
            self._later(node)

    def _later(self, node: Node) -> None:
        self._sim.at(self._sim.now + LOOK_EVERY + self._rng.randrange(1_000), lambda: self._look(node))

    def _look(self, node: Node) -> None:
        self._later(node)
        if not node.alive:
            return
        for shown in look(node, "exchange.list", self._sim.now):
            typed = [step["command"].split() for step in shown["next"] if step["who"] == "you"]
            mine = [words[2] if words[1] == "exchange" else words[1] for words in typed]
            if not mine:
                continue
            exchange = shown["exchange_id"]
            if "counter" in mine and shown["status"] == "proposed" and self._rng.random() < 0.4:
                self._do(node, "exchange.counter", id=exchange, price="1.50/hour")
            elif mine[0] == "attest":
                self._do(node, "attest", exchange=exchange, outcome=2)
            else:
                self._do(node, f"exchange.{mine[0]}", id=exchange)

    def _do(self, node: Node, name: str, **fields: Any) -> None:
        def answered(result: Any) -> None:
            if isinstance(result, Refusal):
                self.refused.append((name, result.message))

        self._sim.ask(node, name, answered, **fields)


def storm(rng: Random) -> Faults:
    """Bad weather: each fault at a random strength."""
    return Faults(
        loss=rng.uniform(0, 0.3),
        duplicate=rng.uniform(0, 0.3),
        broken=rng.uniform(0, 0.02),
        crash=rng.uniform(0, 0.03),
        power_cut=rng.uniform(0, 0.01),
    )
