"""What went wrong in an exchange, as `exchange show` and `attest` say it."""

from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

FAULT = {"kind": "no-show", "duty": "handover", "by": "12D3", "by_name": "Ben", "until": 1_000_000, "came": None,
         "said": True, "made_good": False}  # fmt: skip
SHOWN: dict[str, Any] = {
    "exchange_id": "cd" * 32,
    "status": "defaulted",
    "terms": {"title": "Barn"},
    "duties": [{"id": "handover", "what": "hand over the barn", "state": "defaulted"}],
    "faults": [FAULT],
    "suggested": -2,
}


def test_a_fault_is_told_in_words(run: Run, node: FakeNode) -> None:
    node.answers["exchange.show"] = SHOWN
    assert "! Ben did not come: hand over the barn, due " in run("exchange", "show", "cd").out
    node.answers["exchange.show"] = {**SHOWN, "faults": [{**FAULT, "kind": "late", "by_name": "you", "came": 2}]}
    assert "! You were late: hand over the barn, due " in run("exchange", "show", "cd").out
    node.answers["exchange.show"] = {key: SHOWN[key] for key in SHOWN if key not in ("faults", "suggested")}
    assert "!" not in run("exchange", "show", "cd").out, "an older node says nothing of it"


def test_a_rating_that_can_be_corrected(run: Run, node: FakeNode) -> None:
    node.answers["exchange.show"] = {**SHOWN, "attestations": {"mine": True, "theirs": False, "correct": -1}}
    assert "p2pnode attest cdcdcdcd --again --outcome -1" in run("exchange", "show", "cd").out


def test_without_a_terminal_the_outcome_is_needed_and_the_error_suggests_one(run: Run, node: FakeNode) -> None:
    node.answers["exchange.show"] = SHOWN
    result = run("attest", "cd", "--json")
    assert result.status == 2
    assert "--outcome" in result.error["message"]
    assert "-2 (Ben did not come" in result.error["hint"]
    assert not [name for name, *_ in node.calls if name == "attest"], "nobody is rated by itself"


@pytest.mark.parametrize(("typed", "outcome"), [("", -2), ("0", 0)])
def test_at_a_terminal_it_is_asked_for(
    run: Run, node: FakeNode, monkeypatch: pytest.MonkeyPatch, typed: str, outcome: int
) -> None:
    node.answers["exchange.show"] = SHOWN
    node.answers["attest"] = {"exchange_id": "cd" * 32}
    monkeypatch.setattr("cli.reputation._at_terminal", lambda session: True)
    monkeypatch.setattr("click.prompt", lambda *args, default=None, **more: int(typed or default))
    assert run("attest", "cd").status == 0
    name, said = node.last
    assert (name, said["outcome"]) == ("attest", outcome)


def test_how_often_somebody_failed(run: Run, node: FakeNode) -> None:
    said = {"late": {"times": 2, "raters": 1}, "no-show": {"times": 1, "raters": 1}}
    node.answers["reputation"] = {"peer_id": "12D3", "name": "Ben", "faults": {"own": {"late": 3}, "said": said}}
    shown = run("reputation", "Ben", "--why").out
    assert "With you: late 3 times, as your exchanges show.\n" in shown
    assert "Late twice, did not come once, as those who dealt with them say.\n" in shown


def test_what_a_rating_says_of_a_fault_is_told_to_whoever_gives_it(run: Run, node: FakeNode) -> None:
    node.answers["attest"] = {"exchange_id": "cd" * 32, "dimensions": {"no-show": -2, "punctual": 1}}
    assert run("attest", "cd", "--outcome", "-2").out == "Rated cdcdcdcd with -2; it says, too: no-show.\n"
