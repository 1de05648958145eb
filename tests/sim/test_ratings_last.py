"""Ratings outlast the disk of whom they are about, and the keys of all who signed for them."""

from random import Random

import pytest

from p2pnode.core.core import Core
from p2pnode.core.events import Woke
from p2pnode.core.state import Settings
from p2pnode.store import MemoryStore
from protocols.codec import encode
from protocols.envelope import seal
from protocols.identity import Inception, Signer, derive_seed, digest, incept, parse_inception
from protocols.limits import DURABLE_LIFETIME, MINUTE
from protocols.rotation import rotation_name
from tests.sim.simulator import Node, Simulator
from tests.sim.street import look, street
from tests.sim.test_restored import settled


class Rotating(Simulator):
    """Nodes whose users replace their keys."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.epochs: dict[bytes, int] = {}

    def _core(
        self, name: str, entropy: bytes, peer_id: str, area: str, disk: MemoryStore, now: int | None = None
    ) -> Core:
        settings = Settings(name=name, area=area, peer_id=peer_id, box=bytes(32))
        key = signer(entropy, self.epochs.get(entropy, 0))
        return Core(disk, key, settings, Random(self.rng.random()), self.now if now is None else now)

    def rotate(self, node: Node) -> None:
        """The node stops, and goes on with the next key, which its rotation proves to all."""
        before = node.core
        epoch = self.epochs[node.entropy] = self.epochs.get(node.entropy, 0) + 1
        new = signer(node.entropy, epoch)
        network = next(iter(before.state.networks.values()))
        following = digest(signer(node.entropy, epoch + 1).public_key)
        said = {"key": new.public_key, "next_hash": following, "seq": network.chain.state.count - 1}
        record = seal(
            new,
            network=network.id,
            kind="rotation",
            name=rotation_name(epoch),
            created=self.now,
            until=self.now + DURABLE_LIFETIME,
            payload=encode(said),
        )
        before.state.publish(network, record, self.now)
        self.perform(node, before.handle(Woke(), self.now))
        self.run(MINUTE)
        self.crash(node)
        self.run(3 * MINUTE)


def signer(entropy: bytes, epoch: int) -> Signer:
    inception: Inception = parse_inception(incept(entropy)[0].inception)
    return Signer(derive_seed(entropy, epoch), inception, epoch)


def traded(sim: Simulator, ben: Node, cleo: Node) -> str:
    id_ = settled(sim, ben, cleo)
    for node in (ben, cleo):
        sim.ask_now(node, "attest", exchange=id_, outcome=2 if node is ben else -1)
    sim.run(2 * MINUTE)
    return id_


def ratings(node: Node) -> set[tuple[object, ...]]:
    network = next(iter(node.core.state.networks.values()))
    held = node.core.reputations.ratings(network)
    return {(r.rater, r.ratee, r.deal, r.at, r.outcome) for r in held}


def newcomer(sim: Simulator, anna: Node) -> Node:
    eve = sim.spawn("Eve")
    sim.ask_now(eve, "join", target=sim.ask_now(anna, "invite")["link"])
    sim.run(5 * MINUTE)
    return eve


def scores(node: Node, of: tuple[Node, ...], now: int) -> list[float]:
    shown = [look(node, "reputation", now, peer=each.peer_id) for each in of]
    return [round(s["score"], 3) for s in shown]


def test_whoever_joins_later_holds_the_ratings_of_one_who_is_gone_for_good() -> None:
    sim = Simulator(11)
    anna, ben, cleo, _ = street(sim)
    traded(sim, ben, cleo)
    said = ratings(anna)
    assert len(said) == 2
    for gone in (ben, cleo):
        sim.crash(gone, away=10 * 365 * 24 * 60 * MINUTE)
    sim.run(MINUTE)
    assert ratings(newcomer(sim, anna)) == said


@pytest.mark.parametrize("who", ["rater and ratee", "rater"])
def test_ratings_are_carried_over_when_keys_are_replaced(who: str) -> None:
    sim = Rotating(12)
    anna, ben, cleo, _ = street(sim)
    traded(sim, ben, cleo)
    said, before = ratings(anna), scores(anna, (ben, cleo), sim.now)
    sim.rotate(ben)
    if who == "rater and ratee":
        sim.rotate(cleo)
    assert ratings(anna) == said and scores(anna, (ben, cleo), sim.now) == before
    eve = newcomer(sim, anna)
    assert ratings(eve) == said
    assert scores(eve, (ben, cleo), sim.now) == scores(anna, (ben, cleo), sim.now)


def test_who_goes_on_with_a_key_that_was_replaced_is_told() -> None:
    sim = Rotating(14)
    _, ben, _, _ = street(sim)
    sim.rotate(ben)
    assert not [w for w in look(ben, "status", sim.now)["warnings"] if "key" in w]
    del sim.epochs[ben.entropy]  # as from an older backup
    sim.crash(ben)
    sim.run(3 * MINUTE)
    assert [w for w in look(ben, "status", sim.now)["warnings"] if "p2pnode key rotate again" in w]


def test_what_was_signed_with_a_key_in_between_still_proves_a_deal() -> None:
    sim = Rotating(13)
    anna, ben, cleo, _ = street(sim)
    for node in (ben, cleo):
        sim.rotate(node)
    id_ = traded(sim, ben, cleo)
    said = ratings(anna)
    assert {r[2].hex() for r in said} == {id_}
    for node in (ben, cleo):
        sim.rotate(node)
    assert ratings(anna) == said
    assert ratings(newcomer(sim, anna)) == said
