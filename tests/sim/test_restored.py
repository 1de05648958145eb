"""A node that is put back to an older disk never signs a second entry with a seq that somebody has seen from it."""

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ledger.entry import parse_entry
from p2pnode.bounds import RATING_WINDOW
from p2pnode.core.keys import CHAIN, DOUBT
from p2pnode.core.recovery import Recovery
from p2pnode.marker import Marker
from p2pnode.store import MemoryStore
from p2pnode.wholeness import check_chains, examine
from protocols import exchange_messages, recovery_messages
from protocols.attestation import Attestation, seal_attestation
from protocols.codec import decode_as, encode
from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.longer import seeds
from tests.sim.simulator import Faults, Node, Simulator
from tests.sim.street import People, look, street
from tests.sim.test_street import propose

SEEDS = int(os.environ.get("P2PNODE_SEEDS", "60" if os.environ.get("P2PNODE_LONG") else "40"))
Seen = dict[tuple[bytes, int], set[bytes]]  # (author, seq) → ids that arrived anywhere
WEATHER = Faults(loss=0.1, duplicate=0.1, broken=0.005)


def watch(sim: Simulator) -> Seen:
    """Note every entry that arrives at a peer from its author."""
    seen: Seen = {}
    arrive = sim._arrive

    def noting(sender: str, peer: str, link: int, protocol: str, data: bytes) -> None:
        full: tuple[bytes, ...] = ()
        if sim.nodes[peer].alive and sim.nodes[peer].links.get(sender) == link:
            if protocol == recovery_messages.PROTOCOL:
                message = recovery_messages.parse_message(data)
                full = message.full if isinstance(message, recovery_messages.Entries) else ()
            elif protocol == exchange_messages.PROTOCOL:
                said = exchange_messages.parse_message(data)
                full = (said.full,) if isinstance(said, exchange_messages.EntryMessage) else ()
        for entry in map(parse_entry, full):
            seen.setdefault((entry.author, entry.seq), set()).add(entry.id)
        arrive(sender, peer, link, protocol, data)

    sim._arrive = noting  # type: ignore[method-assign]
    return seen


def forks(seen: Seen) -> list[tuple[str, int]]:
    return [(author.hex()[:8], seq) for (author, seq), ids in seen.items() if len(ids) > 1]


def copy_of(disk: MemoryStore) -> MemoryStore:
    copy = MemoryStore()
    copy.commit(dict(disk.scan(b"")), (), True, disk.heads())
    return copy


def restored(copy: MemoryStore) -> MemoryStore:
    """What `p2pnode restore` makes of a backup, and the start of a node of a folder that was put back."""
    networks = [key[len(CHAIN) :] for key, _ in copy.scan(CHAIN)]
    copy.commit({DOUBT + network: encode([0, b""]) for network in (*networks, b"")}, (), True)
    return copy


def put_back(sim: Simulator, node: Node, disk: MemoryStore) -> None:
    """The machine is lost; the node goes on elsewhere from an older disk."""
    sim.crash(node, away=30_000)
    node.disk = disk


def relive(seed: int, faults: Faults, make: Callable[[MemoryStore], MemoryStore] = restored) -> tuple[Simulator, Seen]:
    """A street trades; one of the two who do is put back to an earlier moment, and both go on."""
    sim = Simulator(seed)
    nodes = street(sim)
    _, ben, cleo, _ = nodes
    rng = Random(seed + 2)
    seen = watch(sim)
    listing = sim.ask_now(ben, "listing.publish", direction="offer", kind="rent", title="Snowblower", price="2/hour")
    sim.run(MINUTE)
    sim.faults = faults
    People(sim, nodes, Random(seed + 1))
    started: list[Any] = []
    lost = rng.choice([ben, cleo])
    propose(sim, cleo, listing["listing_id"], started)
    sim.run(rng.randrange(3 * MINUTE))
    backup = copy_of(lost.disk)
    propose(sim, cleo, listing["listing_id"], started)
    sim.run(rng.randrange(3 * MINUTE))
    put_back(sim, lost, make(backup))
    sim.run(2 * MINUTE)
    sim.faults = Faults()
    propose(sim, cleo, listing["listing_id"], started)
    sim.run(6 * MINUTE)
    return sim, seen


@pytest.mark.parametrize("seed", seeds(SEEDS, 12))
def test_a_restored_node_never_forks_its_chain(seed: int) -> None:
    sim, seen = relive(seed, WEATHER)
    assert not forks(seen)
    for node in sim.nodes.values():
        network = next(iter(node.core.state.networks.values()))
        assert network.chain.audit().ok
        assert network.chain.ready or look(node, "status", sim.now)["state"] == "recovering"


def test_in_quiet_weather_it_goes_on_with_every_entry() -> None:
    longer = 0
    for seed in range(12):
        sim, seen = relive(seed, Faults())
        assert not forks(seen)
        for node in sim.nodes.values():
            network = next(iter(node.core.state.networks.values()))
            assert network.chain.ready, (seed, node.name, node.core.recovery.warnings())
            top = max((seq for author, seq in seen if author == node.core.state.me), default=0)
            assert network.chain.state.count > top
            longer += top
    assert longer > 200, "the seeds trade"


def test_a_node_that_asks_nobody_forks() -> None:
    """The control: without the mark of a restored folder, and without asking, some seed signs a seq twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recovery, "connected", lambda *_: None)
        patch.setattr(Recovery, "came", lambda *_: None)
        assert any(forks(relive(seed, Faults(), lambda disk: disk)[1]) for seed in range(12))


def test_alone_a_restored_node_signs_nothing() -> None:
    sim = Simulator(1)
    anna, ben, *others = street(sim)
    sim.run(MINUTE)
    count = look(anna, "ledger.verify", sim.now)["entries"]
    for node in (ben, *others):
        node.alive, node.life = False, node.life + 1
    put_back(sim, anna, restored(copy_of(anna.disk)))
    sim.run(5 * MINUTE)
    assert look(anna, "status", sim.now)["state"] == "recovering"
    health = look(anna, "health", sim.now)
    assert health["recovering"] and not health["warnings"], "it is a matter of the ledger, not of the database"
    with pytest.raises(Refusal, match="not certain"):
        sim.ask_now(anna, "vouch", peer=ben.peer_id, amount="1")
    assert look(anna, "ledger.verify", sim.now)["entries"] == count
    sim.restart(ben)
    sim.run(2 * MINUTE)
    assert look(anna, "status", sim.now)["state"] == "joined"
    assert sim.ask_now(anna, "vouch", peer=ben.peer_id, amount="1")["state"]


def test_what_is_missing_is_named_until_it_is_back() -> None:
    sim = Simulator(1)
    anna, ben, *_ = street(sim)
    older = copy_of(anna.disk)
    sim.ask_now(anna, "vouch", peer=ben.peer_id, amount="1")
    (network, head) = next(iter(anna.disk.heads().items()))
    older.commit({DOUBT + network: encode([head.count, head.last])}, (), True)
    put_back(sim, anna, older)
    sim.run(31_000)
    shown = look(anna, "status", sim.now)
    assert shown["state"] == "recovering" and any(f"entry {head.count - 1} is missing" in w for w in shown["warnings"])
    verified = look(anna, "ledger.verify", sim.now)
    assert not verified["ok"] and verified["missing"] == [head.count - 1]
    sim.run(2 * MINUTE)
    assert look(anna, "status", sim.now)["state"] == "joined"
    assert look(anna, "ledger.verify", sim.now)["ok"] and anna.disk.heads()[network].last == head.last
    assert look(anna, "reputation", sim.now, peer="Ben")["peer_id"] == ben.peer_id


def beginning(node: Node) -> bytes:
    entry = next(iter(node.core.state.networks.values())).chain.entry(0)
    assert entry is not None
    return entry.id


def test_a_folder_from_before_it_joined_begins_no_second_history(tmp_path: Path) -> None:
    """Neither the folder nor its head records have heard of the network; only the marker has."""
    for marked in (True, False):
        sim = Simulator(1)
        anna, ben, *_ = street(sim)
        sim.ask_now(anna, "vouch", peer=ben.peer_id, amount="1")
        sim.run(MINUTE)
        first = beginning(ben)
        marker = Marker(tmp_path / f"{marked}")
        if marked:
            marker.note(ben.disk.heads().values())
        before = MemoryStore()
        examine(before, marker, check_chains(before))
        put_back(sim, ben, before)
        sim.run(MINUTE)
        sim.ask_now(ben, "join", target=anna.address)
        sim.run(2 * MINUTE)
        assert (beginning(ben) == first) is marked, "the control signs another one"
        assert look(ben, "status", sim.now)["state"] == ("joined" if marked else "recovering")


def settled(sim: Simulator, ben: Node, cleo: Node) -> str:
    """Cleo has bought something of Ben's and paid it; nobody has rated."""
    listing = sim.ask_now(ben, "listing.publish", direction="offer", kind="sell", title="Ladder", price="1")
    sim.run(MINUTE)
    id_: str = sim.ask_now(cleo, "exchange.propose", listing=listing["listing_id"])["exchange_id"]
    for node, step in ((ben, "accept"), (ben, "handover"), (cleo, "confirm"), (cleo, "pay")):
        sim.ask_now(node, f"exchange.{step}", id=id_)
    return id_


@pytest.mark.parametrize("seed", range(4))
def test_what_was_rated_before_is_not_rated_again(seed: int) -> None:
    """The published rating comes back from neighbours; the new one may lose against it, after it was signed."""
    sim = Simulator(seed)
    _, ben, cleo, _ = street(sim)
    id_ = settled(sim, ben, cleo)
    older = copy_of(cleo.disk)
    for node in (ben, cleo):
        sim.ask_now(node, "attest", exchange=id_, outcome=2)
    put_back(sim, cleo, restored(older))
    sim.run(2 * MINUTE)
    assert look(cleo, "status", sim.now)["state"] == "joined"
    count = look(cleo, "ledger.verify", sim.now)["entries"]
    with pytest.raises(Refusal, match="rated this exchange"):
        sim.ask_now(cleo, "attest", exchange=id_, outcome=1)
    assert look(cleo, "ledger.verify", sim.now)["entries"] == count, "nothing was signed for it"


def test_a_sealed_rating_gives_way_to_the_one_that_comes_back() -> None:
    """The restored node rated anew before its old rating reached it again."""
    sim = Simulator(5)
    _, ben, cleo, _ = street(sim)
    id_ = settled(sim, ben, cleo)
    sim.ask_now(cleo, "attest", exchange=id_, outcome=1)
    ratings = cleo.core.ratings
    network = next(iter(cleo.core.state.networks.values()))
    ((key, (since, payload)),) = ratings._sealed.items()
    record = seal_attestation(
        cleo.core.state.signer, network.id, decode_as(payload, Attestation), created=sim.now, revision=1
    )
    cleo.core.intake.admit(network, record, sim.now)
    ratings.woke(since + RATING_WINDOW)
    assert key not in ratings._sealed
    assert network.catalog.get((cleo.core.state.me, "attestation", key[1])).id == record.id
