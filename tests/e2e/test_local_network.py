"""Neighbours on one local network find each other by themselves: hosts of their own, multicast, no address told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.nodes import Node, until
from tests.net.lab import Lab, unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")


class Household(Node):
    """Looks for neighbours, and listens at another port each time: what others remember of it is of no use."""

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "P2PNODE_LAN": "yes"}

    def _fixed(self) -> list[str]:
        return self.listen


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(3) as made:
        made.check()
        yield made


def test_neighbours_find_each_other_and_not_where_it_is_switched_off(lab: Lab, tmp_path: Path) -> None:
    anna, ben, cleo = (
        Household(name, tmp_path, prefix=host.prefix, listen=["/ip4/0.0.0.0/tcp/0"], reached=f"/ip4/{host.ipv4}/")
        for name, host in zip(("Anna", "Ben", "Cleo"), lab, strict=True)
    )
    with anna, ben, cleo:
        anna.init("--new-network", "Elm Street", "--unit", "hour", "--area", "u33dc")
        ben.init()
        cleo.init()
        anna.start("--no-lan")
        ben.start("--no-lan")
        ben.cli("join", anna.address)
        until("both are connected", lambda: anna.cli("status")["peers"] and ben.cli("status")["peers"])
        for node in (anna, ben):
            assert node.stop() == 0

        anna.start("--no-lan")  # the control: nobody says where anybody is now
        ben.start("--no-lan")
        tried = until("Ben has tried Anna's old port", lambda: [p for p in ben.cli("peers") if p["problem"]])
        assert tried[0]["peer_id"] == anna.peer_id and not tried[0]["connected"] and not tried[0]["lan"]
        assert ben.cli("status")["lan"] == {"state": "off", "problem": None, "found": 0, "others": 0}
        for node in (anna, ben):
            assert node.stop() == 0

        anna.start()
        ben.start()
        until("both are connected", lambda: anna.cli("status")["peers"] and ben.cli("status")["peers"])
        (found,) = until("Ben sees Anna near", lambda: [p for p in ben.cli("peers") if p["lan"]])
        assert (found["peer_id"], found["connected"]) == (anna.peer_id, True)
        assert "yes" in ben.types("peers") and "one neighbour found" in ben.types("status")

        cleo.start()  # in no network: sees that somebody is there, and nobody sees her
        others = until("Cleo sees the others", lambda: cleo.cli("status")["lan"]["others"] == 2)
        assert others and "ask its household for an invite" in cleo.types("status").replace("\n", " ")
        assert cleo.cli("status")["peers"] == 0 and anna.cli("status")["lan"]["others"] == 0
        (check,) = anna.cli("doctor", "--check", "lan")
        assert check["state"] == "ok" and "Neighbours found on the local network: 1" in check["found"]

        assert anna.stop() == 0  # says goodbye
        until("Ben sees nobody near", lambda: ben.cli("status")["lan"]["found"] == 0)
