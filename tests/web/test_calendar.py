"""The calendar: what is booked stands on its days and in the list, and goes into a file."""

from collections.abc import Iterator

import pytest

from protocols.limits import DAY, HOUR
from tests.web.hostile import HOSTILE
from tests.web.street import Street, open_street

NAME = HOSTILE[0]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Ben has booked Anna's mower for two hours tomorrow."""
    with open_street(tmp_path_factory.mktemp("street"), "anna", "ben") as made:
        lab = made.lab
        listing = lab.ask(lab.anna, "listing.publish", direction="offer", kind="rent", title=NAME, price="1 hour/hour")
        lab.ask(lab.anna, "peers.name", peer="Ben", name=HOSTILE[1])
        lab.sim.run(20_000)
        start = lab.now + DAY
        exchange = lab.ask(
            lab.ben, "exchange.propose", listing=listing["listing_id"], start=start, end=start + 2 * HOUR
        )["exchange_id"]
        lab.sim.run(20_000)
        lab.ask(lab.anna, "exchange.accept", id=exchange)
        lab.sim.run(20_000)
        yield made


def test_it_stands_in_the_month_and_in_the_list(street: Street) -> None:
    anna = street.browsers["anna"]
    page = anna.get("/calendar?month=2027-01")
    words = " ".join(page.words.split())
    exchange = street.lab.ask(street.lab.anna, "exchange.list")[0]["exchange_id"]
    assert page.status == 200 and "January 2027" in words and NAME in words and HOSTILE[1] in words
    links = [text for link, text in page.links if link == f"/exchange/{exchange}"]
    assert any(text.strip().startswith("booked: ") for text in links) and len(links) >= 2
    assert "you are the owner" in words
    page = anna.get(next(link for link, text in page.links if text == "→"))
    assert "February 2027" in " ".join(page.words.split()) and "Nothing is booked, held or due" in page.words


def test_what_is_due_is_said_in_the_readers_words(street: Street) -> None:
    anna = street.browsers["anna"]
    anna.language = "de"
    try:
        words = " ".join(anna.get("/calendar?month=2027-01").words.split())
    finally:
        anna.language = "en"
    assert "übergeben: du" in words and "du bist: " in words
    assert "handover" not in words and "owner" not in words


def test_of_one_listing_it_says_when_it_is_free(street: Street) -> None:
    anna = street.browsers["anna"]
    anna.get("/calendar?month=2027-01")
    assert "When it is free" not in anna.page.words
    page = anna.submit("/calendar", listing=street.lab.ask(street.lab.anna, "listing.list")[0]["listing_id"])
    assert "When it is free" in page.words and "booked: " in page.words


def test_it_goes_into_a_calendar_program(street: Street) -> None:
    page = street.browsers["ben"].get("/calendar?month=2027-01&file=ics")
    assert page.fields["content-type"].startswith("text/calendar")
    assert page.fields["content-disposition"] == 'attachment; filename="p2pnode-2027-01.ics"'
    assert "SUMMARY:booked: <script>" in page.source and page.source.count("BEGIN:VEVENT") >= 1


@pytest.mark.parametrize("month", ["2027-13", "0000-01", "9999-12", "x", HOSTILE[4], "-1"])
def test_a_month_that_is_none_is_this_one(street: Street, month: str) -> None:
    page = street.browsers["ben"].get("/calendar", **{})
    assert page.status == 200
    from urllib.parse import urlencode

    assert street.browsers["ben"].get(f"/calendar?{urlencode({'month': month})}").words == page.words
