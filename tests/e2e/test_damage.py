"""A node whose database is damaged says so, in words, and does not start."""

from pathlib import Path

import pytest

from tests.e2e.nodes import Node

STEP = 256  # bytes between the flips


def test_a_damaged_table_is_said_and_nothing_is_changed(tmp_path: Path) -> None:
    node = Node("Anna", tmp_path)
    node.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
    for title in ("Ladder", "Snowblower"):  # the second start writes what the first one logged to a table
        node.start()
        node.cli("offer", "publish", "--kind", "rent", "--title", title)
        assert node.stop() == 0
    (table,) = (node.home / "store" / "db").glob("*.ldb")
    whole = table.read_bytes()
    for place in range(10, len(whole) - 100, max(STEP, len(whole) // 6)):
        table.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(AssertionError, match="did not start") as failed:
            node.start()
        node.kill()
        assert "is damaged" in str(failed.value) and "restore a backup" in str(failed.value), str(failed.value)
        assert "Traceback" not in str(failed.value)
    table.write_bytes(whole)
    node.start()
    assert {row["title"] for row in node.cli("offer", "list")} == {"Ladder", "Snowblower"}
    assert node.stop() == 0
