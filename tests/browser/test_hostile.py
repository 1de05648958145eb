"""Text that would do something if it were not escaped, in every field that a neighbour fills: on no view of somebody
else's page does any of it run, ask for anything, or reach the console; what it is in, is shown as it was written."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser

from p2pnode.client import Client
from protocols.limits import MAX_PERSON_NAME, MAX_TITLE
from tests.browser.conftest import Opens, windows
from tests.browser.street import Street, act_out, asks, carried, log_in, street
from tests.browser.views import NAMES, path_of
from tests.browser.window import DESKTOP, MARK, PHONE, Window
from tests.e2e.nodes import until
from tests.web.hostile import HOSTILE, mixed

RUN = (  # besides: what would tell of itself
    f"<script>window.{MARK}=1</script>",
    f"<img src=x onerror=\"window.{MARK}=1;console.log('{MARK}')\">",
    f"<details open ontoggle=window.{MARK}=1>",
    f"<input autofocus onfocus=window.{MARK}=1>",
    f"<iframe srcdoc='<script>parent.{MARK}=1</script>'></iframe>",
    f"<svg><animate onbegin=window.{MARK}=1 attributeName=x dur=1s>",
    "<base href=//evil.example/><link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css';*{background:url(//evil.example/x.png)}</style>",
    f"<p hx-get=/ hx-trigger=load hx-on::load=window.{MARK}=1 data-hx-get=//evil.example>",
    f'"}};window.{MARK}=1;//',
)
TITLES = [text for text in (*HOSTILE, *RUN) if len(text) <= MAX_TITLE]
NAME = f"<img src=x onerror=window.{MARK}=1>"
ALL = " ".join(RUN) + " " + mixed(600)


@pytest.fixture(scope="module")
def plagued(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Ben writes hostile text wherever he can; Anna only wanted a drill."""
    assert len(NAME) <= MAX_PERSON_NAME
    with street(tmp_path_factory.mktemp("plagued"), ben=NAME, network=NAME) as made:
        _plague(made)
        yield made


def _plague(made: Street) -> None:
    anna, ben = Client(made.anna.home), Client(made.ben.home)
    listings = []
    for title in TITLES:
        said = {"kind": "rent", "title": title, "text": ALL, "price": "0.10 hour", "tags": [NAME[:32], "x"]}
        listings.append(ben.call("listing.publish", {"direction": "offer", **said})["listing_id"])
    project = ben.call("listing.publish", {"direction": "request", "kind": "project", "title": TITLES[-1], "text": ALL})
    tasks = [{"number": 1, "title": NAME, "text": ALL, "price": ""}]
    ben.call("project.split", {"listing": project["listing_id"], "tasks": tasks})
    made.found(listings[-1], made.anna)
    settled, declined, cancelled, under_way = (asks(made, made.anna, listing) for listing in listings[:4])
    act_out(made, settled, ALL[:500])
    ben.call("attest", {"exchange": settled, "outcome": -1, "text": ALL[:500]})
    anna.call("attest", {"exchange": settled, "outcome": 1})
    ben.call("exchange.decline", {"id": declined, "note": ALL[:500]})
    ben.call("exchange.accept", {"id": cancelled})
    ben.call("exchange.cancel", {"id": cancelled, "note": ALL[:500]})
    ben.call("exchange.accept", {"id": under_way, "note": ALL[:500]})
    ben.call("exchange.handover", {"id": under_way, "note": ALL[:500]})
    ben.call("claim.propose", {"peer": made.anna.peer_id, "amount": "1", "unit": "eggs", "note": NAME})
    ben.call("blocklist.add", {"name": NAME, "peer": made.anna.peer_id, "text": NAME, "reason": "other"})
    ben.call("blocklist.publish", {"name": NAME})
    for about in ({}, {"exchange": under_way}):
        for text in (ALL[:1_000], *RUN):
            ben.call("message.send", {"peer": made.anna.peer_id, "text": text, **about})
    own = anna.call("listing.publish", {"direction": "offer", "kind": "lend", "title": TITLES[0], "text": ALL})
    anna.call("peers.name", {"peer": made.ben.peer_id, "name": NAME})
    parcel = carried(made, TITLES[0])
    until("Anna sees the hand-over", lambda: "confirm" in made.next(made.anna, under_way))
    until("and what he writes", lambda: len(anna.call("message.list", {"new": True})) > 10)
    until("and Ben's claim", lambda: anna.call("claim.list"))
    made.examples = {
        "listing": listings[3], "edit": own["listing_id"], "exchange": under_way,
        "neighbour": made.ben.peer_id, "peer": made.ben.peer_id, "author": made.ben.peer_id, "kind": "rent",
        "project": project["listing_id"], "parcel": parcel,
        "settled": settled, "declined": declined, "cancelled": cancelled,
    }  # fmt: skip


@pytest.fixture(scope="module")
def seats(plagued: Street, browser: Browser) -> Iterator[tuple[Window, Window]]:
    with windows(browser) as opens:
        yield log_in(plagued.anna, opens, DESKTOP), log_in(plagued.anna, opens, PHONE, scripts=False)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_runs_on_any_view(plagued: Street, seats: tuple[Window, Window], name: str) -> None:
    for window in seats:
        page = window.go(path_of(name, plagued.examples))
        window.check()
        assert (
            page.locator("main :is(script, iframe, base, style, [onerror], [ontoggle], [hx-on\\:\\:load])").count() == 0
        )


@pytest.mark.parametrize("how", ["settled", "declined", "cancelled"])
def test_nothing_runs_however_an_exchange_ended(plagued: Street, seats: tuple[Window, Window], how: str) -> None:
    for window in seats:
        window.go(f"/exchange/{plagued.examples[how]}")
        window.check()


def test_nothing_runs_of_what_comes_while_one_looks(plagued: Street, opened: Opens) -> None:
    """What htmx puts into the page is escaped, too."""
    window = log_in(plagued.anna, opened, PHONE)
    page = window.go("/")
    title = f"<img src=x onerror=window.{MARK}=2> just now"
    Client(plagued.ben.home).call("listing.publish", {"direction": "offer", "kind": "lend", "title": title})
    page.locator("main").get_by_text(title).wait_for()
    window.check()


def test_each_title_is_shown_as_it_was_written(plagued: Street, opened: Opens) -> None:
    page = log_in(plagued.anna, opened).go("/")
    shown = {" ".join(text.split()) for text in page.locator("main h3").all_inner_texts()}
    assert {" ".join(title.split()) for title in TITLES} <= shown


def test_a_link_with_hostile_text_does_nothing(plagued: Street, opened: Opens) -> None:
    """What stands in the address is shown again in the form of filters."""
    window = log_in(plagued.anna, opened)
    for text in (*HOSTILE, *RUN):
        window.go("/?" + urlencode({"query": text, "max_price": text, "kind": "rent"}))
        assert window.page.get_by_label("At most").input_value() == text.strip()
    window.check()
