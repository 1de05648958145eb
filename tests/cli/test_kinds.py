"""`kinds`: what is known, and what is added."""

from pathlib import Path

import pytest

from cli.kinds import BUILT_IN
from p2pnode.core.kinds import kind_json
from p2pnode.home.kinds import read_kind
from protocols.templates import templates
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode

FILE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "kinds" / "tool-library.toml"


def test_all_kinds_and_one(run: Run, node: FakeNode) -> None:
    node.answers["kinds.list"] = [kind_json(t, False) for t in templates().values()]
    out = run("kinds").out
    assert all(kind in out for kind in templates())
    for kind, template in templates().items():
        node.answers["kinds.show"] = kind_json(template, False)
        out = run("kinds", "show", kind).out
        assert node.last == ("kinds.show", {"kind": kind})
        assert template.about in out and all(row.id in out for row in template.full)


def test_a_kind_in_words(run: Run, node: FakeNode) -> None:
    node.answers["kinds.show"] = kind_json(templates()["rent"], False)
    out = run("kinds", "show", "rent").out
    for line in (
        "handover   owner: hand over {title}; until start + 30min; confirmed by itself after 2d",
        "the renter may cancel alone until 1d before the start",
    ):
        assert line in out


def test_a_file_is_added_by_the_node(run: Run, node: FakeNode, tmp_path: Path) -> None:
    node.answers["kinds.add"] = kind_json(read_kind(FILE.read_text(), "x"), True)
    out = run("kinds", "add", str(FILE)).out
    assert node.last == ("kinds.add", {"text": FILE.read_text(), "file": "tool-library.toml"})
    assert "for 1/4 of the price" in out and "p2pnode offer publish --kind tool-library" in out
    assert run("kinds", "add", str(tmp_path / "none.toml"), "--json").error["code"] == "usage"
    (tmp_path / "x.toml").write_bytes(b"\xff")
    assert run("kinds", "add", str(tmp_path / "x.toml"), "--json").error["code"] == "usage"


def test_a_kind_of_ours_is_removed_by_the_node(run: Run, node: FakeNode) -> None:
    node.answers["kinds.remove"] = kind_json(read_kind(FILE.read_text(), "x"), True)
    assert "is gone" in run("kinds", "remove", "tool-library").out
    assert node.last == ("kinds.remove", {"kind": "tool-library"})


def test_the_built_in_kinds_are_those_of_the_templates() -> None:
    assert set(BUILT_IN) == set(templates())


@pytest.mark.parametrize(("kind", "meant"), [("rental", "rent"), ("lending", "lend"), ("sauna", ""), ("rent", "")])
def test_a_kind_that_is_nearly_another_is_asked_about(run: Run, node: FakeNode, kind: str, meant: str) -> None:
    node.answers["listing.publish"] = {"listing_id": "ab", "revision": 1, "valid_until": 5, "state": "stored"}
    said = run("offer", "publish", "--kind", kind, "--title", "t", "--price", "2").out
    assert (f"If {meant} was meant" in said) == bool(meant) and ("was meant" in said) == bool(meant)
