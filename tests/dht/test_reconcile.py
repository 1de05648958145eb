import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dht.catalog import Catalog
from dht.items import ItemSet, View
from dht.keys import item, item_id, item_of
from dht.reconcile import Session, answer
from protocols.errors import Reject
from protocols.gossip_messages import Answer, Reconcile, encode_message, parse_message
from protocols.limits import DAY, MAX_FRAME
from tests.dht.records import NETWORK, NOW, record


def view_of(items):
    items_ = ItemSet()
    for i in items:
        items_.add(i)
    return View([items_])


def made(rng, number):
    return [item(NOW + rng.randrange(1, DAY), rng.randbytes(16), 0, rng.randbytes(32)) for _ in range(number)]


def reconcile(mine, theirs, as_of=NOW):
    """Both sides over real frames. What the asker found, round trips, bytes."""
    session = Session(mine, as_of)
    have, need, size = [], [], 0
    while ranges := session.ask():
        asked = encode_message(Reconcile(NETWORK, session.rounds, as_of, ranges))
        said = encode_message(Answer(NETWORK, session.rounds, answer(theirs, as_of, parse_message(asked).ranges)))
        assert max(len(asked), len(said)) <= MAX_FRAME
        size += len(asked) + len(said)
        found = session.answered(parse_message(said).ranges)
        have += found.have
        need += found.need
    assert not session.overflow
    return have, need, session.rounds, size


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(0, 2_000),
    st.integers(0, 600),
    st.integers(0, 600),
    st.sampled_from([0, DAY // 2]),
)
def test_the_differences_are_found_exactly_once(seed, common, left, right, later):
    rng = random.Random(seed)
    both, a, b = made(rng, common), made(rng, left), made(rng, right)
    as_of = NOW + later
    have, need, _, _ = reconcile(view_of(both + a), view_of(both + b), as_of)
    after = (as_of + 1).to_bytes(8, "big")
    assert sorted(have) == sorted(i for i in a if i >= after)
    assert sorted(need) == sorted(i for i in b if i >= after)


@pytest.mark.parametrize(("left", "right"), [(0, 5_000), (5_000, 0), (3_000, 3_000)])
def test_sets_that_have_nothing_in_common(left, right):
    rng = random.Random(1)
    a, b = made(rng, left), made(rng, right)
    have, need, _, _ = reconcile(view_of(a), view_of(b))
    assert sorted(have) == sorted(a) and sorted(need) == sorted(b)


def test_in_sync_costs_one_round_and_a_hundred_bytes():
    items = made(random.Random(2), 5_000)
    assert reconcile(view_of(items), view_of(reversed(items)))[:3] == ([], [], 1)
    assert reconcile(view_of(items), view_of(items))[3] <= 110


def test_rounds_grow_with_the_logarithm():
    rng = random.Random(3)
    rounds = {}
    for number in (100, 1_000, 10_000, 60_000):
        items = made(rng, number)
        _, need, rounds[number], size = reconcile(view_of(items[:-10]), view_of(items))
        assert len(need) == 10
        assert size < 40_000
    assert rounds[60_000] <= 4 and rounds[60_000] <= rounds[100] + 2


def test_a_hundred_differences_cost_less_than_their_neighbourhoods():
    rng = random.Random(4)
    items = made(rng, 40_000)
    a, b = view_of(items[50:]), view_of(items[:-50])
    have, need, rounds, size = reconcile(a, b)
    assert (len(have), len(need)) == (50, 50) and rounds <= 4 and size < 118_000


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=600), st.integers(0, 400), st.integers(0, 400))
def test_an_item_set_is_a_set(steps, low, high):
    def key(i):
        return item(i, b"s" * 16, 0, i.to_bytes(32, "little"))

    items, model = ItemSet(), set()
    for add, i in steps:
        if add and i not in model:
            items.add(key(i))
            model.add(i)
        elif not add and i in model:
            items.remove(key(i))
            model.remove(i)
    inside = sorted(i for i in model if low <= i < high)
    a, b = low.to_bytes(8, "big"), high.to_bytes(8, "big")
    assert len(items) == len(model)
    assert list(items.items(a, b)) == [key(i) for i in inside] if low <= high else True
    assert items.totals(a, b)[0] == len(inside)
    assert list(items.items(a, b, 3)) == [key(i) for i in inside[::3]]
    assert items.totals(b"", None)[1] == sum(int.from_bytes(key(i)[32:], "big") for i in model)
    with pytest.raises(KeyError):
        items.remove(key(401))


def test_a_large_item_set_splits_evenly():
    rng = random.Random(5)
    all_ = made(rng, 9_000)
    view = View([view_of(all_[:4_000])._sets[0], view_of(all_[4_000:])._sets[0]])
    bounds = view.bounds(b"", None, 16)
    assert len(bounds) == 15 and bounds == sorted(bounds)
    edges = [b"", *bounds, None]
    parts = [view.totals(a, b)[0] for a, b in pairwise(edges)]
    assert sum(parts) == 9_000 and max(parts) < 2 * min(parts)
    assert max(map(len, bounds)) <= 10


def test_two_catalogs_reconcile_the_scopes_they_share():
    rng = random.Random(6)
    records = [
        record(
            who=rng.randrange(3), name=n, revision=rng.randrange(3), scope=rng.choice(["", "u4pru", "u4prv", "u0bcd"])
        )
        for n in range(500)
    ]
    a, b = Catalog(NETWORK), Catalog(NETWORK)
    for r in records:
        rng.choice([a, b]).admit(r, NOW)
    have, need, _, _ = reconcile(a.view(["u4", ""]), b.view([""]))
    assert len(have) + len(need) == 500
    have, need, _, _ = reconcile(a.view(["u4pru"]), b.view(["u4pru"]))
    concerned = {r.id for r in records if r.scope in ("", "u4pru")}
    assert {item_id(i) for i in have + need} == concerned
    assert all(item_of(r) in set(have + need) for r in records if r.id in concerned)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_a_lying_answerer_cannot_do_more_than_be_struck(seed, data):
    """Answers to one question given to another session: either they make sense or they are rejected; it ends."""
    rng = random.Random(seed)
    pool = made(rng, 300)
    mine, theirs, other = (view_of(rng.sample(pool, data.draw(st.integers(0, 300)))) for _ in range(3))
    one, two = Session(mine, NOW), Session(other, NOW)
    for _ in range(20):
        asked, elsewhere = one.ask(), two.ask()
        if not asked or not elsewhere:
            break
        try:
            one.answered(answer(theirs, NOW, data.draw(st.sampled_from([asked, elsewhere]))))
            two.answered(answer(theirs, NOW, elsewhere))
        except Reject:
            break
