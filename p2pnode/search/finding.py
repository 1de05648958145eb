"""How a search is put to the index: the query, the stages of its expression, the SQL, the order of the hits.

What counts is where the words stand: all of them in the title, some there, beginnings of words there, anywhere; where
that is equal, the newer listing comes first. FTS5's own ranking would have to look at every listing with the word: 34
ms for a common one among 100,000. Here each stage is read newest first and only until there are hits enough.
"""

import json
import math
import sqlite3
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from p2pnode.bounds import MAX_RANKED
from protocols.cell import decode

from .document import (
    COARSEST,
    FINEST,
    Stage,
    Word,
    anywhere,
    around,
    begun_anywhere,
    in_title,
    of_direction,
    of_kind,
    of_network,
    stages,
    together,
)
from .places import Point, boxes, distance_km

_RINGS_KM: Final = (1.0, 5.0, 25.0, 125.0)  # tried in turn for the nearest, before all that may be
_LARGEST: Final = 2**63 - 1
_EVERYTHING: Final = (Stage(0.0, ""),)


Hidden = tuple[frozenset[bytes], frozenset[bytes], frozenset[bytes]]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for. now: ms; listings expired by then and paused ones are left out.

    cell: only listings whose area has its centre in this cell; empty: wherever they are, those without an area too.
    within_km counts only with a centre; listings without an area are within any distance.
    max_price: (minor units, unit): listings priced in that unit and not above, and those that cost nothing or name no
    price; max_price_per also asks for the same measure (hour, day, …). available: ms; only what is to be had then,
    or, with available_until, at some time between.
    hidden: what is left out: all of these authors but for these slots, and these slots; or, with only_hidden, what is
    found alone: authors (32 bytes), slots that are shown all the same, slots (48 bytes).
    limit: at most MAX_RANKED.
    """

    network: bytes
    now: int
    text: str = ""
    kind: str | None = None
    direction: str | None = None
    cell: str = ""
    centre: Point | None = None
    within_km: float | None = None
    max_price: tuple[int, str] | None = None
    max_price_per: str | None = None
    available: int | None = None
    available_until: int | None = None
    sort: Literal["relevance", "near", "new"] = "relevance"
    hidden: Hidden | None = None
    only_hidden: bool = False
    limit: int = 50


class Hit(msgspec.Struct, frozen=True):
    """One listing found. slot: author (32 bytes) + name (16); text_score: higher is better, 0.0 without a text;
    distance_km: from the query's centre to the centre of the listing's cell, None if either is missing;
    approximate: found only with words like those asked for."""

    slot: bytes
    record: bytes
    text_score: float
    distance_km: float | None
    created: int
    approximate: bool = False


def find(db: sqlite3.Connection, query: Query, words: Sequence[Word]) -> list[Hit]:
    """The hits of `query` in which each of `words` stands (none: whatever the text), best first."""
    limit = max(0, min(query.limit, MAX_RANKED))
    point = query.centre if query.centre and _on_earth(query.centre) else None
    within = query.within_km if point and query.within_km is not None and math.isfinite(query.within_km) else None
    if query.sort == "near" and point:
        return _nearest(db, query, words, point, within, limit)
    steps = stages(words) if words else _EVERYTHING
    if query.sort == "new" and words:
        steps = [begun_anywhere(words)]  # all the others are in it
    hits: dict[bytes, Hit] = {}
    for stage in steps:
        if len(hits) < limit:
            _look(db, query, stage, point, within, limit, hits)
    return sorted(hits.values(), key=lambda hit: order(query, hit))


def _nearest(
    db: sqlite3.Connection, query: Query, words: Sequence[Word], point: Point, within: float | None, limit: int
) -> list[Hit]:
    """In widening rings, so that what is far away is not looked at where there is enough nearby. Words that only begin
    like those asked for are looked for when the words themselves do not give enough hits."""
    stage = anywhere(words) if words else _EVERYTHING[0]
    rings = (*(ring for ring in _RINGS_KM if within is None or ring < within), within)
    hits: dict[bytes, Hit] = {}
    for ring in rings:
        hits = {}
        _look(db, query, stage, point, ring, MAX_RANKED, hits)
        if sum(hit.distance_km is not None for hit in hits.values()) >= limit:
            break
    if words and len(hits) < limit:
        _look(db, query, begun_anywhere(words), point, within, MAX_RANKED, hits)
    return sorted(hits.values(), key=lambda hit: order(query, hit))[:limit]


def titled(db: sqlite3.Connection, query: Query, word: Word) -> list[Hit]:
    """The newest hits that have this word in title or tags, in whatever order."""
    hits: dict[bytes, Hit] = {}
    within = query.within_km if query.centre is not None else None
    _look(db, query, in_title(word), query.centre, within, query.limit, hits)
    return list(hits.values())


def exists(db: sqlite3.Connection, word: Word) -> bool:
    """Whether any listing has this word, in any network."""
    return any(
        db.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", (stage.match,)).fetchone()
        for stage in stages([word])
    )


def order(query: Query, hit: Hit) -> tuple[Any, ...]:
    """What hits are sorted by."""
    if query.sort == "new":
        return (-hit.created, hit.slot)
    if query.sort == "near":
        return (_far(hit), -hit.text_score, -hit.created, hit.slot)
    return (-hit.text_score, -hit.created, _far(hit), hit.slot)


def _look(
    db: sqlite3.Connection,
    query: Query,
    stage: Stage,
    point: Point | None,
    within: float | None,
    wanted: int,
    hits: dict[bytes, Hit],
) -> None:
    """Add to `hits`, by slot, the newest that one stage finds, until there are as many as wanted."""
    sql, values = _select(db, query, stage.match, point, within)
    for slot, record, lat, lon, created in db.execute(sql, [*values, wanted + len(hits)]):
        if slot not in hits and len(hits) < wanted:
            distance = None if point is None or lat is None else distance_km(point, (lat, lon))
            hits[slot] = Hit(slot, record, stage.score, distance, created)


def _select(
    db: sqlite3.Connection, query: Query, match: str, point: Point | None, within: float | None
) -> tuple[str, list[Any]]:
    where = ["l.network = ?", "l.until > ?", "l.paused = 0"]
    values: list[Any] = [query.network, max(-_LARGEST, min(query.now, _LARGEST))]
    filters: list[str | Sequence[str]] = []
    if _several(db, query.network):
        filters.append(of_network(query.network))
    for column, value, token in (("kind", query.kind, of_kind), ("direction", query.direction, of_direction)):
        if value is not None:
            filters.append(token(value))
            where.append(f"l.{column} = ?")
            values.append(_storable(value))
    if query.cell:
        box = decode(query.cell)
        if COARSEST <= len(query.cell) <= FINEST:
            filters.append(f"@{query.cell}")
        where.append("l.lat >= ? AND l.lat < ? AND l.lon >= ? AND l.lon < ?")
        values += [box.south, box.north, box.west, box.east]
    if query.max_price is not None:
        amount, unit = query.max_price
        priced = "l.unit = ? AND l.amount <= ?"
        values += [_storable(unit), max(-1, min(amount, _LARGEST))]
        if query.max_price_per is not None:
            priced += " AND l.per = ?"
            values.append(_storable(query.max_price_per))
        where.append(f"(l.amount IS NULL OR l.amount = 0 OR ({priced}))")
    if point is not None and within is not None:
        near = boxes(point, max(0.0, within))
        cells = around(point, max(0.0, within))
        if cells is not None:
            filters.append(cells)
        inside = " OR ".join(["(l.lat BETWEEN ? AND ? AND l.lon BETWEEN ? AND ?)"] * len(near))
        where.append(f"(l.lat IS NULL OR (({inside}) AND distance_km(l.lat, l.lon, ?, ?) <= ?))")
        values += [edge for box in near for edge in (box.south, box.north, box.west, box.east)]
        values += [*point, within]
    if query.available is not None:
        where.append("(l.available IS NULL OR to_be_had(l.available, l.created, ?, ?))")
        values += [max(-_LARGEST, min(at or 0, _LARGEST)) for at in (query.available, query.available_until)]
    if query.hidden is not None:
        any_of = "IN (SELECT value FROM json_each(?))"
        named = f"((hex(substr(l.slot, 1, 32)) {any_of} AND hex(l.slot) NOT {any_of}) OR hex(l.slot) {any_of})"
        where.append(named if query.only_hidden else f"NOT {named}")
        values += [json.dumps([each.hex().upper() for each in part]) for part in query.hidden]
    source, newest = "listing l NOT INDEXED", "l.id"  # down the ids: another index would end in sorting a network
    if match or filters:
        source, newest = "words CROSS JOIN listing l ON l.id = words.rowid", "words.rowid"
        where.insert(0, "words MATCH ?")
        values.insert(0, together(match, filters))
    columns = "l.slot, l.record, l.lat, l.lon, l.created"
    return f"SELECT {columns} FROM {source} WHERE {' AND '.join(where)} ORDER BY {newest} DESC LIMIT ?", values


def _several(db: sqlite3.Connection, network: bytes) -> bool:
    """Whether the index holds listings of another network as well."""
    sql = "SELECT EXISTS (SELECT 1 FROM network WHERE id != ? AND listings > 0)"
    return bool(db.execute(sql, (network,)).fetchone()[0])


def _far(hit: Hit) -> float:
    return math.inf if hit.distance_km is None else hit.distance_km


def _on_earth(point: Point) -> bool:
    return abs(point[0]) <= 90 and abs(point[1]) <= 180


def _storable(text: str) -> str:
    return text.encode(errors="replace").decode()  # a lone surrogate has no UTF-8 form
