"""`notices matches`: what arrived while nobody was looking."""

from typing import Any

import click

from .command import Command, with_session
from .output import say, short, table
from .session import Session
from .times import format_time, now_ms


@click.command(cls=Command, example="p2pnode notices --unseen")
@click.option("--unseen", is_flag=True, help="Only those that are not marked as seen.")
@click.option("--seen", "mark", is_flag=True, help="Mark all as seen.")
@click.option("--dismiss", metavar="LISTING", help="Take what tells of this listing off the list.")
@with_session
def notices(session: Session, unseen: bool, mark: bool, dismiss: str | None) -> None:
    """Listings that arrived and fit a saved search, or match one of yours; the newest first."""
    if dismiss is not None:
        gone = session.write("notices.dismiss", listing=dismiss)
        return session.emit(gone, lambda: say(f"{gone.get('dismissed')} taken off the list."))
    if mark:
        data = session.write("notices.seen")
        return session.emit(data, lambda: say(f"{data.get('seen')} marked as seen."))
    rows = session.call("notices.list", unseen=unseen)
    session.emit(rows, lambda: _print(session, rows, "Nothing yet. Have a search go on: p2pnode search … --save NAME"))


@click.command(cls=Command, example="p2pnode matches")
@click.option("--unseen", is_flag=True, help="Only those that are not marked as seen.")
@with_session
def matches(session: Session, unseen: bool) -> None:
    """Offers and requests that go together with yours; the newest first."""
    rows = session.call("notices.list", why="match", unseen=unseen)
    nothing = "No match yet. Listings of yours are compared with what arrives: p2pnode request publish --kind …"
    session.emit(rows, lambda: _print(session, rows, nothing))


def _print(session: Session, rows: list[dict[str, Any]], nothing: str) -> None:
    if not rows:
        return say(nothing)
    now = now_ms()
    table(
        ["WHEN", "ID", "TITLE", "BY", "WHY", "YOURS", ""],
        [
            (
                format_time(row["at"], now),
                row["listing_id"] if session.plain else short(row["listing_id"]),
                row["title"],
                row.get("author_name") or "-",
                row["reason"],
                (row["mine"] if session.plain else short(row["mine"])) if row.get("mine") else "",
                ("" if row["held"] else "gone") or ("" if row["seen"] else "new"),
            )
            for row in rows
        ],
        session.plain,
    )
