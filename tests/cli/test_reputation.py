"""What `reputation` prints of an exposure; a node from before it says nothing of it."""

from typing import Any

from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

PEER = {"peer_id": "12D3KooWCZaPq6Bx", "name": "Ann", "score": 0.9, "confidence": 0.0, "limit": None, "why": []}


def hours(amount: int) -> dict[str, Any]:
    return {"amount": amount, "unit": "hour"}


def test_an_exposure_is_shown_with_its_paths_and_what_would_help(run: Run, node: FakeNode) -> None:
    path = {"amount": hours(300), "open": True, "path": ["x", "y"], "path_names": ["you", "Ann"]}
    other = {"amount": hours(900), "open": False, "path": ["x", "z", "y"], "path_names": ["you", "Ben", "Ann"]}
    exposure = {"most": hours(1200), "open": hours(300), "paths": [other, path], "helps": ["earn first"]}
    node.answers["reputation"] = {**PEER, "exposure": exposure}
    shown = run("reputation", "Ann", "--why").out
    assert "up to 12 hours: so much others may have at risk with you" in shown
    assert "rests on:\n  9 hours by you → Ben → Ann\n  3 hours by you → Ann, open\n" in shown
    assert "To be trusted with more, earn first." in shown
    assert "→" not in run("reputation", "Ann").out
    node.answers["reputation"] = PEER
    assert "exposure" not in run("reputation", "Ann", "--why").out


def test_the_graph_is_a_table_of_paths(run: Run, node: FakeNode) -> None:
    person = {"name": "Cleo", "score": 0.951, "confidence": 2.34, "most": hours(250), "path_names": ["you", "Cleo"]}
    far = {**person, "name": "Emil", "most": None, "path_names": ["you", "Cleo", "Emil"]}
    node.answers["reputation.graph"] = {"people": [person, far], "ties": [], "more": 7}
    out = run("--plain", "reputation", "--graph").out
    assert "Cleo\t0.95\t2.3\t2.5 hour\tyou → Cleo" in out
    assert "Emil\t0.95\t2.3\t\tyou → Cleo → Emil" in out and "7 more" in out
    node.answers["reputation.graph"] = {"people": [], "ties": [], "more": 0}
    assert "Nobody yet" in run("reputation", "--graph").out
    for wrong in (("reputation",), ("reputation", "Ann", "--graph"), ("reputation", "--graph", "--why")):
        assert run(*wrong).status == 2


def word(rater: str, outcome: int, trust: float, path: list[str], ratee: str = "Ann") -> dict[str, Any]:
    ids = [f"id of {name}" for name in path]
    return {
        "exchange_id": "cd" * 32, "rater": f"id of {rater}", "rater_name": rater, "ratee": f"id of {ratee}",
        "ratee_name": ratee, "outcome": outcome, "trust": trust, "path": ids, "path_names": path, "text": "",
    }  # fmt: skip


def test_each_rating_is_shown_with_its_path_and_weight(run: Run, node: FakeNode) -> None:
    """A pair has one voice, one's own has no path, and a quarrel is told as one."""
    node.answers["reputation"] = {
        **PEER,
        "confidence": 2.0,
        "why": [
            word("you", 2, 1.0, ["you"]),
            word("Ben", 2, 0.4321, ["you", "Cleo", "Ben"]),
            word("Ben", 1, 0.4321, ["you", "Cleo", "Ben"]),
            word("Ann", -2, 0.125, ["you", "Dora"], ratee="Dora"),
        ],
    }
    shown = run("reputation", "Ann", "--why").out
    assert (
        "  +2 by you in cdcdcdcd, a full voice\n"
        "  +2 by Ben (you → Cleo → Ben) in cdcdcdcd, 0.43 of a voice\n"
        "  +1 by Ben (you → Cleo → Ben) in cdcdcdcd, the same voice\n"
        "  -2 by Ann of Dora (you → Dora) in cdcdcdcd, 0.12 of a voice: to speak ill of whom you trust counts a little "
        "against Ann, too\n"
    ) in shown


def test_what_is_missing_is_said(run: Run, node: FakeNode) -> None:
    nothing = {"most": hours(0), "open": hours(0), "paths": [], "helps": []}
    node.answers["reputation"] = {**PEER, "exposure": nothing, "unheard": 3, "mood": 0.8}
    shown = run("reputation", "Ann", "--why").out
    assert "up to 0 hours at risk with Ann at a time" in shown
    assert "the score is where everybody's begins" in shown
    assert "3 have rated Ann, but no path leads there from those you trust, so their word does not count." in shown
    assert "so you see all scores lower" in shown
    assert "Nobody you trust stands for Ann with deals or a vouch yet. Begin with a small deal" in shown
    node.answers["reputation"] = {**PEER, "confidence": 1.0, "why": [word("Ben", 2, 1.0, ["you", "Ben"])], "unheard": 1}
    shown = run("reputation", "Ann", "--why").out
    assert "One more has rated Ann" in shown and "all scores" not in shown
    assert "Nobody you trust stands" not in shown, "a node from before it says nothing of exposure"
    assert "rated Ann" not in run("reputation", "Ann").out.replace("by Ben", "")


def test_what_a_path_ends_with_is_said(run: Run, node: FakeNode) -> None:
    vouch = {"amount": hours(900), "open": False, "vouched": True, "path": ["x", "y"], "path_names": ["you", "Ann"]}
    deals = {**vouch, "vouched": False, "open": True}
    exposure = {"most": hours(1200), "open": hours(300), "paths": [vouch, deals], "helps": []}
    node.answers["reputation"] = {**PEER, "exposure": exposure}
    shown = run("reputation", "Ann", "--why").out
    assert "up to 12 hours (3 hours of it open) at risk with Ann at a time" in shown
    assert "  9 hours by you → Ann, a vouch\n  9 hours by you → Ann, deals that went well, open\n" in shown


RISK = {"at_risk": hours(3000), "most": hours(1200), "beyond": True, "small": False}


def test_who_gives_more_at_a_time_than_those_he_trusts_stand_for_is_told_so_once(run: Run, node: FakeNode) -> None:
    answer: dict[str, Any] = {"exchange_id": "cd", "status": "agreed", "counterparty_name": "Ann", "exposure": RISK}
    for typed in ("accept cd", "pay cd", "propose ab", "counter cd"):
        node.answers[f"exchange.{typed.split()[0]}"] = answer
        said = run("exchange", *typed.split()).err
        assert said.count("! You give up to 30 hours before you get anything for it") == 1
        assert "those you trust stand for Ann with 12 hours. Safer: smaller steps (--instalments)" in said
    node.answers["exchange.accept"] = {**answer, "exposure": {**RISK, "most": hours(0)}}
    assert "nobody you trust stands for Ann yet" in run("exchange", "accept", "cd").err
    for nothing in ({**RISK, "beyond": False}, {**RISK, "small": True}, None):
        node.answers["exchange.accept"] = {**answer, "exposure": nothing}
        assert "before you get" not in run("exchange", "accept", "cd").err
    node.answers["exchange.confirm"] = answer
    assert "before you get" not in run("exchange", "confirm", "cd").err
