"""An exchange of form 2, to a ruling or to a default; either side, or the mediator, is killed at each of its steps.

In the end all three are told the same by their nodes, and what was paid is in both ledgers once. Controls: nothing is
said again after a restart.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from protocols.limits import DAY, HOUR, MINUTE
from tests.e2e import killer
from tests.faults.cutting import CONTROL_SEED, CONTROL_TURNS, Case, Cut, Step, caught_in, tried
from tests.faults.figures import length, record
from tests.faults.test_partner import forgets_what_is_unsaid
from tests.sim.simulator import Node
from tests.sim.street import look, street
from tests.sim.test_street import chain

Line = tuple[str, str, dict[str, Any]]
"""Who, the command, and what it is given."""

RULING: tuple[Line, ...] = (
    ("Ben", "exchange.accept", {}),
    ("Ben", "exchange.done", {}),
    ("Cleo", "exchange.dispute", {"note": "The brake still squeals"}),
    ("Anna", "exchange.rule", {"award": "1", "to": "Ben"}),
    ("Ben", "exchange.accept", {}),
    ("Cleo", "exchange.pay", {}),
)
DEFAULT: tuple[Line, ...] = (
    ("Ben", "exchange.accept", {}),
    ("Cleo", "exchange.default", {}),
)
ENDS = {"ruling": ("settled", "ruled", 100), "default": ("defaulted", "none", 0)}  # status, dispute, paid
SCRIPTS = {"ruling": RULING, "default": DEFAULT}
QUIET = 20 * MINUTE  # after the last step: so long at most until all know it
LATE = 5 * DAY  # after the time at which the work should be done


def trade(name: str, case: Case) -> None:
    """One exchange with one kill. `AssertionError` if it does not end as it should, for all of them."""
    step, victim, seed = case
    sim = Cut(seed, step)
    anna, ben, cleo, _ = street(sim)
    people = {node.name: node for node in (anna, ben, cleo)}
    bike = sim.ask_now(ben, "listing.publish", direction="offer", kind="service", title="Mend a bicycle", price="3")
    sim.run(MINUTE)
    sim.victim = people[victim]
    asked = (
        {"mediator": "Anna", "within": HOUR}
        if name == "ruling"
        else {"start": sim.now + DAY, "end": sim.now + 2 * DAY, "form": "full"}
    )
    made = sim.insist(cleo, "exchange.propose", listing=bike["listing_id"], **asked)["exchange_id"]
    for who, command, fields in SCRIPTS[name]:
        if command == "exchange.default":
            sim.now += LATE
            sim.run(2 * MINUTE)
        end = sim.now + QUIET
        while command != "exchange.dispute" and sim.now < end and command not in _next(sim, people[who]):
            sim.run(5_000)
        sim.insist(people[who], command, id=made, **fields)
        sim.run(30_000)
    status, dispute, paid = ENDS[name]
    concerned = (ben, cleo, anna) if name == "ruling" else (ben, cleo)
    end = sim.now + QUIET
    while sim.now < end and not all(_is(sim, n, status, dispute) for n in concerned):
        sim.run(10_000)
    assert sim.fired, "the step was never made"
    shown = [_shown(sim, n) for n in concerned]
    told = [(s["status"], s["dispute"]) if s else None for s in shown]
    assert told == [(status, dispute)] * len(concerned), told
    assert len({str([(d["id"], d["state"]) for d in s["duties"]]) + s["terms"]["hash"] for s in shown}) == 1
    assert not any({"done", "defaulted"} <= {d["state"] for d in s["duties"]} for s in shown)
    for node, balance in ((cleo, -paid), (ben, paid)):
        chain(node, [made])
        figures = look(node, "ledger.balance", sim.now)
        assert (figures["balance"]["amount"], figures["hold"]["amount"]) == (balance, 0)


def _shown(sim: Cut, node: Node) -> dict[str, Any]:
    rows = look(node, "exchange.list", sim.now) if node.alive else []
    assert len(rows) < 2, "one exchange, whatever was repeated"
    return rows[0] if rows else {}


def _next(sim: Cut, node: Node) -> list[str]:
    """The commands that his node shows him as his to give."""
    rows = look(node, "exchange.list", sim.now) if node.alive else []
    return [".".join(s["command"].split()[1:3]) for row in rows for s in row["next"] if s["who"] == "you"]


def _is(sim: Cut, node: Node, status: str, dispute: str) -> bool:
    shown = _shown(sim, node)
    return (shown.get("status"), shown.get("dispute")) == (status, dispute)


def steps(name: str) -> Iterator[tuple[Step, tuple[str, ...]]]:
    """Each line of a script as a step, and who may be killed at it."""
    turns: dict[tuple[str, str], int] = {}
    for who, command, _ in (("Cleo", "exchange.propose", {}), *SCRIPTS[name]):
        turn = turns.get((who, command), 0)
        turns[who, command] = turn + 1
        victims = ("Ben", "Cleo", "Anna") if name == "ruling" and command in _BEFORE_HER else ("Ben", "Cleo")
        yield (who, command, turn), victims


_BEFORE_HER = ("exchange.dispute", "exchange.rule", "exchange.pay")  # what the mediator hears of, or does


def matrix(name: str, times: int, first: int) -> Iterator[Case]:
    for turn in range(times):
        for number, (step, victims) in enumerate(steps(name)):
            for other, victim in enumerate(victims):
                yield step, victim, first + turn * 1_000 + number * 3 + other


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_exchange_of_form_2_that_is_cut_at_any_step(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, times = killer.seed(), length(1, 4)
    trial = partial(trade, name)
    done, problems = tried(trial, matrix(name, times, first))
    forgets_what_is_unsaid(monkeypatch)
    control, caught = caught_in(trial, matrix(name, CONTROL_TURNS, CONTROL_SEED))
    record(
        "form2",
        how=name,
        trials=done + len(problems),
        failures=len(problems),
        control_trials=control + len(caught),
        control_failures=len(caught),
    )
    assert not problems, problems[:10]
    assert caught, "where nothing is said again after a restart, some never end"
