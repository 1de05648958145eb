"""A client in another language, written from the protocol's pages alone, among real nodes (docs/examples/client)."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.nodes import ROOT, Node, until

CLIENT = ROOT / "docs" / "examples" / "client"
VECTORS = ROOT / "tests" / "vectors"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node.js is not installed: the client in JavaScript was not tried")


def run(script: str, *args: str) -> "subprocess.CompletedProcess[str]":
    command = [str(NODE), str(CLIENT / script), *args]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=60)


@needs_node
def test_it_reads_the_vectors_as_we_do(tmp_path: Path) -> None:
    done = run("vectors.mjs", str(VECTORS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 fail" in done.stdout

    for file in VECTORS.glob("*.json"):
        shutil.copy(file, tmp_path)
    kept = json.loads((VECTORS / "kept.json").read_text())
    kept["cases"][0]["kept"] = []
    (tmp_path / "kept.json").write_text(json.dumps(kept))
    done = run("vectors.mjs", str(tmp_path))
    assert done.returncode == 1
    assert "kept: a higher revision" in done.stdout, done.stdout + done.stderr


@needs_node
def test_it_joins_by_an_invite_and_what_it_offers_reaches_a_neighbour_of_its_neighbour(tmp_path: Path) -> None:
    with Node("Anna", tmp_path) as anna, Node("Ben", tmp_path) as ben:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour", "--closed")
        anna.start()
        ben.init("--area", "u33dc")
        ben.start()
        ben.cli("join", anna.cli("invite")["link"], "--wait", "20")
        anna.cli("offer", "publish", "--kind", "lend", "--title", "Long ladder")

        shut_out = run("client.mjs", str(tmp_path / "eve.json"), anna.address)
        assert "joined by invite only" in shut_out.stderr

        invite = anna.cli("invite")["link"]
        kim = str(tmp_path / "kim.json")
        done = run("client.mjs", kim, invite, "--name", "Kim", "--area", "u33dc", "--offer", "Hand drill")
        assert done.returncode == 0, done.stdout + done.stderr
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        assert ["holds", "listing", "Long ladder"] in [[*row[:2], row[-1]] for row in rows], done.stdout
        assert not [row for row in rows if row[0] in ("refused", "strike")], done.stdout

        for node in (anna, ben):
            found = until(f"{node.name} finds the drill", lambda node=node: node.cli("search", "drill"))
            assert [row["title"] for row in found] == ["Hand drill"]
