"""A backup: sealed, whole or refused, and never over an identity."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ledger.chain import decode_state
from p2pnode.core.keys import CHAIN, DOUBT
from p2pnode.home import backup
from p2pnode.home.backup import read_backup, restore_backup, write_backup
from p2pnode.home.folder import Home
from p2pnode.home.founding import set_up
from p2pnode.home.sealed import CHUNK, SealedWriter
from p2pnode.store import MemoryStore, Store
from protocols.errors import Refusal
from tests.sim.simulator import Simulator
from tests.sim.street import street

PASSPHRASE = b"five words that nobody knows"
NOW = 1_800_000_000_000


@pytest.fixture(scope="module")
def rows() -> MemoryStore:
    return street(Simulator(1))[0].disk


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "anna")
    set_up(made, "Anna", "u33dc", None, None, (), "test", None)
    (made.photos / "ab.jpg").write_bytes(os.urandom(600_000))
    (made.photos / "others").mkdir()
    (made.photos / "others" / "cd.jpg").write_bytes(b"a neighbour's")
    made.kinds.mkdir()
    (made.kinds / "tool-library.toml").write_text("kind = 'tool-library'")
    return made


def written(home: Home, rows: MemoryStore, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    file = tmp_path / "anna.backup"
    return file, write_backup(file, PASSPHRASE, home, rows, NOW, ops=1, mem=8192)


def test_what_is_restored_is_what_was_there(home: Home, rows: MemoryStore, tmp_path: Path) -> None:
    file, made = written(home, rows, tmp_path)
    assert made["networks"][0]["entries"] == 3 and made["networks"][0]["name"] == "Elm Street"
    assert made["bytes"] == file.stat().st_size > CHUNK and file.stat().st_mode & 0o777 == 0o600
    assert {**read_backup(file, PASSPHRASE), "contents": 1} == made
    other = Home(tmp_path / "elsewhere")
    other.root.mkdir()
    restore_backup(file, PASSPHRASE, other)
    for name in ("version", "config.toml", "keystore.json", "photos/ab.jpg", "kinds/tool-library.toml"):
        assert (other.root / name).read_bytes() == (home.root / name).read_bytes()
        assert (other.root / name).stat().st_mode & 0o077 == 0
    assert not list(other.photos.rglob("cd.jpg")), "it can be had again"
    store = Store.open(other.store)
    stored = {k: v for k, v in store.scan(b"") if k[:1] != DOUBT}
    assert stored == dict(rows.scan(b""))
    states = [decode_state(v) for k, v in stored.items() if k[:1] == CHAIN]
    assert {n: (h.count, h.last) for n, h in store.heads().items()} == {s.network: (s.count, s.head) for s in states}
    assert {k for k, _ in store.scan(DOUBT)} == {DOUBT, *(DOUBT + s.network for s in states)}
    store.close()


def test_nothing_secret_can_be_read_in_the_file(home: Home, rows: MemoryStore, tmp_path: Path) -> None:
    file, made = written(home, rows, tmp_path)
    content = file.read_bytes()
    for secret in (b"Anna", b"keystore", made["author"].encode(), bytes.fromhex(made["author"])):
        assert secret not in content


def test_an_identity_is_never_overwritten(home: Home, rows: MemoryStore, tmp_path: Path) -> None:
    file, _ = written(home, rows, tmp_path)
    before = home.keystore.read_bytes()
    with pytest.raises(Refusal, match="identity already"):
        restore_backup(file, PASSPHRASE, home)
    assert home.keystore.read_bytes() == before
    other = Home(tmp_path / "other")
    other.root.mkdir()
    (other.root / "letter.txt").write_text("mine")
    with pytest.raises(Refusal, match="not empty"):
        restore_backup(file, PASSPHRASE, other)
    assert [p.name for p in other.root.iterdir()] == ["letter.txt"]


def test_the_wrong_passphrase_is_told_from_damage(home: Home, rows: MemoryStore, tmp_path: Path) -> None:
    file, _ = written(home, rows, tmp_path)
    with pytest.raises(Refusal, match="passphrase does not open"):
        read_backup(file, b"another")
    whole = file.read_bytes()
    torn = [whole[:n] for n in (0, 5, 40, 400, len(whole) // 2, len(whole) - 1)]
    flipped = [whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :] for n in (16, 30, 130, 70_000, len(whole) - 3)]
    for content in (*torn, *flipped):
        file.write_bytes(content)
        with pytest.raises(Refusal, match=r"torn|not a backup|newer"):
            restore_backup(file, PASSPHRASE, Home(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists() and not list(tmp_path.glob("*.restoring"))


def test_what_a_newer_program_made_is_refused(
    home: Home, rows: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "CONTENTS_VERSION", 2)
    file, _ = written(home, rows, tmp_path)
    monkeypatch.undo()
    with pytest.raises(Refusal, match="newer p2pnode"):
        read_backup(file, PASSPHRASE)
    monkeypatch.setattr("p2pnode.home.sealed.SEAL_VERSION", 2)
    file, _ = written(home, rows, tmp_path)
    monkeypatch.undo()
    with pytest.raises(Refusal, match="newer p2pnode"):
        read_backup(file, PASSPHRASE)


def test_a_backup_that_fails_leaves_the_old_one(home: Home, rows: MemoryStore, tmp_path: Path) -> None:
    file, _ = written(home, rows, tmp_path)
    before = file.read_bytes()

    class Breaks(MemoryStore):
        def scan(self, prefix: bytes) -> Any:
            if not prefix:
                raise OSError(5, "Input/output error")
            return rows.scan(prefix)

    with pytest.raises(Refusal, match="Cannot write"):
        write_backup(file, PASSPHRASE, home, Breaks(), NOW, ops=1, mem=8192)
    assert file.read_bytes() == before and not list(tmp_path.glob(".*part"))


def test_a_snapshot_stays_as_it_was(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    store.commit({b"a1": b"one", b"b": b"other"})
    taken = store.snapshot()
    store.commit({b"a1": b"two", b"a2": b"new"}, [b"b"])
    assert list(taken.scan()) == [(b"a1", b"one"), (b"b", b"other")]
    assert list(taken.scan(b"a")) == [(b"a1", b"one")]
    store.close()


def _items(*items: tuple[bytes, bytes, bytes]) -> bytes:
    return b"".join(tag + len(k).to_bytes(4, "big") + k + len(v).to_bytes(4, "big") + v for tag, k, v in items)


MANIFEST = {"contents": 1, "program": "1", "home_version": 1, "author": "", "peer_id": "", "name": "", "networks": []}
END = b'{"files": 0, "rows": 0}'


@pytest.mark.parametrize(
    ("manifest", "end"),
    [
        (b'{"contents": 1, "home_ver', END),
        (b"[" * 100_000, END),
        (json.dumps({k: v for k, v in MANIFEST.items() if k != "name"}).encode(), END),
        (json.dumps({**MANIFEST, "networks": [{"id": 7}]}).encode(), END),
        (json.dumps(MANIFEST).encode(), b'{"files": 0, "ro'),
        (json.dumps(MANIFEST).encode(), b"[" * 100_000),
    ],
    ids=["torn", "deep", "a field missing", "no network", "torn end", "deep end"],
)
def test_what_is_sealed_and_no_backup_is_refused(manifest: bytes, end: bytes, tmp_path: Path) -> None:
    file = tmp_path / "odd"
    with file.open("wb") as out:
        writer = SealedWriter(out, PASSPHRASE, NOW, 1, 8192)
        writer.write(_items((b"M", b"", manifest), (b"E", b"", end)))
        writer.finish()
    with pytest.raises(Refusal, match="damaged"):
        read_backup(file, PASSPHRASE)
