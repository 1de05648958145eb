"""`key`: words are checked, the keystore sealed and opened again, the identity the same throughout."""

from pathlib import Path

import pytest

from p2pnode.home import keystore
from p2pnode.home.folder import Home
from p2pnode.home.keystore import load_keystore
from tests.cli.conftest import Run

OTHER = "abandon " * 23 + "art"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> tuple[Home, str]:
    """A home, and its 24 words."""
    home = Home(tmp_path / "ann")
    monkeypatch.setenv("P2PNODE_HOME", str(home.root))
    monkeypatch.setattr(keystore.save_keystore, "__defaults__", (None, 1, 8192))  # argon2id at its weakest, for speed
    return home, run("init", "--name", "Ann", "--json").data["words"]


def kept(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text + "\n")
    return str(path)


def test_words_are_checked_and_nothing_is_changed(made: tuple[Home, str], tmp_path: Path, run: Run) -> None:
    home, words = made
    before = home.keystore.read_bytes()
    data = run("key", "words", "--words-file", kept(tmp_path, "mine", words.upper()), "--json").data
    assert data["fits"] and data["name"] == "Ann" and data["peer_id"]
    shown = run("key", "words", "--words-file", kept(tmp_path, "mine", words))
    assert shown.status == 0 and "words of Ann" in shown.out and words.split()[0] not in shown.out.split()
    other = run("key", "words", "--words-file", kept(tmp_path, "other", OTHER), "--json")
    assert other.status == 5 and "another identity" in other.error["message"]
    assert run("key", "words", "--words-file", kept(tmp_path, "few", words[:-9]), "--json").status == 2
    assert run("key", "words", "--json").status == 2  # nobody to ask
    assert home.keystore.read_bytes() == before


def test_a_keystore_is_sealed_opened_and_sealed_anew(made: tuple[Home, str], tmp_path: Path, run: Run) -> None:
    home, _ = made
    one, two = kept(tmp_path, "one", "five words make a phrase"), kept(tmp_path, "two", "and these are others")
    author = load_keystore(home.keystore)[0].public.author
    before = home.keystore.read_bytes()
    assert run("key", "encrypt", "--passphrase-file", kept(tmp_path, "short", "seven77"), "--json").status == 2
    assert run("key", "encrypt", "--json").status == 2
    assert run("key", "encrypt", "--passphrase-file", one, "--dry-run").status == 0
    assert home.keystore.read_bytes() == before
    shown = run("key", "encrypt", "--passphrase-file", one)
    assert shown.status == 0 and f"p2pnode up --passphrase-file {one}" in shown.out
    assert '"secrets"' not in home.keystore.read_text()
    assert load_keystore(home.keystore, b"five words make a phrase")[0].public.author == author
    # sealed: only who knows the passphrase seals it anew or opens it
    for extra in ([], ["--old", two]):
        refused = run("key", "encrypt", "--passphrase-file", two, *extra, "--json")
        assert refused.status == 5, refused
    assert run("key", "encrypt", "--passphrase-file", two, "--old", one, "--json").data["sealed"] is True
    assert load_keystore(home.keystore, b"and these are others")[0].public.author == author
    assert run("key", "encrypt", "--remove", "--old", two, "--json").data["sealed"] is False
    assert load_keystore(home.keystore)[0].public.author == author


def test_a_node_that_runs_keeps_its_keystore(made: tuple[Home, str], tmp_path: Path, run: Run) -> None:
    home, _ = made
    one = kept(tmp_path, "one", "five words make a phrase")
    with home.locked():
        assert run("key", "encrypt", "--passphrase-file", one, "--json").status == 6


def test_the_older_name_is_understood(made: tuple[Home, str], tmp_path: Path, run: Run) -> None:
    _, words = made
    file = kept(tmp_path, "mine", words)
    assert run("rotate", "--words-file", file, "--yes", "--json").data["epoch"] == 1
    assert run("key", "rotate", "--words-file", file, "--yes", "--json").data["epoch"] == 2
    assert "rotate" not in [line.split()[0] for line in run("--help").out.splitlines() if line.strip()]
