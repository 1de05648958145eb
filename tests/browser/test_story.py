"""A rental from both sides' pages: Ben at a desktop gives, Anna with a phone rents. What the one does, the other's page
shows by itself; where scripts do not run, once it is loaded anew."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Opens
from tests.browser.street import Street, log_in
from tests.browser.window import DESKTOP, PATIENCE, PHONE, Window
from tests.e2e.nodes import until

TITLE = "Hedge trimmer, 60 cm"


def comes(window: Window, what: Locator) -> None:
    """Wait until it is shown: by itself, or because a person without scripts loads the page anew."""

    def shown() -> bool:
        if not what.is_visible():
            window.page.reload()
        return what.is_visible()

    if window.scripts:
        expect(what).to_be_visible(timeout=PATIENCE)
    else:
        until("the page shows it", shown)


def step(window: Window, word: str) -> Locator:
    """The form of one step of an exchange, opened, once it is this side's turn."""
    details = window.page.locator("details.step", has=window.page.locator("summary", has_text=re.compile(f"^{word}")))
    comes(window, details)
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    return details


def take(window: Window, word: str, note: str = "") -> None:
    """Take a step, with a word perhaps, and see that the page takes it."""
    form = step(window, word)
    if note:
        form.get_by_label("A word with it").fill(note)
    form.get_by_role("button", name=word, exact=True).click()
    expect(window.page.get_by_role("status").locator(".notice-ok")).to_be_visible()
    window.check()


def rate(window: Window, how: str, words: str) -> None:
    form = step(window, "Rate")
    form.get_by_label("How was it?").select_option(label=how)
    form.get_by_label("In your words").fill(words)
    form.get_by_role("button", name="Rate", exact=True).click()
    expect(window.page.get_by_text("Your rating is kept.")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without"])
def test_a_rental_from_both_sides_pages(lived: Street, opened: Opens, scripts: bool) -> None:
    title = TITLE if scripts else f"Another {TITLE}"
    ben = log_in(lived.ben, opened, DESKTOP, scripts=scripts)
    anna = log_in(lived.anna, opened, PHONE, scripts=scripts)

    # Ben publishes it: a form, a look at it, and only then is anything signed.
    ben.go("/publish")
    ben.page.get_by_role("link", name="Rental", exact=True).click()
    ben.page.get_by_label("What is it?").fill(title)
    ben.page.get_by_label("More about it").fill("Sharp, and quiet enough for a Sunday.")
    ben.page.get_by_label("Price").fill("1")
    ben.page.get_by_label("For how much").select_option(value="hour")
    ben.check()
    ben.page.get_by_role("button", name="Look at it first").click()
    expect(ben.page.get_by_text("Nothing is published yet.")).to_be_visible()
    assert not any(row["title"] == title for row in lived.ben.cli("offer", "list"))
    ben.check()
    ben.page.get_by_role("button", name="Publish it").click()
    expect(ben.page.get_by_role("status").get_by_text("Published.")).to_be_visible()
    ben.check()
    lived.found(ben.page.url.rpartition("/")[2], lived.anna)

    # Anna finds it, with scripts while she types, and asks for two hours of tomorrow.
    anna.go("/")
    anna.page.get_by_label("What are you looking for?").press_sequentially(title.split(",")[0].lower())
    if not scripts:
        anna.page.get_by_role("button", name="Search").click()
    expect(anna.page.locator("#found article")).to_have_count(1)
    anna.page.get_by_role("link", name=title).click()
    anna.page.wait_for_url(re.compile("/listing/"))
    anna.check()
    ben.go("/exchanges")
    tomorrow = datetime.now() + timedelta(days=1)  # noqa: DTZ005  # as the field has it: local
    anna.page.get_by_label("From", exact=True).fill(f"{tomorrow:%Y-%m-%d}T10:00")
    anna.page.get_by_label("Until", exact=True).fill(f"{tomorrow:%Y-%m-%d}T12:00")
    anna.page.get_by_label("A word with it").fill("For the front garden.")
    anna.page.get_by_role("button", name="Look at the terms first").click()
    expect(anna.page.get_by_text("Nothing is proposed yet.")).to_be_visible()
    anna.page.get_by_role("button", name="Propose").click()
    anna.page.wait_for_url(re.compile("/exchange/"))
    expect(anna.page.get_by_text("Proposed. You are told here when there is an answer.")).to_be_visible()
    anna.check()

    # Ben's list of exchanges tells him.
    comes(ben, ben.page.get_by_role("link", name=re.compile(f"^{title}")))
    ben.page.get_by_role("link", name=re.compile(f"^{title}")).click()
    ben.page.wait_for_url(re.compile("/exchange/"))
    expect(ben.page.get_by_text("For the front garden.").first).to_be_visible()
    ben.check()
    assert anna.page.url.rpartition("/")[2] == ben.page.url.rpartition("/")[2]
    exchange = ben.page.url.rpartition("/")[2]

    take(ben, "Accept", "Ring twice.")
    comes(anna, anna.page.get_by_text("Ring twice."))
    take(ben, "I handed it over")
    take(anna, "Confirm that it is done")
    take(anna, "I gave it back")
    take(ben, "Confirm that it is done")
    take(anna, "Pay")
    for window in (anna, ben):
        comes(window, window.page.locator(".head").get_by_text("Settled"))
    rate(anna, "very good", "As sharp as he said.")
    rate(ben, "good", "Came back clean.")
    for window in (anna, ben):
        comes(window, window.page.get_by_text("Nothing more is to be done here."))
        window.check()

    mine, theirs = (node.cli("exchange", "show", exchange) for node in (lived.anna, lived.ben))
    assert mine["receipt"] == theirs["receipt"] != ""
    assert mine["terms"]["price"] == {"amount": 200, "unit": "hour"}
    assert mine["attestations"]["mine"] and theirs["attestations"]["mine"]


def test_what_happens_while_a_page_is_loaded_is_not_missed(lived: Street, opened: Opens) -> None:
    """The page is put together first and listens later: here not before something has come in between."""
    window = log_in(lived.anna, opened, PHONE)
    window.page.route("**/static/live.js", lambda route: (_publishes(lived), route.continue_()))
    with window.page.expect_request("**/v1/events*") as listening:
        window.go("/")
    assert re.search(r"[?]after=[0-9a-f]+[.][0-9]+$", listening.value.url)
    expect(window.page.get_by_role("link", name="Quick as a flash")).to_be_visible(timeout=PATIENCE)


def _publishes(lived: Street) -> None:
    listing = lived.ben.cli("offer", "publish", "--kind", "lend", "--title", "Quick as a flash")["listing_id"]
    lived.found(listing, lived.anna)
