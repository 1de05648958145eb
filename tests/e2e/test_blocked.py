"""A neighbour that our user blocks: cut off at once, not let in after a restart, back when it is unblocked."""

from pathlib import Path

from p2pnode.client import Client
from tests.e2e.nodes import Node, until


def connected(node: Node) -> set[str]:
    return {row["peer_id"] for row in Client(node.home).call("peers.list") if row["connected"]}


def next_try(node: Node, peer: str) -> int:
    """When a node will dial a peer; it changes with each dial that comes to nothing."""
    return int(Client(node.home).call("peers.show", {"peer": peer})["next_try"] or 0)


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
        assert ben.stop() == anna.stop() == 0
        anna.start()
        ben.start()  # and dials, and dials again
        tries: set[int] = set()

        def turned_away() -> bool:
            assert not connected(anna)
            tries.add(next_try(ben, anna.peer_id))
            return len(tries - {0}) > 1

        until("Ben has been turned away twice", turned_away)
        assert anna.cli("peers", "list", "--banned") == [row]
        assert "too loud" in anna.types("peers", "list", "--banned")
        assert "blocked by you" in anna.types("peers", "show", "Ben")
        assert anna.cli("peers", "unblock", "Ben") == [{"peer_id": ben.peer_id, "name": "Ben"}]
        until("Ben is back", lambda: connected(anna) == {ben.peer_id}, 60)
        assert anna.cli("peers", "list", "--banned") == []
