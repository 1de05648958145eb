"""A neighbour: what is said of them and why it counts; vouches given, taken and asked back by forms."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.hostile import mixed
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def id_of(street: Street, name: str) -> str:
    found: str = street.lab.ask(getattr(street.lab, name), "status")["peer_id"]
    return found


def deal(street: Street, text: str) -> str:
    """Ben buys eggs of Anna's; both rate it."""
    lab = street.lab
    listing = lab.ask(lab.anna, "listing.publish", direction="offer", kind="sell", title="Ten eggs", price="2 hour")
    lab.sim.run(20_000)
    exchange: str = lab.ask(lab.ben, "exchange.propose", listing=listing["listing_id"])["exchange_id"]

    def step(who: Any, command: str, **args: Any) -> None:
        lab.sim.run(20_000)
        lab.ask(who, command, **args)

    step(lab.anna, "exchange.accept", id=exchange)
    step(lab.anna, "exchange.handover", id=exchange)
    step(lab.ben, "exchange.confirm", id=exchange)
    step(lab.ben, "exchange.pay", id=exchange)
    step(lab.ben, "attest", exchange=exchange, outcome=2, text=text)
    step(lab.anna, "attest", exchange=exchange, outcome=-1, text=text)
    lab.sim.run(30_000)
    return exchange


def test_nobody_has_rated_them_yet(street: Street) -> None:
    page = street.browsers["ben"].get(f"/neighbour/{id_of(street, 'anna')}")
    assert "where everybody's begins" in page.words and "no exchange with them yet" in page.words


def test_what_is_said_and_why_it_counts(street: Street) -> None:
    hostile = mixed(400)
    exchange = deal(street, hostile)
    ben, anna = street.browsers["ben"], id_of(street, "anna")
    page = ben.get(f"/neighbour/{anna}")
    assert re.search(r"0\.\d\d of 1", page.words) and "speak well of them" in page.words and hostile in page.words
    assert "very good" in page.words and "a full voice" in page.words
    assert f"/exchange/{exchange}" in [link for link, _ in page.links] and "Nobody you trust stands" in page.words
    page = ben.get("/me")
    assert "To be trusted with more" in page.words and hostile in page.words
    assert "Anna" in page.words and "bad" in page.words
    ben.language = "de"
    assert re.search(r"0,\d\d von 1", ben.get(f"/neighbour/{anna}").words)


def test_a_vouch_is_given_and_asked_back(street: Street) -> None:
    lab, ben, anna = street.lab, street.browsers["ben"], id_of(street, "anna")
    here = f"/neighbour/{anna}"
    ben.get(here)
    page = ben.submit("/do/vouch", amount="much <b>")
    assert page.status == 422 and 'role="alert"' in page.source
    page = ben.submit("/do/vouch", amount="1")
    assert page.url == here and "You vouch for them:" in page.words
    lab.sim.run(30_000)
    page = ben.get(here)
    assert "stands" in page.words
    page = ben.submit("/do/vouch.takeover", amount="1")
    assert "This cannot be undone." in page.words
    ben.get(here)
    ben.submit("/do/unvouch", amount="")
    lab.sim.run(60_000)
    assert "You vouch for them:" not in ben.get(here).words
    given = [v for v in lab.ask(lab.ben, "vouch.list") if v["direction"] == "given"]
    assert all(not v["left"]["amount"] for v in given)


def test_they_get_a_name_of_ours(street: Street) -> None:
    ben, anna = street.browsers["ben"], id_of(street, "anna")
    ben.get(f"/neighbour/{anna}")
    page = ben.submit("/do/peers.name", name="Anna <b>from</b> no. 4")
    assert "<h1>Anna &lt;b&gt;from&lt;/b&gt; no. 4</h1>" in page.source
    assert ben.get("/neighbour/nobody").status == 404


def test_the_contact_stays_here(street: Street) -> None:
    lab, ben = street.lab, street.browsers["ben"]
    ben.get("/me")
    page = ben.submit("/do/contact.set", address="Elm Street 4", phone="030 1", share="always")
    assert page.url == "/me" and dict(page.form("/do/contact.set").fields)["address"] == "Elm Street 4"
    ben.submit("/do/contact.set", address="", phone="030 1", share="ask")
    assert lab.ask(lab.ben, "contact.show") == {
        "address": "", "phone": "030 1", "text": "", "set": True, "share": "ask"
    }  # fmt: skip
    assert "This cannot be undone." in ben.submit("/do/contact.clear").words
    ben.submit("/do/contact.clear")
    assert not lab.ask(lab.ben, "contact.show")["set"]
