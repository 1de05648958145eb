import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dht.catalog
from dht.catalog import ODD_AFTER, Catalog, Quotas, Verdict
from dht.keys import covers, item_id, item_of, item_order, shared, slot_hash
from protocols.envelope import Record, parse_record, replaces, seal
from protocols.identity import incept
from protocols.limits import DAY, HOUR, MAX_FINDERS, MAX_LIFETIME
from tests.dht.records import NETWORK, NOW, author, record, withdrawal

ROOMY = Quotas()
SIGNER = incept(b"s" * 32)[0]


def kept(catalog: Catalog) -> set[bytes]:
    """All that is held, also of a slot in several scopes."""
    return {item_id(key) for key in catalog.view([""]).items(b"", None)}


def filled(records: list[Record], now: int = NOW, quotas: Quotas = ROOMY) -> Catalog:
    catalog = Catalog(NETWORK, quotas)
    for r in records:
        catalog.admit(r, now)
    return catalog


# Any author, honest or not: revisions, times, ends and scopes need not agree with each other in any way.
any_record = st.builds(
    record,
    who=st.integers(0, 1),
    name=st.integers(0, 4),
    revision=st.integers(0, 4),
    kind=st.sampled_from(["listing", "vouch", "lease"]),
    created=st.integers(-95, 0).map(lambda days: NOW + days * DAY),
    lifetime=st.sampled_from([DAY, 10 * DAY, 60 * DAY, 89 * DAY, 90 * DAY]),
    scope=st.sampled_from(["", "u33dc", "u33dd"]),
    payload=st.sampled_from([b"", b"a", b"b"]),
)
any_records = st.lists(any_record, max_size=30)
moments = st.integers(-100 * 24, 100 * 24).map(lambda hours: NOW + hours * HOUR)


def best(records: list[Record], quotas: Quotas, newcomers: frozenset[bytes] = frozenset()) -> list[Record]:
    """What is kept of a set of records, by its definition: it says nothing of time or order."""

    def group(r: Record) -> tuple[bytes, bool, str]:
        return b"" if r.author in newcomers else r.author, r.kind == "listing", r.scope

    slots: dict = {}
    for r in records:
        old = slots.get((r.slot, r.scope))
        if old is None or (r.until, rank(r)) > (old.until, rank(old)):
            slots[r.slot, r.scope] = r
    found = []
    for each in {group(r) for r in records}:
        members = [r for r in slots.values() if group(r) == each]
        members.sort(key=lambda r: item_of(r)[:24])
        found += members[-quotas.of(each) :]
    return found


def rank(r: Record) -> tuple[int, bytes]:
    return r.revision, bytes(255 - b for b in r.id)


def arrived(records: list[Record], times: list[int], quotas: Quotas) -> Catalog:
    catalog = Catalog(NETWORK, quotas)
    for r, at in zip(records, times, strict=True):
        catalog.admit(r, at)
    return catalog


def check_arrival(records: list[Record], times: list[int], quota: int) -> None:
    """Whenever and in whatever order they came, by a clock that jumps to and fro: from the latest moment on, what is
    kept is the best of them all, less what has expired."""
    quotas = Quotas(quota, 2 * quota)
    catalog = arrived(records, times, quotas)
    for now in sorted(max([NOW, *times]) + days * DAY for days in (0, 5, 40, 95)):
        catalog.expire(now)
        assert kept(catalog) == {r.id for r in best(records, quotas) if r.until > now}


@settings(max_examples=300, deadline=None)
@given(any_records, st.data(), st.integers(1, 3))
def test_what_is_kept_is_a_function_of_the_set_whenever_it_arrives(records, data, quota):
    times = data.draw(st.lists(moments, min_size=len(records), max_size=len(records)))
    check_arrival(data.draw(st.permutations(records)), times, quota)


AUTHORS = frozenset(author(i).author for i in range(2))


@settings(max_examples=200, deadline=None)
@given(any_records, st.data(), st.integers(1, 3), st.integers(1, 3), st.sets(st.sampled_from(sorted(AUTHORS))))
def test_newcomers_share_a_quota_and_that_too_is_a_function_of_the_set(records, data, quota, shared_quota, known):
    quotas = Quotas(quota, 2 * quota, shared_quota)
    times = data.draw(st.lists(moments, min_size=len(records), max_size=len(records)))
    catalog = Catalog(NETWORK, quotas)
    catalog.know(known)
    for r, at in zip(data.draw(st.permutations(records)), times, strict=True):
        catalog.admit(r, at)
    now = max([NOW, *times])
    catalog.expire(now)
    expected = {r.id for r in best(records, quotas, AUTHORS - known) if r.until > now}
    assert kept(catalog) == expected
    # A node that learns later who is known ends with the same, once it has been offered all; what was signed in two
    # scopes it takes when that has been offered for a while.
    later = Catalog(NETWORK, quotas)
    stored: set[bytes] = set()
    for i, r in enumerate(records):
        if i % 7 == 3:
            stored.difference_update(later.know(data.draw(st.sets(st.sampled_from(sorted(AUTHORS))))))
        admission = later.admit(r, now)
        stored.difference_update(admission.removed)
        stored.update([r.id] if admission.added else [])
    stored.difference_update(later.know(known))
    assert kept(later) == stored
    for offered_at in (now, now + ODD_AFTER):
        for r in records:
            if later.wants(item_of(r), offered_at):
                later.admit(r, now)
    assert kept(later) == expected
    assert {row.id for a in AUTHORS for row in later.rows(author=a)} == {row.id for row in later.rows()}


def test_it_would_not_be_if_a_revision_came_before_the_end(monkeypatch):
    """The order of before: a later revision that ends sooner takes the place of an earlier one for as long as it is
    remembered, which depends on the day. The node that gets it in time keeps nothing, the other the earlier one."""
    long, brief = record(revision=1, lifetime=80 * DAY), record(revision=2, lifetime=DAY)
    check_arrival([long, brief], [NOW, NOW], 3)
    check_arrival([brief, long], [NOW, NOW + 2 * DAY], 3)
    monkeypatch.setattr(dht.catalog, "item_order", lambda key: key[24:32] + key[:8])
    with pytest.raises(AssertionError):
        check_arrival([long, brief], [NOW, NOW], 3)


def test_it_would_not_be_if_a_quota_went_by_revisions(monkeypatch):
    """One slot is allowed. The higher revision ends first, and then there is room, for who still has the other."""
    brief, long = record(name=1, revision=2, lifetime=DAY), record(name=2, revision=1, lifetime=80 * DAY)
    for order in ([brief, long], [long, brief]):
        check_arrival(order, [NOW, NOW], 1)
    monkeypatch.setattr(dht.catalog, "item_place", lambda key: key[24:32])
    with pytest.raises(AssertionError):
        check_arrival([brief, long], [NOW, NOW], 1)


def exchange(a: Catalog, b: Catalog, wires: dict[bytes, Record], prefixes: list[str], now: int) -> None:
    """What a comparison brings: each fetches what the other offers and it wants."""
    for here, there in ((a, b), (b, a)):
        for key in there.view(prefixes).items(b"", None):
            if key not in set(here.view(prefixes).items(b"", None)) and here.wants(key, now):
                here.admit(wires[item_id(key)], now)


@settings(max_examples=200, deadline=None)
@given(any_records, any_records, st.data(), st.integers(1, 3), st.booleans())
def test_two_nodes_that_compare_end_with_the_same(left, right, data, quota, partly):
    """Also where one of them keeps a scope that the other does not, quotas are full and records came at any time."""
    quotas = Quotas(quota, 2 * quota)
    prefixes = ["u33dc"] if partly else [""]
    if partly:
        left = [r for r in left if r.scope != "u33dd"]
    wires = {r.id: r for r in left + right}
    a, b = (
        arrived(rs, data.draw(st.lists(moments, min_size=len(rs), max_size=len(rs))), quotas) for rs in (left, right)
    )
    for catalog in (a, b):
        catalog.expire(NOW)
    now = NOW
    for _ in range(3):
        for catalog in (a, b):
            catalog.expire(now)
        exchange(a, b, wires, prefixes, now)
        now += ODD_AFTER
    common = [{item_id(key) for key in c.view(prefixes).items(b"", None)} for c in (a, b)]
    assert common[0] == common[1]


def test_a_slot_signed_in_two_scopes_is_kept_in_both():
    """Only an author who breaks the rules does so. Who keeps one of the two could not know of the other."""
    here, there = record(scope="u33dc", revision=1), record(scope="u33dd", revision=2, lifetime=40 * DAY)
    catalog = Catalog(NETWORK)
    assert catalog.admit(there, NOW).added
    assert not catalog.wants(item_of(here), NOW)  # it looks like an older revision,
    assert catalog.wants(item_of(here), NOW + ODD_AFTER)  # but would not be offered for so long
    assert catalog.admit(here, NOW).added and len(catalog) == 2
    assert catalog.get(here.slot).id == there.id and [r.id for r in catalog.rows(author=here.author)] == [there.id]
    assert catalog.expire(NOW + 35 * DAY) == (here.id,)
    assert catalog.admit(here, NOW).added
    assert catalog.expire(NOW + 35 * DAY) == (here.id,) and len(catalog) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(any_record, min_size=1, max_size=30), st.integers(1, 3))
def test_rows_view_and_what_storage_is_told_agree(records, quota):
    catalog = Catalog(NETWORK, Quotas(quota, 2 * quota))
    stored: set[bytes] = set()

    def agree():
        assert stored == kept(catalog) and len(catalog) == len(stored)
        ids = {catalog.row(i).item for i in stored}
        assert set(catalog.view([""]).items(b"", None)) == ids
        assert catalog.view([""]).totals(b"", None) == (len(ids), sum(int.from_bytes(i[32:], "big") for i in ids))
        best_rows = {row.slot: row.id for row in catalog.rows()}
        assert best_rows == {catalog.row(i).slot: catalog.get(catalog.row(i).slot).id for i in stored}
        authors = {row.author for row in catalog.rows()}
        assert {r.id for a in authors for r in catalog.rows(author=a)} == set(best_rows.values())

    for i, r in enumerate(records):
        now = NOW - 20 * DAY + i * DAY
        expected = catalog.judge(r, now)
        admission = catalog.admit(r, now)
        assert admission.verdict is expected
        stored.difference_update(admission.removed)
        if admission.added:
            stored.add(r.id)
            assert catalog.row(r.id).item == item_of(r)
        else:
            assert not catalog.wants(item_of(r), now)
        agree()
    for later in (20, 40, 200):
        stored.difference_update(catalog.expire(NOW + later * DAY))
        agree()
    assert not {i for i in stored if catalog.row(i).kind != "vouch"}
    stored.difference_update(catalog.expire(NOW + 4000 * DAY))
    assert not stored and catalog.next_expiry() is None


def test_an_older_revision_never_replaces_and_never_comes_back():
    old = record(revision=1, lifetime=80 * DAY)
    new = withdrawal(revision=2, created=NOW + DAY)
    catalog = Catalog(NETWORK)
    assert catalog.admit(old, NOW).added
    admission = catalog.admit(new, NOW + DAY)
    assert admission.added and admission.removed == (old.id,)
    assert catalog.admit(old, NOW + DAY).verdict is Verdict.OLDER
    assert not catalog.wants(item_of(old), NOW + DAY) and not catalog.wants(item_of(old), NOW + 2 * DAY)
    assert catalog.admit(new, NOW + DAY).verdict is Verdict.KNOWN
    # Of equal ends the higher revision stays: an edit need not prolong.
    edited = record(revision=3, created=NOW + 2 * DAY, lifetime=MAX_LIFETIME - DAY)
    assert catalog.admit(edited, NOW + 2 * DAY).removed == (new.id,)
    # A tombstone is there as long as what it took back could return, and no longer.
    assert catalog.expire(edited.until - 1) == () and catalog.expire(edited.until) == (edited.id,)
    assert catalog.admit(old, edited.until).verdict is Verdict.EXPIRED and not len(catalog)


def test_what_was_taken_back_leaves_room():
    ahead, right = record(revision=2, created=NOW + 40 * DAY), record(revision=1)
    catalog = filled([ahead])
    assert catalog.judge(right, NOW) is Verdict.OLDER
    catalog.take_back(ahead.id)
    assert catalog.admit(right, NOW).added and kept(catalog) == {right.id}


def test_quota_turns_away_or_evicts_and_says_so():
    catalog = Catalog(NETWORK, Quotas(2, 3))
    a, b, c, d = (record(name=i, lifetime=(10 + i) * DAY) for i in range(4))
    assert catalog.admit(b, NOW).added and catalog.admit(c, NOW).added
    assert catalog.wants(item_of(a), NOW)  # an item does not name its author
    admission = catalog.admit(a, NOW)
    assert admission.verdict is Verdict.OVER_QUOTA and admission.removed == ()
    assert not catalog.wants(item_of(a), NOW)
    assert catalog.admit(d, NOW).removed == (b.id,)
    assert not catalog.wants(item_of(b), NOW) and not catalog.wants(item_of(b), b.until - 1)
    assert catalog.admit(record(kind="lease"), NOW).added
    assert {r.id for r in catalog.rows(kind="listing", author=a.author)} == {c.id, d.id}
    # Whoever is over its quota gets room by prolonging, and only over its own.
    longer = record(name=0, revision=1, created=NOW + DAY, lifetime=20 * DAY)
    assert catalog.admit(longer, NOW + DAY).removed == (c.id,)
    assert catalog.admit(record(who=1, name=9, lifetime=DAY), NOW).added


def test_another_network_is_a_bug_of_the_caller():
    with pytest.raises(ValueError, match="network"):
        Catalog(NETWORK).admit(record(network=b"m" * 16), NOW)


def test_sealed_records_are_admitted():
    r = seal(SIGNER, network=NETWORK, kind="whatever", created=NOW, until=NOW + DAY, payload=b"p")
    assert Catalog(NETWORK).admit(r, NOW).added


prefixes = st.sets(st.text("bu4", max_size=3), max_size=4)


@settings(max_examples=100, deadline=None)
@given(prefixes, prefixes, st.text("bu4", max_size=4))
def test_shared_prefixes_cover_what_both_cover(mine, theirs, scope):
    assert covers(shared(mine, theirs), scope) == (covers(mine, scope) and covers(theirs, scope))
    assert shared(mine, theirs) == shared(theirs, mine)


@settings(max_examples=100, deadline=None)
@given(any_record, any_record)
def test_of_two_that_end_together_the_order_is_that_of_replacement(a, b):
    same = item_of(a)[:8] == item_of(b)[:8]
    if same:
        assert replaces((a.revision, a.id), (b.revision, b.id)) == (item_order(item_of(a)) > item_order(item_of(b)))
    else:
        assert (a.until > b.until) == (item_order(item_of(a)) > item_order(item_of(b)))


def test_a_row_takes_half_a_kilobyte() -> None:
    """Of a hundred thousand of them a node must not die. Each arrives as bytes of its own, as from the wire."""
    wires = [seal(SIGNER, network=NETWORK, kind="vouch", name=i.to_bytes(32), created=NOW, until=NOW + DAY,
                  payload=b"x").wire for i in range(1_500)]  # fmt: skip
    catalog = Catalog(NETWORK)
    slot_hash.cache_clear()
    tracemalloc.start()
    try:
        for wire in wires:
            catalog.admit(parse_record(wire), NOW)
        slot_hash.cache_clear()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(catalog) == 1_500
    assert taken / len(catalog) < 600


def finding(who, **changes):
    return record(who=who, kind="misconduct", **changes)


def test_a_crowd_that_finds_one_fact_takes_the_room_of_a_few():
    """Those that end last stay, in whatever order they come; a second fact has room of its own."""
    crowd = [finding(who, lifetime=(who + 1) * DAY) for who in range(3 * MAX_FINDERS)]
    for order in (crowd, crowd[::-1], crowd[1::2] + crowd[::2]):
        catalog = Catalog(NETWORK)
        gone = [id_ for each in order for id_ in catalog.admit(each, NOW).removed]
        assert {r.author for r in catalog.rows()} == {r.author for r in crowd[-MAX_FINDERS:]}
        assert not set(gone) & {r.id for r in catalog.rows()}
        assert catalog.admit(crowd[0], NOW).verdict is Verdict.OVER_QUOTA
        assert catalog.admit(finding(0, name=1), NOW).added
        catalog.expire(NOW + 400 * DAY)
        assert not len(catalog) and catalog.admit(finding(0, created=NOW + 400 * DAY), NOW + 400 * DAY).added


def test_withdrawals_push_no_proof_out():
    catalog = Catalog(NETWORK)
    assert catalog.admit(finding(0, lifetime=DAY), NOW).added
    for who in range(1, 2 * MAX_FINDERS):
        assert not catalog.admit(finding(who, revision=1, payload=b""), NOW).removed
    assert catalog.get((author(0).author, "misconduct", finding(0).name)) is not None
