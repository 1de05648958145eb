"""Whether one listing fits a wish: the same answer as the index gives, and offers with requests."""

import random

import pytest

from p2pnode.search.document import asked
from p2pnode.search.index import Index, Query
from p2pnode.search.matching import Wish, fits, forms, matches, said
from p2pnode.search.places import centre
from p2pnode.search.searching import row_of
from protocols.amounts import Price
from protocols.envelope import parse_record
from protocols.identity import incept
from protocols.limits import DAY
from protocols.listing import Listing, seal_listing

NOW = 1_800_000_000_000
NETWORK = b"n" * 16
SIGNER = incept(b"x" * 32)[0]
FORMS = forms(["en"])


def listing(title: str, **fields) -> Listing:
    return Listing(**{"direction": "offer", "kind": "rent", "title": title, "area": "u33dc", **fields})


def heard(title: str, **fields):
    return said(listing(title, **fields), NOW, FORMS)


def test_a_wish_and_the_index_agree():
    rng = random.Random(1)
    words = ["snowblower", "ladders", "ladder", "garden", "gardening", "bread", "honey", "lending", "saw"]
    units = ["hour", "EUR"]
    typed = ["ladder", "lend", "gard", "bread", "saws", "hon"]
    index = Index(":memory:", ["en"])
    listings = []
    for number in range(300):
        made = Listing(
            direction=rng.choice(["offer", "request"]),
            kind=rng.choice(["rent", "sell"]),
            title=" ".join(rng.choices(words, k=2)),
            text=" ".join(rng.choices(words, k=3)),
            price=rng.choice([None, Price(rng.randrange(1, 500), rng.choice(units), rng.choice(["day", "item"]))]),
            area=rng.choice(["", "u33dc", "u33d1", "9q8yy"]),
            paused=rng.random() < 0.1,
        )  # fmt: skip
        record = seal_listing(SIGNER, NETWORK, made, name=number.to_bytes(16), created=NOW, until=NOW + DAY)
        index.update([row_of(parse_record(record.wire), made)])
        listings.append((record, made))
    found_any = 0
    for number in range(200):
        wish = Wish(
            words=tuple(asked(" ".join(rng.choices(typed, k=rng.randrange(3))))),
            kind=rng.choice([None, "rent"]),
            direction=rng.choice([None, "request"]),
            centre=centre("u33dc"),
            within_km=rng.choice([None, 10.0, 30.0]),
            max_price=rng.choice([None, Price(250, "hour", "day")]),
            per=rng.random() < 0.5,
        )  # fmt: skip
        query = Query(
            network=NETWORK, now=NOW, text=" ".join(wish.words), kind=wish.kind, direction=wish.direction,
            centre=wish.centre, within_km=wish.within_km, limit=500,
            max_price=(wish.max_price.amount, wish.max_price.unit) if wish.max_price else None,
            max_price_per=wish.max_price.per if wish.max_price and wish.per else None,
        )  # fmt: skip
        expected = {hit.record for hit in index.search(query) if not hit.approximate}
        assert {r.id for r, made in listings if fits(wish, said(made, NOW, FORMS), FORMS)} == expected, (number, wish)
        found_any += bool(expected)
    assert found_any > 100


def test_an_offer_and_a_request_go_together_either_way():
    offer = heard("Snowblower, two stages", price=Price(200, "hour", "hour"))
    request = heard("Snowblowers wanted", direction="request", price=Price(300, "hour", "hour"))
    one, other = matches(offer, request), matches(request, offer)
    assert one is not None and one == other
    assert one.score >= 500 and one.reason == "rent: snowblowers, 0 km away"


@pytest.mark.parametrize(
    ("title", "fields"),
    [
        ("Snowblower", {"direction": "offer"}),
        ("Snowblower", {"kind": "sell"}),
        ("Snowblower", {"area": "9q8yy"}),
        ("Snowblower", {"price": Price(100, "hour", "hour")}),
        ("Snowblower", {"paused": True}),
        ("Ladder", {}),
        ("Red ladder", {}),
    ],
)
def test_what_does_not_go_together(title, fields):
    offer = heard("Strong red snowblower", price=Price(200, "hour", "hour"))
    assert matches(offer, heard("Snowblower", direction="request")), "the control"
    assert matches(offer, heard(title, **{"direction": "request", **fields})) is None


def test_prices_that_cannot_be_compared_and_places_that_are_not_known_do_not_part_them():
    offer = heard("Snowblower", price=Price(200, "hour", "hour"), area="")
    assert matches(offer, heard("Snowblower", direction="request", price=Price(1, "EUR", "hour")))
    assert matches(offer, heard("Snowblower", direction="request", price=Price(1, "hour", "day")))
