"""Real nodes of one network that note what comes in, each on a host of its own behind a relay of packets."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from p2pnode.client import Client
from tests.e2e.nodes import Node, until
from tests.faults.mutant import mutant
from tests.net.lab import Lab
from tests.net.wire import Wire

JOIN_PATIENCE: Final = 120.0  # seconds
LANES: Final = 4  # that publish at the same time


def arrived(node: Node) -> dict[str, float]:
    """Ids of the listings that came in or were made here → when, by `time.monotonic`; the first time counts."""
    found: dict[str, float] = {}
    file = node.home.with_suffix(".arrived")
    for line in file.read_text().splitlines() if file.exists() else ():
        name, at = line.split()
        found.setdefault(name, float(at))
    return found


def astray(node: Node) -> None:
    """From now on the node goes without the rule that its mutant takes away."""
    node.home.with_suffix(".astray").touch()


class Hamlet:
    """The first node founds the network, the others join through it. rule: see `tests.faults.mutant`; it is not taken
    away before `go_astray`."""

    def __init__(self, size: int, lab: Lab, root: Path, rule: str) -> None:
        self.nodes = [
            Node(f"House{number}", root, listen=[f"/ip4/{Wire.address(number)}/tcp/0"]) for number in range(size)
        ]
        self._prefixes = [[*host.prefix, *mutant(rule)] for host in lab]

    def start(self) -> None:
        first = self.nodes[0]
        for node, prefix in zip(self.nodes, self._prefixes, strict=True):
            if node is first:
                node.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
            else:
                node.init("--area", "u33dc", "--join", first.address)
            node.prefix = prefix
            node.start()
        for node in self.nodes:
            until(f"{node.name} is in", lambda node=node: Client(node.home).status()["network"], JOIN_PATIENCE)  # type: ignore[misc]
            if len(self.nodes) > 2:
                until(
                    f"{node.name} has neighbours",
                    lambda node=node: Client(node.home).status()["peers"] > 1,
                    JOIN_PATIENCE,
                )  # type: ignore[misc]

    def go_astray(self) -> None:
        for node in self.nodes:
            astray(node)

    def end(self) -> None:
        for node in self.nodes:
            node.kill()

    def published(self, counts: Sequence[int], rate: float) -> dict[str, float]:
        """So many listings by each node, all together `rate` a second: their ids → when the node was asked to."""
        made: dict[str, float] = {}
        turns = [
            node for turn in range(max(counts)) for node, count in zip(self.nodes, counts, strict=True) if turn < count
        ]
        began = time.monotonic()

        def lane(first: int) -> None:
            for number in range(first, len(turns), LANES):
                time.sleep(max(0.0, began + number / rate - time.monotonic()))
                at = time.monotonic()
                fields = {"direction": "offer", "kind": "lend", "title": f"Thing {number}", "text": "x" * 250}
                made[Client(turns[number].home).call("listing.publish", fields)["listing_id"]] = at

        with ThreadPoolExecutor(LANES) as pool:  # on a machine that is too busy for the rate it takes longer
            list(pool.map(lane, range(LANES)))
        assert len(made) == len(turns)
        return made

    def lacking(self, names: Sequence[str]) -> int:
        """How many of these listings are not at all nodes, counted for each node."""
        return sum(len(set(names) - arrived(node).keys()) for node in self.nodes)
