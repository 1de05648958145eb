"""A rating by form: along what the network asks besides the outcome, and corrected without losing what it said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.web.browser import Page
from tests.web.street import Street, open_street
from tests.web.test_neighbour import id_of

ASKED = ("punctual", "Kaffee_dazu", "late")  # the last is a fault, which exchanges say themselves


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        for name in ("anna", "ben", "cleo", "dora"):
            network = made.lab.network(getattr(made.lab, name))
            network.genesis = replace(network.genesis, dimensions=ASKED)
        yield made


def settled(street: Street) -> str:
    """The path of an exchange in which Ben bought eggs of Anna's."""
    lab = street.lab
    listing = lab.ask(lab.anna, "listing.publish", direction="offer", kind="sell", title="Ten eggs", price="2 hour")
    lab.sim.run(20_000)
    exchange = lab.ask(lab.ben, "exchange.propose", listing=listing["listing_id"])["exchange_id"]
    for who, word in ((lab.anna, "accept"), (lab.anna, "handover"), (lab.ben, "confirm"), (lab.ben, "pay")):
        lab.sim.run(20_000)
        lab.ask(who, f"exchange.{word}", id=exchange)
    lab.sim.run(20_000)
    return f"/exchange/{exchange}"


def fields(page: Page, form: int = 0) -> dict[str, str]:
    return dict([form for form in page.forms if form.action == "/do/attest"][form].fields)


def test_each_dimension_is_asked_and_none_must_be_answered(street: Street) -> None:
    exchange = settled(street)
    ben, anna = street.browsers["ben"], street.browsers["anna"]
    page = ben.get(exchange)
    assert "What else your network asks" in page.words and "Kaffee_dazu" in page.words
    assert {name: value for name, value in fields(page).items() if "dimension" in name} == {
        "dimensions.punctual": "", "dimensions.Kaffee_dazu": ""
    }  # fmt: skip
    page = ben.submit("/do/attest", outcome="1", text="Good eggs", **{"dimensions.punctual": "-2"})
    assert page.status == 200
    street.lab.sim.run(20_000)
    anna.get(exchange)
    anna.submit("/do/attest", outcome="2")
    street.lab.sim.run(30_000)
    page = ben.get(f"/neighbour/{id_of(street, 'anna')}")
    assert "punctual: very bad (-2 of -2 to 2, by 1 rater)" in " ".join(page.words.split())
    assert page.words.count("punctual: very bad") == 2 and "Kaffee_dazu" not in page.words
    ben.language = "de"
    assert "pünktlich: sehr schlecht" in ben.get(page.url).words


def test_what_was_said_stands_in_the_form_that_corrects_it(street: Street) -> None:
    exchange = settled(street)
    lab, ben = street.lab, street.browsers["ben"]
    for who, said in ((lab.ben, {"Kaffee_dazu": 2}), (lab.anna, {})):
        lab.ask(who, "attest", exchange=exchange[10:], outcome=-1, text="No coffee", dimensions=said)
        lab.sim.run(20_000)
    page = ben.get(exchange)
    assert fields(page) | {"request_id": ""} == fields(page) | {
        "request_id": "", "outcome": "-1", "text": "No coffee", "dimensions.Kaffee_dazu": "2",
        "dimensions.punctual": "", "again": "yes",
    }  # fmt: skip
    page = ben.submit("/do/attest", **{"dimensions.Kaffee_dazu": "-2"})
    assert page.status == 200
    given = lab.ask(lab.ben, "exchange.show", id=exchange[10:])["attestations"]["given"]
    assert given == {"outcome": -1, "text": "No coffee", "dimensions": {"Kaffee_dazu": -2}}


def test_nothing_is_asked_where_the_network_asks_nothing(tmp_path: Path) -> None:
    with open_street(tmp_path, "ben") as street:
        page = street.browsers["ben"].get(settled(street))
        assert "What else your network asks" not in page.words and "outcome" in fields(page)
