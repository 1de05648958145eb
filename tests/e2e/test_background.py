"""`up` and `down`: a node that outlives the command that started it, and stops when it is told to."""

import os
from pathlib import Path

import pytest

from p2pnode.home.folder import Home
from tests.e2e.nodes import Failed, Node


def test_a_node_is_started_and_stopped_in_the_background(tmp_path: Path) -> None:
    ann = Node("Ann", tmp_path)
    ann.init("--new-network", "Elm Street", "--unit", "hour")
    home = Home(ann.home)
    try:
        assert ann.cli("down") == {"stopped": False, "pid": None}
        ready = ann.cli("up")
        assert ready["event"] == "ready" and ready["started"] and ready["addresses"], ready
        assert ready["pid"] == home.holder() and os.getsid(ready["pid"]) == ready["pid"]
        again = ann.cli("up")
        assert (again["started"], again["pid"], again["peer_id"]) == (False, ready["pid"], ready["peer_id"])
        assert ann.cli("status")["peer_id"] == ready["peer_id"]
        assert ann.cli("down") == {"stopped": True, "pid": ready["pid"]}
        assert home.holder() is None and not home.in_use()
        with pytest.raises(Failed) as gone:
            ann.cli("status")
        assert gone.value.status == 4
    finally:
        ann.cli("down")


def test_why_it_cannot_start_is_said(tmp_path: Path) -> None:
    ann = Node("Ann", tmp_path)
    ann.init("--new-network", "Elm Street", "--unit", "hour")
    secret = tmp_path / "passphrase"
    secret.write_text("five words make a phrase\n")
    ann.cli("key", "encrypt", "--passphrase-file", str(secret))
    with pytest.raises(Failed) as sealed:
        ann.cli("up")
    assert sealed.value.status == 5 and "passphrase" in sealed.value.error["message"]
    try:
        assert ann.cli("up", "--passphrase-file", str(secret))["started"]
    finally:
        ann.cli("down")


def test_what_is_no_node_is_not_ended(tmp_path: Path) -> None:
    """A rotation or a backup holds the folder, too; this very process does here, and would not live to tell."""
    ann = Node("Ann", tmp_path)
    ann.init("--new-network", "Elm Street", "--unit", "hour")
    with Home(ann.home).locked(), pytest.raises(Failed) as busy:
        ann.cli("down")
    assert busy.value.status == 6 and str(os.getpid()) in busy.value.error["message"]
