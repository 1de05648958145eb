"""What a terminal is shown beyond plain lines: tables that fold, and how far something is that takes its time.

The one door to rich. Imported, as rich is, only where a terminal is watched: everything else starts without it.
"""

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress

GAP = 2  # cells between columns
LONGEST_WORD = 14  # cells: a column is not made narrower than its longest word, but for words longer than this
NARROW = 72  # cells: in less than that, what does not fit is not folded into columns
PATIENCE = 0.7  # seconds before it is said that something is under way


def columns() -> int:
    return shutil.get_terminal_size((120, 24)).columns


def draw_table(head: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> str:
    """Columns in at most `width` cells, folded where they must be and never cut; where even that leaves no room, a
    block of lines for each row. The cells hold no control characters; what looks like markup in them is text."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    lines = [head, *cells]
    widths = [max(cell_len(row[i]) for row in lines) for i in range(len(head))]
    least = [
        min(max(cell_len(word) for row in lines for word in row[i].split(" ")), LONGEST_WORD) for i in range(len(head))
    ]
    room = width - GAP * (len(head) - 1)
    if sum(widths) > room and (width < NARROW or sum(least) > room):
        return "\n".join(draw_facts([*zip(head, row, strict=True)], width) for row in cells)
    while sum(widths) > room:
        widths[max((w, i) for i, w in enumerate(widths) if w > least[i])[1]] -= 1
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for name, one in zip(head, widths, strict=True):
        table.add_column(Text(name), overflow="fold", width=one)
    for row in cells:
        table.add_row(*map(Text, row))
    return _drawn([table], width)


def draw_facts(pairs: Sequence[tuple[str, str]], width: int) -> str:
    """Name and value, folded at words. A long word, such as a link, is left whole: so it can be copied."""
    from rich.text import Text

    indent = max((len(name) for name, value in pairs if value), default=0) + GAP
    room = width - indent
    lines: list[RenderableType] = []
    for name, value in pairs:
        if not value:
            continue
        for i, line in enumerate(fold(value, room)):
            lines.append(Text.assemble((f"{'' if i else name:<{indent}}", "dim"), line))
    return _drawn(lines, width, fold=False)


def fold(text: str, width: int) -> list[str]:
    """The lines of a text in `width` cells, parted at words. A line of one word, such as a link, stays whole."""
    from rich.text import Text

    console, room = _console(StringIO(), width), max(width, LONGEST_WORD)
    parts = [Text(line).wrap(console, room) if " " in line else [Text(line)] for line in text.split("\n")]
    return [line.plain.rstrip() for part in parts for line in part]


def mark(word: str, tone: str) -> str:
    """The word in a colour (`ok`, `warning`, `bad`), or as it is where the reader wants none."""
    from rich.text import Text

    style = {"ok": "green", "warning": "yellow", "bad": "bold red"}.get(tone, "")
    return _drawn([Text(word, style=style)], columns(), fold=False).rstrip("\n")


class Task:
    """Something that is under way; shown once it has gone on for a while."""

    seen = True

    def __init__(self, words: str, stream: TextIO, patience: float) -> None:
        self._words, self._stream = words, stream
        self._at: float = 0
        self._of: float | None = None
        self._bar: Progress | None = None
        self._lock, self._over = threading.Lock(), False
        self._timer = threading.Timer(patience, self._show)
        self._timer.daemon = True
        self._timer.start()

    def at(self, done: float, of: float | None, words: str = "") -> None:
        """So far it is; of: unknown if None. words: instead of what was said before."""
        with self._lock:
            self._at, self._of, self._words = done, of, words or self._words
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], completed=done, total=of, description=self._words)

    def _show(self) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            if self._over:
                return
            said = TextColumn("{task.description}", markup=False)
            look = (SpinnerColumn(), said, BarColumn(bar_width=20), TimeElapsedColumn())
            console = _console(self._stream)
            self._bar = Progress(*look, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
            self._bar.update(self._bar.add_task(self._words, total=self._of), completed=self._at)
            self._bar.start()

    def end(self) -> None:
        self._timer.cancel()
        with self._lock:
            self._over = True
            if self._bar is not None:
                self._bar.stop()


@contextmanager
def working(words: str, stream: TextIO, patience: float = PATIENCE) -> Iterator[Task]:
    """Say on a terminal what is under way, once it has taken `patience` seconds. It leaves no trace."""
    task = Task(words, stream, patience)
    try:
        yield task
    finally:
        task.end()


def _console(stream: Any, width: int | None = None) -> "Console":
    from rich.console import Console

    return Console(file=stream, force_terminal=True, width=width, highlight=False, markup=False, emoji=False)


def _drawn(what: "Sequence[RenderableType]", width: int, fold: bool = True) -> str:
    stream = StringIO()
    console = _console(stream, width)
    for one in what:
        console.print(one, soft_wrap=not fold)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"
