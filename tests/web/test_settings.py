"""Settings: each can be changed, what is wrong is said at its field; who is told, without the address; browsers."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pnode.home.config import PROFILES, SETTINGS, load_config
from p2pnode.news.targets import load_targets
from p2pnode.news.worth import TOPICS
from p2pnode.session_arguments import ListSessions, Revoke
from p2pnode.web.views import settings
from tests.web.hostile import mixed
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    for name in [name for name in os.environ if name.startswith("P2PNODE_")]:
        monkeypatch.delenv(name)
    with open_street(tmp_path, "anna") as made:
        yield made


def test_all_settings_profiles_and_events_have_their_words() -> None:
    assert {"profile", *(name for _, group in settings.GROUPS for name in group)} == set(SETTINGS)
    assert set(settings.PROFILES) == set(PROFILES) and set(settings.TOPICS) == set(TOPICS)


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("name", "Anna Blume", "Anna Blume"), ("area", "", ""), ("lan", "no", False), ("max_peers", "12", 12),
        ("log_level", "debug", "debug"), ("bootstrap", "", ()),
        ("listen", "/ip4/127.0.0.1/tcp/1\r\n/ip6/::1/tcp/1", ("/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1")),
    ],
)  # fmt: skip
def test_a_setting_is_changed_and_taken_back(street: Street, name: str, given: str, kept: object) -> None:
    anna, home = street.browsers["anna"], street.ports["anna"].home
    anna.get("/settings")
    page = anna.submit("/do/settings.set", {"name": name}, values=given)
    assert page.url == "/settings" and "Kept. It counts from the next start" in page.words
    config, _ = load_config(home)
    assert getattr(config, name) == kept
    if name == "max_peers":
        assert "1 setting counts once the node has been stopped" in page.words and "As usual: 64" in page.words
        assert "from the next start" in page.words
        page = anna.submit("/do/settings.set", {"name": name}, button="As usual: 64")
        assert load_config(home)[0].max_peers == 64 and "counts once" not in page.words


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [("max_peers", "0", "at least 1"), ("max_peers", "<b>", "whole number"), ("web", "0.0.0.0:80", "127.0.0.1:PORT"),
     ("listen", "nowhere", "nowhere"), ("name", "", "must not be empty"), ("name", mixed(200), "")],
)  # fmt: skip
def test_what_the_node_could_not_use_is_said_at_the_field(street: Street, name: str, given: str, said: str) -> None:
    anna, home = street.browsers["anna"], street.ports["anna"].home
    before = home.config.read_bytes() if home.config.exists() else b""
    anna.get("/settings")
    page = anna.submit("/do/settings.set", {"name": name}, values=given)
    assert page.status == 422 and said in page.words
    assert f'id="set-{name}" open' in page.source and f'aria-describedby="set-{name}-values-wrong"' in page.source
    assert (home.config.read_bytes() if home.config.exists() else b"") == before


def test_a_profile_is_chosen(street: Street) -> None:
    anna = street.browsers["anna"]
    anna.get("/settings")
    anna.submit("/do/settings.set", {"name": "profile", "values": "pi"})
    config, _ = load_config(street.ports["anna"].home)
    assert (config.profile, config.max_peers) == ("pi", 32)


def test_what_the_environment_says_cannot_be_changed_here(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2PNODE_RELAY", "yes")
    page = street.browsers["anna"].get("/settings")
    assert "by P2PNODE_RELAY, and cannot be changed here" in page.words
    assert not [form for form in page.forms if ("name", "relay") in form.fields]


def test_who_is_told_is_added_tried_and_removed_and_the_address_never_shown(street: Street) -> None:
    anna, port = street.browsers["anna"], street.ports["anna"]
    anna.get("/settings")
    page = anna.submit("/do/notify.add", {"quiet": ""}, url="ntfys://ntfy.sh/SECRET", quiet="22:00-07:00")
    assert "Added." in page.words and "ntfys://…" in page.words and "quiet from 22:00-07:00" in page.words
    (target,) = load_targets(port.home)
    assert target.url == "ntfys://ntfy.sh/SECRET" and "due" in target.events and "match" not in target.events
    page = anna.submit("/do/notify.test", number="1")
    assert "Did it arrive?" in page.words and port.sent[-1][1]
    for path in ("/settings", "/do/notify.remove"):
        assert "SECRET" not in page.source, path
        page = anna.submit("/do/notify.remove", number="1") if path == "/settings" else page
    assert "Tell this one nothing more?" in page.words and load_targets(port.home)
    assert "SECRET" not in anna.submit("/do/notify.remove").source and not load_targets(port.home)


def test_what_cannot_be_told_is_said_at_its_field(street: Street) -> None:
    anna = street.browsers["anna"]
    for field, given in (("url", {"url": "deaf://x"}), ("quiet", {"url": "json://x", "quiet": "soon"})):
        anna.get("/settings")
        page = anna.submit("/do/notify.add", {"quiet": ""}, **given)
        assert page.status == 422 and f'aria-describedby="notify-add-{field}-wrong"' in page.source, page.words
    assert not load_targets(street.ports["anna"].home)


def test_browsers_are_shown_and_logged_out(street: Street) -> None:
    anna, port = street.browsers["anna"], street.ports["anna"]
    row = {"since": 1_800_000_000_000, "seen": 1_800_000_000_000, "valid_until": 1_800_600_000_000}
    agents = ("Mozilla/5.0 (X11; Linux x86_64; rv:1) Gecko Firefox/140.0", mixed(200), "")
    row |= {"kind": "browser", "name": "", "address": ""}
    port.answers[ListSessions] = rows = [{**row, "id": f"{n:08x}", "browser": a} for n, a in enumerate(agents)]
    rows[1] |= {"kind": "device", "name": mixed(60), "address": "192.168.1.20"}
    port.answers[Revoke] = {"revoked": ["00000000"]}
    page = anna.get("/settings")
    assert "Firefox, Linux" in page.words and "unknown browser" in page.words
    assert "192.168.1.20" in page.words
    assert "Logged out." in anna.submit("/do/web.revoke", {"ids": "00000001"}).words
    assert Revoke(ids=("00000001",)) in [args for _, args, _ in port.calls]
    anna.submit("/do/web.revoke", button="Log all others out")
    assert Revoke(ids=("00000000", "00000001", "00000002")) in [args for _, args, _ in port.calls]


@pytest.mark.parametrize(
    ("agent", "named"),
    [
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 Version/17 Safari/605.1.15", "Safari, Mac"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Chrome/130.0 Safari/537 Edg/130.0", "Edge, Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537 Chrome/130.0 Mobile Safari/537", "Chrome, Android"),
        ("curl/8", ""),
    ],
)
def test_a_browser_in_two_words(agent: str, named: str) -> None:
    assert settings.browser_of(agent) == named
