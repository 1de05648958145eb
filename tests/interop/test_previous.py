"""This version among neighbours who still run the one before, and on a home that the one before has made.

The one before is a commit of this repository, checked out from its history and run as real processes with the same
dependencies. PREVIOUS names it: the last commit of the version before this one.
"""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from p2pnode.client import Client
from tests.e2e.deal import Deal
from tests.e2e.nodes import ROOT, Node, until
from tests.e2e.story import finds
from tests.longer import either

EVERYWHERE = {"everywhere": True, "wait": 0.5}
PREVIOUS = "6d4d6e7e7ee5ded52753e628ccb01aac9abe51a6"


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the version before."""
    folder = tmp_path_factory.mktemp("previous")
    archive = folder.with_suffix(".tar")
    done = subprocess.run(["git", "-C", ROOT, "archive", "-o", archive, PREVIOUS], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"commit {PREVIOUS} is not in this clone's history: fetch it with git fetch --unshallow")
    subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)
    return folder


def test_the_control_each_runs_its_own_code(previous: Path, tmp_path: Path) -> None:
    for source in (previous, ROOT):
        node = Node("Any", tmp_path, source=source)
        shown = subprocess.check_output(
            [sys.executable, "-c", "import p2pnode.daemon, ledger; print(p2pnode.daemon.__file__, ledger.__file__)"],
            env=node.environment,
            cwd=tmp_path,
            text=True,
        )
        assert all(Path(file).is_relative_to(source) for file in shown.split()), shown


def joined(node: Node, link: str) -> None:
    node.init("--area", "u33dc")
    node.start()
    assert node.cli("join", link, "--wait", "30")["state"] == "joined"


def audited(auditor: Node, subject: Node) -> None:
    """One version checks the ledger that the other has written."""
    report = auditor.cli("ledger", "audit", subject.name)
    assert report["ok"] and not report["forks"], report
    assert report["balance"]["amount"] == subject.cli("ledger", "balance")["balance"]["amount"]


@pytest.mark.parametrize("founder_is_old", either([True, False], False), ids=["old_founder", "new_founder"])
def test_neighbours_of_both_versions_trade(founder_is_old: bool, previous: Path, tmp_path: Path) -> None:
    old, new = {"source": previous}, {"source": ROOT}
    anna = Node("Anna", tmp_path, **(old if founder_is_old else new))
    ben = Node("Ben", tmp_path, **new)
    cleo = Node("Cleo", tmp_path, **old)
    try:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour", "--decimals", "2")
        anna.start()
        joined(ben, anna.cli("invite")["link"])
        joined(cleo, anna.cli("invite")["link"])
        for giver, taker in ((ben, cleo), (cleo, ben)):
            listing = giver.cli(
                "offer", "publish", "--kind", "rent", "--title", f"Saw of {giver.name}", "--price", "1/hour"
            )
            until(f"{taker.name} finds it", partial(finds, taker, listing["listing_id"], "saw"))
            deal = Deal(giver, taker, listing["listing_id"])
            deal.act_out()
            for node in (giver, taker):
                node.cli("attest", deal.id, "--outcome", "2")
            for one, other in ((ben, cleo), (cleo, ben), (anna, ben), (anna, cleo)):
                audited(one, other)
            until("Anna hears of it", partial(rated, anna, giver, deal.id))
            proof = tmp_path / f"{giver.name}.p2p"
            giver.cli("ledger", "prove", deal.id, "--out", str(proof))
            assert taker.cli("ledger", "check", str(proof))["ok"]
        for node in (anna, ben, cleo):
            assert node.cli("ledger", "verify")["ok"]
        assert sum(node.cli("ledger", "balance")["balance"]["amount"] for node in (anna, ben, cleo)) == 0
    finally:
        for node in (anna, ben, cleo):
            node.kill()


def test_an_older_node_says_nothing_to_a_search_and_stays_connected(previous: Path, tmp_path: Path) -> None:
    anna, cleo = Node("Anna", tmp_path), Node("Cleo", tmp_path, source=previous)
    try:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour", "--decimals", "2")
        anna.start()
        cleo.init("--area", "u281z")
        cleo.start()
        assert cleo.cli("join", anna.cli("invite")["link"], "--wait", "30")["state"] == "joined"
        client = Client(anna.home)
        until("Anna to know where Cleo lives", lambda: client.call("search.begin", EVERYWHERE)["asked"])
        since = client.call("peers.list")[0]["connected_since"]
        for _ in range(4):  # two streams left open would be one too many for the older node
            state = client.call("search.begin", EVERYWHERE)
            while not state["done"]:
                state = client.call("search.more", {"search": state["search"], "step": state["step"]})
            assert [(one["name"], one["state"]) for one in state["asked"]] == [("Cleo", "silent")]
        assert [(p["connected"], p["connected_since"]) for p in client.call("peers.list")] == [(True, since)]
        assert "strike" not in (cleo.home / "node.log").read_text()
    finally:
        for node in (anna, cleo):
            node.kill()


def rated(node: Node, subject: Node, exchange: str) -> bool:
    why = node.cli("reputation", subject.name, "--why")["why"]
    return any(reason["exchange_id"] == exchange for reason in why)


def test_an_older_home_goes_on_in_the_middle_of_a_deal(previous: Path, tmp_path: Path) -> None:
    """Its owner updates while a deal is open: nothing of it is lost, and the deal completes."""
    anna, ben = Node("Anna", tmp_path, source=previous), Node("Ben", tmp_path, source=previous)
    try:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour", "--decimals", "2")
        anna.start()
        joined(ben, anna.cli("invite")["link"])
        listing = anna.cli("offer", "publish", "--kind", "rent", "--title", "Saw", "--price", "1/hour")
        until("Ben finds it", lambda: finds(ben, listing["listing_id"], "saw"))
        deal = Deal(anna, ben, listing["listing_id"])
        deal.id = ben.cli("exchange", "propose", listing["listing_id"], "--quantity", "1")["exchange_id"]
        until("Anna has it", lambda: anna.cli("exchange", "show", deal.id))
        anna.cli("exchange", "accept", deal.id)
        before = ben.cli("ledger", "log")
        assert ben.stop() == 0
        ben.source = ROOT
        ben.start()
        after = ben.cli("ledger", "log")
        assert [row["id"] for row in after[: len(before)]] == [row["id"] for row in before]
        deal._propose = lambda: None  # type: ignore[method-assign]
        deal.act_out()
        assert anna.stop() == 0
        anna.source = ROOT
        anna.start()
        for node, balance in ((anna, 100), (ben, -100)):
            assert node.cli("ledger", "verify")["ok"]
            assert node.cli("ledger", "balance")["balance"]["amount"] == balance
            assert node.cli("exchange", "show", deal.id)["receipt"]
        until("they meet again", lambda: ben.cli("status")["peers"])
        audited(ben, anna)
        audited(anna, ben)
    finally:
        for node in (anna, ben):
            node.kill()
