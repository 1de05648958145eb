"""What is asked beyond the listing, and what goes otherwise than agreed, through forms alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from protocols.limits import DAY
from tests.web.browser import Page
from tests.web.hostile import HOSTILE
from tests.web.street import Street, open_street

CANCEL = "/do/exchange.cancel"


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben", "cleo") as made:
        yield made


def ask(street: Street, who: str, name: str, /, **fields: Any) -> Any:
    answer = street.lab.ask(getattr(street.lab, who), name, **fields)
    street.lab.sim.run(30_000)
    return answer


def act(street: Street, who: str, exchange: str, command: str, **typed: str) -> Page:
    browser = street.browsers[who]
    browser.get(f"/exchange/{exchange}")
    page = browser.submit(f"/do/{command}", **typed)
    if "This cannot be undone." in page.words:
        page = browser.submit(f"/do/{command}")
    street.lab.sim.run(30_000)
    return page


def shown(street: Street, exchange: str, who: str = "anna") -> Any:
    return ask(street, who, "exchange.show", id=exchange)


def offered(street: Street, **fields: Any) -> str:
    given = {"direction": "offer", "kind": "rent", "title": "Trailer", "price": "2 hour/day", **fields}
    listing: str = ask(street, "anna", "listing.publish", **given)["listing_id"]
    return listing


def test_all_that_can_be_asked_for_is_a_field(street: Street) -> None:
    ben, listing = street.browsers["ben"], offered(street)
    ben.get(f"/listing/{listing}")
    page = ben.submit(
        "/do/exchange.propose", start="2027-01-23T10:00", end="2027-01-24T10:00", deposit="0,50", mediator="Cleo",
        witness="Dora", cancel_until="1d", fee="0.25", within="2h", **{"form:": "full"},
    )  # fmt: skip
    words = "".join(page.words.split("\n"))
    assert page.status == 200, words
    for text in ("Nothing is proposed yet.", "MediatorCleo", "WitnessesDora", "Deposit0.5 hour", "May cancel alone"):
        assert text in words, text
    made = ben.submit("/do/exchange.propose").url[10:]
    terms = shown(street, made, "ben")["terms"]
    assert terms["form"] == 2 and terms["deposit"]["amount"] == 50 and terms["mediator"]["name"] == "Cleo"
    assert [one["name"] for one in terms["witnesses"]] == ["Dora"] and len(terms["may_cancel"]) == 2


def test_a_counter_is_looked_at_and_can_do_without(street: Street) -> None:
    listing = offered(street, kind="sell", price="2 hour")
    made = ask(street, "ben", "exchange.propose", listing=listing, mediator="Cleo", witness=["Dora"])["exchange_id"]
    street.lab.sim.run(30_000)
    anna = street.browsers["anna"]
    anna.get(f"/exchange/{made}")
    form = anna.page.form("/do/exchange.counter")
    fields = [*form.fields, ("empty", "witness"), ("empty", "mediator")]
    fields = [(name, "1,25" if name == "price" else value) for name, value in fields]
    page = anna.post("/do/exchange.counter", _sent(fields))
    words = " ".join(page.words.split())
    assert "Nothing is proposed yet." in words and "1.25 hour" in words and "Mediator" not in words
    assert shown(street, made)["status"] == "proposed"
    page = anna.submit("/do/exchange.counter")
    assert "on their way" in page.words
    terms = shown(street, made)["terms"]
    assert terms["price"]["amount"] == 125 and not terms["witnesses"] and not terms["mediator"]


def test_of_a_booking_the_times_say_how_long_and_one_field_how_many(street: Street) -> None:
    listing = offered(street, quantity=2)
    start = street.lab.now + DAY
    booked = ask(street, "ben", "exchange.propose", listing=listing, start=start, end=start + 2 * DAY)["exchange_id"]
    plain = ask(street, "ben", "exchange.propose", listing=offered(street, kind="sell"), quantity=2)["exchange_id"]
    for made, field in ((booked, "items"), (plain, "quantity")):
        fields = dict(street.browsers["anna"].get(f"/exchange/{made}").form("/do/exchange.counter").fields)
        assert {"items", "quantity"} & set(fields) == {field}


def test_a_mediator_decides_by_choosing_who_is_paid(street: Street) -> None:
    ask(street, "anna", "peers.name", peer="Ben", name=HOSTILE[1])
    ask(street, "cleo", "peers.name", peer="Ben", name=HOSTILE[1])
    listing = offered(street, kind="help", price="1 hour")
    made = ask(street, "ben", "exchange.propose", listing=listing, mediator="Cleo", form="full")["exchange_id"]
    street.lab.sim.run(30_000)
    act(street, "anna", made, "exchange.accept")
    act(street, "anna", made, "exchange.done", note="Here it is")
    act(street, "ben", made, "exchange.dispute", note="It is bent")
    page = street.browsers["cleo"].get(f"/exchange/{made}")
    assert HOSTILE[1] in page.words and "p2pnode exchange" not in page.words.partition("As files")[0]
    peers = {duty["provider_name"]: duty["provider"] for duty in shown(street, made, "cleo")["duties"]}
    act(street, "cleo", made, "exchange.rule", award="0,50", to=peers["Anna"], note="Half of it")
    amendment = shown(street, made)["amendment"]
    assert amendment["ruling"] and "0.5 hour" in " ".join(amendment["changes"])


def test_one_of_several_is_confirmed(street: Street) -> None:
    listing = offered(street, kind="help", price="4 hour")
    made = ask(street, "ben", "exchange.propose", listing=listing, instalments=2)["exchange_id"]
    street.lab.sim.run(30_000)
    act(street, "anna", made, "exchange.accept")
    page = street.browsers["anna"].get(f"/exchange/{made}")
    assert "In a terminal" not in page.words
    duties = [duty["id"] for duty in shown(street, made)["duties"] if duty["action"] != "pay"]
    act(street, "anna", made, "exchange.done", duty=duties[0])
    states = {duty["id"]: duty["state"] for duty in shown(street, made)["duties"]}
    assert states[duties[0]] == "done" and states[duties[1]] == "pending"


def test_what_ended_it_is_a_file(street: Street) -> None:
    made = ask(street, "ben", "exchange.propose", listing=offered(street, kind="sell", price="2"))["exchange_id"]
    street.lab.sim.run(30_000)
    assert "What ended or moved it" not in street.browsers["anna"].get(f"/exchange/{made}").words
    act(street, "anna", made, "exchange.decline")
    page = street.browsers["anna"].get(f"/exchange/{made}")
    assert f"/exchange/{made}?file=rebuttal" in [link for link, _ in page.links]
    assert street.browsers["anna"].get(f"/exchange/{made}?file=rebuttal").status == 200


def test_a_proposal_is_declined_by_one_and_taken_back_by_the_other(street: Street) -> None:
    made = ask(street, "ben", "exchange.propose", listing=offered(street, kind="sell", price="2"))["exchange_id"]
    path = f"/exchange/{made}"
    commands = {
        who: {form.action for form in street.browsers[who].get(path).forms} & {"/do/exchange.decline", CANCEL}
        for who in ("anna", "ben")
    }
    assert commands == {"anna": {"/do/exchange.decline"}, "ben": {CANCEL}}
    assert "Take the proposal back" in street.browsers["ben"].get(path).words
    act(street, "anna", made, "exchange.accept")
    for who in ("anna", "ben"):
        page = street.browsers[who].get(path)
        assert CANCEL in {form.action for form in page.forms} and "Take the proposal back" not in page.words


def _sent(fields: list[tuple[str, str]]) -> bytes:
    return urlencode(fields).encode()


def test_who_is_brought_something_is_led_to_saying_where(street: Street) -> None:
    listing = offered(street, kind="sell", price="2 hour")
    for form, link in (("full", True), ("plain", False)):
        made = ask(street, "ben", "exchange.propose", listing=listing, way="bring", form=form)["exchange_id"]
        assert "where to bring it" not in street.browsers["ben"].get(f"/exchange/{made}").words
        ask(street, "anna", "exchange.accept", id=made)
        assert "where to bring it" not in street.browsers["anna"].get(f"/exchange/{made}").words
        page = street.browsers["ben"].get(f"/exchange/{made}")
        assert "Tell Anna where to bring it" in page.words
        assert ("#exchange.contact" if link else "#thread", "Tell Anna where to bring it") in page.links
        assert ("In a message: these terms" in page.words) != link
        assert ('id="exchange.contact" open' in page.source) == link
    full = ask(street, "ben", "exchange.list")
    made = next(row["exchange_id"] for row in full if row["terms"]["form"] == 2)
    assert "where to bring it" not in act(street, "ben", made, "exchange.contact", address="Elm Street 7").words
