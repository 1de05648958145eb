"""The story with each node on a host of its own, listening on 0.0.0.0 and [::], and each restarted once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.nodes import Node
from tests.e2e.story import Story
from tests.longer import either
from tests.net.lab import Lab, unavailable

LISTEN = ("/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0")

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(4) as made:
        made.check()
        yield made


@pytest.mark.parametrize("family", either(["ip4", "ip6"], "ip6"))
def test_a_street_across_a_network(lab: Lab, tmp_path: Path, family: str) -> None:
    hosts = iter(lab)
    reached: dict[str, str] = {}

    def make(name: str) -> Node:
        host = next(hosts)
        reached[name] = f"/{family}/{host.ipv4 if family == 'ip4' else host.ipv6}/tcp/"
        return Node(name, tmp_path, prefix=host.prefix, listen=LISTEN, reached=reached[name])

    story = Story(make)
    try:
        story.join()
        assert story.anna.address.startswith(reached["Anna"])
        story.publish()
        story.outlive()  # Ben and Cleo restart
        story.revise()
        story.agree()
        for node in (story.anna, story.dora):
            assert node.stop() == 0
            node.start()
        story.perform()
        story.pay()
        story.no_limit()
        story.attest()
    finally:
        story.end()
