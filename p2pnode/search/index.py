"""The search index: a SQLite file with the listings of all networks of this node, made for finding them.

It is a cache. Everything in it comes from the store and can be indexed again at any time: a file that is missing,
damaged or of another version is deleted and made new, empty and without a marker. Nothing is lost with it.

    listing   what a search filters by; its id is (created << 20 | hash), so descending ids are newest first
    words     FTS5: the tokens of title, tags and text as folded by `words.tokens`, and those of their stems that differ
    place     R*Tree: the centre of each listing's cell
    word      each word of titles and tags and how many listings use it; gram: its trigrams, to find mistyped words

Threads: every call blocks (a search some ms, an update of a thousand listings about a second), so call it in a worker
thread (`trio.to_thread.run_sync`), any worker thread: a lock inside lets one call in at a time. Not from the loop.

Errors: whatever SQLite or the disk does (full, locked, damaged) comes out as `IndexUnavailable`; each call that writes
is one transaction, so the marker always tells the truth about the rows.
"""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from p2pnode.bounds import MAX_LOOKALIKES
from protocols.envelope import replaces

from . import finding
from .finding import Hit, Query
from .places import centre
from .words import allowed_errors, errors, stemmer, tokens, trigrams

__all__ = ["Hit", "Index", "IndexUnavailable", "ListingRow", "Query"]

_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE listing (id INTEGER PRIMARY KEY, network BLOB, slot BLOB, record BLOB, revision INTEGER, direction TEXT,
    kind TEXT, lat REAL, lon REAL, amount INTEGER, unit TEXT, per TEXT, until INTEGER, created INTEGER, paused INTEGER);
CREATE UNIQUE INDEX listing_slot ON listing (network, slot);
CREATE INDEX listing_record ON listing (record);
CREATE INDEX listing_anywhere ON listing (id) WHERE lat IS NULL;
CREATE VIRTUAL TABLE words USING fts5 (title, tags, body, title_stems, body_stems,
    tokenize = 'ascii', prefix = '1 2 3');
CREATE VIRTUAL TABLE place USING rtree (id, south, north, west, east);
CREATE TABLE word (term TEXT PRIMARY KEY, uses INTEGER) WITHOUT ROWID;
CREATE TABLE gram (gram TEXT, term TEXT, PRIMARY KEY (gram, term)) WITHOUT ROWID;
"""
_TABLES: Final = ("meta", "listing", "words", "place", "word", "gram")
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class IndexUnavailable(Exception):
    """The search index cannot be used now; the listings themselves are safe in the store.

    rebuilt: it was damaged and has been made new, so it is empty: index the store again.
    """

    def __init__(self, message: str, rebuilt: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.rebuilt = rebuilt


class ListingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One listing as it is indexed. `slot`: author (32 bytes) + name (16). Times in ms, amounts in minor units."""

    network: bytes
    slot: bytes
    record: bytes
    revision: int
    direction: str
    kind: str
    title: str
    text: str = ""
    tags: tuple[str, ...] = ()
    area: str = ""
    price_amount: int | None = None
    price_unit: str = ""
    price_per: str = ""
    until: int
    created: int
    paused: bool = False

    @property
    def author(self) -> bytes:
        return self.slot[:32]


class Index:
    """Open the index at `path`, or `":memory:"`; made new where there is none that can be used.

    languages: those whose words are stemmed, of all networks together (ISO 639-1 or Snowball names; none: English).
    An index made for other languages is made new. Raises IndexUnavailable.
    """

    def __init__(self, path: Path | str, languages: Iterable[str] = ()) -> None:
        self._path = None if str(path) == ":memory:" else Path(path)
        self._languages = ",".join(sorted({language.lower() for language in languages})).encode()
        self._stems = stemmer(language for language in self._languages.decode().split(",") if language)
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        try:
            self._open()
        except (sqlite3.Error, OSError) as error:
            self._drop_connection()
            raise IndexUnavailable(f"the search index {path} cannot be opened: {error}") from error

    # -- writing ---------------------------------------------------------------------------------------------------

    def update(self, rows: Iterable[ListingRow] = (), removed: Iterable[bytes] = (), mark: bytes | None = None) -> None:
        """Put `rows` in, take the listings with these record ids out, store the marker: all or nothing.

        Of two revisions of a slot the one that `protocols.envelope.replaces` prefers stays, whatever comes first."""
        with self._use() as db, _transaction(db):
            for record in removed:
                for (row_id,) in db.execute("SELECT id FROM listing WHERE record = ?", (record,)).fetchall():
                    self._delete(db, row_id)
            for row in rows:
                self._put(db, row)
            if mark is not None:
                db.execute("INSERT OR REPLACE INTO meta VALUES ('marker', ?)", (mark,))

    def upsert(self, rows: Iterable[ListingRow]) -> None:
        """`update(rows)`."""
        self.update(rows)

    def remove(self, ids: Iterable[bytes]) -> None:
        """`update(removed=ids)`: record ids; unknown ones are no error."""
        self.update(removed=ids)

    def mark(self, position: bytes) -> None:
        """`update(mark=position)`: the position in the store up to which all is indexed, in the caller's form."""
        self.update(mark=position)

    def clear(self) -> None:
        """Take everything out, the marker too."""
        with self._use():
            self._make_new()

    # -- reading ---------------------------------------------------------------------------------------------------

    @property
    def marker(self) -> bytes | None:
        """The position last given to `mark`; None for an index just made."""
        with self._use() as db:
            found = db.execute("SELECT value FROM meta WHERE name = 'marker'").fetchone()
            return None if found is None else bytes(found[0])

    def count(self) -> int:
        """The number of listings in the index, expired and paused ones included."""
        with self._use() as db:
            return int(db.execute("SELECT count(*) FROM listing").fetchone()[0])

    def search(self, query: Query) -> list[Hit]:
        """The listings that fit `query`, best first. Any text is allowed; a text without a word finds nothing.

        Every token must be in the listing, as a word, the beginning of a word or a word with the same stem. If that
        finds nothing, tokens that no listing has are replaced by the words of titles and tags most like them."""
        with self._use() as db:
            if not query.text.strip():
                return finding.find(db, query, None)
            asked = finding.asked(query.text)
            if not asked:
                return []
            exact = [finding.expression(token, self._stems(token)) for token in asked]
            if found := finding.find(db, query, finding.all_of(exact)):
                return found
            meant = [self._lookalikes(db, token, expr) for token, expr in zip(asked, exact, strict=True)]
            if None in meant or meant == exact:
                return []
            hits = finding.find(db, query, finding.all_of(expr for expr in meant if expr))
            return [msgspec.structs.replace(hit, approximate=True) for hit in hits]

    def close(self) -> None:
        """Close the file. Every later call raises IndexUnavailable. Closing twice is no error."""
        with self._lock:
            self._drop_connection()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _put(self, db: sqlite3.Connection, row: ListingRow) -> None:
        known = "SELECT id, revision, record FROM listing WHERE network = ? AND slot = ?"
        if old := db.execute(known, (row.network, row.slot)).fetchone():
            if old[2] != row.record and not replaces((row.revision, row.record), (old[1], old[2])):
                return
            self._delete(db, old[0])
        row_id = _row_id(row)
        while db.execute("SELECT 1 FROM listing WHERE id = ?", (row_id,)).fetchone():
            row_id += 1
        lat, lon = centre(row.area) or (None, None)
        db.execute(
            "INSERT INTO listing VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (row_id, row.network, row.slot, row.record, row.revision, row.direction, row.kind, lat, lon,
             row.price_amount, row.price_unit, row.price_per, row.until, row.created, row.paused),
        )  # fmt: skip
        if lat is not None:
            db.execute("INSERT INTO place VALUES (?,?,?,?,?)", (row_id, lat, lat, lon, lon))
        title, body = tokens(row.title), tokens(row.text)
        tags = [token for tag in row.tags for token in tokens(tag)]
        columns = title, tags, body, self._new_stems(title + tags), self._new_stems(body)
        db.execute("INSERT INTO words (rowid, title, tags, body, title_stems, body_stems) VALUES (?,?,?,?,?,?)",
                   (row_id, *(" ".join(column) for column in columns)))  # fmt: skip
        for term in {*title, *tags}:
            counted = db.execute("UPDATE word SET uses = uses + 1 WHERE term = ?", (term,))
            if not counted.rowcount:
                db.execute("INSERT INTO word VALUES (?, 1)", (term,))
                db.executemany("INSERT INTO gram VALUES (?, ?)", [(gram, term) for gram in trigrams(term)])

    def _delete(self, db: sqlite3.Connection, row_id: int) -> None:
        title, tags = db.execute("SELECT title, tags FROM words WHERE rowid = ?", (row_id,)).fetchone() or ("", "")
        for term in {*title.split(), *tags.split()}:
            db.execute("UPDATE word SET uses = uses - 1 WHERE term = ?", (term,))
            if db.execute("DELETE FROM word WHERE term = ? AND uses <= 0", (term,)).rowcount:
                db.executemany("DELETE FROM gram WHERE gram = ? AND term = ?", [(g, term) for g in trigrams(term)])
        for table, key in (("words", "rowid"), ("place", "id"), ("listing", "id")):
            db.execute(f"DELETE FROM {table} WHERE {key} = ?", (row_id,))

    def _new_stems(self, column: list[str]) -> list[str]:
        return sorted({stem for token in set(column) for stem in self._stems(token)} - set(column))

    def _lookalikes(self, db: sqlite3.Connection, token: str, exact: str) -> str | None:
        """The expression for words like `token`, if no listing has it; None if nothing is like it either."""
        if db.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", (exact,)).fetchone():
            return exact
        shared: Counter[str] = Counter()
        for gram in sorted(trigrams(token)):
            shared.update(term for (term,) in db.execute("SELECT term FROM gram WHERE gram = ? LIMIT 5000", (gram,)))
        nearest = sorted(shared.items(), key=lambda each: (-each[1], each[0]))[:200]
        scored = sorted((errors(token, term), -count, term) for term, count in nearest)
        like = [term for wrong, _, term in scored if wrong <= allowed_errors(token)][:MAX_LOOKALIKES]
        return finding.any_of(f'"{term}"' for term in like) if like else None

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._db is None:
                    raise IndexUnavailable("the search index is closed")
                yield self._db
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
                    raise IndexUnavailable(f"the search index cannot be used: {error}") from error
                try:
                    self._make_new()
                except (sqlite3.Error, OSError) as again:
                    self._drop_connection()
                    raise IndexUnavailable(f"the search index is damaged and cannot be made new: {again}") from again
                raise IndexUnavailable("the search index was damaged and has been made new", rebuilt=True) from error
            except OSError as error:
                raise IndexUnavailable(f"the search index cannot be used: {error}") from error

    def _open(self) -> None:
        if self._path is not None and self._path.is_file():
            try:
                self._db = self._connect()
                if self._usable(self._db):
                    return
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in {*_DAMAGE, sqlite3.SQLITE_ERROR}:
                    raise  # locked, unreadable, full: not ours to delete
        self._make_new()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path or ":memory:", timeout=2.0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")  # after a power cut: some transactions old, but whole
        except BaseException:
            db.close()
            raise
        return db

    def _usable(self, db: sqlite3.Connection) -> bool:
        if db.execute("PRAGMA user_version").fetchone() != (_VERSION,):
            return False
        for table in _TABLES:
            db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
        made_for = db.execute("SELECT value FROM meta WHERE name = 'languages'").fetchone()
        return made_for is not None and bytes(made_for[0]) == self._languages

    def _make_new(self) -> None:
        self._drop_connection()
        if self._path is not None:
            for ending in ("", "-wal", "-shm", "-journal"):
                self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        self._db = self._connect()
        with _transaction(self._db):
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)
            self._db.execute("INSERT INTO meta VALUES ('languages', ?)", (self._languages,))
            self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def _drop_connection(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite itself rolls back when the disk is full
            db.execute("ROLLBACK")
        raise


def _row_id(row: ListingRow) -> int:
    mixed = int.from_bytes(blake2b(row.network + row.record, digest_size=4).digest()) >> 12
    return min(max(row.created, 0), 2**42 - 1) << 20 | mixed
