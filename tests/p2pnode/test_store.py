import errno
import os
import subprocess
import sys
from pathlib import Path

import plyvel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.head import FILE_BYTES, SLOT_BYTES, Head, missing_after, slot_offset
from p2pnode.store import MemoryStore, Store, StoreBusy, StoreDamaged, StoreFailed

NET, OTHER = b"n" * 16, b"o" * 16


def head(count: int, network: bytes = NET) -> Head:
    return Head(network, count, bytes([count]) * 32)


def test_what_is_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s")
    store.commit({b"a/1": b"x", b"a/2": b"y", b"b/1": b"z"}, (), durable=True, heads={NET: head(1)})
    store.commit({b"a/3": b"w"}, [b"a/1"], durable=False)
    store.close()
    store = Store.open(tmp_path / "s")
    assert list(store.scan(b"a/")) == [(b"a/2", b"y"), (b"a/3", b"w")]
    assert store.get(b"a/1") is None and store.get(b"b/1") == b"z"
    assert store.heads() == {NET: head(1)}
    store.close()


def test_a_store_has_one_owner(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s")
    with pytest.raises(StoreBusy):
        Store.open(tmp_path / "s")
    with pytest.raises(StoreBusy):  # and the failed attempt has not dropped the lock
        Store.open(tmp_path / "s")
    code = "import sys; from p2pnode.store import *\ntry: Store.open(sys.argv[1])\nexcept StoreBusy: sys.exit(9)"
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "s"], check=False).returncode == 9
    store.close()
    Store.open(tmp_path / "s").close()


def test_heads_alternate_and_are_kept_per_network(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s")
    for n in range(1, 6):
        store.commit({b"%d" % n: b""}, heads={NET: head(n), OTHER: head(2 * n, OTHER)})
        with open(tmp_path / "s" / "heads" / f"{NET.hex()}.head", "rb") as f:
            assert len(f.read()) == FILE_BYTES
    store.close()
    store = Store.open(tmp_path / "s")
    assert store.heads() == {NET: head(5), OTHER: head(10, OTHER)}
    store.close()


def test_a_head_slot_torn_at_any_byte_leaves_the_one_before(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s")
    store.commit({b"1": b""}, heads={NET: head(1)})
    store.commit({b"2": b""}, heads={NET: head(2)})
    store.close()
    file = tmp_path / "s" / "heads" / f"{NET.hex()}.head"
    whole = file.read_bytes()
    for cut in range(0, SLOT_BYTES, 7):
        torn = bytearray(whole)
        start = slot_offset(2)
        torn[start + cut : start + SLOT_BYTES] = b"\xee" * (SLOT_BYTES - cut)
        file.write_bytes(torn)
        store = Store.open(tmp_path / "s")
        assert store.heads() == {NET: head(1)}
        store.close()
    file.write_bytes(bytes(FILE_BYTES))
    with pytest.raises(StoreDamaged):
        Store.open(tmp_path / "s")
    file.write_bytes(whole)
    Store.open(tmp_path / "s").close()  # the failed attempt gave the lock back


def test_a_database_that_is_gone_is_damage_and_not_a_new_one(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s")
    store.commit({b"1": b""}, heads={NET: head(1)})
    store.close()
    for file in (tmp_path / "s" / "db").iterdir():
        file.unlink()
    with pytest.raises(StoreDamaged) as e:
        Store.open(tmp_path / "s")
    assert e.value.hint


def test_damage_in_the_database_is_said(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s")
    for n in range(50):
        store.commit({b"%d" % n: os.urandom(200)}, durable=n == 49)
    store.close()
    log = max((tmp_path / "s" / "db").glob("*.log"), key=lambda p: p.stat().st_size)
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 1
    log.write_bytes(data)
    with pytest.raises(StoreDamaged):
        Store.open(tmp_path / "s")


def test_a_refused_write_kills_the_handle_until_it_is_reopened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(tmp_path / "s")
    store.commit({b"1": b"a"}, heads={NET: head(1)})

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as m:
        m.setattr("os.pwrite", full)
        with pytest.raises(StoreFailed):
            store.commit({b"2": b"b"}, heads={NET: head(2)})
    for call in (
        lambda: store.commit({b"3": b"c"}),
        lambda: store.get(b"1"),
        lambda: list(store.scan(b"")),
        store.heads,
    ):
        with pytest.raises(StoreFailed):
            call()
    with pytest.raises(StoreBusy):
        Store.open(tmp_path / "s")
    store.reopen()
    assert store.get(b"1") == b"a" and store.heads() == {NET: head(1)}
    store.commit({b"2": b"b"}, heads={NET: head(2)})
    store.close()


def test_a_store_that_cannot_be_opened_again_stays_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(tmp_path / "s")
    store.commit({b"1": b"a"}, heads={NET: head(1)})

    def gone(*_: object, **__: object) -> None:
        with pytest.raises(StoreFailed):  # from another thread
            store.get(b"1")
        raise plyvel.IOError("IO error: Input/output error")

    with monkeypatch.context() as m:
        m.setattr("plyvel.DB", gone)
        with pytest.raises(StoreFailed):
            store.reopen()
        for call in (lambda: store.commit({b"2": b"b"}), lambda: store.get(b"1"), store.snapshot):
            with pytest.raises(StoreFailed, match="Input/output"):
                call()
    store.reopen()
    assert store.get(b"1") == b"a"
    store.close()


def test_a_failed_sync_is_not_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(tmp_path / "s")
    store.commit({b"1": b"a"}, heads={NET: head(1)})

    def bad(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as m:
        m.setattr("os.fdatasync", bad)
        with pytest.raises(StoreFailed):
            store.commit({b"2": b"b"}, heads={NET: head(2)})
    store.reopen()
    assert store.heads()[NET].count in (1, 2)
    store.close()


def test_the_batch_is_durable_before_the_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(tmp_path / "s")
    store.commit({}, heads={NET: head(0)})
    real = os.pwrite

    def look(fd: int, data: bytes, offset: int) -> int:
        assert store.get(b"1") == b"a"
        return real(fd, data, offset)

    monkeypatch.setattr("os.pwrite", look)
    store.commit({b"1": b"a"}, heads={NET: head(1)})
    store.close()


@pytest.mark.parametrize("place", [100, -60, -1_000], ids=["rows", "footer", "index"])
@pytest.mark.parametrize("prefix", [b"", b"k", b"k0000"])
def test_a_scan_says_that_a_table_cannot_be_read(place: int, prefix: bytes, tmp_path: Path) -> None:
    """And does not end as if there were no more rows."""
    folder = tmp_path / "s"
    store = Store.open(folder)
    store.commit({b"k%04d" % i: bytes([i % 256]) * 100 for i in range(2_000)}, durable=True)
    store._db.compact_range()
    store.close()
    table = max((folder / "db").glob("*.ldb"), key=lambda file: file.stat().st_size)
    data = bytearray(table.read_bytes())
    data[place] ^= 1
    table.write_bytes(data)
    store = Store.open(folder)
    with pytest.raises(StoreDamaged):
        list(store.scan(prefix))
    with pytest.raises(StoreDamaged):
        list(store.snapshot().scan(prefix))
    store.close()


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed):
        Store.open(tmp_path / "file" / "s")


keys = st.binary(max_size=3)
batches = st.lists(
    st.tuples(st.dictionaries(keys, st.binary(max_size=4), max_size=4), st.lists(keys, max_size=3), st.booleans()),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(batches, st.binary(max_size=2))
def test_both_stores_do_the_same(tmp_path_factory: pytest.TempPathFactory, steps: list, prefix: bytes) -> None:
    disk, memory = Store.open(tmp_path_factory.mktemp("s")), MemoryStore()
    try:
        for puts, deletes, _ in steps:
            for store in (disk, memory):
                store.commit(puts, deletes)
            assert list(disk.scan(prefix)) == list(memory.scan(prefix))
            assert list(disk.scan(b"")) == list(memory.scan(b""))
            assert all(disk.get(k) == memory.get(k) for k in [*puts, *deletes])
    finally:
        disk.close()


@settings(max_examples=60, deadline=None)
@given(batches, st.integers(0, 8))
def test_a_crash_takes_back_a_suffix_of_what_was_not_durable(steps: list, keep: int) -> None:
    store = MemoryStore()
    states = [{}]
    durable_upto = 0
    for i, (puts, deletes, durable) in enumerate(steps, 1):
        store.commit(puts, deletes, durable)
        states.append(dict(store.scan(b"")))
        if durable:
            durable_upto = i
    store.crash(keep)
    assert dict(store.scan(b"")) == states[min(durable_upto + keep, len(steps))]


def test_a_lost_tail_of_the_log_is_named_by_the_head(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s")
    for n in range(5):
        store.commit({b"e%d" % n: bytes([n + 1]) * 32}, heads={NET: head(n + 1)})
    store.close()
    log = max((tmp_path / "s" / "db").glob("*.log"), key=lambda p: p.stat().st_size)
    with open(log, "r+b") as f:
        f.truncate(log.stat().st_size - 10)
    store = Store.open(tmp_path / "s")  # LevelDB says nothing about it
    found = dict(store.scan(b"e"))
    missing = missing_after(store.heads()[NET], len(found), lambda seq: found.get(b"e%d" % seq))
    assert list(missing) == [4]
    store.close()
