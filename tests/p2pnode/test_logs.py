"""One bit flipped in a length of a log, for which LevelDB leaves out the end of the log without a word."""

import shutil
from pathlib import Path

import plyvel
import pytest

from ledger.head import Head
from p2pnode.logs import BLOCK, HEADER, flipped_length
from p2pnode.store import Store, StoreDamaged

NET = b"n" * 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose log reaches into a second block."""
    path = tmp_path_factory.mktemp("logs") / "s"
    for life in range(2):  # so that the MANIFEST has several records
        store = Store.open(path)
        for n in range(60):
            store.commit({b"k%d" % n: b"v" * (700 + n)}, heads={NET: Head(NET, 1, b"1" * 32)})
        store.commit({b"last": b"listing %d" % life}, durable=True)
        store.close()
    return path


def lengths(file: Path) -> list[int]:
    """Where in the last block the records begin."""
    data = file.read_bytes()
    place = len(data) - len(data) % BLOCK
    found = []
    while place + HEADER <= len(data):
        found.append(place)
        place += HEADER + int.from_bytes(data[place + 4 : place + 6], "little")
    return found


def newest(folder: Path, pattern: str) -> Path:
    return max((folder / "db").glob(pattern), key=lambda file: file.stat().st_size)


@pytest.mark.parametrize("pattern", ["*.log", "MANIFEST-*"])
def test_every_bit_of_every_length_is_noticed(folder: Path, tmp_path: Path, pattern: str) -> None:
    """LevelDB notices those that make a record shorter, or that stay within the file; the rest must be ours."""
    whole = newest(folder, pattern).read_bytes()
    silent = 0
    for place in lengths(newest(folder, pattern)):
        for bit in range(16):
            shutil.copytree(folder, tmp_path / "s")
            data = bytearray(whole)
            data[place + 4 + bit // 8] ^= 1 << bit % 8
            (tmp_path / "s" / "db" / newest(folder, pattern).name).write_bytes(data)
            with pytest.raises(StoreDamaged) as refused:
                Store.open(tmp_path / "s")
            if "a length in" in refused.value.message:
                silent += 1
                assert flipped_length(newest(tmp_path / "s", pattern)) == place
            shutil.rmtree(tmp_path / "s")
    assert silent > 3


def test_leveldb_says_nothing(folder: Path, tmp_path: Path) -> None:
    """Why this is looked for at all: the last record is gone, and no error."""
    shutil.copytree(folder, tmp_path / "s")
    log = newest(tmp_path / "s", "*.log")
    data = bytearray(log.read_bytes())
    data[lengths(log)[-1] + 5] ^= 0x80
    log.write_bytes(data)
    db = plyvel.DB(str(tmp_path / "s" / "db"), paranoid_checks=True)
    assert db.get(b"last") == b"listing 0"
    db.close()


def test_a_record_that_was_cut_off_is_no_damage(folder: Path, tmp_path: Path) -> None:
    whole = newest(folder, "*.log").read_bytes()
    log = tmp_path / "x.log"
    for cut in range(len(whole) - 2_000, len(whole) + 1):
        log.write_bytes(whole[:cut])
        assert flipped_length(log) is None
    for content in (b"", bytes(BLOCK), bytes(100), whole[: BLOCK + 3]):
        log.write_bytes(content)
        assert flipped_length(log) is None
