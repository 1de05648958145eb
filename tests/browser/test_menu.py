"""The way around: a menu that a phone unfolds, with scripts and without; and views that renew themselves."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.browser.street import Street, log_in
from tests.browser.window import DESKTOP, PHONE, Window


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without"])
def test_a_phone_unfolds_the_menu(lived: Street, opened: Opens, scripts: bool) -> None:
    window = log_in(lived.anna, opened, PHONE, scripts=scripts)
    page = window.go("/exchanges")
    menu, links = page.locator(".menu summary"), page.get_by_role("navigation", name="Main").get_by_role("link")
    expect(menu).to_be_visible()
    assert not [link for link in links.all() if link.is_visible()]
    menu.focus()
    page.keyboard.press("Enter")
    assert [link.is_visible() for link in links.all()] == [True] * links.count()
    expect(page.locator(".nav [aria-current=page]")).to_have_text("Exchanges")
    window.check()
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("href") == links.first.get_attribute("href"), "what it unfolds is next"
    links.filter(has_text="Network").click()
    page.wait_for_url("**/network")
    expect(page.locator(".nav")).to_be_hidden()


def test_a_desktop_shows_all_of_it(lived: Street, opened: Opens) -> None:
    page = log_in(lived.anna, opened, DESKTOP).go("/network")
    expect(page.locator(".menu")).to_be_hidden()
    for link in page.get_by_role("navigation", name="Main").get_by_role("link").all():
        expect(link).to_be_visible()


def test_what_waits_is_counted_at_the_inbox_and_on_the_menu(lived: Street, opened: Opens) -> None:
    page = log_in(lived.ben, opened, PHONE).go("/network")
    waiting = str(lived.ben.cli("status")["exchanges_waiting"])
    assert waiting != "0"
    expect(page.locator(".menu .count")).to_have_text(waiting)
    page.locator(".menu summary").click()
    expect(page.get_by_role("link", name=re.compile("^Inbox")).locator(".count")).to_have_text(waiting)


def _asked(window: Window, path: str) -> list[str]:
    """The requests of scripts for a view, from now on."""
    found: list[str] = []
    window.page.on("request", lambda r: found.append(r.url) if r.url.endswith(path) and r.resource_type == "xhr" else 0)
    return found


def test_figures_renew_themselves_while_they_are_looked_at(lived: Street, opened: Opens) -> None:
    window = log_in(lived.anna, opened, DESKTOP)
    window.page.clock.install()
    page = window.go("/graphs")
    asked = _asked(window, "/graphs")
    page.clock.fast_forward(59_000)
    assert not asked
    with page.expect_response("**/graphs"):
        page.clock.fast_forward(2_000)
    page.evaluate("Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true})")
    before = len(asked)
    page.clock.fast_forward(180_000)
    assert page.evaluate("1") and len(asked) == before
    page.evaluate("delete document.visibilityState")
    with page.expect_response("**/graphs"):
        page.clock.fast_forward(61_000)


def test_what_was_unfolded_stays_so_when_a_view_is_renewed(lived: Street, opened: Opens) -> None:
    window = log_in(lived.anna, opened, DESKTOP)
    page = window.go("/graphs")
    page.evaluate("document.getElementById('live').innerHTML = '<details open id=live-one></details>'")
    replaced = '<html><body><div id="live"><details id="live-one"><p id="new">y</p></details></div></body></html>'
    page.route("**/graphs", lambda route: route.fulfill(body=replaced, content_type="text/html"))
    page.evaluate("htmx.trigger(document.getElementById('live'), 'p2pnode:news')")
    expect(page.locator("#new")).to_be_visible()


def test_health_is_looked_at_anew_when_it_changes(lived: Street, opened: Opens) -> None:
    window = log_in(lived.anna, opened, DESKTOP)
    told = 'event: health\ndata: {"warnings": [], "reachable": true}\n\n'
    window.page.route("**/v1/events*", lambda route: route.fulfill(body=told, content_type="text/event-stream"))
    with window.page.expect_response(lambda r: r.url.endswith("/health") and r.request.resource_type == "xhr"):
        window.go("/health")
