"""Places by name, without asking anybody: which cell a town lies in, and which towns lie in a cell.

    places.xz   lines, UTF-8, by cell:   CELL SIZE COUNTRY NAME|NAME…   without blanks between the first three and the
                first name: geohash of 5 characters, digits of the number of people, ISO 3166-1 alpha-2, the name as
                GeoNames has it, further names under which it is found; before them  =COUNTRY NAME  for each country

All places of 500 people and more of GeoNames (https://www.geonames.org, CC BY 4.0), made by scripts/make_places.py.
They are read line by line when somebody asks, and not kept: a list of 235,000 is no use to a node that runs.
"""

import lzma
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from protocols.cell import centre, coarsen, decode, distance_km, encode
from protocols.errors import Refusal

DATA: Final = Path(__file__).with_name("places.xz")
CELL: Final = 5  # characters of a geohash
SHOWN: Final = 6  # places that a refusal names
LARGE: Final = 6  # digits of the number of people: a place that others are told apart by
MAX_NAME: Final = 100  # characters
_NEVER: Final = frozenset('<>{}";=%$#@!\\|_*+^~:\t\r\n\0')  # in no name: not looked for
REACH: Final = 3  # squares to each side on a map to choose one from: some 30 km across


class Place(NamedTuple):
    """name: as GeoNames has it. country: in English. cell: of 5 characters. size: digits of the number of people."""

    name: str
    country: str
    code: str
    cell: str
    size: int


def area_of(text: str, precision: int) -> str:
    """The cell that an area means: a geohash, `lat,lon` or a plus code (`protocols.cell.coarsen`), or the name of a
    place, with its country behind a comma where there are several. `Refusal` (usage) for none, and for several: none
    is guessed, since what lies in the wrong place is found by nobody.

    `dresden` is a geohash, too, of a cell in the state of New York: it is refused, and `Dresden` means a place.
    """
    text = text.strip()
    cell = None
    try:
        cell = coarsen(text, precision)
    except Refusal:
        if "+" in text or not any(c.isalpha() for c in text):
            raise
    if cell is not None and not text.isalpha():
        return cell
    found = named(text)
    if cell is not None and (text.isupper() or (text.islower() and not found)):
        return cell
    if not found:
        hint = "Write that of a larger place nearby, or where it is: 52.52,13.41, a plus code or a geohash"
        raise Refusal("usage", f"no place of 500 people or more is called {text!r}", hint)
    if cell is not None and text.islower():
        middle = "{:.3f},{:.3f}".format(*centre(cell))
        hint = f"Write {found[0].name}, {found[0].code}; or the middle of the cell: {middle}"
        raise Refusal("usage", f"{text!r} is the name of a place, and a geohash, too", hint)
    if len({place.cell for place in found}) > 1:
        raise Refusal("usage", f"{len(found)} places are called {text!r}", f"Write which: {_listed(found)}")
    return found[0].cell[:precision]


def named(text: str) -> list[Place]:
    """All places of this name, the largest first. What stands behind a comma is the country, or its code."""
    name, _, country = (part.strip() for part in text.partition(","))
    wanted, where = folded(name), folded(country)
    if not wanted or len(text) > MAX_NAME or _NEVER & set(text):
        return []
    countries, found = dict[str, str](), list[Place]()
    for line in _lines():
        if line[0] == "=":
            countries[line[1:3]] = line[3:]
        elif wanted in (low := folded(line[8:])) and wanted in low.split("|"):
            code = line[6:8]
            if not where or where in (code.lower(), folded(countries.get(code, ""))):
                found.append(_place(line, countries))
    return sorted(found, key=lambda place: (-place.size, place.country, place.cell))


def within(cells: Collection[str]) -> dict[str, list[str]]:
    """The names of the places in these cells of 5 characters, the largest first."""
    found = dict[str, list[tuple[int, str]]]()
    for line in _lines():
        if line[:CELL] in cells:
            found.setdefault(line[:CELL], []).append((-int(line[5]), line[8:].partition("|")[0]))
    return {cell: [name for _, name in sorted(rows)] for cell, rows in found.items()}


def squares(cell: str, reach: int = REACH) -> list[list[str]]:
    """The cells around one, `reach` of them to each side: rows from north to south, each from west to east. Beyond a
    pole there is no row."""
    south, west, north, east = decode(cell)
    high, wide = north - south, east - west
    lat, lon = centre(cell)
    rows = [lat + high * step for step in range(reach, -reach - 1, -1)]
    columns = [(lon + wide * step + 180) % 360 - 180 for step in range(-reach, reach + 1)]
    return [[encode(y, x, len(cell)) for x in columns] for y in rows if abs(y) < 90]


def folded(text: str) -> str:
    """Without case and accents, so that `munchen` finds München. `ß` is `ss`."""
    text = text.casefold()
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _lines() -> Iterator[str]:
    with lzma.open(DATA, "rt", encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.rstrip("\n")


def _place(line: str, countries: dict[str, str]) -> Place:
    name, code = line[8:].partition("|")[0], line[6:8]
    return Place(name, countries.get(code, code), code, line[:CELL], int(line[5]))


def _listed(places: list[Place]) -> str:
    """Each with what is to be typed for it: the country where that says it, else the cell, and what large place is
    near."""
    large = [_place(line, {}) for line in _lines() if line[0] != "=" and int(line[5]) >= LARGE]
    codes = [place.code for place in places]
    said = []
    for place in places[:SHOWN]:
        if codes.count(place.code) == 1:
            said.append(f"{place.name}, {place.code}")
            continue
        near = min(large, key=lambda one: distance_km(one.cell, place.cell))
        by = f" by {near.name}" if near.cell != place.cell and near.name != place.name else ""
        said.append(f"{place.cell} ({place.name}{by}, {place.code})")
    more = len(places) - SHOWN
    return "; ".join(said) + (f"; and {more} more" if more > 0 else "")
