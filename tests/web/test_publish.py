"""Publishing by forms alone: the kind, the fields that fit it, a look before it is signed; and what is typed wrong."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from p2pnode.web.areas import size_of
from p2pnode.web.drafting import drafted, prices_of, values_of
from p2pnode.web.forms import Malformed
from p2pnode.web.kind_words import ABOUT, FOR_NOTHING, ORDER, fields_of, per_of
from p2pnode.web.words import KIND
from protocols.templates import parse_template, templates
from tests.web.browser import Page
from tests.web.hostile import HOSTILE
from tests.web.street import Street, open_street

_EXAMPLE = (Path(__file__).parents[2] / "docs" / "examples" / "kinds" / "tool-library.toml").read_text()
OWN_KIND = re.sub(
    "^about = .*$", "about = '<script>alert(1)</script> 100 %'",
    re.sub("^title = .*$", "title = 'Sauna <b>evening</b>'", _EXAMPLE, flags=re.MULTILINE), flags=re.MULTILINE,
)  # fmt: skip


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def listed(street: Street) -> list[dict[str, object]]:
    found: list[dict[str, object]] = street.lab.ask(street.lab.ben, "listing.list")
    return found


def looked(street: Street, path: str, **typed: str) -> Page:
    ben = street.browsers["ben"]
    ben.get(path)
    return ben.submit("/do/listing.publish", **typed)


def test_from_the_kind_to_the_listing(street: Street) -> None:
    ben = street.browsers["ben"]
    page = ben.get("/publish?direction=request")
    links = [link for link, _ in page.links]
    assert "/publish/want?direction=request" in links and "/publish/lend?direction=request" in links
    page = looked(street, "/publish/lend?direction=request", title="A ladder", text="6 m", **{"tags:list": "a, b"})
    assert "Nothing is published yet" in page.words and "6 m" in page.words and not listed(street)
    assert "a field of 3 × 4.9 km" in page.words, "it is said what others see of the place"
    page = ben.submit("/do/listing.publish")
    (row,) = listed(street)
    assert page.url == f"/listing/{row['listing_id']}" and "Published." in page.words
    assert (row["direction"], row["kind"], row["title"], row["tags"]) == ("request", "lend", "A ladder", ["a", "b"])


def test_a_text_of_several_lines_is_looked_at_changed_and_published_as_it_was_typed(street: Street) -> None:
    ben = street.browsers["ben"]
    page = looked(street, "/publish/lend", title="A ladder", text="6 m\nof wood")
    for _ in range(2):
        seen = page.form("/do/listing.publish", {"text": "6 m\nof wood"}).fields
        fields = [(name, value.replace("\n", "\r\n")) for name, value in seen]
        ben.post("/do/listing.publish", urlencode([*fields, ("look", "again")]).encode())
        page = ben.submit("/do/listing.publish")
    ben.submit("/do/listing.publish")
    assert [row["text"] for row in listed(street)] == ["6 m\nof wood"]


def test_looking_twice_publishes_once_and_changing_keeps_what_was_typed(street: Street) -> None:
    ben = street.browsers["ben"]
    page = looked(street, "/publish/rent", title="Trailer", price="2,5", **{"price:per": "day"})
    assert "2.5 hours per day" in page.words
    fields = page.form("/do/listing.publish").fields
    page = ben.post("/do/listing.publish", urlencode([*fields, ("look", "again")]).encode())
    typed = dict(page.form("/do/listing.publish").fields)
    assert page.status == 200 and typed["price"] == "2,5" and typed["price:per"] == "day" and not listed(street)
    assert 'role="alert"' not in page.source
    for _ in range(2):
        ben.post("/do/listing.publish", urlencode(fields).encode())
    assert [row["price"] for row in listed(street)] == [{"amount": 250, "unit": "hour", "per": "day"}]


@pytest.mark.parametrize(
    ("field", "text"),
    [("price", "dear"), ("area", "nowhere"), ("when", "never"), ("until", "soon"), ("on:from", "2030-01-01T10:00"),
     ("quantity", "some")],
)  # fmt: skip
def test_what_is_typed_wrong_is_said_before_anything_is_published(street: Street, field: str, text: str) -> None:
    page = looked(street, "/publish/rent", title="Trailer", **{field: text})
    assert page.source.count(" autofocus>") == 1, "it is scrolled to, however long the page is"
    assert page.status == 422 and "wrong" in page.source and not listed(street)
    assert dict(page.form("/do/listing.publish").fields)["title"] == "Trailer"


def test_times_by_days_by_rule_and_by_hand(street: Street) -> None:
    ben = street.browsers["ben"]
    fields = [*ben.get("/publish/rent").form("/do/listing.publish").fields, ("title", "Trailer")]
    plain = [(k, v) for k, v in fields if k not in ("look", "on:from", "on:until") and (k, v) != ("title", "")]
    days = [*plain, ("when:days", "sat"), ("when:days", "sun")]
    ben.post("/do/listing.publish", urlencode(days).encode())
    assert listed(street)[0]["when"] == "FREQ=WEEKLY;BYDAY=SA,SU" and listed(street)[0]["zone"]
    slots = [("on:from", "2027-02-01T10:00"), ("on:until", "2027-02-01T12:00"), ("on:from", ""), ("on:until", "")]
    ben.get("/publish/rent")
    anew = [(k, v) for k, v in plain if k != "request_id"]
    ben.post("/do/listing.publish", urlencode([*anew, *slots, ("request_id", "f" * 32)]).encode())
    (on,) = [row["on"] for row in listed(street) if row["on"]]
    assert len(on) == 1 and on[0]["until"] - on[0]["from"] == 7_200_000  # type: ignore[index,arg-type]
    both = [*anew, *slots, ("when:days", "sat"), ("request_id", "e" * 32)]
    assert ben.post("/do/listing.publish", urlencode(both).encode()).status == 422


def test_what_the_like_costs_is_said(street: Street) -> None:
    for price in ("2 hour", "3 hour", "9 hour"):
        street.lab.ask(street.lab.anna, "listing.publish", direction="offer", kind="sell", title="Eggs", price=price)
    street.lab.sim.run(20_000)
    words = " ".join(street.browsers["ben"].get("/publish/sell").words.split())
    assert "3 like it near you ask 2 hours to 9 hours, most around 3 hours." in words
    assert "like it" not in street.browsers["anna"].get("/publish/sell").words, "not what one asks oneself"


def test_prices_are_compared_by_unit_and_by_what_they_are_for() -> None:
    def row(amount: int, per: str, mine: bool = False) -> dict[str, object]:
        return {"price": {"amount": amount, "unit": "hour", "per": per}, "mine": mine}

    found = prices_of(
        [row(4, "day"), row(1, "hour"), row(2, "day"), row(8, "day", True), {"price": None, "mine": False}]
    )
    assert [(one["n"], one["low"]["amount"], one["middle"]["per"]) for one in found] == [(2, 2, "day"), (1, 1, "hour")]
    assert prices_of([]) == []


def test_a_copy_becomes_a_new_listing(street: Street) -> None:
    ben = street.browsers["ben"]
    first = street.lab.ask(
        street.lab.ben, "listing.publish", direction="offer", kind="rent", title="Trailer", price="2 hour/day",
        when="sat", zone="Europe/Berlin", instant=True, orders=86_400_000, handover="fetch",
    )  # fmt: skip
    looked(street, f"/publish/rent?copy={first['listing_id']}")
    page = ben.submit("/do/listing.publish")
    second = street.lab.ask(street.lab.ben, "listing.show", id=page.url[9:])
    assert second["listing_id"] != first["listing_id"]
    for field in ("title", "price", "when", "zone", "labels", "text", "tags", "kind", "direction"):
        assert second[field] == first[field], field


def test_hostile_words_come_back_as_they_were_typed(street: Street) -> None:
    ben = street.browsers["ben"]
    state = street.lab.ben.core.state
    own = parse_template(OWN_KIND, "own.toml")
    state.settings = replace(state.settings, kinds={own.kind: own})
    assert "<script>alert(1)</script> 100 %" in ben.get("/publish").words
    assert "Sauna <b>evening</b>" in ben.get(f"/publish/{own.kind}").words
    for text in HOSTILE:
        page = looked(street, f"/publish/{own.kind}", title=text[:100], text=text, goal=text[:40], to=text[:40])
        assert dict(page.form("/do/listing.publish").fields)["text"].strip() == text.strip()
        page = looked(street, f"/publish/{own.kind}", title=text[:100], text=text, **{"tags:list": "x"})
        assert "Nothing is published yet" in page.words and text[:100] in page.words
        assert ben.get(f"/publish?{urlencode({'direction': text})}").status == 200
        assert ben.get(f"/publish/rent?{urlencode({'direction': text, 'copy': text})}").status in (400, 404)


def test_without_a_network_it_is_a_draft(street: Street) -> None:
    shown = drafted({"price": "2 hour/day"}, None, "")
    assert shown["asks"] == "2 hour/day" and shown["price"] is None
    with pytest.raises(Malformed) as wrong:
        drafted({"when": "never"}, None, "")
    assert wrong.value.field == "when"
    assert size_of("") is None and values_of({"title": "x", "text": "", "asks": "2/day"}, None)["price"] == "2/day"


def test_a_cell_says_how_large_it_is() -> None:
    wide, high = size_of("u33dc") or (0, 0)
    assert 2.9 < wide < 3.1 and 4.8 < high < 5.0


def test_every_kind_has_its_words_and_stands_somewhere() -> None:
    assert ABOUT.keys() == templates().keys() == KIND.keys()
    assert set(ORDER["offer"]) | set(ORDER["request"]) == ABOUT.keys()
    assert ABOUT.keys() >= FOR_NOTHING
    assert "price" not in fields_of({"kind": "give", "goal": None, "duties": (), "slot": False})
    assert per_of("rent", "moon")[-1] == "moon" and per_of("rent", "day").count("day") == 1


def test_a_price_in_another_unit_is_said_to_be_beside_the_credit(street: Street) -> None:
    said = "not in the neighbourhood's credit: “Pay” moves nothing"
    page = looked(street, "/publish/sell", title="A pie", price="3 eggs")
    assert f"The price is in eggs, {said}" in page.words
    assert said not in looked(street, "/publish/sell", title="A pie", price="3 hours").words
    pie = {"direction": "offer", "kind": "sell", "title": "Pie", "price": "3 eggs"}
    made = street.lab.ask(street.lab.ben, "listing.publish", **pie)
    street.lab.sim.run(30_000)
    deal = street.lab.ask(street.lab.anna, "exchange.propose", listing=made["listing_id"])["exchange_id"]
    street.lab.sim.run(30_000)
    assert said in street.browsers["ben"].get(f"/exchange/{deal}").words
    anna = street.browsers["anna"]
    anna.get(f"/listing/{made['listing_id']}")
    looked_at = anna.submit("/do/exchange.propose", price="2 eggs")
    assert "The price is in eggs, not in the network's credit" in looked_at.words
    anna.get(f"/listing/{made['listing_id']}")
    assert "not in the network's credit" not in anna.submit("/do/exchange.propose", price="2").words
