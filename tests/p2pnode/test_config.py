"""Settings: where they come from, and how wrong ones are named."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.home.config import PROFILES, SETTINGS, Config, load_config, save_config
from p2pnode.home.folder import Home
from protocols.errors import Refusal


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


def test_a_missing_file_is_made_anew(home: Home) -> None:
    config, notes = load_config(home, {})
    assert config == Config() and "anew" in notes[0] and home.config.exists()
    assert load_config(home, {}) == (Config(), [])


def test_environment_above_file_above_profile(home: Home) -> None:
    save_config(home, {"name": "Ann", "profile": "server", "max_peers": 7})
    config, _ = load_config(home, {})
    assert (config.name, config.max_peers, config.relay, config.lan) == ("Ann", 7, True, False)
    environ = {
        "P2PNODE_NAME": "Bob", "P2PNODE_LISTEN": "/ip4/127.0.0.1/tcp/1, /ip6/::1/tcp/1", "P2PNODE_RELAY": "no",
        "P2PNODE_MAX_PEERS": "9", "P2PNODE_HOME": "/x", "OTHER": "1",
    }  # fmt: skip
    config, notes = load_config(home, environ)
    assert (config.name, config.relay, config.max_peers, notes) == ("Bob", False, 9, [])
    assert config.listen == ("/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1")
    assert load_config(home, {"P2PNODE_PROFILE": "pi"})[0].cache_mb == PROFILES["pi"]["cache_mb"]
    assert config.web == "" and load_config(home, {"P2PNODE_WEB": "[::1]:7117"})[0].web == "[::1]:7117"


def test_what_is_no_setting_is_said(home: Home) -> None:
    assert "P2PNODE_NAEM" in load_config(home, {"P2PNODE_NAEM": "x"})[1][-1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# fine\nname = 3", ["line 2", "name: should be text, not a whole number"]),
        ("# fine\n\nnmae = 'x'", ["line 3", "nmae"]),
        ("name = 'a\nb'", ["line 1"]),
        ("name = 'a'\nname = 'b'", ["name"]),
        ("listen = ['/ip4/1.2.3.4/tcp/1', 3]", ["line 1", "listen"]),
        ("listen = []", ["line 1", "listen"]),
        ("area = 'u33dbcc'", ["line 1", "area"]),
        ("profile = 'palace'", ["line 1", "profile"]),
        ("max_peers = 0", ["max_peers"]),
        ("web = '0.0.0.0:7117'", ["line 1", "web", "127.0.0.1:PORT"]),
        ("web = 'localhost:7117'", ["line 1", "web"]),
        ("max_peers = true", ["max_peers"]),
        ("[name]\na = 1", ["name"]),
        ("= 1", ["line 1"]),
        ("x" * 300_000, ["bytes"]),
        ("a = " + "[" * 5_000, ["config.toml"]),
    ],
)
def test_a_wrong_line_is_named_and_what_to_do(home: Home, text: str, words: list[str]) -> None:
    home.config.write_text(text)
    with pytest.raises(Refusal) as e:
        load_config(home, {})
    assert all(word in e.value.message for word in [*words, str(home.config)]), e.value.message
    assert e.value.hint.startswith("Mend ")
    assert home.config.read_text() == text, "never overwritten"


def test_bytes_that_are_no_text(home: Home) -> None:
    home.config.write_bytes(b"# a\nname = '\xff'")
    with pytest.raises(Refusal, match="line 2"):
        load_config(home, {})


def test_a_wrong_variable_is_named(home: Home) -> None:
    save_config(home, {})
    for name, value in {"P2PNODE_MAX_PEERS": "many", "P2PNODE_RELAY": "perhaps", "P2PNODE_PROFILE": "x"}.items():
        with pytest.raises(Refusal, match=name):
            load_config(home, {name: value})


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_config_or_a_clear_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    home = Home(tmp_path_factory.getbasetemp() / "any")
    home.create()
    home.config.write_bytes(raw)
    try:
        assert isinstance(load_config(home, {})[0], Config)
    except Refusal as e:
        assert e.message and e.hint


def test_each_setting_is_explained() -> None:
    assert tuple(SETTINGS) == Config.__struct_fields__
    for values in PROFILES.values():
        assert set(values) <= set(SETTINGS)
