"""What fits: searches that were saved on the page, what arrives for them, and taking it off the list."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.hostile import HOSTILE
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def offer(street: Street, title: str, **fields: object) -> str:
    lab = street.lab
    given = {"direction": "offer", "kind": "lend", "title": title, **fields}
    made: str = lab.ask(lab.anna, "listing.publish", **given)["listing_id"]
    lab.sim.run(20_000)
    return made


def test_the_search_on_the_screen_is_saved_and_tells_of_what_arrives(street: Street) -> None:
    ben = street.browsers["ben"]
    page = ben.get("/?query=ladder&direction=offer&within_km=2,5&max_price=3+hour&min_trust=0.4&free_on=2037-06-01")
    assert "Nothing fits" in page.words and dict(page.form("/do/search.save").fields)["name"] == "ladder"
    page = ben.submit("/do/search.save", name="for the roof")
    assert page.url == "/notices", page.words
    for words in ("for the roof", "“ladder”", "offers", "within 2.5 km", "at most 3 hour", "free on 1 Jun 2037", "0.4"):
        assert words in page.words, words
    again = ben.get(next(link for link, text in page.links if text == "for the roof"))
    fields = dict(again.form("/").fields)
    assert fields["query"] == "ladder" and fields["free_on"] == "2037-06-01" and fields["min_trust"] == "0.4"
    offer(street, "Drill")
    ladder = offer(street, "Ladder, 6 m")
    page = ben.get("/notices")
    assert ("/listing/" + ladder, "Ladder, 6 m") in page.links and "Drill" not in page.words
    assert "1 new" in page.words and '<span class="count" title="new">1</span>' in page.source
    page = ben.submit("/do/notices.seen")
    assert "1 new" not in page.words and "You have seen everything." in page.words and "Ladder, 6 m" in page.words
    page = ben.submit("/do/notices.dismiss")
    assert page.url == "/notices" and "Ladder, 6 m" not in page.words and "Nothing has come yet" in page.words


def test_a_saved_search_rests_goes_on_and_ends(street: Street) -> None:
    ben, lab = street.browsers["ben"], street.lab
    lab.ask(lab.ben, "search.save", name="ladders", search={"query": "ladder"})
    page = ben.get("/notices")
    page = ben.submit("/do/search.pause")
    assert "paused" in page.words
    offer(street, "Ladder, 6 m")
    assert "Ladder, 6 m" not in ben.get("/notices").words
    ben.submit("/do/search.resume")
    offer(street, "Ladder, 3 m")
    page = ben.get("/notices")
    assert "Ladder, 3 m" in page.words and "Ladder, 6 m" not in page.words
    page = ben.submit("/do/search.forget")
    assert "None yet." in page.words and "Ladder, 3 m" in page.words and "ladders" in page.words


def test_what_goes_with_a_listing_of_ones_own_names_it_and_what_is_new_comes_first(street: Street) -> None:
    ben, lab = street.browsers["ben"], street.lab
    mine = lab.ask(lab.ben, "listing.publish", direction="request", kind="lend", title="Ladder wanted")["listing_id"]
    offer(street, "Ladder, first")
    lab.ask(lab.ben, "notices.seen")
    theirs = offer(street, "Ladder, second")
    offer(street, "Ladder, third")
    lab.ask(lab.ben, "notices.seen", listing=theirs)
    page = ben.get("/notices")
    order = [page.words.index(f"Ladder, {word}") for word in ("third", "second", "first")]
    assert order == sorted(order) and (f"/listing/{mine}", "Ladder wanted") in page.links
    lab.ask(lab.anna, "listing.withdraw", id=theirs)
    lab.sim.run(20_000)
    page = ben.get("/notices")
    assert "is no longer there" in page.words and "/listing/" + theirs not in [link for link, _ in page.links]


def test_names_and_titles_do_nothing(street: Street) -> None:
    ben, lab = street.browsers["ben"], street.lab
    for text in HOSTILE:
        lab.ask(lab.ben, "search.save", name=text[:64], search={"query": text, "kind": "lend"})
    lab.ask(lab.ben, "search.save", name="all", search={"kind": "lend"})
    for text in HOSTILE:
        offer(street, text)
    page = ben.get("/notices")
    assert page.status == 200 and page.words.count("<script>alert(1)</script>") >= 3
    assert ben.get("/?query=x").status == 200
