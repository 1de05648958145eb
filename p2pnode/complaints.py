"""What the validator of structs complains of, in words for who typed it. Pure."""

import re
from typing import Final

_NAMES: Final = {"str": "text", "int": "a whole number", "float": "a number", "bool": "yes or no", "array": "a list"}
_RULES: Final = (
    (re.compile(r"Expected `str` of length >= 1\b"), "must not be empty"),
    (re.compile(r"Expected `str` of length >= (\d+)"), r"needs at least \1 characters"),
    (re.compile(r"Expected `str` of length <= (\d+)"), r"must have at most \1 characters"),
    (re.compile(r"Expected `(?:array|object)` of length <= (\d+)"), r"there may be at most \1"),
    (re.compile(r"Expected `(?:array|object)` of length >= (\d+)"), r"there must be at least \1"),
    (re.compile(r"Expected `(?:int|float)` <= (-?\d+)"), r"must be at most \1"),
    (re.compile(r"Expected `(?:int|float)` >= (-?\d+)"), r"must be at least \1"),
    (re.compile(r"Expected `str` matching regex '.*'", re.DOTALL), "has characters that do not belong there"),
)
_OTHER_TYPE: Final = re.compile(r"Expected `(\w+)[^`]*`(?:, got `(\w+)[^`]*`)?")


def in_words(problem: str) -> str:
    """msgspec's sentence with the field in front: `Expected …- at `$.title`` becomes `title: must not be empty`."""
    what, _, path = problem.partition(" - at `$.")
    for pattern, words in _RULES:
        what = pattern.sub(words, what)
    what = _OTHER_TYPE.sub(_types, what)
    path = path.partition("`")[0].replace("[...]", "")
    return f"{path}: {what[:1].lower()}{what[1:]}" if path else what


def _types(match: re.Match[str]) -> str:
    wanted, got = (_NAMES.get(name, name) if name else "" for name in match.groups())
    return f"should be {wanted}" + (f", not {got}" if got else "")


def help_for(command: str) -> str:
    """What to type for help on a command of the API."""
    group, _, verb = command.partition(".")
    return f"p2pnode help {'offer' if group == 'listing' else group} {verb}".strip()
