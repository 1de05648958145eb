"""The life of a listing: renewed while its node lives, taken back, edited on both sides of a partition."""

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.catalog import Quotas
from dht.keys import item_of, item_order
from p2pnode.bounds import LISTING_LIFETIME, RENEW_BEFORE, RENEW_SPREAD
from p2pnode.core.events import Woke
from p2pnode.core.keys import OWN
from p2pnode.core.revising import Next, next_revision
from p2pnode.core.tending import renew_at
from protocols.envelope import Record
from protocols.errors import Ignore, Refusal
from protocols.limits import DAY, HOUR, MAX_INT, MAX_LIFETIME, MAX_SKEW, MINUTE, SECOND
from protocols.listing import seal_listing
from tests.dht.records import NOW, record
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node
from tests.sim.street import look


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


# Lifetime


def sleep(lab: Lab, span: int) -> None:
    """All machines sleep for so long; then a few minutes."""
    lab.sim.now += span
    lab.sim.run(5 * MINUTE)


def shown(lab: Lab, id_: str, node: Node | None = None) -> dict[str, object]:
    found: dict[str, object] = lab.ask(node or lab.ben, "listing.show", id=id_)
    return found


def stands(lab: Lab, node: Node, id_: str) -> bool:
    try:
        return held(lab, node, id_).until > lab.now
    except Refusal:
        return False


def test_a_listing_is_signed_again_before_its_end_and_not_long_before(lab):
    id_ = published(lab)
    first = held(lab, lab.ben, id_)
    assert shown(lab, id_)["renewed"]
    sleep(lab, 20 * DAY)
    assert held(lab, lab.ben, id_).id == first.id
    sleep(lab, first.until - lab.now - RENEW_BEFORE)
    again = held(lab, lab.ben, id_)
    assert again.revision > first.revision and again.until >= lab.now + LISTING_LIFETIME - 10 * MINUTE
    assert all(held(lab, n, id_).id == again.id for n in (lab.anna, lab.cleo, lab.dora))


def test_one_that_was_edited_is_renewed_too(lab):
    """Its last revision stands for a few days only, since an edit does not prolong."""
    id_ = published(lab)
    sleep(lab, 15 * DAY)
    lab.ask(lab.ben, "listing.edit", id=id_, title="Longer ladder")
    sleep(lab, 13 * DAY)
    assert held(lab, lab.ben, id_).until > lab.now + 20 * DAY


def test_listings_are_not_all_signed_again_at_once():
    times = [renew_at(msgspec.structs.replace(record(), name=Random(i).randbytes(16))) for i in range(200)]
    until = record().until
    assert all(until - RENEW_BEFORE - RENEW_SPREAD <= at <= until - RENEW_BEFORE for at in times)
    assert max(times) - min(times) > RENEW_SPREAD // 2


@pytest.mark.parametrize("restarted", [False, True])
def test_a_node_that_slept_past_the_end_signs_its_listing_again(lab, restarted):
    id_ = published(lab)
    lab.sim.run(MINUTE)
    away = 41 * DAY
    if restarted:
        lab.sim.crash(lab.ben, away)
    lab.sim.now += away
    lab.sim.run(10 * MINUTE)
    assert all(stands(lab, n, id_) for n in (lab.ben, lab.anna, lab.cleo))


@pytest.mark.parametrize("restarted", [False, True])
def test_but_not_one_whose_end_its_user_has_said(lab, restarted):
    id_ = published(lab, until=lab.now + 10 * DAY)
    assert not shown(lab, id_)["renewed"]
    lab.sim.run(MINUTE)
    if restarted:
        lab.sim.crash(lab.ben)
    sleep(lab, 10 * DAY)
    assert not any(stands(lab, n, id_) for n in (lab.ben, lab.anna))
    assert not list(lab.ben.disk.scan(OWN))


def test_renewing_by_hand_is_to_want_it_renewed(lab):
    id_ = published(lab, until=lab.now + 3 * DAY)
    assert lab.ask(lab.ben, "listing.renew", id=id_)["renewed"]
    sleep(lab, 29 * DAY)
    assert stands(lab, lab.anna, id_)
    long = published(lab, until=lab.now + 80 * DAY)
    before = held(lab, lab.ben, long)
    assert lab.ask(lab.ben, "listing.renew", id=long)["valid_until"] >= before.until


def test_what_was_withdrawn_stays_so(lab):
    id_ = published(lab)
    lab.sim.run(MINUTE)
    lab.ask(lab.ben, "listing.withdraw", id=id_)
    lab.sim.run(MINUTE)
    lab.sim.crash(lab.ben)
    for _ in range(3):
        sleep(lab, 20 * DAY)
        assert not any(stands(lab, n, id_) for n in (lab.ben, lab.anna, lab.cleo, lab.dora))


def test_a_listing_of_a_home_from_before_is_tended_too(lab):
    id_ = published(lab)
    lab.ben.disk.commit((), tuple(k for k, _ in lab.ben.disk.scan(OWN)), True)
    lab.sim.crash(lab.ben)
    lab.sim.run(5 * MINUTE)
    assert shown(lab, id_)["renewed"] and len(list(lab.ben.disk.scan(OWN))) == 1


# Pauses


def test_on_vacation_all_are_paused_and_come_back_by_themselves(lab):
    ids = [published(lab), published(lab, title="Saw")]
    wish = published(lab, direction="request", title="Barrow")
    back = lab.now + 14 * DAY
    rows = lab.ask(lab.ben, "listing.pause", direction="offer", until=back)
    assert {r["listing_id"] for r in rows} == set(ids) and all(r["paused"] for r in rows)
    lab.sim.run(MINUTE)
    assert all(shown(lab, i)["back_at"] == back for i in ids)
    assert all(shown(lab, i, lab.anna)["paused"] for i in ids) and not shown(lab, wish)["paused"]
    lab.sim.crash(lab.ben)
    sleep(lab, 13 * DAY)
    assert all(shown(lab, i, lab.anna)["paused"] for i in ids)
    sleep(lab, DAY)
    assert not any(shown(lab, i, lab.anna)["paused"] for i in ids) and shown(lab, ids[0])["back_at"] is None


def test_a_pause_without_an_end_lasts_and_the_listing_is_renewed_meanwhile(lab):
    id_ = published(lab)
    lab.ask(lab.ben, "listing.pause", id=id_)
    sleep(lab, 29 * DAY)
    sleep(lab, 29 * DAY)
    assert shown(lab, id_, lab.anna)["paused"] and stands(lab, lab.anna, id_)
    lab.ask(lab.ben, "listing.resume")
    lab.sim.run(MINUTE)
    assert not shown(lab, id_, lab.anna)["paused"]


def test_a_vacation_outlasts_the_listing(lab):
    """The node sleeps all the while, and wakes after both."""
    id_ = published(lab)
    lab.ask(lab.ben, "listing.pause", id=id_, until=lab.now + 29 * DAY)
    lab.sim.run(2 * MINUTE)
    sleep(lab, 29 * DAY)
    lab.sim.now += 5 * DAY
    lab.sim.run(5 * MINUTE)
    assert stands(lab, lab.anna, id_) and not shown(lab, id_, lab.anna)["paused"]


def test_a_return_in_the_past_is_refused(lab):
    id_ = published(lab)
    with pytest.raises(Refusal, match="past"):
        lab.sim.ask_now(lab.ben, "listing.pause", id=id_, until=lab.now - 1)


def test_what_has_ended_a_moment_ago_is_not_paused(lab):
    """It stands in the catalog for up to a minute more."""
    lasting, ended = published(lab, title="Saw"), published(lab, until=lab.now + 30 * SECOND)
    lab.sim.now = held(lab, lab.ben, ended).until
    answer = look(lab.ben, "listing.pause", lab.now, id=ended)
    assert isinstance(answer, Refusal) and "has ended" in answer.message
    rows = look(lab.ben, "listing.pause", lab.now)
    assert [row["listing_id"] for row in rows] == [lasting]


def test_a_return_that_cannot_be_signed_now_is_signed_later(lab, monkeypatch):
    id_ = published(lab)
    lab.ask(lab.ben, "listing.pause", id=id_, until=lab.now + HOUR)
    state = lab.ben.core.state

    def refused(*_: object) -> None:
        raise Refusal("failed", "the record was not taken")

    with monkeypatch.context() as patch:
        patch.setattr(state, "publish", refused)
        lab.sim.run(2 * HOUR)
        assert shown(lab, id_)["paused"]
    lab.sim.run(2 * MINUTE)
    assert not shown(lab, id_)["paused"]


# Away


def test_what_is_changed_offline_spreads_later(lab):
    id_ = published(lab)
    gone = published(lab, title="Saw")
    lab.sim.run(MINUTE)
    lab.sim.faults.loss = 1.0
    lab.ask(lab.ben, "listing.edit", id=id_, title="Longer ladder")
    lab.ask(lab.ben, "listing.withdraw", id=gone)
    new = published(lab, title="Barrow")
    lab.sim.run(20 * MINUTE)
    assert shown(lab, id_, lab.anna)["title"] == "Ladder" and stands(lab, lab.anna, gone)
    lab.sim.faults.loss = 0.0
    lab.sim.run(15 * MINUTE)
    for node in (lab.anna, lab.cleo, lab.dora):
        assert shown(lab, id_, node)["title"] == "Longer ladder"
        assert stands(lab, node, new) and not stands(lab, node, gone)


def test_a_listing_too_many_is_refused_and_pushes_none_out(lab, monkeypatch):
    network = lab.network(lab.ben)
    network.genesis = msgspec.structs.replace(network.genesis, listings_per_author=3)
    network.catalog.quotas = Quotas(3, 20)
    ids = [published(lab, until=lab.now + (20 + i) * DAY) for i in range(3)]
    with pytest.raises(Refusal, match="3 listings"):
        published(lab)
    lab.ask(lab.ben, "listing.withdraw", id=ids[0])
    with pytest.raises(Refusal, match="withdrawn lately"):
        published(lab)
    with pytest.raises(Refusal, match="withdrawn lately"):  # an earlier end takes a new name
        lab.ask(lab.ben, "listing.edit", id=ids[1], until=lab.now + DAY)
    assert stands(lab, lab.ben, ids[1]) and stands(lab, lab.ben, ids[2])
    sleep(lab, 20 * DAY)
    assert stands(lab, lab.ben, published(lab))


def test_last_seen_is_what_the_author_signed_or_that_we_met(lab):
    id_ = published(lab)
    lab.sim.run(10 * MINUTE)
    assert shown(lab, id_, lab.anna)["last_seen"] > lab.now - MINUTE  # connected
    lab.sim.crash(lab.ben, 100 * DAY)
    left = lab.now
    lab.sim.run(HOUR)
    seen = shown(lab, id_, lab.anna)["last_seen"]
    assert left - 10 * MINUTE <= seen <= left + 10 * MINUTE
    lab.sim.crash(lab.anna)
    lab.sim.run(HOUR)
    lease = lab.network(lab.anna).catalog.get((lab.signer(lab.ben).author, "lease", b""))
    assert shown(lab, id_, lab.anna)["last_seen"] == max(lease.created, held(lab, lab.anna, id_).created)
