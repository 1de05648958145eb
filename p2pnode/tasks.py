"""Tasks: a project split into small parts. The table that a user writes, what the parts are called, and how results are
put together again. Pure."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from p2pnode.bounds import MAX_TASKS
from protocols.errors import Refusal
from protocols.limits import MAX_TEXT, MAX_TITLE

COLUMNS: Final = ("title", "text", "price")
_HINT: Final = 'A line is: title,text,price (CSV, its first line names these) or {"title": "Page 1", "price": "0.5"}.'
NAME_SIZE: Final = 16


class Task(NamedTuple):
    """number: from 1, as the results are put together; price: as it is typed, or empty for thanks."""

    number: int
    title: str
    text: str = ""
    price: str = ""


class Result(NamedTuple):
    """What was confirmed of a task. hash: BLAKE2b-256 of the file, hex, or empty where the text is all there is."""

    number: int
    title: str
    hash: str = ""
    text: str = ""


class Piece(NamedTuple):
    """A result that is here. file: what the file is called that bears its hash, or empty if it is the text."""

    number: int
    file: str
    text: str


class Joined(NamedTuple):
    """missing: what is confirmed, but not here; other: files that are no confirmed result."""

    pieces: tuple[Piece, ...]
    missing: tuple[Result, ...]
    other: tuple[str, ...]


def task_name(project: bytes, number: int) -> bytes:
    """What the listing of a task is called: the same whenever a project is split, so that it is never there twice.
    project: the id of its listing."""
    return blake2b(b"task" + project + number.to_bytes(4, "big"), digest_size=NAME_SIZE).digest()


def parse_table(text: str, price: str = "") -> tuple[Task, ...]:
    """The tasks of a file, a line each: CSV whose first line names its columns, or JSON lines. price: of those that
    name none. `Refusal` (usage) that names the line."""
    lines = text.removeprefix("\ufeff").splitlines()
    first = next((line for line in lines if line.strip()), "")
    rows = _json_lines(lines) if first.lstrip().startswith("{") else _csv(lines)
    tasks = [_task(number, line, row, price) for number, (line, row) in enumerate(rows, 1)]
    _check_count(len(tasks))
    return tuple(tasks)


def numbered(count: int, title: str, text: str = "", price: str = "") -> tuple[Task, ...]:
    """So many tasks; `{n}` in the title and the text is the number of each."""
    _check_count(count)
    if count > 1 and "{n}" not in title:
        raise Refusal("usage", "all tasks would have the same title", 'Put the number into it: --title "Page {n}".')
    return tuple(
        _task(n, 0, {"title": title.replace("{n}", str(n)), "text": text.replace("{n}", str(n))}, price)
        for n in range(1, count + 1)
    )


def join(results: Iterable[Result], files: Mapping[str, str]) -> Joined:
    """Which file is which result, by what was signed. files: hash of each that is here, hex → what it is called."""
    pieces, missing = [], []
    wanted = sorted(results)
    for result in wanted:
        file = files.get(result.hash, "") if result.hash else ""
        if file or (result.text and not result.hash):
            pieces.append(Piece(result.number, file, "" if file else result.text))
        else:
            missing.append(result)
    known = {result.hash for result in wanted}
    return Joined(tuple(pieces), tuple(missing), tuple(sorted(name for h, name in files.items() if h not in known)))


def hash_of(content: bytes) -> str:
    """As `exchange done --result` signs it."""
    return blake2b(content, digest_size=32).hexdigest()


def _csv(lines: Sequence[str]) -> list[tuple[int, dict[str, Any]]]:
    reader = csv.reader(lines, strict=True)
    rows: list[tuple[int, dict[str, Any]]] = []
    columns: list[str] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if not columns:
                columns = [cell.strip().lower() for cell in row]
                _check_columns(columns, reader.line_num)
            elif len(row) > len(columns):
                raise _wrong(reader.line_num, f"{len(row)} cells, but {len(columns)} columns")
            else:
                rows.append((reader.line_num, dict(zip(columns, row, strict=False))))
    except csv.Error as e:
        raise _wrong(reader.line_num, str(e)) from e
    return rows


def _json_lines(lines: Sequence[str]) -> list[tuple[int, dict[str, Any]]]:
    rows: list[tuple[int, dict[str, Any]]] = []
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as e:
            raise _wrong(line, "no JSON object") from e
        if not isinstance(row, dict):
            raise _wrong(line, "no JSON object")
        _check_columns(list(row), line)
        rows.append((line, row))
    return rows


def _check_columns(columns: Sequence[str], line: int) -> None:
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown or "title" not in columns or len(set(columns)) < len(columns):
        raise _wrong(line, f"{unknown[0]!r} is no column" if unknown else "each needs one title")


def _task(number: int, line: int, row: Mapping[str, Any], price: str) -> Task:
    cells = {key: row.get(key) for key in COLUMNS}
    if isinstance(cells["price"], (int, float)) and not isinstance(cells["price"], bool):
        cells["price"] = str(cells["price"])
    for key, value in cells.items():
        if not isinstance(value, str | None):
            raise _wrong(line, f"{key} is no text")
    title, text = (cells["title"] or "").strip(), (cells["text"] or "").strip()
    if not title or len(title) > MAX_TITLE or len(text) > MAX_TEXT:
        raise _wrong(line, f"a title has 1 to {MAX_TITLE} characters, a text at most {MAX_TEXT}")
    return Task(number, title, text, (cells["price"] or "").strip() or price)


def _check_count(count: int) -> None:
    if not 1 <= count <= MAX_TASKS:
        raise Refusal("usage", f"{count} tasks", f"A project is split into 1 to {MAX_TASKS}.")


def _wrong(line: int, why: str) -> Refusal:
    return Refusal("usage", f"line {line}: {why}" if line else why, _HINT)
