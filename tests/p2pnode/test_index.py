"""The search index: finds what is there, survives any text and any damage, and can always be made again."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.search.index import Hit, Index, ListingRow, Query
from p2pnode.search.places import boxes, centre, distance_km
from p2pnode.search.words import allowed_errors, errors, stemmer, tokens

from .rows import HOME, NETWORK, NOW, OTHER, ask, numbers, row

TITLES = {
    1: "Snowblower, two stages",
    2: "Home-made jam",
    3: "C++ lessons",
    4: "Schneefräse mit Räumschild",
    5: "Bicycles for children",
    6: "Lending a ladder 🪜",
    7: "Fahrräder zu verleihen",
    8: "雪かき手伝います",
    9: "Łódź poster, straße motif",
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("snow", [1]),
        ("SNOWBLOWERS", [1]),
        ("stage snow", [1]),
        ("home-made", [2]),
        ("homemade", []),
        ("c++", [3, 5]),  # the word itself first, then what begins with it
        ("schneefrase", [4]),
        ("Schneefräsen", [4]),
        ("bicycle", [5]),
        ("lend", [6]),
        ("lender", [6]),
        ("🪜", [6]),
        ("fahrrad", [7]),
        ("雪", [8]),
        ("lodz", [9]),
        ("STRASSE", [9]),
        ("snow jam", []),
        ("!!! ???", []),
    ],
)
def test_finds_by_word_beginning_stem_and_without_accents(index, text, found):
    index.upsert(row(number, title) for number, title in TITLES.items())
    hits = [hit for hit in ask(index, text) if not hit.approximate]
    assert numbers(hits) == found


@pytest.mark.parametrize("typed", ["snwblower", "snowblwoer", "snowbloer", "snwblow", "Snovblower"])
def test_a_mistyped_word_finds_what_is_most_like_it(index, typed):
    index.upsert(row(number, title) for number, title in TITLES.items())
    hits = ask(index, typed)
    assert numbers(hits) == [1]
    assert hits[0].approximate
    assert numbers(ask(index, typed + " stages")) == [1]
    assert ask(index, "xyzzyplugh") == []


def test_a_known_word_is_not_corrected(index):
    """No rental bike is no reason to show what sounds like one."""
    index.upsert([row(1, "Bike"), row(2, "Lake boat", kind="rent")])
    index.upsert([row(3, "Bake oven", kind="rent")])
    assert ask(index, "bike", kind="rent") == []


def test_title_counts_more_than_text_and_the_whole_word_more_than_a_beginning(index):
    index.upsert([row(1, "Tools", text="also a saw"), row(2, "Saw"), row(3, "Sawdust")])
    assert numbers(ask(index, "saw")) == [2, 3, 1]


def test_tags_and_text_are_searched(index):
    index.upsert([row(1, tags=("garden tools",)), row(2, text="for the garden"), row(3)])
    assert numbers(ask(index, "garden")) == [1, 2]


def test_filters(index):
    index.upsert(
        [
            row(1, "Drill", kind="rent", direction="offer", price_amount=200, price_unit="hour", price_per="day"),
            row(2, "Drill", kind="rent", direction="request", price_amount=300, price_unit="hour", price_per="hour"),
            row(3, "Drill", kind="sell", price_amount=100, price_unit="EUR", price_per="item"),
            row(4, "Drill", kind="lend"),
            row(5, "Drill", kind="give", price_amount=0, price_unit="EUR"),
            row(6, "Drill", until=NOW),
            row(7, "Drill", paused=True),
            row(8, "Drill", network=OTHER),
        ]
    )
    for text in ("drill", ""):
        assert numbers(ask(index, text)) == [1, 2, 3, 4, 5]
        assert numbers(ask(index, text, kind="rent")) == [1, 2]
        assert numbers(ask(index, text, kind="rent", direction="request")) == [2]
        assert numbers(ask(index, text, max_price=(200, "hour"))) == [1, 4, 5]
        assert numbers(ask(index, text, max_price=(500, "hour"), max_price_per="hour")) == [2, 4, 5]
        assert numbers(ask(index, text, limit=2)) == [1, 2]
        assert ask(index, text, limit=0) == ask(index, text, limit=-5) == []
        assert ask(index, text, kind="\ud800") == []
        assert numbers(ask(index, text, network=OTHER)) == [8]
        assert numbers(ask(index, text, now=NOW - 1)) == [1, 2, 3, 4, 5, 6]
    assert index.count() == 8


def test_distance_is_between_cells_and_no_area_is_anywhere(index):
    here = centre(HOME)
    index.upsert(row(number, area=area) for number, area in enumerate([HOME, "u33d9", "u33db", "", "9q8yy", "???"], 1))
    for text in ("something", ""):
        found = ask(index, text, centre=here, within_km=8, sort="near")
        assert found[0].distance_km == 0.0
        assert set(numbers(found)) == {1, 2, 3, 4, 6}
        assert numbers(found)[-2:] == [4, 6]
        assert [hit.distance_km for hit in found[-2:]] == [None, None]
        assert all(a.distance_km <= b.distance_km for a, b in pairwise(found[:3]))
        assert numbers(ask(index, text, centre=here, within_km=0)) == [1, 4, 6]
        assert numbers(ask(index, text, centre=here, sort="near", limit=4))[-1] == 5, "the nearest, however far"
        assert numbers(ask(index, text, within_km=8)) == [1, 2, 3, 4, 5, 6], "without a centre there is no distance"
        assert len(ask(index, text, centre=here, within_km=float("inf"))) == 6
        assert len(ask(index, text, centre=(float("nan"), 999.0), within_km=1)) == 6


@settings(max_examples=100, deadline=None)
@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 25_000))
def test_the_boxes_hold_the_whole_circle(lat, lon, other_lat, other_lon, km):
    if distance_km((lat, lon), (other_lat, other_lon)) <= km:
        assert any(b.south <= other_lat <= b.north and b.west <= other_lon <= b.east for b in boxes((lat, lon), km))


def test_centre_and_distance_of_known_places():
    assert centre("ezs42") == pytest.approx((42.605, -5.603), abs=0.001)
    assert centre("") is centre("a!") is None
    assert distance_km((52.5200, 13.4050), (48.8566, 2.3522)) == pytest.approx(878, abs=2)  # Berlin, Paris
    assert distance_km((0, 179.9), (0, -179.9)) == pytest.approx(22.2, abs=0.1)


def test_it_says_whether_an_update_changed_anything(index):
    row = random_rows(random.Random(1), 1)[0]
    assert index.update([row]) and not index.update(removed=[b"?" * 32]) and not index.update(mark=b"m")
    assert index.update(removed=[row.record]) and not index.update(removed=[row.record])


def random_rows(rng: random.Random, number: int) -> list[ListingRow]:
    words = ["snow", "blower", "garden", "ladder", "bread", "honey", "repair", "bicycle", "lesson", "piano", "wood"]
    letters = "0123456789bcdefghjkmnpqrstuvwxyz"

    def one(i: int) -> ListingRow:
        return row(
            i, " ".join(rng.choices(words, k=3)), text=" ".join(rng.choices(words, k=8)), tags=(rng.choice(words),),
            kind=rng.choice(["sell", "rent", "lend"]), area=rng.choice(["", "u33" + rng.choice(letters) + "c"]),
            price_amount=rng.choice([None, rng.randrange(500)]), price_unit="hour",
            until=NOW + rng.randrange(-100, 1000), created=NOW - rng.randrange(10**9), paused=rng.random() < 0.1,
        )  # fmt: skip

    return [one(i) for i in range(number)]


QUERIES = [
    {"text": "snow"}, {"text": "garden ladder"}, {"text": "bread", "kind": "rent"}, {"text": ""},
    {"text": "pia", "centre": centre(HOME), "within_km": 60.0, "sort": "near"}, {"text": "wood", "sort": "new"},
    {"text": "", "centre": centre(HOME), "within_km": 90.0}, {"text": "honey", "max_price": (250, "hour")},
    {"text": "bycicle"},
]  # fmt: skip


def test_agrees_with_a_plain_search_through_all_listings(index):
    rows = random_rows(random.Random(1), 400)
    index.upsert(rows)
    for asked in QUERIES[:-1]:
        query = Query(network=NETWORK, now=NOW, limit=500, **asked)
        expected = set()
        for each in rows:
            words = tokens(" ".join([each.title, each.text, *each.tags]))
            fits = all(any(word.startswith(token) for word in words) for token in tokens(query.text))
            fits &= each.until > NOW and not each.paused and query.kind in (None, each.kind)
            if query.max_price and each.price_amount:
                fits &= each.price_amount <= query.max_price[0]
            if query.centre and query.within_km and each.area:
                fits &= distance_km(query.centre, centre(each.area)) <= query.within_km
            if fits:
                expected.add(each.slot)
        assert {hit.slot for hit in index.search(query)} == expected
        assert expected


def answers(index: Index) -> list[list[Hit]]:
    return [ask(index, **asked) for asked in QUERIES]


def test_neither_the_order_of_the_rows_nor_what_was_there_before_matters():
    rng = random.Random(2)
    rows = random_rows(rng, 200)
    newer = [
        row(i, "honey bread", revision=2, record=(2 << 200 | i).to_bytes(32), created=NOW - i) for i in range(0, 200, 7)
    ]
    passing = [row(1_000 + i, "snow ladder wood bycicle") for i in range(30)]
    plain = Index(":memory:")
    plain.upsert(rows)
    plain.upsert(newer)
    mixed = Index(":memory:")
    everything = rows + newer + passing
    rng.shuffle(everything)
    for start in range(0, len(everything), 17):
        mixed.upsert(everything[start : start + 17])
    mixed.upsert(everything[:50])
    mixed.remove(each.record for each in passing)
    mixed.remove([each.record for each in rows if each.slot in {new.slot for new in newer}])
    assert mixed.count() == plain.count() == 200
    assert answers(mixed) == answers(plain)
    plain.close()
    mixed.close()


def test_it_knows_how_many_listings_each_network_has(index):
    """By that a question leaves out its filter by network where there is but one."""
    here = [row(i) for i in range(6)]
    there = [row(i, network=OTHER, record=(2 << 200 | i).to_bytes(32)) for i in range(3, 5)]
    index.upsert(here + there)
    index.upsert([*here[:2], row(3, revision=4, record=b"b" * 32)])
    index.remove([here[0].record, here[1].record, b"unknown" + bytes(25)])
    for network, left in ((NETWORK, {2, 3, 4, 5}), (OTHER, {3, 4})):
        assert set(numbers(index.search(Query(network=network, now=NOW, limit=9)))) == left
    count = "SELECT network, count(*) FROM listing GROUP BY network ORDER BY network"
    noted = "SELECT id, listings FROM network ORDER BY id"
    assert index._db.execute(noted).fetchall() == index._db.execute(count).fetchall()
    index.remove([each.record for each in there])
    assert index._db.execute(noted).fetchall() == [(NETWORK, 4), (OTHER, 0)]


def test_an_older_revision_does_not_return_and_a_removed_one_is_gone(index):
    index.upsert([row(1, "New price", revision=3, record=b"b" * 32)])
    index.upsert([row(1, "Old price", revision=2, record=b"a" * 32)])
    assert numbers(ask(index, "new")) == [1]
    assert ask(index, "old") == []
    index.remove([b"a" * 32, b"z" * 32])
    assert index.count() == 1
    index.remove([b"b" * 32])
    assert index.count() == 0
    assert ask(index, "price") == ask(index, "") == ask(index, centre=centre(HOME), within_km=5) == []
    assert ask(index, "nwe") == []


HOSTILE = [
    '"', "'", '""', 'a" OR "b', "foo:bar", "title:x", "c++", "-x", "^x", "x*", "*", "(", "NEAR(a b)", "a AND", "NOT",
    "\x00", "a\x00b", "\ud800", "🦆", "é" * 500, "x" * 10_000, "a " * 5_000, "{a b}:c", "--", ";DROP TABLE listing",
    "%", "_", "\\", "\u202e", "ﷺ", "İ", "ß", "\u0301", "क्षि",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_an_error(index, text):
    index.upsert([row(1, text, text=text, tags=(text,)), row(2, "drop table")])
    ask(index, text)
    if tokens(text[:400]):
        assert 1 in numbers(ask(index, text)), "what was typed finds the listing that says just that"


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec=None), max_size=60), st.text(max_size=30))
def test_any_text_can_be_asked_and_finds_itself(text, around):
    with_it = Index(":memory:")
    with_it.upsert([row(1, f"{around} {text}"), row(2, around)])
    found = numbers(ask(with_it, text))
    if tokens(text):
        assert 1 in found
    with_it.remove([row(1).record, row(2).record])
    assert with_it.count() == 0
    with_it.close()


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec=None), max_size=80))
def test_tokens_are_safe_between_quotes_and_stable(text):
    found = tokens(text)
    assert all(token and not set(token) & set("\"'\x00 *^:()") for token in found)
    assert all(piece for token in found for piece in tokens(token))
    " ".join(found).encode()


def test_typing_errors_are_counted():
    assert errors("snwblower", "snowblower") == 1
    assert errors("snowblwoer", "snowblower") == 1
    assert errors("snow", "snowblower") == 0
    assert errors("bread", "piano") > allowed_errors("bread")
    assert stemmer(["xx"])("lending") == {"lend"}
    assert "fahrrad" in stemmer(["de-AT"])("fahrrader")


# -- the file ---------------------------------------------------------------------------------------------------------
