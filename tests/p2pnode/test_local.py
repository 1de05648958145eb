"""What a core makes of what is announced on the local network: one core, virtual time."""

from typing import Any

import pytest

from p2pnode.bounds import LAN_AGAIN, LAN_TRIES, MAX_LAN_FINDS, NEW_BUCKETS, SOURCE_BUCKETS
from p2pnode.core.events import Connected, DialFailed, Disconnected, Listening, Sighted
from protocols.lan import Find, tag
from protocols.limits import HOUR, MINUTE, SECOND
from tests.p2pnode.test_book import peer, public
from tests.p2pnode.test_neighbours import ME, Lone, everybody

NETWORK = bytes(range(16))


def find(n: int, network: bytes = NETWORK, host: int = 1, port: int = 4001) -> Find:
    return Find(peer(n), tag(network, peer(n)), (f"/ip4/10.0.{n // 250}.{host + n % 250}/tcp/{port}",))


@pytest.fixture
def lone(monkeypatch: pytest.MonkeyPatch) -> Lone:
    """In one network, as far as the local network can tell."""
    one = Lone()
    monkeypatch.setattr(one.core.local, "_networks", lambda: [NETWORK])
    return one


def shown(lone: Lone) -> dict[str, Any]:
    return lone.core.local.json()


def test_who_is_of_our_network_is_dialled_and_others_are_counted(lone: Lone):
    lone.answers = everybody
    lone.tell(Sighted((find(1), find(2, bytes(16)), find(3, bytes(16)), find(3, bytes([1] * 16)))))
    lone.run(SECOND)
    assert [(who, where) for _, who, where in lone.dials] == [(peer(1), (f"/ip4/10.0.0.2/tcp/4001/p2p/{peer(1)}",))]
    assert (shown(lone)["found"], shown(lone)["others"]) == (1, 2)
    (row,) = [p for p in lone.core.peers.list(lone.now) if p["lan"]]
    assert (row["peer_id"], row["via"], row["connected"]) == (peer(1), "lan", True)
    lone.tell(Sighted(()))
    assert (shown(lone)["found"], shown(lone)["others"]) == (0, 0)
    assert not any(p["lan"] for p in lone.core.peers.list(lone.now))


def test_a_neighbour_from_before_is_found_at_its_new_port(lone: Lone):
    lone.knows(1)
    lone.run(MINUTE)
    lone.dials.clear()
    lone.answers = everybody
    lone.tell(Sighted((find(1, port=4999),)))
    lone.run(SECOND)
    assert [where[0] for _, who, where in lone.dials if who == peer(1)] == [f"/ip4/10.0.0.2/tcp/4999/p2p/{peer(1)}"]
    assert peer(1) in lone.core.state.connected


def test_we_do_not_find_ourselves(lone: Lone):
    lone.tell(Sighted((Find(ME, tag(NETWORK, ME), ("/ip4/10.0.0.1/tcp/4001",)),)))
    assert (shown(lone)["found"], shown(lone)["others"]) == (0, 0)


def test_who_does_not_answer_by_its_key_is_forgotten_and_tried_again_seldom(lone: Lone):
    lone.answers = lambda p, a: DialFailed(p, "another key")
    for _ in range(30):  # half an hour, in which it is announced as before
        lone.tell(Sighted((find(1),)))
        lone.run(MINUTE)
    assert peer(1) not in lone.neighbours.known
    assert 3 <= len(lone.dials) <= 5 * (30 * MINUTE // LAN_AGAIN), lone.dials
    lone.knows(2)
    lone.answers = everybody
    lone.run(MINUTE)
    lone.tell(Disconnected(peer(2)))
    lone.answers = lambda p, a: DialFailed(p, "away")
    for _ in range(3):
        lone.tell(Sighted((find(2),)))
        lone.run(MINUTE)
    assert peer(2) in lone.neighbours.known, "who has answered before is not forgotten for what somebody announces"


def test_a_hostile_host_fills_nothing_and_makes_us_dial_little(lone: Lone):
    lone.answers = lambda p, a: DialFailed(p, "nobody")
    for step in range(600):  # ten minutes, and each second a thousand others
        lone.tell(Sighted(tuple(find(n, host=1 + step % 3) for n in range(1000 + step, 2000 + step))))
        lone.run(SECOND)
    assert shown(lone)["found"] == MAX_LAN_FINDS
    assert len(lone.dials) <= 11 * LAN_TRIES * 3, len(lone.dials)
    buckets = {known.bucket for known in lone.neighbours.known.values()}
    assert len(buckets) <= SOURCE_BUCKETS < NEW_BUCKETS
    assert len(lone.core.local._given) <= MAX_LAN_FINDS and len(lone.core.local._tries) <= LAN_TRIES


def test_who_repeats_a_neighbours_mark_with_other_addresses_does_not_hide_it(lone: Lone):
    """Nothing is signed: whoever hears a mark can announce it as his own, as often as he likes."""
    lone.answers = lambda p, a: everybody(p, a) if "/ip4/10.0.0.2/tcp/4001" in a[0] else DialFailed(p, "another key")
    forged = [find(1, host=9 + n) for n in range(3)]
    for _ in range(15):
        lone.tell(Sighted((*forged[:1], find(1), *forged[1:])))
        lone.run(MINUTE)
    assert peer(1) in lone.core.state.connected


def test_a_crowd_that_announces_first_does_not_fill_all_places(lone: Lone):
    lone.answers = lambda p, a: everybody(p, a) if p == peer(999) else DialFailed(p, "nobody")
    crowd = tuple(find(n) for n in range(1, 201))
    for _ in range(60):
        lone.tell(Sighted((*crowd, find(999))))
        lone.run(MINUTE)
    assert peer(999) in lone.core.state.connected
    lone.tell(Sighted((*crowd, find(999))))
    assert peer(999) in lone.core.local.near, "who was reached keeps his place"


def test_a_clock_that_is_set_back_does_not_end_it(lone: Lone):
    lone.tell(Sighted(tuple(find(n) for n in range(1, LAN_TRIES + 1))))
    lone.now -= 5 * HOUR
    lone.tell(Sighted((find(99),)))
    lone.run(SECOND)
    assert peer(99) in {who for _, who, _ in lone.dials}


def test_a_find_never_leads_to_this_machine_itself(lone: Lone):
    there = Find(peer(1), tag(NETWORK, peer(1)), ("/ip4/127.0.0.1/tcp/4001",))
    lone.tell(Sighted((there,)))
    lone.run(MINUTE)
    assert not lone.dials
    lone.tell(Connected(peer(5), f"{public(5)}/p2p/{peer(5)}", True))
    lone.tell(Sighted((find(1),)))  # with a peer outside, an address of the local network is still taken from there
    lone.run(MINUTE)
    assert {who for _, who, _ in lone.dials} == {peer(1)}


def test_each_network_is_announced_by_itself_at_local_addresses(lone: Lone, monkeypatch: pytest.MonkeyPatch):
    assert lone.core.local.wanted() == ((), ()), "198.18.0.1 is no address of a local network"
    lone.tell(Listening((f"/ip4/192.168.7.7/tcp/4007/p2p/{ME}", f"/ip4/127.0.0.1/tcp/4007/p2p/{ME}")))
    monkeypatch.setattr(lone.core.local, "_networks", lambda: [NETWORK, bytes(16)])
    wanted = lone.core.local.wanted()
    assert wanted.ips == ("192.168.7.7",)
    assert [s.properties["n"] for s in wanted.services] == [tag(n, ME) for n in (NETWORK, bytes(16))]
    monkeypatch.setattr(lone.core.local, "_networks", list)
    assert lone.core.local.wanted() == (("192.168.7.7",), ()), "without a network a node listens, and says nothing"
