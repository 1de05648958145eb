"""`message`: lines between neighbours, about an exchange or about nothing in particular."""

import sys
from functools import partial
from typing import Any

import click

from protocols.errors import Refusal
from protocols.limits import MAX_MESSAGE_TEXT

from .command import Group, with_session
from .files import read_shown
from .output import facts, indented, note, say, short, table
from .session import NotYet, Session
from .times import format_time, now_ms
from .watching import looks

SHOWN, MOST = 200, 1_000  # messages that --watch begins with; that it looks through for what is new


@click.group(
    cls=Group, bare="list", example="p2pnode message send Ben 'I am ten minutes late'\np2pnode message list --with Ben"
)
def message() -> None:
    """Write to a neighbour. What you write is signed, sealed to them, and kept until their node has it."""


@message.command(
    "send",
    example="p2pnode message send Ben 'I am ten minutes late' --exchange 77c1\n"
    "echo 'See you there' | p2pnode message send Ben - --wait 20",
)
@click.argument("peer")
@click.argument("text")
@click.option("--exchange", metavar="ID", help="The exchange with PEER that it is about.")
@with_session
def send(session: Session, peer: str, text: str, exchange: str | None) -> None:
    """Write TEXT to PEER; - reads it from stdin. With --wait until it is delivered."""
    if text == "-":
        text = _from_stdin()
    data = session.write("message.send", peer=peer, text=text, exchange=exchange)
    if session.wait is not None and data.get("id"):
        data = session.until(_is_settled, "delivered", data, "message.show", why=_seen, id=data["id"])
        if data.get("state") == "refused":
            raise Refusal("refused", f"Not delivered: {data.get('why')}", "Speak to them in another way.")
        if data.get("state") == "queued":
            raise NotYet("delivered", str(data.get("undeliverable")), "It is kept until they have a newer node.", data)
    session.emit(data, lambda: _print_sent(data))


@message.command("list", example="p2pnode message list --with Ben\np2pnode message list --new --watch")
@click.option("--with", "peer", metavar="PEER", help="Only with this one.")
@click.option("--exchange", metavar="ID", help="Only what is about this exchange.")
@click.option("--new", is_flag=True, help="Only what is not marked as read.")
@click.option("--watch", is_flag=True, help="Go on, and print what comes or is delivered, until interrupted.")
@with_session
def list_(session: Session, peer: str | None, exchange: str | None, new: bool, watch: bool) -> None:
    """What you and your neighbours wrote, the oldest first. With --watch --json each line holds what is new."""
    if watch:
        return _watch(session, {"peer": peer, "exchange": exchange, "new": new})
    rows = session.call("message.list", peer=peer, exchange=exchange, new=new)

    def human() -> None:
        if not rows:
            return say("Nothing new." if new else "No messages. Write one: p2pnode message send PEER TEXT")
        _table(session, rows)
        if not session.plain and any(row["state"] == "new" for row in rows):
            say("Mark what is new as read: p2pnode message seen")

    session.emit(rows, human)


@message.command("threads", example="p2pnode message threads")
@with_session
def threads(session: Session) -> None:
    """With whom and about what you write: what was said last, and how many are new."""
    rows = session.call("message.threads")

    def human() -> None:
        if not rows:
            return say("No messages. Write one: p2pnode message send PEER TEXT")
        _table(session, rows, [str(row["new"] or "") for row in rows])

    session.emit(rows, human)


@message.command("show", example="p2pnode message show 3f9a")
@click.argument("id_", metavar="ID")
@with_session
def show(session: Session, id_: str) -> None:
    """One message, whole."""
    data = session.call("message.show", id=id_)

    def human() -> None:
        facts(
            [
                ("message", data.get("id")),
                ("from", _who(data, "from")),
                ("to", _who(data, "to")),
                ("when", format_time(data.get("at"), now_ms())),
                ("state", _state(data)),
                ("exchange", data.get("exchange_id")),
                ("text", data.get("text")),
            ],
            session.plain,
        )

    session.emit(data, human)


@message.command("seen", example="p2pnode message seen\np2pnode message seen --with Ben")
@click.option("--with", "peer", metavar="PEER", help="Only those of this one.")
@click.option("--exchange", metavar="ID", help="Only what is about this exchange.")
@with_session
def seen(session: Session, peer: str | None, exchange: str | None) -> None:
    """Mark messages as read. To answer somebody does that, too."""
    data = session.write("message.seen", peer=peer, exchange=exchange)
    session.emit(data, lambda: say(f"{data.get('seen')} marked as read."))


@message.command("erase", example="p2pnode message erase 3f9a")
@click.argument("id_", metavar="ID")
@with_session
def erase(session: Session, id_: str) -> None:
    """Erase a message on this machine. One that is still queued is not sent any more; else the other side keeps it."""
    session.confirm("Erase this message on this machine?")
    data = session.write("message.erase", id=id_)
    session.emit(data, lambda: say(f"{short(data.get('id'))}  Erased."))


def _watch(session: Session, args: dict[str, Any]) -> None:
    """What there is, and then what comes, is delivered or refused. That our user has read something is no news."""
    seen: dict[str, str] = {}
    for look, _ in enumerate(looks(session, _is_about_messages)):
        found = session.call("message.list", **args, limit=MOST)
        fresh = [row for row in found if _is_news(row, seen)]
        if not look:
            fresh = fresh[-SHOWN:]
        if fresh:
            session.emit(fresh, partial(_table, session, fresh))
            sys.stdout.flush()
        elif not look and not session.json:
            note("Nothing yet.")
        seen |= {row["id"]: _state(row) for row in found}


def _is_about_messages(event: dict[str, Any]) -> bool:
    return event["type"] == "changed" and "messages" in event["what"]


def _is_news(row: dict[str, Any], seen: dict[str, str]) -> bool:
    return row["id"] not in seen or (row["state"] != "read" and _state(row) != seen[row["id"]])


def _from_stdin() -> str:
    limit = 4 * MAX_MESSAGE_TEXT
    try:
        text = read_shown("-", limit).decode().rstrip("\n")
    except UnicodeDecodeError as e:
        raise Refusal("usage", "what came on stdin is no text", "A message is UTF-8.") from e
    if len(text) > MAX_MESSAGE_TEXT:
        raise Refusal("usage", f"a message has at most {MAX_MESSAGE_TEXT} letters", "Send it in parts.")
    return text


def _is_settled(data: Any) -> bool:
    """Delivered or refused; or it cannot be delivered as things are."""
    return data.get("state") != "queued" or bool(data.get("undeliverable"))


def _seen(now: Any, before: Any) -> Any:
    return {**before, **{name: now.get(name) for name in ("state", "why")}, "problem": now.get("why")}


def _print_sent(data: Any) -> None:
    words = {"delivered": f"Delivered to {data.get('to_name')}.", "queued": f"On its way to {data.get('to_name')}."}
    say(f"{short(data.get('id'))}  {words.get(str(data.get('state')), '')}".rstrip())
    if why := data.get("undeliverable"):
        say(f"Not delivered yet: {why}.")


def _who(row: Any, end: str) -> str:
    stranger = end == "from" and row.get("stranger")
    return f"{row.get(f'{end}_name') or '-'}{' (a stranger)' if stranger else ''}"


def _state(row: Any) -> str:
    why = row.get("undeliverable") or row.get("why")
    return f"{row.get('state')}: {why}" if why else str(row.get("state") or "")


def _table(session: Session, rows: list[Any], news: list[str] | None = None) -> None:
    plain, now = session.plain, now_ms()
    head = ["MESSAGE", "WHEN", "FROM", "TO", "STATE", "EXCHANGE", "TEXT"]
    table(
        [*head, "NEW"] if news is not None else head,
        [
            (
                row["id"] if plain else short(row["id"]),
                row["at"] if plain else format_time(row["at"], now),
                row["from"] if plain else _who(row, "from"),
                row["to"] if plain else _who(row, "to"),
                _state(row),
                (row["exchange_id"] if plain else short(row["exchange_id"])) if row.get("exchange_id") else "",
                indented(row["text"], 1),
                *([] if news is None else [news[place]]),
            )
            for place, row in enumerate(rows)
        ],
        plain,
    )
