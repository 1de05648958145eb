"""A neighbour that comes back is told what has come since, and everything is compared all the same."""

import pytest

from dht.arrivals import MAX_ARRIVALS, MAX_LEVELS, Arrivals, Level
from dht.neighbour import SYNC_INTERVAL
from protocols.limits import MINUTE, SECOND
from tests.dht.mesh import Mesh
from tests.dht.records import NETWORK, record

HELD = [record(i % 40, i) for i in range(4_000)]


def pair(both=HELD):
    """Two nodes that hold the same, have compared, and are parted."""
    mesh = Mesh(1, 2, 1)
    mesh.hold((0, 1), both)
    mesh.run(2 * SYNC_INTERVAL)
    mesh.cut(0, 1)
    mesh.run(MINUTE)
    return mesh


def back(mesh, time=30 * SECOND):
    """They meet again; what it costs until the next comparison is done, records and greetings apart, in bytes."""
    mesh.frames.clear()
    mesh.bytes.clear()
    mesh.connect(0, 1)
    mesh.run(time)
    assert {r.id for r in mesh.nodes[0].catalog.rows()} == {r.id for r in mesh.nodes[1].catalog.rows()}
    return sum(size for name, size in mesh.bytes.items() if name not in ("Records", "Hello"))


def test_in_sync_costs_one_round_trip_and_a_hundred_bytes():
    mesh = pair()
    cost = back(mesh)
    assert mesh.frames["Reconcile"] == mesh.frames["Answer"] == 1 and not mesh.frames["Have"]
    assert mesh.bytes["Reconcile"] + mesh.bytes["Answer"] <= 100
    assert cost <= 100 + mesh.bytes["Done"] + mesh.bytes["Graft"] + mesh.bytes["Prune"]


@pytest.mark.parametrize("sides", [(0,), (1,), (0, 1)])
def test_what_came_since_is_named_and_nothing_else(sides):
    mesh = pair()
    for i in range(100):
        mesh.publish(sides[i % len(sides)])
    cost = back(mesh)
    assert cost <= 10_000
    assert mesh.frames["Reconcile"] == 1, "one comparison, which finds nothing"


def test_who_has_restarted_is_told_what_came_since():
    """He remembers nobody; the other remembers him."""
    mesh = pair()
    for _ in range(100):
        mesh.publish(0)
    forget(mesh, 1)
    assert back(mesh) <= 20_000


def forget(mesh, who):
    """What a restart of this node forgets."""
    node = mesh.nodes[who]
    networks = node.gossip._networks
    networks[NETWORK] = networks[NETWORK]._replace(arrivals=Arrivals())


def test_after_a_restart_of_the_one_with_news_the_comparison_finds_them():
    mesh = pair()
    for _ in range(100):
        mesh.publish(0)
    forget(mesh, 0)
    forget(mesh, 1)
    back(mesh)
    assert mesh.frames["Reconcile"] > 1, "the control: nobody knew what was new"


def test_what_the_other_has_lost_meanwhile_is_found():
    """A restored backup: he lacks what he held when both were last the same."""
    mesh = pair()
    node = mesh.nodes[1]
    now = mesh.now
    lost = [r for r in HELD[::40]]
    _lose(node, lost)
    assert len(node.catalog) == len(HELD) - len(lost)
    mesh.publish(0)
    back(mesh)
    assert all(r.id in node.catalog for r in lost) and mesh.now > now


def _lose(node, records):
    for r in records:
        node.catalog.take_back(r.id)
        del node.wires[r.id]


def test_other_scopes_are_compared_without_a_word_of_what_came():
    mesh = pair()
    mesh.publish(0)
    node = mesh.nodes[1]
    node.scopes = ("u4",)
    mesh._do(1, node.gossip.join(NETWORK, node.catalog, ["u4"], mesh.now))
    back(mesh)
    assert mesh.frames["Reconcile"] > 1, "the record was found by comparison"


def test_so_much_is_remembered():
    arrivals = Arrivals()
    for i in range(MAX_ARRIVALS + 10):
        arrivals.add(i.to_bytes(32, "big"), "q" if i % 2 else None)
    assert arrivals.since(arrivals.number, "p") == []
    assert len(arrivals.since(arrivals.number - 100, "p")) == 100
    assert len(arrivals.since(arrivals.number - 100, "q")) == 50
    assert arrivals.since(9, "p") == [], "too long ago"
    assert len(arrivals.since(10, "p")) == MAX_ARRIVALS
    for i in range(MAX_LEVELS + 5):
        arrivals.left(f"{i}", Level(3, frozenset()))
    assert arrivals.back("4") is None and arrivals.back("5") == Level(3, frozenset())
    arrivals.left("5", None)
    assert arrivals.back("5") is not None, "an earlier level is still true"
