"""Every view of the page, over a real node: on a desktop and a phone, light and dark, in both languages, with scripts
and without. What may be found in none of them stands in `window.py`."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Opens, windows
from tests.browser.street import Street, log_in
from tests.browser.views import NAMES, path_of
from tests.browser.window import DESKTOP, PHONE, Window

Seats = tuple[Window, Window, Window]


@pytest.fixture(scope="module")
def seats(lived: Street, browser: Browser) -> Iterator[Seats]:
    """Windows of Anna's that all tests share: light and wide, dark and narrow, narrow and without scripts."""
    with windows(browser) as opens:
        yield (
            log_in(lived.anna, opens, DESKTOP),
            log_in(lived.anna, opens, PHONE, dark=True, language="de-DE"),
            log_in(lived.anna, opens, PHONE, scripts=False, language="de-DE"),
        )


@pytest.mark.parametrize("name", NAMES)
def test_a_view_is_sound_wherever_it_is_looked_at(lived: Street, seats: Seats, name: str) -> None:
    for window, language in zip(seats, ("en", "de", "de"), strict=True):
        page = window.go(path_of(name, lived.examples))
        assert page.locator("main h1").count() == 1
        assert page.locator("html").get_attribute("lang") == language
        window.check()


@pytest.mark.parametrize("name", NAMES)
def test_a_view_says_the_same_without_scripts(lived: Street, seats: Seats, name: str) -> None:
    seen = []
    for window in seats[1:]:
        main = window.go(path_of(name, lived.examples)).locator("main")
        links = [link.get_attribute("href") for link in main.locator("a[href]").all()]
        seen.append((main.get_by_role("heading").all_inner_texts(), links, main.locator("form").count()))
    assert seen[0] == seen[1]


def test_the_keyboard_comes_first_to_the_content(lived: Street, opened: Opens) -> None:
    page = log_in(lived.anna, opened).go("/exchanges")
    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    assert focused.get_attribute("href") == "#main"
    assert focused.is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_what_is_not_there_has_a_page_that_says_so(lived: Street, opened: Opens) -> None:
    window = log_in(lived.anna, opened, PHONE)
    with window.bearing("404"):
        for path in ("/listing/" + "0" * 32, "/nowhere"):
            window.go(path)
            window.check()


def test_a_login_link_is_good_for_one_browser(lived: Street, opened: Opens) -> None:
    answer = lived.anna.cli("web", "--no-open")
    for status in (200, 403):
        window = opened(answer["url"])
        with window.bearing(f"answer {status}", f"status of {status}"):
            reply = window.page.goto(answer["link"])
            assert reply is not None and reply.status == status
            window.check()
