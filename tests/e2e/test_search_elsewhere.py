"""A household finds what another offers in a cell that it does not keep, and agrees on it: real nodes."""

import json
import signal
import subprocess
from pathlib import Path

from p2pnode.client import Client
from tests.e2e.nodes import CLI, PATIENCE, Node, until

BERLIN, MUNICH = "u33dc", "u281z"


def test_what_is_offered_in_another_town_is_found_shown_and_agreed_on(tmp_path: Path) -> None:
    anna, ben = Node("Anna", tmp_path), Node("Ben", tmp_path)
    try:
        anna.init("--new-network", "Land", "--unit", "hour", "--area", BERLIN)
        anna.start()
        ben.init("--area", MUNICH)
        ben.start()
        annas, bens = Client(anna.home), Client(ben.home)
        bens.call("join", {"target": anna.address})
        until("Ben to be in", lambda: bens.call("status")["state"] == "joined")
        ladder = {"direction": "offer", "kind": "lend", "title": "A long ladder", "price": "1/day"}
        offered = bens.call("listing.publish", ladder)["listing_id"]
        here = annas.call("listing.publish", {**ladder, "title": "A short ladder"})["listing_id"]
        until("Anna to know where Ben lives", lambda: [p["name"] for p in annas.call("peers.list")] == ["Ben"])
        assert [row["title"] for row in annas.search("ladder")] == ["A short ladder"]

        found = until(
            "the answer", lambda: len(both := annas.search("lader", everywhere=True, sort="new")) > 1 and both
        )
        assert [(r["listing_id"], r["author_name"], r["remote"]) for r in found] == [
            (here, "Anna", False),
            (offered, "Ben", True),
        ]
        assert [row["listing_id"] for row in anna.cli("search", "ladder", "--cell", MUNICH)] == [offered]
        assert annas.search(cell="ezjmg") == [], "nobody lives there"

        with (tmp_path / "watched").open("w") as out:
            watching = subprocess.Popen(
                [*CLI, "--json", "search", "ladder", "--watch"], env=anna.environment, cwd=anna.source, stdout=out
            )
            until("the first look", lambda: "A short ladder" in (tmp_path / "watched").read_text())
            for title in ("Jam", "Half a ladder"):
                annas.call("listing.publish", {"direction": "offer", "kind": "give", "title": title})
            until("the news", lambda: "Half a ladder" in (tmp_path / "watched").read_text())
            watching.send_signal(signal.SIGINT)
            assert watching.wait(PATIENCE) == 130
        said = [json.loads(line) for line in (tmp_path / "watched").read_text().splitlines()]
        assert [[row["title"] for row in line["data"]] for line in said[:2]] == [["A short ladder"], ["Half a ladder"]]

        assert annas.call("listing.show", {"id": offered[:8]})["remote"]
        exchange = anna.cli("exchange", "propose", offered, "--wait", str(int(PATIENCE)))["exchange_id"]
        until("Ben to see it", lambda: bens.call("exchange.show", {"id": exchange})["status"] == "proposed")
        assert bens.call("exchange.accept", {"id": exchange})["status"] == "agreed"
        until("Anna to know", lambda: annas.call("exchange.show", {"id": exchange})["status"] == "agreed")

        annas.call("listing.publish", {"direction": "request", "kind": "give", "title": "Sledge", "area": MUNICH})
        until("Ben to hold it", lambda: bens.search("sledge"))
        bens.call("listing.publish", {"direction": "offer", "kind": "give", "title": "A wooden sledge"})
        until("the match", lambda: [n["title"] for n in bens.call("notices.list", {"why": "match"})] == ["Sledge"])
    finally:
        for node in (anna, ben):
            if node.process is not None:
                node.stop()
