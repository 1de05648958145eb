"""What a real node says in the DHT, as somebody sees it who has nothing but its address and the network's id."""

from pathlib import Path

import trio

from dht.keys import author_key, cell_key
from dht.presences import Presences
from p2pnode import clock
from protocols.presence import check_presence
from protocols.profile import parse_profile
from tests.e2e.nodes import PATIENCE, Node
from tests.p2pnode import hosts


async def test_cells_and_authors_of_an_open_network_are_found_in_the_dht(tmp_path: Path) -> None:
    anna, ben = Node("Anna", tmp_path), Node("Ben", tmp_path)
    try:
        anna.init("--new-network", "Street", "--unit", "hour", "--area", "u33dc")
        anna.start()
        ben.init("--area", "u33dc")
        ben.start()
        assert ben.cli("join", anna.address, "--wait", str(int(PATIENCE)))["state"] == "joined"
        ben.cli("offer", "publish", "--kind", "lend", "--title", "A ladder")
        network = bytes.fromhex(anna.cli("status")["networks"][0]["id"])
        author = bytes.fromhex(ben.cli("whoami")["author"])
        stranger = hosts.Node(9, validator=Presences(clock.now))
        async with hosts.nodes(stranger):
            await stranger.host.dial([anna.address])
            for cell, kind, who in (("u33dc", "", {anna.peer_id, ben.peer_id}), ("u33dc", "lend", {ben.peer_id})):
                found: set[str] = set()
                with trio.fail_after(4 * PATIENCE):
                    while found != who:
                        found = {peer for peer, _ in await stranger.host.find_providers(cell_key(network, cell, kind))}
                        await trio.sleep(0.5)
            with trio.fail_after(4 * PATIENCE):
                while (value := await stranger.host.get(author_key(network, author))) is None:
                    await trio.sleep(0.5)
        checked = check_presence(value, clock.now())
        assert checked.presence.entries >= 1
        assert checked.profile is not None
        profile = parse_profile(checked.profile)
        assert (profile.name, profile.peers[0].id) == ("Ben", ben.peer_id)
    finally:
        for node in (anna, ben):
            if node.process is not None:
                node.stop()
