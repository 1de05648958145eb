"""What a shell is told when a key is pressed: commands and options always, ids and names where a node runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
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


def test_numbers_parcels_lists_and_saved_searches(node: FakeNode) -> None:
    node.answers["order.list"] = [{"number": 3, "title": "Vegetable box"}]
    node.answers["parcel.list"] = {
        "parcels": [{"parcel": "51be" * 16, "holder_name": "Cleo"}],
        "offered": [{"id": "77c1" * 16, "giver_name": "Ben", "note": ""}],
    }
    node.answers["blocklist.list"] = [{"name": "spam", "about": ""}]
    node.answers["search.saved"] = [{"name": "snow", "query": "snowblower"}]
    assert offered(["order", "skip"]) == {"3": "Vegetable box"}
    assert offered(["parcel", "show"]) == {"51be51be": "with Cleo"}
    assert offered(["parcel", "take"]) == {"77c177c1": "from Ben"}
    assert offered(["blocklist", "publish"]) == {"spam": ""}
    assert offered(["search", "--forget"]) == {"snow": "snowblower"}


def test_what_an_option_takes(node: FakeNode) -> None:
    node.answers["kinds.list"] = [{"kind": "rent", "title": "Rent"}]
    node.answers["peers.list"] = [{"peer_id": "12D3Koo", "name": "Cleo"}]
    assert offered(["offer", "publish", "--kind"]) == {"rent": "Rent"}
    assert offered(["exchange", "propose", "77", "--witness"]) == {"Cleo": "12D3Koo"}
    assert offered(["offer", "publish", "--title"]) == {}


def test_an_answer_of_another_form_offers_nothing(node: FakeNode) -> None:
    node.answers["exchange.list"] = [{"exchange_id": None}]
    assert offered(["exchange", "accept"]) == {}


@pytest.fixture
def typed(tmp_path: Path, node: FakeNode) -> dict[str, str]:
    """An environment in which `p2pnode` is this command line, and a node runs."""
    node.answers["exchange.list"] = EXCHANGES
    program = tmp_path / "bin" / "p2pnode"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m cli.main "$@"\n')
    program.chmod(0o755)
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": root, "HOME": str(tmp_path)}


def shown(environ: dict[str, str], *command: str) -> list[str]:
    if shutil.which(command[0], path=environ["PATH"]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def test_in_bash(typed: dict[str, str]) -> None:
    def complete(*words: str) -> list[str]:
        line = " ".join(["p2pnode", *words])
        script = (
            "source <(p2pnode completion bash)\n"
            f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; COMP_LINE='{line}'\n"
            'complete -p p2pnode >/dev/null && _p2pnode_completion p2pnode && printf "%s\\n" "${COMPREPLY[@]}"'
        )
        return [word for word in shown(typed, "bash", "--norc", "-c", script) if word]

    assert complete("exchange", "acc") == ["accept"]
    assert complete("exchange", "accept", "77") == ["77c177c1"]


def test_in_fish(typed: dict[str, str]) -> None:
    lines = shown(typed, "fish", "-c", "p2pnode completion fish | source; complete -C 'p2pnode exchange accept 77'")
    assert lines[0].split("\t") == ["77c177c1", "Barn, agreed, Ben"]


def test_in_zsh(typed: dict[str, str]) -> None:
    script = "autoload -U compinit; compinit -u -D; source <(p2pnode completion zsh); echo $_comps[p2pnode]"
    assert shown(typed, "zsh", "-fc", script)[0] == "_p2pnode_completion"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_each_shell_asks_for_is_answered(typed: dict[str, str], shell: str) -> None:
    """The protocol of click's scripts, whatever shells are installed."""
    asked = {VARIABLE: f"{shell}_complete", "COMP_WORDS": "p2pnode exchange accept 77", "COMP_CWORD": "3"}
    if shell == "fish":
        asked["COMP_CWORD"] = "77"
    assert "77c177c1" in " ".join(shown({**typed, **asked}, "p2pnode"))
