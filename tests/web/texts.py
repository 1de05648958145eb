"""Every text of the page that is to be translated, and where it stands. To see what a language lacks, as a fragment to
fill in: `python -m tests.web.texts de`.
"""

import ast
import json
import sys
from collections.abc import Iterable

from p2pnode.web.languages import LANGUAGES, load_catalog
from p2pnode.web.static import FOLDER
from p2pnode.web.templating import environment

Text = tuple[str, ...]  # one, or singular and plural
MARKS = {"N_": 1, "_": 1, "_n": 2}


def texts() -> dict[Text, str]:
    """Text → the file that it was met in first."""
    found: dict[Text, str] = {}
    for path in sorted((FOLDER / "templates").glob("*.html")):
        for _, _, message in environment("en").extract_translations(path.read_text()):
            parts = (message,) if isinstance(message, str) else tuple(p for p in message or () if p is not None)
            if parts:
                found.setdefault(parts, path.stem)
    for path in sorted(FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            text = _of(node)
            if text:
                found.setdefault(text, path.stem)
    plural = {text[0] for text in found if len(text) == 2}
    return {text: where for text, where in found.items() if len(text) == 2 or text[0] not in plural}


def _of(node: ast.AST) -> Text | None:
    if not isinstance(node, ast.Call):
        return None
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    given = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    count = MARKS.get(name)
    return tuple(given[:count]) if count is not None and len(given) >= count else None


def lacking(language: str) -> list[Text]:
    rows = load_catalog(language).rows
    return [text for text in texts() if len(rows.get(text[0], ())) != len(text) or not all(rows[text[0]])]


def differing(fragments: Iterable[tuple[str, dict[str, Text]]]) -> list[str]:
    """Where two files of a language translate a text otherwise: both files and the text, a line each."""
    first: dict[str, tuple[str, Text]] = {}
    found = []
    for file, rows in fragments:
        for text, row in rows.items():
            where, other = first.setdefault(text, (file, row))
            if other != row:
                found.append(f"{where} and {file} differ in {text!r}: {other} and {row}")
    return found


def main(language: str) -> None:
    where = texts()
    for text in lacking(language):
        print(f"#: {where[text]}")
        print(f"msgid {json.dumps(text[0], ensure_ascii=False)}")
        if len(text) == 2:
            print(f'msgid_plural {json.dumps(text[1], ensure_ascii=False)}\nmsgstr[0] ""\nmsgstr[1] ""\n')
        else:
            print('msgstr ""\n')


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else next(code for code in LANGUAGES if code != "en"))
