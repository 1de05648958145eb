"""`search`."""

import re
import sys
import time
from functools import partial
from typing import Any

import click

from protocols.errors import Refusal

from .areas import with_cells
from .blocklists import print_hidden, say_hidden
from .command import Command, with_session
from .output import distance, note, say, short, table
from .session import Session
from .times import format_time, now_ms, parse_time
from .watching import looks

MOST_HIDDEN = 1000  # listings that are counted
MOST_NEWS = 200  # listings that one look of --watch sees
PROGRESS_AFTER = 1.0  # seconds until it is said that others have not answered yet
PROGRESS_EVERY = 2.0
MORE_WITHIN = 500  # ms that the node may wait for another answer
_SILENCE = {
    "asked": "did not answer",
    "silent": "did not answer",
    "busy": "would not answer now",
    "unreachable": "could not be reached",
    "unsound": "gave an answer that is not believed",
}
SORTS = ("relevance", "near", "new", "trust")
_ORDER = ("limit", "sort")  # of an answer: no part of what is looked for
_DISTANCE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(km|m)?")


@click.command(cls=Command, example="p2pnode search snow --within 5km --max-price 3/hour")
@click.argument("query", nargs=-1)
@click.option("--kind", help="Only this kind: rent, sell, help, …")
@click.option("--offers", "direction", flag_value="offer", default=None, help="Offers only.")
@click.option("--requests", "direction", flag_value="request", default=None, help="Requests only.")
@click.option("--within", metavar="DISTANCE", help="Not farther than this: 5km, 800m.")
@click.option("--near", metavar="AREA", help="Count distances from here, such as Potsdam, not from your own area.")
@click.option("--max-price", metavar="PRICE", help="At most this, per the same: 3/hour.")
@click.option("--available", metavar="TIME", help="To be had then, or on that day: 2026-05-01, tomorrow.")
@click.option("--min-trust", type=click.FloatRange(0, 1), metavar="SCORE", help="Of people of this score or more.")
@click.option(
    "--sort", type=click.Choice(["relevance", "near", "new", "trust"]), default="relevance", show_default=True
)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--everywhere", is_flag=True, help="However far away: others are asked for what is not kept here.")
@click.option(
    "--cell",
    metavar="CELL",
    help="Only what lies in this cell: a geohash, or a place in it; others are asked if need be.",
)
@click.option("--hidden", is_flag=True, default=None, help="What block lists hide, and why; nothing else.")
@click.option("--watch", is_flag=True, help="Go on, and print what is new, until interrupted.")
@click.option("--save", metavar="NAME", help="Have it go on under this name: `p2pnode notices` tells what arrives.")
@click.option("--saved", is_flag=True, help="List the searches that go on.")
@click.option("--pause", metavar="NAME", help="Be told nothing more of one for now.")
@click.option("--resume", metavar="NAME", help="Be told of it again.")
@click.option("--forget", metavar="NAME", help="End one that goes on.")
@with_session
def search(
    session: Session,
    query: tuple[str, ...],
    within: str | None,
    available: str | None,
    watch: bool,
    save: str | None,
    saved: bool,
    forget: str | None,
    pause: str | None,
    resume: str | None,
    **given: Any,
) -> None:
    """Find offers and requests. Answers from what this node holds; without words it lists all. With --everywhere or
    --cell it asks a few others, too, for what lies in cells that are not kept here: for 6 s, or as long as --wait says.
    """
    if forget is not None:
        gone = session.write("search.forget", name=forget)
        return session.emit(gone, lambda: say(f"The search {forget} has ended."))
    if pause is not None or resume is not None:
        to, name = ("pause", pause) if pause is not None else ("resume", resume)
        row = session.write(f"search.{to}", name=name)
        return session.emit(row, lambda: say(f"The search {name} {'rests' if row.get('paused') else 'goes on'}."))
    if saved:
        rows = session.call("search.saved")
        return session.emit(rows, lambda: _print_saved(session, rows))
    args = {
        "query": " ".join(query),
        "within_km": None if within is None else _km(within),
        **({} if available is None else _available(available, now_ms())),
        **with_cells(given, "near", "cell"),
    }
    if save is not None:
        kept = session.write("search.save", name=save, search={k: v for k, v in args.items() if v is not None})
        return session.emit(kept, lambda: say(f"Saved as {save}. What arrives and fits is told by: p2pnode notices"))
    if not watch:
        rows, hidden = _first(session, args)
        return session.emit(rows, partial(_print_found, session, rows, args, hidden))
    seen: set[tuple[str, int]] = set()
    for look, _ in enumerate(looks(session, lambda event: event["type"] == "listings")):
        newest = session.call("search", **{**args, "here": True, "sort": "new", "limit": MOST_NEWS})
        rows = newest if look else _first(session, args)[0]  # what its limit cuts off now is no news later
        fresh = [row for row in rows if not look or _which(row) not in seen]
        if fresh:
            session.emit(fresh, partial(_print, session, fresh, not look, _nothing(args)))
            sys.stdout.flush()
        seen.update(map(_which, [*newest, *rows]))


def _which(row: dict[str, Any]) -> tuple[str, int]:
    return row["listing_id"], row.get("revision", 0)


def _first(session: Session, args: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """What is found now, here and elsewhere; and how much is hidden, for people."""
    status = {} if session.json else session.call("status")
    _say_how_whole(status.get("indexing"))
    if args["everywhere"] or args["cell"] is not None:
        return _ask_others(session, args)
    rows: list[dict[str, Any]] = session.call("search", **args)
    if not status.get("hiding") or args["hidden"]:
        return rows, 0
    return rows, len(session.call("search", **{**args, "hidden": True, "limit": MOST_HIDDEN}))


def _ask_others(session: Session, args: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """What is found here and elsewhere, and how much is hidden. Who did not answer is said on stderr; what they do
    until then, too, if it takes longer than a moment."""
    with session.working("Asking others") as task:
        state = session.call("search.begin", wait=session.wait, **args)
        began = said = time.monotonic()
        while not state["done"]:
            waiting, asked = sum(one["state"] == "asked" for one in state["asked"]), len(state["asked"])
            task.at(asked - waiting, asked, f"{len(state['rows'])} found; {asked - waiting} of {asked} have answered")
            now = time.monotonic()
            if not task.seen and now - began >= PROGRESS_AFTER and now - said >= PROGRESS_EVERY:
                note(f"{len(state['rows'])} found; {waiting} of {asked} asked have not answered yet")
                said = now
            state = session.call("search.more", search=state["search"], step=state["step"], within=MORE_WITHIN)
    for one in state["asked"]:
        if one["state"] != "answered":
            note(f"{one['name']} ({one['cell']}) {_SILENCE[one['state']]}")
    if any(one["more"] for one in state["asked"]):
        note("There is more than was told: ask for a kind, a cell, or other words.")
    rows: list[dict[str, Any]] = state["rows"]
    return rows, 0 if args["hidden"] else state.get("hidden", 0)


def _print_saved(session: Session, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return say("No saved searches. p2pnode search … --save NAME")
    now = now_ms()
    asked = [
        ", ".join(
            [f"{k} {v}" for k, v in row["search"].items() if k not in ("limit", "sort") and v]
            + (["paused"] if row.get("paused") else [])
        )
        for row in rows
    ]
    head = ["NAME", "SINCE", "FOUND", "SEARCH"]
    cells = [
        (row["name"], format_time(row["since"], now), row["found"], what) for row, what in zip(rows, asked, strict=True)
    ]
    table(head, cells, session.plain)


def _say_how_whole(progress: dict[str, int] | None) -> None:
    if progress:
        note(f"The search index is being made anew: this is from {progress['done']} of {progress['of']} listings.")


def _km(text: str) -> float:
    match = _DISTANCE.fullmatch(text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise Refusal("usage", f"not a distance: {text!r}", "Write 5km, 0.8km or 800m")
    return float(match[1]) / (1000 if match[2] == "m" else 1)


def _nothing(args: dict[str, Any]) -> str:
    """What to say where nothing was found: it depends on what was asked for."""
    narrow = {
        "kind": "without --kind",
        "direction": "offers and requests together",
        "within_km": "a wider --within, or none",
        "max_price": "a higher --max-price",
        "available": "another --available",
        "min_trust": "a lower --min-trust",
    }
    ways = [words for name, words in narrow.items() if args.get(name) is not None]
    if len(args["query"].split()) > 1:
        ways.insert(0, "fewer words")
    elif args["query"]:
        ways.insert(0, "another word")
    if ways:
        return f"Nothing found. Try {'; or '.join(ways)}."
    return "Nothing is offered or looked for yet, as far as this node knows. Begin: p2pnode offer publish --kind …"


def _print_found(session: Session, rows: list[dict[str, Any]], args: dict[str, Any], hidden: int) -> None:
    if args["hidden"]:
        return print_hidden(rows, session.plain)
    _print(session, rows, True, _nothing(args))
    if hidden and not session.plain:
        say_hidden(hidden)


def _print(session: Session, rows: list[dict[str, Any]], first: bool, nothing: str) -> None:
    now = now_ms()
    if not rows:
        note(nothing)
        return
    if session.plain:
        head = ["listing_id", "direction", "kind", "title", "price", "distance_km", "author_name", "last_seen"]
        rows = [{**row, "price": session.price(row.get("price"), row.get("network"))} for row in rows]
        table(head, [[row.get(name) for name in head] for row in rows], True)
        return
    table(
        ["ID", "WHAT", "TITLE", "PRICE", "FAR", "BY", "LAST SEEN"],
        [
            (
                short(row["listing_id"]),
                f"{row.get('direction', '')}, {row.get('kind', '')}",
                row.get("title"),
                session.price(row.get("price"), row.get("network")),
                distance(row.get("distance_km")),
                row.get("author_name") or "-",
                format_time(row.get("last_seen"), now),
            )
            for row in rows
        ],
    )
    if first:
        say(f"More: p2pnode offer show {short(rows[0]['listing_id'])}")


def _available(text: str, now: int) -> dict[str, int]:
    """A moment; of a date any time of that day."""
    at, last = parse_time(text, now), parse_time(text, now, end=True)
    return {"available": at} if at == last else {"available": at, "available_until": last + 1_000}
