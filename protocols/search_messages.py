"""Messages of `/p2pnode/search/1.0.0`: canonical arrays, one frame there and one back on a stream of their own.

    ["query", network16, cell, text, kind, direction, most, unit, per, available, limit]
                             which listings do you hold that fit?
    ["answer", more, [wire, …]]   these, whole records, the best first; more: others fit, too
    ["busy"]                      not answered: asked too often, or not of that network

A query says what is looked for and where, and nothing of who asks.
"""

from typing import NamedTuple

from protocols.cell import is_cell
from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.limits import (
    GOSSIP_FRAME,
    MAX_ANSWERED,
    MAX_INT,
    MAX_RECORD,
    MAX_SEARCH_TEXT,
    MAX_TOKEN,
    MAX_UNIT,
)

PROTOCOL = "/p2pnode/search/1.0.0"
MAX_QUERY = 2 * 1024  # bytes of a whole query
_EMPTY = 16  # bytes of an answer without records, and of the lengths before them, at most
_LENGTH = 3  # bytes before one record, at most


class Query(NamedTuple):
    """cell: only listings whose area has its centre in it; empty: wherever they are. text: as a user types it.
    kind, direction: empty for any. most: minor units of `unit`, or None for any price; per: the measure must be this
    one; empty: any. available: ms, to be had then; 0: whenever. limit: of the records in the answer.
    """

    network: bytes
    cell: str = ""
    text: str = ""
    kind: str = ""
    direction: str = ""
    most: int | None = None
    unit: str = ""
    per: str = ""
    available: int = 0
    limit: int = MAX_ANSWERED


class Answer(NamedTuple):
    more: bool
    records: tuple[bytes, ...]


class Busy(NamedTuple):
    pass


Message = Query | Answer | Busy


def encode_message(message: Message) -> bytes:
    match message:
        case Query():
            return encode(["query", *message])
        case Answer(more, records):
            return encode(["answer", more, list(records)])
        case Busy():
            return encode(["busy"])


def parse_message(data: bytes) -> Message:
    """The message that a frame holds, or `DecodeError`."""
    match decode(data):
        case ["query", *fields] if len(data) <= MAX_QUERY and len(fields) == len(Query._fields):
            query = Query(*fields)
            if _sound(query):
                return query
        case ["answer", bool(more), list(records)] if len(records) <= MAX_ANSWERED:
            if all(type(r) is bytes and len(r) <= MAX_RECORD for r in records):
                return Answer(more, tuple(records))
        case ["busy"]:
            return Busy()
    raise DecodeError("not a message of this protocol", "field")


def fill(more: bool, wires: list[bytes]) -> Answer:
    """The answer with as many of these records, from the first on, as a frame has room for."""
    room, taken = GOSSIP_FRAME - _EMPTY, 0
    for wire in wires[:MAX_ANSWERED]:
        room -= len(wire) + _LENGTH
        if room < 0:
            break
        taken += 1
    return Answer(more or taken < len(wires), tuple(wires[:taken]))


def _sound(query: Query) -> bool:
    texts = (query.cell, query.text, query.kind, query.direction, query.unit, query.per)
    numbers = (query.available, query.limit, 0 if query.most is None else query.most)
    return (
        type(query.network) is bytes
        and len(query.network) == 16
        and all(type(text) is str for text in texts)
        and all(type(number) is int and 0 <= number <= MAX_INT for number in numbers)
        and is_cell(query.cell)
        and len(query.text) <= MAX_SEARCH_TEXT
        and max(len(query.kind), len(query.per)) <= MAX_TOKEN
        and len(query.unit) <= MAX_UNIT
        and query.direction in ("", "offer", "request")
        and (query.most is not None or not (query.unit or query.per))
        and 1 <= query.limit <= MAX_ANSWERED
    )
