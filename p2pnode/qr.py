"""QR codes for the terminal and the page: ISO/IEC 18004, error correction L; no more than is needed here. Pure.

Capital letters, digits and ` $%*+-./:` go in 5.5 bits each: receipts and codes for the door are written in these alone.
Whatever has another character in it, such as an invite link, goes as bytes of UTF-8.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
QUIET: Final = 4  # modules around it that stay light
# Of each version 1 … 40 at level L: codewords that correct errors in a block, and blocks.
_CORRECTING: Final = (
    7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28,
    28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
)  # fmt: skip
_BLOCKS: Final = (
    1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8,
    8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25,
)  # fmt: skip
_LEVEL_L: Final = 1
_DECOY: Final = ((1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0), (0, 0, 0, 0, 1, 0, 1, 1, 1, 0, 1))  # looks like a finder

Rows = list[list[int]]  # 1 is dark


def encode(text: str) -> Rows:
    """The modules of the smallest code that holds this text. `ValueError` for what it cannot hold."""
    for version in range(1, 41):
        room = _codewords(version) - _CORRECTING[version - 1] * _BLOCKS[version - 1]
        bits = _as_bytes(text, version) if set(text) - set(ALPHABET) else _as_letters(text, version)
        if len(bits) <= 8 * room:
            return _drawn(version, _interleaved(version, _filled(bits, room)))
    raise ValueError(f"{len(text)} characters are too many for one code")


def lines(text: str) -> list[str]:
    """The code for a dark terminal, two rows a line."""
    rows = encode(text)
    side = len(rows) + 2 * QUIET
    blank = [0] * side
    framed = [blank] * QUIET + [[0] * QUIET + row + [0] * QUIET for row in rows] + [blank] * (QUIET + 1)
    shown = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    return ["".join(shown[pair] for pair in zip(framed[y], framed[y + 1], strict=True)) for y in range(0, side, 2)]


def svg(text: str) -> bytes:
    """The code as a picture, dark on light whatever is around it."""
    rows = encode(text)
    side = len(rows) + 2 * QUIET
    bars = ""
    for y, row in enumerate(rows):
        x = QUIET
        for dark, run in groupby(row):
            width = len(list(run))
            bars += f"M{x} {y + QUIET}h{width}v1h-{width}z" if dark else ""
            x += width
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
    return f'{head}<rect width="{side}" height="{side}" fill="#fff"/><path d="{bars}" fill="#000"/></svg>'.encode()


def _as_bytes(text: str, version: int) -> str:
    data = text.encode()
    return f"0100{len(data):0{8 if version < 10 else 16}b}" + "".join(f"{byte:08b}" for byte in data)


def _as_letters(text: str, version: int) -> str:
    bits = f"0010{len(text):0{9 if version < 10 else 11 if version < 27 else 13}b}"
    for i in range(0, len(text) - 1, 2):
        bits += f"{ALPHABET.index(text[i]) * 45 + ALPHABET.index(text[i + 1]):011b}"
    if len(text) % 2:
        bits += f"{ALPHABET.index(text[-1]):06b}"
    return bits


def _filled(bits: str, room: int) -> bytes:
    bits += "0" * min(4, 8 * room - len(bits))
    bits += "0" * (-len(bits) % 8)
    data = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return data + (b"\xec\x11" * room)[: room - len(data)]


def _interleaved(version: int, data: bytes) -> bytes:
    """The blocks, each with its correction, woven into one another. The first ones may be shorter by one."""
    correcting, count = _CORRECTING[version - 1], _BLOCKS[version - 1]
    short, longer = divmod(len(data), count)
    divisor = _divisor(correcting)
    blocks, at = [], 0
    for i in range(count):
        size = short + (i >= count - longer)
        blocks.append(data[at : at + size])
        at += size
    woven = [block[i] for i in range(short + 1) for block in blocks if i < len(block)]
    corrections = [_remainder(block, divisor) for block in blocks]
    return bytes(woven + [c[i] for i in range(correcting) for c in corrections])


def _codewords(version: int) -> int:
    """How many bytes a code has for data and correction."""
    bits = (16 * version + 128) * version + 64
    if version >= 2:
        align = version // 7 + 2
        bits -= (25 * align - 10) * align - 55
        if version >= 7:
            bits -= 36
    return bits // 8


def _times(a: int, b: int) -> int:
    """In GF(256) by x^8 + x^4 + x^3 + x^2 + 1."""
    found = 0
    for i in range(7, -1, -1):
        found = found << 1 ^ (found >> 7) * 0x11D
        found ^= (b >> i & 1) * a
    return found


def _divisor(degree: int) -> list[int]:
    found = [0] * (degree - 1) + [1]
    root = 1
    for _ in range(degree):
        for i in range(degree):
            found[i] = _times(found[i], root) ^ (found[i + 1] if i + 1 < degree else 0)
        root = _times(root, 2)
    return found


def _remainder(data: bytes, divisor: list[int]) -> list[int]:
    found = [0] * len(divisor)
    for byte in data:
        factor = byte ^ found.pop(0)
        found.append(0)
        for i, part in enumerate(divisor):
            found[i] ^= _times(part, factor)
    return found


def _drawn(version: int, codewords: bytes) -> Rows:
    size = 4 * version + 17
    fixed: dict[tuple[int, int], int] = {}  # (row, column) → module, of all that is no data
    for i in range(size):
        fixed[6, i] = fixed[i, 6] = 1 - i % 2
    for y, x in ((3, 3), (3, size - 4), (size - 4, 3)):
        for dy in range(-4, 5):
            for dx in range(-4, 5):
                if 0 <= y + dy < size and 0 <= x + dx < size:
                    fixed[y + dy, x + dx] = int(max(abs(dy), abs(dx)) not in (2, 4))
    places = _alignments(version, size)
    corners = ((6, 6), (6, size - 7), (size - 7, 6))
    for y, x in ((y, x) for y in places for x in places if (y, x) not in corners):
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                fixed[y + dy, x + dx] = int(max(abs(dy), abs(dx)) != 1)
    if version >= 7:
        bits = _with_check(version, 12, 0x1F25)
        for i in range(18):
            fixed[size - 11 + i % 3, i // 3] = fixed[i // 3, size - 11 + i % 3] = bits >> i & 1
    _format(fixed, size, 0)
    order = [p for p in _zigzag(size) if p not in fixed]
    bits_of_data = [byte >> i & 1 for byte in codewords for i in range(7, -1, -1)]
    best: tuple[int, Rows] | None = None
    for mask in range(8):
        _format(fixed, size, mask)
        rows = [[fixed.get((y, x), 0) for x in range(size)] for y in range(size)]
        for i, (y, x) in enumerate(order):
            rows[y][x] = (bits_of_data[i] if i < len(bits_of_data) else 0) ^ _masks(mask, y, x)
        cost = _penalty(rows)
        if best is None or cost < best[0]:
            best = (cost, rows)
    assert best is not None
    return best[1]


def _alignments(version: int, size: int) -> list[int]:
    if version == 1:
        return []
    count = version // 7 + 2
    step = 26 if version == 32 else (version * 4 + count * 2 + 1) // (count * 2 - 2) * 2
    return [6, *sorted(size - 7 - i * step for i in range(count - 1))]


def _with_check(value: int, check: int, polynomial: int) -> int:
    """A number with its BCH remainder behind it."""
    rest = value
    for _ in range(check):
        rest = rest << 1 ^ (rest >> (check - 1)) * polynomial
    return value << check | rest


def _format(fixed: dict[tuple[int, int], int], size: int, mask: int) -> None:
    bits = _with_check(_LEVEL_L << 3 | mask, 10, 0x537) ^ 0x5412
    for i in range(15):
        bit = bits >> i & 1
        fixed[(i, 8) if i < 6 else (i + 1, 8) if i < 8 else (8, 7) if i == 8 else (8, 14 - i)] = bit
        fixed[(8, size - 1 - i) if i < 8 else (size - 15 + i, 8)] = bit
    fixed[size - 8, 8] = 1


def _zigzag(size: int) -> Sequence[tuple[int, int]]:
    """All places, in the order in which data fills them: columns of two from the right, up and down in turn."""
    found = []
    for number, right in enumerate([*range(size - 1, 6, -2), *range(5, 0, -2)]):
        for i in range(size):
            y = i if number % 2 else size - 1 - i
            found += [(y, right), (y, right - 1)]
    return found


def _masks(mask: int, y: int, x: int) -> int:
    by = (
        (x + y) % 2, y % 2, x % 3, (x + y) % 3, (x // 3 + y // 2) % 2, x * y % 2 + x * y % 3,
        (x * y % 2 + x * y % 3) % 2, ((x + y) % 2 + x * y % 3) % 2,
    )  # fmt: skip
    return int(by[mask] == 0)


def _penalty(rows: Rows) -> int:
    """How hard it is to read: long runs, squares of one shade, what looks like a finder, too dark or too light."""
    size = len(rows)
    total = 0
    for line in (*rows, *(list(column) for column in zip(*rows, strict=True))):
        run = 0
        for i, module in enumerate(line):
            run = run + 1 if i and line[i - 1] == module else 1
            total += 3 if run == 5 else 1 if run > 5 else 0
        total += 40 * sum(tuple(line[i : i + 11]) in _DECOY for i in range(size - 10))
    for y in range(size - 1):
        for x in range(size - 1):
            total += 3 * (rows[y][x] == rows[y][x + 1] == rows[y + 1][x] == rows[y + 1][x + 1])
    dark = sum(map(sum, rows))
    return total + 10 * (abs(dark * 20 - size * size * 10) // (size * size))
