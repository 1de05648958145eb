"""One browser for all tests of this folder, and windows that must be found clean at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import Trap, lacking, launched
from tests.browser.street import Street, live_in, street
from tests.browser.window import Window

Opens = Callable[..., Window]


@pytest.fixture(scope="package")
def trap() -> Iterator[Trap]:
    made = Trap()
    yield made
    made.close()


@pytest.fixture(scope="package")
def browser(trap: Trap) -> Iterator[Browser]:
    reason = lacking()
    if reason:
        pytest.skip(reason)
    with sync_playwright() as playwright, launched(playwright, trap) as made:
        yield made


@contextmanager
def windows(browser: Browser) -> Iterator[Opens]:
    """Open windows: `opens(origin, PHONE)`. At the end each is closed, and nothing may have been found in any."""
    made: list[Window] = []

    def open_(origin: str, *args: object, **given: object) -> Window:
        made.append(Window(browser, origin, *args, **given))  # type: ignore[arg-type]
        return made[-1]

    yield open_
    for window in made:
        window.close()
    found = dict.fromkeys(str(finding) for window in made for finding in window.findings)
    assert not found, "\n".join(found)


@pytest.fixture
def opened(browser: Browser, trap: Trap) -> Iterator[Opens]:
    """Windows of this test alone, which must be clean, and must have asked for nothing elsewhere."""
    before = len(trap.asked)
    with windows(browser) as opens:
        yield opens
    assert trap.asked[before:] == []


@pytest.fixture(scope="package")
def lived(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """A street in which something has happened; for tests that only look."""
    with street(tmp_path_factory.mktemp("street")) as made:
        live_in(made)
        yield made
