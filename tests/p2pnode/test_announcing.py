"""What a node says of itself to everybody."""

import msgspec
import pytest

from p2pnode.core.effects import Find
from p2pnode.core.events import Listening, Woke
from protocols.limits import MINUTE
from protocols.profile import parse_profile
from tests.p2pnode.lab import Lab

LISTENED = (
    "/ip4/192.168.1.7/tcp/4001",
    "/ip6/fd00::7/tcp/4001",
    "/ip4/203.0.113.7/tcp/4001",
    "/ip6/2001:db8::7/tcp/4001",
)


@pytest.mark.parametrize(("everywhere", "told"), [(True, LISTENED[2:]), (False, LISTENED)])
def test_a_profile_says_nothing_of_the_local_network_unless_our_user_named_its_address(everywhere, told):
    lab = Lab(3)
    state = lab.ben.core.state
    state.settings = msgspec.structs.replace(state.settings, everywhere=everywhere)
    lab.sim.handle(lab.ben, Listening(tuple(f"{a}/p2p/{lab.ben.peer_id}" for a in LISTENED)))
    lab.sim.run(MINUTE)
    network = lab.network(lab.cleo)
    row = network.catalog.get((state.me, "profile", b""))
    record = lab.cleo.core.listings.record_of(network, row.id)
    assert parse_profile(record).peers[0].addresses == told


def test_a_peer_that_is_waited_for_and_of_which_nobody_said_where_it_is_is_sought_in_the_dht():
    lab = Lab(4)
    stranger = "12D3KooW" + "Z" * 44
    core = lab.ben.core
    core.state.wanted.add(stranger)

    def sought() -> int:
        return sum(e == Find(stranger) for e in core.handle(Woke(), lab.sim.clock(lab.ben)))

    assert sought() == 1 and sought() == 0, "once at first"
    lab.sim.now += MINUTE
    assert sought() == 1, "then again after a while"
