"""A household finds what another offers in a cell that it does not keep, and agrees on it: real nodes."""

from pathlib import Path

from tests.e2e.nodes import PATIENCE, Node, until

BERLIN, MUNICH = "u33dc", "u281z"


def test_what_is_offered_in_another_town_is_found_shown_and_agreed_on(tmp_path: Path) -> None:
    anna, ben = Node("Anna", tmp_path), Node("Ben", tmp_path)
    try:
        anna.init("--new-network", "Land", "--unit", "hour", "--area", BERLIN)
        anna.start()
        ben.init("--area", MUNICH)
        ben.start()
        assert ben.cli("join", anna.address, "--wait", str(int(PATIENCE)))["state"] == "joined"
        offered = ben.cli("offer", "publish", "--kind", "lend", "--title", "A long ladder", "--price", "1/day")
        here = anna.cli("offer", "publish", "--kind", "lend", "--title", "A short ladder")
        until("Anna to know where Ben lives", lambda: len(anna.cli("peers")) == 1 and anna.cli("peers")[0]["name"])
        assert [row["title"] for row in anna.cli("search", "ladder")] == ["A short ladder"]

        for typed in (("--everywhere",), ("--cell", MUNICH)):
            rows = until("the answer", lambda typed=typed: [
                row for row in anna.cli("search", "ladder", *typed) if row["listing_id"] == offered["listing_id"]
            ])  # fmt: skip
            assert [(r["title"], r["author_name"], r["remote"]) for r in rows] == [("A long ladder", "Ben", True)]
        both = anna.cli("search", "ladder", "--everywhere", "--sort", "new")
        assert [row["listing_id"] for row in both] == [here["listing_id"], offered["listing_id"]]
        assert "A long ladder" in anna.types("search", "lader", "--everywhere", "--requests", "--offers")
        assert anna.cli("search", "--cell", "ezjmg") == [], "nobody lives there"

        listing = offered["listing_id"]
        assert anna.cli("offer", "show", listing[:8])["remote"]
        exchange = anna.cli("exchange", "propose", listing, "--wait", str(int(PATIENCE)))["exchange_id"]
        until("Ben to see it", lambda: ben.cli("exchange", "show", exchange)["status"] == "proposed")
        assert ben.cli("exchange", "accept", exchange)["status"] == "agreed"
        until("Anna to know", lambda: anna.cli("exchange", "show", exchange)["status"] == "agreed")
    finally:
        for node in (anna, ben):
            if node.process is not None:
                node.stop()
