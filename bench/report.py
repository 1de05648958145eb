"""How every benchmark says what it measured: a table for people, one JSON object for programs.

The JSON object maps the name of each figure to its number, and nothing else: `{"idle_rss_mb": 84.2, …}`. A name, once
used, keeps its meaning and unit. The exit status is 1 if a target was missed, so that a benchmark can be a check.
"""

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from math import isnan
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured number; nan if there was too little to measure it on, which meets no target. at_most, at_least,
    above: the target, if there is one."""

    name: str
    value: float
    unit: str
    what: str
    at_most: float | None = None
    at_least: float | None = None
    above: float | None = None

    @property
    def met(self) -> bool:
        return (
            (self.at_most is None or self.value <= self.at_most)
            and (self.at_least is None or self.value >= self.at_least)
            and (self.above is None or self.value > self.above)
        )

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        if self.above is not None:
            return f"> {self.above:g}"
        return f"≥ {self.at_least:g}" if self.at_least is not None else ""


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with what all benchmarks share."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object of named figures")
    return parser


def show(title: str, figures: Sequence[Figure], as_json: bool, notes: Sequence[str] = ()) -> int:
    """Print the figures to stdout, and return the exit status: 1 if a target was missed."""
    if as_json:
        print(json.dumps({f.name: None if isnan(f.value) else round(f.value, 4) for f in figures}))
    else:
        print(f"{title}   ({platform.machine()}, Python {platform.python_version()})")
        width = max((len(f.name) for f in figures), default=0)
        for f in figures:
            verdict = (
                "too few" if isnan(f.value) else "" if not f.target else f"{f.target:>9}  {'ok' if f.met else 'MISSED'}"
            )
            print(f"  {f.name:<{width}}  {number(f.value):>10} {f.unit:<10} {verdict:<18} {f.what}".rstrip())
        for note in notes:
            print(f"  {note}")
    missed = [f.name for f in figures if not f.met]
    if missed:
        print(f"target missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if isnan(value):
        return "-"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
