"""A backup taken while people trade brings the node back, without a fork; a torn store is made whole by peers."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.nodes import Failed, Node, until
from tests.e2e.story import finds

Street = tuple[Node, Node, Node]


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    anna, ben, cleo = (Node(name, tmp_path) for name in ("Anna", "Ben", "Cleo"))
    anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
    anna.start()
    try:
        for node in (ben, cleo):
            node.init("--area", "u33dc", "--join", anna.cli("invite")["link"])
            node.start()
            until(f"{node.name} has credit", lambda n=node: limit(n) == 1000)
        yield anna, ben, cleo
    finally:
        for node in (anna, ben, cleo):
            node.kill()


def limit(node: Node) -> int:
    return int(node.cli("ledger", "balance")["limit"]["amount"])


def state(node: Node) -> str:
    return str(node.cli("status")["state"])


def log(node: Node) -> list[str]:
    return [row["id"] for row in node.cli("ledger", "log")]


def deal(giver: Node, taker: Node, listing: str) -> str:
    """One exchange from its proposal to the receipt in both ledgers."""
    until("the listing is known", lambda: finds(taker, listing, "ladder"))
    id_: str = taker.cli("exchange", "propose", listing, "--wait", "30")["exchange_id"]
    giver.cli("exchange", "accept", id_)
    until("agreed", lambda: shown(taker, id_)["status"] == "agreed")
    until("paid", lambda: taker.cli("exchange", "pay", id_))
    until("settled", lambda: shown(taker, id_)["receipt"] and shown(giver, id_)["receipt"])
    return id_


def shown(node: Node, exchange: str) -> dict[str, Any]:
    found: dict[str, Any] = node.cli("exchange", "show", exchange)
    return found


def test_a_node_comes_back_from_an_older_backup(street: Street, tmp_path: Path) -> None:
    _, ben, cleo = street
    (tmp_path / "secret").write_text("five words nobody knows\n")
    secret = ("--passphrase-file", str(tmp_path / "secret"))
    listing = ben.cli("offer", "publish", "--kind", "lend", "--title", "Ladder", "--price", "1")["listing_id"]
    deal(ben, cleo, listing)
    file = str(tmp_path / "cleo.backup")
    made = cleo.cli("backup", file, *secret)  # while the node runs
    assert made["networks"][0]["entries"] == len(log(cleo))
    deal(ben, cleo, listing)
    written = log(cleo)
    assert len(written) > made["networks"][0]["entries"]
    cleo.kill()

    again = Node("Cleo", tmp_path / "elsewhere")
    again.addresses = cleo.addresses  # the same port, so that her neighbours find her
    seen = again.cli("restore", file, *secret, "--dry-run")
    assert seen["dry_run"] and seen["peer_id"] == cleo.peer_id and not again.home.exists()
    assert again.cli("restore", file, *secret)["networks"][0]["entries"] == made["networks"][0]["entries"]
    with pytest.raises(Failed, match="identity already") as failed:
        again.cli("restore", file, *secret)
    assert failed.value.status == 6
    try:
        again.start()
        assert state(again) == "recovering"
        with pytest.raises(Failed, match="not certain"):
            again.cli("vouch", "Ben", "1")
        until("whole again", lambda: state(again) == "joined", 90)
        assert log(again) == written
        deal(ben, again, listing)
        assert log(again)[: len(written)] == written and again.cli("ledger", "verify")["ok"]
        assert again.cli("ledger", "balance")["balance"]["amount"] == -300
        assert ben.cli("ledger", "balance")["balance"]["amount"] == 300
    finally:
        again.kill()


def test_a_tail_that_was_cut_off_is_named_and_fetched(street: Street, tmp_path: Path) -> None:
    _, ben, cleo = street
    listing = ben.cli("offer", "publish", "--kind", "lend", "--title", "Ladder", "--price", "1")["listing_id"]
    deal(ben, cleo, listing)
    assert cleo.stop() == 0
    cleo.start()  # what there is goes from the log into a table
    before = len(log(cleo))
    deal(ben, cleo, listing)
    written = log(cleo)
    cleo.kill()
    newest = max((cleo.home / "store" / "db").glob("*.log"))
    newest.write_bytes(b"")
    printed = cleo.start()
    lost = f"entries {before} to {len(written) - 1}"
    assert f"lost {lost}" in printed
    assert len(list(tmp_path.glob("cleo.damaged-*"))) == 1
    status = cleo.cli("status")
    if status["state"] == "recovering":
        assert any(lost in w and "missing" in w for w in status["warnings"]), status
    until("whole again", lambda: state(cleo) == "joined", 90)
    assert log(cleo) == written and cleo.cli("ledger", "verify")["ok"]
    cleo.stop()
    began = cleo.start()
    assert "lost" not in began and state(cleo) != "recovering", "the marker agrees: nothing to ask"


def test_yesterdays_folder_put_back_is_noticed(street: Street, tmp_path: Path) -> None:
    _, ben, cleo = street
    cleo.stop()
    shutil.copytree(cleo.home, tmp_path / "yesterday")
    cleo.start()
    listing = ben.cli("offer", "publish", "--kind", "lend", "--title", "Ladder", "--price", "1")["listing_id"]
    deal(ben, cleo, listing)
    written = log(cleo)
    cleo.stop()
    shutil.rmtree(cleo.home)
    shutil.copytree(tmp_path / "yesterday", cleo.home)
    cleo.start()
    assert state(cleo) == "recovering"
    until("whole again", lambda: state(cleo) == "joined", 90)
    assert log(cleo) == written
