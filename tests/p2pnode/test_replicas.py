"""Neighbours sign what they hold of a listing; its owner counts their words, and nobody else's."""

import pytest

from p2pnode.bounds import HELD_AGAIN
from p2pnode.core import replicas
from p2pnode.core.effects import Penalize, Send
from p2pnode.core.keys import HOLDER
from protocols.envelope import parse_record
from protocols.errors import Ignore, Reject
from protocols.limits import DAY, HOUR, MINUTE, REPLICA_LIFETIME
from protocols.replica import PROTOCOL, Replica, encode_held, held_sum, parse_held, parse_replica, seal_replica
from tests.p2pnode.lab import EVE, EVES_PEER, Lab
from tests.sim.simulator import Node


@pytest.fixture
def lab() -> Lab:
    return Lab()


def published(lab: Lab, title: str = "Ladder") -> str:
    row = lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title=title)
    return str(row["listing_id"])


def held_by(lab: Lab, id_: str) -> tuple[int, int | None]:
    row = lab.ask(lab.ben, "listing.show", id=id_)
    return row["held_by"], row["held_at"]


def statement(lab: Lab, signer, owner: bytes, ids: tuple[bytes, ...], **changes) -> bytes:
    said = Replica(owner, len(ids), changes.pop("sum", held_sum(ids)), ("",))
    created = changes.pop("created", lab.now)
    return encode_held(seal_replica(signer, lab.network(lab.ben).id, said, created=created))


def ids_of(lab: Lab, node: Node) -> tuple[bytes, ...]:
    rows = lab.network(node).catalog.rows(kind="listing", author=lab.signer(lab.ben).author)
    return tuple(row.id for row in rows)


def test_the_owner_learns_by_how_many_others_a_listing_is_held(lab):
    id_ = published(lab)
    assert held_by(lab, id_)[0] <= 3
    lab.sim.run(MINUTE)
    count, at = held_by(lab, id_)
    assert count == len(lab.ben.links) == 3 and lab.now - 2 * MINUTE < at <= lab.now
    assert "held_by" not in lab.ask(lab.anna, "listing.show", id=id_)
    # Of a change nobody has said anything yet.
    lab.sim.faults.loss = 1.0
    lab.ask(lab.ben, "listing.edit", id=id_, title="Saw")
    assert held_by(lab, id_) == (0, None)
    lab.sim.faults.loss = 0.0
    lab.sim.run(10 * MINUTE)
    assert held_by(lab, id_)[0] == 3


def test_it_is_known_after_a_restart_and_grows_old(lab):
    id_ = published(lab)
    lab.sim.run(MINUTE)
    at = held_by(lab, id_)[1]
    lab.sim.faults.loss = 1.0
    lab.sim.crash(lab.ben)
    lab.sim.run(MINUTE)
    assert held_by(lab, id_) == (3, at)
    network, record, _ = lab.ben.core.listings.find(id_)
    assert lab.ben.core.replicas.of(network, record.id, at + REPLICA_LIFETIME - MINUTE)[0] > 0
    assert lab.ben.core.replicas.of(network, record.id, at + REPLICA_LIFETIME + MINUTE) == (0, None)


def test_who_is_in_step_says_little(lab):
    published(lab)
    lab.sim.run(30 * MINUTE)
    said = []
    carry_out = lab.sim._carry_out

    def watch(node, life, effect):
        if isinstance(effect, Send) and effect.protocol == PROTOCOL:
            said.append((node.name, lab.now))
        carry_out(node, life, effect)

    lab.sim._carry_out = watch
    lab.sim.run(2 * HELD_AGAIN)
    assert 0 < len(said) <= 3 * 3


def test_only_the_peers_of_an_author_speak_for_it(lab):
    id_ = published(lab)
    lab.sim.run(MINUTE)
    ids = ids_of(lab, lab.ben)
    take = lab.ben.core.replicas.received
    lab.meet(lab.ben)
    frame = statement(lab, EVE, lab.signer(lab.ben).author, ids)
    with pytest.raises(Ignore):
        take(EVES_PEER, frame, lab.now)
    with pytest.raises(Ignore):  # Anna's word in Eve's mouth
        take(EVES_PEER, statement(lab, lab.signer(lab.anna), lab.signer(lab.ben).author, ids), lab.now)
    before = held_by(lab, id_)[0]
    lab.take(lab.ben, lab.profile(EVE, "Eve", EVES_PEER))
    take(EVES_PEER, frame, lab.now)
    assert held_by(lab, id_)[0] == before + 1
    take(EVES_PEER, frame, lab.now)
    assert held_by(lab, id_)[0] == before + 1


def test_what_does_not_fit_is_not_counted(lab):
    id_ = published(lab)
    lab.sim.run(MINUTE)
    anna, ben = lab.signer(lab.anna), lab.signer(lab.ben)
    ids = ids_of(lab, lab.ben)
    take = lab.ben.core.replicas.received
    peer = lab.anna.peer_id
    for said in (
        statement(lab, anna, ben.author, ()),
        statement(lab, anna, ben.author, ids, sum=bytes(16)),
        statement(lab, anna, lab.signer(lab.cleo).author, ids),
        statement(lab, anna, ben.author, ids, created=lab.now + HOUR),
        statement(lab, anna, ben.author, ids, created=lab.now - REPLICA_LIFETIME),
    ):
        with pytest.raises(Ignore):
            take(peer, said, lab.now)
    good = statement(lab, anna, ben.author, ids)
    record = parse_record(parse_held(good))
    forged = bytearray(good)
    forged[good.index(record.signature)] ^= 1
    with pytest.raises(Reject):
        take(peer, bytes(forged), lab.now)
    with pytest.raises(Reject):
        parse_held(b"\x92\xa4held\x01")
    effects = lab.tell(lab.ben, PROTOCOL, bytes(forged), peer=peer)
    assert any(isinstance(e, Penalize) for e in effects)
    assert held_by(lab, id_)[0] == 3


def test_the_number_of_holders_is_bounded(lab, monkeypatch):
    monkeypatch.setattr(replicas, "MAX_HOLDERS", 2)
    published(lab)
    lab.sim.run(5 * MINUTE)
    assert len(list(lab.ben.disk.scan(HOLDER))) == 2


def test_a_statement_says_what_it_must(lab):
    anna, ben = lab.signer(lab.anna), lab.signer(lab.ben)
    network = lab.network(lab.ben).id
    record = seal_replica(anna, network, Replica(ben.author, 0, bytes(16)), created=DAY)
    assert parse_replica(record).owner == ben.author and len(record.wire) < 420
    for bad in (Replica(anna.author, 0, bytes(16)), Replica(ben.author, 0, bytes(16), ("u4", "u3"))):
        with pytest.raises(Reject):
            seal_replica(anna, network, bad, created=DAY)
