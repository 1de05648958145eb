"""Pledges towards a goal, between real cores: what the organiser sees of it, and when it goes ahead."""

from typing import Any

import pytest

from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.lab import Lab


class Pledges(Lab):
    """Anna's barn, in five days, or with `fund` her press."""

    def __init__(self, goal: str, **listing: Any) -> None:
        super().__init__()
        fields = {"direction": "request", "kind": "barn", "title": "Barn", "goal": goal} | listing
        self.listing = self.ask(self.anna, "listing.publish", **fields)["listing_id"]
        self.sim.run(MINUTE)
        self.start = self.now + 5 * DAY

    def propose(self, node: Any, **asked: Any) -> str:
        barn = {} if "price" in asked else {"start": self.start, "end": self.start + HOUR}
        id_ = self.ask(node, "exchange.propose", listing=self.listing, **barn, **asked)["exchange_id"]
        self.sim.run(MINUTE)
        return str(id_)

    def pledge(self, node: Any, **asked: Any) -> str:
        id_ = self.propose(node, **asked)
        self.ask(self.anna, "exchange.accept", id=id_)
        self.sim.run(MINUTE)
        return id_

    def go(self) -> Any:
        done = self.ask(self.anna, "exchange.go", listing=self.listing)
        self.sim.run(MINUTE)
        return done

    def seen(self, node: Any, id_: str) -> Any:
        return self.ask(node, "exchange.show", id=id_)

    def words(self, node: Any, id_: str) -> list[tuple[str, str]]:
        return [(s["who"], s["command"].split()[2]) for s in self.seen(node, id_)["next"]]

    def listed(self) -> Any:
        return self.ask(self.anna, "listing.show", id=self.listing)["pledged"]


def test_the_organiser_sees_how_far_it_is() -> None:
    lab = Pledges("2")
    none = {"pledged": 0, "pledges": 0, "asked": 0, "ready": 0, "reached": False}
    assert lab.listed() == none | {"until": None}
    one, other = lab.pledge(lab.ben), lab.propose(lab.cleo)
    until = lab.start - DAY
    some = {"pledged": 1, "pledges": 1, "asked": 1, "ready": 0, "reached": False}
    assert lab.listed() == some | {"until": until}
    assert lab.seen(lab.anna, one)["pledged"] == some
    assert lab.seen(lab.ben, one)["pledged"] is None, "a pledger does not know of the others"
    assert lab.words(lab.anna, one) == [], "go would be refused"
    assert lab.words(lab.ben, one) == [("Anna", "go")]
    assert lab.ask(lab.anna, "status")["exchanges_waiting"] == 1, "Cleo's proposal alone"
    with pytest.raises(Refusal, match="1 pledged, 2 needed") as refused:
        lab.go()
    assert "accept" in refused.value.hint
    lab.ask(lab.anna, "exchange.accept", id=other)
    lab.sim.run(MINUTE)
    assert lab.words(lab.anna, one) == [("you", "go")]
    rows = lab.ask(lab.anna, "exchange.list")
    assert [row["pledged"]["ready"] for row in rows] == [2, 2]
    lab.go()
    assert lab.seen(lab.ben, one)["pledged"] == {"pledged": 2, "pledges": 2, "asked": 0, "ready": 0, "reached": True}
    assert lab.words(lab.cleo, other) == [("you", "done")]


def test_who_comes_later_is_told_by_another_word() -> None:
    lab = Pledges("2")
    lab.pledge(lab.ben)
    lab.pledge(lab.cleo)
    assert lab.go()["counted"] == 2
    late = lab.pledge(lab.dora)
    assert lab.words(lab.anna, late) == [("you", "go")]
    assert lab.go()["counted"] == 3
    assert lab.words(lab.dora, late) == [("you", "done")]


def test_who_wants_more_to_come_holds_nobody_up() -> None:
    lab = Pledges("2")
    first = [lab.pledge(lab.ben), lab.pledge(lab.cleo)]
    careful = lab.pledge(lab.dora, goal="4")
    done = lab.go()
    assert (done["counted"], sorted(done["exchanges"])) == (2, sorted(first)), "Dora does not come to so few"
    assert lab.seen(lab.dora, careful)["waits_for_goal"]


def test_another_unit_is_no_part_of_it() -> None:
    lab = Pledges("7 hour", kind="fund", title="Press")
    lab.pledge(lab.ben, price="3")
    lab.pledge(lab.cleo, price="400 EUR")
    assert lab.listed()["pledged"] == 300
    with pytest.raises(Refusal, match="3 hours pledged, 7 hours needed"):
        lab.go()


def test_who_would_rather_not_come_is_asked_about() -> None:
    lab = Pledges("2")
    one = lab.pledge(lab.ben, goal_until=lab.start - HOUR)
    lab.leap(4 * DAY)  # too late to cancel alone
    lab.ask(lab.ben, "exchange.cancel", id=one)
    lab.sim.run(MINUTE)
    assert ("you", "cancel") in lab.words(lab.anna, one)
    lab.ask(lab.anna, "exchange.cancel", id=one)
    lab.sim.run(MINUTE)
    assert lab.seen(lab.ben, one)["status"] == "cancelled"
    assert lab.listed()["pledges"] == 0


def test_it_says_that_nothing_is_owed_yet() -> None:
    lab = Pledges("2")
    one = lab.pledge(lab.ben)
    with pytest.raises(Refusal, match="nothing is owed yet: its goal is not reached"):
        lab.ask(lab.ben, "exchange.done", id=one)


def test_what_is_held_is_not_under_way() -> None:
    lab = Pledges("7 hour", kind="fund", title="Press")
    one = lab.pledge(lab.ben, price="3")
    lab.ask(lab.ben, "exchange.pay", id=one)
    lab.sim.run(MINUTE)
    assert lab.seen(lab.ben, one)["delivered"], "it waits for the goal, not for a connection"
    with pytest.raises(Refusal, match="is held until the goal is reached") as refused:
        lab.ask(lab.ben, "exchange.cancel", id=one)
    assert "free again" in refused.value.hint
