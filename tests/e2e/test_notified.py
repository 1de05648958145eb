"""A real node tells of a proposal: what arrives at a service of this machine, and what stands nowhere else."""

import json
from pathlib import Path

import pytest

from tests.e2e.killer import street
from tests.e2e.nodes import Node, until
from tests.e2e.story import finds
from tests.p2pnode.sink import Sink, sink  # noqa: F401 (a fixture)


@pytest.mark.usefixtures("sink")
def test_a_proposal_arrives_where_the_user_is(tmp_path: Path, sink: Sink) -> None:  # noqa: F811
    nodes: list[Node] = []
    try:
        nodes += street(tmp_path, lambda name: Node(name, tmp_path))
        _, ben, cleo = nodes
        ben.cli("notify", "add", f"json://{sink.place}/SECRET")
        assert sink.posted == [], "to add one sends nothing"
        listing = ben.cli("offer", "publish", "--kind", "rent", "--title", "Snowblower", "--price", "0.20/hour")
        until("Cleo finds it", lambda: finds(cleo, listing["listing_id"], "snow"))
        cleo.cli("exchange", "propose", listing["listing_id"], "--quantity", "1", "--note", "under the mat")
        until("Ben is told", lambda: sink.posted)
        said = json.loads(sink.posted[0].partition(b" ")[2])
        assert said["message"] == "Proposal: Snowblower, with Cleo"
        assert b"mat" not in sink.posted[0]
        kept = [ben.printed, *ben.home.glob("node.log*")]
        assert not [path for path in kept if "SECRET" in path.read_text()]
    finally:
        for node in nodes:
            node.kill()
