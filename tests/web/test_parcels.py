"""A parcel through pages alone: given, taken, its path, its receipts and the code for the door."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.hostile import HOSTILE
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    """Ben is to carry something from Anna to Dora, who waits at a door."""
    with open_street(tmp_path, "anna", "ben") as made:
        lab = made.lab
        listing = lab.ask(lab.ben, "listing.publish", direction="offer", kind="deliver", title="Ride", price="1")
        lab.sim.run(60_000)
        fields = {"listing": listing["listing_id"], "to": lab.dora.peer_id, "parcel": True, "door": True}
        exchange = lab.ask(lab.anna, "exchange.propose", **fields)["exchange_id"]
        lab.sim.run(60_000)
        lab.ask(lab.ben, "exchange.accept", id=exchange)
        lab.ask(lab.ben, "peers.name", peer="Anna", name=HOSTILE[1])
        lab.sim.run(60_000)
        yield made


def test_from_hand_to_hand(street: Street) -> None:
    lab, anna, ben = street.lab, street.browsers["anna"], street.browsers["ben"]
    (row,) = lab.ask(lab.anna, "parcel.list")["parcels"]
    path = f"/parcel/{row['parcel']}"
    assert path in [link for link, _ in anna.get("/parcels").links]
    page = anna.get(path)
    assert "The code for the door" in page.words and "not been handed over" in page.words
    code = lab.ask(lab.anna, "parcel.code", exchange=row["exchanges"][0])["code"]
    assert code in page.words and code not in ben.get(path).words, "nobody else sees it"
    assert anna.get(f"{path}?file=door").fields["content-type"] == "image/svg+xml"
    assert ben.get(f"{path}?file=door").status == 404 and ben.get(f"{path}?file=qr").status == 404
    anna.get(path)
    anna.submit("/do/parcel.give", note=HOSTILE[0])
    lab.sim.run(60_000)
    page = ben.get("/parcels")
    assert f"{HOSTILE[1]} offers you a parcel" in page.words and HOSTILE[0] in page.words
    assert "only when it is in your hands" in ben.submit("/do/parcel.take").words
    ben.submit("/do/parcel.take")
    lab.sim.run(60_000)
    page = ben.get(path)
    assert "With you" in page.words and HOSTILE[0] in page.words and "Give it to somebody" in page.words
    assert "With Ben" in anna.get(path).words
    page = anna.get(f"{path}?file=receipts")
    assert page.source.startswith("P2PNODE:RECEIPT:") and "attachment" in page.fields["content-disposition"]
    assert anna.get(f"{path}?file=qr").status == 200
    receipts = page.source
    anna.get("/parcels")
    assert anna.submit("/do/parcel.add", text=receipts).status == 200


def test_what_is_no_receipt_is_said(street: Street) -> None:
    anna = street.browsers["anna"]
    anna.get("/parcels")
    page = anna.submit("/do/parcel.add", text=HOSTILE[0])
    assert page.status == 422 and 'role="alert"' in page.source


def test_without_a_parcel_it_says_what_one_is(tmp_path: Path) -> None:
    with open_street(tmp_path, "anna") as made:
        assert "No parcels" in made.browsers["anna"].get("/parcels").words
