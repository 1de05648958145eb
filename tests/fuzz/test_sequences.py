"""Malformed frames of all protocols, one after the other, to cores in the midst of a trade with one another: the trade
completes, the ledgers are sound, and nobody but who sent them pays.
"""

from random import Random

import pytest

from p2pnode.core.effects import Effect, Penalize, Write
from p2pnode.core.events import Received
from tests.faults.figures import length
from tests.p2pnode.lab import EVES_PEER, Lab
from tests.sim.simulator import Node, Simulator
from tests.sim.street import look
from tests.sim.test_street import chain

from .cores import moments_of, signers
from .mutate import mutated
from .table import FACTOR, Target, attempt

SPOKEN = ("join", "gossip", "exchange", "ledger", "recovery", "vouch")
STEPS = ("accept", "handover", "confirm", "return", "confirm", "pay")


class Besieged:
    """Ben and Cleo trade; Eve says what she likes to both, in between, always."""

    def __init__(self, seed: int, frames: int) -> None:
        self.lab = Lab(seed)
        self.rng = Random(seed)
        self.frames = frames
        self.struck: set[str] = set()
        self.said = 0
        for node in (self.lab.ben, self.lab.cleo):
            self.lab.meet(node)
        self.network = self.lab.network(self.lab.ben).id

    def frame(self) -> tuple[str, bytes]:
        """Of a true one of another street, with the name of this one in it as often as not."""
        moment = self.rng.choice(moments_of(self.rng.choice(SPOKEN)))
        data = moment.data
        if self.rng.random() < 0.7:
            theirs = next(iter(self.lab.sim.nodes.values())).core.state.networks
            data = data.replace(_network_of(data), next(iter(theirs)))
        return moment.protocol, mutated(data, self.rng, signers())[:65_536]

    def assault(self) -> None:
        for node in (self.lab.ben, self.lab.cleo):
            for _ in range(self.frames):
                protocol, data = self.frame()
                self.hear(node, protocol, data)

    def hear(self, node: Node, protocol: str, data: bytes) -> None:
        effects: list[Effect] = []

        def run(frame: bytes) -> None:
            effects.extend(node.core.handle(Received(EVES_PEER, protocol, frame), self.lab.now))

        attempt(Target(protocol, run, list), data, FACTOR)
        self.said += 1
        self.struck |= {effect.peer for effect in effects if isinstance(effect, Penalize)}
        self.lab.sim.perform(node, [effect for effect in effects if isinstance(effect, Write)])


def _network_of(frame: bytes) -> bytes:
    """The first 16 bytes that stand as such in a frame; some others if there are none."""
    at = frame.find(b"\xc4\x10")
    return frame[at + 2 : at + 18] if at >= 0 else b"\xff" * 16


def settled(sim: Simulator, node: Node) -> bool:
    return any(x["receipt"] for x in look(node, "exchange.list", sim.now))


@pytest.mark.parametrize("seed", range(length(3, 100)))
def test_an_honest_exchange_completes_whatever_a_stranger_says_in_between(seed: int) -> None:
    siege = Besieged(seed, length(12, 100))
    lab = siege.lab
    listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="rent", title="Snowblower", price="2/hour")
    siege.assault()
    lab.sim.run(60_000)
    made = lab.ask(lab.cleo, "exchange.propose", listing=listing["listing_id"], quantity=1)
    people = {"accept": lab.ben, "handover": lab.ben, "return": lab.cleo, "pay": lab.cleo}
    confirms = iter((lab.cleo, lab.ben))
    for step in STEPS:
        siege.assault()
        lab.ask(people.get(step) or next(confirms), f"exchange.{step}", id=made["exchange_id"])
    siege.assault()
    lab.sim.run(5 * 60_000)
    assert settled(lab.sim, lab.ben) and settled(lab.sim, lab.cleo)
    for node in (lab.ben, lab.cleo):
        chain(node, [made["exchange_id"]])
    assert siege.struck == {EVES_PEER}
    assert siege.said == 2 * siege.frames * (len(STEPS) + 2)
