"""Cells: geohashes (https://en.wikipedia.org/wiki/Geohash), base 32 without a, i, l, o.

A cell of n characters is a box of 5n bits, longitude and latitude in turn, longitude first. 5 characters are at
most 4.9 by 4.9 km, 6 are 1.2 by 0.6 km. Never more than `MAX_SCOPE` characters: a longer one singles out a home.
"""

import re
from math import asin, cos, radians, sin, sqrt
from typing import Final, NamedTuple

from protocols.errors import Refusal
from protocols.limits import MAX_SCOPE

ALPHABET: Final = "0123456789bcdefghjkmnpqrstuvwxyz"
EARTH_RADIUS_KM: Final = 6371.0088  # mean radius, IUGG
_VALUE = {c: i for i, c in enumerate(ALPHABET)}
_GEOHASH = re.compile(f"[{ALPHABET}]+")
_COORDINATES = re.compile(r"([+-]?[0-9]{1,3}(?:\.[0-9]{1,20})?)\s*,\s*([+-]?[0-9]{1,3}(?:\.[0-9]{1,20})?)")
_PLUS_ALPHABET = "23456789CFGHJMPQRVWX"
_PLUS_CODE = re.compile(rf"((?:[{_PLUS_ALPHABET}]{{2}}){{1,4}})(0*)\+([{_PLUS_ALPHABET}]{{0,7}})")
_HINT = 'write a geohash (u33db), "lat,lon" (52.52,13.41) or a full plus code (9F4MGC22+22)'


class Box(NamedTuple):
    """Degrees, WGS 84."""

    south: float
    west: float
    north: float
    east: float


def is_cell(text: str) -> bool:
    """Whether this is a geohash of 0 to `MAX_SCOPE` characters, lower case. The empty one is the whole world."""
    return len(text) <= MAX_SCOPE and all(c in _VALUE for c in text)


def encode(lat: float, lon: float, precision: int) -> str:
    """The cell of a point. `ValueError` outside ±90, ±180 or for a precision outside 0..`MAX_SCOPE`."""
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ValueError("latitude or longitude out of range")
    if not 0 <= precision <= MAX_SCOPE:
        raise ValueError(f"precision {precision}")
    rows, columns = _sizes(precision)
    # The north pole belongs to the last row; the date line is where the first column begins. `min` also keeps in the
    # last one what is so little below 90 or 180 that the sum rounds up.
    row = min(int((lat + 90) / 180 * rows), rows - 1)
    column = 0 if lon == 180 else min(int((lon + 180) / 360 * columns), columns - 1)
    return _cell(row, column, precision)


def decode(cell: str) -> Box:
    """The box of a cell. `ValueError` if it is none."""
    row, column = _grid(cell)
    rows, columns = _sizes(len(cell))
    return Box(
        row * 180 / rows - 90,
        column * 360 / columns - 180,
        (row + 1) * 180 / rows - 90,
        (column + 1) * 360 / columns - 180,
    )


def centre(cell: str) -> tuple[float, float]:
    """Latitude and longitude of a cell's centre, degrees."""
    box = decode(cell)
    return (box.south + box.north) / 2, (box.west + box.east) / 2


def neighbours(cell: str) -> tuple[str, ...]:
    """The cell itself and those around it (8, fewer where they coincide), ascending.

    Columns meet at the date line; over a pole one gets into the same row half way round.
    """
    row, column = _grid(cell)
    rows, columns = _sizes(len(cell))
    found = set()
    for r in (row - 1, row, row + 1):
        over_pole = not 0 <= r < rows
        for c in (column - 1, column, column + 1):
            if over_pole:
                found.add(_cell(row, (c + columns // 2) % columns, len(cell)))
            else:
                found.add(_cell(r, c % columns, len(cell)))
    return tuple(sorted(found))


def distance_km(one: str, other: str) -> float:
    """Great-circle distance between the centres of two cells, kilometres (haversine)."""
    (lat1, lon1), (lat2, lon2) = centre(one), centre(other)
    h = (
        sin(radians(lat2 - lat1) / 2) ** 2
        + cos(radians(lat1)) * cos(radians(lat2)) * sin(radians(lon2 - lon1) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, h)))


def coarsen(text: str, precision: int) -> str:
    """The cell that an area means, cut to `precision`: a geohash, `lat,lon` or a full plus code.

    Never finer than what was written: a short geohash or a padded plus code stays coarse. `Refusal` (usage) else.
    """
    if not 1 <= precision <= MAX_SCOPE:
        raise ValueError(f"precision {precision}")
    text = text.strip()
    if match := _COORDINATES.fullmatch(text):
        lat, lon = float(match[1]), float(match[2])
        if abs(lat) > 90 or abs(lon) > 180:
            raise Refusal("usage", f"not a place: {text!r}", "latitude is within ±90, longitude within ±180")
        return encode(lat, lon, precision)
    if "+" in text:
        return _from_plus_code(text, precision)
    if _GEOHASH.fullmatch(text.lower()) and len(text) <= 12:
        return text.lower()[:precision]
    raise Refusal("usage", f"not an area: {text!r}", _HINT)


def _from_plus_code(text: str, precision: int) -> str:
    """Open Location Code (https://github.com/google/open-location-code, specification.md)."""
    match = _PLUS_CODE.fullmatch(text.upper())
    if match is None or len(match[1]) + len(match[2]) != 8 or (match[2] and match[3]) or len(match[3]) == 1:
        raise Refusal("usage", f"not a full plus code: {text!r}", _HINT)
    digits = [_PLUS_ALPHABET.index(c) for c in match[1] + match[3][:2]]
    if digits[0] > 8 or digits[1] > 17:  # beyond the pole, beyond the date line
        raise Refusal("usage", f"not a place: {text!r}", _HINT)
    south = west = 0  # in units of the last pair, from -90, -180
    for i in range(0, len(digits), 2):
        south, west = south * 20 + digits[i], west * 20 + digits[i + 1]
    pairs = len(digits) // 2
    per_degree = 20 ** (pairs - 1)  # the first pair counts 20 degrees
    lat = (south + 0.5) * 20 / per_degree - 90
    lon = (west + 0.5) * 20 / per_degree - 180
    while precision > 1 and 180 / _sizes(precision)[0] < 20 / per_degree / 2:
        precision -= 1
    return encode(lat, lon, precision)


def _sizes(precision: int) -> tuple[int, int]:
    """Rows and columns of the grid."""
    bits = 5 * precision
    return 1 << bits // 2, 1 << (bits + 1) // 2


def _cell(row: int, column: int, precision: int) -> str:
    bits = 0
    rows, columns = _sizes(precision)
    row_bits, column_bits = rows.bit_length() - 1, columns.bit_length() - 1
    for i in range(column_bits):
        bits = bits << 1 | column >> (column_bits - 1 - i) & 1
        if i < row_bits:
            bits = bits << 1 | row >> (row_bits - 1 - i) & 1
    return "".join(ALPHABET[bits >> 5 * (precision - 1 - i) & 31] for i in range(precision))


def _grid(cell: str) -> tuple[int, int]:
    """Row (from the south) and column (from the west)."""
    if not is_cell(cell):
        raise ValueError(f"not a cell: {cell!r}")
    row = column = 0
    for i in range(5 * len(cell)):
        bit = _VALUE[cell[i // 5]] >> (4 - i % 5) & 1
        if i % 2 == 0:
            column = column << 1 | bit
        else:
            row = row << 1 | bit
    return row, column
