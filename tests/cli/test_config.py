"""`config`: what is in force and why; changes that are checked first, whole or not at all, and keep comments."""

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.settings_page import settings_page
from p2pnode.home.config import PROFILES, SETTINGS, load_config
from p2pnode.home.folder import Home
from p2pnode.home.settings import PROFILE_WORDS, changed, read_file, with_values, write_change
from protocols.errors import Refusal
from tests.cli.conftest import Run

WRITTEN = "# Mine, since 2026\nname = 'Ann'  # as in the street\n\nmax_peers = 12\n"
BEFORE = st.one_of(
    st.sampled_from(
        ["", "name = 'x'", "\n\nlan=true", "'lan' = false # no\r\nweb = ''\r\n", "# lan\nlisten = [\n 'a', # b\n]\n"]
    ),
    st.text(max_size=200),
)
WORD = st.one_of(
    st.sampled_from(["yes", "7", "pi", "error", "stderr", "/ip4/0.0.0.0/tcp/1", "u33", "x\\'"]), st.text(max_size=40)
)
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def written(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("P2PNODE_") and name != "P2PNODE_HOME"]:
        monkeypatch.delenv(name)
    home.config.write_text(WRITTEN)


def test_list_and_get_say_where_a_value_stands(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2PNODE_RELAY", "yes")
    rows = {row["name"]: row for row in run("config", "list", "--json").data}
    assert list(rows) == list(SETTINGS) == list({row["name"]: 0 for row in run("config", "--json").data})
    assert [rows[name]["source"] for name in ("name", "listen", "lan", "relay")] == [
        "file", "profile", "default", "environment"
    ]  # fmt: skip
    one = run("config", "get", "max_peers", "--json").data
    assert one == {
        "name": "max_peers", "value": 12, "source": "file", "default": 64, "meaning": SETTINGS["max_peers"],
        "values": "1 to 4096",
    }  # fmt: skip
    assert run("config", "get", "relay").out == "yes\n"
    assert run("config", "list", "--plain").out.splitlines()[0] == "name\tAnn\tfile"
    assert "SETTING" in run("config").out


def test_set_keeps_what_stands_there(run: Run, home: Home) -> None:
    assert run("config", "set", "name", "Anna", "Bee").status == 0
    assert run("config", "set", "lan", "no").status == 0
    text = home.config.read_text()
    assert "# Mine, since 2026" in text and "# as in the street" in text and 'name = "Anna Bee"' in text
    assert f"# {SETTINGS['lan']}\nlan = false" in text
    assert load_config(home)[0].max_peers == 12
    assert run("config", "unset", "lan").status == 0
    assert "lan" not in home.config.read_text() and SETTINGS["lan"] not in home.config.read_text()
    assert home.config.stat().st_mode & 0o777 == 0o600


def test_set_and_unset_of_a_file_without_a_last_line_end(run: Run, home: Home) -> None:
    home.config.write_text("name = 'x'")
    assert run("config", "set", "max_peers", "9").status == 0
    assert tomllib.loads(home.config.read_text()) == {"name": "x", "max_peers": 9}
    home.config.unlink()
    assert run("config", "set", "max_peers", "9").status == 0
    assert tomllib.loads(home.config.read_text()) == {"max_peers": 9}


def test_several_addresses(run: Run, home: Home) -> None:
    here = ["/ip4/0.0.0.0/tcp/4002", "/ip6/::/tcp/4002"]
    assert run("config", "set", "listen", *here, "--json").data["changed"] == ["listen"]
    assert list(load_config(home)[0].listen) == here


def test_an_area_is_coarsened_before_it_is_written(run: Run, home: Home) -> None:
    assert run("config", "set", "area", "52.5163,13.3777").status == 0
    assert load_config(home)[0].area == "u33db" and "13.3" not in home.config.read_text()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("max_peers", "0"), "at least 1"),
        (("max_peers", "many"), "whole number"),
        (("lan", "perhaps"), "yes or no"),
        (("profile", "palace"), "palace"),
        (("listen", "foo"), "not an address"),
        (("listen", "/ip4/1.2.3.4/tcp/1/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"), "no /p2p/ part"),
        (("bootstrap", "/ip4/1.2.3.4/tcp/1"), "does not name a peer"),
        (("web", "0.0.0.0:80"), "127.0.0.1:PORT"),
        (("area", "nowhere"), "no place"),
        (("name", ""), "must not be empty"),
        (("name", "a\x1b[2J"), "cannot be shown"),
        (("nmae", "x"), "no setting"),
        (("home", "x"), "no setting"),
    ],
)
def test_what_the_node_could_not_use_is_not_written(run: Run, home: Home, args: tuple[str, ...], words: str) -> None:
    result = run("config", "set", *args, "--json")
    assert result.status == 2 and words in result.error["message"] + result.error["hint"], result.error
    assert home.config.read_text() == WRITTEN


def test_a_wrong_value_can_be_set_right_and_another_wrong_line_is_named(run: Run, home: Home) -> None:
    home.config.write_text("max_peers = 0\n")
    assert run("config", "list").status == 1
    assert run("config", "set", "max_peers", "5").status == 0 and load_config(home)[0].max_peers == 5
    home.config.write_text("max_peers = 0\ncache_mb = 0\n")
    result = run("config", "set", "max_peers", "5", "--json")
    assert result.status == 1 and "line 2" in result.error["message"]
    home.config.write_text("name = \n")
    assert "line 1" in run("config", "set", "max_peers", "5", "--json").error["message"]
    assert home.config.read_text() == "name = \n"


def test_a_dry_run_shows_the_difference_and_writes_nothing(run: Run, home: Home) -> None:
    result = run("config", "set", "max_peers", "13", "--dry-run")
    assert "-max_peers = 12\n+max_peers = 13\n" in result.out and home.config.read_text() == WRITTEN
    data = run("config", "unset", "max_peers", "--dry-run", "--json").data
    assert data["dry_run"] and data["changed"] == ["max_peers"] and home.config.read_text() == WRITTEN


def test_a_running_node_has_to_be_started_again(run: Run, home: Home) -> None:
    assert run("config", "set", "lan", "no", "--json").data["restart"] is False
    with home.locked():
        assert run("config", "set", "lan", "yes", "--json").data["restart"] is True
        assert "next start" in run("config", "set", "lan", "no").err
        again = run("config", "set", "lan", "no")
    assert "stands so already" in again.err and run("config", "set", "lan", "no", "--json").data["restart"] is False


def test_the_environment_goes_above_and_that_is_said(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2PNODE_MAX_PEERS", "3")
    assert "P2PNODE_MAX_PEERS in the environment" in run("config", "set", "max_peers", "4").err


def test_profiles_are_sets_that_are_shown(run: Run, home: Home) -> None:
    rows = run("config", "profile", "--json").data
    assert [row["profile"] for row in rows] == list(PROFILES) == list(PROFILE_WORDS)
    assert [row["profile"] for row in rows if row["chosen"]] == ["home"]
    result = run("config", "profile", "pi")
    assert "cache_mb" in result.out and "not by the profile: max_peers" in result.err
    config = load_config(home)[0]
    assert (config.profile, config.cache_mb, config.max_peers) == ("pi", 4, 12)
    assert run("config", "profile", "palace").status == 2


def test_nothing_without_a_node(run: Run, home: Home) -> None:
    home.keystore.unlink()
    for args in (("list",), ("get", "name"), ("set", "name", "x"), ("profile",), ("edit",)):
        assert run("config", *args).status == 4, args


def test_an_editor_needs_a_terminal(run: Run, home: Home) -> None:
    assert run("config", "edit").status == 2


def test_what_is_edited_is_checked_before_it_is_saved(run: Run, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    typed: list[Any] = ["max_peers = 0\n", "max_peers = 8\n"]
    shown = []

    def editor(text: str, **_: Any) -> str:
        shown.append(text)
        answer: str = typed.pop(0)
        return answer

    monkeypatch.setattr(click, "edit", editor)
    monkeypatch.setattr(click, "confirm", lambda *_, **__: True)
    result = run("config", "edit")
    assert result.status == 0 and "max_peers: must be at least 1" in result.err
    assert shown == [WRITTEN, "max_peers = 0\n"] and home.config.read_text() == "max_peers = 8\n"
    typed[:] = ["max_peers = 0\n"]
    monkeypatch.setattr(click, "confirm", lambda *_, **__: False)
    assert run("config", "edit").status == 0 and home.config.read_text() == "max_peers = 8\n"


@pytest.mark.parametrize("name", ["name", "bootstrap", "log_level"])
def test_a_value_that_is_no_text_is_refused(home: Home, name: str) -> None:
    with pytest.raises(Refusal, match="no text"):
        with_values(home, {name: [os.fsdecode(b"caf\xe9")]})


def test_a_change_that_comes_in_between_is_not_undone(home: Home) -> None:
    change = with_values(home, {"max_peers": ["13"]})
    home.config.write_text("max_peers = 14\n")
    with pytest.raises(Refusal) as e:
        write_change(home, change)
    assert e.value.code == "conflict" and home.config.read_text() == "max_peers = 14\n"


@given(before=BEFORE, name=st.sampled_from(list(SETTINGS)), word=WORD)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_whatever_stands_there_the_new_file_can_be_used_or_nothing_comes_of_it(
    home: Home, before: str, name: str, word: str
) -> None:
    home.config.write_bytes(before.encode(errors="replace"))
    try:
        change = with_values(home, {name: [word]})
    except Refusal:
        return
    assert changed(home, change.before, change.after).after == change.after
    back = with_values(home, {name: None})
    write_change(home, back)
    assert name not in tomllib.loads(read_file(home))


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page(), "python -m cli.settings_page > …"
