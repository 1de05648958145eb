"""`calendar`: what is booked, held, asked for, due, overdue and pledged, and when a listing is free."""

from typing import Any

import click

from .command import Command, with_session
from .output import say, short, table, write_file
from .session import Session
from .times import format_time, local, now_ms, parse_time


@click.command(
    cls=Command,
    example="p2pnode calendar\np2pnode calendar --listing 3f9a --from tomorrow --until 7d\n"
    "p2pnode calendar --ics p2pnode.ics",
)
@click.option("--from", "start", metavar="TIME", help="From when; else from now on.")
@click.option("--until", "end", metavar="TIME", help="Until when; else for 30 days.")
@click.option("--listing", metavar="LISTING", help="This listing alone, and when it is free.")
@click.option("--ics", metavar="FILE", help="Write it for a calendar program (RFC 5545) instead.")
@with_session
def calendar(session: Session, start: str | None, end: str | None, listing: str | None, ics: str | None) -> None:
    """What you have when, as giver and as taker; whatever is overdue stands there in any case.

    booked: both have agreed. held: an offer of yours keeps the time until it is answered or lapses. asked: a proposal.
    Of somebody else's listing you see as free what it says itself, but for your own bookings.
    """
    now = now_ms()
    data = session.call(
        "calendar",
        start=None if start is None else parse_time(start, now),
        end=None if end is None else parse_time(end, now, end=True),
        listing=listing,
    )
    if ics is not None:
        from p2pnode.ical import as_ics

        if not session.dry_run:
            write_file(ics, [as_ics(data["rows"], now).encode()])
        written = {"out": ics, "events": len(data["rows"])}
        session.emit(written, lambda: say(f"{ics}: {len(data['rows'])} events."))
        return
    session.emit(data, lambda: _print(session, data, now))


def _print(session: Session, data: dict[str, Any], now: int) -> None:
    if not data["rows"]:
        say("Nothing is booked, held or due.")
    table(
        ["WHEN", "WHAT", "TITLE", "WITH", "YOU ARE", "EXCHANGE"],
        [
            (
                f"{row['from']}-{row['until']}" if session.plain else span(row["from"], row["until"]),
                _what(row, now),
                row["title"],
                row["counterparty_name"],
                row.get("role_name") or row["role"],
                row["exchange_id"] if session.plain else short(row["exchange_id"]),
            )
            for row in data["rows"]
        ],
        session.plain,
    )
    if data["free"] is None:
        return
    if not data["free"]:
        say("Nothing is free.")
    for one in data["free"]:
        when = f"{one['from']}-{one['until']}" if session.plain else span(one["from"], one["until"])
        say(f"free\t{when}" if session.plain else f"free: {when}")


def _what(row: dict[str, Any], now: int) -> str:
    if row["duty"]:
        return f"{row['what']}: {row['duty']} ({row['who']})"
    if row["expires"]:
        return f"{row['what']}, lapses {format_time(row['expires'], now)}"
    return str(row["what"]) if row["quantity"] in (None, 1) else f"{row['what']}: {row['quantity']}"


def span(start: int, end: int) -> str:
    """`Sat 7 Nov 09:00-12:00` on this machine's clock."""
    try:
        first, last = local(start), local(end)
    except (ValueError, OverflowError, OSError):
        return "for ever"
    day = f"{first:%a} {first.day} {first:%b %H:%M}"
    if end == start:
        return day
    return f"{day}-{last:%H:%M}" if last.date() == first.date() else f"{day} - {last:%a} {last.day} {last:%b %H:%M}"
