"""`notify`: whom the node tells what happens, while nobody looks: the desktop, ntfy, e-mail and more."""

import json
import subprocess
import sys
from typing import Any

import click

from protocols.errors import Refusal

from .command import Group, with_session
from .output import note, say, table
from .session import Session

SENT_WITHIN = 45.0  # seconds, for one message of `notify test`


@click.group(cls=Group, bare="list", example="p2pnode notify add desktop\np2pnode notify test")
def notify() -> None:
    """Be told what happens: on the desktop, by ntfy, by e-mail.

    The node sends when a proposal arrives, something is due, you are paid, a rating is wanted, or it has a problem. All
    but the desktop needs `pip install 'p2pnode[notify]'`; the addresses are those of apprise.
    """


@notify.command("list", example="p2pnode notify list")
@with_session
def list_(session: Session) -> None:
    """Who is told what. Addresses are secrets, and shown by their service only."""
    from p2pnode.news.targets import load_targets, target_json

    rows = [target_json(target) for target in load_targets(session.folder())]
    session.emit(rows, lambda: _print(session, rows))


@notify.command(
    example="p2pnode notify add desktop --quiet 22:00-07:00\n"
    "p2pnode notify add - --brief < address-of-ntfy.txt\n"
    "p2pnode notify add ntfys://ntfy.sh/TOPIC --event proposal --event health"
)
@click.argument("url", metavar="desktop|URL|-")
@click.option("--event", "events", multiple=True, metavar="EVENT",
              help="proposal, due, payment, rating, health, message or match; else all but match.")  # fmt: skip
@click.option("--quiet", metavar="HH:MM-HH:MM", help="Hours without messages; what happens then is told afterwards.")
@click.option("--brief", is_flag=True, help="Only that something waits: no titles, no names.")
@with_session
def add(session: Session, url: str, events: tuple[str, ...], quiet: str | None, brief: bool) -> None:
    """Add whom to tell. With - the address is read from stdin, so that it stands in no history of commands."""
    from p2pnode.news.targets import add_target, load_targets, parse_quiet, save_targets, target_json

    home = session.folder()
    home.require()
    if url == "-":
        url = sys.stdin.readline().strip()
    targets = load_targets(home)
    target = add_target(targets, url, events, None if quiet is None else parse_quiet(quiet), brief)
    _send(url, None)
    data = target_json(target)
    if session.dry_run:
        return session.emit(
            {"dry_run": True, "command": "notify add", "args": data}, lambda: note("It would do. Nothing was done.")
        )
    save_targets(home, targets)
    session.emit(data, lambda: say(f"{target.number}  Added. Try it: p2pnode notify test {target.number}"))


@notify.command(example="p2pnode notify remove 2")
@click.argument("number", type=click.IntRange(min=1))
@with_session
def remove(session: Session, number: int) -> None:
    """Tell one no more."""
    from p2pnode.news.targets import load_targets, save_targets, target_json, the_one

    targets = load_targets(session.folder())
    gone = the_one(targets, number)
    data = target_json(gone)
    if session.dry_run:
        return session.emit(
            {"dry_run": True, "command": "notify remove", "args": data},
            lambda: note(f"Would remove {number}. Nothing was done."),
        )
    save_targets(session.folder(), [target for target in targets if target is not gone])
    session.emit(data, lambda: say(f"{number} is told nothing more."))


@notify.command(example="p2pnode notify test\np2pnode notify test 2")
@click.argument("number", type=click.IntRange(min=1), required=False)
@with_session
def test(session: Session, number: int | None) -> None:
    """Send a message to one, or to all, and say whether it was taken. Exit status 7 if one was not."""
    from p2pnode.news.targets import TRIAL, load_targets, target_json, the_one

    targets = load_targets(session.folder())
    if not targets:
        raise Refusal("not_found", "Nobody is told anything yet", "p2pnode notify add desktop")
    rows = []
    for target in targets if number is None else [the_one(targets, number)]:
        row = {**target_json(target), "sent": False, "why": None}
        if session.dry_run:
            row["dry_run"] = True
        else:
            try:
                _send(target.url, TRIAL)
                row["sent"] = True
            except Refusal as e:
                row["why"] = e.message
        rows.append(row)
    session.emit(rows, lambda: _print_test(session, rows))
    if not session.dry_run and not all(row["sent"] for row in rows):
        raise click.exceptions.Exit(7)


def _send(url: str, body: str | None) -> None:
    """`Refusal` with the reason, which does not name the address. body: None: see only whether it can be sent to."""
    asked = json.dumps({"url": url, "title": "p2pnode", "body": body}).encode()
    command = [sys.executable, "-m", "p2pnode.news.sending"]
    try:
        done = subprocess.run(command, input=asked, capture_output=True, timeout=SENT_WITHIN)
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        answer = {"sent": False, "why": f"no answer within {SENT_WITHIN:.0f} s"}
    except ValueError:
        answer = {"sent": False, "why": "the sender ended without a word"}
    if not answer["sent"]:
        from p2pnode.news.targets import not_sent

        raise not_sent(answer["why"], body is not None)


def _print(session: Session, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return say("Nobody is told anything. Begin with: p2pnode notify add desktop")
    table(
        ["N", "TO", "EVENTS", "QUIET", "BRIEF"],
        [(r["number"], r["to"], " ".join(r["events"]), r["quiet"], "yes" if r["brief"] else "") for r in rows],
        session.plain,
    )


def _print_test(session: Session, rows: list[dict[str, Any]]) -> None:
    table(
        ["N", "TO", "RESULT"],
        [
            (r["number"], r["to"], "would be sent" if session.dry_run else "sent" if r["sent"] else r["why"])
            for r in rows
        ],
        session.plain,
    )
