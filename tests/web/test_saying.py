"""What is said after a step: what it was, and who is next, by the same turns as the command line names."""

from typing import Any

import pytest

from p2pnode.web.saying import said
from tests.web.hostile import HOSTILE


def steps(*rows: tuple[str, str]) -> dict[str, Any]:
    return {"next": [{"who": who, "command": f"p2pnode exchange {word} 77c1"} for who, word in rows]}


@pytest.mark.parametrize(
    ("language", "name", "answer", "text"),
    [
        ("en", "exchange.return", steps(("Ben", "confirm")),
         "You have signed that you gave it back. Waiting for Ben: confirm."),
        ("de", "exchange.return", steps(("Ben", "confirm")),
         "Du hast unterschrieben, dass du es zurückgegeben hast. Warten auf Ben: bestätigen."),
        ("en", "exchange.confirm", steps(("Ben", "attest"), ("you", "pay"), ("you", "cancel")),
         "You have confirmed it. Your turn: pay, cancel. Waiting for Ben: rate it."),
        ("en", "exchange.handover", steps(), "You have signed that you handed it over."),
        ("en", "exchange.propose", steps(("Ben", "accept")), "Proposed. You are told here when there is an answer."),
        ("en", "exchange.done", steps((HOSTILE[0], "stare")),
         f"You have signed that you did your part. Waiting for {HOSTILE[0]}: stare."),
        ("en", "exchange.erase", None, "Done."),
    ],
)  # fmt: skip
def test_of_a_step(language: str, name: str, answer: Any, text: str) -> None:
    assert said(language, name, answer) == [("ok", text)]


def test_of_several_tasks() -> None:
    rows = [{"number": n, "title": "100 %(n)s", "problem": "no" if n > 1 else None} for n in range(1, 9)]
    told = said("en", "project.pay", {"tasks": rows, "left": 2})
    assert told[0] == ("ok", "Payments on their way: 1. There are more: do it once more.")
    assert told[1] == ("warning", "Not paid: 2. 100 %(n)s: no") and len(told) == 4
    assert said("en", "project.confirm", {"tasks": [], "left": 0}) == [("ok", "There was nothing to do.")]
