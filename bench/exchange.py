"""What a step of an exchange costs a node that has many of them open at the same time.

One real core on a real store, its neighbours simulated (`tests.sim`) on virtual time: all exchanges are agreed first,
then each goes on, step by step, among all the others. A step is one event, a frame that has come or a command of the
user, from its arrival to its effects; what the store takes to write and sync them is measured beside it. Form 1 are
sales, form 2 the same with a time limit; both are paid through the ledger.
"""

import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.report import Figure, arguments, show
from p2pnode import commands
from p2pnode.core.effects import Effect, Reply, Write
from p2pnode.core.events import Command, Event, Received
from p2pnode.store import Store
from protocols.errors import Refusal
from tests.sim import simulator
from tests.sim.simulator import Node, Simulator
from tests.sim.street import street

TARGET = 50.0  # ms, of 99 of 100 steps
WAVE = 8  # proposals of one neighbour that wait at a time: a node keeps 16


class Watched(Simulator):
    """The first node is on a disk, and what it does is timed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(1)
        self.folder = folder
        self.steps: dict[str, list[float]] = {}
        self.writes: list[float] = []
        self.first: Node | None = None
        self.watching = False

    def spawn(self, name: str, area: str = "u33dc", ip: str = "127.0.0.1") -> Node:
        if self.first is not None:
            return super().spawn(name, area, ip)
        with patch.object(simulator, "MemoryStore", lambda: Store.open(self.folder / "store")):
            self.first = super().spawn(name, area, ip)
        return self.first

    def handle(self, node: Node, event: Event) -> None:
        if node is not self.first or not self.watching or not isinstance(event, Received | Command):
            return super().handle(node, event)
        began = time.perf_counter()
        effects: list[Effect] = node.core.handle(event, self.clock(node))
        name = event.name if isinstance(event, Command) else "received"
        self.steps.setdefault(name, []).append((time.perf_counter() - began) * 1e3)
        for effect in effects:
            if isinstance(effect, Reply) and isinstance(effect.result, Refusal):
                raise SystemExit(f"{name}: {effect.result}")
        self.perform(node, effects)

    def perform(self, node: Node, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Write) and node is self.first and self.watching:
                began = time.perf_counter()
                super().perform(node, [effect])
                self.writes.append((time.perf_counter() - began) * 1e3)
            else:
                super().perform(node, [effect])


def trade(sim: Watched, count: int, **asked: Any) -> list[str]:
    """So many exchanges, agreed, then carried out, in as many rounds as there are steps. Their ids."""
    owner, *others = street(sim, ("Anna", *(f"N{k}" for k in range(10)), "Dora"))[:-1]
    listing = sim.ask_now(
        owner, "listing.publish", direction="offer", kind="sell", title="Eggs", price="0.01", quantity=1_000_000
    )["listing_id"]
    sim.run(60_000)
    ids: dict[str, Node] = {}
    sim.watching = True
    while len(ids) < count:
        made: list[tuple[Node, dict[str, Any]]] = []
        for node in others:
            for _ in range(min(WAVE, count - len(ids) - len(made))):
                number = f"{len(ids) + len(made)}"
                sim.ask(
                    node,
                    "exchange.propose",
                    partial(_put, made, node),
                    listing=listing,
                    note=number,
                    **asked,
                )
                sim.run(50)
        sim.run(3_000)
        for node, shown in made:
            if isinstance(shown, Refusal):
                raise SystemExit(f"propose: {shown}")
            ids[shown["exchange_id"]] = node
            sim.ask(owner, "exchange.accept", id=shown["exchange_id"])
            sim.run(50)
        sim.run(3_000)
    for word, by_owner in (("handover", True), ("confirm", False), ("pay", False)):
        for id_, node in ids.items():
            sim.ask(owner if by_owner else node, f"exchange.{word}", id=id_)
            sim.run(50)
        sim.run(20_000)
    sim.watching = False
    return list(ids)


def _put(made: list[tuple[Node, dict[str, Any]]], node: Node, answer: dict[str, Any]) -> None:
    made.append((node, answer))


def quantile(times: list[float], part: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]


def reading(sim: Watched, name: str, times: int, **fields: Any) -> float:
    """The median of a command that only reads, ms."""
    assert sim.first is not None
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        sim.first.core.handle(Command(-1, name, commands.parse_args(name, fields)), sim.now)
        taken.append((time.perf_counter() - began) * 1e3)
    return quantile(taken, 0.5)


def measure(count: int, form: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="p2pnode-exchange-") as folder:
        sim = Watched(Path(folder))
        ids = trade(sim, count, **({"within": 86_400_000} if form == 2 else {}))
        assert sim.first is not None
        shown = sim.ask_now(sim.first, "exchange.show", id=ids[0])
        if shown["terms"]["form"] != form or shown["payments"][0]["state"] != "settled":
            raise SystemExit(f"not as meant: form {shown['terms']['form']}, {shown['status']}")
        steps = [t for times in sim.steps.values() for t in times]
        of = f"form {form}"
        name = f"exchange_form{form}"
        figures = [
            Figure(f"{name}_step_p50_ms", quantile(steps, 0.5), "ms", f"a step, {of}: half of them"),
            Figure(f"{name}_step_p99_ms", quantile(steps, 0.99), "ms", f"a step, {of}: 99 of 100", at_most=TARGET),
            Figure(f"{name}_step_max_ms", max(steps), "ms", f"a step, {of}: the slowest of {len(steps):,}"),
            Figure(f"{name}_write_p50_ms", quantile(sim.writes, 0.5), "ms", "beside it: writing and syncing a batch"),
            Figure(f"{name}_write_p99_ms", quantile(sim.writes, 0.99), "ms", "beside it: 99 of 100 batches"),
            Figure(f"{name}_list_ms", reading(sim, "exchange.list", 3), "ms", f"exchange.list, all {count:,}"),
            Figure(f"{name}_show_ms", reading(sim, "exchange.show", 20, id=ids[0]), "ms", "exchange.show, one"),
        ]
        for word, times in sorted(sim.steps.items()):
            label = word.rpartition(".")[2]
            figures.append(Figure(f"{name}_{label}_p99_ms", quantile(times, 0.99), "ms", f"{word}: 99 of 100"))
        return figures


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--exchanges", type=int, default=1_000)
    parser.add_argument("--form", type=int, choices=(1, 2), help="only sales of this form (default: both)")
    options = parser.parse_args()
    forms = (1, 2) if options.form is None else (options.form,)
    figures = [f for form in forms for f in measure(options.exchanges, form)]
    return show(f"{options.exchanges:,} exchanges at the same time on one node", figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
