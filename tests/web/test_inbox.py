"""The inbox says what is new; the exchange's page offers what can be done besides the next step, and its files."""

import re
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.web.browser import Browser
from tests.web.hostile import mixed
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def begun(street: Street, note: str = "On Friday?") -> str:
    lab = street.lab
    listing = lab.ask(lab.anna, "listing.publish", direction="offer", kind="sell", title="Ten eggs", price="2 hour")
    lab.sim.run(20_000)
    wanted = {"listing": listing["listing_id"], "note": note, "form": "full"}
    exchange: str = lab.ask(lab.ben, "exchange.propose", **wanted)["exchange_id"]
    lab.sim.run(20_000)
    return exchange


def test_what_is_new_is_marked_until_it_is_looked_at(street: Street) -> None:
    lab, anna, ben = street.lab, street.browsers["anna"], street.browsers["ben"]
    assert "Nothing yet" in anna.get("/inbox").words
    exchange = begun(street, mixed(600))
    page = anna.get("/inbox")
    assert "1 thread with something new" in page.words and "<script>alert(1)</script>" in page.words
    assert "You have seen everything." in ben.get("/inbox").words, "it waits for Anna, and he has said it himself"
    anna.get(f"/exchange/{exchange}")
    ben.get(f"/exchange/{exchange}")
    assert "You have seen everything." in anna.get("/inbox").words
    lab.ask(lab.anna, "exchange.accept", id=exchange, note="Gladly")
    lab.sim.run(20_000)
    page = ben.get("/inbox")
    assert "1 thread with something new" in page.words and "Gladly" in page.words
    ben.get(f"/exchange/{exchange}")
    assert "You have seen everything." in ben.get("/inbox").words


def test_who_counters_is_named_with_the_words_that_came_with_it(street: Street) -> None:
    lab, ben, exchange = street.lab, street.browsers["ben"], begun(street)
    lab.ask(lab.anna, "exchange.counter", id=exchange, price="3 hour", note="Feed is dear")
    lab.sim.run(20_000)
    assert "Anna: Feed is dear" in ben.get("/inbox").words
    lines = re.findall(r'<li class="line.*?</li>', ben.get(f"/exchange/{exchange}").source, re.DOTALL)
    said = [(">you<" in line, ">Anna<" in line, "Feed is dear" in line) for line in lines]
    assert said == [(True, False, False), (False, True, True)]


def test_what_happened_tells_every_step_payment_and_open_rating(street: Street) -> None:
    lab, anna, ben, exchange = street.lab, street.browsers["anna"], street.browsers["ben"], begun(street)

    def does(node: object, command: str, **args: object) -> None:
        lab.ask(node, command, **args)  # type: ignore[arg-type]
        lab.sim.run(20_000)

    def told(browser: Browser) -> list[str]:
        source = browser.get(f"/exchange/{exchange}").source
        lines = re.findall(
            r'<li class="line.*?<strong>(.*?)</strong>.*?<div class="line-body">(.*?)</div></li>', source, re.DOTALL
        )
        return [f"{who}: {' '.join(re.sub('<[^>]*>', ' ', body).split())}" for who, body in lines]

    does(lab.anna, "exchange.counter", id=exchange, price="1 hour")
    does(lab.ben, "exchange.accept", id=exchange)
    does(lab.anna, "exchange.handover", id=exchange, note="On the doorstep")
    does(lab.ben, "exchange.confirm", id=exchange)
    does(lab.ben, "exchange.pay", id=exchange)
    does(lab.ben, "attest", exchange=exchange, outcome=2, text="Fresh")
    assert told(ben)[-1] == "you: rated sealed until both have rated, for two weeks at most", "not even to himself"
    assert "Fresh" not in anna.get(f"/exchange/{exchange}").words
    does(lab.anna, "attest", exchange=exchange, outcome=-1, text="Came late")
    assert told(anna) == [
        "Ben: proposed this exchange · 2 hours On Friday?",
        "you: proposed other terms · 1 hour",
        "Ben: accepted",
        "you: did their part: hand over Ten eggs On the doorstep",
        "Ben: confirmed: hand over Ten eggs",
        "Ben: paid · 1 hour",
        "Ben: rated very good Fresh",
        "you: rated bad Came late",
    ]


def test_other_terms_after_the_agreement(street: Street) -> None:
    lab, ben, exchange = street.lab, street.browsers["ben"], begun(street)
    lab.ask(lab.anna, "exchange.accept", id=exchange)
    lab.sim.run(20_000)
    ben.get(f"/exchange/{exchange}")
    page = ben.submit("/do/exchange.amend", price="3 hour", note="Eleven")
    assert page.status == 200 and "on their way" in page.words
    lab.sim.run(20_000)
    page = street.browsers["anna"].get(f"/exchange/{exchange}")
    assert "Other terms are proposed" in page.words
    street.browsers["anna"].submit("/do/exchange.accept")
    lab.sim.run(20_000)
    assert "3 hour" in ben.get(f"/exchange/{exchange}").words


def test_what_was_done_can_be_contested_and_photos_stay_here(street: Street) -> None:
    lab, anna, ben, exchange = street.lab, street.browsers["anna"], street.browsers["ben"], begun(street)
    lab.ask(lab.anna, "exchange.accept", id=exchange)
    lab.sim.run(20_000)
    fields = anna.get(f"/exchange/{exchange}").form("/do/exchange.handover").fields
    parts = [f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields]
    parts.append('--x\r\nContent-Disposition: form-data; name="photos:hash"; filename="a.jpg"\r\n\r\npicture\r\n')
    page = anna.post(
        "/do/exchange.handover", "".join([*parts, "--x--\r\n"]).encode(), "multipart/form-data; boundary=x"
    )
    hashed = blake2b(b"picture", digest_size=32).hexdigest()
    assert page.status == 200 and hashed[:8] in page.words
    lab.sim.run(20_000)
    assert hashed[:8] in ben.get(f"/exchange/{exchange}").words
    page = ben.submit("/do/exchange.dispute", note=mixed(300))
    assert page.status == 200 and "Contested" in page.words
    lab.sim.run(20_000)
    assert "Contested" in anna.get(f"/exchange/{exchange}").words


def test_what_it_costs_to_cancel_is_said_before(street: Street) -> None:
    lab, ben, exchange = street.lab, street.browsers["ben"], begun(street)
    assert "nothing is owed" in ben.get(f"/exchange/{exchange}").words
    assert "This cannot be undone." in ben.submit("/do/exchange.cancel").words
    ben.submit("/do/exchange.cancel")
    assert lab.ask(lab.ben, "exchange.show", id=exchange)["status"] == "withdrawn"


def test_contacts_are_sent_and_erased(street: Street) -> None:
    lab, anna, ben, exchange = street.lab, street.browsers["anna"], street.browsers["ben"], begun(street)
    lab.ask(lab.anna, "exchange.accept", id=exchange)
    lab.sim.run(20_000)
    anna.get(f"/exchange/{exchange}")
    page = anna.submit("/do/exchange.contact", address='4 Elm Street "><b>', phone="030 1")
    assert page.status == 200, page.words
    lab.sim.run(20_000)
    page = ben.get(f"/exchange/{exchange}")
    assert '4 Elm Street "><b>' in page.words
    assert "This cannot be undone." in ben.submit("/do/exchange.erase").words
    assert "Their contact was erased." in ben.submit("/do/exchange.erase").words


def test_what_was_signed_comes_as_a_file(street: Street) -> None:
    lab, ben, exchange = street.lab, street.browsers["ben"], begun(street)
    lab.ask(lab.anna, "exchange.accept", id=exchange)
    lab.sim.run(20_000)
    for name in ("agreement", "history"):
        page = ben.get(f"/exchange/{exchange}?file={name}")
        assert page.fields["content-disposition"] == f'attachment; filename="{exchange[:8]}.{name}"'
        assert page.fields["content-type"] == "application/octet-stream" and page.fields["x-content-type-options"]
    assert ben.get(f"/exchange/{exchange}?{urlencode({'file': '../x'})}").fields["content-type"].startswith("text/html")
    assert ben.get("/exchange/zz?file=history").status in (400, 404)
