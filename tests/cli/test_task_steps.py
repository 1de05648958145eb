"""`project confirm` and `project pay`: what the node is asked, what is said of each task, and the exit status."""

from typing import Any

import pytest

from p2pnode.bounds import TASK_STEPS_AT_ONCE
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

NAMED = {"listing_id": "ab" * 16, "network": "e1" * 16, "title": "Chronicle"}


def row(number: int, problem: str | None = None, before: bool = False) -> dict[str, Any]:
    hint = "Confirm it first." if problem else None
    one = {"number": number, "title": f"Page {number}", "who": "Cleo", "exchange_id": "e" * 64}
    return {**one, "before": before, "problem": problem, "hint": hint}


def answer(*rows: dict[str, Any], left: int = 0) -> dict[str, Any]:
    return {**NAMED, "step": "confirm", "tasks": [*rows], "left": left}


def asked(node: FakeNode, name: str) -> list[Any]:
    return [call[1] for call in node.calls if call[0] == name]


def test_all_or_some(run: Run, node: FakeNode) -> None:
    node.answers["project.confirm"] = answer(row(1), row(2, before=True))
    done = run("project", "confirm", "ab", "--all")
    assert done.status == 0 and "Confirmed: 1  Page 1, Cleo\nConfirmed before: 2  Page 2, Cleo" in done.out
    run("project", "confirm", "ab", "1", "2")
    assert [args.tasks for args in asked(node, "project.confirm")] == [(), ("1", "2")]
    for typed in ([], ["1", "--all"]):
        assert run("project", "confirm", "ab", *typed).status == 2


def test_what_failed_is_named_beside_what_did_not(run: Run, node: FakeNode) -> None:
    node.answers["project.pay"] = answer(row(1), row(2, "that is more than you can spend"))
    done = run("project", "pay", "ab", "--all")
    assert done.status == 6 and "Paid: 1  Page 1, Cleo" in done.out
    assert "Not paid: 2  Page 2, Cleo: that is more than you can spend\n  Confirm it first." in done.out
    shown = run("project", "pay", "ab", "--all", "--json")
    assert shown.status == 6 and [r["problem"] for r in shown.data["tasks"]] == [
        None,
        "that is more than you can spend",
    ]


def test_nothing_to_do_is_no_failure(run: Run, node: FakeNode) -> None:
    node.answers["project.pay"] = answer()
    done = run("project", "pay", "ab", "--all")
    assert done.status == 0 and "Nothing is to be paid now." in done.out


def test_a_dry_run_lists_them(run: Run, node: FakeNode) -> None:
    node.answers["project.ready"] = {**answer(row(1), row(2)), "pay": [{"amount": 150, "unit": "hour"}]}
    shown = run("project", "pay", "ab", "--all", "--dry-run")
    assert shown.status == 0 and "Would pay: 1  Page 1, Cleo" in shown.out and "2 in all: 1.5 hours." in shown.out
    (args,) = asked(node, "project.ready")
    assert (args.step, args.tasks) == ("pay", ()) and asked(node, "project.pay") == []


def test_more_than_are_taken_at_once(run: Run, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [str(n) for n in range(1, TASK_STEPS_AT_ONCE + 3)]
    node.answers["project.confirm"] = answer(row(1))
    run("project", "confirm", "ab", *some)
    assert [len(args.tasks) for args in asked(node, "project.confirm")] == [TASK_STEPS_AT_ONCE, 2]
    answers = iter([answer(row(1), row(2, "no"), left=1), answer(row(2, "no"), row(3)), answer()])
    monkeypatch.setattr("cli.session.Session.write", lambda self, name, **args: next(answers))
    done = run("project", "confirm", "ab", "--all")
    assert done.out.count("Page 2") == 1 and "Confirmed: 3" in done.out and done.status == 6


def test_one_waits_until_all_have_come(run: Run, node: FakeNode) -> None:
    node.answers["project.pay"] = answer(row(1))
    node.answers["project.show"] = {"tasks": [{"number": 1, "delivered": True, "payment": "under way"}]}
    assert run("project", "pay", "ab", "1", "--wait", "0").status == 7
    node.answers["project.show"] = {"tasks": [{"number": 1, "delivered": True, "payment": "paid"}]}
    assert run("project", "pay", "ab", "1", "--wait", "0").status == 0
