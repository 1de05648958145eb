"""A whole sale through forms alone, from both sides' pages, without scripts."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.web.browser import Browser, Page
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def follow(page: Page, words: str) -> str:
    """Where the link with these words leads."""
    return next(link for link, text in page.links if words in " ".join(text.split()))


def step(street: Street, who: str, exchange: str, command: str, **typed: str) -> Page:
    """One step on the exchange's page; the other side hears of it."""
    browser = street.browsers[who]
    browser.get(exchange)
    page = browser.submit(f"/do/{command}", **typed)
    street.lab.sim.run(30_000)
    return page


def test_from_the_listing_to_the_rating(street: Street) -> None:
    lab, anna, ben = street.lab, street.browsers["anna"], street.browsers["ben"]
    lab.ask(
        lab.anna, "listing.publish", direction="offer", kind="sell", title="Ten eggs", price="2 hour", text="Fresh."
    )
    lab.sim.run(20_000)
    page = ben.get(follow(ben.get("/"), "Ten eggs"))
    assert "Fresh." in page.words and "2 hour" in page.words
    ben.submit("/do/exchange.propose", quantity="1", note="On Friday?")
    page = ben.submit("/do/exchange.propose")
    assert page.url.startswith("/exchange/") and "Proposed." in page.words and "On Friday?" in page.words
    assert "Proposed." not in ben.get(page.url).words, "it is said once"
    exchange = page.url
    lab.sim.run(20_000)
    page = anna.get("/exchanges")
    assert "Waiting for you" in page.words and follow(page, "Ten eggs") == exchange
    assert "Accepted." in step(street, "anna", exchange, "exchange.accept", note="Gladly").words
    assert "Gladly" in ben.get(exchange).words
    step(street, "anna", exchange, "exchange.handover")
    step(street, "ben", exchange, "exchange.confirm")
    step(street, "ben", exchange, "exchange.pay")
    assert "Settled" in anna.get(exchange).words
    step(street, "ben", exchange, "attest", outcome="2", text="Good eggs")
    step(street, "anna", exchange, "attest", outcome="1")
    for browser in (anna, ben):
        assert "Your turn" not in browser.get(exchange).words
    assert lab.ask(lab.ben, "exchange.show", id=exchange[10:])["attestations"]["mine"]


def proposed(street: Street) -> str:
    lab = street.lab
    listing = lab.ask(lab.anna, "listing.publish", direction="offer", kind="sell", title="Ten eggs", price="2 hour")
    lab.sim.run(20_000)
    made = lab.ask(lab.ben, "exchange.propose", listing=listing["listing_id"])
    lab.sim.run(20_000)
    return f"/exchange/{made['exchange_id']}"


def test_a_double_click_does_it_once(street: Street) -> None:
    lab, ben = street.lab, street.browsers["ben"]
    listing = lab.ask(lab.anna, "listing.publish", direction="offer", kind="sell", title="Ten eggs", price="2 hour")
    lab.sim.run(20_000)
    ben.get(f"/listing/{listing['listing_id']}")
    ben.submit("/do/exchange.propose")
    form = urlencode(ben.page.form("/do/exchange.propose").fields).encode()
    first, second = ben.post("/do/exchange.propose", form), ben.post("/do/exchange.propose", form)
    assert first.url == second.url and len(lab.ask(lab.ben, "exchange.list")) == 1


def test_what_cannot_be_undone_is_asked_about(street: Street) -> None:
    exchange = proposed(street)
    anna = street.browsers["anna"]
    page = step(street, "anna", exchange, "exchange.decline", note="No more eggs")
    assert "This cannot be undone." in page.words
    assert street.lab.ask(street.lab.anna, "exchange.show", id=exchange[10:])["status"] == "proposed"
    assert follow(page, "No, go back") == exchange
    page = anna.submit("/do/exchange.decline")
    assert page.url == exchange and "Declined." in page.words
    street.lab.sim.run(20_000)
    assert street.lab.ask(street.lab.ben, "exchange.show", id=exchange[10:])["status"] == "declined"


def test_what_was_typed_wrong_is_shown_again(street: Street) -> None:
    exchange = proposed(street)
    anna = street.browsers["anna"]
    anna.get(exchange)
    page = anna.submit("/do/exchange.counter", price="dear <b>", note="Then for this", quantity="1")
    form = dict(page.form("/do/exchange.counter").fields)
    assert page.status == 422 and form["price"] == "dear <b>" and form["note"] == "Then for this"
    assert 'role="alert"' in page.source
    page = anna.submit("/do/exchange.counter", price="3 hour", quantity="many")
    assert page.status == 422 and 'aria-invalid="true"' in page.source and "whole number" in page.words
    page = anna.submit("/do/exchange.counter", price="3 hour", quantity="1")
    assert page.status == 200 and "Nothing is proposed yet." in page.words and "pay 3 hour" in page.words
    page = anna.submit("/do/exchange.counter")
    assert page.status == 200 and "on their way" in page.words
    street.lab.sim.run(20_000)
    assert "3 hour" in street.browsers["ben"].get(exchange).words


def test_a_node_that_refuses_is_heard(street: Street) -> None:
    exchange = proposed(street)
    anna = street.browsers["anna"]
    anna.get(exchange)
    stale = urlencode([(k, "f" * 64 if k == "terms" else v) for k, v in anna.page.form("/do/exchange.accept").fields])
    page = anna.post("/do/exchange.accept", stale.encode())
    assert page.status == 422 and 'role="alert"' in page.source
    assert street.lab.ask(street.lab.anna, "exchange.show", id=exchange[10:])["status"] == "proposed"


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_back_leads_nowhere_else(street: Street, back: str) -> None:
    exchange = proposed(street)
    anna: Browser = street.browsers["anna"]
    anna.get(exchange)
    fields = [(k, back if k == "back" else v) for k, v in anna.page.form("/do/exchange.accept").fields]
    assert anna.post("/do/exchange.accept", urlencode(fields).encode()).url == "/"


def test_a_form_with_files_arrives(street: Street) -> None:
    exchange = proposed(street)
    anna = street.browsers["anna"]
    anna.get(exchange)
    fields = anna.page.form("/do/exchange.accept").fields
    parts = [f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields]
    parts.append('--x\r\nContent-Disposition: form-data; name="photos"; filename=""\r\nContent-Type: x\r\n\r\n\r\n')
    page = anna.post("/do/exchange.accept", "".join([*parts, "--x--\r\n"]).encode(), "multipart/form-data; boundary=x")
    assert page.status == 200 and "Accepted." in page.words
    for broken in (b"", b"--x", b"--x\r\n\r\n--x--\r\n", b"a--x--\r\n", b"--y--\r\n"):
        assert anna.post("/do/exchange.accept", broken, "multipart/form-data; boundary=x").status == 400


def test_in_german_nothing_is_left_in_english(street: Street) -> None:
    exchange = proposed(street)
    anna = street.browsers["anna"]
    anna.language = "de"
    words = " ".join(anna.get(exchange).words.split())
    assert "Du bist dran" in words and not re.search(r"\b(Your turn|Who|What|State|until)\b", words)


@pytest.mark.parametrize("many", [None, 1])
def test_who_has_given_it_away_is_told_that_it_still_stands(street: Street, many: int | None) -> None:
    lab, anna = street.lab, street.browsers["anna"]
    fields = {"direction": "offer", "kind": "give", "title": "Blue sofa"} | ({"quantity": many} if many else {})
    listing = lab.ask(lab.anna, "listing.publish", **fields)["listing_id"]
    lab.sim.run(20_000)
    one, other = (lab.ask(lab.ben, "exchange.propose", listing=listing)["exchange_id"] for _ in range(2))
    lab.sim.run(20_000)
    twice, gone, none = "You have promised the same listing", "If it is gone now", "Nothing is left of it"
    page = anna.get(f"/exchange/{one}")
    assert not any(words in page.words for words in (twice, gone, none))
    step(street, "anna", f"/exchange/{one}", "exchange.accept")
    assert (none if many else gone) in anna.get(f"/exchange/{one}").words
    page = anna.get(f"/exchange/{other}")
    assert (none if many else twice) in page.words and follow(page, "Ben" if not many else "The listing")
    lab.ask(lab.anna, "listing.withdraw", id=listing)
    page = anna.get(f"/exchange/{one}")
    assert not any(words in page.words for words in (twice, gone, none))
    assert none not in street.browsers["ben"].get(f"/exchange/{one}").words
