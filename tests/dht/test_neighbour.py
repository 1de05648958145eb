"""What is lost on the way is asked for again, of the same neighbour or of another."""

from random import Random

from dht.catalog import Catalog
from dht.fetching import BLOCKED_DELAY, WANT_TIMEOUT
from dht.gossip import Deliver, Gossip, SendFrame, Synced
from dht.keys import item_of
from dht.neighbour import LAZY_PATIENCE, SESSION_TIMEOUT, SYNC_SOON
from protocols.gossip_messages import (
    Answer,
    Done,
    Have,
    Hello,
    Reconcile,
    Records,
    Want,
    encode_message,
    parse_message,
)
from protocols.limits import GOSSIP_FRAME
from tests.dht.records import NETWORK, NOW, record

RECORDS = [record(name=i) for i in range(6)]
LARGE = [record(name=i, payload=bytes(15_000)) for i in range(10)]


def hub(*peers, held=(), low=False):
    """A hub that has greeted these peers; `low`: they begin the comparison."""
    catalog = Catalog(NETWORK)
    wires = {r.id: r.wire for r in held}
    for r in held:
        catalog.admit(r, NOW)
    gossip = Gossip(lambda _, id_: wires.get(id_), Random(7))
    gossip.join(NETWORK, catalog, [""], NOW)
    steps = []
    for peer in peers:
        gossip.connected(peer, NOW)
        nonce = b"\xff" * 8 if low else bytes(8)
        steps += gossip.received(peer, encode_message(Hello(NETWORK, nonce, NOW, True, ("",))), NOW)
    return gossip, catalog, steps


def said(steps, type_, peer=None):
    frames = [s for s in steps if isinstance(s, SendFrame) and peer in (None, s.peer)]
    return [m for m in (parse_message(s.frame) for s in frames) if isinstance(m, type_)]


def tell(gossip, peer, message, now):
    return gossip.received(peer, encode_message(message), now)


def asked_for(gossip, peer="p"):
    """Announce all records; the WANT that follows, and its time."""
    assert not said(tell(gossip, peer, Have(NETWORK, tuple(item_of(r) for r in RECORDS)), NOW), Want)
    now = NOW + LAZY_PATIENCE
    [want] = said(gossip.woke(now), Want, peer)
    assert set(want.ids) == {r.id for r in RECORDS}
    return want, now


def test_one_side_begins():
    assert said(hub("p")[2], Reconcile) and not said(hub("p", low=True)[2], Reconcile)


def test_what_was_not_dealt_with_is_asked_for_at_once():
    gossip, _, _ = hub("p", low=True)
    want, now = asked_for(gossip)
    by_id = {r.id: r for r in RECORDS}
    steps = tell(gossip, "p", Records(NETWORK, want.request, 2, tuple(by_id[i].wire for i in want.ids[:2])), now)
    assert [len(s.wires) for s in steps if isinstance(s, Deliver)] == [2]
    [again] = said(steps, Want)
    assert again.ids == want.ids[2:] and again.request != want.request


def test_a_request_without_answer_is_repeated():
    gossip, _, _ = hub("p", low=True)
    want, now = asked_for(gossip)
    assert not said(gossip.woke(now + WANT_TIMEOUT - 1), Want)
    assert not said(gossip.woke(now + WANT_TIMEOUT), Want)
    [again] = said(gossip.woke(now + WANT_TIMEOUT + 2 * BLOCKED_DELAY), Want)
    assert set(again.ids) == set(want.ids)


def test_who_does_not_answer_is_asked_again_after_all_others():
    gossip, _, _ = hub("p", "q", low=True)
    _, now = asked_for(gossip)
    tell(gossip, "q", Have(NETWORK, tuple(item_of(r) for r in RECORDS)), now)
    asked = []
    for at in range(now, now + WANT_TIMEOUT + 2 * BLOCKED_DELAY, 100):
        asked += [(s.peer, at - now) for s in gossip.woke(at) if said([s], Want)]
    [(who, when)] = asked
    assert who == "q" and when <= WANT_TIMEOUT + BLOCKED_DELAY


def test_nothing_is_asked_of_two_until_the_first_fails():
    gossip, _, _ = hub("p", "q", low=True)
    _, now = asked_for(gossip)
    tell(gossip, "q", Have(NETWORK, tuple(item_of(r) for r in RECORDS)), now)
    assert not said(gossip.woke(now + LAZY_PATIENCE), Want, "q")
    gossip.disconnected("p")
    [want] = said(gossip.woke(now + 5_000), Want, "q")
    assert set(want.ids) == {r.id for r in RECORDS}


def test_a_comparison_without_answer_begins_again():
    gossip, _, steps = hub("p")
    [first] = said(steps, Reconcile)
    gossip.woke(NOW + SESSION_TIMEOUT)
    [again] = said(gossip.woke(NOW + SESSION_TIMEOUT + 2 * SYNC_SOON), Reconcile)
    assert again.turn != first.turn
    assert tell(gossip, "p", Answer(NETWORK, first.turn, ()), NOW + SESSION_TIMEOUT + 2 * SYNC_SOON) == []


def test_synced_when_the_other_is_done_and_everything_has_come():
    gossip, _, _ = hub("p", low=True)
    want, now = asked_for(gossip)
    assert not any(isinstance(s, Synced) for s in tell(gossip, "p", Done(NETWORK, 1), now))
    steps = tell(gossip, "p", Records(NETWORK, want.request, 6, tuple(r.wire for r in RECORDS)), now)
    assert any(isinstance(s, Synced) for s in steps)


def test_records_are_served_a_frame_at_a_time():
    gossip, _, _ = hub("p", held=LARGE, low=True)
    steps = tell(gossip, "p", Want(NETWORK, 5, tuple(r.id for r in LARGE)), NOW)
    [served] = said(steps, Records)
    assert served.request == 5 and served.dealt == len(served.wires) == 4
    assert all(len(s.frame) <= GOSSIP_FRAME for s in steps)


def test_a_second_greeting_of_a_new_connection_starts_over():
    gossip, _, _ = hub("p")
    steps = tell(gossip, "p", Hello(NETWORK, b"\0" * 7 + b"\1", NOW, False, ("",)), NOW)
    assert [h.heard for h in said(steps, Hello)] == [True] and said(steps, Reconcile)
    steps = tell(gossip, "p", Hello(NETWORK, b"\0" * 7 + b"\1", NOW, False, ("",)), NOW)
    assert said(steps, Hello) and not said(steps, Reconcile)


def test_a_change_of_scopes_is_told_and_compared():
    gossip, catalog, _ = hub("p")
    steps = gossip.join(NETWORK, catalog, ["u4"], NOW + 1)
    assert [h.scopes for h in said(steps, Hello)] == [("u4",)]
    assert said(gossip.woke(NOW + 1), Reconcile)
    gossip.leave(NETWORK)
    assert gossip.next_wake() is None and gossip.neighbours(NETWORK) == []
