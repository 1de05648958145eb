"""Block lists by forms: hide, see why, see it all the same, publish, follow."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.hostile import mixed
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def test_what_is_hidden_is_named_with_its_reason_and_can_be_seen_again(street: Street) -> None:
    lab, ben = street.lab, street.browsers["ben"]
    anna = lab.ask(lab.anna, "status")["peer_id"]
    assert "No lists yet" in ben.get("/blocklists").words
    ben.get(f"/neighbour/{anna}")
    assert ben.submit("/do/blocklist.add", reason="spam", text=mixed(120)).status == 200
    page = ben.get("/blocklists")
    assert "all of Anna" in page.words and "<script>alert(1)</script>" in page.words and "private" in page.words
    assert not [form for form in page.forms if "allow" in form.action], "an own list is taken for what it is"
    page = ben.submit("/do/blocklist.remove")
    assert "all of Anna" not in page.words and not lab.ask(lab.ben, "blocklist.hidden")


def test_a_published_list_is_followed_and_named_to_whom_it_names(street: Street) -> None:
    lab, anna, ben = street.lab, street.browsers["anna"], street.browsers["ben"]
    ben.get("/blocklists")
    ben.submit("/do/blocklist.create", name="street", about=mixed(100))
    page = ben.submit("/do/blocklist.add", peer="Dora", text=mixed(100), name="street")
    assert page.status == 200, page.words
    page = ben.submit("/do/blocklist.publish")
    assert "published" in page.words
    lab.sim.run(30_000)
    anna.get("/blocklists")
    page = anna.submit("/do/blocklist.subscribe", peer="Ben", name="street")
    assert "followed" in page.words and "all of Dora" in page.words and mixed(100) in page.words
    assert "allowed" in anna.submit("/do/blocklist.allow").words
    assert lab.ask(lab.anna, "blocklist.hidden")[0]["allowed"]
    anna.submit("/do/blocklist.allow")
    assert not lab.ask(lab.anna, "blocklist.hidden")[0]["allowed"]
    page = anna.submit("/do/blocklist.unsubscribe")
    assert "all of Dora" not in page.words
    assert ben.submit("/do/blocklist.subscribe", peer="nobody <b>").status == 422
