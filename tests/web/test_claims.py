"""Claims on the page: written down, agreed to, paid."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.browser import Page
from tests.web.hostile import HOSTILE
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        made.lab.ask(made.lab.anna, "peers.name", peer="Ben", name=HOSTILE[1])
        yield made


def signs(street: Street, who: str, command: str, **typed: str) -> Page:
    browser = street.browsers[who]
    browser.get("/claims")
    page = browser.submit(f"/do/{command}", **typed)
    assert "This cannot be undone." in page.words
    page = browser.submit(f"/do/{command}")
    street.lab.sim.run(30_000)
    return page


def test_a_claim_from_both_sides(street: Street) -> None:
    anna, ben = street.browsers["anna"], street.browsers["ben"]
    assert "Nobody owes anybody" in ben.get("/claims").words
    peer = street.lab.anna.peer_id
    signs(street, "ben", "claim.propose", peer=peer, amount="6", unit="eggs", note=HOSTILE[0], owed_by="no")
    assert "You owe Anna 6 eggs" in ben.get("/claims").words and "waits for the other side" in ben.page.words
    page = anna.get("/claims")
    assert HOSTILE[0] in page.words and f"{HOSTILE[1]} owes you 6 eggs" in page.words and "waits for you" in page.words
    signs(street, "anna", "claim.accept")
    assert "agreed, open" in ben.get("/claims").words
    assert not [form for form in ben.page.forms if form.action == "/do/claim.settle"], "only who is owed can say it"
    signs(street, "anna", "claim.settle", amount="2")
    assert "Left: 4 eggs" in " ".join(ben.get("/claims").words.split())
    signs(street, "anna", "claim.settle")
    assert "What is over" in ben.get("/claims").words


def test_a_claim_is_not_agreed_to(street: Street) -> None:
    signs(street, "ben", "claim.propose", peer=street.lab.anna.peer_id, amount="20", unit="EUR", owed_by="yes")
    anna = street.browsers["anna"]
    assert "You owe" in anna.get("/claims").words
    anna.submit("/do/claim.decline")
    street.lab.sim.run(30_000)
    assert "not agreed" in street.browsers["ben"].get("/claims").words


def test_what_is_wrong_is_said_at_the_form(street: Street) -> None:
    ben = street.browsers["ben"]
    ben.get("/claims")
    ben.submit("/do/claim.propose", amount="six", unit="eggs")
    page = ben.submit("/do/claim.propose")
    assert page.status == 422 and "six" in page.source
