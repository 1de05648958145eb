"""The node's own sentences in another language: what it refuses and why, warnings, findings of `doctor`.

The node says them in English, with names and numbers filled in; here they are known again by what stands around these.
`locale/LANG/node/*.po` has them with named holes: `no kind %(kind)s`. What fills a hole is put into the translation as
it is, and is never translated itself, since anybody may have written it; only a hole that is named `our_…` holds words
of the node. Of several templates that fit, the one counts that says most by itself; between equals the sentence stays
English. So a translation says what the English sentence says to whoever reads it, whatever somebody calls himself.
Nothing of it is markup: it is escaped where it is shown. Pure, but for reading the files once.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from .languages import parse_po

MAX_SENTENCE: Final = 2_000  # characters; longer ones stay as they are
_HOLE: Final = re.compile(r"%\((\w+)\)s|%%")
_OF_FIELD: Final = re.compile(r"([a-z][a-z_.]{1,23}): (.+)", re.DOTALL)
_OURS: Final = "our_"
_DEPTH: Final = 3


class Sentences:
    """rows: template → translation. `ValueError` for one that cannot be meant."""

    def __init__(self, rows: Mapping[str, str]) -> None:
        self.rows = rows
        self._templates = [(_parts(text), _names(text), translated) for text, translated in rows.items()]
        self._templates.sort(key=lambda row: -_weight(row[0]))
        for row in self._templates:
            if not _is_sound(*row):
                raise ValueError(
                    f"{row[2]!r} names what its text does not, or that has holes of one name or side by side"
                )

    def say(self, text: str, depth: int = _DEPTH) -> str:
        """The sentence in this language; as it is, if it is none that is known, or might be two."""
        if len(text) > MAX_SENTENCE or not self.rows:
            return text
        said = self._known(text, depth)
        if said is None and text[:1].isupper():  # a warning that begins a line
            said = self._known(text[:1].lower() + text[1:], depth)
            said = None if said is None else said[:1].upper() + said[1:]
        if said is None and (match := _OF_FIELD.fullmatch(text)):  # what is wrong with a field of a form
            what = self._known(match[2], depth)
            said = None if what is None else f"{self._known(match[1], depth) or match[1]}: {what}"
        return text if said is None else said

    def _known(self, text: str, depth: int) -> str | None:
        found: set[str] = set()
        weight = 0
        for parts, names, translated in self._templates:
            if found and _weight(parts) < weight:
                break
            values = _values(parts, text)
            if values is not None:
                weight = _weight(parts)
                found.add(self._filled(translated, dict(zip(names, values, strict=True)), depth))
        return found.pop() if len(found) == 1 else None

    def _filled(self, translated: str, values: Mapping[str, str], depth: int) -> str:
        def part(match: re.Match[str]) -> str:
            name = match[1]
            if name is None:
                return "%"
            ours = name.startswith(_OURS) and depth > 0
            return self.say(values[name], depth - 1) if ours else values[name]

        return _HOLE.sub(part, translated)


def shape_of(text: str) -> str:
    """A template with `{}` for each hole, whatever it is called."""
    return _HOLE.sub(lambda match: "%" if match[1] is None else "{}", text)


def _is_sound(parts: list[str], names: list[str], translated: str) -> bool:
    """Whether each hole has a name of its own and something before the next, and the translation knows all it names."""
    return all(parts[1:-1]) and len(set(names)) == len(names) and not set(_names(translated)) - set(names)


def load_sentences(language: str) -> Sentences:
    """All fragments of a language; of a sentence that two of them have, the first counts."""
    rows: dict[str, str] = {}
    folder = files("p2pnode.web").joinpath("locale", language, "node")
    for file in sorted(folder.iterdir(), key=lambda f: f.name) if folder.is_dir() else ():
        if file.name.endswith(".po"):
            for text, row in parse_po(file.read_text(encoding="utf-8")).items():
                if row[0]:
                    rows.setdefault(text, row[0])
    return Sentences(rows)


def _weight(parts: list[str]) -> int:
    """How much a template says by itself."""
    return sum(map(len, parts))


def _parts(text: str) -> list[str]:
    """What stands around the holes: one more than there are."""
    parts, rest = [""], 0
    for match in _HOLE.finditer(text):
        parts[-1] += text[rest : match.start()]
        if match[1] is None:
            parts[-1] += "%"
        else:
            parts.append("")
        rest = match.end()
    parts[-1] += text[rest:]
    return parts


def _names(text: str) -> list[str]:
    return [match[1] for match in _HOLE.finditer(text) if match[1] is not None]


def _values(parts: list[str], text: str) -> list[str] | None:
    """What fills the holes, each as short as it can be; None if the text does not fit. Linear in the text's length."""
    first, *middle = parts
    if not middle:
        return [] if text == first else None
    *inner, last = middle
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return None
    at, end, values = len(first), len(text) - len(last), []
    for part in inner:
        found = text.find(part, at, end)
        if found < 0:
            return None
        values.append(text[at:found])
        at = found + len(part)
    values.append(text[at:end])
    return values
