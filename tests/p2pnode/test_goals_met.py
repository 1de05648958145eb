"""A goal that is reached, and one that is not, between real cores."""

from typing import Any

import pytest

from protocols.errors import Refusal
from protocols.limits import DAY, MINUTE
from tests.p2pnode.lab import Lab

PAUSE = 2 * MINUTE


def pledged(lab: Lab, goal: str, *pledges: tuple[Any, str]) -> tuple[str, list[tuple[Any, str]]]:
    until = lab.now + 5 * DAY
    listing = lab.ask(
        lab.anna, "listing.publish", direction="request", kind="fund", title="A well", goal=goal, until=until
    )["listing_id"]
    lab.sim.run(PAUSE)
    made = [
        (node, lab.ask(node, "exchange.propose", listing=listing, price=amount)["exchange_id"])
        for node, amount in pledges
    ]
    lab.sim.run(PAUSE)
    for _, id_ in made:
        lab.ask(lab.anna, "exchange.accept", id=id_)
    lab.sim.run(PAUSE)
    return listing, made


def test_a_goal_that_is_reached() -> None:
    lab = Lab()
    listing, made = pledged(lab, "7 hour", (lab.ben, "3"), (lab.cleo, "4"))
    for node, id_ in made:
        assert lab.ask(node, "exchange.show", id=id_)["waits_for_goal"]
        lab.ask(node, "exchange.pay", id=id_)
    lab.sim.run(PAUSE)
    assert lab.ask(lab.ben, "ledger.balance")["hold"]["amount"] == 300, "held, not paid"
    done = lab.ask(lab.anna, "exchange.go", listing=listing)
    assert (done["counted"], done["total"]) == (2, 700)
    lab.sim.run(PAUSE)
    assert lab.ask(lab.anna, "ledger.balance")["balance"]["amount"] == 700
    for node, id_ in made:
        shown = lab.ask(node, "exchange.show", id=id_)
        assert (shown["status"], shown["payments"][0]["state"]) == ("active", "settled")


def test_a_goal_that_is_not_reached_gives_all_back() -> None:
    lab = Lab()
    listing, made = pledged(lab, "7 hour", (lab.ben, "3"), (lab.cleo, "3"))
    for node, id_ in made:
        lab.ask(node, "exchange.pay", id=id_)
    lab.sim.run(PAUSE)
    with pytest.raises(Refusal, match="6 hours pledged, 7 hours needed"):
        lab.ask(lab.anna, "exchange.go", listing=listing)
    lab.leap(6 * DAY)
    for node, id_ in made:
        shown = lab.ask(node, "exchange.show", id=id_)
        assert shown["status"] == "lapsed"
        assert lab.ask(node, "ledger.balance")["hold"]["amount"] == 0
        assert lab.ask(node, "ledger.balance")["balance"]["amount"] == 0
