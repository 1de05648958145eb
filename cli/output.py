"""What the commands print: JSON for scripts, short plain text for people."""

import json
import os
import re
import secrets
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, TextIO

import click

from protocols.errors import Refusal

PIPED = 200  # characters of a line of a table that nobody watches
SCHEMA = 1
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def watched(stream: TextIO) -> bool:
    """Is this a terminal that can move its cursor? (`TERM=dumb` is one that cannot.)"""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except (ValueError, AttributeError):  # closed
        return False


class Unwritable(Refusal):
    """What we had to say cannot be written to stdout."""

    def __init__(self, error: OSError) -> None:
        super().__init__("failed", f"Cannot write to stdout: {error.strerror or error}", "Check where it goes")


def _out(text: str | bytes) -> None:
    """A line to stdout, through to the file. `Unwritable` if it does not take it."""
    try:
        click.echo(text)
    except BrokenPipeError:
        raise  # the reader has gone: no fault of anybody's
    except (OSError, ValueError) as e:
        raise Unwritable(e if isinstance(e, OSError) else OSError(str(e))) from e


def silence() -> None:
    """Nothing more to stdout: what it did not take must not come up again at the end of the program."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError, AttributeError):
        return


def print_json(data: Any) -> None:
    """One line: the envelope with data. What could play with the terminal stands there as JSON writes it by number."""
    _line(json.dumps({"schema": SCHEMA, "data": data}, ensure_ascii=False))


def print_json_error(code: str, message: str, hint: str, data: Any = None) -> None:
    """One line: the envelope with an error. data: what had been done before it."""
    error = {"code": code, "message": message, "hint": hint}
    if data is not None:
        error["data"] = data
    _line(json.dumps({"schema": SCHEMA, "error": error}, ensure_ascii=False))


def _line(text: str) -> None:
    text = _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    _out(text.encode("utf-8", "replace"))  # bytes: whatever the locale, JSON is UTF-8


def say(text: str = "") -> None:
    """A line for the reader, on stdout. What other people wrote cannot move the cursor or turn the text around."""
    _out(safe(text))


def note(text: str) -> None:
    """A line beside the data, on stderr."""
    click.echo(safe(text), err=True)


def safe(text: str) -> str:
    return _UNSAFE.sub("�", text)


def short(identity: Any) -> str:
    """The first 8 characters of an id, which the node takes for the whole; of a PeerId 14, since all begin alike."""
    text = str(identity or "-")
    return text[:14] if text.startswith("12D3Koo") else text[:8]


def distance(km: float | None) -> str:
    """Between the centres of two cells, each some kilometres wide: 0 only says that the cell is the same."""
    return "-" if km is None else "close by" if km < 0.05 else f"{km:.1f} km"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], plain: bool = False) -> None:
    """Columns of text: on a terminal folded to its width, elsewhere cut where they are very long; plain: tab-separated,
    uncut and without a head, for other programs."""
    cells = [[_in_one_line(safe("" if c is None else str(c))) for c in row] for row in rows]
    if plain:
        for row in cells:
            _out("\t".join(row))
        return
    if not cells:
        return
    if watched(sys.stdout):
        from .terminal import columns, draw_table

        return _out(draw_table(head, cells, columns()).rstrip("\n"))
    widths = [max(len(line[i]) for line in [list(head), *cells]) for i in range(len(head))]
    while sum(widths) + 2 * (len(widths) - 1) > PIPED and max(widths) > 12:
        widths[widths.index(max(widths))] -= 1
    for line in [list(head), *cells]:
        _out("  ".join(_fit(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"


def facts(pairs: Iterable[tuple[str, Any]], plain: bool = False) -> None:
    """Name and value, a pair a line. Pairs whose value is None or empty are left out."""
    kept = [(name, str(value)) for name, value in pairs if value not in (None, "")]
    if kept and not plain and watched(sys.stdout):
        from .terminal import columns, draw_facts

        return _out(draw_facts([(safe(name), safe(value)) for name, value in kept], columns()).rstrip("\n"))
    width = max((len(name) for name, _ in kept), default=0)
    for name, value in kept:
        say(f"{name}\t{_in_one_line(value)}" if plain else f"{name.ljust(width)}  {indented(value, width + 2)}")


def warn(text: str) -> None:
    """A line that begins with `!`, so that it is seen."""
    say_marked("!", "warning", " ", text)


def say_marked(word: str, tone: str, between: str, rest: str) -> None:
    """A line that begins with a word of ours: on a terminal in the colour of its tone (see `mark`), and with the rest
    folded under itself."""
    lead, rest = word + between, safe(rest)
    if watched(sys.stdout):
        from .terminal import columns, fold, mark

        rest = indented("\n".join(fold(rest, columns() - len(lead))), len(lead))
        lead = mark(word, tone) + between
    _out(lead + rest)


def indented(text: str, width: int) -> str:
    """What somebody wrote in several lines, so that none of them looks like one of ours."""
    return text.replace("\n", "\n" + " " * width)


def _in_one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ")


def write_file(path: str, pieces: Iterable[bytes]) -> None:
    """A whole file or none: what was there stays until the new one is written. Never through a link: one that has
    that name is replaced itself. `OSError`."""
    part = f"{path}.{secrets.token_hex(4)}.part"
    try:
        write_new(part, pieces)
        os.replace(part, path)
    except BaseException as e:
        with suppress(OSError):
            os.unlink(part)
        if isinstance(e, OSError):
            raise OSError(e.errno, e.strerror, path) from e  # the file that is meant
        raise


def write_new(path: str, pieces: Iterable[bytes]) -> None:
    """A file that is not there yet; `FileExistsError` where there is anything, be it a link to nowhere. `OSError`
    leaves none."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666), "wb") as stream:
        try:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
        except BaseException:
            with suppress(OSError):
                os.unlink(path)
            raise
