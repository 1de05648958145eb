"""What a neighbour may have us do: comparing in pieces, serving and fetching at a measure that no greeting renews."""

from random import Random

import pytest

from dht import pushing
from dht.budget import Budget, Work
from dht.catalog import Catalog
from dht.gossip import TURNS, Deliver, Gossip, Strike
from dht.keys import item_of
from dht.neighbour import LAZY_PATIENCE, PIECE
from dht.reconcile import Session, answer, start_of
from protocols.gossip_messages import ITEMS, LIST, SUM, Answer, Have, Hello, Range, Reconcile, Records, Want
from tests.dht.records import NETWORK, NOW, record
from tests.dht.test_neighbour import LARGE, hub, said, tell

RECORDS = [record(who=n % 7, name=n, scope=f"u4pr{'0123456789bcdefghjkmnpqrstuvwxyz'[n % 32]}") for n in range(1_200)]


def cut(view, number, mode=SUM):
    """As many ranges over all that a view holds, and not one of them known to it."""
    items = view.items(start_of(NOW), None)
    uppers = [item[:40] for item in items[1:number:1]] + [b""]
    return tuple(Range(u, mode, sum=bytes(16)) if mode == SUM else Range(u, mode) for u in dict.fromkeys(uppers))


def costs(monkeypatch):
    """What each turn has cost, of all work that is done from now on."""
    spent, go_on = [], Work.go_on

    def counted(self, most):
        cost = go_on(self, most)
        spent.append(cost)
        return cost

    monkeypatch.setattr(Work, "go_on", counted)
    return spent


def test_a_budget_waits_and_never_saves_more_than_its_burst():
    budget = Budget(2, 10, 0)
    budget.spend(30)
    assert not budget.ready(0) and budget.due() == 11 and not budget.ready(10) and budget.ready(11)
    assert budget.ready(1_000_000)
    budget.spend(10)
    assert not budget.ready(1_000_000) and not budget.ready(0), "nor does a clock that goes back give anything"


@pytest.mark.parametrize("mode", [SUM, LIST])
def test_a_long_question_is_answered_in_pieces_and_no_otherwise(mode, monkeypatch):
    gossip, catalog, _ = hub("p", held=RECORDS, low=True)
    view = catalog.view([""])
    asked = cut(view, 1_000, mode)
    assert len(asked) >= 990
    spent = costs(monkeypatch)
    found = said(tell(gossip, "p", Reconcile(NETWORK, 7, NOW, asked), NOW), Answer)
    turns = 1
    while not found:
        assert gossip.next_wake() <= NOW, "it goes on at once, after others"
        found = said(gossip.woke(NOW), Answer)
        turns += 1
    assert found == [Answer(NETWORK, 7, answer(view, NOW, asked))]
    assert turns >= 5 and max(spent) < 3 * PIECE


def test_a_list_of_others_is_answered_within_bounds_all_the_same():
    catalog = Catalog(NETWORK)
    for one in RECORDS:
        catalog.admit(one, NOW)
    listed = tuple(n.to_bytes(16, "big") for n in range(1_000))
    said_ = answer(catalog.view([""]), NOW, (Range(b"", LIST, ids=listed),))
    assert [len(r.items) for r in said_] == [512, 0] and len(said_[0].missing) == 1_000


def test_the_answer_to_one_list_is_looked_for_no_further_than_it_reaches(monkeypatch):
    gossip, catalog, _ = hub("p", held=RECORDS, low=True)
    looked, first = [], type(catalog.view([""])).first
    monkeypatch.setattr("dht.items.View.first", lambda *args: looked.append(len(found := first(*args))) or found)
    monkeypatch.setattr("dht.items.View.items", lambda *args: pytest.fail("all of them"))
    [said_] = said(tell(gossip, "p", Reconcile(NETWORK, 7, NOW, (Range(b"", LIST),)), NOW), Answer)
    assert looked == [513] and [len(r.items) for r in said_.ranges] == [512, 0]


def test_a_long_answer_is_taken_in_pieces_and_one_that_fits_nothing_costs_its_sender(monkeypatch):
    gossip, catalog, steps = hub("p", held=RECORDS)
    [question] = said(steps, Reconcile)
    spent = costs(monkeypatch)
    bounds = cut(catalog.view([""]), 1_000)
    steps = tell(
        gossip, "p", Answer(NETWORK, question.turn, (*bounds[:-1], Range(b"", ITEMS, items=(bytes(64),)))), NOW
    )
    turns = 1
    while not any(isinstance(s, Strike) for s in steps):
        assert not said(steps, Reconcile) and gossip.next_wake() <= NOW
        steps = gossip.woke(NOW)
        turns += 1
    assert turns > 5 and max(spent) < 3 * PIECE


def test_of_very_many_that_the_other_lacks_no_more_than_a_part_is_gathered_at_once():
    catalog = Catalog(NETWORK)
    for one in RECORDS:
        catalog.admit(one, NOW)
    view = catalog.view([""])
    session = Session(view, NOW)
    session.ask()
    theirs = item_of(record(name=5_000))
    found = session.answered((Range(b"", ITEMS, items=(theirs,)),))
    assert found.need == [theirs] and found.have == view.items(start_of(NOW), None)


def test_comparing_without_end_gets_what_is_left_for_it(monkeypatch):
    monkeypatch.setattr(pushing, "TOIL_BURST", 5_000)
    gossip, catalog, _ = hub("p", "q", held=RECORDS, low=True)
    asked = cut(catalog.view([""]), 300)
    answered = 0
    for at in range(NOW, NOW + 1_000):
        if gossip._neighbours[NETWORK]["p"]._answering is None:
            answered += len(said(tell(gossip, "p", Reconcile(NETWORK, 1, NOW, asked), at), Answer))
        answered += len(said(gossip.woke(at), Answer)) if gossip.next_wake() <= at else 0
    whole_cost = 300 * 17
    assert 1 <= answered <= (5_000 + 1_000 * pushing.TOIL_RATE) // whole_cost + 1
    assert said(tell(gossip, "q", Reconcile(NETWORK, 1, NOW, cut(catalog.view([""]), 20)), NOW + 1_000), Answer)


def test_a_fresh_greeting_renews_nothing_of_what_is_served():
    gossip, _, _ = hub("p", held=LARGE, low=True)
    served = 0
    for number in range(300):
        tell(gossip, "p", Hello(NETWORK, number.to_bytes(8, "big"), NOW, True, ("",)), NOW)
        wanted = Want(NETWORK, 1, tuple(r.id for r in LARGE))
        served += sum(len(w) for m in said(tell(gossip, "p", wanted, NOW), Records) for w in m.wires)
    assert served <= pushing.SERVE_BURST + 2 * 60 * 1024


def test_one_turn_is_for_some_neighbours_and_everybody_gets_one():
    names = [f"p{n}" for n in range(3 * TURNS)]
    gossip, catalog, _ = hub(*names, held=RECORDS, low=True)
    asked = cut(catalog.view([""]), 200)
    for name in names:
        tell(gossip, name, Reconcile(NETWORK, 1, NOW, asked), NOW)
    told = []
    for _ in range(6):
        assert gossip.next_wake() <= NOW
        steps = gossip.woke(NOW)
        assert len({s.peer for s in steps}) <= TURNS
        told += [s.peer for s in steps if said([s], Answer)]
    assert sorted(told) == sorted(names)


def fetched(gossip, peer, records, now):
    """Announced and, when asked for, sent: how many are delivered."""
    delivered = 0
    wires = {r.id: r.wire for r in records}
    wants = said(tell(gossip, peer, Have(NETWORK, tuple(item_of(r) for r in records)), now), Want)
    wants += [w for s in gossip.woke(now + LAZY_PATIENCE) if getattr(s, "peer", "") == peer for w in said([s], Want)]
    while wants:
        want = wants.pop(0)
        answer_ = Records(NETWORK, want.request, len(want.ids), tuple(wires[i] for i in want.ids))
        steps = tell(gossip, peer, answer_, now + LAZY_PATIENCE)
        delivered += sum(len(s.wires) for s in steps if isinstance(s, Deliver))
        wants += said(steps, Want, peer)
    return delivered


def test_what_is_fetched_beyond_a_measure_waits_and_comes(monkeypatch):
    monkeypatch.setattr(pushing, "FETCH_BURST", 100_000)
    gossip, _, _ = hub("p", low=True)
    assert len(RECORDS[0].wire) > 200
    first = fetched(gossip, "p", RECORDS[:900], NOW)
    assert 128 <= first <= 128 + 4 * 128
    wake = gossip.next_wake()
    gossip._neighbours[NETWORK]["p"]._next_sync = NOW + 10**7
    assert wake is not None and len(gossip._neighbours[NETWORK]["p"]._fetching) == 900 - first
    later = NOW + 10**6
    assert said(gossip.woke(later), Want), "it was not dropped"


def test_peers_that_we_have_not_chosen_share_what_is_fetched(monkeypatch):
    monkeypatch.setattr(pushing, "FETCH_BURST", 100_000)
    gossip = Gossip(lambda _, id_: None, Random(7))
    gossip.join(NETWORK, Catalog(NETWORK), [""], NOW)
    for name in ("came", "came too", "chosen"):
        gossip.connected(name, NOW, chosen=name == "chosen")
        tell(gossip, name, Hello(NETWORK, b"\xff" * 8, NOW, True, ("",)), NOW)
    assert fetched(gossip, "came", RECORDS[:600], NOW) >= 128
    assert fetched(gossip, "came too", RECORDS[600:900], NOW) == 0, "another name brings nothing new"
    assert fetched(gossip, "chosen", RECORDS[900:], NOW) == 300
