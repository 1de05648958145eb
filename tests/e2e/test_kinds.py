"""A kind of one's own, on a real node: added, proposed by, and there after a restart."""

from pathlib import Path

import pytest

from tests.e2e.killer import street
from tests.e2e.nodes import Failed, Node, until

FILE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "kinds" / "tool-library.toml"


def test_a_kind_is_added_used_and_kept(tmp_path: Path) -> None:
    anna, ben, cleo = street(tmp_path, lambda name: Node(name, tmp_path))
    try:
        cleo.kill()
        wrong = tmp_path / "wrong.toml"
        wrong.write_text(FILE.read_text().replace('"member"\nfull', '"member"\ncolour = "red"\nfull'))
        with pytest.raises(Failed) as refused:
            ben.cli("kinds", "add", str(wrong))
        assert refused.value.status == 2 and "wrong.toml: " in str(refused.value.error["message"])
        assert "`colour`" in str(refused.value.error["message"])
        for node in (anna, ben):
            assert node.cli("kinds", "add", str(FILE))["own"]
        listing = anna.cli("offer", "publish", "--kind", "tool-library", "--title", "Shed", "--price", "1")[
            "listing_id"
        ]
        until("Ben has it", lambda: ben.cli("offer", "show", listing))
        wanted = ("exchange", "propose", listing, "--quantity", "1", "--from", "1d", "--until", "366d")
        foreseen = ben.cli(*wanted, "--dry-run")
        assert [d["id"] for d in foreseen["terms"]["duties"]] == ["pay", "open", "clear", "fee-taker"]
        assert foreseen["terms"]["form"] == 2 and ben.cli("exchange", "list") == []
        made = ben.cli(*wanted)["exchange_id"]
        until("Anna has it", lambda: anna.cli("exchange", "show", made))
        assert anna.cli("exchange", "accept", made)["status"] == "agreed"
        ben.stop()
        (Path(ben.home) / "kinds" / "bad.toml").write_text("kind = ")
        ben.start()
        assert [row["kind"] for row in ben.cli("kinds", "list") if row["own"]] == ["tool-library"]
        assert "bad.toml" in ben.printed.read_text()
    finally:
        for node in (anna, ben):
            node.kill()
