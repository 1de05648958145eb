"""`logs`: what the node wrote down, in words. Reads the files, so no node has to run."""

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from protocols.errors import Refusal

from .command import Command, with_session
from .output import note, print_json, say, table
from .session import Session
from .times import moment, now_ms, parse_span, parse_time

if TYPE_CHECKING:
    from p2pnode.home.logged import Line

MOST = 50
LEVELS = ["debug", "info", "warning", "error"]
FOLLOW_PAUSE = 0.25  # seconds between looks of -f
IN_WORDS = {
    "refused": "a command was refused",
    "strike": "a peer sent what no honest one sends",
    "dial failed": "a peer could not be reached",
    "command failed": "a command met a bug",
    "stopping": "the node was told to stop",
    "api: connection failed": "a caller of the API was lost",
}


@click.command(cls=Command, example="p2pnode logs -n 20 --level warning\np2pnode logs -f --since 1h")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is added, until interrupted.")
@click.option("-n", "--lines", type=click.IntRange(0, 1_000_000), metavar="N", help="The last N lines.  [50]")
@click.option("--level", type=click.Choice(LEVELS), default="debug", help="No finer ones.")
@click.option("--since", metavar="TIME", help="Nothing older: 2h, or a date. All of it, unless -n is given.")
@with_session
def logs(session: Session, follow: bool, lines: int | None, level: str, since: str | None) -> None:
    """What the node wrote down: node.log and the files before it.

    Works without a running node. In the file each line is a JSON object; --json shows it as it is.
    """
    from p2pnode.home.logged import follow as following
    from p2pnode.home.logged import last_lines, wanted

    home, now = session.folder(), now_ms()
    home.require()
    begin = None if since is None else _ago(since, now)
    if not home.log.exists() and not follow:
        raise Refusal("not_found", f"There is no log at {home.log}", _where(session))
    most = lines if lines is not None or since is not None else MOST
    added = following(home.log, lambda: time.sleep(FOLLOW_PAUSE)) if follow else None
    found = last_lines(home.log, most, level, begin)
    if session.json and not follow:
        return print_json([line.json for line in found])
    for line in found:
        _print(session, line)
    if added is None:
        return None
    sys.stdout.flush()
    if not home.in_use() and not session.json:
        note("No node runs here now; what it writes when it does will follow. Ctrl-C ends this.")
    shown = {line.raw for line in found}  # what was added while the rest was read comes twice
    for line in added:
        if line.raw not in shown and wanted(line, level, begin):
            _print(session, line)
            sys.stdout.flush()


def _ago(text: str, now: int) -> int:
    """`2h` is two hours ago; other times as everywhere."""
    try:
        return now - parse_span(text)
    except Refusal:
        return parse_time(text, now)


def _where(session: Session) -> str:
    from p2pnode.home.config import load_config

    try:
        to_stderr = session.folder().config.exists() and load_config(session.folder())[0].log_to == "stderr"
    except Refusal:
        to_stderr = False
    if to_stderr:
        return "By its settings the node writes to stderr (log_to): of a service, journalctl --user -u p2pnode shows it"
    return "It begins when the node first runs: p2pnode run"


def _print(session: Session, line: "Line") -> None:
    if session.json:
        print_json(line.json)
    elif session.plain:
        table([], [(line.at, line.level, line.event or line.raw, _fields(line.fields))], plain=True)
    elif not line.level:
        say(f"{'':19}  damaged  {line.raw}")
    else:
        at = "" if line.at is None else moment(line.at)[:19]
        event = IN_WORDS.get(line.event, line.event)
        trace = str(line.fields.get("exception", "")).strip().rpartition("\n")[2]
        words = _fields({key: value for key, value in line.fields.items() if key != "exception"})
        shown = "  ".join(part for part in (event.replace("\n", " "), words, trace) if part)
        say(f"{at.ljust(19)}  {line.level.ljust(7)}  {shown}")


def _fields(fields: dict[str, Any]) -> str:
    shown = []
    for key, value in fields.items():
        text = str(value).replace("\n", " ")
        shown.append(f"{key}={text}" if text and " " not in text else f'{key}="{text}"')
    return " ".join(shown)
