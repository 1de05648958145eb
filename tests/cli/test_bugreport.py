"""`bugreport`: what is planted wherever a node keeps or meets text must not come out of it, whole or in part."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode.doctor.hushed import Veil, line_told, trace_told
from p2pnode.doctor.report import sentences
from p2pnode.home.folder import Home
from p2pnode.home.keystore import create_keystore
from tests.cli.conftest import Run
from tests.p2pnode.fake_node import FakeNode, running

WORDS = "abandon ability zebra about ladder absent absorb abstract absurd abuse access accident"
PEER = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"
SECRETS = {
    "seed": "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "words": WORDS,
    "passphrase": "correct horse battery",
    "contact": "+49 30 901820 back door",
    "mail": "ann.example@post.example.org",
    "cookie": "Zk3vQ0-aT_9LmN4pXyRw82Kc71HsBdUe",
    "link": "p2pnode://join/lsRvmQHEEMV1x9",
    "address": "52.516274,13.377704",
    "street": "Elm Street 17",
    "name": "Annabel",
    "network": "Winter Road",
    "ip": "84.16.3.77",
    "ip6": "2003:4:7:9::1234",
    "lan": "192.168.77.12",
    "host": "ann-home.example.net",
    "peer": PEER,
    "title": "Snowblower from uncle Bert",
    "area": "u33dc",
}


def parts(secret: str) -> set[str]:
    """The whole, and what would betray it: each longer piece of it."""
    longer = {piece for piece in secret.replace("/", " ").replace(",", " ").split() if len(piece) >= 6}
    return {secret, *longer, secret[:12], secret[-12:]} - {"Street", "Winter", "Road", "access", "street", "secret"}


def lines() -> str:
    """Each secret in each place of a line of the log."""
    rows: list[Any] = []
    for kind, secret in SECRETS.items():
        own = {"level": "info", "at": "2026-11-22T21:00:00Z"}
        rows += [
            {"event": secret, **own},
            {"event": "refused", "command": secret, "code": secret, "reason": f"not to be had: {secret}", **own},
            {"event": "strike", "peer": secret, "reason": secret, "protocol": secret, "failure": secret, **own},
            {"event": f"strike against {secret}: {secret}", "logger": "p2pnode.net.host", **own},
            {"event": f"dial to {secret}", "logger": secret, **own, "level": "error"},
            {"event": "command failed", secret: secret, "list": [secret], "map": {secret: secret}, **own},
            {"event": "dial failed", "level": secret, "at": secret, "errand": secret},
            {"event": "command failed", **own, "exception": trace(secret), kind: secret},
            secret,
            [secret],
        ]
    return "".join(json.dumps(row) + "\n" for row in rows) + f'{{"event": "torn {PEER}\n{WORDS}\n'


def trace(secret: str) -> str:
    return (
        "Traceback (most recent call last):\n"
        f'  File "/home/{secret}/.venv/lib/python3.12/site-packages/p2pnode/core/core.py", line 17, in handle\n'
        f"    raise ValueError({secret!r})\n"
        f'  File "/home/x/{secret}", line 3, in main\n'
        f"ValueError: {secret}\n{secret}\n"
        f"p2pnode.store.StoreError: {secret}\n"
    )


@pytest.fixture
def planted(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home in which each of them stands somewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "Annabel"))
    home.keystore.unlink()
    create_keystore(home.keystore)
    home.web_cookie.write_text(SECRETS["cookie"])
    home.kinds.mkdir(exist_ok=True)
    (home.kinds / "k.toml").write_text(SECRETS["title"])
    home.config.write_text(
        f"# {WORDS} {SECRETS['passphrase']}\narea = 'u33dc'\n"
        f"name = {SECRETS['name']!r}\nnetwork = {SECRETS['network']!r}\n"
        f"listen = ['/ip4/{SECRETS['ip']}/tcp/4001', '/ip4/{SECRETS['lan']}/tcp/4001']\n"
        f"bootstrap = ['/dns4/{SECRETS['host']}/tcp/4001/p2p/{PEER}']\n"
    )
    home.log.write_text(lines())
    return home


def told(kind: str) -> str:
    """As a sentence of the node would name it: what somebody typed stands in quotation marks."""
    typed = kind in ("words", "passphrase", "street", "title", "area")
    return f"cannot reach {SECRETS[kind]!r}" if typed else f"cannot reach {SECRETS[kind]}: timed out"


HEALTH = {
    "program": "0.1", "networks": 2, "peers": 0, "known": 3, "chosen": 0,
    "joining": list(SECRETS.values()),
    "addresses": [f"/ip4/{SECRETS['ip']}/tcp/4001/p2p/{PEER}", f"/ip6/{SECRETS['ip6']}/tcp/4001"],
    "reach": {"state": "yes", "address": f"/ip4/{SECRETS['ip']}/tcp/4001", "by": 2, "port": 4001},
    "recovering": [{"network": SECRETS["network"], "entries": 3}],
}  # fmt: skip
STATUS = {
    "name": SECRETS["name"], "state": "joined", "listings": 41, "network": None,
    "networks": [{"name": SECRETS["network"]}, {"name": SECRETS["street"]}], "warnings": list(SECRETS.values()),
}  # fmt: skip


def leaks(text: str) -> dict[str, list[str]]:
    found = {kind: sorted(p for p in parts(secret) if p.lower() in text.lower()) for kind, secret in SECRETS.items()}
    return {kind: pieces for kind, pieces in found.items() if pieces}


@pytest.mark.parametrize("problem", SECRETS)
def test_nothing_planted_comes_out_of_it(run: Run, planted: Home, problem: str) -> None:
    node = FakeNode()
    words = {"dial_problem": told(problem), "warnings": [told(problem)], "clock_warnings": [told(problem)]}
    node.answers.update(health={**HEALTH, **words}, status=STATUS)
    with running(planted, node):
        assert run("bugreport", "r.txt", "--yes", "-n", "1000").status == 0
    text = Path("r.txt").read_text()
    assert leaks(text) == {}
    secrets = json.loads(planted.keystore.read_text())["secrets"].values()
    assert not [seed for seed in secrets if seed[:12] in text]
    assert str(planted.root) not in text
    assert "listings 41" in text and "strike against %s: %s" in text and "core/core.py:17 handle" in text


def test_the_test_would_see_it(run: Run, planted: Home) -> None:
    raw = planted.log.read_text() + planted.config.read_text() + json.dumps(HEALTH) + json.dumps(STATUS)
    assert set(leaks(raw)) == set(SECRETS)


def test_nor_with_the_node_down_and_settings_that_cannot_be_used(run: Run, planted: Home) -> None:
    planted.config.write_text(f"# {WORDS}\nprofile = {SECRETS['passphrase']!r}\n{SECRETS['name']} = 1\n")
    assert run("bugreport", "r.txt", "--yes").status == 0
    text = Path("r.txt").read_text()
    assert leaks(text) == {} and "line" in text and "cannot be used" in text


def test_it_helps(run: Run, planted: Home) -> None:
    text = run("bugreport", "--dry-run", "--json").data["report"]
    for words in ("daemon", "p2pnode 0.", "Python", "max_peers (default) 64", "listen (file) 2 set", "name (file) set"):
        assert words in text, words
    assert not list(Path().glob("p2pnode-bugreport*"))


def test_the_file_is_for_the_user_alone_and_nothing_is_overwritten(run: Run, planted: Home) -> None:
    result = run("bugreport")
    assert "Not in it: keys" in result.err and result.status == 0
    (file,) = Path().glob("p2pnode-bugreport-*.txt")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and str(file) in result.out
    assert run("bugreport", str(file), "--json").error["code"] == "conflict"
    assert run("bugreport", "no/such/folder/x").status == 1
    assert run("bugreport", "r", "--json").data["bytes"] == Path("r").stat().st_size


def test_it_is_asked_for_before_it_is_written(run: Run, planted: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda question: False)
    assert run("bugreport", "r").status == 130 and not Path("r").exists()


def test_labels_are_of_one_report() -> None:
    one, other = Veil(b"1" * 16), Veil(b"2" * 16)
    text = f"/ip4/{SECRETS['ip']}/tcp/1/p2p/{PEER} and 127.0.0.1 at 21:15:03, 38dc9451, v0.35.0"
    assert one.text(text) == one.text(text) != other.text(text)
    assert "public address" in one.text(text) and "private address" in one.text("10.0.0.1 fe80::1%eth0")
    assert "12D3KooWDpJ7" not in one.text("12D3KooWDpJ7… is away") and "annabelle" not in one.text("annabelle@x.org")
    assert "127.0.0.1 at 21:15:03" in one.text(text) and "0.35.0" in one.text(text) and "38dc" not in one.text(text)


def test_a_trace_says_where_and_of_what_kind() -> None:
    assert trace_told(trace("Bert")) == ["p2pnode/core/core.py:17 handle", "‹hidden›:3 main", "ValueError",
                                         "p2pnode.store.StoreError"]  # fmt: skip


def test_the_sentences_of_the_source_are_found() -> None:
    found = [sentence for sentence, _ in sentences()]
    assert {"strike", "refused", "dial failed", "strike against %s: %s", "stopping"} <= set(found)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_line_is_told_without_an_error(value: Any) -> None:
    line = value if isinstance(value, dict) else {"event": "refused", "x": value, "exception": value}
    assert line_told(line, sentences_once(), Veil(b"k" * 16))


def sentences_once(kept: list[Any] = []) -> list[Any]:  # noqa: B006
    if not kept:
        kept.extend(sentences())
    return kept
