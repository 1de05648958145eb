"""A log that ends in zeros is told from a whole one and from one that is damaged in another way."""

import random
import shutil
from pathlib import Path

import pytest

from p2pnode.logs import BLOCK, checksum, zeroed_from
from p2pnode.store import Store, StoreDamaged
from p2pnode.wholeness import open_store

ROWS = 60


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store whose rows lie in its log, over several blocks."""
    folder = tmp_path_factory.mktemp("written") / "store"
    rng = random.Random(1)
    store = Store.open(folder)
    for number in range(ROWS):
        store.commit({b"e%04d" % number: rng.randbytes(rng.randrange(10, 3_000)) + bytes(number % 3)}, (), True)
    store.close()
    return folder


def log_of(folder: Path) -> Path:
    return max((folder / "db").glob("*.log"))


def test_the_checksum_is_leveldbs() -> None:
    crc = 0x8A9136AA  # RFC 3720, B.4
    assert int.from_bytes(checksum(bytes(32)), "little") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_a_whole_log_and_a_short_one_are_not_zeroed(written: Path) -> None:
    log = log_of(written).read_bytes()
    assert len(log) > 2 * BLOCK and zeroed_from(log) is None and zeroed_from(b"") is None
    rng = random.Random(2)
    for _ in range(30):
        cut = rng.randrange(len(log))
        assert zeroed_from(log[:cut].rstrip(b"\0") + b"x") is None


def test_a_zeroed_end_is_found_wherever_it_begins(written: Path, tmp_path: Path) -> None:
    log = log_of(written).read_bytes()
    rng = random.Random(3)
    for number in range(40):
        cut = rng.randrange(len(log)) if number else 0
        if number % 4 == 1:
            cut -= cut % 4096  # as a page that was never written
        end = bytes(rng.choice((len(log) - cut, 5_000)))
        place = zeroed_from(log[:cut] + end)
        assert place is not None and place <= cut, (cut, place)
        assert cut - place < 4_000, "no more than the record that was begun"
        assert zeroed_from(log[:place]) is None


def test_other_damage_is_not_taken_for_it(written: Path) -> None:
    log = bytearray(log_of(written).read_bytes())
    rng = random.Random(4)
    for _ in range(40):
        changed = bytearray(log)
        place = rng.randrange(len(log) // 2)
        changed[place : place + 20] = bytes(20)
        assert zeroed_from(bytes(changed)) is None, "whole records follow"
    noise = bytes(log[:5_000]) + rng.randbytes(20_000)
    assert zeroed_from(noise) is None


def test_a_flipped_bit_is_not_taken_for_it(written: Path) -> None:
    """Not even in the last record, where that ends in zeros."""
    log = log_of(written).read_bytes()
    assert log.endswith(bytes(2))
    rng = random.Random(5)
    for _ in range(60):
        changed = bytearray(log)
        changed[len(log) - 1 - rng.randrange(1_000)] ^= 1 << rng.randrange(8)
        assert zeroed_from(bytes(changed)) is None
    assert zeroed_from(log[:-20] + bytes(20)) is not None


def test_a_store_opens_without_the_zeros_and_a_copy_is_kept(written: Path, tmp_path: Path) -> None:
    folder, aside = tmp_path / "store", tmp_path / "aside"
    shutil.copytree(written, folder)
    log = log_of(folder)
    content = log.read_bytes()
    damaged = content[: len(content) // 2] + bytes(len(content) - len(content) // 2)
    log.write_bytes(damaged)
    with pytest.raises(StoreDamaged):
        Store.open(folder)
    store, cut = open_store(folder, aside)
    rows = len(list(store.scan(b"e")))
    store.close()
    assert cut and 0 < rows < ROWS
    assert log_of(aside).read_bytes() == damaged
    store, cut = open_store(folder, tmp_path / "none")
    assert not cut and len(list(store.scan(b"e"))) == rows and not (tmp_path / "none").exists()
    store.close()


def test_a_store_that_is_damaged_elsewhere_stays_as_it_is(written: Path, tmp_path: Path) -> None:
    folder, aside = tmp_path / "store", tmp_path / "aside"
    shutil.copytree(written, folder)
    log = log_of(folder)
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    with pytest.raises(StoreDamaged):
        open_store(folder, aside)
    assert not aside.exists() and log.read_bytes() == content
