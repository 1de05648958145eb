"""Every check that the pages are held to is one that can fail: for each there is a page that it finds, and a clean one
in which nothing is found."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import Trap
from tests.browser.sins import ELSEWHERE, SINS, WITHOUT_SCRIPTS, sinners
from tests.browser.window import DESKTOP, PHONE, Window


@pytest.fixture(scope="module")
def origin(browser: Browser) -> Iterator[str]:
    with sinners() as at:
        yield at


@pytest.fixture(scope="module")
def narrow(browser: Browser, origin: str) -> Iterator[dict[bool, Window]]:
    """Two phones that all tests share, with scripts and without: to open one takes longer than to look."""
    made = {scripts: Window(browser, origin, PHONE, scripts=scripts) for scripts in (True, False)}
    yield made
    for window in made.values():
        window.close()


def kinds(window: Window, path: str) -> set[str]:
    """Of what is found on a page; nothing is left for the next."""
    window.findings.clear()
    window.go(path)
    window.page.wait_for_timeout(100)
    found = {finding.kind for finding in window.look()}
    window.findings.clear()
    return found


@pytest.mark.parametrize("path", SINS)
def test_what_a_page_must_not_do_is_found(narrow: dict[bool, Window], path: str) -> None:
    assert SINS[path][0] in kinds(narrow[True], path)


@pytest.mark.parametrize("path", WITHOUT_SCRIPTS)
def test_it_is_found_without_scripts_too(narrow: dict[bool, Window], path: str) -> None:
    assert SINS[path][0] in kinds(narrow[False], path)


@pytest.mark.parametrize("scripts", [True, False])
def test_nothing_is_found_on_a_clean_page(
    browser: Browser, narrow: dict[bool, Window], trap: Trap, origin: str, scripts: bool
) -> None:
    before = len(trap.asked)
    wide = Window(browser, origin, DESKTOP, scripts=scripts)
    assert kinds(narrow[scripts], "/") == set() == kinds(wide, "/")
    wide.close()
    assert trap.asked[before:] == []


def test_a_finding_fails_the_page_it_was_made_on_and_no_other(narrow: dict[bool, Window]) -> None:
    window = narrow[True]
    window.go("/pale")
    with pytest.raises(AssertionError, match="axe at /pale"):
        window.check()
    window.go("/")
    window.check()


def test_what_is_borne_is_borne_for_that_long(narrow: dict[bool, Window]) -> None:
    window = narrow[True]
    with window.bearing("404", "sticks out"):
        window.go("/gone")
        window.check()
    assert "error" in kinds(window, "/gone")


def test_what_leaves_the_machine_ends_in_the_trap(narrow: dict[bool, Window], trap: Trap) -> None:
    before = len(trap.asked)
    kinds(narrow[True], "/image")
    assert trap.asked[before:] == [f"GET {ELSEWHERE}/x.png HTTP/1.1"]
