"""Malformed inputs from sound ones: cut, flipped and spliced bytes; fields of other types, out of bounds, doubled,
nested, announced too long; and, since most of what a node reads is signed, the same signed again by its author.

Pure: chance is an argument, so that a seed names an input.
"""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

import msgpack

from protocols.identity import Signer, digest
from protocols.limits import MAX_FRAME, MAX_INT

Signers = Mapping[bytes, Signer]  # by author

_MARK = b"\x00in place of raw bytes:"
_TOO_ODD = (RecursionError, ValueError, TypeError, OverflowError)  # for msgpack to write again
INTEGERS = (0, 1, -1, 2, 127, 128, 255, 256, 1_000, 65_535, 2**31, 2**32 - 1, 2**32, MAX_INT - 1, MAX_INT, -MAX_INT)
BEYOND = (MAX_INT + 1, -MAX_INT - 1, 2**63 - 1, 2**64 - 1, -(2**63))
TEXTS = (
    "",
    "x",
    "\0",
    "\u202e",
    "é" * 500,
    "/ip4/127.0.0.1/tcp/1",
    "FREQ=DAILY",
    "..",
    "u33dc",
    "9" * 40,
    "\U0001f600",
)
RAW = (  # no canonical MessagePack, or none at all
    b"\xca\x7f\xc0\x00\x00",  # not a number
    b"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00",
    b"\xd4\x01\x00",  # an extension
    b"\xd7\xff\x00\x00\x00\x00\x00\x00\x00\x00",  # a time stamp
    b"\xc1",
    b"\xcc\x01",  # not the shortest form
    b"\xd9\x01a",
    b"\xc5\x00\x01a",
    b"\xdc\x00\x01\xc0",
    b"\xdd\xff\xff\xff\xff",  # four thousand million items
    b"\xdf\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\x81\x01\x02",  # a key that is no string
    b"\x82\xa1a\x00\xa1a\x01",  # a key twice
    b"\xa2\xff\xfe",  # no UTF-8
    b"\x91" * 600 + b"\xc0",
    b"\x81\xa1a" * 600 + b"\xc0",
)


def mutated(data: bytes, rng: Random, signers: Signers | None = None, other: bytes = b"") -> bytes:
    """Something else than `data`, most of it. other: to splice with; signers: who signs what was changed again."""
    for _ in range(1 if rng.random() < 0.7 else rng.randrange(2, 5)):
        opened = _opened(data) if rng.random() < 0.75 else None
        try:
            data = _bytes(data, rng, other) if opened is None else _packed(_changed(opened, rng), rng)
        except _TOO_ODD:
            data = _bytes(data, rng, other)
        if len(data) > MAX_FRAME:
            break  # too long for every handler already: what multiplies it again takes seconds
    return resigned(data, signers) if signers and rng.random() < 0.8 else data


def truncations(data: bytes) -> Iterator[bytes]:
    return (data[:size] for size in range(len(data)))


def flips(data: bytes) -> Iterator[bytes]:
    for place in range(8 * len(data)):
        yield flipped(data, place)


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def resigned(data: bytes, signers: Signers) -> bytes:
    """The same with every signature in it that is of one of `signers`, at any depth, made anew."""
    opened = _opened(data)
    try:
        return data if opened is None else _pack(_resigned(opened, signers))
    except _TOO_ODD:
        return data


# Bytes


def _bytes(data: bytes, rng: Random, other: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    size = rng.choice((1, 2, 4, 16, 64, rng.randrange(1, 2 + len(data))))
    choices: tuple[Callable[[], bytes], ...] = (
        lambda: flipped(data, rng.randrange(8 * len(data))) if data else b"\0",
        lambda: data[:at],
        lambda: data[:at] + data[at + size :],
        lambda: data[:at] + data[at : at + size] + data[at:],
        lambda: data[:at] + rng.randbytes(size) + data[at + size :],
        lambda: data[:at] + rng.choice((b"\0", b"\xff", b"\x80", b"\x7f", b"\n")) * size + data[at + size :],
        lambda: data[:at] + other[rng.randrange(len(other) + 1) :],
        lambda: data[:at] + rng.choice(RAW) + data[at:],
        lambda: data + rng.randbytes(rng.choice((1, 100, 70_000))),
        lambda: rng.randbytes(rng.randrange(200)),
    )
    return rng.choice(choices)()[: 2 * MAX_FRAME]


# Trees


def _opened(data: bytes) -> Any:
    """The array or map that stands in bytes, or None."""
    if len(data) < 2 or not (data[0] & 0xE0 == 0x80 or data[0] in (0xDC, 0xDD, 0xDE, 0xDF)):
        return None
    try:
        value = msgpack.unpackb(data, strict_map_key=False)
    except Exception:
        return None
    return value if isinstance(value, list | dict) and value else None


def _pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=True, unicode_errors="surrogatepass")
    return packed


def _packed(value: Any, rng: Random) -> bytes:
    """MessagePack with the marks of `_replaced` taken for what they stand for; maps sorted, as they should be."""
    data = _pack(_sorted(value) if rng.random() < 0.95 else value)
    while (at := data.find(_MARK)) >= 0:  # the header of the bytes, the mark, which of RAW
        data = data[: at - 2] + RAW[data[at + len(_MARK)] % len(RAW)] + data[at + len(_MARK) + 1 :]
    return data


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _sorted(value[k]) for k in sorted(value, key=lambda k: (type(k).__name__, k))}
    return [_sorted(v) for v in value] if isinstance(value, list) else value


def _changed(value: Any, rng: Random) -> Any:
    """The value with one thing in it changed, at any depth."""
    if isinstance(value, bytes):
        salt = 16 if len(value) > 18 and _opened(value) is None else 0
        inner = _opened(value[salt:])
        if inner is not None and rng.random() < 0.9:
            return value[:salt] + _packed(_changed(inner, rng), rng)
    elif isinstance(value, list) and value and rng.random() < 0.85:
        place = rng.randrange(len(value))
        return [*value[:place], _changed(value[place], rng), *value[place + 1 :]]
    elif isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        return {**value, key: _changed(value[key], rng)}
    return _replaced(value, rng)


def _replaced(value: Any, rng: Random) -> Any:
    if rng.random() < 0.12:
        return _MARK + bytes([rng.randrange(len(RAW))])
    if rng.random() < 0.15:
        return _any(rng)
    match value:
        case bool():
            return not value
        case int():
            near = max(-(2**63), min(2**64 - 1, value + rng.choice((-1, 1, -1_000, 1_000, 86_400_000))))
            return rng.choice((*INTEGERS, *BEYOND, near, near, near, near))
        case bytes():
            sizes = (0, 1, 16, 32, 64, len(value) + 1, 2 * len(value), 20_000)
            same = flipped(value, rng.randrange(8 * len(value))) if value else b"\0"
            return rng.choice(
                (same, same, value[:-1], value + b"\0", bytes(len(value)), rng.randbytes(rng.choice(sizes)))
            )
        case str():
            cut = value[: rng.randrange(len(value) + 1)]
            return rng.choice((*TEXTS, cut, value * 2, value + "x", value.upper(), value + "\0", value * 50))
        case list():
            return rng.choice(([], value[:-1], value + value, value[::-1], [*value, _any(rng)], value * 40))
        case dict():
            left = dict(list(value.items())[:-1])
            return rng.choice(({}, left, {**value, "zzz": 0}, {**value, 7: 0}, list(value.items())))
    return _any(rng)


def _any(rng: Random) -> Any:
    return rng.choice(
        (
            None,
            True,
            1.5,
            rng.choice(INTEGERS),
            rng.choice(BEYOND),
            rng.choice(TEXTS),
            rng.randbytes(rng.choice((0, 8, 16, 32, 64, 1_000))),
            [],
            {},
            [[]],
            {"a": 0},
            [0] * rng.choice((7, 5_000)),
        )
    )


# Signatures


def _resigned(value: Any, signers: Signers) -> Any:
    if isinstance(value, bytes):
        inner = _opened(value)
        return value if inner is None else _pack(_resigned(inner, signers))
    if isinstance(value, dict):
        return {k: _resigned(v, signers) for k, v in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) == 5 and _is_signed(value):  # an entry: what its header says of the payloads, too
        return _signed([value[0], *value[1:3], *(_salted(v, signers) for v in value[3:])], signers)
    inner_list = [_resigned(v, signers) for v in value]
    return _signed(inner_list, signers) if _is_signed(inner_list) else inner_list


def _salted(payload: Any, signers: Signers) -> Any:
    if not isinstance(payload, bytes) or _opened(payload[16:]) is None:
        return payload
    return payload[:16] + bytes(_resigned(payload[16:], signers))


def _is_signed(value: list[Any]) -> bool:
    return (
        len(value) in (3, 5, 6) and all(isinstance(v, bytes) for v in value[:3]) and isinstance(_opened(value[0]), list)
    )


def _signed(value: list[Any], signers: Signers) -> list[Any]:
    header = _opened(value[0])
    signer = next((signers[v] for v in header if isinstance(v, bytes) and v in signers), None)
    if signer is None:
        return value
    match len(header):
        case 11 if isinstance(header[2], str):
            domain = header[2]
        case 14:
            domain = "entry"
            for place, payload in zip((12, 13), value[3:5], strict=False):
                header[place] = digest(payload) if isinstance(payload, bytes) else header[place]
        case 9:
            domain = "fact" if isinstance(header[5], str) else "invite"
        case 8:
            domain = "token"
        case _:
            return value
    try:
        packed = _pack(header) if len(header) == 14 else value[0]
        return [packed, signer.sign(domain, packed), *value[2:]]
    except (ValueError, OverflowError):
        return value
