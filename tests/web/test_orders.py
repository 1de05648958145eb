"""Standing orders: from a listing's page, each week; skipped, paused, ended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode.standing_arguments import AddOrder
from tests.web.hostile import mixed
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def box(street: Street) -> str:
    lab = street.lab
    fields = {"direction": "offer", "kind": "food", "title": mixed(60), "price": "2", "quantity": 20}
    listing = lab.ask(lab.ben, "listing.publish", **fields)["listing_id"]
    lab.sim.run(20_000)
    return str(listing)


def test_a_box_each_week(street: Street) -> None:
    listing, anna = box(street), street.browsers["anna"]
    assert "No standing orders yet" in anna.get("/orders").words
    anna.get(f"/listing/{listing}")
    assert anna.submit("/orders").url == f"/orders?listing={listing}"
    page = anna.submit("/do/order.add", **{"start:day": "fri", "start": "17:30", "every": "2 weeks", "quantity": "3"})
    assert page.url == "/orders" and "Kept." in page.words and "every 2 weeks" in page.words
    args = next(args for _, args, _ in street.ports["anna"].calls if isinstance(args, AddOrder))
    assert (args.listing, args.start, args.every, args.quantity) == (listing, "fri 17:30", "2 weeks", 3)
    (order,) = street.lab.ask(street.lab.anna, "order.list")
    before = order["next"]
    anna.submit("/do/order.skip")
    assert street.lab.ask(street.lab.anna, "order.list")[0]["next"] > before
    page = anna.submit("/do/order.pause")
    assert "paused" in page.words and not [form for form in page.forms if form.action == "/do/order.skip"]
    page = anna.submit("/do/order.resume")
    assert [form for form in page.forms if form.action == "/do/order.skip"]
    assert "No standing orders yet" in anna.submit("/do/order.remove").words


def test_what_cannot_be_ordered_is_said_in_the_form(street: Street) -> None:
    listing, anna = box(street), street.browsers["anna"]
    for given in ({"start": ""}, {"start": "soon"}, {"start": "10:00", "quantity": "no"}):
        anna.get(f"/orders?listing={listing}")
        page = anna.submit("/do/order.add", **given)
        assert page.status == 422 and 'role="alert"' in page.source
    assert not street.lab.ask(street.lab.anna, "order.list")


def test_a_listing_that_is_not_there_is_asked_for(street: Street) -> None:
    page = street.browsers["anna"].get("/orders?listing=<b>")
    assert page.status == 200 and "Which listing, by its number" in page.words


def test_where_the_listing_leaves_it_open_it_can_be_brought(street: Street) -> None:
    listing, anna, lab = box(street), street.browsers["anna"], street.lab
    anna.get(f"/orders?listing={listing}")
    page = anna.submit("/do/order.add", start="10:00", way="bring")
    assert lab.ask(lab.anna, "order.list")[0]["handover"] == "bring" and "It is brought" in page.words
    lab.ask(lab.ben, "listing.edit", id=listing, handover="fetch")
    lab.sim.run(20_000)
    assert "How it gets there" not in anna.get(f"/orders?listing={listing}").source.partition("<form")[2]
