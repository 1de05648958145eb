"""What a search of the page asks for: from the fields of an address to the arguments of `search`, and back. Pure."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final
from urllib.parse import urlencode

from protocols.errors import Refusal

from .forms import decimal_of
from .free_days import span_of
from .languages import N_

FIELDS: Final = ("query", "kind", "direction", "within_km", "max_price", "free_on", "min_trust", "sort", "cell")
NARROWS: Final = tuple(name for name in FIELDS if name != "sort")
Asked = Mapping[str, str | None]


def asked_of(query: Mapping[str, str]) -> dict[str, str | None]:
    """Of an address what belongs to a search."""
    return {name: query.get(name) for name in FIELDS}


def arguments(asked: Asked, now: int, zone: tzinfo | None) -> dict[str, Any]:
    """Of the command `search`. now: ms; zone: whose days are meant. `Refusal` (usage) for what cannot be meant."""
    given: dict[str, Any] = {name: value for name, value in asked.items() if value and name != "free_on"}
    for name, words in (("within_km", N_("That is no distance.")), ("min_trust", N_("That is no score."))):
        if name in given:
            given[name] = _number(given[name], words)
    if "max_price" in given:
        given["max_price"] = decimal_of(given["max_price"])
    return {**given, **_free_on(asked.get("free_on"), now, zone)}


def as_query(asked: Asked, **changed: Any) -> str:
    """What of an address follows the question mark. changed: fields beside it or in its place; None: without."""
    return urlencode({name: value for name, value in {**asked, **changed}.items() if value})


def to_save(given: Mapping[str, Any]) -> dict[str, str]:
    """The hidden fields of a form that saves a search with these arguments."""
    return {f"search.{name}": str(value) for name, value in given.items()}


def of_saved(search: Mapping[str, Any], zone: tzinfo | None) -> str:
    """The search of the page that a saved one is. search: as `search.saved` tells it."""
    asked = {name: str(search[name]) for name in FIELDS if search.get(name)}
    if search.get("available"):
        asked["free_on"] = datetime.fromtimestamp(search["available"] / 1000, UTC).astimezone(zone).date().isoformat()
    return as_query(asked, sort=search["sort"] if search.get("sort") != "relevance" else None)


def _number(text: Any, words: str) -> float:
    try:
        return float(decimal_of(str(text)))
    except ValueError as e:
        raise Refusal("usage", words) from e


def _free_on(text: str | None, now: int, zone: tzinfo | None) -> dict[str, int]:
    """Some time of a day, and none that is over."""
    if not text:
        return {}
    try:
        day = date.fromisoformat(text)
        start, end = span_of(day, day, zone)
    except ValueError as e:
        raise Refusal("usage", N_("That is no day.")) from e
    if end <= now:
        raise Refusal("usage", N_("That day is over."))
    return {"available": max(start, now), "available_until": end}
