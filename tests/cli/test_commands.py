"""Every command's words reach the node as the arguments that the table names."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from p2pnode.commands import COMMANDS, Search
from protocols.errors import Refusal
from tests.cli.blocklist_cases import BLOCKLIST_CASES
from tests.cli.claim_cases import CLAIM_CASES
from tests.cli.conftest import Run
from tests.cli.message_cases import MESSAGE_CASES
from tests.cli.parcel_cases import PARCELS
from tests.cli.settling_cases import SETTLING_CASES
from tests.cli.standing_cases import FORESEEN, PROJECT, STANDING_CASES
from tests.p2pnode.fake_node import FakeNode

SEARCH = {"query": "", "sort": "relevance", "limit": 50, "everywhere": False}
LISTING = {"text": "", "tags": (), "photos": ()}
CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("status", "status", {}),
    ("clock", "clock", {"is_right": False}),
    ("clock --is-right", "clock", {"is_right": True}),
    ("whoami", "whoami", {}),
    ("invite", "invite", {"uses": 1, "note": ""}),
    ("invite list", "invite.list", {}),
    ("invite revoke 3f9a", "invite.revoke", {"id": "3f9a"}),
    ("invite --uses 3 --note hi --vouch 2.5", "invite", {"uses": 3, "note": "hi", "vouch": "2.5"}),
    ("peers", "peers.list", {}),
    ("peers list", "peers.list", {}),
    ("peers show Ann", "peers.show", {"peer": "Ann"}),
    ("peers list --banned", "peers.banned", {}),
    ("peers block Ann --reason nonsense", "peers.block", {"peer": "Ann", "reason": "nonsense"}),
    ("peers unblock Ann", "peers.unblock", {"peer": "Ann"}),
    ("peers name 12D3 Ann", "peers.name", {"peer": "12D3", "name": "Ann"}),
    (
        "offer publish --kind rent --title Blower --price 2/hour --tag snow --tag ice --quantity 2 --area u33 --to u3",
        "listing.publish",
        {**LISTING, "direction": "offer", "kind": "rent", "title": "Blower", "price": "2/hour", "quantity": 2,
         "tags": ("snow", "ice"), "area": "u33", "to": "u3"},
    ),
    (
        "request publish --kind help --title Mow --when sat --zone UTC --text please",
        "listing.publish",
        {**LISTING, "direction": "request", "kind": "help", "title": "Mow", "when": "sat", "zone": "UTC",
         "text": "please"},
    ),
    ("offer list", "listing.list", {"direction": "offer"}),
    ("request", "listing.list", {"direction": "request"}),
    ("offer show ab", "listing.show", {"id": "ab"}),
    ("offer edit ab --price 3/hour", "listing.edit", {"id": "ab", "price": "3/hour"}),
    ("request edit ab --text x --tag y", "listing.edit", {"id": "ab", "text": "x", "tags": ("y",)}),
    ("offer pause ab", "listing.pause", {"id": "ab"}),
    ("offer pause", "listing.pause", {"direction": "offer"}),
    ("request resume", "listing.resume", {"direction": "request"}),
    ("offer resume ab", "listing.resume", {"id": "ab"}),
    ("request renew ab", "listing.renew", {"id": "ab"}),
    ("offer withdraw ab", "listing.withdraw", {"id": "ab"}),
    ("search", "search", SEARCH),
    ("search snow blower", "search", {**SEARCH, "query": "snow blower"}),
    (
        "search snow --within 5km --near u3 --kind rent --offers --max-price 3/hour --sort near --limit 7",
        "search",
        {"query": "snow", "within_km": 5.0, "near": "u3", "kind": "rent", "direction": "offer",
         "max_price": "3/hour", "sort": "near", "limit": 7, "everywhere": False},
    ),
    ("search snow --hidden", "search", {**SEARCH, "query": "snow", "hidden": True}),
    ("search --requests --within 800m", "search", {**SEARCH, "direction": "request", "within_km": 0.8}),
    ("search snow --kind rent --save winter", "search.save",
     {"name": "winter", "search": Search(query="snow", kind="rent")}),
    ("search --saved", "search.saved", {}),
    ("search --forget winter", "search.forget", {"name": "winter"}),
    ("search --pause winter", "search.pause", {"name": "winter"}),
    ("search --resume winter", "search.resume", {"name": "winter"}),
    ("search --min-trust 0.5", "search", {**SEARCH, "min_trust": 0.5}),
    ("notices", "notices.list", {"unseen": False}),
    ("notices --unseen", "notices.list", {"unseen": True}),
    ("notices --seen", "notices.seen", {}),
    ("notices --dismiss ab12", "notices.dismiss", {"listing": "ab12"}),
    ("matches", "notices.list", {"why": "match", "unseen": False}),
    ("exchange propose ab", "exchange.propose", {"listing": "ab", "note": ""}),
    ("exchange propose ab --quantity 1 --price free --note hi", "exchange.propose",
     {"listing": "ab", "quantity": 1, "price": "free", "note": "hi"}),
    ("exchange counter cd --price 3", "exchange.counter", {"id": "cd", "price": "3", "note": ""}),
    *[(f"exchange {verb} cd --note hi", f"exchange.{verb}", {"id": "cd", "note": "hi"})
      for verb in ("accept", "decline", "cancel", "handover", "return", "done", "confirm")],
    ("exchange accept cd --terms 0123456789abcdef", "exchange.accept",
     {"id": "cd", "note": "", "terms": "0123456789abcdef"}),
    ("exchange pay cd", "exchange.pay", {"id": "cd", "note": ""}),
    *SETTLING_CASES,

    ("calendar --listing ab", "calendar", {"listing": "ab"}),
    ("exchange", "exchange.list", {"open": False, "all": False}),
    ("exchange list --open", "exchange.list", {"open": True, "all": False}),
    ("exchange list --all", "exchange.list", {"open": False, "all": True}),
    ("exchange show cd", "exchange.show", {"id": "cd", "unread": False}),
    *STANDING_CASES,
    *BLOCKLIST_CASES,
    ("ledger", "ledger.balance", {}),
    ("ledger balance", "ledger.balance", {}),
    ("ledger log", "ledger.log", {}),
    ("ledger statement", "ledger.statement", {}),
    ("ledger statement --with Ann", "ledger.statement", {"peer": "Ann"}),
    ("ledger audit Ann", "ledger.audit", {"peer": "Ann"}),
    ("ledger erase cd", "ledger.erase", {"exchange": "cd"}),
    ("vouch Ann 2.5", "vouch", {"peer": "Ann", "amount": "2.5"}),
    ("unvouch Ann", "unvouch", {"peer": "Ann"}),
    ("unvouch Ann 2.5", "unvouch", {"peer": "Ann", "amount": "2.5"}),
    ("unvouch Ann --take-over", "vouch.takeover", {"peer": "Ann"}),
    ("unvouch Ann 3 --take-over", "vouch.takeover", {"peer": "Ann", "amount": "3"}),
    *PARCELS,
    *CLAIM_CASES, *MESSAGE_CASES,
    ("kinds", "kinds.list", {}),
    ("kinds show rent", "kinds.show", {"kind": "rent"}),
    ("vouches", "vouch.list", {}),
    ("vouches list --with Ann", "vouch.list", {"peer": "Ann"}),
    ("--yes vouches take Ann", "vouch.take", {"peer": "Ann"}),
    ("vouches decline Ann", "vouch.decline", {"peer": "Ann"}),
    ("--yes vouches return Ann", "vouch.return", {"peer": "Ann"}),
    ("vouches return Ann 2.5 --yes", "vouch.return", {"peer": "Ann", "amount": "2.5"}),
    ("vouches --with Ann", "vouch.list", {"peer": "Ann"}),
    ("attest cd --outcome -2 --text bad", "attest",
     {"exchange": "cd", "outcome": -2, "text": "bad", "again": False, "dimensions": {}}),
    ("reputation Ann", "reputation", {"peer": "Ann", "why": False}),
    ("reputation Ann --why", "reputation", {"peer": "Ann", "why": True}),
    ("reputation --graph", "reputation.graph", {"most": 60}),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "name", "args"), CASES, ids=[c[0] for c in CASES])
def test_what_is_typed_reaches_the_node(run: Run, node: FakeNode, typed: str, name: str, args: dict[str, Any]) -> None:
    answer: Any = (
        [] if name.endswith(".list") or name in ("search", "ledger.log") else {"exchange_id": "cd", "ok": True}
    )
    node.answers[name] = answer
    result = run(*typed.split(), "--json")
    assert result.status == 0, result
    assert result.data == answer
    assert node.last == (name, args)
    if COMMANDS[name].writes:
        assert node.calls[-1][2], "a writing call carries a request id"


def test_no_command_of_the_table_is_left_out() -> None:
    apart = {"join", "ledger.verify", "ledger.prove", "ledger.export", "backup", *FORESEEN}
    apart |= {"search.begin", "search.more", "kinds.add", "kinds.remove", *PROJECT}
    apart |= {"history", "health", "doctor"}  # for the page, tests/cli/test_doctor.py, tests/answers
    apart |= {name for name in COMMANDS if name.startswith(("settings.", "notify."))}  # likewise
    apart |= {"web.login", "web.sessions", "web.revoke", "web.pair", "web.lan"}  # tests/cli/test_web.py
    apart |= {"photo.add", "photo.here", "photo.get"}  # tests/cli/test_photos.py
    apart |= {"misconduct.publish"}  # tests/cli/test_misconduct.py
    apart |= {"exchange.agreement", "exchange.rebut", "exchange.history"}  # files: tests/cli/test_challenge.py
    assert {name for _, name, _ in CASES} | apart == set(COMMANDS)


def test_join_and_verify(run: Run, node: FakeNode) -> None:
    target = "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWCZaPq6Bx7CEEm7NfchiZpQQcMMcrKAEZYuWBfP44jvBm"
    node.answers["join"] = {"network": None, "state": "trying", "peers": 0}
    assert run("join", target, "--json").data["state"] == "trying"
    assert node.last == ("join", {"target": target})
    node.answers["ledger.verify"] = {"entries": 3, "head": "ab", "ok": True, "missing": []}
    assert run("ledger", "verify", "--json").status == 0
    node.answers["ledger.verify"] = {"entries": 3, "head": "ab", "ok": False, "missing": [2]}
    damaged = run("ledger", "verify", "--json")
    assert damaged.status == 1 and damaged.data["missing"] == [2]
    assert "Damaged" in run("ledger", "verify").out


@pytest.mark.parametrize("span", ["0s", "91d", "999999w"])
def test_a_time_to_accept_that_nobody_may_give_is_refused_in_its_own_words(run: Run, node: FakeNode, span: str) -> None:
    result = run("exchange", "pay", "cd", "--within", span, "--json")
    assert result.status == 2 and "--within" in result.error["message"] and "90d" in result.error["hint"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"hello", "is text"), (b"\x96\xadp2pnode-proof\x01", "not a proof, or not all of one")],
)
def test_what_is_no_whole_proof_is_said_in_words(run: Run, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.p2p").write_bytes(content)
    result = run("ledger", "check", str(tmp_path / "a.p2p"), "--json")
    assert result.status == 1 and said in result.error["message"]


@pytest.mark.parametrize("where", [0, 1, 2, 3])
def test_global_options_stand_anywhere(run: Run, node: FakeNode, where: int) -> None:
    words = ["exchange", "show", "cd"]
    words[where:where] = ["--json", "--network", "Elm"]
    assert run(*words).data == {}
    assert node.last == ("exchange.show", {"id": "cd", "unread": False, "network": "Elm"})


def test_times_become_milliseconds(run: Run, node: FakeNode) -> None:
    before = time.time() * 1000
    run("offer", "publish", "--kind", "x", "--title", "t", "--until", "2h")
    until = node.last[1]["until"]
    assert before + 7_100_000 < until < before + 7_300_000
    run("exchange", "propose", "ab", "--from", "2030-01-01T10:00Z", "--until", "2030-01-01T11:00:00+00:00")
    assert (node.last[1]["start"], node.last[1]["end"]) == (1893492000000, 1893495600000)
    run("invite", "--expires", "1d")
    assert before + 86_000_000 < node.last[1]["expires"] < before + 87_000_000
    run("search", "--available", "2030-01-01T10:00Z")
    assert node.last[1]["available"] == 1893492000000


def test_a_listing_from_a_file_with_the_command_line_above_it(run: Run, node: FakeNode, tmp_path: Path) -> None:
    file = tmp_path / "listing.toml"
    file.write_text('kind = "food"\ntitle = "Eggs"\ntags = ["a", "b"]\nuntil = 2030-01-01\n')
    run("offer", "publish", "--from", str(file), "--title", "Six eggs")
    args = node.last[1]
    assert (args["kind"], args["title"], args["tags"]) == ("food", "Six eggs", ("a", "b"))
    assert args["until"] > 1893400000000
    file.write_text("colour = 1")
    assert run("offer", "publish", "--from", str(file), "--json").error["code"] == "usage"
    file.write_text("kind = ")
    assert str(file) in run("offer", "publish", "--from", str(file), "--json").error["message"]
    assert run("offer", "publish", "--from", str(tmp_path / "none"), "--json").status == 2


def test_editing_clears_and_keeps_to_its_direction(run: Run, node: FakeNode) -> None:
    run("offer", "edit", "ab", "--price", "", "--tag", "", "--text", "")
    assert node.last == ("listing.edit", {"id": "ab", "price": "free", "tags": (), "text": ""})
    node.answers["listing.edit"] = {"listing_id": "cd" * 32, "state": "stored"}
    assert "ab is withdrawn" in run("offer", "edit", "ab", "--area", "u3").out
    assert "withdrawn" not in run("offer", "edit", "cd", "--area", "u3").out
    node.answers["listing.show"] = {"direction": "offer"}
    for verb in ("edit ab --text x", "pause ab", "withdraw ab --yes"):
        node.calls.clear()
        result = run("request", *verb.split(), "--json")
        assert result.status == 2 and "ab is an offer" in result.error["message"]
        assert [name for name, *_ in node.calls] == ["listing.show"]


def test_a_negative_vouch_is_no_option(run: Run, node: FakeNode) -> None:
    result = run("vouch", "Cyd", "-3", "--json")
    assert result.status == 2 and "above zero" in result.error["message"] and node.calls == []


def test_homes_that_cannot_be(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for home in (str(file), str(file / "below"), "/dev/null"):
        wrong = "/dev/null" if home == "/dev/null" else str(file)
        for typed, status in (("status", 4), ("run", 4), ("init --name x", 1)):
            result = run("--home", home, *typed.split(), "--json")
            assert result.status == status and result.error["message"] == f"{wrong} is not a folder", result


@pytest.mark.parametrize("typed", ["status", "status --json", "offer list", "init --name x --home HOME --json"])
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_output_that_cannot_be_written(node: FakeNode, tmp_path: Path, typed: str, where: str) -> None:
    typed = typed.replace("HOME", str(tmp_path / "new"))
    command = f"{sys.executable} -m cli.main {typed} {where}"
    done = subprocess.run(["/bin/sh", "-c", command], stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 1, done
    assert "Cannot write to stdout" in done.stderr or "backup words" in done.stderr
    assert done.stderr.startswith(("Error: ", '{"schema"')) and "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr and done.stderr.count("\n") == 2, done.stderr
    assert not (tmp_path / "new" / "keystore.json").exists(), "words that nobody has seen are the words of nobody"


def test_stdin_that_is_closed(node: FakeNode) -> None:
    command = f"{sys.executable} -m cli.main offer publish --from - <&-"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and done.stderr.startswith("Error: Nothing came on stdin")


@pytest.mark.parametrize(("code", "status"), list(Refusal.EXIT.items()))
def test_exit_statuses(run: Run, node: FakeNode, code: str, status: int) -> None:
    node.answers["exchange.pay"] = Refusal(code, "No.", "Do this.")
    result = run("exchange", "pay", "cd", "--json")
    assert result.status == status
    assert result.error == {"code": code, "message": "No.", "hint": "Do this."}
    spoken = run("exchange", "pay", "cd")
    assert spoken.status == status and spoken.out == "" and "No." in spoken.err and "Do this." in spoken.err


@pytest.mark.parametrize(
    "typed",
    [
        "nothing",
        "--nothing",
        "offer nothing",
        "search --bogus",
        "search --within far",
        "search --within 0km",
        "search --limit 0",
        "offer publish --title t",
        "offer publish --kind k",
        "offer edit ab",
        "offer show",
        "attest cd --outcome 3",
        "exchange propose ab --from someday",
        "exchange propose ab --quantity -1",
        "join nonsense",
        "join /ip4/127.0.0.1/tcp/4001",
        "join /ip4/1.2.3.400/tcp/4001/p2p/12D3KooWCZaPq6Bx7CEEm7NfchiZpQQcMMcrKAEZYuWBfP44jvBm",
        "join p2pnode://join/AAAA",
        "status --wait -1",
        "status --wait soon",
        "status --network",
        "init --name x --unit hour",
        "init --name x --new-network N",
        "init --name x --new-network N --unit h --join /x",
        "init --profile palace",
        "help nothing",
    ],
)
def test_usage_errors_are_2_and_json_where_that_is_wanted(run: Run, node: FakeNode, typed: str) -> None:
    result = run("--json", *typed.split())
    assert result.status == 2, result
    assert result.error["code"] == "usage" and result.error["hint"]
    spoken = run(*typed.split())
    assert spoken.status == 2 and spoken.out == "" and spoken.err.startswith("Error: ")
    assert "Traceback" not in spoken.err
    assert not [name for name, *_ in node.calls if COMMANDS[name].writes]


def test_dry_run_asks_nothing_of_the_node(run: Run, node: FakeNode) -> None:
    result = run("exchange", "pay", "cd", "--dry-run", "--json")
    assert result.data == {"dry_run": True, "command": "exchange.pay", "args": {"id": "cd"}}
    assert result.status == 0 and node.calls == []
    node.answers["search"] = []
    assert run("search", "x", "--dry-run", "--json").data == [], "reading is done all the same"


def test_without_a_node(run: Run, home: Any, tmp_path: Path) -> None:
    result = run("status", "--json")
    assert result.status == 4 and result.error["code"] == "no_daemon" and "p2pnode run" in result.error["hint"]
    other = run("--home", str(tmp_path / "none"), "status", "--json")
    assert other.status == 4 and "init" in other.error["hint"]
    assert run("run", "--home", str(tmp_path / "none")).status == 4
    assert run("whoami", "--json").data["peer_id"].startswith("12D3KooW")
    assert run("whoami", "--home", str(tmp_path / "none")).status == 4
    assert run("paths", "--json", "--home", "/x").data["config"] == "/x/config.toml"
    assert run("version", "--json").data["protocol"] == 1


def test_an_interrupt_is_130(run: Run, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("p2pnode.client.Client.call", interrupt)
    assert run("status").status == 130
    result = run("status", "--json")
    assert result.status == 130 and result.error["code"] == "interrupted"


def test_a_fault_of_ours_shows_no_trace(run: Run, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pnode.client.Client.call", lambda *a: 1 / 0)
    result = run("status")
    assert result.status == 1 and "Traceback" not in result.err + result.out
    assert run("status", "--json").error["code"] == "failed"


def test_a_reader_that_goes_away_is_no_fault(node: FakeNode) -> None:
    node.answers["search"] = [{"listing_id": f"{i:064x}", "title": "x" * 100} for i in range(5000)]
    reader, writer = os.pipe()
    process = subprocess.Popen([sys.executable, "-m", "cli.main", "search"], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    os.read(reader, 10)
    os.close(reader)
    _, err = process.communicate(timeout=30)
    assert process.returncode in (0, 1) and err == b""  # click itself ends with 1


@pytest.mark.parametrize("command", ["propose", "counter"])
def test_what_is_proposed_all_the_same_is_warned_of(run: Run, node: FakeNode, command: str) -> None:
    said = "the deposit is 5 hours, and you can spend 2 hours now"
    known = {"exchange_id": "ab" * 32, "status": "proposed", "delivered": False}
    node.answers[f"exchange.{command}"] = {**known, "warnings": [said]}
    node.answers["exchange.show"] = {**known, "delivered": True}
    result = run("exchange", command, "ab", "--deposit", "5", "--json", "--wait", "1")
    assert result.status == 0 and "! The deposit is 5 hours, and you can spend 2 hours now" in result.err
    assert result.data["warnings"] == [said] and result.data["delivered"]
    node.answers[f"exchange.{command}"] = {**known, "warnings": []}
    assert run("exchange", command, "ab", "--json").err == ""


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("offer publish --kind sell --title t", "No price: whoever takes it owes nothing"),
        ("request publish --kind help --title t", "No price: you offer nothing for it"),
        ("offer publish --kind sell --title t --price 2", ""),
        ("offer publish --kind sell --title t --price free", ""),
        ("offer publish --kind give --title t", ""),
        ("request publish --kind lend --title t", ""),
    ],
)
def test_what_no_price_means_is_said_when_it_is_published(run: Run, node: FakeNode, typed: str, said: str) -> None:
    node.answers["listing.publish"] = {"listing_id": "ab", "revision": 1, "valid_until": 5, "state": "stored"}
    shown = run(*typed.split()).out
    assert said in shown and ("No price" in shown) == bool(said)
    assert "No price" not in run(*typed.split(), "--json").out
