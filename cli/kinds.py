"""`kinds`: what exchanges consist of, as it comes with the program and as you add to it."""

from pathlib import Path
from typing import Any

import click

from protocols.errors import Refusal
from protocols.spans import format_span

from .command import Group, with_session
from .output import facts, say, table
from .session import Session

BUILT_IN = (
    "sell", "rent", "lend", "give", "food", "service", "help", "deliver", "design", "pledge", "barter", "want", "task",
    "project", "barn", "fund",
)  # fmt: skip
_FULL = {"asked": "with --form full", "booked": "with --from and --until", "always": "always"}


def perhaps_meant(kind: str) -> str:
    """The built-in kind that somebody who typed another one may have meant; empty if there is none like it."""
    from difflib import get_close_matches

    return "" if kind in BUILT_IN else "".join(get_close_matches(kind, BUILT_IN, 1, 0.7))


@click.group(cls=Group, bare="list", example="p2pnode kinds\np2pnode kinds add tool-library.toml")
def kinds() -> None:
    """The kinds of exchange: who must do what, in which order, until when."""


@kinds.command("list", example="p2pnode kinds list")
@with_session
def list_(session: Session) -> None:
    """All that are known here, yours last."""
    rows = session.call("kinds.list")
    table_rows = [(r["kind"], r["title"], "yours" if r["own"] else "built in", r["about"]) for r in rows]
    session.emit(rows, lambda: table(["KIND", "NAME", "WHOSE", "WHAT IT IS"], table_rows, session.plain))


@kinds.command("show", example="p2pnode kinds show rent")
@click.argument("kind")
@with_session
def show(session: Session, kind: str) -> None:
    """One kind: its duties and what belongs to it. docs/exchanges.md draws those that come with the program."""
    row = session.call("kinds.show", kind=kind)
    session.emit(row, lambda: print_kind(session, row))


@kinds.command("add", example="p2pnode kinds add docs/examples/kinds/tool-library.toml")
@click.argument("file", metavar="FILE")
@with_session
def add(session: Session, file: str) -> None:
    """Add a kind of your own from a TOML FILE, or change it. It is kept in the folder kinds of your home.

    Others need not have it: terms say all that both must do.
    """
    try:
        text = Path(file).expanduser().read_bytes().decode()
    except OSError as e:
        raise Refusal("usage", f"Cannot read the file {file}: {e.strerror}", "Check the path") from e
    except UnicodeDecodeError as e:
        raise Refusal("usage", f"{file} is no text", "It is a TOML file: see p2pnode kinds show rent") from e
    row = session.write("kinds.add", text=text, file=Path(file).name)

    def human() -> None:
        print_kind(session, row)
        say(f"Kept. Next: p2pnode offer publish --kind {row['kind']} --title …")

    session.emit(row, human)


@kinds.command("remove", example="p2pnode kinds remove tool-library")
@click.argument("kind")
@with_session
def remove(session: Session, kind: str) -> None:
    """Do away with a kind of your own. What was agreed by it stays agreed; of your listings none may be left of it."""
    row = session.write("kinds.remove", kind=kind)
    session.emit(row, lambda: say(f"{kind} is gone."))


def print_kind(session: Session, row: dict[str, Any]) -> None:
    """A kind, in the full form."""
    needs = [
        "a time" if row["time"] else None,
        "a price" if row["price"] else None,
        f"a goal in {'people' if row['goal'] == 'pledges' else 'an amount'}" if row["goal"] else None,
    ]
    facts(
        [
            ("kind", row["kind"]),
            ("title", row["title"]),
            ("about", row["about"]),
            ("giver", row["giver"]),
            ("taker", row["taker"]),
            ("needs", ", ".join(need for need in needs if need) or None),
            ("books", "the time from start to end" if row["slot"] else None),
            ("busy", "from start to end" if row.get("busy") else None),
            ("deposit", "is usual" if row["deposit"] else None),
            ("handover", "--bring or --fetch" if any(duty.get("brought") for duty in row["duties"]) else None),
            (
                "full form",
                {"asked": "with --form full", "booked": "with --from and --until"}.get(row["full"], "always"),
            ),
        ],
        session.plain,
    )
    for duty in row["duties"]:
        who = {"giver": row["giver"], "taker": row["taker"]}.get(duty["by"], "each")
        rest = "".join(f"; {text}" for text in _when(duty) if text)
        say(f"  {duty['id']:<10} {who}: {duty['what']}{rest}")
    for rule in row["cancel"]:
        fee = f", for {rule['fee']} of the price" if rule["fee"] else ""
        before = f"{format_span(rule['before'])} before the start" if rule["before"] else "the start"
        say(f"  the {row[rule['by']]} may cancel alone until {before}{fee}")


def _when(duty: dict[str, Any]) -> list[str | None]:
    begins, until = moment(duty["from"]), moment(duty["until"])
    return [
        f"after {duty['after']}" if duty["after"] else None,
        f"along with {duty['along']}" if duty["along"] else None,
        f"not before {begins}" if begins else None,
        f"until {until}" if until else None,
        f"within {format_span(duty['within'])}{' if that is open' if until else ''}" if duty["within"] else None,
        f"confirmed by itself after {format_span(duty['confirm'])}" if duty["confirm"] else None,
    ]


def moment(row: dict[str, Any] | None) -> str:
    """`start`, `end + 30min`, or nothing."""
    if row is None:
        return ""
    sign = "+" if row["offset"] > 0 else "-"
    return f"{row['of']} {sign} {format_span(abs(row['offset']))}" if row["offset"] else str(row["of"])
