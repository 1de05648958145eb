"""The search index: a SQLite file with the listings of all networks of this node, made for finding them.

It is a cache. Everything in it comes from the store and can be indexed again at any time: a file that is missing,
damaged or of another version is deleted and made new, empty and without a marker. Nothing is lost with it.

    listing   what a search filters by; its id is (created << 10 | hash), so descending ids are newest first. It is
              found by in_slot and in_record, 8 bytes of hash, which are a fifth of slot and record id
    network   how many listings each has
    words     FTS5: the tokens of each listing as `document` makes them, without places in the text or counts
    word      each word of titles and tags and how many listings use it; gram: its trigrams, to find mistyped words

Threads: every call blocks (a search some ms, an update of a thousand listings about a second), so call it in a worker
thread (`trio.to_thread.run_sync`), any worker thread: a lock inside lets one call in at a time. Not from the loop.

Errors: whatever SQLite or the disk does (full, locked, damaged) comes out as `IndexUnavailable`; each call that writes
is one transaction, so the marker always tells the truth about the rows.
"""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from p2pnode.bounds import INDEX_CACHE, MAX_LOOKALIKES
from protocols.envelope import replaces
from protocols.listing import Availability

from . import finding, sql_functions
from .document import Documents, Word, asked, filters, title_tokens
from .finding import Hit, Query
from .places import Point, centre
from .words import allowed_errors, errors, stemmer, tokens, trigrams

__all__ = ["Hit", "Index", "IndexUnavailable", "ListingRow", "Query"]

_VERSION: Final = 3
_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE listing (id INTEGER PRIMARY KEY, network BLOB, slot BLOB, record BLOB, revision INTEGER, direction TEXT,
    kind TEXT, lat REAL, lon REAL, amount INTEGER, unit TEXT, per TEXT, until INTEGER, created INTEGER, paused INTEGER,
    available BLOB, in_slot INTEGER, in_record INTEGER);
CREATE INDEX listing_slot ON listing (in_slot);
CREATE INDEX listing_record ON listing (in_record);
CREATE TABLE network (id BLOB PRIMARY KEY, listings INTEGER) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (said, named UNINDEXED, tokenize = "ascii tokenchars '=#@'",
    detail = none, columnsize = 0);
CREATE TABLE word (term TEXT PRIMARY KEY, uses INTEGER) WITHOUT ROWID;
CREATE TABLE gram (gram TEXT, term TEXT, PRIMARY KEY (gram, term)) WITHOUT ROWID;
"""
_TABLES: Final = ("meta", "listing", "network", "words", "word", "gram")
_COMPARED: Final = 100  # words that share most with a mistyped one
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class IndexUnavailable(Exception):
    """The search index cannot be used now; the listings themselves are safe in the store.

    rebuilt: it was damaged and has been made new, so it is empty: index the store again.
    """

    def __init__(self, message: str, rebuilt: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.rebuilt = rebuilt


class ListingRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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
    available: Availability | None = None

    @property
    def author(self) -> bytes:
        return self.slot[:32]


class Index:
    """Open the index at `path`, or `":memory:"`; made new where there is none that can be used.

    languages: those whose words are stemmed, of all networks together (ISO 639-1 or Snowball names; none: English;
    None: those that the file was made for). An index made for other languages is made new. Raises IndexUnavailable.
    """

    def __init__(self, path: Path | str, languages: Iterable[str] | None = None) -> None:
        self._path = None if str(path) == ":memory:" else Path(path)
        self._any_language = languages is None
        self._set_languages(languages or ())
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        try:
            self._open()
        except (sqlite3.Error, OSError) as error:
            self._drop_connection()
            raise IndexUnavailable(f"the search index {path} cannot be opened: {error}") from error

    # -- writing ---------------------------------------------------------------------------------------------------

    def update(self, rows: Iterable[ListingRow] = (), removed: Iterable[bytes] = (), mark: bytes | None = None) -> bool:
        """Put `rows` in, take the listings with these record ids out, store the marker: all or nothing. Whether any
        listing was put in or taken out.

        Of two revisions of a slot the one that `protocols.envelope.replaces` prefers stays, whatever comes first."""
        with self._use() as db, _transaction(db):
            before = db.total_changes
            for record in removed:
                found = "SELECT id FROM listing WHERE in_record = ? AND record = ?"
                for (row_id,) in db.execute(found, (_short(record), record)).fetchall():
                    self._delete(db, row_id)
            self._put(db, rows)
            changed = db.total_changes > before
            if mark is not None:
                db.execute("INSERT OR REPLACE INTO meta VALUES ('marker', ?)", (mark,))
        return changed

    def upsert(self, rows: Iterable[ListingRow]) -> None:
        """`update(rows)`."""
        self.update(rows)

    def remove(self, ids: Iterable[bytes]) -> None:
        """`update(removed=ids)`: record ids; unknown ones are no error."""
        self.update(removed=ids)

    def mark(self, position: bytes) -> None:
        """`update(mark=position)`: the position in the store up to which all is indexed, in the caller's form."""
        self.update(mark=position)

    def speak(self, languages: Iterable[str]) -> bool:
        """Be one for these languages: if it is for others, it is made new, and true returned."""
        wanted = {language.lower() for language in languages}
        with self._use():
            if wanted == set(self.languages):
                return False
            self._set_languages(wanted)
            self._make_new()
            return True

    def clear(self) -> None:
        """Take everything out, the marker too."""
        with self._use():
            self._make_new()

    # -- reading ---------------------------------------------------------------------------------------------------

    @property
    def languages(self) -> tuple[str, ...]:
        """Those it was made for."""
        return tuple(language for language in self._languages.decode().split(",") if language)

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
                return finding.find(db, query, ())
            words = [Word(token, self._documents.forms(token)) for token in asked(query.text)]
            if not words:
                return []
            if found := finding.find(db, query, words):
                return found
            meant = [like for word in words if (like := self._lookalikes(db, word)) is not None]
            if len(meant) < len(words) or meant == words:
                return []
            return [msgspec.structs.replace(hit, approximate=True) for hit in finding.find(db, query, meant)]

    def alike(self, query: Query, words: Sequence[str]) -> list[Hit]:
        """The newest listings that fit `query` (its text apart) and have any of these words in title or tags: as many
        as it asks for of each word."""
        with self._use() as db:
            found = [finding.titled(db, query, Word(word, self._documents.forms(word))) for word in words]
        return list({hit.slot: hit for hits in found for hit in hits}.values())

    def close(self) -> None:
        """Close the file. Every later call raises IndexUnavailable. Closing twice is no error."""
        with self._lock:
            self._drop_connection()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _put(self, db: sqlite3.Connection, rows: Iterable[ListingRow]) -> None:
        """All at once: SQLite takes many rows of one kind faster than some of each in turn."""
        newest: dict[tuple[bytes, bytes], ListingRow] = {}
        for row in rows:
            other = newest.get((row.network, row.slot))
            if other is None or replaces((row.revision, row.record), (other.revision, other.record)):
                newest[row.network, row.slot] = row
        ids = json.dumps([_row_id(row) for row in newest.values()])
        in_use = "SELECT id FROM listing WHERE id IN (SELECT value FROM json_each(?))"
        taken = {row_id for (row_id,) in db.execute(in_use, (ids,))}
        keys = json.dumps([_slot_key(network, slot) for network, slot in newest])
        known = (
            "SELECT network, slot, id, revision, record FROM listing WHERE in_slot IN (SELECT value FROM json_each(?))"
        )
        held = {(network, slot): old for network, slot, *old in db.execute(known, (keys,))}
        listings, documents = [], []
        uses: Counter[str] = Counter()
        for (network, slot), row in newest.items():
            if old := held.get((network, slot)):
                if old[2] != row.record and not replaces((row.revision, row.record), (old[1], old[2])):
                    continue
                self._delete(db, old[0])
            row_id = _row_id(row)
            while row_id in taken:
                row_id += 1
                if row_id not in taken and db.execute("SELECT 1 FROM listing WHERE id = ?", (row_id,)).fetchone():
                    taken.add(row_id)
            taken.add(row_id)
            place = _place(row.area)
            lat, lon = place or (None, None)
            listings.append(
                (row_id, network, slot, row.record, row.revision, row.direction, row.kind, lat, lon,
                 row.price_amount, row.price_unit, row.price_per, row.until, row.created, row.paused,
                 None if row.available is None else msgspec.msgpack.encode(row.available),
                 _slot_key(network, slot), _short(row.record))
            )  # fmt: skip
            named = {*title_tokens(row.title, row.tags)}
            given = filters(network, row.kind, row.direction, place)
            said = self._documents.document(named, tokens(row.text), given)
            documents.append((row_id, said, " ".join(named)))
            uses.update(named)
        db.executemany("INSERT INTO listing VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", listings)
        more = "INSERT INTO network VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET listings = listings + ?2"
        db.executemany(more, Counter(network for _, network, *_ in listings).items())
        documents.sort()  # at each id that is lower than the one before, FTS5 writes out all it has gathered
        db.executemany("INSERT INTO words (rowid, said, named) VALUES (?,?,?)", documents)
        unknown = "SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM word WHERE term = value)"
        new = [term for (term,) in db.execute(unknown, (json.dumps([*uses]),))]
        counted = "INSERT INTO word VALUES (?, ?) ON CONFLICT (term) DO UPDATE SET uses = uses + excluded.uses"
        db.executemany(counted, uses.items())
        db.executemany("INSERT INTO gram VALUES (?, ?)", [(gram, term) for term in new for gram in trigrams(term)])

    def _delete(self, db: sqlite3.Connection, row_id: int) -> None:
        (named,) = db.execute("SELECT named FROM words WHERE rowid = ?", (row_id,)).fetchone() or ("",)
        for term in named.split():
            db.execute("UPDATE word SET uses = uses - 1 WHERE term = ?", (term,))
            if db.execute("DELETE FROM word WHERE term = ? AND uses <= 0", (term,)).rowcount:
                db.executemany("DELETE FROM gram WHERE gram = ? AND term = ?", [(g, term) for g in trigrams(term)])
        owner = "(SELECT network FROM listing WHERE listing.id = ?)"
        db.execute(f"UPDATE network SET listings = listings - 1 WHERE id = {owner}", (row_id,))
        db.execute("DELETE FROM words WHERE rowid = ?", (row_id,))
        db.execute("DELETE FROM listing WHERE id = ?", (row_id,))

    def _lookalikes(self, db: sqlite3.Connection, word: Word) -> Word | None:
        """The words like this one, if no listing has it; None if nothing is like it either."""
        if finding.exists(db, word):
            return word
        grams = sorted(trigrams(word.text))
        sql = f"""SELECT term, count(*) AS shared FROM gram WHERE gram IN ({",".join("?" * len(grams))})
            GROUP BY term ORDER BY shared DESC, term LIMIT {_COMPARED}"""
        scored = sorted((errors(word.text, term), -shared, term) for term, shared in db.execute(sql, grams))
        like = [term for wrong, _, term in scored if wrong <= allowed_errors(word.text)][:MAX_LOOKALIKES]
        return Word(word.text, frozenset(like), begins=False) if like else None

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
            db.execute(f"PRAGMA cache_size = -{INDEX_CACHE // 1024}")
            db.create_function("distance_km", 4, sql_functions.distance, deterministic=True)
            db.create_function("to_be_had", 4, sql_functions.to_be_had, deterministic=True)
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
        if made_for is not None and self._any_language:
            self._set_languages(bytes(made_for[0]).decode().split(","))
        return made_for is not None and bytes(made_for[0]) == self._languages

    def _set_languages(self, languages: Iterable[str]) -> None:
        self._languages = ",".join(sorted({language.lower() for language in languages} - {""})).encode()
        self._documents = Documents(stemmer(self.languages))

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


def _short(key: bytes) -> int:
    """8 bytes of a hash, as SQLite holds an integer."""
    return int.from_bytes(key[:8], signed=True)


def _slot_key(network: bytes, slot: bytes) -> int:
    return _short(blake2b(network + slot, digest_size=8).digest())


def _row_id(row: ListingRow) -> int:
    mixed = int.from_bytes(row.record[:2]) >> 6  # the record's id is a hash
    return min(max(row.created, 0), 2**42 - 1) << 10 | mixed


@lru_cache(maxsize=4_096)
def _place(area: str) -> Point | None:
    return centre(area)
