"""What people read: short, in their own time, with what to do next; and nothing that plays with the terminal."""

import json
import re
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.output import safe, short
from cli.times import clock_time, format_time, parse_time, until
from p2pnode.home.folder import Home
from protocols.errors import Refusal
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

NOW = 1_772_366_400_000  # 2026-03-01 12:00 UTC
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@pytest.fixture(autouse=True)
def in_utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "end", "at"),
    [
        ("2h", False, NOW + 2 * HOUR),
        ("+30m", False, NOW + 30 * MINUTE),
        ("2w", False, NOW + 14 * DAY),
        ("today", False, NOW - 12 * HOUR),
        ("tomorrow", False, NOW + 12 * HOUR),
        ("tomorrow", True, NOW + 36 * HOUR - 1000),
        ("tomorrow 9:30", False, NOW + 21 * HOUR + 30 * MINUTE),
        ("14:00", False, NOW + 2 * HOUR),
        ("9:00", False, NOW + 21 * HOUR),
        ("2026-03-02", False, NOW + 12 * HOUR),
        ("2026-03-02", True, NOW + 36 * HOUR - 1000),
        ("2026-03-02 14:00", True, NOW + 26 * HOUR),
        ("2026-03-02T14:00", True, NOW + 26 * HOUR),
        ("2026-03-02T14:00+02:00", False, NOW + 24 * HOUR),
    ],
)
def test_times_are_read_as_people_write_them(text: str, end: bool, at: int) -> None:
    assert parse_time(text, NOW, end) == at


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01", "-3d", "3y", "9999999d", "2026-03-02 ", "٣d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    if text == "2026-03-02 ":
        assert parse_time(text, NOW) == NOW + 12 * HOUR
        return
    if text == "9999999d":
        text = "99999999d"
    with pytest.raises(Refusal) as e:
        parse_time(text, NOW)
    assert e.value.code == "usage" and "2026" in e.value.hint


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (None, "-"),
        (NOW + 10_000, "in a moment"),
        (NOW - 10_000, "just now"),
        (NOW - 5 * MINUTE, "5 min ago"),
        (NOW + 3 * HOUR, "in 3 h"),
        (NOW + 20 * HOUR, "tomorrow 08:00"),
        (NOW - 20 * HOUR, "yesterday 16:00"),
        (NOW + 30 * DAY, "31 Mar 12:00"),
        (NOW + 400 * DAY, "2027-04-05"),
        (2**53 - 1, "for ever"),
    ],
)
def test_times_are_told_relative_when_near(at: int | None, text: str) -> None:
    assert format_time(at, NOW) == text


def test_until_is_said_of_a_time_of_day() -> None:
    at = NOW + 60_000
    assert re.fullmatch(r"until (today|tomorrow) \d\d:\d\d", until(at, NOW))
    assert re.fullmatch(r"until \d+ \w+ \d\d:\d\d", until(NOW + 9 * 86_400_000, NOW))
    assert until(2**53 - 1, NOW) == "for ever"


def test_what_stands_after_since_is_never_relative() -> None:
    for ahead in (-3_600_000, -1_000, 1_000, 3_600_000, 20_000_000):
        assert re.fullmatch(r"(yesterday|today|tomorrow) \d\d:\d\d", clock_time(NOW + ahead, NOW))


def test_ids_are_shortened() -> None:
    assert short("0123456789abcdef") == "01234567"
    assert short("12D3KooWCZaPq6Bx7CEEm7NfchiZpQQcMMcrKAEZYuWBfP44jvBm") == "12D3KooWCZaPq6"
    assert short(None) == "-"


ROW = {
    "listing_id": "ab" * 32, "author_name": "Bo\x1b[31mb\u202e", "direction": "offer", "kind": "rent",
    "title": "Snow\nblower", "price": {"amount": 200, "unit": "hour", "per": "day"}, "area": "u33db",
    "distance_km": 1.23, "last_seen": None, "replicas": 2, "revision": 1, "score": 1.0, "valid_until": NOW,
}  # fmt: skip


def test_a_search_is_a_table(run: Run, node: FakeNode) -> None:
    node.answers["search"] = [ROW]
    node.answers["status"] = {"network": {"id": "aa", "name": "Elm", "unit": "hour", "decimals": 1}}
    out = run("search", "snow").out
    assert "abababab" in out and "20 hours per day" in out and "1.2 km" in out and "p2pnode offer show abababab" in out
    assert "\x1b" not in out and "\u202e" not in out
    plain = run("search", "snow", "--plain").out
    assert plain.count("\n") == 1 and "ab" * 32 in plain.split("\t")
    node.answers["search"] = []
    nothing = run("search", "snow", "--within", "2km")
    assert nothing.status == 0 and nothing.out == "" and "--within" in nothing.err
    assert run("search", "--json").data == []


def test_amounts_are_in_the_decimals_of_their_own_network(run: Run, node: FakeNode) -> None:
    networks = [{"id": "aa", "name": "Elm", "unit": "hour", "decimals": 2},
                {"id": "bb", "name": "Oak", "unit": "hour", "decimals": 0},
                {"id": "cc", "name": "Ash", "unit": "leaf", "decimals": 3}]  # fmt: skip
    node.answers["status"] = {"network": networks[0], "networks": networks}
    price = {"amount": 1500, "unit": "hour", "per": "item"}
    for network, words in (("aa", "15 hours"), ("bb", "1500 hours")):
        node.answers["search"] = [{**ROW, "network": network, "price": price}]
        assert f" {words} " in run("search").out
    node.answers["search"] = [{**ROW, "network": "cc", "price": {**price, "unit": "leaf"}}]
    assert " 1.5 leaf " in run("search").out
    plain = run("search", "--plain").out.rstrip("\n").split("\t")
    assert plain[4] == "1.5" and "None" not in plain
    node.answers["search"] = [{**ROW, "network": "cc", "distance_km": None, "price": {**price, "unit": "EUR"}}]
    plain = run("search", "--plain").out.split("\t")
    assert plain[4] == "15 EUR" and plain[5] == ""
    node.answers["vouch"] = {"amount": {"amount": 7, "unit": "hour"}, "limit": {"amount": 8, "unit": "hour"}}
    assert "7 hours" in run("vouch", "Ann", "7", "--network", "Oak").out


def test_a_paused_listing_is_not_to_be_had(run: Run, node: FakeNode) -> None:
    node.answers["listing.show"] = {**ROW, "state": "spread", "paused": True}
    assert "Next" not in run("offer", "show", "ab").out


def test_an_invite_says_what_credit_it_carries(run: Run, node: FakeNode) -> None:
    link = {"link": "p2pnode://join/abc", "expires_at": NOW, "uses": 1, "network": {"id": "aa"}}
    node.answers["invite"] = {**link, "vouch": {"amount": 1000, "unit": "hour"}}
    assert "It carries 10 hours of your credit" in run("invite").out
    node.answers["invite"] = {**link, "vouch": {"amount": 0, "unit": "hour"}}
    assert "no credit" in run("invite").out


def test_an_empty_search_says_what_to_widen(run: Run, node: FakeNode) -> None:
    node.answers["search"] = []
    assert "--within" not in run("search", "--kind", "rent").err
    assert "fewer words" in run("search", "red", "snow").err
    assert "publish" in run("search").err


def test_what_others_wrote_cannot_play_with_the_terminal() -> None:
    assert safe("a\x1b[2Jb\x9bc\u202ed\te\nf") == "a�[2Jb�c�d\te\nf"


def test_who_one_is_is_said_in_the_words_of_the_kind(run: Run, node: FakeNode) -> None:
    node.answers["exchange.show"] = {**EXCHANGE, "role_name": "borrower"}
    assert "you are the  borrower\n" in run("exchange", "show", "cd").out
    node.answers["exchange.show"] = EXCHANGE
    assert "you are the  taker\n" in run("exchange", "show", "cd").out, "a node from before this"


EXCHANGE: dict[str, Any] = {
    "exchange_id": "cd" * 32, "status": "agreed", "role": "taker", "counterparty_name": "Bob",
    "terms": {"title": "Snowblower", "quantity": 1, "price": {"amount": 200, "unit": "hour"}, "from": NOW},
    "duties": [{"id": "pay", "what": "pay 2 hours", "provider_name": "you", "state": "pending"}],
    "next": [{"who": "you", "command": "p2pnode exchange pay cdcdcdcd", "until": None},
             {"who": "you", "command": "p2pnode exchange cancel cdcdcdcd", "until": None},
             {"who": "Bob", "command": "p2pnode exchange confirm cdcdcdcd", "until": NOW}],
    "settlement": {"state": "pending", "amount": {"amount": 200, "unit": "hour", "decimals": 2}},
    "receipt": None, "delivered": False, "notes": [{"from": "Bob", "text": "hello", "photos": ["1f0c22ab" * 8]}],
}  # fmt: skip


def test_an_exchange_says_what_is_next(run: Run, node: FakeNode) -> None:
    node.answers["exchange.show"] = EXCHANGE
    node.answers["exchange.list"] = [EXCHANGE]
    out = run("exchange", "show", "cd").out
    for words in (
        "Snowblower",
        "2 hours",
        "Next: p2pnode exchange pay cdcdcdcd",
        "Waiting for Bob: confirm",
        "pending",
        "Bob: hello (photo 1f0c22ab)",
        "not yet",
    ):
        assert words in out
    node.answers["exchange.pay"] = EXCHANGE
    short = run("exchange", "pay", "cd").out
    assert short.startswith("cdcdcdcd  agreed: Snowblower, for 2 hours, with Bob\nOn its way to Bob.\nNext: "), short
    node.answers["exchange.pay"] = EXCHANGE | {"undeliverable": "their node is older"}
    assert "\nNot delivered to Bob: their node is older.\n" in run("exchange", "pay", "cd").out
    node.answers["exchange.pay"] = EXCHANGE | {"refused": {"step": "confirm", "why": "too many steps"}}
    assert "did not take your 'confirm'" in (said := run("exchange", "pay", "cd").out) and "Because: too many" in said
    assert "you: pay, cancel; Bob: confirm" in run("exchange", "list").out


def test_an_exchange_says_what_became_of_it(run: Run, node: FakeNode) -> None:
    later = int(time.time() * 1000) + 2 * DAY
    duties = [
        {"id": "handover", "what": "hand over Saw", "provider_name": "Bob", "state": "done", "confirmed_at": later},
        {"id": "pay", "what": "pay 2 hours", "provider_name": "you", "state": "pending", "until": later},
        {
            "id": "fee-taker",
            "what": "pay 1 hour for cancelling alone",
            "provider_name": "you",
            "state": "pending",
            "on": "cancel",
            "amount": {"amount": 100, "unit": "hour", "decimals": 2},
        },
    ]
    terms = {**EXCHANGE["terms"], "may_cancel": [{"name": "you", "until": later}]}
    ended = {**EXCHANGE, "next": [], "duties": duties, "terms": terms}
    node.answers["exchange.show"] = {**ended, "status": "agreed"}
    out = run("exchange", "show", "cd").out
    assert "hand over Saw, confirmed by itself" in out and ", for 1 hour" in out and "pay 1 hour" not in out
    node.answers["exchange.show"] = {**ended, "status": "cancelled", "cancelled_by": "Bob"}
    out = run("exchange", "show", "cd").out
    assert "Bob cancelled alone" in out and "hand over Saw" in out
    assert "pay 2 hours" not in out and "you may cancel" not in out
    node.answers["exchange.show"] = {**ended, "status": "cancelled", "cancelled_by": None}
    assert "both of you cancelled" in run("exchange", "show", "cd").out


def test_what_is_given_for_it_is_said_as_it_is(run: Run, node: FakeNode) -> None:
    def told(**terms: object) -> str:
        node.answers["exchange.pay"] = {**EXCHANGE, "terms": {**EXCHANGE["terms"], **terms}}
        return run("exchange", "pay", "cd").out

    less = {"amount": 150, "unit": "hour", "decimals": 2}
    assert ", for 1.5 hours (before the correction: 2 hours), with Bob" in told(corrected=less)
    assert ", for thirty eggs and 2 hours, with Bob" in told(in_return="thirty eggs")


def test_who_proposes_other_terms_reads_them_once_more(run: Run, node: FakeNode) -> None:
    amendment = {"by": "you", "note": "Rain", "expires": NOW, "changes": ["price: 3 hours instead of 2 hours"]}
    node.answers["exchange.amend"] = {**EXCHANGE, "amendment": amendment}
    out = run("exchange", "amend", "cd", "--price", "3").out
    assert "You propose (Rain), until" in out and "\n  price: 3 hours instead of 2 hours\n" in out


def test_the_other_tables(run: Run, node: FakeNode) -> None:
    node.answers |= {
        "status": {"state": "joined", "network": {"name": "Elm", "unit": "hour", "decimals": 2}, "peers": 2,
                   "addresses": ["/ip4/1.2.3.4/tcp/1"], "warnings": ["clock"], "peer_id": "12D3KooWx"},
        "peers.list": [{"name": "Ann", "peer_id": "12D3KooWCZaPq6Bx", "connected": True, "last_seen": NOW}],
        "peers.show": {"name": "Ann", "peer_id": "12D3KooWCZaPq6Bx", "connected": True, "addresses": ["/a", "/b"]},
        "listing.list": [{**ROW, "state": "stored", "paused": True}],
        "listing.show": {**ROW, "state": "stored"},
        "listing.publish": {"listing_id": "ab" * 32, "revision": 1, "valid_until": NOW, "state": "draft"},
        "ledger.log": [{"seq": 0, "id": "ef" * 32, "kind": "INCEPT", "at": NOW, "balance": -50, "hold": 0}],
        "ledger.balance": {"unit": "hour", "balance": -250, "hold": 0, "given": 500, "received": 0, "limit": 1000},
        "invite": {"link": "p2pnode://join/abc", "expires_at": NOW, "uses": 3},
        "vouch": {"peer_id": "12D3KooWCZaPq6Bx", "amount": {"amount": 500, "unit": "hour"}, "limit": 1},
        "attest": {"exchange_id": "cd" * 32},
        "reputation": {"peer_id": "x", "score": 0.91, "confidence": 1.0, "limit": None, "why": [
            {"exchange_id": "cd" * 32, "rater": "C", "outcome": 2, "trust": 1, "path": ["you", "C"]}]},
    }  # fmt: skip
    expected = {
        "status": ["joined", "Elm", "! clock"],
        "peers": ["Ann", "yes"],
        "peers show Ann": ["/a", "/b"],
        "offer list": ["paused", "2 hours per day"],
        "offer show ab": ["1.2 km", "Next: p2pnode exchange propose abababab"],
        "offer publish --kind rent --title T": ["draft"],
        "ledger log": ["INCEPT", "-0.5 hours"],
        "ledger": ["-2.5 hours", "10 hours"],
        "invite --uses 3": ["p2pnode://join/abc", "3 newcomers"],
        "vouch Ann 5": ["5 hours"],
        "attest cd --outcome 2": ["+2"],
        "reputation Ann --why": ["0.91", "+2 by C (you → C) in cdcdcdcd"],
    }
    for typed, words in expected.items():
        result = run(*typed.split())
        assert result.status == 0, result
        for word in words:
            assert word in result.out, (typed, word, result.out)
        assert run(*typed.split(), "--plain").status == 0


def test_json_is_utf8_whatever_the_locale(run: Run, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    node.answers["search"] = [{**ROW, "title": "Schneefräse ❄"}]
    assert run("search", "--json").data[0]["title"] == "Schneefräse ❄"


def test_init_prints_words_once_and_what_is_next(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2PNODE_HOME", str(tmp_path / "n"))
    result = run("init", "--name", "Ann", "--new-network", "Elm Street", "--unit", "hour", "--area", "u33db", "--json")
    assert result.status == 0
    assert {"peer_id", "name", "home", "network", "area", "words"} <= set(result.data)
    assert len(result.data["words"].split()) == 24 and result.data["network"]["name"] == "Elm Street"
    again = run("init", "--name", "Ann", "--json")
    assert again.status == 6 and again.error["code"] == "conflict" and "p2pnode run" in again.error["hint"]
    whoami = run("whoami", "--json").data
    assert (whoami["peer_id"], whoami["network"]) == (result.data["peer_id"], result.data["network"])
    monkeypatch.setenv("P2PNODE_HOME", str(tmp_path / "m"))
    spoken = run("init", "--name", "Bob")
    assert "24. " in spoken.out and "p2pnode run" in spoken.out and "p2pnode join" in spoken.out
    assert run("init", "--json", "--no-input", "--home", str(tmp_path / "o")).status == 2


def test_init_takes_what_is_typed(run: Run, tmp_path: Path) -> None:
    home = str(tmp_path / "n")
    assert run("init", "--name", "A\x1b[31m", "--home", home, "--json").status == 2
    made = run(
        "init", "--name", "Ann", "--new-network", "E", "--unit", "egg", "--decimals", "0", "--home", home, "--json"
    )
    assert made.data["network"]["decimals"] == 0
    again = run("init", "--home", home)
    assert again.status == 0 and "nothing was changed" in again.err and "takes this up" not in again.err


def test_a_network_that_waits_for_the_next_start(run: Run, node: FakeNode, home: Home) -> None:
    node.answers["status"] = {"state": "alone", "network": None}
    assert "init --new-network" in run("status").out
    assert "takes this up" in run("init", "--new-network", "Elm Street", "--unit", "hour").err
    out = run("status").out
    assert "Elm Street begins at the node's next start" in out and "init --new-network" not in out


def test_a_port_in_use_says_how_to_choose_another(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(given: Home, **kwargs: Any) -> int:
        raise Refusal("conflict", "port 4001 on 0.0.0.0 is in use", "choose another port")

    daemon = types.ModuleType("p2pnode.daemon")
    daemon.run = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "p2pnode.daemon", daemon)
    result = run("run")
    assert result.status == 6 and "p2pnode run --listen /ip4/" in result.err and "config.toml" in result.err


def test_join_without_a_node_is_noted(run: Run, home: Home) -> None:
    target = "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWCZaPq6Bx7CEEm7NfchiZpQQcMMcrKAEZYuWBfP44jvBm"
    data = run("join", target, "--json").data
    assert data == {"network": None, "state": "trying", "peers": 0, "noted": True}
    assert target in home.pending.read_text()
    with home.locked():
        assert run("join", target, "--json").status == 4, "a node that is just starting may miss the note"


def test_run_hands_everything_to_the_daemon(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def fake(given: Home, **kwargs: Any) -> int:
        seen.update(kwargs, home=given.root)
        return 3

    daemon = types.ModuleType("p2pnode.daemon")
    daemon.run = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "p2pnode.daemon", daemon)
    result = run("run", "--listen", "/a", "--listen", "/b", "--bootstrap", "/c", "--relay", "--no-lan", "--json")
    assert result.status == 3
    assert seen == {"home": home.root, "listen": ["/a", "/b"], "bootstrap": ["/c"], "relay": True, "lan": False,
                    "json": True, "passphrase_file": None}  # fmt: skip
    run("run")
    assert (seen["relay"], seen["lan"], seen["json"]) == (False, True, False)


def test_json_errors_stand_alone_on_stdout(run: Run, node: FakeNode) -> None:
    node.answers["status"] = Refusal("refused", "Nö.", "Do.")
    result = run("status", "--json")
    assert json.loads(result.out)["error"]["message"] == "Nö." and result.err == ""


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({}, "quantity  9\n"),
        ({"left": 4}, "quantity  9, 4 left\n"),
        ({"left": 0}, "quantity  9, 0 left\n"),
        ({"left": 2, "left_at": int(time.time() * 1000)}, "quantity  9, 2 left for today\n"),
        ({"free_now": 3}, "quantity  9, 3 free now\n"),
    ],
)
def test_what_is_left_of_a_listing_of_ones_own(run: Run, node: FakeNode, more: dict[str, int], shown: str) -> None:
    node.answers["listing.show"] = {**ROW, "quantity": 9, **more}
    assert shown in re.sub(r"quantity +", "quantity  ", run("offer", "show", "ab").out)
