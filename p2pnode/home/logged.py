"""What stands in the node's log (p2pnode.home.log), read back: over all of its files, and as it grows."""

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
LONGEST = 1024 * 1024  # bytes of a line; of a longer one the begin
_OWN = ("at", "level", "event")


class Line(NamedTuple):
    """at: ms, None if it says none. level, event: empty for a line that is damaged; then `fields` is empty, too."""

    raw: str
    at: int | None
    level: str
    event: str
    fields: dict[str, Any]

    @property
    def json(self) -> dict[str, Any]:
        """As it was written; of a damaged line its text."""
        if not self.level:
            return {"damaged": self.raw}
        whole: dict[str, Any] = json.loads(self.raw)
        return whole


def log_files(log: Path) -> list[Path]:
    """Those that are there, the oldest first."""
    turned = [path for path in log.parent.glob(f"{log.name}.*") if path.suffix[1:].isdecimal()]
    files = [*sorted(turned, key=lambda path: -int(path.suffix[1:])), log]
    return [path for path in files if path.is_file()]


def parse_line(raw: str) -> Line:
    """Any line: one that is no JSON object of ours (torn by a crash) is kept as it is."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return Line(raw, None, "", "", {})
    if not isinstance(found, dict) or not isinstance(found.get("level"), str):
        return Line(raw, None, "", "", {})
    at = None
    with suppress(ValueError, TypeError, OverflowError):
        at = int(datetime.fromisoformat(found["at"]).timestamp() * 1000) if "at" in found else None
    fields = {key: value for key, value in found.items() if key not in _OWN}
    return Line(raw, at, found["level"], str(found.get("event", "")), fields)


def wanted(line: Line, level: str, since: int | None) -> bool:
    """Whether a line is of this level or a graver one, and not older than `since`, ms. What does not say is wanted."""
    grave = LEVELS.get(line.level, max(LEVELS.values())) >= LEVELS[level]
    return grave and (since is None or line.at is None or line.at >= since)


def last_lines(log: Path, most: int | None, level: str = "debug", since: int | None = None) -> list[Line]:
    """The newest `most` lines (None: all) of all files together that are wanted, the oldest first."""
    kept: deque[Line] = deque(maxlen=most)
    for path in log_files(log):
        with suppress(FileNotFoundError), path.open("rb") as file:  # turned over this moment
            kept.extend(line for line in map(parse_line, _lines(file)) if wanted(line, level, since))
    return list(kept)


def follow(log: Path, pause: Callable[[], None]) -> Iterator[Line]:
    """Lines that are added from this call on; for ever. pause: waits a moment. A file that is turned over is read to
    its end, and the one in its place from the begin."""
    file = None
    with suppress(FileNotFoundError):
        file = log.open("rb")
        file.seek(0, os.SEEK_END)
    return _following(log, file, pause)


def _following(log: Path, file: BinaryIO | None, pause: Callable[[], None]) -> Iterator[Line]:
    begun = b""
    try:
        while True:
            turned = file is None or _turned(log, file.fileno(), file.tell())
            while file is not None and (piece := file.readline(LONGEST)):
                begun += piece
                if begun.endswith(b"\n") or len(begun) >= LONGEST:
                    yield parse_line(_text(begun))
                    begun = b""
            if turned and log.exists():
                if file is not None:
                    file.close()
                if begun:
                    yield parse_line(_text(begun))
                file, begun = None, b""
                with suppress(FileNotFoundError):
                    file = log.open("rb")
                continue
            pause()
    finally:
        if file is not None:
            file.close()


def _turned(log: Path, opened: int, place: int) -> bool:
    """Whether another file has the name, or the file has become shorter."""
    try:
        named, ours = log.stat(), os.fstat(opened)
    except FileNotFoundError:
        return True
    return (named.st_ino, named.st_dev) != (ours.st_ino, ours.st_dev) or ours.st_size < place


def _lines(file: BinaryIO) -> Iterable[str]:
    while piece := file.readline(LONGEST):
        yield _text(piece)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r\n")
