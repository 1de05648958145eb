"""What a shell is told when a key is pressed: commands and options always, ids and names where a node runs."""

from typing import Any

import pytest
from click.shell_completion import ShellComplete

from cli.completion import VARIABLE
from cli.main import cli
from tests.p2pnode.fake_node import FakeNode


def offered(words: list[str], incomplete: str = "") -> dict[str, str | None]:
    shell = ShellComplete(cli, {}, "p2pnode", VARIABLE)
    return {item.value: item.help for item in shell.get_completions(words, incomplete)}


def test_commands_and_options() -> None:
    assert "exchange" in offered([], "ex")
    assert set(offered(["exchange"], "acc")) == {"accept"}
    assert "--price" in offered(["exchange", "propose"], "--pr")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script(run: Any, shell: str) -> None:
    result = run("completion", shell)
    assert result.status == 0 and VARIABLE in result.out


def test_an_unknown_shell(run: Any) -> None:
    assert run("completion", "tcsh").status == 2


EXCHANGES = [
    {"exchange_id": "77c1" * 16, "terms": {"title": "Barn"}, "status": "agreed", "counterparty_name": "Ben"},
    {"exchange_id": "80aa" * 16, "terms": {"title": "Mower"}, "status": "proposed", "counterparty_name": "Cleo"},
]


@pytest.mark.parametrize("words", [["exchange", "accept"], ["exchange", "show"], ["ledger", "prove"], ["attest"]])
def test_ids_of_exchanges(node: FakeNode, words: list[str]) -> None:
    node.answers["exchange.list"] = EXCHANGES
    assert offered(words, "77") == {"77c177c1": "Barn, agreed, Ben"}
    assert set(offered(words)) == {"77c177c1", "80aa80aa"}


def test_listings_and_peers(node: FakeNode) -> None:
    node.answers["search"] = [{"listing_id": "3f9a" * 16, "title": "Mower", "author_name": "Ben"}]
    node.answers["listing.list"] = [{"listing_id": "51be" * 16, "title": "Barn", "author_name": None}]
    node.answers["peers.list"] = [{"peer_id": "12D3Koo", "name": "Cleo"}]
    assert offered(["exchange", "propose"]) == {"3f9a3f9a": "Mower (Ben)"}
    assert offered(["offer", "pause"]) == {"51be51be": "Barn (you)"}
    assert offered(["vouch"], "Cl") == {"Cleo": "12D3Koo"}


def test_without_a_node_nothing_is_offered_and_nothing_fails(home: Any) -> None:
    assert offered(["exchange", "accept"]) == {}
