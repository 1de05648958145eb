"""`blocklist`: what is not shown to you, by your own lists and those you follow, and why."""

from typing import Any

import click

from .command import Group, with_session
from .output import facts, note, say, short, table
from .session import Session
from .times import format_time, now_ms

_LISTING = click.option("--listing", metavar="ID", help="One listing, and not all of somebody's.")
_LIST = click.option("--list", "name", metavar="NAME", default="mine", show_default=True, help="Which list of yours.")


@click.group(
    cls=Group,
    bare="list",
    example='p2pnode blocklist add Dora --reason spam --why "the same thing forty times"\n'
    "p2pnode blocklist subscribe Ann street",
)
def blocklist() -> None:
    """Whose listings are hidden from you, and why: in search, notices and matches, and from your standing rules.

    They are kept and passed on all the same, and exchanges under way go on. A list of yours is private until you
    publish it, and hides nothing from anybody who does not follow it. Whom a published list names can read that and
    why. To shut somebody's node out is another thing: p2pnode peers block
    """


@blocklist.command("list", example="p2pnode blocklist list")
@with_session
def list_(session: Session) -> None:
    """Your lists, and those that you follow."""
    rows = session.call("blocklist.list")
    session.emit(rows, lambda: _print_lists(session, rows))


@blocklist.command("show", example="p2pnode blocklist show\np2pnode blocklist show street --of Ann")
@click.argument("name", required=False)
@click.option("--of", "peer", metavar="PEER", help="Whose list. Yours, if it is not said.")
@with_session
def show(session: Session, name: str | None, peer: str | None) -> None:
    """One list: whom it names, and why. Without a NAME the one called mine, or the only one of PEER."""
    data = session.call("blocklist.show", name=name, peer=peer)
    session.emit(data, lambda: _print_list(session, data))


@blocklist.command("create", example='p2pnode blocklist create street --about "What we would not show on Elm Street"')
@click.argument("name")
@click.option("--about", metavar="TEXT", help="A line on what it is for; whoever follows it sees it.")
@with_session
def create(session: Session, name: str, about: str | None) -> None:
    """Begin a list, or say what it is about. It is private until you publish it."""
    data = session.write("blocklist.create", name=name, about=about)
    session.emit(data, lambda: say(f"The list {data.get('name')}. Next: p2pnode blocklist add PEER --list NAME"))


@blocklist.command(
    "add",
    example='p2pnode blocklist add Dora --reason spam --why "the same thing forty times"\n'
    'p2pnode blocklist add --listing 3f9a --reason unsafe --why "a rung is missing" --list street',
)
@click.argument("peer", required=False)
@_LISTING
@click.option("--reason", metavar="WORD", default="other", show_default=True, help="spam, fraud, unsafe, illegal, …")
@click.option("--why", "text", metavar="TEXT", required=True, help="A line; whom you name can read it once published.")
@_LIST
@with_session
def add(session: Session, peer: str | None, **given: Any) -> None:
    """Hide somebody's listings, or one. What is on a published list is seen by others once you publish it again."""
    data = session.write("blocklist.add", peer=peer, **given)
    session.emit(data, lambda: _print_changed(data, "hidden from you"))


@blocklist.command("remove", example="p2pnode blocklist remove Dora\np2pnode blocklist remove --listing 3f9a")
@click.argument("peer", required=False)
@_LISTING
@_LIST
@with_session
def remove(session: Session, peer: str | None, **given: Any) -> None:
    """Take an entry off a list of yours."""
    data = session.write("blocklist.remove", peer=peer, **given)
    session.emit(data, lambda: _print_changed(data, "on that list no longer"))


@blocklist.command("publish", example="p2pnode blocklist publish street")
@click.argument("name")
@with_session
def publish(session: Session, name: str) -> None:
    """Sign a list of yours as it is now: everybody can read it, and follow it. You answer for it with your name."""
    data = session.write("blocklist.publish", name=name)
    session.emit(data, lambda: say(f"Published: {data.get('name')}, {_entries(data)}. Your node keeps it alive."))


@blocklist.command("withdraw", example="p2pnode blocklist withdraw street")
@click.argument("name")
@with_session
def withdraw(session: Session, name: str) -> None:
    """Take a published list back everywhere. It stays with you, and hides for you alone."""
    data = session.write("blocklist.withdraw", name=name)
    session.emit(data, lambda: say(f"Taken back: {data.get('name')}. It is private again."))


@blocklist.command("subscribe", example="p2pnode blocklist subscribe Ann street")
@click.argument("peer")
@click.argument("name", required=False)
@with_session
def subscribe(session: Session, peer: str, name: str | None) -> None:
    """Follow a list of somebody's, or the only one: what it names now and later is hidden here. Nobody is told."""
    data = session.write("blocklist.subscribe", peer=peer, name=name)

    def human() -> None:
        say(f"You follow {_whose(data)} list {data.get('name')}: {_entries(data)}.")
        say(f"See them: p2pnode blocklist show {data.get('name')} --of {data.get('author_name')}")

    session.emit(data, human)


@blocklist.command("unsubscribe", example="p2pnode blocklist unsubscribe Ann")
@click.argument("peer")
@click.argument("name", required=False)
@with_session
def unsubscribe(session: Session, peer: str, name: str | None) -> None:
    """Follow a list no longer; without a NAME all of PEER's."""
    rows = session.write("blocklist.unsubscribe", peer=peer, name=name)

    def human() -> None:
        for row in rows:
            say(f"You follow {_whose(row)} list {row['name']} no longer.")

    session.emit(rows, human)


@blocklist.command("allow", example="p2pnode blocklist allow --listing 3f9a\np2pnode blocklist allow Dora --undo")
@click.argument("peer", required=False)
@_LISTING
@click.option("--undo", is_flag=True, help="What the lists say counts again.")
@with_session
def allow(session: Session, peer: str | None, listing: str | None, undo: bool) -> None:
    """See somebody's listings, or one, whatever the lists that you follow say."""
    data = session.write("blocklist.allow", peer=peer, listing=listing, undo=undo)
    session.emit(data, lambda: say(f"{_subject(data)}: {'as the lists say' if undo else 'shown to you again'}."))


@blocklist.command("hidden", example="p2pnode blocklist hidden")
@with_session
def hidden(session: Session) -> None:
    """What is hidden here, by which list and why; and what you allowed."""
    rows = session.call("blocklist.hidden")

    def human() -> None:
        if not rows:
            say("Nothing is hidden.")
        table(
            ["WHAT", "HIDDEN", "BY"],
            [
                (
                    _subject(row, session.plain),
                    "no: allowed" if row["allowed"] else "yes",
                    "; ".join(map(_by, row["hidden"])) or "-",
                )
                for row in rows
            ],
            session.plain,
        )

    session.emit(rows, human)


@blocklist.command("naming", example="p2pnode blocklist naming")
@with_session
def naming(session: Session) -> None:
    """The lists that name you or a listing of yours, and why. Ask who wrote it to take it off."""
    rows = session.call("blocklist.naming")

    def human() -> None:
        if not rows:
            say("No list that is known here names you.")
        table(
            ["WHAT", "BY", "LIST", "REASON", "SINCE", "WHY"],
            [
                (
                    _subject(row, session.plain) if row.get("listing_id") else "all your listings",
                    row["by_name"],
                    row["list"],
                    row["reason"],
                    row["since"] if session.plain else format_time(row["since"], now_ms()),
                    row["text"],
                )
                for row in rows
            ],
            session.plain,
        )

    session.emit(rows, human)


def why_hidden(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Facts of a listing: by which lists it is hidden here; of ours, for whom, and why."""
    found = row.get("hidden") or ()
    if row.get("mine"):
        return [("hidden", f"for those who follow {_by(why)}") for why in found]
    return [("hidden", f"by {_by(why)}") for why in found]


def say_hidden(count: int) -> None:
    """What a search says of what it left out."""
    say(f"{count} hidden: --hidden shows {'it' if count == 1 else 'them'} and why")


def print_hidden(rows: list[dict[str, Any]], plain: bool) -> None:
    """What a search with --hidden finds."""
    if not rows:
        return note("Nothing that fits is hidden.")
    table(
        ["ID", "TITLE", "BY", "HIDDEN BY"],
        [
            (
                row["listing_id"] if plain else short(row["listing_id"]),
                row.get("title"),
                row.get("author_name") or "-",
                "; ".join(map(_by, row.get("hidden") or ())),
            )
            for row in rows
        ],
        plain,
    )
    if not plain:
        say(f"To see one all the same: p2pnode blocklist allow --listing {short(rows[0]['listing_id'])}")


def _by(why: dict[str, Any]) -> str:
    return f"{_whose({'mine': why['mine'], 'author_name': why['by_name']})} list {why['list']!r}: {_reason(why)}"


def _reason(row: dict[str, Any]) -> str:
    return f"{row['reason']} – {row['text']}"


def _whose(row: dict[str, Any]) -> str:
    return "your" if row.get("mine") else f"{row.get('author_name')}'s"


def _entries(row: dict[str, Any]) -> str:
    count = row.get("entries")
    return "one entry" if count == 1 else f"{count} entries"


def _subject(row: dict[str, Any], plain: bool = False) -> str:
    listing = row.get("listing_id")
    if not listing:
        return f"all of {row.get('author_name')}"
    return str(listing) if plain else f"{short(listing)} {row.get('title') or ''}".strip()


def _print_changed(data: dict[str, Any], what: str) -> None:
    own = data.get("list") or {}
    say(f"{_subject(data)}: {what}.")
    if own.get("changed"):
        say(f"For those who follow it: p2pnode blocklist publish {own.get('name')}")


def _print_lists(session: Session, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return say("No lists yet. Hide somebody's listings: p2pnode blocklist add PEER --why TEXT")
    table(
        ["LIST", "BY", "ENTRIES", "STATE", "ABOUT"],
        [
            (
                row["name"],
                "you" if row["mine"] else row["author_name"],
                row["entries"],
                _state(row),
                row.get("about") or "-",
            )
            for row in rows
        ],
        session.plain,
    )


def _state(row: dict[str, Any]) -> str:
    if not row["mine"]:
        return ("followed" if row["followed"] else "not followed") + ("" if row["until"] else ", not held here")
    return "private" if not row["published"] else "published, and changed since" if row["changed"] else "published"


def _print_list(session: Session, data: dict[str, Any]) -> None:
    pairs = [
        ("list", data["name"]),
        ("by", "you" if data["mine"] else data["author_name"]),
        ("state", _state(data)),
        ("about", data.get("about")),
    ]
    if not session.plain:
        facts(pairs)
    table(
        ["WHAT", "BY", "REASON", "SINCE", "WHY"],
        [
            (
                _subject(entry, session.plain),
                entry["author_name"],
                entry["reason"],
                entry["since"] if session.plain else format_time(entry["since"], now_ms()),
                entry["text"],
            )
            for entry in data["named"]
        ],
        session.plain,
    )
