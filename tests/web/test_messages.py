"""Messages on the page: in the exchange's thread, with a neighbour, in the inbox; written, read and erased by forms."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode.web.views import exchange as exchange_view
from p2pnode.web.views import neighbour as neighbour_view
from tests.web.browser import Browser
from tests.web.hostile import HOSTILE, mixed
from tests.web.street import Street, open_street
from tests.web.test_inbox import begun


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def id_of(street: Street, name: str) -> str:
    found: str = street.lab.ask(getattr(street.lab, name), "status")["peer_id"]
    return found


def count(browser: Browser) -> str:
    found = re.search(r'class="count" title="waiting for you">(\d+)<', browser.get("/inbox").source)
    return found[1] if found else ""


def test_a_word_in_an_exchange_is_written_delivered_read_and_answered(street: Street) -> None:
    anna, ben, exchange = street.browsers["anna"], street.browsers["ben"], begun(street)
    ben.get(f"/exchange/{exchange}")
    page = ben.submit("/do/message.send", text="I am ten minutes late.\nSorry!")
    street.lab.sim.run(20_000)
    assert page.url == f"/exchange/{exchange}" and "It is on its way." in page.words
    page = ben.get(f"/exchange/{exchange}")
    assert "I am ten minutes late." in page.words and "delivered" in page.words
    assert "1 new message" in anna.get("/inbox").words and "I am ten minutes late." in anna.get("/inbox").words
    assert count(anna) == "2", "the proposal and the message"
    page = anna.get(f"/exchange/{exchange}")
    lines = re.findall(r'<li class="line.*?</li>', page.source, re.DOTALL)
    assert "proposed this exchange" in lines[0] and "Sorry!" in lines[1] and ">Ben<" in lines[1]
    page = anna.submit("/do/message.seen")
    assert page.url == f"/exchange/{exchange}" and "Marked as read." in page.words and count(anna) == "1"
    anna.get(f"/exchange/{exchange}")
    anna.submit("/do/message.send", text="No hurry")
    street.lab.sim.run(20_000)
    assert "No hurry" in ben.get(f"/exchange/{exchange}").words


def test_neighbours_write_outside_an_exchange_too(street: Street) -> None:
    anna, ben = street.browsers["anna"], street.browsers["ben"]
    ben.get(f"/neighbour/{id_of(street, 'anna')}")
    ben.submit("/do/message.send", text="Is the ladder free?")
    street.lab.sim.run(20_000)
    page = anna.get("/inbox")
    assert "1 thread with something new" in page.words and "from a stranger" in page.words
    there = next(link for link, text in page.links if "Is the ladder free?" in text)
    assert there == f"/neighbour/{id_of(street, 'ben')}"
    page = anna.get(there)
    assert "Messages between you" in page.words and "Is the ladder free?" in page.words
    anna.submit("/do/message.send", text="It is")
    street.lab.sim.run(20_000)
    assert "You have seen everything." in anna.get("/inbox").words
    assert "Anna: It is" in ben.get("/inbox").words
    exchange = begun(street)
    ben.get(f"/exchange/{exchange}")
    ben.submit("/do/message.send", text="About the eggs")
    page = ben.get(f"/neighbour/{id_of(street, 'anna')}")
    assert (f"/exchange/{exchange}", "about your exchange") in page.links


def test_hostile_words_are_shown_as_they_were_written(street: Street) -> None:
    lab, anna = street.lab, street.browsers["anna"]
    exchange = begun(street)
    for number in range(0, len(HOSTILE), 4):
        text = " ".join(HOSTILE[number : number + 4])
        lab.ask(lab.ben, "message.send", peer="Anna", text=text, **({"exchange": exchange} if number % 8 else {}))
    lab.ask(lab.ben, "message.send", peer="Anna", text=mixed(1_000), exchange=exchange)
    lab.ask(lab.anna, "message.send", peer="Ben", text=mixed(900))
    lab.sim.run(60_000)
    for path in ("/inbox", f"/exchange/{exchange}", f"/neighbour/{id_of(street, 'ben')}"):
        assert HOSTILE[0] in anna.get(path).words, path


def test_one_is_erased_after_a_question(street: Street) -> None:
    lab, anna = street.lab, street.browsers["anna"]
    lab.ask(lab.ben, "message.send", peer="Anna", text="Forget this")
    lab.sim.run(20_000)
    anna.get(f"/neighbour/{id_of(street, 'ben')}")
    page = anna.submit("/do/message.erase")
    assert "Erase this message on this machine?" in page.words
    page = anna.submit("/do/message.erase")
    assert "Erased on this machine." in page.words and "Forget this" not in page.words


def test_what_cannot_be_sent_stays_in_the_form(street: Street) -> None:
    ben = street.browsers["ben"]
    ben.get(f"/neighbour/{id_of(street, 'anna')}")
    page = ben.submit("/do/message.send", text="x" * 1_001)
    assert "at most 1000" in page.words and "x" * 1_001 in page.source


def test_in_german(tmp_path: Path) -> None:
    with open_street(tmp_path, "anna", "ben", language="de") as street:
        anna = street.browsers["anna"]
        street.lab.ask(street.lab.ben, "message.send", peer="Anna", text="Bin gleich da")
        street.lab.sim.run(20_000)
        assert "1 neue Nachricht" in anna.get("/inbox").words
        page = anna.get(f"/neighbour/{id_of(street, 'ben')}")
        assert "von jemand Unbekanntem" in page.words and "Eine Nachricht schreiben" in page.words


def test_what_stays_of_a_neighbour_who_is_gone_is_read_and_erased(street: Street) -> None:
    """The inbox led to a page that did not exist, and went on calling it new."""
    anna, ben = street.browsers["anna"], street.browsers["ben"]
    ben.get(f"/neighbour/{id_of(street, 'anna')}")
    ben.submit("/do/message.send", text="Is the ladder free?")
    street.lab.sim.run(20_000)
    author, directory = street.lab.signer(street.lab.ben).author, street.lab.anna.core.state.directory
    directory.forget(author, directory._records[author])
    there = next(link for link, text in anna.get("/inbox").links if "Is the ladder free?" in text)
    page = anna.get(there)
    assert page.status == 200 and "Is the ladder free?" in page.words and author.hex()[:8] in page.words
    assert "/do/message.send" not in page.source, "nobody is there to write to"
    anna.submit("/do/message.seen")
    assert "new message" not in anna.get("/inbox").words
    anna.get(there)
    anna.submit("/do/message.erase")
    anna.submit("/do/message.erase")  # asked whether it shall be
    assert "Is the ladder free?" not in anna.get("/inbox").words


def test_what_comes_after_the_page_was_drawn_stays_new(street: Street) -> None:
    lab, anna = street.lab, street.browsers["anna"]
    exchange, ben = begun(street), id_of(street, "ben")
    for path, about in ((f"/exchange/{exchange}", {"exchange": exchange}), (f"/neighbour/{ben}", {})):
        lab.ask(lab.ben, "message.send", peer="Anna", text="I am late", **about)
        lab.sim.run(20_000)
        anna.get(path)
        lab.ask(lab.ben, "message.send", peer="Anna", text="Open the door, please", **about)
        lab.sim.run(20_000)
        anna.submit("/do/message.seen")
        assert [row["text"] for row in lab.ask(lab.anna, "message.list", new=True)] == ["Open the door, please"]
        anna.submit("/do/message.seen")
        assert lab.ask(lab.anna, "message.list", new=True) == []


def test_what_is_new_is_shown_however_much_was_written_since(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could not be marked as read else, and was counted for ever."""
    lab, anna, exchange = street.lab, street.browsers["anna"], begun(street)
    for module in (exchange_view, neighbour_view):
        monkeypatch.setattr(module, "SHOWN", 2)
    for number in range(4):
        lab.ask(lab.ben, "message.send", peer="Anna", text=f"Line {number}", exchange=exchange)
        lab.sim.run(20_000)
    for path in (f"/exchange/{exchange}", f"/neighbour/{id_of(street, 'ben')}"):
        words = anna.get(path).words
        assert [words.index(f"Line {n}") for n in range(4)] == sorted(words.index(f"Line {n}") for n in range(4))
    anna.submit("/do/message.seen")
    assert lab.ask(lab.anna, "message.list", new=True) == []
    assert "Line 1" not in anna.get(f"/neighbour/{id_of(street, 'ben')}").words
