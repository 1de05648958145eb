"""Forms into the arguments of commands: text to what the struct of the command takes. Pure.

What a field means follows from its type in the table of commands, so a form needs no code:

    text         as typed; empty: left out, unless the hidden field `empty` names it (`listing.edit`: clear it)
    number       `12`; a time as the browser's datetime-local gives it, in the node's zone; a span such as `3d`
    decimal      `2.5` or `2,5`
    amount       with a unit or without: `1.50`, `1,50 hour`; not `1.500`, which is either of two numbers
    yes or no    on, yes, true, 1; no, false, 0
    list         the field once for each, or a line for each; named `tags:list`, at each comma
    times        `FROM/UNTIL`, as a list
    within       `search.query` is the field `query` of the argument `search`
    by name      `dimensions.punctual` is what the argument `dimensions` says of `punctual`; empty: left out

and from names that say how a field is made of several:

    price:per    what the price is for: `2` and `day` are `2/day`
    when:days    days of the week, one for each time that it stands there
    start:day    the day of the week before a time of the day: `sat` and `10:00` are `sat 10:00`
    zone:if-when counts only where `when` says something
    on:from      and as many `on:until`: times, each from and until
    form:        the argument `form`; without the colon it is what says which form of the page this is
    tasks:first  the number of the first line of a table of tasks (p2pnode.tasks), 1 if nothing is said
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from p2pnode.commands import COMMANDS, Args, parse_args
from p2pnode.complaints import in_words
from p2pnode.tasks import parse_table
from protocols.errors import Refusal
from protocols.spans import parse_span

from .languages import N_

Moment = Callable[[str], int]  # ms of `2026-05-01T14:00` or `2026-05-01`; ValueError
ABOUT_THE_FORM = frozenset({"request_id", "back", "form", "look", "sure", "empty"})
# Commands of the page's forms that do not count as writing: what they change is no part of the journal.
ALSO = frozenset(
    {"kinds.add", "kinds.remove", "web.revoke", "settings.set", "notify.add", "notify.remove", "notify.test"}
)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?")
_COMMA = re.compile(r"^(\s*\d+),(\d+)(?![.,\d])")
_THOUSANDS = re.compile(r"\s*([1-9]\d{0,2}[.,]\d{3})(?!\d)|\s*(\d+[.,]\d+[.,]\d+)")
_BARE = re.compile(r"\d[^/]*")  # a price that does not say what it is for
_YES, _NO = frozenset({"on", "yes", "true", "1"}), frozenset({"no", "false", "0"})


class Malformed(Refusal):
    """What was typed is not what the command takes. field: in which; empty where it is not known."""

    def __init__(self, message: str, field: str = "", hint: str = "") -> None:
        super().__init__("usage", message, hint, field)


def decode(command: str, fields: Sequence[tuple[str, str]], moment: Moment) -> Args:
    """The arguments of a command. `Malformed` says what is wrong in which field; `KeyError` for an unknown command."""
    typed: dict[str, list[str]] = {}
    for name, value in fields:
        if name not in ABOUT_THE_FORM:
            typed.setdefault(name.removesuffix(":"), []).append(value)
    empty = frozenset(" ".join(value for name, value in fields if name == "empty").split())
    _put_together(typed, empty)
    value = _struct(COMMANDS[command].args, typed, empty, moment)
    if typed:
        name = next(iter(typed))
        raise Malformed(f"there is no {name[:40]}", name)
    try:
        return parse_args(command, value)
    except msgspec.ValidationError as e:
        problem = in_words(str(e))
        path = re.search(r"`\$\.([A-Za-z_.]+)", str(e))
        missing = re.search(r"missing required field `(\w+)`", str(e))
        raise Malformed(problem, path[1] if path else missing[1] if missing else "") from e


def _put_together(typed: dict[str, list[str]], empty: frozenset[str]) -> None:
    """Make one field of several. A price that is empty on purpose is none."""
    for name, given in [*typed.items()]:
        base, _, how = name.partition(":")
        if how == "per":
            prices = typed.get(base, [])
            if len(prices) == 1 and given[0] and _BARE.fullmatch(prices[0].strip()):
                typed[base] = [f"{prices[0].strip()}/{given[0]}"]
        elif how == "days":
            typed[base] = [text for text in typed.get(base, []) if text.strip()] + [",".join(given)]
        elif how == "day":
            typed[base] = [f"{given[0]} {text.strip()}" for text in typed.get(base, []) if text.strip()]
        elif how == "from":
            untils = typed.pop(f"{base}:until", [])
            pairs = zip(given, untils, strict=False)
            typed[base] = typed.get(base, []) + [f"{a}/{b}" for a, b in pairs if a.strip() or b.strip()]
        elif not how and name == "price" and name in empty and not "".join(given).strip():
            typed[name] = ["free"]
        if how in ("per", "day", "days", "from"):
            del typed[name]
    for name in [name for name in typed if ":if-" in name]:
        base, _, other = name.partition(":if-")
        given = typed.pop(name)
        if any(text.strip() for text in typed.get(other, [])):
            typed[base] = typed.get(base, []) + given


def _struct(of: type, typed: dict[str, list[str]], empty: frozenset[str], moment: Moment, path: str = "") -> Any:
    """What was typed for a struct; takes it out of `typed`."""
    found: dict[str, Any] = {}
    for field in _fields(of):
        name = path + field.encode_name
        inner = next((t for t in _choices(field.type) if isinstance(t, inspect.StructType)), None)
        if inner is not None:
            value = _struct(inner.cls, typed, empty, moment, f"{name}.")
            if value:
                found[field.encode_name] = value
            continue
        named = next((t for t in _choices(field.type) if isinstance(t, inspect.DictType)), None)
        if named is not None:
            value = _by_name(named.value_type, typed, moment, f"{name}.")
            if value:
                found[field.encode_name] = value
            continue
        given = typed.pop(name, [])
        if _is_table(field.type) and given:
            found[field.encode_name] = _tasks(name, given, typed.pop(f"{name}:first", []))
            continue
        given += [part for line in typed.pop(f"{name}:list", []) for part in line.split(",")]
        given = given if name in empty else [text for text in given if text.strip()]
        if given or name in empty:
            found[field.encode_name] = _one(field.type, name, given, moment)
    return found


def _by_name(of: inspect.Type, typed: dict[str, list[str]], moment: Moment, path: str) -> dict[str, Any]:
    """What was typed for a map whose keys are the rest of the fields' names; takes it out of `typed`."""
    found = {}
    for name in [name for name in typed if name.startswith(path)]:
        given = [text for text in typed.pop(name) if text.strip()]
        if given:
            found[name.removeprefix(path)] = _one(of, name, given, moment)
    return found


def _one(type_: inspect.Type, name: str, given: list[str], moment: Moment) -> Any:
    """The value of a field; `Malformed` names it."""
    try:
        return _value(type_, given, moment)
    except Malformed as e:
        raise Malformed(e.message, name, e.hint) from e
    except ValueError as e:
        raise Malformed(f"{name}: {e}", name) from e
    except Refusal as e:
        raise Malformed(f"{name}: {e.message}", name, e.hint) from e


def _is_table(type_: inspect.Type) -> bool:
    return isinstance(type_, inspect.VarTupleType) and isinstance(type_.item_type, inspect.StructType)


def _tasks(name: str, given: list[str], first: list[str]) -> list[dict[str, Any]]:
    number = first[0].strip() if first else ""
    try:
        if not re.fullmatch(r"[1-9][0-9]{0,3}|", number):
            raise Refusal("usage", "the first number should be 1 or more")
        rows = [task._asdict() for task in parse_table("\n".join(given))]
    except Refusal as e:
        raise Malformed(e.message, name, e.hint) from e
    return [{**row, "number": row["number"] + int(number or 1) - 1} for row in rows]


@cache
def _fields(of: type) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(of)
    assert isinstance(info, inspect.StructType)
    return info.fields


def _of(type_: inspect.Type) -> Sequence[inspect.Type]:
    return type_.types if isinstance(type_, inspect.UnionType) else (type_,)


def _choices(type_: inspect.Type) -> Sequence[inspect.Type]:
    return [choice.type if isinstance(choice, inspect.Metadata) else choice for choice in _of(type_)]


def decimal_of(text: str) -> str:
    """An amount with a decimal comma or point, with a point. `Malformed` for one whose comma or point may stand before
    thousands."""
    meant = _THOUSANDS.match(text)
    if meant:
        raise Malformed(
            f"{(meant[1] or meant[2])[:40]} can be read as two numbers",
            hint=N_("Write thousands without a point or comma: 1500. Write a fraction as 1.5 or 1,5."),
        )
    return _COMMA.sub(r"\1.\2", text)


def _value(type_: inspect.Type, given: list[str], moment: Moment) -> Any:
    """`ValueError` for what cannot be meant."""
    for choice in _choices(type_):
        match choice:
            case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
                lines = [line.strip() for text in given for line in text.split("\n") if line.strip()]
                return [_value(item, [line], moment) for line in lines]
            case inspect.TupleType(item_types=items):
                parts = "".join(given).split("/")
                if len(parts) != len(items):
                    raise ValueError("should be FROM/UNTIL")
                return [_value(item, [part], moment) for item, part in zip(items, parts, strict=True)]
    if len(given) > 1:
        raise ValueError("stands there twice")
    text = given[0].strip() if given else ""
    if any(isinstance(choice, inspect.Metadata) for choice in _of(type_)):
        return decimal_of(given[0] if given else "")
    for choice in _choices(type_):
        match choice:
            case inspect.IntType():
                return _number(text, moment)
            case inspect.FloatType():
                return float(decimal_of(text))
            case inspect.BoolType() if text.lower() in _YES | _NO:
                return text.lower() in _YES
            case inspect.BoolType():
                raise ValueError("should be yes or no")
            case inspect.LiteralType(values=values) if text in values:
                return text
            case inspect.StrType() | inspect.BytesType() | inspect.LiteralType():
                return given[0] if given else ""
    raise ValueError("cannot be given by a form")


def _number(text: str, moment: Moment) -> int:
    if re.fullmatch(r"-?\d{1,19}", text):
        return int(text)
    if _MOMENT.fullmatch(text):
        return moment(text)
    try:
        return parse_span(text)
    except Refusal as e:
        raise ValueError("should be a whole number, a time or a span such as 3d") from e


def as_typed(fields: Sequence[tuple[str, str]]) -> Mapping[str, list[str]]:
    """By name, to fill a form with again what it was sent with."""
    typed: dict[str, list[str]] = {}
    for name, value in fields:
        typed.setdefault(name, []).append(value)
    return typed
