"""What a row of the fault tests has counted: one JSON object a line, with the commit that it was measured on.

A row is a file `tests/faults/test_ROW.py`; `make faults ROW=ROW` runs it at full length and appends its figures to
`figures.jsonl` beside this file (P2PNODE_FIGURES names another), from which `python -m tests.faults.report` makes the
table in docs/reliability.md. `make check` runs the short forms, which print their figures and keep none.
"""

import json
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIGURES = Path(__file__).with_name("figures.jsonl")
LONG = bool(os.environ.get("P2PNODE_LONG"))  # full length

Figure = int | float | str


def length(short: int, full: int) -> int:
    """How many trials a row makes: `P2PNODE_TRIALS`, else by `P2PNODE_LONG`."""
    return int(os.environ.get("P2PNODE_TRIALS", full if LONG else short))


def record(row: str, **figures: Figure) -> None:
    """Print what a row has counted, and keep it if a file is named. At least: trials, failures, and the control's."""
    line = {
        "row": row,
        "commit": _git("rev-parse", "--short=10", "HEAD"),
        "clean": not _git("status", "--porcelain", "--untracked-files=no", "--", ":!tests/faults/figures.jsonl"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "figures": figures,
    }
    text = json.dumps(line, sort_keys=True)
    print(text)
    kept = os.environ.get("P2PNODE_FIGURES")
    if kept:
        with Path(kept).open("a") as file:
            file.write(text + "\n")


def _git(*args: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *args], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
