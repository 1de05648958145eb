"""Your own listings by forms alone: change, pause, prolong, take back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.web.hostile import HOSTILE
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def publish(street: Street, **fields: Any) -> str:
    given = {"direction": "offer", "kind": "rent", "title": "Trailer", "price": "2 hour/day", **fields}
    found: str = street.lab.ask(street.lab.ben, "listing.publish", **given)["listing_id"]
    street.lab.sim.run(20_000)
    return found


def shown(street: Street, listing: str) -> dict[str, Any]:
    found: dict[str, Any] = street.lab.ask(street.lab.ben, "listing.show", id=listing)
    return found


def test_nothing_yet_says_what_to_do(street: Street) -> None:
    page = street.browsers["ben"].get("/mine")
    assert "published nothing yet" in page.words and "/publish?direction=request" in [link for link, _ in page.links]


def test_pause_prolong_and_take_back(street: Street) -> None:
    ben, listing = street.browsers["ben"], publish(street)
    assert "held by 3 neighbours" in ben.get("/mine").words
    page = ben.submit("/do/listing.pause")
    assert page.url == "/mine" and "paused" in page.words and shown(street, listing)["paused"]
    ben.submit("/do/listing.resume")
    assert not shown(street, listing)["paused"]
    assert ben.submit("/do/listing.renew").url == "/mine"
    page = ben.submit("/do/listing.withdraw")
    assert "This cannot be undone." in page.words and len(street.lab.ask(street.lab.ben, "listing.list")) == 1
    page = ben.submit("/do/listing.withdraw")
    assert page.url == "/mine" and "Taken back." in page.words and not street.lab.ask(street.lab.ben, "listing.list")


def test_all_are_paused_until_a_day(street: Street) -> None:
    ben = street.browsers["ben"]
    first, second = publish(street), publish(street, title="Ladder")
    page = ben.get("/mine")
    form = next(f for f in page.forms if ("until", "") in f.fields)
    fields = [(k, "2027-02-01" if k == "until" else v) for k, v in form.fields]
    page = ben.post("/do/listing.pause", urlencode(fields).encode())
    assert shown(street, first)["back_at"] == shown(street, second)["back_at"] and shown(street, first)["paused"]
    assert "Offer all again" in page.words and page.words.count("paused") >= 2


def test_change_keeps_what_is_not_touched(street: Street) -> None:
    ben = street.browsers["ben"]
    listing = publish(
        street,
        text="Red",
        tags=["a"],
        when="sat,sun",
        zone="Europe/Berlin",
        quantity=2,
        instant=True,
        orders=86_400_000,
    )
    before = shown(street, listing)
    ben.get(f"/listing/{listing}/edit")
    page = ben.submit("/do/listing.edit", title="Big trailer")
    after = shown(street, listing)
    assert page.url == f"/listing/{listing}" and after["title"] == "Big trailer"
    for field in ("text", "tags", "labels", "when", "zone", "price", "quantity", "area", "kind"):
        assert after[field] == before[field], field


def test_what_is_emptied_is_cleared(street: Street) -> None:
    ben = street.browsers["ben"]
    listing = publish(street, text="Red", tags=["a", "b"], instant=True)
    ben.get(f"/listing/{listing}/edit")
    ben.submit("/do/listing.edit", text="", price="", instant="no", **{"tags:list": ""})
    after = shown(street, listing)
    assert (after["text"], after["price"], after["tags"], after["labels"]["instant"]) == ("", None, [], False)


def test_what_was_changed_wrong_is_shown_again(street: Street) -> None:
    ben, listing = street.browsers["ben"], publish(street)
    ben.get(f"/listing/{listing}/edit")
    page = ben.submit("/do/listing.edit", price="dear", title="Other")
    assert page.status == 422 and dict(page.form("/do/listing.edit").fields)["title"] == "Other"
    assert shown(street, listing)["title"] == "Trailer"


def test_somebody_else_s_listing_is_not_changed(street: Street) -> None:
    page = street.browsers["anna"].get(f"/listing/{publish(street)}/edit")
    assert page.status == 403 and "somebody else" in page.source and '<form class="form' not in page.source


def test_hostile_words_of_one_s_own_do_nothing_either(street: Street) -> None:
    ben = street.browsers["ben"]
    for text in HOSTILE[:6]:
        listing = publish(street, title=text[:100], text=text)
        assert ben.get(f"/listing/{listing}/edit").status == 200
        assert dict(ben.page.form("/do/listing.edit").fields)["title"] == text[:100]
    assert HOSTILE[0] in ben.get("/mine").words
