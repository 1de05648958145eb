"""Searching farther away: the page says that it is under way, goes on by itself or by a link, and who was asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from p2pnode import commands
from tests.web.hostile import HOSTILE
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "ben") as made:
        yield made


def told(name: str, state: str, more: bool = False) -> dict[str, Any]:
    return {"peer_id": "12D3KooW" + "A" * 44, "name": name, "cell": "u281z", "state": state, "found": 0, "more": more}


def answer(*asked: dict[str, Any], rows: Any = (), step: int = 1, done: bool = True) -> dict[str, Any]:
    return {"search": "5ea4c4", "step": step, "done": done, "asked": list(asked), "rows": list(rows), "hidden": 0}


def asked_for(street: Street, kind: type) -> list[Any]:
    return [args for _, args, _ in street.ports["ben"].calls if type(args) is kind]


def test_others_are_asked_only_when_it_is_asked_for(street: Street) -> None:
    ben = street.browsers["ben"]
    page = ben.get("/?query=ladder&within_km=5&direction=offer")
    link = next(link for link, text in page.links if text == "Search farther away")
    ben.get("/farther?query=ladder")
    assert not asked_for(street, commands.BeginSearch)
    street.ports["ben"].answers[commands.BeginSearch] = answer(told("Cleo", "silent"))
    page = ben.get(link)
    (sent,) = asked_for(street, commands.BeginSearch)
    assert (sent.query, sent.direction, sent.everywhere, sent.within_km, sent.cell) == (
        "ladder", "offer", True, None, None,
    )  # fmt: skip
    assert "Nobody has it" in page.words and "did not answer" in page.words and "Cleo" in page.words
    assert 'hx-trigger="load"' not in page.source


def test_what_comes_is_shown_as_it_comes(street: Street) -> None:
    ben, lab, port = street.browsers["ben"], street.lab, street.ports["ben"]
    made = lab.ask(lab.ben, "listing.publish", direction="offer", kind="lend", title="Ladder")
    row = {**lab.ask(lab.ben, "listing.show", id=made["listing_id"]), "distance_km": 52.0}
    port.answers[commands.BeginSearch] = answer(told("Cleo", "asked"), told("Dora", "answered"), done=False)
    port.answers[commands.MoreOfSearch] = answer(told("Cleo", "answered", True), rows=[row], step=2)
    page = ben.get("/farther?go=yes&query=ladder&place=52.52,13.41")
    assert asked_for(street, commands.BeginSearch)[0].cell == "u33dc0"
    assert "1 of 2 have answered" in page.words and 'hx-trigger="load"' in page.source
    page = ben.get(next(link for link, text in page.links if text == "Show what has come"))
    (sent,) = asked_for(street, commands.MoreOfSearch)
    assert (sent.search, sent.step) == ("5ea4c4", 1)
    assert ("/listing/" + made["listing_id"], "Ladder") in page.links and "There is more" in page.words
    assert 'hx-trigger="load"' not in page.source
    assert dict(page.form("/farther").fields)["place"] == "52.52,13.41"


def test_what_cannot_be_meant_is_said(street: Street) -> None:
    ben = street.browsers["ben"]
    for text in HOSTILE[:4]:
        page = ben.get("/farther?" + urlencode({"go": "yes", "place": text}))
        assert page.status == 200 and "notice-error" in page.source
    for step in ("x", "-1"):
        page = ben.get(f"/farther?search=5ea4c4&step={step}")
        assert page.status == 200 and "Search again" in page.words
    port = street.ports["ben"]
    port.answers[commands.BeginSearch] = answer(*(told(text, "unsound") for text in HOSTILE), told("x", "new word"))
    page = ben.get("/farther?go=yes")
    assert "<script>alert(1)</script>" in page.words and page.words.count("is not believed") == len(HOSTILE)
