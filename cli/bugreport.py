"""`bugreport`: one text file for whoever helps, without anything private. Works without a running node, too."""

import os
import secrets
from pathlib import Path
from typing import Any

import click

from protocols.errors import Refusal

from .command import Command, with_session
from .doctor import look
from .output import note, say
from .session import Session
from .times import local, now_ms

LINES = 300


@click.command(cls=Command, example="p2pnode bugreport\np2pnode bugreport --dry-run")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("-n", "--lines", type=click.IntRange(0, 10_000), default=LINES, show_default=True, help="Of the log.")
@with_session
def bugreport(session: Session, file: Path | None, lines: int) -> None:
    """Write one file for whoever helps, without what is private.

    It is sent to nobody: read it, then attach it. --dry-run prints it and writes nothing.
    """
    from p2pnode.doctor.report import CONTENTS, write_report

    session.folder().require()
    target = (file or Path(f"p2pnode-bugreport-{local(now_ms()):%Y%m%d-%H%M%S}.txt")).absolute()
    text = write_report(session.folder(), look(session), _status(session), lines, secrets.token_bytes(16))
    if session.dry_run:
        return session.emit({"dry_run": True, "report": text}, lambda: say(text))
    if not session.json:
        note(CONTENTS)
    session.confirm(f"Write {target}?")
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as stream:
            stream.write(text.encode(errors="replace"))
    except FileExistsError as e:
        raise Refusal("conflict", f"There is a {target} already", "Name another file") from e
    except OSError as e:
        raise Refusal("failed", f"Cannot write {target}: {e.strerror}", "Name another file") from e
    data = {"file": str(target), "bytes": len(text.encode())}
    session.emit(data, lambda: say(f"Written: {target}. Read it before you give it to anybody."))
    return None


def _status(session: Session) -> dict[str, Any]:
    try:
        found: dict[str, Any] = session.call("status")
    except Refusal:
        return {}
    return found
