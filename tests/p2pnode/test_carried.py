"""The host lets through what the core takes, and nothing that nobody takes."""

from p2pnode.core.frames import frames
from p2pnode.net.host import PROTOCOLS
from protocols.gossip_messages import PROTOCOL as GOSSIP
from tests.p2pnode.lab import Lab


def test_every_protocol_of_the_core_is_carried() -> None:
    assert {*frames(Lab(1).anna.core), GOSSIP} == PROTOCOLS
