"""A barn that two want at one time; its owner, or one of them, is killed around what holds it: an offer, an acceptance.

The owner then says yes to the other one too, again and again: no two agreements on one time are signed.
Control: an owner's node that tells of its yes before that is on the disk gives the barn to both.
"""

from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from typing import Any

from protocols.double_booking import check_challenge, encode_challenge, parse_agreement
from protocols.errors import Refusal, Reject
from protocols.limits import DAY, HOUR, MINUTE
from tests.e2e import killer
from tests.faults.cutting import CONTROL_SEED, PATIENCE, Case, Cut, Step, caught_in, tried
from tests.faults.figures import length, record
from tests.sim.simulator import Node
from tests.sim.street import look, street

STEPS: tuple[Step, ...] = (
    ("Anna", "exchange.counter", 0),
    ("Ben", "exchange.accept", 0),
    ("Anna", "exchange.accept", 0),
)
VICTIMS = ("Anna", "Ben", "Cleo")
BOUND = ("agreed", "active", "fulfilled", "settled", "closed")
AGAIN = 7_000  # ms: how often the owner says yes to whoever asks


def wanted_by_two(case: Case, early: bool = False) -> None:
    """The owner counters the one, or accepts, and then says yes to the other. `AssertionError` if both have it."""
    step, victim, seed = case
    sim = Cut(seed, step)
    anna, ben, cleo, _ = street(sim)
    barn = sim.ask_now(anna, "listing.publish", direction="offer", kind="rent", title="Barn", price="2/hour")
    sim.run(MINUTE)
    when = {"listing": barn["listing_id"], "start": sim.now + 2 * DAY, "end": sim.now + 2 * DAY + 3 * HOUR}
    made = {n.name: sim.ask_now(n, "exchange.propose", **when)["exchange_id"] for n in (ben, cleo)}
    sim.run(MINUTE)
    sim.victim, sim.early = {"Anna": anna, "Ben": ben, "Cleo": cleo}[victim], early
    if step[1] == "exchange.counter" or step[0] == "Ben":
        sim.ask(anna, "exchange.counter", id=made["Ben"], price="1.50/hour")
        sim.ask(ben, "exchange.accept", id=made["Ben"])
    else:
        sim.ask(anna, "exchange.accept", id=made["Ben"])
    end = sim.now + PATIENCE
    while sim.now < end:
        sim.run(AGAIN)
        if ben.alive and _shown(sim, ben, made["Ben"]).get("status") == "countered":
            sim.ask(ben, "exchange.accept", id=made["Ben"])
        if sim.fired:
            sim.ask(anna, "exchange.accept", id=made["Cleo"])
    assert sim.fired, "the step was never made"
    both = [_shown(sim, node, made[node.name])["status"] in BOUND for node in (ben, cleo)]
    assert both != [True, True], "both have it"
    assert not _proved(sim, ((ben, made["Ben"]), (cleo, made["Cleo"]))), "she has signed for both"
    views = [_shown(sim, anna, made[node.name])["status"] for node in (ben, cleo)]
    assert views == [_shown(sim, node, made[node.name])["status"] for node in (ben, cleo)], "they see different things"
    assert any(both), "nobody has it"


def _shown(sim: Cut, node: Node, id_: str) -> dict[str, Any]:
    rows = look(node, "exchange.list", sim.now) if node.alive else []
    return next((row for row in rows if row["exchange_id"] == id_), {})


def _proved(sim: Cut, made: tuple[tuple[Node, str], ...]) -> bool:
    """Whether what the two hold proves a double booking, to anybody."""
    try:
        files = [b64decode(sim.ask_now(n, "exchange.agreement", id=id_)["agreement"]) for n, id_ in made]
        check_challenge(encode_challenge([parse_agreement(file) for file in files]))
    except (Refusal, Reject):
        return False
    return True


def matrix(times: int, first: int, victims: tuple[str, ...] = VICTIMS) -> Iterator[Case]:
    for turn in range(times):
        for number, step in enumerate(STEPS):
            for other, victim in enumerate(victims):
                yield step, victim, first + turn * 1_000 + number * 3 + other


def test_a_time_is_given_once_whoever_is_killed() -> None:
    first, times = killer.seed(), length(1, 8)
    done, problems = tried(wanted_by_two, matrix(times, first))
    control, caught = caught_in(partial(wanted_by_two, early=True), matrix(8, CONTROL_SEED, ("Anna",)))
    record(
        "booking",
        trials=done + len(problems),
        failures=len(problems),
        control_trials=control + len(caught),
        control_failures=len(caught),
    )
    assert not problems, problems[:10]
    assert any("both have it" in problem or "for both" in problem for problem in caught)
