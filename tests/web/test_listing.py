"""One listing: when it is free, who is behind it, what a proposal comes to before it is sent, hiding it."""

from collections.abc import Iterator
from datetime import UTC, date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from p2pnode.web.free_days import around, hours_of, month_of, suggested, weeks_of
from protocols.limits import DAY, HOUR
from tests.web.hostile import HOSTILE
from tests.web.street import Street, open_street

FEBRUARY = 1_769_904_000_000  # 2026-02-01 00:00 UTC, a Sunday


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def offered(street: Street, **fields: Any) -> str:
    given = {"direction": "offer", "kind": "rent", "title": "Trailer", "price": "2 hour/day", **fields}
    listing: str = street.lab.ask(street.lab.anna, "listing.publish", **given)["listing_id"]
    street.lab.sim.run(20_000)
    return listing


def test_a_proposal_is_looked_at_before_it_is_sent(street: Street) -> None:
    ben, listing = street.browsers["ben"], offered(street)
    ben.get(f"/listing/{listing}")
    typed = {"start": "2027-01-23T10:00", "end": "2027-01-24T10:00", "note": "Please"}
    page = ben.submit("/do/exchange.propose", **typed)
    assert "Nothing is proposed yet." in page.words and "pay 2 hour" in page.words
    assert not street.lab.ask(street.lab.ben, "exchange.list")
    page = ben.submit("/do/exchange.propose")
    (made,) = street.lab.ask(street.lab.ben, "exchange.list")
    assert page.url == f"/exchange/{made['exchange_id']}" and made["terms"]["note"] == "Please"


def test_the_risk_is_said_before_it_is_taken(street: Street) -> None:
    """Ben would work for Anna, for far more than anybody he trusts stands for."""
    ben = street.browsers["ben"]
    for price, warned in (("90", True), ("1", False)):
        wanted = offered(street, kind="help", direction="request", title="Build a barn", price=price)
        ben.get(f"/listing/{wanted}")
        page = ben.submit("/do/exchange.propose")
        assert ("Mind the risk." in page.words) is warned, price
        foreseen = street.lab.ask(street.lab.ben, "exchange.foresee", listing=wanted)["exposure"]
        made = ben.submit("/do/exchange.propose").url[10:]
        assert street.lab.ask(street.lab.ben, "exchange.show", id=made)["exposure"] == foreseen


def test_what_is_refused_is_said_in_the_form(street: Street) -> None:
    ben, listing = street.browsers["ben"], offered(street, when="sat,sun", zone="Europe/Berlin")
    ben.get(f"/listing/{listing}")
    page = ben.submit("/do/exchange.propose", start="2027-01-20T10:00", end="2027-01-20T12:00")
    assert page.status == 422 and "not to be had at that time" in page.words
    assert dict(page.form("/do/exchange.propose").fields)["start"] == "2027-01-20T10:00"


def test_a_month_says_on_which_days_it_is_free(street: Street) -> None:
    ben, listing = street.browsers["ben"], offered(street, when="sat,sun", zone="UTC")
    page = ben.get(f"/listing/{listing}?month=2027-01")
    assert "When it is free" in page.words and "Jan 2027" in page.words
    assert any("day=2027-01-23" in link for link, _ in page.links)
    assert not any("day=2027-01-20" in link for link, _ in page.links)
    assert "23 Jan 2027" in ben.get(f"/listing/{listing}?day=2027-01-23").words
    for text in (*HOSTILE, "0000-01", "9999-12", "2027-13", "1970-01"):
        assert ben.get(f"/listing/{listing}?{urlencode({'month': text, 'day': text})}").status == 200


def test_days_are_free_in_whole_in_part_or_not() -> None:
    month = month_of("2026-02", date(2026, 1, 1))
    free = [{"from": FEBRUARY + DAY, "until": FEBRUARY + 3 * DAY + HOUR}]
    weeks = weeks_of(month, free, UTC, FEBRUARY + HOUR)
    states = {day["n"]: day["state"] for week in weeks for day in week if day["inside"]}
    assert [states[n] for n in (1, 2, 3, 4, 5)] == ["none", "free", "free", "part", "none"]
    assert weeks_of(month, free, UTC, FEBRUARY + 2 * DAY)[1][0]["state"] == "over"
    assert hours_of(date(2026, 2, 4), free, UTC) == [(FEBRUARY + 3 * DAY, FEBRUARY + 3 * DAY + HOUR)]
    assert around(date(2026, 12, 1)) == ("2026-11", "2027-01") and month_of("x", date(2026, 3, 9)) == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("free", "hourly", "now", "found"),
    [
        ([(0, 24)], False, 0, (9, 18)),
        ([(0, 24)], True, 0, (9, 10)),
        ([(0, 24)], True, 13.2, (14, 15)),
        ([(0, 24)], False, 13.2, (14, 18)),
        ([(0, 24)], False, 19.5, (20, 24)),
        ([(0, 8), (14, 16)], False, 0, (14, 16)),
        ([(0, 8), (14, 16)], True, 0, (14, 15)),
        ([(9.5, 12)], True, 0, (9.5, 10.5)),
        ([(20, 22)], False, 0, (20, 22)),
        ([(20, 22)], True, 0, (20, 21)),
        ([(8, 10)], False, 10, None),
        ([(8, 24)], False, 24.5, None),
        ([], False, 0, None),
    ],
)
def test_what_one_might_want_of_a_day(
    free: list[tuple[float, float]], hourly: bool, now: float, found: tuple[float, float] | None
) -> None:
    def at(hour: float) -> int:
        return FEBRUARY + int(hour * HOUR)

    spans = [(at(start), at(end)) for start, end in free]
    wanted = None if found is None else (at(found[0]), at(found[1]))
    assert suggested(date(2026, 2, 1), spans, hourly, UTC, at(now)) == wanted


def test_a_day_of_the_calendar_fills_the_times_of_the_form(street: Street) -> None:
    ben, listing = street.browsers["ben"], offered(street, when="sat,sun", zone="UTC")
    page = ben.get(f"/listing/{listing}?month=2027-01")
    (link,) = [link for link, _ in page.links if "day=2027-01-23" in link]
    assert link.endswith("#propose") and 'id="propose"' in page.source
    page = ben.get(link.partition("#")[0])
    fields = dict(page.form("/do/exchange.propose").fields)
    assert (fields["start"], fields["end"]) == ("2027-01-23T09:00", "2027-01-23T18:00")
    assert "Nothing is proposed yet." in ben.submit("/do/exchange.propose").words, "it can be had then"
    fields = dict(ben.get(f"/listing/{listing}?day=2027-01-20").form("/do/exchange.propose").fields)
    assert fields["start"] == fields["end"] == "", "it is not free on a Wednesday"
    mine = street.browsers["anna"].get(f"/listing/{listing}?month=2027-01")
    days = [link for link, _ in mine.links if link.startswith(f"/listing/{listing}?day=")]
    assert days and all(link.endswith("#when") for link in days), "nobody proposes to themselves"


@pytest.mark.parametrize("whose", ["listing", "peer"])
def test_hiding_can_be_undone(street: Street, whose: str) -> None:
    ben, listing = street.browsers["ben"], offered(street)
    page = ben.get(f"/listing/{listing}")
    form = page.form("/do/blocklist.add")
    value = next(value for _, name, value in form.buttons if name == whose)
    fields = [*[(k, "Again and again <b>" if k == "text" else v) for k, v in form.fields], (whose, value)]
    assert ben.post("/do/blocklist.add", urlencode(fields).encode()).url == "/"
    assert "Trailer" not in ben.page.words
    page = ben.get(f"/listing/{listing}")
    assert "Again and again <b>" in page.words
    page = ben.submit("/do/blocklist.remove")
    assert page.status == 200 and "Again and again" not in page.words and "Trailer" in ben.get("/").words


def test_what_trusted_people_say_is_shown_with_its_path(street: Street) -> None:
    lab, ben = street.lab, street.browsers["ben"]
    listing = offered(street, kind="sell", price="1 hour")
    made = lab.ask(lab.ben, "exchange.propose", listing=listing)["exchange_id"]
    lab.sim.run(20_000)
    for node, command in ((lab.anna, "accept"), (lab.anna, "handover"), (lab.ben, "confirm"), (lab.ben, "pay")):
        lab.ask(node, f"exchange.{command}", id=made)
        lab.sim.run(30_000)
    lab.ask(lab.ben, "attest", exchange=made, outcome=2, text=HOSTILE[0])
    lab.ask(lab.anna, "attest", exchange=made, outcome=1)
    lab.sim.run(60_000)
    page = ben.get(f"/listing/{offered(street)}")
    assert "very good" in page.words and HOSTILE[0] in page.words
