"""How a search is put to the index: the query, its FTS5 expression, the SQL, the order of the hits.

Only the newest `MAX_RANKED` listings that fit are ranked: with a common word and 100,000 listings, ranking all of them
would take FTS5 tens of milliseconds on a desktop and far longer on a Pi.
"""

import math
import sqlite3
from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

from p2pnode.bounds import MAX_HITS, MAX_QUERY_LETTERS, MAX_QUERY_TOKENS, MAX_RANKED

from .places import Point, boxes, distance_km
from .words import tokens

_WEIGHTS: Final = "8.0, 5.0, 1.0, 4.0, 0.5"  # title, tags, body, stems of title and tags, stems of body
_RINGS_KM: Final = (5.0, 25.0, 125.0)  # tried in turn for the nearest, before the whole world
_LARGEST: Final = 2**63 - 1


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for. now: ms; listings expired by then and paused ones are left out.

    within_km counts only with a centre; listings without an area are within any distance.
    max_price: (minor units, unit): listings priced in that unit and not above, and those that cost nothing or name no
    price; max_price_per also asks for the same measure (hour, day, …).
    """

    network: bytes
    now: int
    text: str = ""
    kind: str | None = None
    direction: str | None = None
    centre: Point | None = None
    within_km: float | None = None
    max_price: tuple[int, str] | None = None
    max_price_per: str | None = None
    sort: Literal["relevance", "near", "new"] = "relevance"
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


def asked(text: str) -> list[str]:
    """The distinct tokens of what a user typed, in order, bounded in number."""
    return list(dict.fromkeys(tokens(text[:MAX_QUERY_LETTERS])))[:MAX_QUERY_TOKENS]


def expression(token: str, stems: Iterable[str]) -> str:
    """The FTS5 expression for one token: the beginning of a word; the word itself or a stem of it counts more."""
    return any_of([f'"{token}"*', *(f'"{word}"' for word in sorted({token, *stems}))])


def any_of(expressions: Iterable[str]) -> str:
    return "(" + " OR ".join(expressions) + ")"


def all_of(expressions: Iterable[str]) -> str:
    return " AND ".join(expressions)


def find(db: sqlite3.Connection, query: Query, match: str | None) -> list[Hit]:
    """The hits of `query` with the FTS5 expression `match` (None: whatever the text), best first."""
    limit = max(0, min(query.limit, MAX_HITS))
    point = query.centre if query.centre and _on_earth(query.centre) else None
    within = query.within_km if point and query.within_km is not None and math.isfinite(query.within_km) else None
    if within is None and point and query.sort == "near":
        for ring in _RINGS_KM:
            found = _ranked(db, query, match, point, ring)
            if sum(hit.distance_km is not None for hit in found) >= limit:
                return found[:limit]
    return _ranked(db, query, match, point, within)[:limit]


def _ranked(
    db: sqlite3.Connection, query: Query, match: str | None, point: Point | None, within: float | None
) -> list[Hit]:
    sql, values = _select(query, match, point, within)
    hits = []
    for slot, record, score, lat, lon, created in db.execute(sql, values):
        distance = None if point is None or lat is None else distance_km(point, (lat, lon))
        if distance is None or within is None or distance <= within:
            hits.append(Hit(slot, record, score, distance, created))
    if query.sort == "new":
        hits.sort(key=lambda hit: (-hit.created, hit.slot))
    elif query.sort == "near":
        hits.sort(key=lambda hit: (_far(hit), -hit.text_score, -hit.created, hit.slot))
    else:
        hits.sort(key=lambda hit: (-round(hit.text_score, 6), -hit.created, _far(hit), hit.slot))
    return hits


def _select(query: Query, match: str | None, point: Point | None, within: float | None) -> tuple[str, list[Any]]:
    where = ["l.network = ?", "l.until > ?", "l.paused = 0"]
    values: list[Any] = [query.network, max(-_LARGEST, min(query.now, _LARGEST))]
    for column, value in (("l.kind", query.kind), ("l.direction", query.direction)):
        if value is not None:
            where.append(f"{column} = ?")
            values.append(_storable(value))
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
        if match is None:
            inside = "south >= ? AND north <= ? AND west >= ? AND east <= ?"
            ids = [f"SELECT id FROM place WHERE {inside}"] * len(near) + ["SELECT id FROM listing WHERE lat IS NULL"]
            where.append(f"l.id IN ({' UNION ALL '.join(ids)})")
            margin = 1e-4  # the R*Tree keeps 32-bit numbers, rounded outwards
            for box in near:
                values += [box.south - margin, box.north + margin, box.west - margin, box.east + margin]
        else:
            inside = " OR ".join(["(l.lat BETWEEN ? AND ? AND l.lon BETWEEN ? AND ?)"] * len(near))
            where.append(f"(l.lat IS NULL OR {inside})")
            values += [edge for box in near for edge in (box.south, box.north, box.west, box.east)]
    if match is None:
        # Down the ids, newest first: any other index of the table would end in sorting all of a network.
        source, order, score = "listing l NOT INDEXED", "l.id", "0.0"
    else:
        source, order = "words CROSS JOIN listing l ON l.id = words.rowid", "words.rowid"
        score = f"-bm25(words, {_WEIGHTS})"
        where.insert(0, "words MATCH ?")
        values.insert(0, match)
    sql = f"SELECT l.slot, l.record, {score}, l.lat, l.lon, l.created FROM {source} WHERE {' AND '.join(where)}"
    limit = max(0, min(query.limit, MAX_HITS))
    newest_first = match is None and within is None and query.sort != "near"  # then nothing is left to rank
    return f"{sql} ORDER BY {order} DESC LIMIT {limit if newest_first else MAX_RANKED}", values


def _far(hit: Hit) -> float:
    return math.inf if hit.distance_km is None else hit.distance_km


def _on_earth(point: Point) -> bool:
    return abs(point[0]) <= 90 and abs(point[1]) <= 180


def _storable(text: str) -> str:
    return text.encode(errors="replace").decode()  # a lone surrogate has no UTF-8 form
