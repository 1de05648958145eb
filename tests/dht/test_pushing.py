"""What is pushed unasked has a measure: beyond it records are not looked at, and far beyond it they cost the peer."""

from dht.fetching import WANT_TIMEOUT
from dht.gossip import Deliver, Strike
from dht.keys import item_of
from dht.neighbour import LAZY_PATIENCE
from dht.pushing import (
    EXCESS,
    GREEDY,
    MAX_REMEMBERED,
    PASSED_BURST,
    SENT_BURST,
    TAKEN_BURST,
    TAKEN_RATE,
    Pushing,
)
from dht.telling import PACE
from protocols.gossip_messages import Have, Hello, Records, Want
from tests.dht.records import NETWORK, NOW, record
from tests.dht.test_neighbour import hub, said, tell

WIRES = [record(name=i).wire for i in range(TAKEN_BURST + 20 * EXCESS)]
RECORDS = [record(who=i % 4, name=i) for i in range(2 * SENT_BURST)]


def push(gossip, wires, now=NOW, peer="p", request=0):
    """How many of them are delivered, and the strikes."""
    delivered, strikes = 0, 0
    for i in range(0, len(wires), 32):
        steps = tell(gossip, peer, Records(NETWORK, request, 0, tuple(wires[i : i + 32])), now)
        delivered += sum(len(s.wires) for s in steps if isinstance(s, Deliver))
        strikes += sum(isinstance(s, Strike) for s in steps)
    return delivered, strikes


def test_a_burst_is_taken_and_what_follows_is_not_even_parsed():
    gossip, _, _ = hub("p", "q")
    assert push(gossip, WIRES[:TAKEN_BURST]) == (TAKEN_BURST, 0)
    assert push(gossip, [b"no record"] * (EXCESS - 1)) == (0, 0)
    assert push(gossip, WIRES[TAKEN_BURST:]) == (0, 20)
    assert push(gossip, WIRES[:50], peer="q") == (50, 0), "another peer pays nothing for it"
    later = NOW + 2_000
    assert push(gossip, WIRES, later) == (2 * TAKEN_RATE, (len(WIRES) - 2 * TAKEN_RATE + EXCESS - 1) // EXCESS)


def test_another_connection_brings_nothing_new():
    gossip, _, _ = hub("p")
    push(gossip, WIRES[:TAKEN_BURST])
    gossip.disconnected("p")
    gossip.connected("p", NOW)
    tell(gossip, "p", Hello(NETWORK, b"\x01" * 8, NOW, True, ("",)), NOW)
    assert push(gossip, WIRES[:10]) == (0, 0)


def test_what_was_asked_for_is_free_and_no_more_than_that():
    gossip, _, _ = hub("p")
    push(gossip, WIRES[:TAKEN_BURST])
    tell(gossip, "p", Have(NETWORK, tuple(item_of(r) for r in RECORDS[:20])), NOW)
    [want] = said(gossip.woke(NOW + LAZY_PATIENCE), Want, "p")
    asked = [r.wire for r in RECORDS[:20]]
    taken, strikes = push(gossip, [*asked, *WIRES[-40:]][:60], NOW + LAZY_PATIENCE, request=want.request)
    assert 20 <= taken < 20 + 40 and strikes == 0


def test_an_answer_that_comes_late_was_asked_for_too():
    gossip, _, _ = hub("p")
    tell(gossip, "p", Have(NETWORK, tuple(item_of(r) for r in RECORDS[:20])), NOW)
    [want] = said(gossip.woke(NOW + LAZY_PATIENCE), Want, "p")
    late = NOW + LAZY_PATIENCE + WANT_TIMEOUT
    gossip.woke(late)
    push(gossip, WIRES[:TAKEN_BURST], late)
    assert push(gossip, [r.wire for r in RECORDS[:20]], late, request=want.request) == (20, 0)
    assert push(gossip, [r.wire for r in RECORDS[20:40]], late, request=want.request) == (0, 0), "once"


def told(source, count):
    """A node adds so many records that came from `source`: how many it pushes, how many it names."""
    gossip, catalog, _ = hub("p")
    held = {r.id: r.wire for r in RECORDS}
    gossip._neighbours[NETWORK]["p"]._telling._load = lambda _, id_: held[id_]
    for r in RECORDS[:count]:
        catalog.admit(r, NOW)
        gossip.spread(NETWORK, r.id, source, NOW)
    steps = [s for i in range(100) for s in gossip.woke(NOW + i * PACE)]
    pushed = [w for m in said(steps, Records, "p") for w in m.wires]
    named = [i for m in said(steps, Have, "p") for i in m.items]
    assert len(pushed) + len(named) == count
    return len(pushed), len(named)


def test_a_node_pushes_less_than_others_take_and_names_the_rest():
    assert told(None, SENT_BURST) == (SENT_BURST, 0)
    assert told(None, 2 * SENT_BURST) == (SENT_BURST, SENT_BURST)
    assert SENT_BURST < TAKEN_BURST


def test_what_one_peer_pushes_leaves_room_for_the_records_of_others():
    assert told("q", PASSED_BURST) == (PASSED_BURST, 0)
    assert told("q", 2 * PASSED_BURST) == (PASSED_BURST, PASSED_BURST)
    assert 3 * PASSED_BURST < SENT_BURST
    pushes = Pushing().of("p", NOW)
    assert pushes.may_pass(NOW)
    pushes.take(TAKEN_BURST + 1, NOW)
    assert not pushes.may_pass(NOW + GREEDY - 1) and pushes.may_pass(NOW + GREEDY)


def test_so_many_peers_are_remembered():
    pushing = Pushing()
    pushing.of("first", NOW).take(TAKEN_BURST, NOW)
    for i in range(MAX_REMEMBERED - 1):
        pushing.of(f"{i}", NOW)
    assert pushing.of("first", NOW).take(1, NOW) == 0
    for i in range(MAX_REMEMBERED):
        pushing.of(f"more {i}", NOW)
    assert len(pushing._peers) == MAX_REMEMBERED


def test_a_clock_that_was_set_back_gives_nothing_and_takes_nothing():
    pushes = Pushing().of("p", NOW)
    assert pushes.take(TAKEN_BURST + 1, NOW) == TAKEN_BURST
    assert pushes.take(1, NOW - 3_600_000) == 0
    assert pushes.take(1, NOW - 3_599_000) == 1
