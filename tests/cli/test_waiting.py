"""--wait and --watch."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.session.FIRST_PAUSE", 0.001)
    monkeypatch.setattr("cli.session.LONGEST_PAUSE", 0.002)


def test_publishing_waits_until_it_has_spread(run: Run, node: FakeNode) -> None:
    node.answers["listing.publish"] = {"listing_id": "ab", "revision": 1, "valid_until": 5, "state": "stored"}
    node.in_turn("listing.show", {"state": "stored"}, {"state": "stored"}, {"state": "spread"})
    result = run("offer", "publish", "--kind", "x", "--title", "t", "--wait", "20", "--json")
    assert result.status == 0
    assert result.data == {"listing_id": "ab", "revision": 1, "valid_until": 5, "state": "spread"}
    assert [name for name, *_ in node.calls] == ["listing.publish"] + ["listing.show"] * 3


def test_a_step_waits_until_the_other_side_has_it(run: Run, node: FakeNode) -> None:
    node.answers["exchange.accept"] = {"exchange_id": "cd", "delivered": False}
    node.in_turn("exchange.show", {"exchange_id": "cd", "delivered": False}, {"exchange_id": "cd", "delivered": True})
    assert run("exchange", "accept", "cd", "--wait", "20", "--json").data["delivered"] is True


def test_paying_waits_until_it_is_settled(run: Run, node: FakeNode) -> None:
    def state(word: str) -> dict[str, Any]:
        return {"exchange_id": "cd", "delivered": True, "settlement": {"state": word, "amount": None}}

    node.answers["exchange.pay"] = state("proposed")
    node.in_turn("exchange.show", state("proposed"), state("accepted"), state("settled"))
    assert run("exchange", "pay", "cd", "--wait", "20", "--json").data["settlement"]["state"] == "settled"


def test_what_no_ledger_settles_is_paid_when_the_other_side_knows(run: Run, node: FakeNode) -> None:
    cash = {"exchange_id": "cd", "duty": "pay", "payments": [], "settlement": {"state": "none", "amount": None}}
    node.answers["exchange.pay"] = {**cash, "delivered": False}
    node.in_turn("exchange.show", {**cash, "delivered": False}, {**cash, "delivered": True})
    assert run("exchange", "pay", "cd", "--note", "RF18", "--wait", "5", "--json").data["delivered"] is True


def test_joining_waits_until_joined(run: Run, node: FakeNode) -> None:
    target = "/dns4/ann.example/tcp/4001/p2p/12D3KooWCZaPq6Bx7CEEm7NfchiZpQQcMMcrKAEZYuWBfP44jvBm"
    network = {"id": "aa", "name": "Elm Street", "unit": "hour"}
    node.answers["join"] = {"network": None, "state": "trying", "peers": 0}
    node.in_turn("status", {"state": "joining"}, {"state": "joined", "network": network, "peers": 2})
    data = run("join", target, "--wait", "20", "--json").data
    assert data == {"network": network, "state": "joined", "peers": 2}


def test_a_second_join_is_waited_for_by_its_own_name(run: Run, node: FakeNode) -> None:
    """The node is in another network already; that is not what was asked for."""
    target = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWDKPDqLpgdMQqnzSyMRiUs6wYr4V8X5iFWd4Jbm5T8bT9"
    node.answers["join"] = {"network": None, "state": "trying", "peers": 1}
    node.answers["status"] = {"state": "joined", "joining": [{"target": target}], "warnings": []}
    assert run("join", target, "--wait", "0.01").status == 7
    node.answers["status"] = {"state": "joined", "joining": [], "warnings": [f"could not join {target[:60]}: no"]}
    result = run("join", target, "--wait", "1", "--json")
    assert result.status == 5 and "could not join" in result.error["message"]


def test_a_join_that_takes_long_says_why(run: Run, node: FakeNode) -> None:
    target = "/dns4/ann.example/tcp/4001/p2p/12D3KooWCZaPq6Bx7CEEm7NfchiZpQQcMMcrKAEZYuWBfP44jvBm"
    node.answers["join"] = {"network": None, "state": "trying", "peers": 0, "problem": "nothing listens there"}
    node.answers["status"] = {"state": "joining", "warnings": []}
    assert "Not joined yet, after 0.01 s: nothing listens there" in run("join", target, "--wait", "0.01").err
    node.answers["join"] = {"network": None, "state": "trying", "peers": 0}
    node.answers["status"]["warnings"] = ["clock", f"still trying to join {target[:20]}: it is away"]
    result = run("join", target, "--wait", "0.01", "--json")
    assert result.error["message"].endswith(": it is away") and result.error["data"]["problem"] == "it is away"


def test_a_time_out_is_7_and_tells_what_was_done(run: Run, node: FakeNode) -> None:
    node.answers["exchange.accept"] = node.answers["exchange.show"] = {"exchange_id": "cd", "delivered": False}
    result = run("exchange", "accept", "cd", "--wait", "0.05", "--json")
    assert result.status == 7
    assert result.error["code"] == "unreachable" and result.error["data"]["exchange_id"] == "cd"
    assert run("exchange", "accept", "cd", "--wait", "0").status == 7
    assert sum(name == "exchange.accept" for name, *_ in node.calls) == 2, "never done again"


def test_what_has_happened_already_needs_no_waiting(run: Run, node: FakeNode) -> None:
    node.answers["exchange.accept"] = {"exchange_id": "cd", "delivered": True}
    assert run("exchange", "accept", "cd", "--wait", "5", "--json").status == 0
    assert len(node.calls) == 1


def test_watching_prints_a_line_for_each_change_until_interrupted(node: FakeNode) -> None:
    node.answers["search"] = [{"listing_id": "ab", "revision": 1, "title": "t"}]
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "search", "--watch", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    patience = threading.Timer(30, process.kill)
    patience.start()
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert '"listing_id": "ab"' in first
        calls = len(node.calls)
        node.answers["search"] = [*node.answers["search"], {"listing_id": "cd", "revision": 1, "title": "u"}]
        node.events.append({"type": "peer", "connected": True})
        time.sleep(0.5)
        assert len(node.calls) <= max(calls, 2), "nothing is asked as long as nothing has changed"
        node.events.append({"type": "listings"})
        second = process.stdout.readline()
        assert '"cd"' in second and '"ab"' not in second
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        last, err = process.communicate()
        assert last.count("\n") == 1 and json.loads(last)["error"]["code"] == "interrupted" and err == ""
    finally:
        patience.cancel()
        process.kill()
        process.communicate()


def test_messages_are_told_as_they_come_and_as_they_are_delivered(node: FakeNode) -> None:
    theirs = {"id": "ab", "text": "Late", "state": "new", "why": None, "undeliverable": None}
    ours = {**theirs, "id": "cd", "text": "No hurry", "state": "queued"}
    node.answers["message.list"] = [theirs]
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "message", "list", "--with", "Ann", "--watch", "--json"],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    patience = threading.Timer(30, process.kill)
    patience.start()

    def told(*rows: dict[str, Any]) -> list[dict[str, Any]]:
        """What a line says, once these are all the node has."""
        assert process.stdout is not None
        node.answers["message.list"] = [*rows]
        node.events.append({"type": "changed", "what": ["messages"]})
        line = json.loads(process.stdout.readline())
        found: list[dict[str, Any]] = line["data"]
        return found

    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["data"] == [theirs]
        asked = len(node.calls)
        node.events += [{"type": "changed", "what": ["listings"]}, {"type": "peer"}]
        read = {**theirs, "state": "read"}
        assert told(read, ours) == [ours], "that it was read is no news"
        assert len(node.calls) == asked + 1, "nothing is asked where nothing has changed"
        delivered = {**ours, "state": "delivered"}
        assert told(read, delivered) == [delivered]
        assert told({**theirs, "id": "ef"}) == [{**theirs, "id": "ef"}]
        assert {(name, args.peer) for name, args, *_ in node.calls} == {("message.list", "Ann")}
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    finally:
        patience.cancel()
        process.kill()
        process.communicate()


def test_waiting_does_not_outlast_its_time(run: Run, node: FakeNode) -> None:
    node.answers["exchange.accept"] = node.answers["exchange.show"] = {"exchange_id": "cd", "delivered": False}
    begun = time.monotonic()
    run("exchange", "accept", "cd", "--wait", "0.2")
    assert 0.2 <= time.monotonic() - begun < 5


def test_unvouching_waits_until_all_is_back(run: Run, node: FakeNode) -> None:
    def row(left: int, direction: str = "given") -> dict[str, Any]:
        return {"direction": direction, "asked_back": {"amount": left, "unit": "hour"}}

    node.answers["unvouch"] = {"peer_id": "x", "name": "Ann", "amount": {"amount": 5, "unit": "hour"}}
    node.in_turn("vouch.list", [row(5), row(7, "taken")], [row(2)], [row(0), row(7, "taken")])
    result = run("unvouch", "Ann", "5", "--wait", "20")
    assert result.status == 0 and result.out.startswith("Back: ")
    node.answers["vouch.list"] = [row(5)]
    late = run("unvouch", "Ann", "5", "--wait", "0.01", "--json")
    assert late.status == 7 and late.error["data"]["name"] == "Ann"
    assert "0.05 hours is still to come" in late.error["message"]


def test_a_wish_to_cancel_is_shown_as_long_as_it_can_be_met(run: Run, node: FakeNode) -> None:
    shown = {"exchange_id": "cd", "status": "active", "counterparty_name": "Ann", "cancel_asked": ["you"]}
    node.answers["exchange.show"] = {**shown, "next": [{"who": "Ann", "command": "p2pnode exchange cancel cd"}]}
    assert "You asked to cancel. It is cancelled when Ann does, too." in run("exchange", "show", "cd").out
    node.answers["exchange.show"] = {**shown, "next": [{"who": "Ann", "command": "p2pnode exchange handover cd"}]}
    assert "asked to cancel" not in run("exchange", "show", "cd").out


def test_vouching_waits_until_it_is_taken(run: Run, node: FakeNode) -> None:
    node.answers["vouch"] = {"peer_id": "x", "name": "Ann", "amount": {"amount": 5, "unit": "hour"}}
    node.in_turn("vouch.list", [{"state": "given"}], [{"state": "held"}, {"vouch_id": "old", "state": "ended"}])
    assert run("vouch", "Ann", "5", "--wait", "20").status == 0
    node.answers["vouch.list"] = [{"state": "given"}]
    assert run("vouch", "Ann", "5", "--wait", "0.01").status == 7


def test_a_vouch_that_comes_back_is_no_success(run: Run, node: FakeNode) -> None:
    node.answers["vouch"] = {"vouch_id": "ab", "name": "Ann", "amount": {"amount": 5, "unit": "hour"}}
    held, ended = {"vouch_id": "cd", "state": "held"}, {"vouch_id": "ab", "state": "ended"}
    node.in_turn("vouch.list", [held, {"vouch_id": "ab", "state": "given"}], [held, ended])
    result = run("vouch", "Ann", "5", "--wait", "20")
    assert result.status == 5 and "Ann has given it back" in result.err


def test_taking_over_waits_until_the_other_node_has_heard(run: Run, node: FakeNode) -> None:
    node.answers["vouch.takeover"] = {"name": "Ann", "amount": {"amount": 5, "unit": "hour"}}

    def rows(delivered: bool) -> list[dict[str, Any]]:
        return [{"direction": "given", "delivered": delivered}, {"direction": "taken", "delivered": False}]

    node.in_turn("vouch.list", rows(False), rows(True))
    assert run("unvouch", "Ann", "--take-over", "--wait", "20").status == 0
    asked = [name for name, *_ in node.calls if name != "status"]
    assert asked[:3] == ["vouch.takeover", "vouch.list", "vouch.list"]
    node.answers["vouch.list"] = rows(False)
    assert run("unvouch", "Ann", "--take-over", "--wait", "0.01").status == 7


def claimed(state: str) -> dict[str, Any]:
    amount = {"amount": 350, "unit": "EUR", "decimals": 2}
    who = {"claim_id": "ab12cd34", "name": "Ann", "direction": "owed by me", "amount": amount, "left": amount}
    return {**who, "state": state, "delivered": state != "offered"}


@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_claim_says_in_the_end_that_it_was_accepted(run: Run, node: FakeNode, state: str) -> None:
    node.answers["claim.propose"] = claimed("offered")
    node.in_turn("claim.show", claimed("offered"), claimed(state))
    result = run("claim", "Ann", "3.50", "EUR", "--wait", "20")
    assert result.status == 0 and "Accepted by Ann: " in result.out and "Waiting" not in result.out


def test_a_claim_that_is_declined_needs_no_more_waiting(run: Run, node: FakeNode) -> None:
    node.answers["claim.propose"] = claimed("offered")
    node.in_turn("claim.show", claimed("offered"), claimed("declined"))
    result = run("claim", "Ann", "3.50", "EUR", "--wait", "20", "--json")
    assert result.status == 5 and "Ann does not agree" in result.error["message"]


def test_a_draft_is_not_waited_for_unless_a_join_is_under_way(run: Run, node: FakeNode) -> None:
    draft = {"listing_id": "ab", "revision": 0, "valid_until": 5, "state": "draft"}
    node.answers["listing.publish"] = draft
    node.answers["status"] = {"state": "alone", "joining": [], "network": None, "networks": [], "peers": 0}
    given = ("offer", "publish", "--kind", "x", "--title", "t", "--wait", "80000")
    for result in (run(*given), run(*given, "--json")):
        assert result.status == 7 and "kept as a draft, since this node is in no network" in result.err + result.out
        assert "listing.show" not in [name for name, *_ in node.calls]
    assert result.error["data"] == draft
    node.answers["status"] |= {"joining": [{"target": "x"}]}
    node.in_turn("listing.show", draft, {"state": "spread"})
    result = run(*given)
    assert result.status == 0 and result.err.count("waiting until this node has joined") == 1


@pytest.mark.parametrize(("peers", "said"), [(0, 1), (2, 0)])
def test_it_is_said_once_that_nobody_is_connected(run: Run, node: FakeNode, peers: int, said: int) -> None:
    node.answers["exchange.accept"] = {"exchange_id": "cd", "delivered": False}
    undelivered = {"exchange_id": "cd", "delivered": False}
    node.in_turn("exchange.show", undelivered, undelivered, {"exchange_id": "cd", "delivered": True})
    node.answers["status"] = {"state": "alone", "joining": [], "network": {"id": "aa"}, "peers": peers}
    result = run("exchange", "accept", "cd", "--wait", "20")
    assert result.status == 0 and result.err.count("No neighbour is connected: waiting until one is.") == said
