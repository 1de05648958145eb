"""Near: filters, the map of cells, and what to do where nothing is."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from p2pnode.web.finding import arguments, as_query, asked_of
from protocols.errors import Refusal
from protocols.limits import DAY
from tests.web.street import Street, open_street

NOON = 1_800_100_800_000  # 2027-01-16, a Saturday


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def offer(street: Street, title: str, **fields: object) -> str:
    """Ben's own: whatever cell it lies in, he keeps it."""
    lab = street.lab
    given = {"direction": "offer", "kind": "lend", "title": title, **fields}
    made: str = lab.ask(lab.ben, "listing.publish", **given)["listing_id"]
    lab.sim.run(20_000)
    return made


def titles(source: str) -> list[str]:
    return re.findall(r'<h3><a href="/listing/[0-9a-f]+">([^<]*)</a>', source)


def test_a_map_shows_how_much_lies_in_which_cell_and_leads_there(street: Street) -> None:
    ben = street.browsers["ben"]
    for title, area in (("Ladder", "u33dc"), ("Drill", "u33dc"), ("Tent", "u33d8"), ("Snow", "u30z")):
        offer(street, title, area=area)
    page = ben.get("/?show=map")
    assert page.source.count('class="map-cell') == 3
    assert "in your own area: 2 listings" in page.words and "lies farther away" not in page.words
    close = ben.get("/?show=map&reach=25")
    assert "1 listing lies farther away" in close.words and 'title="u30z"' in close.source, "the table has it"
    there = {text.strip(): link for link, text in close.links}["in your own area"]
    page = ben.get(there)
    assert "Only one square of the map: in your own area." in page.words
    assert sorted(titles(page.source)) == ["Drill", "Ladder"]
    page = ben.get("/?show=map&query=tent")
    assert page.source.count('class="map-cell') == 1 and dict(page.form("/").fields)["show"] == "map"
    for reach in ("nan", "inf", "-1", "<b>", "9" * 400):
        assert ben.get(f"/?show=map&reach={reach}").status == 200


def test_a_link_of_a_wide_cell_leads_to_what_says_no_more_than_it(street: Street) -> None:
    ben = street.browsers["ben"]
    offer(street, "Ladder", area="u33dc")
    offer(street, "Somewhere", area="u33d")
    assert titles(ben.get("/?cell=u33d").source) == ["Somewhere"]
    assert titles(ben.get("/?cell=u33dc").source) == ["Ladder"]
    assert "Nothing fits" in ben.get("/?cell=zzzzz").words
    assert ben.get("/?cell=<b>").status == 200


def test_what_is_not_free_on_a_day_is_left_out(street: Street) -> None:
    ben = street.browsers["ben"]
    offer(street, "On Saturdays", when="FREQ=WEEKLY;BYDAY=SA")
    offer(street, "Always")
    saturday = datetime.fromtimestamp(street.lab.now / 1000, UTC).date() + timedelta(days=14)
    saturday += timedelta(days=(5 - saturday.weekday()) % 7)
    assert sorted(titles(ben.get(f"/?free_on={saturday}").source)) == ["Always", "On Saturdays"]
    page = ben.get(f"/?free_on={saturday + timedelta(days=1)}")
    assert titles(page.source) == ["Always"]
    assert dict(page.form("/").fields)["free_on"] == str(saturday + timedelta(days=1))
    assert "That day is over." in ben.get("/?free_on=2001-01-01").words
    assert "That is no day." in ben.get("/?free_on=soon").words


def test_only_from_whom_one_trusts(street: Street) -> None:
    ben = street.browsers["ben"]
    offer(street, "Ladder")
    assert titles(ben.get("/?min_trust=0.4").source) == ["Ladder"]
    page = ben.get("/?min_trust=0.999")
    assert titles(page.source) == [] and "Nothing fits" in page.words
    assert "That is no score." in ben.get("/?min_trust=high").words


def test_an_address_means_a_search_and_back() -> None:
    typed = {"query": "ladder", "within_km": "2,5", "max_price": "1,5 hour", "free_on": "2027-01-16"}
    asked = asked_of({**typed, "min_trust": "0.4", "show": "map"})
    found = arguments(asked, NOON, UTC)
    midnight = NOON - DAY // 2
    assert found == {
        "query": "ladder", "within_km": 2.5, "max_price": "1.5 hour", "min_trust": 0.4,
        "available": NOON, "available_until": midnight + DAY,
    }  # fmt: skip
    assert arguments(asked, midnight - 1, UTC)["available"] == midnight
    assert parse_qs(as_query(asked, cell="u33dc", free_on=None)) == {
        "query": ["ladder"], "within_km": ["2,5"], "max_price": ["1,5 hour"], "min_trust": ["0.4"], "cell": ["u33dc"],
    }  # fmt: skip
    for wrong in ({"within_km": "far"}, {"free_on": "2027-02-30"}, {"free_on": "9999-12-31"}, {"min_trust": "x"}):
        with pytest.raises(Refusal):
            arguments(asked_of(wrong), NOON, UTC)


def test_where_nobody_is_there_is_something_to_do(tmp_path: Path) -> None:
    with open_street(tmp_path, "anna") as street:
        anna, lab = street.browsers["anna"], street.lab
        assert "Be the first" in anna.get("/").words and "p2pnode" not in anna.page.words.split("Near you")[1]
        for other in (lab.ben, lab.cleo, lab.dora):
            lab.sim.crash(other, away=DAY)
        lab.sim.run(20_000)
        page = anna.get("/")
        assert "Nobody is here yet" in page.words
        assert ("/publish?direction=request", "Say what you look for") in page.links
        page = anna.submit("/do/invite")
        assert page.url == "/" and "p2pnode://join/" in page.words and '<img class="code"' in page.source
        assert anna.get("/network?code=invite").fields["content-type"] == "image/svg+xml"


def test_a_card_says_nothing_twice_nothing_untrue_and_whose_it_is(street: Street) -> None:
    lab = street.lab
    offer(street, "Sofa", kind="give")
    lab.ask(lab.anna, "listing.publish", direction="request", kind="want", title="Tent")
    lab.sim.run(20_000)
    cards = re.split(r"<article ", street.browsers["ben"].get("/").source)
    sofa, tent = (next(card for card in cards if f">{title}</a>" in card) for title in ("Sofa", "Tent"))
    assert "by you" in sofa and "free" in sofa and "Gift" in sofa
    assert "by you" not in tent and "card-price" not in tent and tent.count("Wanted") == 1
