"""A key that is replaced by the backup words: the same neighbour to all, with all that was said of him. Real nodes."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.nodes import Failed, Node, until
from tests.e2e.story import finds
from tests.e2e.test_restore import deal, shown


def why(node: Node, peer: str) -> list[tuple[str, int]]:
    shown: dict[str, Any] = node.cli("reputation", peer, "--why")
    return sorted((row["rater_name"], row["outcome"]) for row in shown["why"])


def test_who_replaces_his_key_stays_who_he_is(tmp_path: Path) -> None:
    anna, ben, cleo, dora = nodes = [Node(name, tmp_path) for name in ("Anna", "Ben", "Cleo", "Dora")]
    try:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
        anna.start()
        words = {}
        for node in (ben, cleo):
            words[node] = node.init("--area", "u33dc", "--join", anna.cli("invite")["link"])["words"]
            node.start()
            until("credit", lambda n=node: n.cli("ledger", "balance")["limit"]["amount"])
        listing = ben.cli("offer", "publish", "--kind", "lend", "--title", "Ladder", "--price", "1")["listing_id"]
        made = deal(ben, cleo, listing)
        ben.cli("exchange", "handover", made)
        until("it can be given back", lambda: cleo.cli("exchange", "return", made))
        until("it is over", lambda: {shown(n, made)["status"] for n in (ben, cleo)} <= {"settled", "closed"})
        for node, outcome in ((ben, "2"), (cleo, "1")):
            node.cli("attest", made, "--outcome", outcome)
        until("Anna has the ratings", lambda: why(anna, "Ben") and why(anna, "Cleo"))
        before = why(anna, "Ben"), why(anna, "Cleo")

        file = tmp_path / "words"
        file.write_text(words[ben])
        with pytest.raises(Failed) as running:
            ben.cli("key", "rotate", "--words-file", str(file), "--yes")
        assert running.value.status == 6
        ben.stop()
        (tmp_path / "others").write_text(words[cleo])
        with pytest.raises(Failed) as refused:
            ben.cli("key", "rotate", "--words-file", str(tmp_path / "others"), "--yes")
        assert refused.value.status == 5
        for number in (1, 2):
            assert ben.cli("key", "rotate", "--words-file", str(file), "--yes")["epoch"] == number
            ben.start()
            until("his neighbours are there", lambda: ben.cli("status")["peers"])
            ben.stop()
        ben.start()
        assert ben.cli("ledger", "verify")["ok"]
        deal(ben, cleo, listing)

        assert (why(anna, "Ben"), why(anna, "Cleo")) == before
        dora.init("--area", "u33dc", "--join", anna.cli("invite")["link"])
        dora.start()
        until("a newcomer has all of it", lambda: why(dora, "Ben") and why(dora, "Cleo"), 60)
        until("and his listing", lambda: finds(dora, listing, "ladder"))
        deal(ben, dora, listing)
        deal(ben, cleo, listing)
        for node in (ben, cleo, dora):
            assert node.cli("ledger", "verify")["ok"]
        assert not any("misconduct" in warning for node in nodes for warning in node.cli("status")["warnings"])
    finally:
        for node in nodes:
            node.kill()


def test_who_has_replaced_his_key_is_let_into_another_network(tmp_path: Path) -> None:
    anna, ben = nodes = [Node(name, tmp_path) for name in ("Anna", "Ben")]
    try:
        (tmp_path / "words").write_text(ben.init("--area", "u33dc")["words"])
        keystore = (ben.home / "keystore.json").read_bytes()
        with pytest.raises(Failed, match="words-file") as usage:
            ben.cli("rotate")
        assert usage.value.status == 2
        assert ben.cli("--dry-run", "rotate", "--words-file", str(tmp_path / "words"))["epoch"] == 1
        assert (ben.home / "keystore.json").read_bytes() == keystore
        for _ in range(2):
            ben.cli("key", "rotate", "--words-file", str(tmp_path / "words"), "--yes")
        anna.init("--area", "u33dc", "--new-network", "Oak Street", "--unit", "hour")
        for node in nodes:
            node.start()
        assert ben.cli("join", anna.cli("invite")["link"], "--wait", "30")["state"] == "joined"
        until("Ben has credit", lambda: ben.cli("ledger", "balance")["limit"]["amount"])
        listing = ben.cli("offer", "publish", "--kind", "lend", "--title", "Ladder", "--price", "1")["listing_id"]
        deal(ben, anna, listing)
        assert anna.cli("ledger", "verify")["ok"]
    finally:
        for node in nodes:
            node.kill()
