"""A clock that is wrong, at start or all at once: nothing acknowledged is lost, and put right, everything goes on."""

import pytest

from p2pnode.core.effects import Effect, Penalize
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from tests.sim.simulator import START, Node, Simulator
from tests.sim.street import look, street

YEAR = 365 * DAY + 6 * HOUR
CLOCKS = {
    "an hour behind": -HOUR,
    "an hour ahead": HOUR,
    "1970": -START,
    "2038": 2**31 * 1_000 + DAY - START,
    "ten years behind": -10 * YEAR,
    "ten years ahead": 10 * YEAR,
}


class Watched(Simulator):
    """Notes who is given a strike."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.strikes: list[tuple[str, str]] = []

    def _carry_out(self, node: Node, life: int, effect: Effect) -> None:
        if isinstance(effect, Penalize):
            self.strikes.append((node.name, effect.reason))
        super()._carry_out(node, life, effect)


def own(sim: Simulator, node: Node) -> set[str]:
    return {row["listing_id"] for row in look(node, "listing.list", sim.clock(node))}


def test_what_is_agreed_on_a_clock_that_all_neighbours_contradict_is_signed_later() -> None:
    sim = Watched(2)
    _, ben, cleo, _ = street(sim)
    offer = sim.ask_now(ben, "listing.publish", direction="offer", kind="rent", title="Saw", price="2/hour")
    sim.run(MINUTE)
    first = sim.ask_now(cleo, "exchange.propose", listing=offer["listing_id"], quantity=1)["exchange_id"]
    chain = next(iter(ben.core.state.networks.values())).chain
    count = chain.state.count
    sim.set_clock(ben, 3 * DAY)  # as long as a node may have been off
    sim.run(2 * MINUTE)
    sim.ask_now(ben, "exchange.accept", id=first)
    with pytest.raises(Refusal, match="days away"):
        sim.ask_now(ben, "vouch", peer=cleo.peer_id, amount="1")
    chain = next(iter(ben.core.state.networks.values())).chain
    assert chain.state.count == count
    sim.set_clock(ben, 0)
    sim.run(5 * MINUTE)
    chain = next(iter(ben.core.state.networks.values())).chain
    newest = chain.entry(chain.state.count - 1)
    assert newest is not None and newest.kind == "AGREE" and newest.at <= sim.now
    assert not sim.strikes


@pytest.mark.parametrize("name", CLOCKS)
@pytest.mark.parametrize("restarted", [False, True], ids=["while running", "at start"])
@pytest.mark.parametrize("alone", [False, True], ids=["among neighbours", "alone"])
def test_a_clock_that_was_wrong_for_a_while_costs_nothing(name: str, restarted: bool, alone: bool) -> None:
    sim = Watched(1)
    anna, ben, cleo, dora = street(sim)
    offer = sim.ask_now(ben, "listing.publish", direction="offer", kind="rent", title="Before", price="2/hour")
    sim.run(MINUTE)
    first = sim.ask_now(cleo, "exchange.propose", listing=offer["listing_id"], quantity=1)["exchange_id"]
    sim.ask_now(ben, "exchange.accept", id=first)
    sim.faults.loss = float(alone)
    if restarted:
        sim.crash(ben, 1_000)
        ben.skew = CLOCKS[name]
        sim.run(MINUTE)
    else:
        sim.set_clock(ben, CLOCKS[name])
    during = sim.ask_now(ben, "listing.publish", direction="offer", kind="rent", title="During", price="2/hour")
    both = {offer["listing_id"], during["listing_id"]}
    assert own(sim, ben) == both
    sim.run(10 * MINUTE)
    warnings = look(ben, "status", sim.clock(ben))["warnings"]
    assert any("clock" in line for line in warnings) == (not alone or abs(CLOCKS[name]) > HOUR), warnings
    sim.faults.loss = 0.0
    sim.set_clock(ben, 0)
    sim.run(10 * MINUTE)
    assert own(sim, ben) == both
    rows = [look(n, "status", sim.now)["listings"] for n in (anna, ben, cleo, dora)]
    assert rows == [2] * 4
    assert not sim.strikes
    said = {r.kind: r for r in next(iter(ben.core.state.networks.values())).catalog.rows(author=ben.core.state.me)}
    assert sim.now - DAY < said["lease"].created <= sim.now and said["profile"].created <= sim.now
    for step, who in (("done", ben), ("confirm", cleo), ("pay", cleo)):
        command = f"exchange.{step}"
        sim.ask_now(who, command, id=first)
        sim.run(MINUTE)
    sim.run(5 * MINUTE)
    for node in (ben, cleo):
        chain = next(iter(node.core.state.networks.values())).chain
        assert chain.audit().ok and START < chain.state.at <= sim.now + HOUR
        assert not any("clock" in line for line in look(node, "status", sim.now)["warnings"])
    assert [look(n, "ledger.balance", sim.now)["balance"]["amount"] for n in (ben, cleo)] == [200, -200]
