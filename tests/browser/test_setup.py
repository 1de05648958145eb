"""From the program alone to the first listing, in a browser: the set-up page, and the node's that follows."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.browser.window import DESKTOP, PATIENCE, PHONE, Window
from tests.e2e.nodes import CLI, ROOT

MOST_ACTIONS = 10


@pytest.fixture
def link(tmp_path: Path) -> Iterator[str]:
    """That `p2pnode web` prints where there is no node."""
    env = {**os.environ, "P2PNODE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), "P2PNODE_LAN": "no",
           "P2PNODE_LISTEN": "/ip4/127.0.0.1/tcp/0"}  # fmt: skip
    command = [*CLI, "web", "--no-open"]
    process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait(15)
    process.stdout.close()


def picture(window: Window, name: str) -> None:
    """Kept where P2PNODE_PICTURES names a folder, to be looked at."""
    window.check()
    if folder := os.environ.get("P2PNODE_PICTURES"):
        window.picture(Path(folder) / f"{name}.png", whole=True)


@pytest.mark.parametrize(("size", "dark"), [(PHONE, True), (DESKTOP, False)], ids=["phone", "desktop"])
def test_from_nothing_to_the_first_listing(link: str, opened: Opens, size: tuple[int, int], dark: bool) -> None:
    window = opened(link.partition("/login")[0], size, dark=dark)
    page, actions, kind = window.page, ["p2pnode web"], "phone" if size == PHONE else "desktop"

    def fills(label: str, text: str) -> None:
        actions.append(label)
        page.get_by_label(label, exact=True).fill(text)

    def presses(name: str) -> None:
        actions.append(name)
        page.get_by_role("button", name=name, exact=True).click()

    page.goto(link)
    picture(window, f"setup-{kind}")
    fills("Your name", "Ann")
    fills("Name of the new network", "Elm Street")
    presses("Go on")
    expect(page.locator(".words li")).to_have_count(24)
    picture(window, f"words-{kind}")
    actions.append("tick")
    page.get_by_label("I have written all of them down; do not ask").check()
    presses("Make my node and start it")
    page.wait_for_url("**/publish", timeout=3 * PATIENCE)
    picture(window, f"first-{kind}")
    actions.append("Loan")
    page.get_by_role("link", name="Loan", exact=True).click()
    page.get_by_label("What is it?", exact=True).wait_for()
    fills("What is it?", "Ladder, 6 m")
    presses("Look at it first")
    presses("Publish it")
    expect(page.get_by_role("status").locator(".notice-ok")).to_be_visible()
    expect(page.get_by_role("heading", name="Ladder, 6 m")).to_be_visible()
    assert len(actions) <= MOST_ACTIONS, actions


@pytest.mark.parametrize(("size", "dark"), [(PHONE, True), (DESKTOP, False)], ids=["phone", "desktop"])
def test_where_one_lives_is_chosen_on_a_map(link: str, opened: Opens, size: tuple[int, int], dark: bool) -> None:
    window = opened(link.partition("/login")[0], size, dark=dark)
    page = window.page
    page.goto(link)
    page.get_by_label("Your name", exact=True).fill("Ann")
    page.get_by_label("Where you live", exact=True).fill("Potsdam, DE")
    page.get_by_label("Name of the new network", exact=True).fill("Elm Street")
    page.get_by_role("button", name="Go on", exact=True).click()
    squares = page.locator(".squares button")
    expect(squares).to_have_count(49)
    picture(window, f"map-{'phone' if size == PHONE else 'desktop'}")
    page.get_by_role("button", name="u336h: Kleinmachnow").click()
    expect(page.locator(".squares button[aria-pressed]")).to_have_text("Kleinmachnow")
    expect(page.get_by_text("u336h · Kleinmachnow")).to_be_visible()
    window.check()
