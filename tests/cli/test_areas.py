"""Areas by name: looked up before the node is asked, in whatever command takes one."""

import pytest

from cli.areas import looked_up, told
from p2pnode.commands import SaveSearch
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (["offer", "publish", "--kind", "lend", "--title", "x", "--area", "Kleinmachnow"], {"area": "u336h"}),
        (["request", "publish", "--kind", "deliver", "--title", "x", "--to", "Potsdam, DE"], {"to": "u3361"}),
        (["offer", "edit", "ab", "--area", ""], {"area": ""}),
        (["search", "--near", "Kleinmachnow"], {"near": "u336h"}),
        (["search", "--near", "52.5,13.4"], {"near": "52.5,13.4"}),
        (["search", "--near", "u33dc"], {"near": "u33dc"}),
        (["search", "--save", "s", "--near", "Kleinmachnow"], {"near": "u336h"}),
    ],
)
def test_a_name_becomes_its_cell(node: FakeNode, run: Run, typed: list[str], asked: dict[str, str]) -> None:
    run(*typed, "--json")
    sent = [args for _, args, _ in node.calls]
    searches = [args.search for args in sent if isinstance(args, SaveSearch)] or sent
    assert any(all(getattr(args, name, None) == cell for name, cell in asked.items()) for args in searches), sent


def test_what_is_no_place_is_said_before_the_node_is_asked(node: FakeNode, run: Run) -> None:
    refused = run("search", "--near", "the church", "--json")
    assert refused.status == 2 and "no place" in refused.error["message"] and not node.calls


def test_a_node_is_set_up_by_the_name_of_a_place(tmp_path: object, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("P2PNODE_HOME", f"{tmp_path}/new")
    assert run("init", "--name", "Ann", "--area", "Potsdam").status == 2
    made = run("init", "--name", "Ann", "--area", "Potsdam, DE")
    assert made.status == 0 and "u3361 (Potsdam" in made.out
    assert run("config", "set", "area", "Kleinmachnow", "--json").status == 0
    assert "u336h" in run("config", "get", "area").out


def test_a_cell_is_told_with_what_is_there() -> None:
    assert told("u33dc") == "u33dc (Berlin, Mitte)" and told("s0000") == "s0000"
    assert looked_up("u33dc") == "u33dc" and looked_up("") == ""
