"""The life of a listing: renewed while its node lives, taken back, edited on both sides of a partition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.keys import item_of, item_order
from p2pnode.core.events import Woke
from p2pnode.core.revising import Next, next_revision
from protocols.envelope import Record
from protocols.errors import Ignore
from protocols.limits import DAY, HOUR, MAX_INT, MAX_LIFETIME, MAX_SKEW, MINUTE, SECOND
from protocols.listing import seal_listing
from tests.dht.records import NOW, record
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node


@pytest.fixture
def lab() -> Lab:
    return Lab()


def published(lab: Lab, **fields: object) -> str:
    said = {"direction": "offer", "kind": "lend", "title": "Ladder", **fields}
    return str(lab.ask(lab.ben, "listing.publish", **said)["listing_id"])


def held(lab: Lab, node: Node, id_: str) -> Record:
    _, found, _ = node.core.listings.find(id_)
    return found


dates = st.integers(NOW - 90 * DAY, NOW + 200 * DAY)


@given(st.integers(0, MAX_INT), dates, st.integers(1, MAX_LIFETIME), dates, st.integers(1, MAX_LIFETIME))
def test_a_next_revision_always_takes_the_place_of_the_last(revision, created, lifetime, now, wished):
    old = record(revision=revision, created=created, lifetime=lifetime)
    said = next_revision(old, now, now + wished)
    assert said.created < said.until <= said.created + MAX_LIFETIME and said.revision <= MAX_INT
    assert said.until >= now + wished
    if created > now + MAX_SKEW:
        assert said == Next(said.revision, now, now + wished)
        return
    assert now <= said.created <= now + MAX_SKEW + 1
    new = record(revision=said.revision, created=said.created, lifetime=said.until - said.created)
    assert item_order(item_of(new)) > item_order(item_of(old))


def revision_of(lab: Lab, id_: str, title: str, revision: int, created: int, until: int) -> Record:
    """What another node of Ben's has signed."""
    network, old, listing = lab.ben.core.listings.find(id_)
    changed = type(listing)(**{**{f: getattr(listing, f) for f in listing.__struct_fields__}, "title": title})
    return seal_listing(
        lab.signer(lab.ben), network.id, changed, name=old.name, revision=revision, created=created, until=until
    )


def test_what_a_restored_home_did_not_know_of_does_not_outlive_what_it_signed(lab):
    """Ben's newer home had prolonged the ladder before it was lost; the older one has edited it since."""
    id_ = published(lab)
    lab.sim.run(MINUTE)
    before = held(lab, lab.ben, id_)
    longer = revision_of(lab, id_, "Long ladder", before.revision + 1, lab.now - SECOND, lab.now + 60 * DAY)
    lab.sim.run(10 * SECOND)
    lab.ask(lab.ben, "listing.edit", id=id_, title="Short ladder")
    lab.sim.run(10 * SECOND)
    lab.take(lab.cleo, longer)
    lab.sim.perform(lab.cleo, lab.cleo.core.handle(Woke(), lab.now))
    lab.sim.run(10 * MINUTE)
    for node in (lab.anna, lab.ben, lab.cleo, lab.dora):
        found = held(lab, node, id_)
        assert node.core.listings.parse(found).title == "Short ladder"
        assert found.until >= longer.until


def test_nor_does_what_it_has_withdrawn(lab):
    id_ = published(lab)
    lab.sim.run(MINUTE)
    before = held(lab, lab.ben, id_)
    longer = revision_of(lab, id_, "Long ladder", before.revision + 1, lab.now, lab.now + 90 * DAY)
    lab.sim.run(10 * SECOND)
    lab.ask(lab.ben, "listing.withdraw", id=id_)
    with pytest.raises(Ignore):
        lab.take(lab.ben, longer)
    lab.sim.perform(lab.ben, lab.ben.core.handle(Woke(), lab.now))
    lab.sim.run(10 * MINUTE)
    for node in (lab.anna, lab.ben, lab.cleo, lab.dora):
        row = lab.network(node).catalog.get(before.slot)
        assert row.withdrawn and row.until >= longer.until


def test_what_others_hold_that_is_newer_stays(lab):
    id_ = published(lab)
    before = held(lab, lab.ben, id_)
    newer = revision_of(lab, id_, "Newer", before.revision + 1, lab.now, before.until)
    assert lab.take(lab.ben, newer).id == newer.id
    assert held(lab, lab.ben, id_).id == newer.id


@pytest.mark.parametrize("lasting", [30 * DAY, 90 * DAY])
@pytest.mark.parametrize("ahead", [20 * MINUTE, 10 * HOUR])
def test_a_listing_signed_by_a_clock_that_was_ahead_is_signed_again(lab, lasting, ahead):
    """Nobody takes it while it lies in the future, and it would stand for longer than one may."""
    lab.sim.set_clock(lab.ben, ahead)
    lab.sim.faults.loss = 1.0
    id_ = published(lab, until=lab.sim.clock(lab.ben) + lasting)
    lab.sim.faults.loss = 0.0
    lab.sim.set_clock(lab.ben, 0)
    lab.sim.run(10 * MINUTE)
    for node in (lab.ben, lab.anna):
        found = held(lab, node, id_)
        assert found.created <= lab.now + MAX_SKEW and found.until <= lab.now + max(lasting, 31 * DAY)
