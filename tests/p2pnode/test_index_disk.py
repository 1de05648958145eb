"""The search index on a disk: damage, full disks, and everything made again."""

import random
import sqlite3

import pytest

from p2pnode.search.index import Index, IndexUnavailable

from .rows import ask, numbers, row
from .test_index import answers, random_rows


def test_is_kept_on_the_disk_with_its_marker(tmp_path):
    path = tmp_path / "index.sqlite"
    index = Index(path)
    assert index.marker is None
    index.update([row(1)], mark=b"17")
    index.close()
    index.close()
    with pytest.raises(IndexUnavailable):
        index.count()
    again = Index(path)
    assert (again.count(), again.marker) == (1, b"17")
    again.clear()
    assert (again.count(), again.marker) == (0, None)
    again.close()


def test_languages_or_version_of_another_time_make_it_new(tmp_path):
    path = tmp_path / "index.sqlite"
    for spoil in ("languages", "version"):
        index = Index(path, ["en"])
        index.update([row(1)], mark=b"17")
        index.close()
        if spoil == "version":
            db = sqlite3.connect(path)
            db.execute("PRAGMA user_version = 99")
            db.close()
        again = Index(path, ["en", "fr"] if spoil == "languages" else ["en"])
        assert (again.count(), again.marker) == (0, None)
        again.close()


@pytest.mark.parametrize("damage", ["garbage", "empty", "cut", "no tables", "zeroed pages"])
def test_a_damaged_file_is_made_new_and_filled_again(tmp_path, damage):
    path = tmp_path / "index.sqlite"
    rows = random_rows(random.Random(3), 300)
    index = Index(path)
    index.update(rows, mark=b"17")
    before = answers(index)
    index.close()
    whole = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(random.Random(1).randbytes(len(whole)))
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "no tables":
        db = sqlite3.connect(path)
        db.execute("DROP TABLE gram")
        db.close()
    else:
        path.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    index = Index(path)
    try:
        answers(index)
        index.upsert(rows)
        assert index.marker is None
    except IndexUnavailable as error:
        assert error.rebuilt
        assert (index.count(), index.marker) == (0, None)
        index.upsert(rows)
    assert answers(index) == before
    index.close()


def test_a_failed_update_changes_nothing(index):
    index.update([row(1, "first")], mark=b"1")

    def rows():
        yield row(2, "second")
        raise KeyError("the caller's own mistake passes through")

    with pytest.raises(KeyError):
        index.update(rows(), removed=[row(1).record], mark=b"2")
    with pytest.raises(OverflowError):
        index.update([row(2, "second"), row(3, until=2**70)], mark=b"2")
    assert (index.count(), index.marker) == (1, b"1")
    assert numbers(ask(index, "first")) == [1]


def test_a_full_disk_is_said_and_loses_nothing(tmp_path):
    index = Index(tmp_path / "index.sqlite")
    index.update(random_rows(random.Random(3), 50), mark=b"1")
    before = answers(index)
    index._db.execute(f"PRAGMA max_page_count = {index._db.execute('PRAGMA page_count').fetchone()[0] + 2}")
    with pytest.raises(IndexUnavailable, match="full") as raised:
        index.update([row(5_000 + i, f"more {i} of it") for i in range(2_000)], mark=b"2")
    assert not raised.value.rebuilt
    assert (index.count(), index.marker) == (50, b"1")
    assert answers(index) == before
    index.close()


def test_a_locked_or_impossible_file_is_said_and_not_deleted(tmp_path):
    path = tmp_path / "index.sqlite"
    index = Index(path)
    index.update([row(1)], mark=b"1")
    index._db.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(IndexUnavailable, match="locked"):
        index.upsert([row(2)])
    other.execute("ROLLBACK")
    other.close()
    assert index.count() == 1
    index.close()
    with pytest.raises(IndexUnavailable):
        Index(tmp_path)
    with pytest.raises(IndexUnavailable):
        Index(tmp_path / "missing" / "index.sqlite")
    assert path.exists()


def test_twenty_thousand_listings_can_be_indexed_and_searched(tmp_path):
    rng = random.Random(5)
    words = ["".join(rng.choices("abcdefghijklmnoprstuw", k=rng.randrange(3, 9))) for _ in range(3_000)]
    index = Index(tmp_path / "index.sqlite")
    for start in range(0, 20_000, 2_000):
        index.upsert(
            row(i, " ".join(rng.choices(words, k=4)) + (" snowblower" if i % 1_000 == 0 else " common"),
                text=" ".join(rng.choices(words, k=12)), area="u33d" + rng.choice("bcdefgh89"))
            for i in range(start, start + 2_000)
        )  # fmt: skip
    assert index.count() == 20_000
    assert len(ask(index, "snow", limit=100)) == 20
    assert len(ask(index, "snwoblower", limit=100)) == 20
    assert len(ask(index, "common", limit=100)) == 100
    assert numbers(ask(index, "common", sort="new", limit=3)) == [1, 2, 3]
    index.close()
