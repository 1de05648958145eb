"""What went wrong in an exchange, as its own facts show it, and what that suggests for a rating."""

from typing import Any

import pytest

from p2pnode import commands
from p2pnode.bounds import RATING_WINDOW
from p2pnode.home.founding import NetworkPlan, _genesis
from protocols.errors import Refusal
from protocols.limits import DAY
from tests.p2pnode.test_amending import PAUSE, Booked
from tests.p2pnode.test_rateable import alone, called_off, defied, listed, no_show, ruled, sold


def told(lab: Any, node: Any) -> tuple[list[tuple[str, str | None, str, bool]], int | None]:
    shown = lab.shown(node)
    rows = [(f["kind"], f["duty"], f["by_name"], f["made_good"]) for f in shown["faults"]]
    return rows, shown["suggested"]


def late(said: bool = False) -> Booked:
    """Ben hands the barn over a day late; Cleo may have said before that he had not."""
    lab = Booked()
    lab.leap(3 * DAY)
    if said:
        lab.do(lab.cleo, "default", duty="handover")
    lab.do(lab.ben, "handover")
    lab.do(lab.cleo, "confirm", duty="handover")
    lab.do(lab.cleo, "return")
    lab.do(lab.ben, "confirm")
    lab.do(lab.cleo, "pay")
    return lab


def test_nothing_went_wrong() -> None:
    lab = listed("full", sold)
    assert [told(lab, node) for node in (lab.ben, lab.cleo)] == [([], 1)] * 2


def test_who_did_not_come() -> None:
    lab = no_show()
    assert told(lab, lab.cleo) == ([("no-show", "handover", "Ben", False)], -2)
    assert told(lab, lab.ben) == ([("no-show", "handover", "you", False)], 0), "she has done nothing wrong"


def test_who_did_not_pay() -> None:
    lab = defied()
    ((kind, _, by, good),), outcome = told(lab, lab.cleo)
    assert (kind, by, good, outcome) == ("default", "Ben", False, -2)


def test_who_cancelled_alone_as_the_terms_allow() -> None:
    lab = alone()
    assert told(lab, lab.ben) == ([("cancelled", None, "Cleo", False)], 0)
    assert told(lab, lab.cleo) == ([("cancelled", None, "you", False)], 0)


def test_who_was_late() -> None:
    lab = late()
    assert told(lab, lab.cleo)[0][0] == ("late", "handover", "Ben", False)
    assert told(lab, lab.cleo)[1] == 0


def test_late_after_it_was_said_and_confirmed_all_the_same_is_made_good() -> None:
    lab = late(said=True)
    assert told(lab, lab.cleo)[0][0] == ("late", "handover", "Ben", True)
    assert told(lab, lab.cleo)[1] == -1


@pytest.mark.parametrize("end", [ruled, lambda: listed("full", called_off)], ids=["ruled", "cancelled"])
def test_who_were_at_odds_or_gave_it_up_together_have_no_fault(end: Any) -> None:
    lab = end()
    assert told(lab, lab.cleo) == ([], 0)


def asked(lab: Any, node: Any) -> list[str]:
    return [s["command"] for s in lab.shown(node)["next"] if s["who"] == "you" and "attest" in s["command"]]


@pytest.mark.parametrize(("end", "harmed", "outcome"), [(no_show, "cleo", -2), (alone, "ben", 0), (defied, "cleo", -2)])
def test_who_was_harmed_is_asked_to_rate_for_the_window(end: Any, harmed: str, outcome: int) -> None:
    lab = end()
    node, other = (lab.cleo, lab.ben) if harmed == "cleo" else (lab.ben, lab.cleo)
    assert asked(lab, node) == [f"p2pnode attest {lab.id[:8]} --outcome {outcome}"]
    assert asked(lab, other) == []
    lab.leap(RATING_WINDOW)
    assert asked(lab, node) == []


@pytest.mark.parametrize(
    "end",
    [lambda: listed("full", sold), late, no_show, defied, alone, ruled],
    ids=["sold", "late", "no-show", "defied", "alone", "ruled"],
)
def test_what_comes_next_names_the_outcome_that_is_suggested(end: Any) -> None:
    lab = end()
    typed = {f"p2pnode attest {lab.id[:8]} --outcome {told(lab, n)[1]}" for n in (lab.ben, lab.cleo) if asked(lab, n)}
    assert typed and typed == {command for n in (lab.ben, lab.cleo) for command in asked(lab, n)}


def test_who_has_rated_is_not_asked_again() -> None:
    lab = no_show()
    lab.ask(lab.cleo, "attest", exchange=lab.id, outcome=-2)
    assert asked(lab, lab.cleo) == []


def test_a_rating_can_be_corrected_once_it_is_made_good() -> None:
    lab = defied()
    lab.ask(lab.cleo, "attest", exchange=lab.id, outcome=-2)
    lab.leap(RATING_WINDOW)
    lab.sim.run(PAUSE)
    assert lab.shown(lab.cleo)["attestations"]["correct"] is None, "nothing has been made good"
    lab.do(lab.ben, "pay")
    assert lab.shown(lab.cleo)["attestations"]["correct"] == -1
    assert lab.shown(lab.ben)["attestations"]["correct"] is None
    lab.ask(lab.cleo, "attest", exchange=lab.id, outcome=-1, again=True)
    assert lab.shown(lab.cleo)["attestations"]["correct"] is None


def published(lab: Any, **said: Any) -> Any:
    """What Cleo's rating says besides, once it is open."""
    lab.ask(lab.cleo, "attest", exchange=lab.id, outcome=-1, **said)
    lab.leap(RATING_WINDOW)
    lab.sim.run(PAUSE)
    return why(lab, lab.anna)


def why(lab: Any, node: Any) -> Any:
    return node.core.reputations.reputation(commands.Reputation(peer="Ben", why=True), lab.now)["faults"]


def test_a_rating_carries_the_fault_that_the_exchange_shows() -> None:
    lab = no_show()
    assert published(lab) == {"own": {}, "said": {"no-show": {"times": 1, "raters": 1}}}
    assert why(lab, lab.cleo) == {"own": {"no-show": 1}, "said": {}}, "by her own tables, not by words"


def test_whoever_does_not_want_to_say_it_leaves_it_out() -> None:
    lab = no_show()
    assert published(lab, dimensions={"no-show": 0}) == {"own": {}, "said": {}}
    assert why(lab, lab.cleo)["own"] == {"no-show": 1}


@pytest.mark.parametrize("said", [{"late": -1}, {"no-show": 2}])
def test_what_the_exchange_does_not_show_is_refused(said: dict[str, int]) -> None:
    lab = no_show()
    with pytest.raises(Refusal):
        lab.ask(lab.cleo, "attest", exchange=lab.id, outcome=-1, dimensions=said)


def test_who_failed_does_not_say_it_of_the_one_who_was_harmed() -> None:
    lab = no_show()
    assert lab.ask(lab.ben, "attest", exchange=lab.id, outcome=-2)["dimensions"] == {}
    with pytest.raises(Refusal):
        lab.ask(lab.ben, "attest", exchange=lab.id, outcome=-2, dimensions={"no-show": -2})


def test_no_network_is_founded_with_such_a_dimension() -> None:
    plan = NetworkPlan("Elm Street", "hour", dimensions=("punctual", "no-show"))
    with pytest.raises(Refusal, match="no-show"):
        _genesis(plan, bytes(32), "")
