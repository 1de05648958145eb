"""The page's languages: English is in the source, the others in `locale/LANG/*.po`, one file a view, read as they are.

There is no step that compiles them: a catalog is a dict, filled when somebody first asks for the language. Of the
format (https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html) msgctxt is not used; msgid_plural is, and
every language here has two forms, the first for exactly one.
"""

import ast
import re
from collections.abc import Callable, Iterator
from importlib.resources import files

LANGUAGES = {"en": "English", "de": "Deutsch"}
SOURCE = "en"
_ACCEPTED = re.compile(r"\s*([A-Za-z]{2,3})(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=([0-9.]+)\s*)?")


def N_(text: str) -> str:
    """Marks a text in Python that a template translates with `_(…)`."""
    return text


def choose(wanted: str, accept: str) -> str:
    """The language for a reader. wanted: what he chose himself; accept: his browser's Accept-Language."""
    if wanted in LANGUAGES:
        return wanted
    ranked = []
    for n, part in enumerate(accept[:500].split(",")):
        if (match := _ACCEPTED.fullmatch(part)) and match[1].lower() in LANGUAGES:
            try:
                ranked.append((-float(match[2] or 1), n, match[1].lower()))
            except ValueError:
                continue
    return min(ranked)[2] if ranked else SOURCE


class Catalog:
    """The translations of one language; what is missing stays English."""

    def __init__(self, rows: dict[str, tuple[str, ...]]) -> None:
        self.rows = rows

    def gettext(self, text: str) -> str:
        row = self.rows.get(text)
        return row[0] if row and row[0] else text

    def ngettext(self, one: str, many: str, n: int) -> str:
        row = self.rows.get(one)
        if row and len(row) == 2 and all(row):
            return row[0] if n == 1 else row[1]
        return one if n == 1 else many


def load_catalog(language: str) -> Catalog:
    """All fragments of a language together; of two that differ in a text the first counts, so that it costs no page.
    `ValueError` for one that is malformed."""
    rows: dict[str, tuple[str, ...]] = {}
    for _, fragment in fragments(language):
        for text, row in fragment.items():
            rows.setdefault(text, row)
    return Catalog(rows)


def fragments(language: str) -> Iterator[tuple[str, dict[str, tuple[str, ...]]]]:
    """Each file of a language by its name, and what it translates; in the order of their names."""
    folder = files("p2pnode.web").joinpath("locale", language)
    for file in sorted(folder.iterdir(), key=lambda f: f.name) if folder.is_dir() else ():
        if file.name.endswith(".po"):
            yield file.name, parse_po(file.read_text(encoding="utf-8"))


def parse_po(source: str) -> dict[str, tuple[str, ...]]:
    """msgid → its translation, or the two of one with a plural. `ValueError` for what is no such file."""
    rows: dict[str, tuple[str, ...]] = {}
    entry: dict[str, str] = {}
    key = ""

    def end() -> None:
        if entry.get("msgid"):  # the one without text is the header
            plural = "msgid_plural" in entry
            rows[entry["msgid"]] = tuple(entry[k] for k in (("msgstr[0]", "msgstr[1]") if plural else ("msgstr",)))
        entry.clear()

    for number, line in enumerate([*source.splitlines(), 'msgid ""'], 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ") if not line.startswith('"') else (key, "", line)
        if word not in ("msgid", "msgid_plural", "msgstr", "msgstr[0]", "msgstr[1]") or not rest.startswith('"'):
            raise ValueError(f"line {number}: {line[:60]!r} is not understood")
        if word == "msgid" and not line.startswith('"'):
            end()
        try:
            text = ast.literal_eval(rest)
            entry[word] = entry[word] + text if line.startswith('"') else text
        except (SyntaxError, KeyError) as e:
            raise ValueError(f"line {number}: {line[:60]!r} is not understood") from e
        key = word
    return rows


Translate = Callable[[str], str]
