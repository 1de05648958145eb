import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dht.catalog import Catalog, Quotas, Verdict, parse_floor
from dht.keys import covers, item_of, item_rank, rank, shared
from protocols.envelope import Record, replaces, seal
from protocols.errors import DecodeError
from protocols.identity import incept
from protocols.limits import DAY, MAX_LIFETIME, MAX_SKEW
from tests.dht.records import NETWORK, NOW, record, withdrawal

ROOMY = Quotas()
SIGNER = incept(b"s" * 32)[0]


def kept(catalog: Catalog) -> set[bytes]:
    return {row.id for row in catalog.rows()}


def filled(records: list[Record], now: int = NOW, quotas: Quotas = ROOMY) -> Catalog:
    catalog = Catalog(NETWORK, quotas)
    for r in records:
        catalog.admit(r, now)
    return catalog


# Any author, honest or not: revisions need not agree with times. What an author has dated back by more than a floor
# lasts (90 days) is left out: whether such a revision counts against a newer-dated, lower one depends on the day.
alive = st.builds(
    record,
    who=st.integers(0, 2),
    name=st.integers(0, 5),
    revision=st.integers(0, 4),
    kind=st.sampled_from(["listing", "vouch", "lease"]),
    created=st.integers(NOW - 3 * DAY, NOW),
    lifetime=st.integers(4 * DAY, 60 * DAY),
    payload=st.sampled_from([b"", b"a", b"b"]),
)
ended = st.builds(
    record,
    who=st.integers(0, 2),
    name=st.integers(0, 5),
    revision=st.integers(0, 4),
    created=st.integers(NOW - 84 * DAY, NOW),
    lifetime=st.integers(1, 90 * DAY),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(alive, max_size=30), st.randoms(use_true_random=False), st.integers(1, 3))
def test_what_is_kept_depends_on_the_set_only_even_with_quotas_full(records, random, quota):
    quotas = Quotas(quota, 2 * quota)
    shuffled = records * 2
    random.shuffle(shuffled)
    one, other = filled(records, quotas=quotas), filled(shuffled, quotas=quotas)
    assert kept(one) == kept(other)
    # And by their definition: the best of each slot, of those the highest in rank.
    slots: dict = {}
    for r in records:
        if r.slot not in slots or replaces((r.revision, r.id), (slots[r.slot].revision, slots[r.slot].id)):
            slots[r.slot] = r
    expected = set()
    for group in {(r.author, r.kind == "listing") for r in records}:
        members = [r for r in slots.values() if (r.author, r.kind == "listing") == group]
        members.sort(key=lambda r: rank(r.revision, r.id))
        expected |= {r.id for r in members[-quota:]}
    assert kept(one) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(alive, max_size=20), st.lists(alive, max_size=20), st.integers(1, 3))
def test_merging_what_two_catalogs_keep_gives_what_one_would(left, right, quota):
    quotas = Quotas(quota, 2 * quota)
    a, b = filled(left, quotas=quotas), filled(right, quotas=quotas)
    held = [r for r in left if r.id in kept(a)] + [r for r in right if r.id in kept(b)]
    assert kept(filled(held, quotas=quotas)) == kept(filled(left + right, quotas=quotas))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(alive, ended), max_size=30), st.randoms(use_true_random=False), st.data())
def test_expired_records_and_the_moment_of_arrival_do_not_matter(records, random, data):
    shuffled = list(records)
    random.shuffle(shuffled)
    one = filled(records)
    other = Catalog(NETWORK)
    # The other got them at any times before, some when they had not expired yet.
    times = sorted(data.draw(st.lists(st.integers(NOW - 5 * DAY, NOW), min_size=len(records), max_size=len(records))))
    for r, at in zip(shuffled, times, strict=True):
        other.admit(r, at)
    other.expire(NOW)
    assert kept(one) == kept(other)
    highest = {}
    for r in records:
        highest[r.slot] = max(highest.get(r.slot, b""), rank(r.revision, r.id))
    horizon = {r.slot for r in records if r.until <= NOW and r.created + MAX_LIFETIME + MAX_SKEW <= NOW}
    for row in one.rows():
        assert row.until > NOW
        assert row.slot in horizon or row.rank == highest[row.slot]


@settings(max_examples=60, deadline=None)
@given(st.lists(alive, min_size=1, max_size=30), st.integers(1, 3))
def test_rows_view_and_changes_agree(records, quota):
    catalog = Catalog(NETWORK, Quotas(quota, 2 * quota))
    stored, floors = set(), {}

    def carry(change):
        stored.difference_update(change.removed)
        floors.update({f.slot: f for f in change.floors})
        for slot in change.forgotten:
            floors.pop(slot, None)

    def agree():
        assert stored == kept(catalog)
        assert floors == {f.slot: f for f in catalog.floors()}
        ids = {row.item for row in catalog.rows()}
        assert set(catalog.view([""]).items(b"", None)) == ids
        assert catalog.view([""]).totals(b"", None) == (len(ids), sum(int.from_bytes(i[32:], "big") for i in ids))

    for i, r in enumerate(records):
        admission = catalog.admit(r, NOW + i * DAY)
        carry(admission.change)
        if admission.added:
            stored.add(r.id)
            assert catalog.row(r.id).item == item_of(r) and catalog.get(r.slot).id == r.id
        agree()
    for later in (20, 40, 200, 4000):
        carry(catalog.expire(NOW + later * DAY))
        agree()
    assert not stored and not floors and catalog.next_expiry() is None


def test_an_older_revision_never_replaces_and_never_comes_back():
    old = record(revision=1, lifetime=80 * DAY)
    new = withdrawal(revision=2, created=NOW + DAY)
    catalog = Catalog(NETWORK)
    assert catalog.admit(old, NOW).added
    admission = catalog.admit(new, NOW + DAY)
    assert admission.added and admission.change.removed == (old.id,)
    assert catalog.admit(old, NOW + DAY).verdict is Verdict.OLDER
    assert not catalog.wants(item_of(old), NOW + DAY)
    assert catalog.admit(new, NOW + DAY).verdict is Verdict.KNOWN
    brief = record(name=1, revision=5, created=NOW + DAY, lifetime=DAY)
    before = record(name=1, revision=4, lifetime=80 * DAY)
    assert catalog.admit(brief, NOW + DAY).added
    change = catalog.expire(NOW + 3 * DAY)
    assert change.removed == (brief.id,) and [f.revision for f in change.floors] == [5]
    assert catalog.admit(before, NOW + 3 * DAY).verdict is Verdict.FLOORED
    restarted = Catalog(NETWORK)
    for floor in change.floors:
        restarted.restore(parse_floor(floor.encode()))
    assert restarted.admit(before, NOW + 3 * DAY).verdict is Verdict.FLOORED
    assert restarted.admit(record(name=1, revision=6, created=NOW + DAY), NOW + 3 * DAY).added
    assert not list(restarted.floors())
    assert catalog.expire(NOW + DAY + MAX_LIFETIME + MAX_SKEW).forgotten == (change.floors[0].slot,)


def test_an_expired_record_that_comes_late_still_removes_what_it_replaced():
    old, new = record(revision=1, lifetime=80 * DAY), record(revision=2, lifetime=DAY)
    catalog = filled([old])
    admission = catalog.admit(new, NOW + 2 * DAY)
    assert admission.verdict is Verdict.EXPIRED and admission.change.removed == (old.id,)
    assert admission.change.floors[0].id == new.id and len(catalog) == 0


def test_quota_turns_away_or_evicts_and_says_so():
    catalog = Catalog(NETWORK, Quotas(2, 3))
    a, b, c = (record(name=i, revision=10 + i) for i in range(3))
    assert catalog.admit(b, NOW).added and catalog.admit(c, NOW).added
    admission = catalog.admit(a, NOW)
    assert admission.verdict is Verdict.OVER_QUOTA and admission.change.removed == ()
    assert not catalog.wants(item_of(a), NOW)
    d = record(name=4, revision=20)
    assert catalog.admit(d, NOW).change.removed == (b.id,)
    assert catalog.admit(record(kind="lease"), NOW).added
    assert {r.id for r in catalog.rows(kind="listing", author=a.author)} == {c.id, d.id}
    # Room again: what was turned away may come back, an older revision of it may not.
    later = c.until + 1
    fresh = record(name=1, revision=11, created=NOW + DAY)
    assert catalog.admit(fresh, later).added


def test_another_network_is_a_bug_of_the_caller():
    with pytest.raises(ValueError, match="network"):
        Catalog(NETWORK).admit(record(network=b"m" * 16), NOW)


def test_sealed_records_are_admitted():
    r = seal(SIGNER, network=NETWORK, kind="whatever", created=NOW, until=NOW + DAY, payload=b"p")
    assert Catalog(NETWORK).admit(r, NOW).added


@pytest.mark.parametrize("data", [b"", b"\x90", b"\xc0", b"\x96\xc4\x00\xc4\x00\xc2\x00\xc4\x00\x00"])
def test_a_damaged_floor_is_refused(data):
    with pytest.raises(DecodeError):
        parse_floor(data)


prefixes = st.sets(st.text("bu4", max_size=3), max_size=4)


@settings(max_examples=100, deadline=None)
@given(prefixes, prefixes, st.text("bu4", max_size=4))
def test_shared_prefixes_cover_what_both_cover(mine, theirs, scope):
    assert covers(shared(mine, theirs), scope) == (covers(mine, scope) and covers(theirs, scope))
    assert shared(mine, theirs) == shared(theirs, mine)


@settings(max_examples=50, deadline=None)
@given(alive, alive)
def test_rank_is_the_order_of_replacement(a, b):
    assert replaces((a.revision, a.id), (b.revision, b.id)) == (rank(a.revision, a.id) > rank(b.revision, b.id))
    assert item_rank(item_of(a)) == rank(a.revision, a.id)
