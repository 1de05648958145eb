"""Of what is counted and all taken the listing is paused by itself, and taken up again when something is free."""

from typing import Any

import pytest

from protocols.errors import Refusal
from protocols.limits import DAY, MINUTE
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node
from tests.sim.street import look


class Shop(Lab):
    """Ben sells two jars; Cleo asks for them."""

    def __init__(self, **fields: Any) -> None:
        super().__init__()
        given = {"direction": "offer", "kind": "give", "title": "Jar", "quantity": 2, **fields}
        self.jar = self.ask(self.ben, "listing.publish", **given)["listing_id"]
        self.sim.run(MINUTE)

    def buy(self, quantity: int = 2, **fields: Any) -> str:
        id_ = self.ask(self.cleo, "exchange.propose", listing=self.jar, quantity=quantity, **fields)["exchange_id"]
        self.sim.run(MINUTE)
        self.ask(self.ben, "exchange.accept", id=id_)
        self.sim.run(MINUTE)
        return str(id_)

    def paused(self, node: Node) -> bool:
        return bool(look(node, "listing.show", self.now, id=self.jar)["paused"])

    def both_cancel(self, id_: str) -> None:
        for node in (self.cleo, self.ben):
            self.ask(node, "exchange.cancel", id=id_)
            self.sim.run(MINUTE)


def test_with_the_last_one_it_is_paused_for_everybody_and_nobody_asks_in_vain() -> None:
    lab = Shop()
    lab.buy(1)
    assert not lab.paused(lab.ben) and not lab.paused(lab.anna)
    lab.buy(1)
    assert lab.paused(lab.ben) and lab.paused(lab.anna)
    with pytest.raises(Refusal, match="paused"):
        lab.ask(lab.dora, "exchange.propose", listing=lab.jar)


def test_what_came_to_nothing_is_to_be_had_again() -> None:
    lab = Shop()
    id_ = lab.buy()
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    assert lab.paused(lab.ben)
    lab.both_cancel(id_)
    assert not lab.paused(lab.ben) and not lab.paused(lab.anna)


def test_its_user_says_that_there_are_more() -> None:
    lab = Shop()
    lab.buy()
    lab.ask(lab.ben, "listing.edit", id=lab.jar, text="Of this year")
    assert lab.paused(lab.ben), "says nothing of how many"
    lab.ask(lab.ben, "listing.edit", id=lab.jar, quantity=5)
    lab.sim.run(MINUTE)
    assert not lab.paused(lab.anna)
    assert look(lab.ben, "listing.show", lab.now, id=lab.jar)["left"] == 5


def test_what_its_user_paused_or_took_up_stays_so() -> None:
    lab = Shop()
    id_ = lab.buy()
    lab.ask(lab.ben, "listing.resume", id=lab.jar)
    lab.leap(DAY)
    assert not lab.paused(lab.ben), "he knows better how many there are"
    lab.ask(lab.ben, "listing.pause", id=lab.jar)
    lab.both_cancel(id_)
    lab.leap(DAY)
    assert lab.paused(lab.ben)


def test_what_nobody_counts_is_never_paused() -> None:
    lab = Shop(quantity=None)
    lab.buy()
    assert not lab.paused(lab.ben)


def test_what_there_is_anew_each_week_is_never_paused() -> None:
    lab = Shop(kind="food", when="sat", zone="UTC", quantity=1)
    next_time = look(lab.ben, "listing.show", lab.now, id=lab.jar)["left_at"]
    lab.buy(1, start=next_time)
    assert look(lab.ben, "listing.show", lab.now, id=lab.jar)["left"] == 0 and not lab.paused(lab.ben)
