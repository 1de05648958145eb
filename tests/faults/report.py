"""Writes the figures of the fault tests into docs/reliability.md: `python -m tests.faults.report`.

Of lines of one row with the same figures in figures.jsonl the newest counts. Everything else on that page is written by
hand.
"""

import json
from typing import Any

from tests.faults.figures import FIGURES, ROOT

PAGE = ROOT / "docs" / "reliability.md"
_FIRST = ("how", "trials", "failures")
BEGIN, END = "<!-- figures: python -m tests.faults.report -->\n", "<!-- end of figures -->\n"


def newest(text: str) -> list[dict[str, Any]]:
    """By row, in the order in which its parts were first counted."""
    found: dict[tuple[str, tuple[str, ...], str], dict[str, Any]] = {}
    for line in map(json.loads, text.splitlines()):
        figures = line["figures"]
        found[line["row"], tuple(sorted(figures)), str(figures.get("how", ""))] = line
    return sorted(found.values(), key=lambda line: str(line["row"]))


def table(lines: list[dict[str, Any]]) -> str:
    shown = ["| row | figures | commit |\n", "|---|---|---|\n"]
    for line in lines:
        ordered = sorted(line["figures"].items(), key=lambda f: _FIRST.index(f[0]) if f[0] in _FIRST else len(_FIRST))
        figures = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in ordered)
        commit = line["commit"] + ("" if line["clean"] else ", with changes")
        shown.append(f"| `{line['row']}` | {figures} | {commit} |\n")
    return "".join(shown)


def page(before: str, figures: str) -> str:
    """The page with the table renewed."""
    head, rest = before.split(BEGIN)
    return head + BEGIN + table(newest(figures)) + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(), FIGURES.read_text()))
