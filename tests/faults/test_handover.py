"""A parcel goes from Anna by Ben to Dora; one of them is killed at a step of a hand-over, or put back to an older disk.

Killed: everybody comes to see it at Dora's. Put back, with who took it away for the first minutes, and a user who gives
it to whoever comes along: no two receipts by one giver of the same thing are ever signed, and all see the same holder.
Controls: nothing is said again after a restart; and nothing is asked after a restore.
"""

from collections.abc import Iterator

import pytest

from p2pnode.core.unsure import Unsure
from protocols.limits import MINUTE
from protocols.parcel import trace
from protocols.receipt import Receipt
from tests.e2e import killer
from tests.faults.cutting import CONTROL_SEED, CONTROL_TURNS, PATIENCE, Case, Cut, Step, caught_in, tried
from tests.faults.figures import length, record
from tests.faults.test_partner import forgets_what_is_unsaid
from tests.sim.simulator import Node
from tests.sim.street import look, street
from tests.sim.test_restored import copy_of, restored

STEPS: tuple[Step, ...] = (
    ("Anna", "parcel.give", 0),
    ("Ben", "offered", 0),
    ("Ben", "parcel.take", 0),
    ("Anna", "receipt", 0),
    ("Ben", "parcel.give", 0),
    ("Dora", "offered", 0),
    ("Dora", "parcel.take", 0),
    ("Ben", "receipt", 0),
)
EITHER = {"Anna": ("Anna", "Ben"), "Ben": ("Anna", "Ben"), "Dora": ("Ben", "Dora")}  # the two of the hand-over
LOOK_EVERY = 4_000


class Parcel:
    """Users who give and take what their nodes say they can."""

    def __init__(self, sim: Cut) -> None:
        self.sim = sim
        self.nodes = street(sim)
        self.anna, self.ben, self.cleo, self.dora = self.nodes
        sim.run(MINUTE)
        listing = sim.ask_now(self.ben, "listing.publish", direction="offer", kind="deliver", title="Ride", price="1")
        sim.run(MINUTE)
        made = sim.ask_now(self.anna, "exchange.propose", listing=listing["listing_id"], to=self.dora.peer_id)
        self.exchange = made["exchange_id"]
        sim.run(MINUTE)
        sim.ask_now(self.ben, "exchange.accept", id=self.exchange)
        sim.run(MINUTE)
        self.network = next(iter(self.anna.core.state.networks))
        held = self.anna.core.exchanges.held[bytes.fromhex(self.exchange)]
        self.parcel = held.first.parcel
        self.forgetful: Node | None = None  # gives it to Cleo, whatever was before
        for node in self.nodes:
            self._later(node)

    def _later(self, node: Node) -> None:
        self.sim.at(self.sim.now + LOOK_EVERY + self.sim.rng.randrange(1_000), lambda: self._look(node))

    def _look(self, node: Node) -> None:
        self._later(node)
        if not node.alive:
            return
        shown = look(node, "parcel.list", self.sim.now)
        for offer in shown["offered"]:
            if not offer["problem"]:
                self.sim.ask(node, "parcel.take", id=offer["id"])
        for row in shown["parcels"]:
            if row["mine"] and node is self.forgetful:
                self.sim.ask(node, "parcel.give", exchange=self.exchange, to=self.cleo.peer_id)
            elif row["mine"] and node in (self.anna, self.ben) and not row["offered_to"]:
                self.sim.ask(node, "parcel.give", exchange=self.exchange)

    def receipts(self, *nodes: Node) -> list[Receipt]:
        """What these hold of it, together."""
        return [*{r.id: r for n in nodes for r in n.core.parcels.receipts(self.network, self.parcel)}.values()]

    def holder(self, node: Node) -> str:
        return str(look(node, "parcel.show", self.sim.now, id=self.parcel.hex())["holder"])

    def check(self) -> None:
        """What is signed everywhere has one holder, and nobody gave it twice."""
        parties = (self.anna.core.state.me, self.ben.core.state.me)
        custody = trace(self.receipts(*self.nodes), parties)
        assert not custody.forks, f"{custody.forks[0][0].giver.hex()[:8]} gave it twice"
        holder = self.anna.core.state.directory.peer_id(custody.holder)
        assert {self.holder(node) for node in (self.anna, self.ben)} == {holder}, "not all know who has it"


def killed(case: Case) -> None:
    """One way of the parcel with one kill. `AssertionError` if it does not arrive, or not all know it."""
    step, victim, seed = case
    sim = Cut(seed, step)
    parcel = Parcel(sim)
    sim.victim = next(n for n in parcel.nodes if n.name == victim)
    end = sim.now + PATIENCE
    everybody = (parcel.anna, parcel.ben, parcel.dora)
    while sim.now < end and not (sim.fired and all(n.alive and _arrived(parcel, n) for n in everybody)):
        sim.run(10_000)
        views = [trace(parcel.receipts(n), (parcel.anna.core.state.me, parcel.ben.core.state.me)) for n in parcel.nodes]
        assert not any(view.forks for view in views)
    assert sim.fired, "the step was never made"
    assert all(_arrived(parcel, n) for n in everybody), "it did not arrive for all of them"
    parcel.check()


def _arrived(parcel: Parcel, node: Node) -> bool:
    held = parcel.receipts(node)
    return bool(held) and len(held) == 2 and parcel.holder(node) == parcel.dora.peer_id


def put_back(case: Case) -> None:
    """The victim loses its disk and goes on from one of before the hand-overs; the others are away for a while."""
    step, victim, seed = case
    sim = Cut(seed, step)
    parcel = Parcel(sim)
    sim.victim = next(n for n in parcel.nodes if n.name == victim)
    before = copy_of(sim.victim.disk)

    def lose(node: Node) -> None:
        sim.crash(node, away=5_000)
        node.disk = restored(before)
        parcel.forgetful = node
        for other in (parcel.anna, parcel.ben, parcel.dora):
            if other is not node:
                sim.crash(other, away=3 * MINUTE)

    sim.killed = lose
    end = sim.now + PATIENCE
    while not sim.fired and sim.now < end:
        sim.run(10_000)
    assert sim.fired, "the step was never made"
    sim.run(12 * MINUTE)
    parcel.check()


def matrix(times: int, first: int, victims: tuple[str, ...] = ("Anna", "Ben", "Dora")) -> Iterator[Case]:
    for turn in range(times):
        for number, step in enumerate(STEPS):
            for victim in EITHER[step[0]]:
                if victim in victims:
                    yield step, victim, first + turn * 1_000 + number * 2 + (victim != step[0])


@pytest.mark.parametrize("how", ["killed", "put back"])
def test_a_hand_over_at_any_step(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, times = killer.seed(), length(1, 4)
    trial = killed if how == "killed" else put_back
    givers = ("Anna", "Ben", "Dora") if how == "killed" else ("Anna", "Ben")
    done, problems = tried(trial, matrix(times, first, givers))
    if how == "killed":
        forgets_what_is_unsaid(monkeypatch)
    else:
        monkeypatch.setattr(Unsure, "why_not", lambda *_: "")
    control, caught = caught_in(trial, matrix(CONTROL_TURNS, CONTROL_SEED, givers))
    record(
        "handover",
        how=how,
        trials=done + len(problems),
        failures=len(problems),
        control_trials=control + len(caught),
        control_failures=len(caught),
    )
    assert not problems, problems[:10]
    assert caught, "the control must fail"
    if how == "put back":
        assert any("gave it twice" in problem for problem in caught)
