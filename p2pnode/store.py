"""The only store of a node: one LevelDB, and beside it a head record for each network's own chain.

    <path>/lock               flock, held as long as the store is open
    <path>/db/                LevelDB
    <path>/heads/<hex>.head   two slots, see ledger/head.py

LevelDB keeps a lock of its own, but a second `plyvel.DB(path)` in this process drops it; hence ours. With
default options LevelDB skips damaged blocks without a word; hence paranoid checks and verified checksums. A torn
or deleted tail of its log is silent even then; hence the head record, and a look at the end of its logs
(p2pnode/logs.py). Nothing here repairs anything in place.

All calls block; `commit` is called from one thread at a time (a lock makes sure).
"""

import fcntl
import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import plyvel

from ledger.head import FILE_BYTES, Head, Slotted, encode_slot, new_file, newest, slot_offset
from protocols.errors import DecodeError

from .logs import flipped_length

T = TypeVar("T")


class StoreError(Exception):
    """Something is wrong with the store. hint: what its owner can do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class StoreBusy(StoreError):
    """Another process has this store open."""


class StoreDamaged(StoreError):
    """What is on the disk is not what was written. Nothing was changed."""


class StoreFailed(StoreError):
    """The disk refused (full, unreadable, gone). The store answers nothing more until `reopen()`."""


class AnyStore(Protocol):
    """What the node needs of a store: `Store` on a disk, `MemoryStore` in a simulation."""

    def get(self, key: bytes) -> bytes | None: ...
    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]: ...
    def commit(
        self,
        puts: Mapping[bytes, bytes],
        deletes: Iterable[bytes] = (),
        durable: bool = False,
        heads: Mapping[bytes, Head] | None = None,
    ) -> None: ...
    def purge(self, rows: Mapping[bytes, bytes | None]) -> None: ...
    def heads(self) -> Mapping[bytes, Head]: ...
    def reopen(self) -> None: ...
    def close(self) -> None: ...


_DAMAGED = "Do not repair it in place: keep a copy of the folder, then restore a backup or fetch the rest from peers."
_FAILED = "Free space or check the disk; the node goes on by itself when it can write again."


class Snapshot:
    """The rows of a store at one instant."""

    def __init__(self, rows: Callable[[Any, bytes], Iterator[tuple[bytes, bytes]]], taken: Any) -> None:
        self._rows = rows
        self._taken = taken

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Keys that start with `prefix` and their values, in ascending order."""
        return self._rows(self._taken, prefix)


class Store:
    """A store on a disk. Make one with `Store.open(path)`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._db: Any = None
        self._slots: dict[bytes, Slotted] = {}
        self._files: dict[bytes, int] = {}
        self._failure: StoreFailed | None = None
        self._writing = threading.Lock()

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open the store in this folder, or make one. `StoreBusy`, `StoreDamaged` or `StoreFailed`."""
        folder = Path(path)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as e:
            raise StoreFailed(f"{folder} cannot be opened: {e}", _FAILED) from e
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            os.close(lock)
            raise StoreBusy(f"{folder} is in use by another process", "Is the node running already?") from e
        store = cls(folder, lock)
        try:
            store._load()
        except BaseException:
            store.close()
            raise
        return store

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        self._check()
        value: bytes | None = self._guarded(lambda: self._db.get(key, verify_checksums=True))
        return value

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys that start with `prefix` and their values, in ascending order, as they stood at the first `next`."""
        return self._rows(self._db, prefix)

    def snapshot(self) -> "Snapshot":
        """All rows as they stand now, whatever is written while they are read; from any thread."""
        self._check()
        return Snapshot(self._rows, self._guarded(self._db.snapshot))

    def _rows(self, source: Any, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        # A raw iterator, since plyvel's other one takes a table that cannot be read for the end of the rows.
        self._check()
        try:
            rows = source.raw_iterator(verify_checksums=True)
            rows.seek(prefix)
            while rows.valid():
                key: bytes = rows.key()
                if not key.startswith(prefix):
                    break
                yield key, rows.value()
                if self._failure is not None:
                    self._check()
                rows.next()
            rows.close()
        except (plyvel.Error, OSError) as e:
            raise self._damaged_or_failed(e) from e

    def commit(
        self,
        puts: Mapping[bytes, bytes],
        deletes: Iterable[bytes] = (),
        durable: bool = False,
        heads: Mapping[bytes, Head] | None = None,
    ) -> None:
        """Write one batch, all or nothing; then the heads. On return of a durable commit (one with heads always is)
        it outlives a power cut. `StoreFailed`: it may have been written or not, and the store is dead until `reopen()`.
        """
        with self._writing:
            self._check()
            try:
                for network in heads or ():
                    if network not in self._files:
                        self._create_head_file(network)
                slots = [self._next_slot(network, head) for network, head in heads.items()] if heads else ()
                batch = self._db.write_batch(sync=durable or bool(heads))
                for key in deletes:
                    batch.delete(key)
                for key, value in puts.items():
                    batch.put(key, value)
                batch.write()
                for slotted, data in slots:
                    self._write_slot(slotted, data)
            except (OSError, plyvel.Error) as e:
                raise self._failed(e) from e

    def purge(self, rows: Mapping[bytes, bytes | None]) -> None:
        """See that LevelDB's files hold of these keys no value but this one, which was committed before (None: none).

        An overwritten value stays in a log or table file until a compaction merges it away. The first pass here
        writes the log to a table, which may keep old and new side by side; after the rows were put again, the second
        merges the two. What the file system, an SD card or a backup keep of files that are gone is out of our reach.
        """
        with self._writing:
            self._check()
            if not rows:
                return
            try:
                for _ in range(2):
                    with self._db.write_batch(transaction=True, sync=True) as batch:
                        for key, value in rows.items():
                            batch.delete(key) if value is None else batch.put(key, value)
                    for key in rows:
                        self._db.compact_range(start=key, stop=key + b"\0")
            except (OSError, plyvel.Error) as e:
                raise self._failed(e) from e

    def heads(self) -> Mapping[bytes, Head]:
        """The newest head of every network that has one. Compare with the entries: `ledger.head.missing_after`."""
        self._check()
        return {network: slotted.head for network, slotted in self._slots.items()}

    def reopen(self) -> None:
        """After `StoreFailed`: close what is open, keep the lock, open again. State must be read anew. If that fails
        too (`StoreFailed`, `StoreDamaged`), the store stays dead.
        """
        with self._writing:
            self._failure = self._failure or StoreFailed("the store is being opened again", _FAILED)
            self._shut()
            try:
                self._load()
            except StoreError as e:
                self._failure = StoreFailed(e.message, e.hint)
                raise
            self._failure = None

    def close(self) -> None:
        """Give everything back. Closing twice is fine; anything else after it is `StoreFailed`."""
        with self._writing:
            self._shut()
            self._failure = StoreFailed("the store is closed")
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

    def _load(self) -> None:
        try:
            folder = self.path / "heads"
            folder.mkdir(mode=0o700, exist_ok=True)
            for file in sorted(folder.glob("*.head")):
                self._load_head_file(file)
            made = (self.path / "db" / "CURRENT").exists()
            if not made and any(s.head.count for s in self._slots.values()):
                raise StoreDamaged(f"the database in {self.path} is gone", _DAMAGED)
            for file in sorted((self.path / "db").glob("*.log")) + sorted((self.path / "db").glob("MANIFEST-*")):
                if flipped_length(file) is not None:
                    raise StoreDamaged(f"the database in {self.path} is damaged: a length in {file.name}", _DAMAGED)
            self._db = plyvel.DB(
                str(self.path / "db"), create_if_missing=not made, error_if_exists=not made, paranoid_checks=True
            )
        except plyvel.CorruptionError as e:
            raise StoreDamaged(f"the database in {self.path} is damaged: {_words(e)}", _DAMAGED) from e
        except plyvel.IOError as e:
            if "No such file" in str(e):
                raise StoreDamaged(f"a file of the database in {self.path} is gone: {_words(e)}", _DAMAGED) from e
            raise StoreFailed(f"the database in {self.path} cannot be opened: {_words(e)}", _FAILED) from e
        except (plyvel.Error, OSError) as e:
            raise StoreFailed(f"{self.path} cannot be opened: {_words(e)}", _FAILED) from e

    def _load_head_file(self, file: Path) -> None:
        try:
            network = bytes.fromhex(file.stem)
            fd = os.open(file, os.O_RDWR)
            self._files[network] = fd
            self._slots[network] = newest(os.pread(fd, FILE_BYTES, 0), network)
        except (ValueError, DecodeError) as e:
            raise StoreDamaged(f"the head record {file.name} is damaged: {e}", _DAMAGED) from e

    def _create_head_file(self, network: bytes) -> None:
        # whole, synced and renamed before the first entry, so that its absence always means something
        folder = self.path / "heads"
        final, part = folder / f"{network.hex()}.head", folder / f"{network.hex()}.part"
        content = new_file(network)
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            if os.pwrite(fd, content, 0) != len(content):
                raise OSError("short write of a head file")
            os.fsync(fd)
            part.rename(final)
            for place in (folder, self.path):
                directory = os.open(place, os.O_RDONLY)
                try:
                    os.fsync(directory)
                finally:
                    os.close(directory)
        except BaseException:
            os.close(fd)
            raise
        self._files[network] = fd
        self._slots[network] = newest(content, network)

    def _next_slot(self, network: bytes, head: Head) -> tuple[Slotted, bytes]:
        if head.network != network:
            raise ValueError("a head of another network")
        slotted = Slotted(head, self._slots[network].generation + 1)
        return slotted, encode_slot(head, slotted.generation)

    def _write_slot(self, slotted: Slotted, data: bytes) -> None:
        fd = self._files[slotted.head.network]
        if os.pwrite(fd, data, slot_offset(slotted.generation)) != len(data):
            raise OSError("short write of a head slot")
        os.fdatasync(fd)
        self._slots[slotted.head.network] = slotted

    def _guarded(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except (plyvel.Error, OSError) as e:
            raise self._damaged_or_failed(e) from e

    def _damaged_or_failed(self, e: Exception) -> StoreError:
        if isinstance(e, plyvel.CorruptionError):
            return StoreDamaged(f"the database in {self.path} is damaged: {_words(e)}", _DAMAGED)
        return self._failed(e)

    def _failed(self, e: Exception) -> StoreFailed:
        self._failure = StoreFailed(_words(e), _FAILED)
        return self._failure

    def _check(self) -> None:
        if self._failure is not None:
            raise StoreFailed(self._failure.message, self._failure.hint)

    def _shut(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        for fd in self._files.values():
            os.close(fd)
        self._files, self._slots = {}, {}


def _words(e: Exception) -> str:
    """LevelDB's messages come as bytes."""
    first = e.args[0] if e.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(e)


class MemoryStore:
    """The same interface without a disk, for simulations. `crash()` takes back what was not durable."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self._synced: dict[bytes, bytes] = {}
        self._unsynced: list[tuple[dict[bytes, bytes], tuple[bytes, ...]]] = []
        self._heads: dict[bytes, Head] = {}
        self._order: list[bytes] | None = []

    def get(self, key: bytes) -> bytes | None:
        return self._rows.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        if self._order is None:
            self._order = sorted(self._rows)
        keys = self._order[bisect_left(self._order, prefix) : _past(self._order, prefix)]
        yield from [(k, self._rows[k]) for k in keys]

    def commit(
        self,
        puts: Mapping[bytes, bytes],
        deletes: Iterable[bytes] = (),
        durable: bool = False,
        heads: Mapping[bytes, Head] | None = None,
    ) -> None:
        batch = (dict(puts), tuple(deletes))
        self._unsynced.append(batch)
        if not (self._rows.keys() >= batch[0].keys()) or batch[1]:
            self._order = None
        _write(self._rows, batch)
        if durable or heads:
            for each in self._unsynced:
                _write(self._synced, each)
            self._unsynced.clear()
        self._heads.update(heads or {})

    def purge(self, rows: Mapping[bytes, bytes | None]) -> None:
        pass

    def heads(self) -> Mapping[bytes, Head]:
        return dict(self._heads)

    def reopen(self) -> None:
        pass

    def close(self) -> None:
        pass

    def crash(self, keep: int = 0) -> None:
        """A power cut: of the batches since the last durable one, only the first `keep` are still there."""
        for batch in self._unsynced[:keep]:
            _write(self._synced, batch)
        self._unsynced.clear()
        self._rows, self._order = dict(self._synced), None


def _write(rows: dict[bytes, bytes], batch: tuple[dict[bytes, bytes], tuple[bytes, ...]]) -> None:
    for key in batch[1]:
        rows.pop(key, None)
    rows.update(batch[0])


def _past(order: list[bytes], prefix: bytes) -> int:
    stem = prefix.rstrip(b"\xff")
    return bisect_left(order, stem[:-1] + bytes([stem[-1] + 1])) if stem else len(order)
