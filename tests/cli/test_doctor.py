"""`doctor` typed: its rows, its exit status, and what it says of nodes that run, do not, or are older."""

from pathlib import Path

from p2pnode.doctor.checks import CHECKS
from p2pnode.home.folder import Home
from p2pnode.store import Store
from protocols.errors import Refusal
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

WELL = {
    "program": "", "networks": 1, "peers": 2, "chosen": 1, "known": 3, "addresses": ["/ip4/127.0.0.1/tcp/1"],
    "neighbours_ahead_ms": 0, "reach": {"state": "lan", "address": "/ip4/127.0.0.1/tcp/1"}, "of_later": 1,
}  # fmt: skip


def test_a_running_node_that_is_well(run: Run, node: FakeNode) -> None:
    node.answers["health"] = WELL
    result = run("doctor", "--json")
    assert [row["check"] for row in result.data] == list(CHECKS)
    assert all(set(row) == {"check", "state", "found", "fix"} for row in result.data)
    assert not [row for row in result.data if row["state"] == "problem"] and result.status == 0
    shown = run("doctor")
    assert shown.status == 0 and "The node runs and answers" in shown.out and "PROBLEM" not in shown.out


def test_a_problem_is_exit_status_1_with_its_fix(run: Run, node: FakeNode) -> None:
    node.answers["health"] = {**WELL, "peers": 0, "dial_problem": "connection refused"}
    result = run("doctor", "--check", "peers")
    assert result.status == 1
    assert result.out == (
        "PROBLEM  peers  The node is not connected to any of the 3 peers that it knows: connection refused\n"
        "                p2pnode peers\n"
    )
    assert run("doctor", "--check", "peers", "--plain").out.startswith("problem\tpeers\tThe node is not")
    assert run("doctor", "--check", "port").status == 0


def test_with_the_node_down_what_can_be_checked_is(run: Run, home: Home) -> None:
    result = run("doctor", "--json")
    states = {row["check"]: row["state"] for row in result.data}
    assert result.status == 1 and states["daemon"] == "problem"
    assert states["keystore"] == states["permissions"] == states["settings"] == "ok"
    assert states["peers"] == states["clock"] == states["reachable"] == "skipped"
    shown = run("doctor")
    assert "Not known: only a running node can tell" in shown.out and shown.out.count("only a running node") == 1
    assert "p2pnode run\n" in shown.out


def test_without_a_node_at_all(run: Run, home: Home) -> None:
    home.keystore.unlink()
    result = run("doctor", "--json")
    assert [row["check"] for row in result.data if row["state"] == "problem"] == ["home"] and result.status == 1


def test_a_node_that_cannot_write_says_so(run: Run, node: FakeNode) -> None:
    node.answers["health"] = Refusal("failed", "the disk cannot be written: full", "Free some space")
    (row,) = run("doctor", "--check", "daemon", "--json").data
    assert row["state"] == "problem" and "cannot be written" in row["found"] and row["fix"] == "Free some space"


def test_an_older_node_is_asked_for_what_it_knows(run: Run, node: FakeNode) -> None:
    node.answers["health"] = Refusal("not_found", "There is no command 'health'", "")
    node.answers["status"] = {"peers": 4, "networks": [{}], "addresses": ["/ip4/10.0.0.1/tcp/1"]}
    rows = {row["check"]: row for row in run("doctor", "--json").data}
    assert rows["versions"]["state"] == "note" and "4 connected" in rows["peers"]["found"]


def test_a_check_that_there_is_none_of(run: Run, home: Home) -> None:
    result = run("doctor", "--check", "nose", "--json")
    assert result.status == 2 and "permissions" in result.error["hint"]


def test_a_backup_is_known_of(run: Run, home: Home, tmp_path: Path) -> None:
    Store.open(home.store).close()
    (tmp_path / "passphrase").write_text("five words of some length\n")
    assert run("doctor", "--check", "backup", "--json").data[0]["state"] == "note"
    assert run("backup", str(tmp_path / "b"), "--passphrase-file", str(tmp_path / "passphrase")).status == 0
    (row,) = run("doctor", "--check", "backup", "--json").data
    assert row["state"] == "ok" and "old" in row["found"]
