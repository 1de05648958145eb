"""Being dialled back: over real connections what a peer does for another, in the core what is made of the answers."""

import socket

import pytest
import trio

from p2pnode.core.effects import Effect, Probe
from p2pnode.core.events import Connected, Listening, Probed
from p2pnode.net.reach import Reach
from p2pnode.net.yamux import StreamBroken
from protocols.frames import frame
from protocols.limits import HOUR, MINUTE
from protocols.reach_messages import PROTOCOL, Back, encode_message
from tests.p2pnode.hosts import Node, connect, nodes
from tests.p2pnode.test_book import peer, public
from tests.p2pnode.test_neighbours import ME, Lone


def port_of(node: Node) -> int:
    return int(node.addresses[0].split("/tcp/")[1].split("/")[0])


def equipped(*numbers: int) -> list[tuple[Node, Reach]]:
    made = []
    for number in numbers:
        node = Node(number, dht=False)
        reach = Reach(node.host)
        node.host.handle(PROTOCOL, reach.serve)
        made.append((node, reach))
    return made


async def test_a_peer_dials_back_and_tells_what_it_found():
    (a, asks), (b, _) = equipped(1, 2)
    async with nodes(a, b):
        await connect(a, b)
        reached, seen = await asks.ask(b.id, port_of(a))
        assert (reached, seen) == (True, f"/ip4/127.0.0.1/tcp/{port_of(a)}")
        assert a.is_connected(b) and b.is_connected(a), "the connection that was there is left alone"
        assert len(a.events) == len(b.events) == 1


async def test_at_another_port_nobody_or_somebody_else_answers():
    (a, asks), (b, _), (c, _) = equipped(1, 2, 3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        async with nodes(a, b, c):
            await connect(a, b)
            reached, _ = await asks.ask(b.id, free.getsockname()[1])
            assert reached is False
        (a, asks), (b, _) = equipped(4, 5)
        async with nodes(a, b, c := Node(6, dht=False)):
            await connect(a, b)
            reached, _ = await asks.ask(b.id, port_of(c))
            assert reached is False, "another peer than the one who asked"


async def test_a_peer_is_dialled_back_once_a_minute():
    (a, asks), (b, _), (c, others) = equipped(1, 2, 3)
    async with nodes(a, b, c):
        await connect(a, b)
        await connect(c, b)
        assert (await asks.ask(b.id, port_of(a)))[0] is True
        assert (await asks.ask(b.id, port_of(a)))[0] is None
        assert (await others.ask(b.id, port_of(c)))[0] is None, "from the same address"


async def test_a_peer_that_knows_no_such_protocol_is_no_answer():
    (a, asks), b = *equipped(1), Node(2, dht=False)
    async with nodes(a, b):
        await connect(a, b)
        assert await asks.ask(b.id, port_of(a)) == (None, "")
        assert await asks.ask("12D3KooWnobody", 1) == (None, "")


async def test_what_is_no_request_costs_the_peer():
    (a, _), (b, _) = equipped(1, 2)
    async with nodes(a, b):
        await connect(a, b)
        for message in (encode_message(Back(1))[:-1], b"\xc1", encode_message(Back(1)) + b"\0" * 600):
            stream = await a.host.ask(b.id, PROTOCOL)
            await stream.write(frame(message))
            with pytest.raises((EOFError, StreamBroken)):
                if not await stream.read(10):
                    raise EOFError
        await trio.sleep(0.05)
        assert b.host.guard.strikes(a.id, b.host._now()) > 1


class Asking(Lone):
    """A core whose peers say what `found` says of their dial back."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[bool | None, str]] = {}
        self.asked: list[tuple[str, int]] = []
        super().__init__()

    def perform(self, effects: list[Effect]) -> None:
        super().perform(effects)
        for effect in effects:
            if isinstance(effect, Probe):
                self.asked.append((effect.peer, effect.port))
                self.tell(Probed(effect.peer, *self.found.get(effect.peer, (None, ""))))

    def meet(self, *numbers: int) -> None:
        for number in numbers:
            self.tell(Connected(peer(number), f"{public(number)}/p2p/{peer(number)}", True))

    @property
    def reach(self) -> dict[str, object]:
        return self.core.reachability.json()


SEEN = "/ip4/203.0.113.5/tcp/4001"


def test_it_is_not_known_while_there_is_nobody_to_ask():
    lone = Asking()
    lone.run(HOUR)
    assert lone.reach["state"] == "unknown" and not lone.asked


def test_two_peers_of_different_groups_make_an_address_ours():
    lone = Asking()
    lone.found = {peer(1): (True, SEEN), peer(2): (True, SEEN)}
    lone.meet(1)
    lone.run(MINUTE)
    assert lone.asked == [(peer(1), 4001)]
    assert (lone.reach["state"], lone.reach["address"], lone.reach["by"]) == ("yes", SEEN, 1)
    assert lone.core.state.outside == (), "one peer alone could name whom it likes"
    lone.meet(2)
    lone.run(2 * MINUTE)
    assert lone.reach["by"] == 2 and lone.core.state.outside == (f"{SEEN}/p2p/{ME}",)


def test_peers_of_one_group_count_as_one():
    lone = Asking()
    for number in (1, 2, 3):
        who = peer(number)
        lone.found[who] = (True, SEEN)
        lone.tell(Connected(who, f"{public(1, host=number)}/p2p/{who}", True))
    lone.run(3 * HOUR)
    assert lone.reach["state"] == "yes" and lone.core.state.outside == ()


def test_a_closed_port_is_named():
    lone = Asking()
    lone.found = {peer(n): (False, SEEN) for n in (1, 2)}
    lone.meet(1, 2)
    lone.run(MINUTE)
    assert (lone.reach["state"], lone.reach["by"], lone.reach["port"]) == ("no", 2, 4001)
    lone.tell(Connected(peer(9), f"{public(9)}/p2p/{peer(9)}", False))
    assert lone.reach["state"] == "yes" and lone.reach["called"], "somebody came in"


def test_a_new_address_is_asked_about_anew():
    lone = Asking()
    lone.found = {peer(n): (True, SEEN) for n in (1, 2)}
    lone.meet(1, 2)
    lone.run(MINUTE)
    assert lone.reach["state"] == "yes"
    lone.found = {peer(n): (False, "/ip4/203.0.113.9/tcp/4001") for n in (1, 2)}
    lone.tell(Listening((f"/ip4/198.18.0.9/tcp/4001/p2p/{ME}",)))
    assert lone.reach["state"] == "unknown" and lone.core.state.outside == ()
    lone.run(MINUTE)
    assert lone.reach["state"] == "no"


def test_peers_are_not_asked_all_the_time():
    lone = Asking()
    lone.found = {peer(n): (False, SEEN) for n in range(20)}
    lone.meet(*range(20))
    lone.run(6 * HOUR)
    assert 6 <= len(lone.asked) <= 40


def test_in_the_local_network_it_says_nothing_of_the_outside():
    lone = Asking()
    lone.found = {peer(1): (True, "/ip4/192.168.1.5/tcp/4001")}
    lone.tell(Connected(peer(1), f"/ip4/192.168.1.7/tcp/4001/p2p/{peer(1)}", True))
    lone.run(MINUTE)
    assert (lone.reach["state"], lone.reach["address"]) == ("lan", "/ip4/192.168.1.5/tcp/4001")


def test_what_nobody_asked_for_is_not_believed():
    lone = Asking()
    lone.meet(1)
    lone.tell(Probed(peer(1), True, SEEN))
    lone.tell(Probed(peer(5), True, SEEN))
    assert lone.reach["state"] == "unknown"


@pytest.mark.parametrize(
    "said",
    [
        "/ip4/203.0.113.5/tcp/4002",
        "/dns4/example.org/tcp/4001",
        f"{SEEN}/p2p/{peer(7)}",
        "/ip4/203.0.113.5/tcp/04001",
        "/ip4/224.0.0.1/tcp/4001",
    ],
)
def test_an_answer_names_the_port_that_was_asked_about_and_an_ip_address(said):
    lone = Asking()
    lone.found = {peer(n): (True, said) for n in (1, 2)}
    lone.meet(1, 2)
    lone.run(2 * MINUTE)
    assert lone.asked and lone.reach["state"] == "unknown" and lone.core.state.outside == ()
