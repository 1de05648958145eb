"""Leaving by the page: what ends is said before, what was signed can be read after, and one click takes back."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from tests.web.hostile import HOSTILE
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def test_somebody_leaves_reads_his_ledger_and_comes_back(street: Street) -> None:
    lab, ben = street.lab, street.browsers["ben"]
    lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Sofa")
    lab.sim.run(60_000)
    page = ben.get("/network")
    page = ben.get(next(link for link, text in page.links if text == "Leave …"))
    assert "Leave Elm Street" in page.words and "Your 1 listing ends for everybody." in page.words
    page = ben.submit("/do/leave")
    assert page.url == "/network" and "You have left." in page.words and "Your ledger there" in page.words
    lab.sim.run(60_000)
    assert "Sofa" not in street.browsers["anna"].get("/").words
    ledger = ben.get(next(link for link, text in ben.get("/network").links if text == "Your ledger there"))
    assert "Your ledger begins" in ledger.words and "0 hour" in ledger.words
    ben.get("/network")
    page = ben.submit("/do/join", {"target": lab.network(lab.ben).id.hex()})
    assert page.url == "/network" and "Your ledger there" not in page.words and "Leave …" in page.words
    assert lab.ask(lab.ben, "status")["left"] == []


def test_something_under_way_is_named_and_asked_about(street: Street) -> None:
    lab, ben = street.lab, street.browsers["ben"]
    sofa = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title=HOSTILE[0])["listing_id"]
    lab.sim.run(60_000)
    lab.ask(lab.anna, "exchange.propose", listing=sofa)
    lab.sim.run(60_000)
    page = ben.get("/leaving")
    assert HOSTILE[0] in page.words and "Leave although something is under way" in page.words
    page = ben.submit("/do/leave")
    assert page.status == 422 and "under way there" in page.words and lab.ben.core.state.joined
    form = page.form("/do/leave", {}, "")
    page = ben.post(form.action, urlencode([*form.fields, ("anyway", "yes")]).encode())
    assert page.url == "/network" and not lab.ben.core.state.joined
    page = ben.get("/leaving")
    assert "You are not in it." in page.words


def test_a_debt_is_said_without_a_sign(street: Street) -> None:
    lab = street.lab
    lab.network(lab.ben).chain.state = replace(lab.network(lab.ben).chain.state, balance=-150)
    words = " ".join(street.browsers["ben"].get("/leaving").words.split())
    assert "You owe: 1.5 hours" in words
