"""Files that somebody shows: read by a path or from stdin, and known by how they begin."""

import sys
from pathlib import Path
from typing import Final, NamedTuple

from protocols.errors import Refusal

_LOOKED_AT: Final = 128  # bytes in which a file of ours says what it is, also inside of one that shows keys
_LINE: Final = 40  # characters of a text that are shown


class Kind(NamedTuple):
    words: str
    hint: str


_OURS: Final = {  # by what stands near their beginning
    b"p2pnode-history": Kind("the history of an exchange", "p2pnode exchange check reads it."),
    b"p2pnode-proof": Kind("a proof of a payment or an agreement", "p2pnode ledger check reads it."),
    b"p2pnode-agreement": Kind("an agreement", "p2pnode challenge make puts several together."),
    b"p2pnode-double-booking": Kind("what shows a double booking", "p2pnode challenge check reads it."),
    b"p2pnode-rebuttal": Kind("what rebuts a double booking", "p2pnode challenge check FILE --rebuttal reads it."),
    b"p2pnode-backup\n": Kind("a backup of a node", "p2pnode restore reads it."),
    b"P2PNODE:RECEIPT:": Kind("receipts of a parcel", "p2pnode parcel check reads them."),
}
_OTHERS: Final = {  # by their first bytes
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"\x89PNG\r\n": "a picture (PNG)",
    b"RIFF": "a picture or a sound (RIFF)",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "an archive (zip)",
    b"\x1f\x8b": "an archive (gzip)",
    b"SQLite format 3\0": "a database (SQLite)",
}


def read_shown(what: str, limit: int) -> bytes:
    """What a path names, `~` in it or not, or what comes on stdin (`-`): one byte more than the limit at most."""
    try:
        if what == "-":
            return sys.stdin.buffer.read(limit + 1)
        with Path(what).expanduser().open("rb") as stream:
            return stream.read(limit + 1)
    except FileNotFoundError as e:
        raise Refusal("not_found", f"there is no file {what}", "Give its path, or - and the file on stdin.") from e
    except (OSError, RuntimeError, ValueError) as e:  # no home to expand, or a zero in a path
        why = e.strerror if isinstance(e, OSError) and e.strerror else str(e)
        raise Refusal("usage", f"cannot read the file {what}: {why}", "Check the path.") from e


def is_such(content: bytes, wanted: bytes) -> bool:
    return wanted in content[:_LOOKED_AT]


def not_such(content: bytes, wanted: bytes, name: str, hint: str) -> Refusal:
    """For a file that does not even begin as it must. wanted: what it would say; name: `a history`; hint: who makes
    one."""
    kind = _kind(content)
    said = f"this is not {name}, or not all of one"
    if kind is not None and kind != _OURS.get(wanted):
        return Refusal("failed", f"this is not {name}: it is {kind.words}", kind.hint or hint)
    return Refusal("failed", said, hint)


def _kind(content: bytes) -> Kind | None:
    """What a file is, or None for what nobody can tell."""
    if not content:
        return Kind("empty", "")
    head = content[:_LOOKED_AT]
    for magic, kind in _OURS.items():
        if magic in head:
            return kind
    for magic, words in _OTHERS.items():
        if content.startswith(magic):
            return Kind(words, "")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return Kind(f"text that begins with {line[:_LINE]!r}", "") if text.isprintable() or line.isprintable() else None
