"""JSON schemas of what has been seen: the narrowest that every recorded answer fits, and nothing that was not seen."""

import re
from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]
ORDER = ("object", "array", "string", "integer", "number", "boolean", "null")
FIELD = re.compile(r"[a-z][a-z0-9_]*")
# Fields that are maps: what stands in them is not a name of ours but a word of somebody's.
MAPS = frozenset({"dimensions", "prices", "own", "said", "labels", "results"})


def shape(value: Any, field: str = "") -> Schema:
    """Of one value. field: the name under which it stands."""
    match value:
        case None:
            return {"type": ["null"]}
        case bool():
            return {"type": ["boolean"]}
        case int():
            return {"type": ["integer"]}
        case float():
            return {"type": ["number"]}
        case str():
            return {"type": ["string"]}
        case list() | tuple():
            return {"type": ["array"], "items": merged(shape(each) for each in value)}
        case dict():
            if field in MAPS or not all(FIELD.fullmatch(name) for name in value):
                return {"type": ["object"], "additionalProperties": merged(shape(each) for each in value.values())}
            return {"type": ["object"], "properties": {name: shape(each, name) for name, each in value.items()}}
    raise TypeError(f"{type(value)} in an answer")


def merged(shapes: Iterable[Schema]) -> Schema:
    """What fits any of them."""
    made: Schema = {}
    for each in shapes:
        types = {*made.get("type", ()), *each.get("type", ())}
        if "number" in types:
            types.discard("integer")
        if types:
            made["type"] = [name for name in ORDER if name in types]
        for key in ("items", "additionalProperties"):
            if key in each:
                made[key] = merged([made.get(key, {}), each[key]])
        if "properties" in each:
            both = (made.get("properties", {}), each["properties"])
            names = sorted({*both[0], *both[1]})
            made["properties"] = {name: merged(side[name] for side in both if name in side) for name in names}
    return made


def misfits(schema: Schema, value: Any, place: str = "") -> list[str]:
    """Where a value is not as the schema says, fields that it does not name among them."""
    mine = shape(value, place.rpartition(".")[2])
    types = schema.get("type", ())
    (kind,) = mine["type"]
    if kind not in types and not (kind == "integer" and "number" in types):
        return [f"{place or 'the answer'} is {kind}, not {' or '.join(types) or 'described'}"]
    found = []
    if kind == "array":
        for each in value:
            found += misfits(schema["items"], each, f"{place}[]")
    elif kind == "object":
        named, other = schema.get("properties", {}), schema.get("additionalProperties")
        for name, each in value.items():
            if name in named:
                found += misfits(named[name], each, f"{place}.{name}")
            elif other is not None:
                found += misfits(other, each, f"{place}.*")
            else:
                found.append(f"{place}.{name} is not described")
    return found
