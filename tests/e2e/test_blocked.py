"""A neighbour that our user blocks: cut off at once, not let in after a restart, back when it is unblocked."""

import time
from pathlib import Path

from tests.e2e.nodes import Node, until


def connected(node: Node) -> set[str]:
    return {row["peer_id"] for row in node.cli("peers", "list") if row["connected"]}


def test_a_block_lasts_over_a_restart(tmp_path: Path) -> None:
    with Node("Anna", tmp_path) as anna, Node("Ben", tmp_path) as ben:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
        anna.start()
        ben.init("--area", "u33dc")
        ben.start()
        assert ben.cli("join", anna.address, "--wait", "30")["state"] == "joined"
        until("Anna knows Ben", lambda: anna.cli("peers", "show", "Ben"))
        [row] = anna.cli("peers", "block", "Ben", "--for", "2h", "--reason", "too loud")
        assert row["peer_id"] == ben.peer_id and row["by"] == "you" and row["until"] - row["since"] > 7_000_000
        until("Ben is cut off", lambda: not connected(anna))
        assert anna.stop() == 0
        anna.start()  # Ben dials again and again, from the moment that Anna listens
        end = time.monotonic() + 6
        while time.monotonic() < end:
            assert not connected(anna)
        assert anna.cli("peers", "list", "--banned") == [row]
        assert "too loud" in anna.types("peers", "list", "--banned")
        assert "blocked by you" in anna.types("peers", "show", "Ben")
        assert anna.cli("peers", "unblock", "Ben") == [{"peer_id": ben.peer_id, "name": "Ben"}]
        until("Ben is back", lambda: connected(anna) == {ben.peer_id}, 60)
        assert anna.cli("peers", "list", "--banned") == []
