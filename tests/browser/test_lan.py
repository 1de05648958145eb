"""A phone of the local network: paired by the link, shown the page, and shut out as soon as its pairing is revoked."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.browser.window import PHONE
from tests.p2pnode.fake_node import FakeNode, make_home
from tests.web.lan_port import Served, on_loopback, served


@pytest.fixture
def near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    on_loopback(monkeypatch)
    node = FakeNode()
    node.answers["status"] = {"name": "Anna", "network": None, "peers": 0}
    node.answers["exchange.list"] = node.answers["search"] = node.answers["kinds.list"] = []
    with served(make_home(tmp_path / "home"), node) as made:
        yield made


@pytest.mark.parametrize(("language", "pair"), [("en-GB", "Pair"), ("de-DE", "Koppeln")])
def test_a_phone_is_paired_and_shut_out_again(near: Served, opened: Opens, language: str, pair: str) -> None:
    data = near.pair()
    phone = opened(data["urls"][0], PHONE, dark=language == "de-DE", language=language, unsigned=True)
    phone.page.goto(data["link"])
    phone.check()
    if "P2PNODE_PICTURES" in os.environ:
        phone.picture(Path(os.environ["P2PNODE_PICTURES"]) / f"pair-{language}.png", whole=True)
    phone.page.locator("#name").fill("Anna's phone")
    phone.page.get_by_role("button", name=pair).click()
    phone.page.wait_for_url(f"{data['urls'][0]}/")
    (row,) = near.inside(near.web.listed)
    assert row["name"] == "Anna's phone"
    phone.go("/exchanges")
    assert near.inside(near.web.revoke, row["id"])
    with phone.bearing("403", "ERR_", "Failed to load"):
        phone.go("/exchanges")
        expect(phone.page.locator("h1")).to_have_text("This device is not paired")
