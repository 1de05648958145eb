"""New records go by a tree, once to each node; it grows by itself, heals, and nobody who misuses it costs delivery."""

from itertools import pairwise
from random import Random
from zlib import crc32

import pytest

from dht.fetching import BLOCKED_DELAY, PROMPT
from dht.keys import item_of
from dht.neighbour import LAZY_JITTER, LAZY_PATIENCE, PRUNE_ODDS
from dht.tree import AGAIN, COPIES, DOUBLINGS, KEPT, MAX_SCOPES, NEWS_AFTER, Branch
from protocols.gossip_messages import Graft, Have, Hello, Prune, Records, Want, encode_message, parse_message
from protocols.limits import MINUTE, SECOND
from tests.dht.mesh import HOP, Mesh
from tests.dht.records import NETWORK, NOW, record
from tests.dht.test_neighbour import hub, said, tell

COUNT, DEGREE = 20, 8
WARM = 12  # records after which the tree stands


def publish(mesh, count, gap=SECOND, by=None, scope=""):
    """One record after another, of any node or of one; the longest that each took to all who keep it, and their ids."""
    found = []
    for _ in range(count):
        start = mesh.now
        found.append((mesh.publish(mesh.rng.randrange(len(mesh.nodes)) if by is None else by, scope), start))
        mesh.run(gap)
    mesh.run(3 * SECOND)
    return [mesh.took(id_, start) for id_, start in found], [id_ for id_, _ in found]


def grown(seed=1, **options):
    mesh = Mesh(seed, COUNT, DEGREE, **options)
    mesh.run(6 * SECOND)
    publish(mesh, WARM)
    mesh.frames.clear()
    mesh.bytes.clear()
    mesh.copies = 0
    return mesh


@pytest.mark.parametrize("seed", range(4))
def test_each_node_is_sent_each_record_some_two_times(seed):
    mesh = grown(seed)
    took, ids = publish(mesh, 20)
    assert all(mesh.holders(id_) == COUNT for id_ in ids)
    assert mesh.copies <= 2.3 * 20 * (COUNT - 1), "a flood over this mesh makes more than five copies"
    assert sorted(took)[10] <= 6 * HOP and max(took) <= SECOND
    assert max(max(node.given.values()) for node in mesh.nodes) == 1
    assert not mesh.strikes


def test_who_only_gossips_as_the_version_before_is_sent_records_as_it_was():
    """Its neighbours never hear PRUNE or GRAFT from it, and it ignores theirs."""

    def old(source, target, frame):
        return None if isinstance(parse_message(frame), Prune | Graft) else frame

    mesh = grown(wire=old)
    _, ids = publish(mesh, 20)
    assert all(mesh.holders(id_) == COUNT for id_ in ids)
    assert mesh.copies > 3 * 20 * (COUNT - 1)
    assert not mesh.strikes


@pytest.mark.parametrize("seed", range(4))
def test_old_and_new_nodes_together_deliver_everything(seed):
    def old(source, target, frame):
        mixed = source % 3 == 0 or target % 3 == 0
        return None if mixed and isinstance(parse_message(frame), Prune | Graft) else frame

    mesh = grown(seed, wire=old)
    took, ids = publish(mesh, 20)
    assert all(mesh.holders(id_) == COUNT for id_ in ids)
    assert max(took) <= 2 * SECOND


@pytest.mark.parametrize("seed", range(6))
def test_a_tree_that_is_cut_heals(seed):
    mesh = grown(seed)
    carrying = [
        (a, int(b))
        for a, node in enumerate(mesh.nodes)
        for b, n in node.gossip._neighbours[NETWORK].items()
        if n.branch.carries_all and a < int(b)
    ]
    for pair in carrying[:6]:
        mesh.cut(*pair)
    took, ids = publish(mesh, WARM)
    assert all(mesh.holders(id_) == COUNT for id_ in ids)
    assert max(took) <= 5 * SECOND
    took, ids = publish(mesh, 10)
    assert sorted(took)[5] <= 10 * HOP and max(took) <= 2 * SECOND


def test_a_newcomer_gets_records_at_once():
    mesh = grown()
    for pair in [p for p in mesh.links if 0 in p]:
        mesh.cut(*pair)
    mesh.run(MINUTE)
    for other in (5, 6, 7):
        mesh.connect(0, other)
    mesh.run(SECOND)
    took, ids = publish(mesh, 3, by=12)
    assert all(mesh.holders(id_) == COUNT for id_ in ids) and took[0] <= 10 * HOP


@pytest.mark.parametrize("seed", range(3))
def test_scopes_that_the_tree_leaves_out_get_links_of_their_own(seed):
    """Only every second node keeps the cell: the tree of all goes through nodes that do not pass its records on."""

    def scopes(i):
        return ("u4pru", "u4prv") if i % 2 else ("u4prv",)

    mesh = Mesh(seed, COUNT, DEGREE, scopes=scopes)
    mesh.run(6 * SECOND)
    publish(mesh, WARM, by=1)
    publish(mesh, WARM, by=1, scope="u4pru")
    publish(mesh, WARM, by=1)
    mesh.copies = 0
    for _ in range(3):
        took, ids = publish(mesh, 5, by=3, scope="u4pru")
        assert all(mesh.holders(id_) == COUNT // 2 for id_ in ids)
        everybody, ids = publish(mesh, 5, by=3)
        assert all(mesh.holders(id_) == COUNT for id_ in ids)
        assert max(took) <= 3 * SECOND and max(everybody) <= 3 * SECOND
    assert mesh.copies <= 2.5 * 15 * (COUNT - 1 + COUNT // 2 - 1)


def swallowing(bad, share):
    """These nodes pass records on to others only now and then, name them always, and answer no request."""

    def wire(source, target, frame):
        message = parse_message(frame)
        if source in bad and isinstance(message, Records):
            return frame if not message.request and crc32(message.wires[0]) % 100 >= share else None
        return frame

    return wire


@pytest.mark.parametrize("share", [50, 100])
@pytest.mark.parametrize("seed", range(3))
def test_who_withholds_costs_a_moment(seed, share):
    bad = frozenset({2, 7, 11, 16})
    mesh = Mesh(seed, COUNT, DEGREE, wire=swallowing(bad, share))
    mesh.run(6 * SECOND)
    honest = [i for i in range(COUNT) if i not in bad]
    took = []
    for _ in range(40):
        start, id_ = mesh.now, mesh.publish(mesh.rng.choice(honest))
        mesh.run(4 * SECOND)
        took.append(max(mesh.nodes[i].came.get(id_, mesh.now + MINUTE) for i in honest) - start)
    assert max(took) <= 4 * SECOND, "each honest node has an honest neighbour"
    assert sorted(took[10:])[20] <= SECOND


@pytest.mark.parametrize("said_by_them", [Prune, Graft])
def test_who_prunes_or_grafts_everything_gains_and_breaks_nothing(said_by_them):
    bad = frozenset({2, 7, 11, 16})
    mesh = grown()
    for _ in range(20):
        for i in bad:
            for peer in mesh.nodes[i].gossip.neighbours(NETWORK):
                frame = encode_message(said_by_them(NETWORK, ""))
                mesh._do(int(peer), mesh.nodes[int(peer)].gossip.received(str(i), frame, mesh.now))
        _, ids = publish(mesh, 1)
        assert mesh.holders(ids[0]) == COUNT
    assert mesh.copies <= 20 * (COUNT - 1 + len(bad) * DEGREE * 2), "at most one to each that asks for it"
    assert not mesh.strikes


def test_neither_is_answered():
    gossip, _, _ = hub("p")
    for message in (Prune(NETWORK, ""), Graft(NETWORK, ""), Prune(NETWORK, "u4"), Graft(NETWORK, "u4")) * 20:
        assert tell(gossip, "p", message, NOW + AGAIN) == []


def test_a_new_link_carries_until_there_are_enough():
    steps = hub(*"abcdefgh")[2]
    assert [len(said(steps, kind)) for kind in (Graft, Prune)] == [6, 2]


def two_sides():
    """A hub with two neighbours that know trees, both carrying."""
    gossip, catalog, _ = hub("p", "q")
    for peer in "pq":
        tell(gossip, peer, Graft(NETWORK, ""), NOW)
    return gossip, catalog


def deliver(gossip, catalog, peer, r, now, request=0):
    """What the machine says to a record that a neighbour sends, the record admitted as a core does."""
    steps = tell(gossip, peer, Records(NETWORK, request, 1, (r.wire,)), now)
    if catalog.admit(r, now).added:
        gossip.spread(NETWORK, r.id, peer, now)
    return steps + gossip.woke(now)


def test_a_record_in_vain_prunes_and_the_same_frame_twice_does_not(monkeypatch):
    monkeypatch.setattr("dht.gossip.COPIES", 1)
    gossip, catalog = two_sides()
    now = NOW + 10 * SECOND
    pruned = []
    for i in range(20 * PRUNE_ODDS):
        r = record(name=i)
        assert not said(deliver(gossip, catalog, "p", r, now), Prune)
        assert not said(deliver(gossip, catalog, "p", r, now), Prune), "its own copy"
        pruned += said(deliver(gossip, catalog, "q", r, now), Prune, "q")
        now += SECOND
    assert 1 <= len(pruned) <= 1 + 20 * PRUNE_ODDS * SECOND // AGAIN, "said again now and then, in case it was lost"
    assert not gossip._neighbours[NETWORK]["q"].branch.carries_all
    assert gossip._neighbours[NETWORK]["p"].branch.carries_all


def test_so_many_copies_prune_nothing():
    peers = "abcdefgh"
    gossip, catalog, _ = hub(*peers)
    for peer in peers:
        tell(gossip, peer, Graft(NETWORK, ""), NOW)
    for i in range(60 * PRUNE_ODDS):
        r = record(name=i)
        now = NOW + 10 * SECOND * (i + 1)
        for peer in peers:
            deliver(gossip, catalog, peer, r, now)
        pruned = {p for p in peers if not gossip._neighbours[NETWORK][p].branch.carries_all}
        assert not pruned & set(peers[:COPIES])
    assert pruned == set(peers[COPIES:])


def test_who_gave_what_had_only_been_named_is_grafted():
    gossip, catalog = two_sides()
    now = NOW + NEWS_AFTER
    for _ in range(2):
        tell(gossip, "q", Prune(NETWORK, ""), now)
    r = record(scope="u4pru")
    tell(gossip, "q", Have(NETWORK, (item_of(r),)), now)
    wants = [w for ms in range(0, 700, 50) for w in said(gossip.woke(now + ms), Want, "q")]
    steps = deliver(gossip, catalog, "q", r, now + SECOND, wants[0].request)
    assert said(steps, Graft, "q") == [Graft(NETWORK, "u4pru")]


def test_a_link_that_only_we_think_of_as_carrying_is_grafted_again_and_not_with_every_record():
    gossip, catalog = two_sides()
    grafts = 0
    for i in range(20):
        r, now = record(name=i), NOW + NEWS_AFTER + i * SECOND
        [want] = said(tell(gossip, "q", Have(NETWORK, (item_of(r),)), now), Want, "q")
        grafts += len(said(deliver(gossip, catalog, "q", r, now, want.request), Graft, "q"))
    assert grafts == 2
    assert not gossip._neighbours[NETWORK]["q"].branch._grafts


def test_of_two_links_that_carry_a_scope_the_one_for_that_scope_alone_is_spared(monkeypatch):
    monkeypatch.setattr("dht.gossip.COPIES", 1)
    gossip, catalog = two_sides()
    tell(gossip, "q", Prune(NETWORK, ""), NOW)
    tell(gossip, "q", Graft(NETWORK, "u4pru"), NOW)
    now, pruned = NOW + MINUTE, []
    for i in range(10 * PRUNE_ODDS):
        r = record(name=i, scope="u4pru")
        steps = deliver(gossip, catalog, "q", r, now) + deliver(gossip, catalog, "p", r, now)
        pruned += said(steps, Prune, "q")
        assert not said(steps, Prune, "p") or pruned
        if pruned:
            break
    assert pruned == [Prune(NETWORK, "u4pru")]
    assert gossip._neighbours[NETWORK]["p"].branch.carries_all


def wanted(gossip, peer, r, start, end):
    """When a record is asked of a peer, ms."""
    return [now for now in range(start, end, 50) for w in said(gossip.woke(now), Want, peer) if r.id in w.ids]


def test_who_is_slow_to_give_what_it_named_does_not_hold_up_the_others():
    gossip, _ = two_sides()
    now = NOW + MINUTE
    for peer in "pq":
        tell(gossip, peer, Prune(NETWORK, ""), now)
    first, second = record(name=1), record(name=2)
    tell(gossip, "p", Have(NETWORK, (item_of(first),)), now)
    asked = now + LAZY_PATIENCE + LAZY_JITTER
    assert wanted(gossip, "p", first, now, asked)
    tell(gossip, "q", Have(NETWORK, (item_of(first),)), asked)
    assert wanted(gossip, "q", first, asked, asked + PROMPT + 2 * BLOCKED_DELAY)
    later = asked + PROMPT + 2 * BLOCKED_DELAY
    for peer in "pq":
        tell(gossip, peer, Have(NETWORK, (item_of(second),)), later)
    assert wanted(gossip, "q", second, later, later + LAZY_PATIENCE + LAZY_JITTER), "it has not answered yet"


def test_a_grafted_link_is_kept_longer_each_time():
    now, lasted = NOW, []
    branch = Branch(now)
    branch.begun(True)
    branch.pruned("")
    for _ in range(DOUBLINGS + 3):
        now += NEWS_AFTER
        assert branch.missed("", now)
        assert branch.carries("u4")
        start = now
        while not branch.in_vain("", now):
            now += SECOND
        lasted.append(now - start)
        assert not branch.carries("")
    assert lasted[0] == KEPT and all(b == min(2 * a, KEPT << DOUBLINGS) for a, b in pairwise(lasted))


def test_so_many_scopes_have_branches_of_their_own():
    branch = Branch(NOW)
    branch.begun(True)
    rng = Random(1)
    for _ in range(10 * MAX_SCOPES):
        branch.grafted("".join(rng.choices("bcdefg", k=5)), NOW)
    assert len(branch.scopes) <= MAX_SCOPES


def test_a_clock_that_was_set_back_does_not_keep_a_link_for_ever():
    branch = Branch(NOW)
    branch.grafted("", NOW)
    branch.pruned("")
    assert branch.missed("", NOW + MINUTE)
    assert branch.in_vain("", NOW - 365 * 24 * 60 * MINUTE)


def star(seed, readers, silent):
    """Node 0 in the middle, and nobody else connected; the last `silent` read nothing, and say only their greeting."""
    deaf = range(readers + 1, readers + silent + 1)

    def wire(source, target, frame):
        if target not in deaf:
            return frame if source not in deaf or isinstance(parse_message(frame), Hello | Graft) else None
        unread[target] += len(frame)
        return frame if isinstance(parse_message(frame), Hello) else None

    unread = dict.fromkeys(deaf, 0)
    mesh = Mesh(seed, readers + silent + 1, 0, wire=wire)
    for pair in list(mesh.links):
        mesh.cut(*pair)
    for i in range(1, readers + silent + 1):
        mesh.connect(0, i)
    mesh.run(6 * SECOND)
    return mesh, unread


@pytest.mark.parametrize("burst", [1, 200])
def test_a_neighbour_that_reads_nothing_holds_up_nobody(burst):
    came = []
    for silent in (0, 1):
        mesh, unread = star(1, 19, silent)
        ids = []
        for _ in range(400 // burst):
            ids += [(mesh.publish(0, payload=bytes(600)), mesh.now) for _ in range(burst)]
            mesh.run(burst * 100)
        mesh.run(10 * SECOND)
        assert all(mesh.holders(id_) == 20 for id_, _ in ids)
        came.append(sorted(node.came[id_] - at for id_, at in ids for node in mesh.nodes[1:20]))
    assert came[0][-1] <= 5 * SECOND
    assert all(late - early <= 2 * HOP for early, late in zip(*came, strict=True)), "the silent one costs them nothing"
    assert sum(unread.values()) <= 400 * 1_000, "what waits for it is bounded by what there was to say"
    neighbour = mesh.nodes[0].gossip._neighbours[NETWORK]["20"]
    assert not neighbour._telling._push and not neighbour._telling._offers
