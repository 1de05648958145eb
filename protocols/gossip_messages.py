"""Messages of `/p2pnode/gossip/1.0.0`: canonical arrays, one a frame, all of the form [type, network16, ...].

    [1, network, nonce8, now, heard, [prefix, ...]]  HELLO      I am in this network and keep these scopes
    [2, network, turn, as_of, [range, ...]]          RECONCILE  what I hold of these ranges: what do you?
    [3, network, turn, [range, ...]]                 ANSWER     to RECONCILE
    [4, network, turn]                               DONE       I have compared everything
    [5, network, items]                              HAVE       items of 64 bytes each, one after the other
    [6, network, request, ids]                       WANT       ids of 32 bytes each
    [7, network, request, dealt, [wire, ...]]        RECORDS    request 0: not asked for
    [8, network, scope]                              PRUNE      do not send me records of this scope unasked: name them
    [9, network, scope]                              GRAFT      send me records of this scope at once

    range = [upper] | [upper, data, ...] as in `Range`; a message of any other type is for a later version.

docs/protocol/gossip.md says what they mean.
"""

from itertools import pairwise
from typing import Any, NamedTuple

from protocols.codec import decode, encode
from protocols.errors import DecodeError
from protocols.limits import (
    MAX_BATCH,
    MAX_CELLS,
    MAX_HAVE,
    MAX_LIST,
    MAX_NUMBER,
    MAX_RANGES,
    MAX_RECORD,
    MAX_SCOPE,
    MAX_WANT,
)

PROTOCOL = "/p2pnode/gossip/1.0.0"

ITEM = 64
SHORT = 16  # bytes of an id in a list
FINGERPRINT = 16
SKIP, SUM, LIST, DIFF, ITEMS = range(5)
_CELL = frozenset("0123456789bcdefghjkmnpqrstuvwxyz")


class Range(NamedTuple):
    """What is said of the items from the range before (or the first item) up to `upper`.

    upper: the items below it as bytes, empty: to the end; mode:
      SKIP   nothing: the same on both sides, or not asked
      SUM    fingerprint: 16 bytes
      LIST   ids: the first 16 bytes of each id that the asker holds, in the order of its items
      DIFF   items: those that the asker lacks; missing: places in its LIST that the answerer lacks, ascending
      ITEMS  items: all that the answerer holds
    """

    upper: bytes
    mode: int = SKIP
    sum: bytes = b""
    ids: tuple[bytes, ...] = ()
    items: tuple[bytes, ...] = ()
    missing: tuple[int, ...] = ()


class Hello(NamedTuple):
    """nonce: 8 bytes, new for each connection; now: the sender's clock, ms; heard: your HELLO has come."""

    network: bytes
    nonce: bytes
    now: int
    heard: bool
    scopes: tuple[str, ...]


class Reconcile(NamedTuple):
    """turn: another for each message; as_of: only items whose `until` is later are compared, ms.

    Modes SKIP, SUM, LIST.
    """

    network: bytes
    turn: int
    as_of: int
    ranges: tuple[Range, ...]


class Answer(NamedTuple):
    """Modes SKIP, SUM, DIFF, ITEMS. What is above the last range is the same on both sides."""

    network: bytes
    turn: int
    ranges: tuple[Range, ...]


class Done(NamedTuple):
    network: bytes
    turn: int


class Have(NamedTuple):
    network: bytes
    items: tuple[bytes, ...]


class Want(NamedTuple):
    network: bytes
    request: int
    ids: tuple[bytes, ...]


class Records(NamedTuple):
    """dealt: of the ids asked for, how many (from the first) have been looked up; the rest must be asked for again."""

    network: bytes
    request: int
    dealt: int
    wires: tuple[bytes, ...]


class Prune(NamedTuple):
    """scope: of the records meant; empty: all that have no branch of their own."""

    network: bytes
    scope: str


class Graft(NamedTuple):
    """scope: as in PRUNE."""

    network: bytes
    scope: str


class Unknown(NamedTuple):
    """A type of a later version: not used."""

    network: bytes


Message = Hello | Reconcile | Answer | Done | Have | Want | Records | Prune | Graft | Unknown


def encode_message(message: Message) -> bytes:
    """One frame. `ValueError` for `Unknown`."""
    match message:
        case Hello(network, nonce, now, heard, scopes):
            return encode([1, network, nonce, now, heard, list(scopes)])
        case Reconcile(network, turn, as_of, ranges):
            return encode([2, network, turn, as_of, [_plain(r) for r in ranges]])
        case Answer(network, turn, ranges):
            return encode([3, network, turn, [_plain(r) for r in ranges]])
        case Done(network, turn):
            return encode([4, network, turn])
        case Have(network, items):
            return encode([5, network, b"".join(items)])
        case Want(network, request, ids):
            return encode([6, network, request, b"".join(ids)])
        case Records(network, request, dealt, wires):
            return encode([7, network, request, dealt, list(wires)])
        case Prune(network, scope):
            return encode([8, network, scope])
        case Graft(network, scope):
            return encode([9, network, scope])
    raise ValueError("cannot be encoded")


def parse_message(frame: bytes) -> Message:
    """The message that a frame holds, every bound checked; `DecodeError` else."""
    value = decode(frame)
    match value:
        case [int(type_), bytes(network), *rest] if type(type_) is int and type_ > 0 and len(network) == 16:
            return _parse(type_, network, rest)
    raise DecodeError("not a message of this protocol", "field")


def range_size(range_: Range) -> int:
    """Bytes that a range takes in a message, rounded up."""
    data = len(range_.sum) + SHORT * len(range_.ids) + ITEM * len(range_.items) + 2 * len(range_.missing)
    return 9 + len(range_.upper) + data


def _parse(type_: int, network: bytes, rest: list[Any]) -> Message:
    match type_, rest:
        case 1, [bytes(nonce), int(now), bool(heard), list(scopes)] if (
            len(nonce) == 8 and type(now) is int and now >= 0 and len(scopes) <= MAX_CELLS
        ):
            if all(type(s) is str and _is_scope(s) for s in scopes):
                return Hello(network, nonce, now, heard, tuple(scopes))
        case 2, [int(turn), int(as_of), list(ranges)] if _number(turn) and _natural(as_of) and ranges:
            return Reconcile(network, turn, as_of, _ranges(ranges, (SKIP, SUM, LIST)))
        case 3, [int(turn), list(ranges)] if _number(turn):
            return Answer(network, turn, _ranges(ranges, (SKIP, SUM, DIFF, ITEMS)))
        case 4, [int(turn)] if _number(turn):
            return Done(network, turn)
        case 5, [bytes(items)]:
            return Have(network, _cut(items, ITEM, MAX_HAVE))
        case 6, [int(request), bytes(ids)] if _number(request):
            return Want(network, request, _cut(ids, 32, MAX_WANT))
        case 7, [int(request), int(dealt), list(wires)] if (
            (request == 0 or _number(request)) and type(request) is int and _natural(dealt) and dealt <= MAX_WANT
        ):
            if len(wires) <= MAX_BATCH and all(type(w) is bytes and len(w) <= MAX_RECORD for w in wires):
                return Records(network, request, dealt, tuple(wires))
        case 8, [str(scope)] if _is_scope(scope):
            return Prune(network, scope)
        case 9, [str(scope)] if _is_scope(scope):
            return Graft(network, scope)
        case _ if type_ > 9:
            return Unknown(network)
    raise DecodeError(f"message of type {type_}", "field")


def _is_scope(value: str) -> bool:
    return len(value) <= MAX_SCOPE and _CELL.issuperset(value)


def _number(value: int) -> bool:
    return type(value) is int and 0 < value <= MAX_NUMBER


def _natural(value: int) -> bool:
    return type(value) is int and value >= 0


def _cut(data: bytes, size: int, most: int, least: int = 1) -> tuple[bytes, ...]:
    number, odd = divmod(len(data), size)
    if odd or not least <= number <= most:
        raise DecodeError(f"a list of {len(data)} bytes", "field")
    return tuple(data[i : i + size] for i in range(0, len(data), size))


def _plain(range_: Range) -> list[Any]:
    head = [range_.upper, range_.mode]
    match range_.mode:
        case 0:
            return [range_.upper]
        case 1:
            return [*head, range_.sum]
        case 2:
            return [*head, b"".join(range_.ids)]
        case 3:
            missing = b"".join(place.to_bytes(2, "big") for place in range_.missing)
            return [*head, b"".join(range_.items), missing]
        case _:
            return [*head, b"".join(range_.items)]


def _ranges(values: list[Any], modes: tuple[int, ...]) -> tuple[Range, ...]:
    if len(values) > MAX_RANGES:
        raise DecodeError("too many ranges", "field")
    ranges = tuple(_range(value) for value in values)
    last = b""
    for i, range_ in enumerate(ranges):
        if range_.mode not in modes:
            raise DecodeError(f"a range of mode {range_.mode}", "field")
        if range_.upper == b"":
            if i < len(ranges) - 1:
                raise DecodeError("a range after the last", "field")
        elif range_.upper <= last:
            raise DecodeError("ranges are not in order", "field")
        last = range_.upper
    return ranges


def _range(value: Any) -> Range:
    match value:
        case [bytes(upper), *rest] if len(upper) <= ITEM:
            match rest:
                case []:
                    return Range(upper)
                case [1, bytes(sum_)] if len(sum_) == FINGERPRINT and type(rest[0]) is int:
                    return Range(upper, SUM, sum_)
                case [2, bytes(ids)]:
                    return Range(upper, LIST, ids=_cut(ids, SHORT, MAX_LIST, 0))
                case [3, bytes(items), bytes(missing)]:
                    found = tuple(int.from_bytes(p, "big") for p in _cut(missing, 2, MAX_LIST, 0))
                    if any(a >= b for a, b in pairwise(found)):
                        raise DecodeError("places are not in order", "field")
                    return Range(upper, DIFF, items=_items(items), missing=found)
                case [4, bytes(items)]:
                    return Range(upper, ITEMS, items=_items(items))
    raise DecodeError("not a range", "field")


def _items(data: bytes) -> tuple[bytes, ...]:
    items = _cut(data, ITEM, MAX_LIST, 0)
    if any(a >= b for a, b in pairwise(items)):
        raise DecodeError("items are not in order", "field")
    return items
