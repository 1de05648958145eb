"""Several tasks of a project in one command, and what becomes of one that is not done in time."""

from typing import Any

import pytest

from p2pnode.bounds import TASK_FREED_AFTER, TASK_STEPS_AT_ONCE
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.test_projects import Village
from tests.sim.simulator import Node
from tests.sim.street import look

WEEK = 7 * DAY


def with_tasks(price: str = "0.5", tasks: int = 3, done: tuple[int, ...] = (1, 2)) -> Village:
    """Cleo has claimed them all, and done some."""
    village = Village(tasks, price)
    village.claim(village.cleo, tasks)
    village.sim.run(5 * MINUTE)
    for number in done:
        village.do(village.cleo, "done", number, village.cleo, note=f"This is {number}")
    return village


def step(village: Village, verb: str, *tasks: str) -> Any:
    answer = village.ask(village.ben, f"project.{verb}", listing=village.id, tasks=tasks)
    village.sim.run(5 * MINUTE)
    return answer


def ready(village: Village, verb: str, *tasks: str) -> Any:
    return look(village.ben, "project.ready", village.now, listing=village.id, step=verb, tasks=tasks)


def numbers(answer: Any, problem: bool = False) -> list[int]:
    return [row["number"] for row in answer["tasks"] if bool(row.get("problem")) is problem]


def test_all_that_is_done_is_confirmed_and_then_paid_and_again_does_no_harm():
    village = with_tasks()
    assert numbers(ready(village, "confirm")) == [1, 2] and ready(village, "pay")["tasks"] == []
    assert village.states()[1] == "done", "to look says nothing"
    assert numbers(step(village, "confirm")) == [1, 2]
    assert village.states() == {1: "confirmed", 2: "confirmed", 3: "claimed"}
    assert step(village, "confirm")["tasks"] == []
    foreseen = ready(village, "pay")
    assert numbers(foreseen) == [1, 2] and foreseen["pay"] == [{"amount": 100, "unit": "hour"}]
    assert numbers(step(village, "pay")) == [1, 2]
    assert look(village.cleo, "ledger.balance", village.now)["balance"]["amount"] == 100
    assert village.show()["owed"] == [] and step(village, "pay")["tasks"] == []
    again = step(village, "pay", "1", "2")
    assert [row["before"] for row in again["tasks"]] == [True, True] and numbers(again) == [1, 2]
    assert look(village.cleo, "ledger.balance", village.now)["balance"]["amount"] == 100


def test_the_others_do_not_wait_for_one_that_is_refused():
    village = with_tasks()
    village.split({"number": 4, "title": "Page 4"})
    village.sim.run(MINUTE)
    first = village.show()["tasks"][0]
    answer = step(village, "confirm", "4", first["exchange_id"][:10], "2", "2")
    assert numbers(answer) == [1, 2] and numbers(answer, problem=True) == [4]
    assert "nobody has this task" in answer["tasks"][0]["problem"]
    village.do(village.cleo, "done", 3, village.cleo)
    paid = step(village, "pay", "1", "2", "4")
    assert numbers(paid) == [1, 2] and numbers(paid, problem=True) == [4]
    with pytest.raises(Refusal, match="no task x9"):
        step(village, "confirm", "3", "x9")
    assert village.states()[3] == "done", "a name that is none is refused before anything is said"


def test_what_cannot_be_afforded_is_said_of_each_and_can_be_repeated():
    village = with_tasks(price="8", tasks=2)
    step(village, "confirm")
    foreseen = look(village.ben, "project.foresee", village.now, listing=village.id, count=2)
    assert 800 <= foreseen["spendable"]["amount"] < 1600, "one of the two can be paid"
    first = step(village, "pay")
    assert numbers(first) == [1] and numbers(first, problem=True) == [2]
    second = step(village, "pay")
    assert [row["number"] for row in second["tasks"]] == [2] and second["tasks"][0]["problem"]
    assert look(village.cleo, "ledger.balance", village.now)["balance"]["amount"] == 800


def test_contested_work_is_among_all_once_it_was_done_again():
    village = with_tasks(tasks=1, done=(1,))
    village.do(village.ben, "dispute", 1, village.cleo)
    assert ready(village, "confirm")["tasks"] == []
    village.do(village.cleo, "done", 1, village.cleo)
    assert numbers(step(village, "confirm")) == [1] and village.states()[1] == "confirmed"


def test_more_than_are_taken_at_once_are_left(monkeypatch: pytest.MonkeyPatch):
    assert TASK_STEPS_AT_ONCE >= 16
    monkeypatch.setattr("p2pnode.core.task_steps.TASK_STEPS_AT_ONCE", 1)
    village = with_tasks()
    assert step(village, "confirm")["left"] == 1
    last = step(village, "confirm")
    assert (numbers(last), last["left"]) == ([2], 0)


# Overdue


def overdue(done: tuple[int, ...] = ()) -> Village:
    village = with_tasks(tasks=1, done=done)
    village.later(WEEK)
    return village


def test_what_is_overdue_is_free_by_itself_and_both_see_why():
    village = overdue()
    deadline = village.show()["tasks"][0]["until"]
    village.sim.run(deadline + TASK_FREED_AFTER - 5 * MINUTE - village.now)
    assert village.states()[1] == "overdue", "what was said in time may be under way"
    village.sim.run(10 * MINUTE)
    (task,) = village.show()["tasks"]
    assert task["state"] == "free" and task["late"]["who"] == "Cleo" and task["late"]["until"] == deadline
    mine = village.claimed(village.cleo)
    assert mine["tasks"] == [] and [(r["number"], r["until"]) for r in mine["lost"]] == [(1, deadline)]
    village.claim(village.dora)
    village.sim.run(5 * MINUTE)
    assert village.mine(village.dora) == [1] and village.show()["tasks"][0]["late"] is None
    assert village.claimed(village.cleo)["lost"] and village.claimed(village.dora)["lost"] == []


@pytest.mark.parametrize("away", [15 * MINUTE, 2 * MINUTE])
def test_a_restart_changes_nothing(away: int):
    village = overdue()
    freed = village.show()["tasks"][0]["until"] + TASK_FREED_AFTER
    village.sim.run(freed - 20 * MINUTE - away - village.now)
    village.sim.crash(village.ben, away=away)
    village.sim.run(freed - 5 * MINUTE - village.now)
    assert village.states()[1] == "overdue"
    village.sim.run(10 * MINUTE)
    assert village.states()[1] == "free"


def test_who_has_it_again_has_not_lost_it():
    village = overdue()
    village.sim.run(TASK_FREED_AFTER + 5 * MINUTE)
    village.claim(village.cleo)
    village.sim.run(5 * MINUTE)
    assert village.mine(village.cleo) == [1] and village.claimed(village.cleo)["lost"] == []


def test_an_organiser_who_was_off_hears_first_what_was_done():
    """The word was late, and still sooner than his: the work is done, and not taken away."""
    village = with_tasks(tasks=1, done=())
    village.sim.crash(village.ben, away=WEEK + 6 * HOUR)
    village.later(WEEK + 2 * HOUR)
    village.do(village.cleo, "done", 1, village.cleo, note="Late, but here")
    village.later(3 * HOUR)
    village.sim.restart(village.ben)
    village.sim.run(TASK_FREED_AFTER + HOUR)
    assert village.states()[1] == "done"


def view_of(node: Node, village: Village, id_: str) -> tuple[str, list[str]]:
    shown = look(node, "exchange.show", village.now, id=id_)
    return shown["status"], [duty["state"] for duty in shown["duties"]]


@pytest.mark.parametrize(("after", "stands"), [(-HOUR, "done"), (HOUR, "defaulted")])
def test_a_word_that_comes_when_it_was_taken_back_is_read_alike_by_both(after: int, stands: str):
    """In time, as it is dated, it counts all the same; late, it does not. What came first with whom is nothing."""
    village = with_tasks(tasks=1, done=())
    id_ = village.exchange(village.cleo, 1)
    deadline = village.show()["tasks"][0]["until"]
    village.later(deadline + after - village.now)
    village.sim.faults.loss = 1.0
    if after < 0:
        village.ask(village.cleo, "exchange.done", id=id_)
        village.later(3 * HOUR)
    else:
        village.ask(village.cleo, "exchange.done", id=id_)
        assert view_of(village.cleo, village, id_)[1][0] == "done"
    village.sim.run(TASK_FREED_AFTER + 10 * MINUTE)
    assert village.states()[1] == "free"
    village.sim.faults.loss = 0.0
    village.sim.run(2 * HOUR)
    ben, cleo = (view_of(node, village, id_) for node in (village.ben, village.cleo))
    assert ben == cleo and ben[1][0] == stands
    assert village.states()[1] == ("done" if stands == "done" else "free")
    listing = look(village.dora, "listing.show", village.now, id=village.show()["tasks"][0]["listing_id"])
    assert listing["paused"] is (stands == "done")


def test_both_are_named_who_have_a_task_after_it_was_freed():
    """He said in time that he had done it; his word came when somebody else had the task."""
    village = with_tasks(tasks=1, done=())
    first = village.exchange(village.cleo, 1)
    village.later(village.show()["tasks"][0]["until"] - HOUR - village.now)
    village.sim.faults.loss = 1.0
    village.ask(village.cleo, "exchange.done", id=first)
    village.sim.crash(village.cleo, away=WEEK)
    village.sim.faults.loss = 0.0
    village.sim.run(TASK_FREED_AFTER + 2 * HOUR)
    assert village.states()[1] == "free"
    village.claim(village.dora)
    village.sim.run(5 * MINUTE)
    assert village.show()["tasks"][0]["also"] == []
    second = village.exchange(village.dora, 1)
    village.sim.restart(village.cleo)
    village.sim.run(HOUR)
    (task,) = village.show()["tasks"]
    (also,) = task["also"]
    assert {(row["who"], row["exchange_id"]) for row in (task, also)} == {("Cleo", first), ("Dora", second)}
    assert {(row["who"], row["state"]) for row in (task, also)} == {("Cleo", "done"), ("Dora", "claimed")}
