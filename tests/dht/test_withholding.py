"""Who names everything first and hands nothing out keeps it from nobody for long, nor cuts the links that we chose."""

import pytest

from dht.fetching import PROMPT, WANT_TIMEOUT
from dht.gossip import EAGER
from dht.keys import item_of
from dht.neighbour import LAZY_JITTER, LAZY_PATIENCE, PRUNE_ODDS
from dht.tree import AGAIN
from protocols.gossip_messages import Graft, Have, Hello, Prune, Records, Want, encode_message
from protocols.limits import MINUTE, SECOND
from tests.dht.records import NETWORK, NOW, record
from tests.dht.test_neighbour import hub, said, tell
from tests.dht.test_tree import deliver, two_sides


@pytest.mark.parametrize("answers", [False, True])
def test_any_number_that_name_first_and_hand_out_nothing_keep_a_record_back_for_less_than_twice_what_one_may(answers):
    sybils = [f"s{i}" for i in range(40)]
    gossip, catalog, _ = hub(*sybils, "q")
    first, second = record(name=1), record(name=2)
    start = NOW + MINUTE
    for r in (first, second):
        for peer in (*sybils, "q"):
            tell(gossip, peer, Have(NETWORK, (item_of(r),)), start)
        asked = None
        for now in range(start, start + 2 * MINUTE, 10):
            steps = gossip.woke(now)
            if said(steps, Want, "q"):
                asked = now - start
                [want] = said(steps, Want, "q")
                deliver(gossip, catalog, "q", r, now, want.request)
                break
            for peer in sybils:
                for want in said(steps, Want, peer) if answers else ():
                    tell(gossip, peer, Records(NETWORK, want.request, len(want.ids), ()), now)
        assert asked is not None and asked < LAZY_PATIENCE + LAZY_JITTER + 2 * PROMPT
        start = now + MINUTE
    assert not gossip._networks[NETWORK].flights._asked.keys() & {first.id, second.id}, "what has come is forgotten"


@pytest.mark.parametrize("after", [0, PROMPT, None])
def test_who_named_what_it_does_not_hand_out_at_once_keeps_nothing_from_others_next_time(after):
    gossip, _ = two_sides()
    first, second = record(name=1), record(name=2)
    now = NOW + MINUTE
    [want] = said(tell(gossip, "p", Have(NETWORK, (item_of(first),)), now), Want, "p")
    if after is not None:
        wires = (first.wire,) if after else ()
        tell(gossip, "p", Records(NETWORK, want.request, 1, wires), now + after)
    now += WANT_TIMEOUT
    gossip.woke(now)
    tell(gossip, "p", Have(NETWORK, (item_of(second),)), now)
    asked = said(tell(gossip, "q", Have(NETWORK, (item_of(second),)), now), Want, "q")
    assert second.id in {id_ for want in asked for id_ in want.ids}


def greeted(strangers, chosen, tree):
    """A hub to which so many strangers have connected, and which has then connected to so many."""
    gossip, catalog, steps = hub()
    for peer in strangers + chosen:
        gossip.connected(peer, NOW, chosen=peer in chosen)
        steps += gossip.received(peer, encode_message(Hello(NETWORK, bytes(8), NOW, True, ("",))), NOW)
        if tree:
            tell(gossip, peer, Graft(NETWORK, ""), NOW)
    return gossip, catalog, steps


def test_one_link_that_we_chose_carries_however_many_others_do():
    _, _, steps = greeted("abcdefgh", "xy", tree=True)
    assert said(steps, Graft, "x") and not said(steps, Graft, "y") and said(steps, Prune, "y")


def test_of_those_that_know_no_tree_those_that_we_chose_are_sent_records_first():
    gossip, catalog, _ = greeted("abcdefghijklmnop", "xyz", tree=False)
    r = record()
    gossip._load = lambda _, id_: r.wire
    for neighbour in gossip._neighbours[NETWORK].values():
        neighbour._telling._load = gossip._load
    catalog.admit(r, NOW)
    gossip.spread(NETWORK, r.id, None, NOW)
    sent = {s.peer for s in gossip.woke(NOW) + gossip.woke(NOW) if said([s], Records)}
    assert len(sent) == EAGER and sent > set("xyz")


def test_a_link_that_we_chose_carries_again_though_its_other_end_prunes_it():
    gossip, catalog, _ = hub("p")
    gossip.connected("x", NOW, chosen=False)
    gossip.received("x", encode_message(Hello(NETWORK, bytes(8), NOW, True, ("",))), NOW)
    for peer in "px":
        tell(gossip, peer, Graft(NETWORK, ""), NOW)
    own = gossip._neighbours[NETWORK]["p"].branch
    grafts = 0
    for i in range(30):
        now = NOW + AGAIN + i * SECOND
        tell(gossip, "p", Prune(NETWORK, ""), now)
        grafts += len(said(deliver(gossip, catalog, "x", record(name=i), now), Graft, "p"))
        assert own.carries_all or i % 10
    assert grafts == 3, "not with every record"
    tell(gossip, "p", Graft(NETWORK, ""), now)
    tell(gossip, "x", Prune(NETWORK, ""), now)
    assert not said(deliver(gossip, catalog, "p", record(name=99), now + MINUTE), Graft, "x"), "one of our own will do"


def test_the_last_link_that_we_chose_is_not_pruned_whatever_strangers_send_before_it(monkeypatch):
    monkeypatch.setattr("dht.gossip.COPIES", 1)
    for chosen in (True, False):
        gossip, catalog = two_sides()
        gossip._pushing.of("p", NOW).chosen = False
        gossip._pushing.of("q", NOW).chosen = chosen
        pruned = []
        for i in range(10 * PRUNE_ODDS):
            r, now = record(name=i), NOW + MINUTE + i * SECOND
            deliver(gossip, catalog, "p", r, now)
            pruned += said(deliver(gossip, catalog, "q", r, now), Prune, "q")
        assert bool(pruned) != chosen
