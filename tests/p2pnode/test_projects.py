"""A project in tasks: split once, claimed by whoever comes first, done, contested, taken back, and put together."""

from typing import Any

import pytest
from msgspec.structs import replace

from p2pnode.bounds import TASKS_AT_ONCE
from protocols.errors import Refusal
from protocols.limits import DAY, MINUTE
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node
from tests.sim.street import look

HASH = "ab" * 32


def lines(*numbers: int, price: str = "0.5") -> tuple[dict[str, Any], ...]:
    return tuple({"number": n, "title": f"Page {n}", "price": price} for n in numbers)


class Village(Lab):
    """Ben has a chronicle to be transcribed; Cleo and Dora are there to help."""

    def __init__(self, tasks: int = 6, price: str = "0.5") -> None:
        super().__init__(7)
        project = self.ask(self.ben, "listing.publish", direction="request", kind="project", title="Chronicle")
        self.id = project["listing_id"]
        if tasks:
            self.split(*lines(*range(1, tasks + 1), price=price))
        self.sim.run(MINUTE)

    def split(self, *rows: dict[str, Any]) -> Any:
        return self.ask(self.ben, "project.split", listing=self.id, tasks=rows)

    def claim(self, node: Node, count: int = 1) -> Any:
        return self.ask(node, "project.claim", listing=self.id, count=count)

    def claimed(self, node: Node) -> Any:
        return look(node, "project.claimed", self.now, listing=self.id)

    def mine(self, node: Node) -> list[int]:
        return [task["number"] for task in self.claimed(node)["tasks"] if not task["waits"]]

    def exchange(self, node: Node, number: int) -> str:
        return next(t["exchange_id"] for t in self.claimed(node)["tasks"] if t["number"] == number)

    def show(self) -> Any:
        return look(self.ben, "project.show", self.now, listing=self.id)

    def states(self) -> dict[int, str]:
        return {task["number"]: task["state"] for task in self.show()["tasks"]}

    def do(self, node: Node, word: str, number: int, claimer: Node, **fields: Any) -> Any:
        shown = self.ask(node, f"exchange.{word}", id=self.exchange(claimer, number), **fields)
        self.sim.run(MINUTE)
        return shown

    def later(self, span: int) -> None:
        self.sim.now += span
        self.sim.run(MINUTE)


@pytest.fixture
def village() -> Village:
    return Village()


def tasks_of(lab: Lab) -> list[str]:
    mine = look(lab.ben, "listing.list", lab.now)
    return sorted(row["title"] for row in mine if row["kind"] == "task")


def test_a_split_is_published_once_however_often_it_is_run():
    village = Village(0)
    first = village.split(*lines(1, 2))
    assert [row["number"] for row in first["published"]] == [1, 2] and first["there"] == 0
    again = village.split(*lines(1, 2, 3))
    assert [row["number"] for row in again["published"]] == [3] and again["there"] == 2
    assert again["changed"] == []
    assert tasks_of(village) == ["Page 1", "Page 2", "Page 3"]
    assert village.split(*lines(2, price="9"))["changed"] == [2]
    shown = look(village.ben, "listing.list", village.now)
    task = next(row for row in shown if row["title"] == "Page 1")
    assert task["labels"]["instant"] and village.id.startswith(task["labels"]["part_of"]) and task["quantity"] == 1


def test_a_task_that_was_withdrawn_is_not_published_again(village):
    listing = village.show()["tasks"][2]["listing_id"]
    village.ask(village.ben, "listing.withdraw", id=listing)
    assert village.split(*lines(*range(1, 7)))["published"] == []
    assert village.states()[3] == "withdrawn" and len(tasks_of(village)) == 5


def test_a_restart_in_the_middle_of_a_split():
    village = Village(0)
    village.split(*lines(1, 2, 3))
    village.sim.crash(village.ben)
    village.sim.run(MINUTE)
    assert [row["number"] for row in village.split(*lines(*range(1, 7)))["published"]] == [4, 5, 6]
    village.sim.run(MINUTE)
    assert len(tasks_of(village)) == 6 and village.claimed(village.cleo)["free"] == 6


def test_what_cannot_be_published_is_refused_before_anything_is():
    village = Village(0)
    with pytest.raises(Refusal, match="twice"):
        village.split(*lines(1, 1))
    with pytest.raises(Refusal):
        village.split(*lines(1), {"number": 2, "title": "Page 2", "price": "0.123456789"})
    network = village.network(village.ben)
    room = network.genesis.listings_per_author - 1
    foreseen = look(village.ben, "project.foresee", village.now, listing=village.id, count=6, prices={"0.5": 4, "": 2})
    assert (foreseen["missing"], foreseen["there"], foreseen["room"]) == (6, 0, room)
    assert foreseen["pay"] == [{"amount": 200, "unit": "hour"}]
    network.genesis = replace(network.genesis, listings_per_author=3)
    with pytest.raises(Refusal, match="3 listings stand there"):
        village.split(*lines(1, 2, 3))
    assert tasks_of(village) == []
    assert len(village.split(*lines(1, 2))["published"]) == 2


def test_the_first_who_claims_gets_it_and_others_see_that_it_is_taken(village):
    village.claim(village.cleo, 2)
    village.sim.run(MINUTE)
    assert village.mine(village.cleo) == [1, 2] and village.claimed(village.cleo)["wanted"] == 0
    shown = village.show()
    assert shown["counts"] == {"free": 4, "claimed": 2} | dict.fromkeys(
        ("asked", "overdue", "done", "contested", "confirmed", "withdrawn"), 0
    )
    assert shown["tasks"][0]["who"] == "Cleo" and shown["tasks"][0]["until"] > village.now
    assert village.claimed(village.dora)["free"] == 4
    village.claim(village.dora)
    village.sim.run(MINUTE)
    assert village.mine(village.dora) == [3]


def test_a_claim_for_more_than_one_or_for_a_time_of_its_own_waits_for_the_organiser():
    village = Village(1)
    village.split(*lines(2, price="2/hour"))
    by_hand = village.ask(
        village.ben, "listing.publish", direction="request", kind="task", title="Draw", price="2", part_of=village.id,
        instant=True,
    )  # fmt: skip
    village.sim.run(MINUTE)
    one, two = (row["listing_id"] for row in village.show()["tasks"])
    for asked in (
        {"listing": two, "quantity": 1_000},
        {"listing": by_hand["listing_id"], "quantity": 1_000},
        {"listing": one, "start": village.now + 3_000 * DAY, "end": village.now + 9_000 * DAY},
    ):
        id_ = village.ask(village.cleo, "exchange.propose", **asked)["exchange_id"]
        village.sim.run(MINUTE)
        assert look(village.ben, "exchange.show", village.now, id=id_)["status"] == "proposed"
    assert village.states() == {1: "asked", 2: "asked"}


def test_two_who_claim_at_once_never_get_the_same_one(village):
    village.claim(village.cleo, 3)
    village.claim(village.dora, 3)
    village.sim.run(5 * MINUTE)
    cleo, dora = village.mine(village.cleo), village.mine(village.dora)
    assert sorted(cleo + dora) == [1, 2, 3, 4, 5, 6] and len(cleo) == len(dora) == 3
    assert village.claimed(village.cleo)["wanted"] == village.claimed(village.dora)["wanted"] == 0
    agreed = [
        h for h in village.ben.core.exchanges.held.values() if village.ben.core.exchanges.view(h, village.now).agreed
    ]
    assert len({h.first.name for h in agreed}) == len(agreed) == 6


def test_more_than_there_are_is_as_many_as_there_are_and_says_so(village):
    village.claim(village.cleo, 20)
    village.sim.run(5 * MINUTE)
    claimed = village.claimed(village.cleo)
    assert village.mine(village.cleo) == [1, 2, 3, 4, 5, 6]
    assert claimed["wanted"] == 0 and "nothing more" in claimed["problem"]
    with pytest.raises(Refusal, match="no task of it is free"):
        village.claim(village.dora)
    with pytest.raises(Refusal, match="your own"):
        village.claim(village.ben)


def test_claims_go_on_after_a_restart_of_either(village):
    village.claim(village.cleo, 3)
    village.claim(village.dora, 3)
    village.sim.run(15)  # proposals are on their way
    village.sim.crash(village.cleo)
    village.sim.crash(village.ben)
    village.sim.run(10 * MINUTE)
    cleo, dora = village.mine(village.cleo), village.mine(village.dora)
    assert sorted(cleo + dora) == [1, 2, 3, 4, 5, 6] and len(cleo) == 3


@pytest.mark.parametrize("away", [0, 1])
def test_a_task_for_which_there_was_no_room_is_asked_for_later(village, monkeypatch, away):
    monkeypatch.setattr("p2pnode.core.outbox.MAX_OUTBOX", 2)
    village.sim.faults.loss = 1.0
    village.claim(village.cleo, 3)
    assert (
        len(village.claimed(village.cleo)["tasks"]) == 2
        and "wait to be delivered" in village.claimed(village.cleo)["problem"]
    )
    if away:
        village.sim.crash(village.cleo)
    village.sim.run(3 * MINUTE)
    village.sim.faults.loss = 0.0
    village.sim.run(10 * MINUTE)
    claimed = village.claimed(village.cleo)
    assert village.mine(village.cleo) == [1, 2, 3] and claimed["wanted"] == 0 and claimed["problem"] is None


def test_a_claim_that_lapsed_while_its_node_was_off_is_let_go(village):
    village.sim.crash(village.ben, away=40 * DAY)
    village.claim(village.cleo, 2)
    village.sim.run(MINUTE)
    assert village.claimed(village.cleo)["wanted"] == 2
    village.sim.crash(village.cleo, away=8 * DAY)
    village.later(8 * DAY)
    village.sim.restart(village.cleo)
    village.sim.run(MINUTE)
    claimed = village.claimed(village.cleo)
    assert claimed["wanted"] == 0 and claimed["problem"] == "a claim was expired"
    assert village.claim(village.cleo, 3)["waiting"] == 3


def test_work_that_was_confirmed_by_time_while_its_organiser_was_off_is_over():
    village = Village(2, price="")
    village.claim(village.cleo)
    village.sim.run(MINUTE)
    village.do(village.cleo, "done", 1, village.cleo)
    assert "Page 1" in tasks_of(village)
    village.sim.crash(village.ben, away=8 * DAY)
    village.later(8 * DAY)
    village.sim.restart(village.ben)
    village.sim.run(MINUTE)
    assert "Page 1" not in tasks_of(village)


def test_done_contested_done_again_confirmed_and_paid(village):
    village.claim(village.cleo)
    village.sim.run(MINUTE)
    village.do(village.cleo, "done", 1, village.cleo, result=HASH, note="first try")
    assert village.states()[1] == "done"
    village.do(village.ben, "dispute", 1, village.cleo, note="A line is missing")
    row = village.show()["tasks"][0]
    assert (row["state"], row["again"]) == ("contested", False)
    shown = look(village.cleo, "exchange.show", village.now, id=row["exchange_id"])
    assert [s["command"].split()[2] for s in shown["next"] if s["who"] == "you"] == ["done", "cancel"]
    village.do(village.cleo, "done", 1, village.cleo, result="cd" * 32, note="second try")
    row = village.show()["tasks"][0]
    assert (row["state"], row["again"]) == ("contested", True) and village.show()["owed"] == []
    village.do(village.ben, "confirm", 1, village.cleo)
    assert village.states()[1] == "confirmed" and village.show()["owed"] == [{"amount": 50, "unit": "hour"}]
    results = look(village.ben, "project.results", village.now, listing=village.id)
    (one,) = results["results"]
    assert (one["number"], one["who"], one["hash"], one["text"]) == (1, "Cleo", "cd" * 32, "second try")
    assert [w["number"] for w in results["waiting"]] == [2, 3, 4, 5, 6]
    village.do(village.ben, "pay", 1, village.cleo)
    shown = village.show()
    assert shown["paid"] == [{"amount": 50, "unit": "hour"}] and shown["owed"] == []
    assert look(village.cleo, "ledger.balance", village.now)["balance"]["amount"] == 50
    # It is done for good: its listing is gone, and it is not to be had or published again.
    assert "Page 1" not in tasks_of(village) and village.split(*lines(1))["published"] == []


def test_a_claimer_who_vanishes(village):
    village.claim(village.cleo, 2)
    village.sim.run(MINUTE)
    with pytest.raises(Refusal, match="no task is overdue"):
        village.ask(village.ben, "project.free", listing=village.id)
    village.do(village.cleo, "done", 2, village.cleo, note="In the letter box")
    village.sim.crash(village.cleo, away=40 * DAY)
    village.later(7 * DAY)
    assert village.states()[1] == "overdue" and village.states()[2] in ("done", "confirmed")
    freed = village.ask(village.ben, "project.free", listing=village.id)["freed"]
    assert [(row["number"], row["who"]) for row in freed] == [(1, "Cleo")]
    village.sim.run(MINUTE)
    assert village.states()[1] == "free"
    village.claim(village.dora)
    village.sim.run(MINUTE)
    assert village.mine(village.dora) == [1] and village.states()[1] == "claimed"


def test_who_cancels_frees_the_task(village):
    village.claim(village.cleo)
    village.sim.run(MINUTE)
    assert village.do(village.cleo, "cancel", 1, village.cleo)["status"] == "cancelled"
    assert village.states()[1] == "free" and village.claimed(village.dora)["free"] == 6
    village.claim(village.dora)
    village.sim.run(MINUTE)
    assert village.mine(village.dora) == [1] and village.mine(village.cleo) == []


def test_a_task_that_is_done_comes_back_by_no_edit(village):
    """Of other listings an edit says how many there are now."""
    village.claim(village.cleo)
    village.sim.run(MINUTE)
    listing = village.show()["tasks"][0]["listing_id"]
    village.ask(village.ben, "listing.resume", id=listing)
    village.sim.run(MINUTE)
    asked = village.ask(village.dora, "exchange.propose", listing=listing)["exchange_id"]
    village.sim.run(MINUTE)
    assert look(village.dora, "exchange.show", village.now, id=asked)["status"] == "declined"
    assert village.states()[1] == "claimed"


def test_who_haggles_waits_for_the_organiser(village):
    listing = village.show()["tasks"][0]["listing_id"]
    asked = village.ask(village.dora, "exchange.propose", listing=listing, price="9")["exchange_id"]
    village.sim.run(MINUTE)
    assert look(village.ben, "exchange.show", village.now, id=asked)["status"] == "proposed"
    assert village.states()[1] == "asked"
    village.claim(village.cleo)
    village.sim.run(MINUTE)
    assert village.mine(village.cleo) == [1]
    with pytest.raises(Refusal, match="none is left"):
        village.ask(village.ben, "exchange.accept", id=asked)


def test_claims_can_be_stopped(village):
    village.claim(village.cleo, 6)
    assert village.ask(village.cleo, "project.stop", listing=village.id)["wanted"] == 0
    assert TASKS_AT_ONCE < 64


def test_for_thanks_nothing_is_owed():
    village = Village(2, price="")
    village.claim(village.cleo)
    village.sim.run(MINUTE)
    village.do(village.cleo, "done", 1, village.cleo, note="Anno 1723 the mill burned down.")
    village.do(village.ben, "confirm", 1, village.cleo)
    shown = village.show()
    assert shown["tasks"][0]["state"] == "confirmed" and shown["owed"] == shown["paid"] == []
    results = look(village.ben, "project.results", village.now, listing=village.id)["results"]
    assert results[0]["text"] == "Anno 1723 the mill burned down." and results[0]["hash"] is None
