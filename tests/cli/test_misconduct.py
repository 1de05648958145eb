"""What is proven against somebody, on the command line."""

from pathlib import Path

from p2pnode.commands import Accuse
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode


def test_a_double_booking_is_published_as_its_file(run: Run, node: FakeNode, tmp_path: Path) -> None:
    for name in ("twice", "cancelled"):
        (tmp_path / name).write_bytes(name.encode())
    node.answers["misconduct.publish"] = {"peer_id": "12D3", "name": "Bob", "what": "rebuttal"}
    result = run("challenge", "publish", str(tmp_path / "twice"), "--rebuttal", str(tmp_path / "cancelled"))
    assert result.status == 0 and "rebuts a double booking of Bob" in result.out
    assert node.calls[-1][1] == Accuse(challenge=b"twice", rebuttals=(b"cancelled",))


def test_what_is_proven_is_shown_with_who_showed_it(run: Run, node: FakeNode) -> None:
    node.answers["reputation"] = {
        "peer_id": "12D3", "name": "Bob", "score": 0.0, "confidence": 1.0, "misconduct": True, "why": [],
        "proofs": [{"what": "fork", "text": "two entries are signed", "finder": "12D", "finder_name": "Ann", "at": 1}],
        "forgiven": {"at": 1, "reason": "a backup"},
    }  # fmt: skip
    out = run("reputation", "Bob").out
    assert "two entries are signed (shown by Ann, 1970-01-01)" in out and "forgiven this peer: a backup" in out
    assert "(shown by Ann, 1970-01-01 " in run("reputation", "Bob", "--plain").out, "the very second, for programs"
