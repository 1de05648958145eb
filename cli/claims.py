"""`claim`: what neighbours owe each other in any unit beside the network's credit."""

from typing import Any

import click

from protocols.errors import Refusal

from .command import Group, with_session
from .output import facts, say, short, table
from .session import Session
from .times import format_time, now_ms


class _Short(Group):
    """`claim PEER AMOUNT UNIT` is short for `claim new PEER AMOUNT UNIT`."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if len(args) > 1 and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["new", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_Short, bare="list", example="p2pnode claim Ben 3.50 EUR --note 'bread'\np2pnode claim list")
def claim() -> None:
    """Private claims: who owes whom how much, in EUR or eggs. Both sign; the network's credit is not touched.

    `claim PEER AMOUNT UNIT` is short for `claim new`.
    """


@claim.command("new", example="p2pnode claim new Ben 3.50 EUR --note 'bread'\np2pnode claim new Ben 6 eggs --owed-by")
@click.argument("peer")
@click.argument("amount")
@click.argument("unit")
@click.option("--note", default="", help="A line that both of you see.")
@click.option("--exchange", metavar="ID", help="The exchange it belongs to.")
@click.option("--owed-by", is_flag=True, help="PEER owes you, and is asked to sign that.")
@with_session
def new(session: Session, peer: str, amount: str, unit: str, note: str, exchange: str | None, owed_by: bool) -> None:
    """Say that you owe PEER so much, or with --owed-by that PEER owes you. It counts when PEER has accepted."""
    what = f"{peer} owes you" if owed_by else f"you owe {peer}"
    session.confirm(f"Sign that {what} {amount} {unit}?")
    data = session.write(
        "claim.propose", peer=peer, amount=amount, unit=unit, note=note, exchange=exchange, owed_by=owed_by
    )
    _finish(session, data, "accepted", lambda d: d.get("state") != "offered", "Proposed")


@claim.command("accept", example="p2pnode claim accept 3f9a")
@click.argument("id_", metavar="ID")
@with_session
def accept(session: Session, id_: str) -> None:
    """Agree: it is owed as the other side says."""
    data = session.call("claim.show", id=id_)
    who = "you owe" if data.get("direction") == "owed by me" else "you are owed by"
    pays = f", and that this pays exchange {short(data.get('exchange_id'))}" if data.get("duty") else ""
    session.confirm(f"Sign that {who} {data.get('name')}: {session.money(data.get('amount'))}{pays}?")
    data = session.write("claim.accept", id=id_)
    _finish(session, data, "known to the other side", _delivered, "Accepted")


@claim.command("decline", example="p2pnode claim decline 3f9a")
@click.argument("id_", metavar="ID")
@with_session
def decline(session: Session, id_: str) -> None:
    """Do not agree. Nothing is signed."""
    data = session.write("claim.decline", id=id_)
    _finish(session, data, "known to the other side", _delivered, "Declined")


@claim.command("settle", example="p2pnode claim settle 3f9a\np2pnode claim settle 3f9a 1.50")
@click.argument("id_", metavar="ID")
@click.argument("amount", required=False)
@with_session
def settle(session: Session, id_: str, amount: str | None) -> None:
    """Say that you were paid: all that is left, or AMOUNT of it. Only who is owed can; it cannot be undone."""
    session.confirm(f"Sign that {amount or 'all'} of {short(id_)} was paid?")
    data = session.write("claim.settle", id=id_, amount=amount)
    _finish(session, data, "known to the other side", _delivered, "Paid")


@claim.command("list", example="p2pnode claim list --open --with Ben")
@click.option("--with", "peer", metavar="PEER", help="Only with this one.")
@click.option("--open", "open_", is_flag=True, help="Only those that are not over.")
@with_session
def list_(session: Session, peer: str | None, open_: bool) -> None:
    """All claims, the newest first."""
    rows = session.call("claim.list", peer=peer, open=open_)

    def human() -> None:
        if not rows:
            return say("No claims. You owe somebody? p2pnode claim PEER AMOUNT UNIT")
        table(
            ["CLAIM", "WITH", "", "AMOUNT", "LEFT", "STATE", "WHEN", "NOTE"],
            [
                (
                    row["claim_id"] if session.plain else short(row["claim_id"]),
                    row["name"],
                    row["direction"],
                    session.money(row["amount"]),
                    session.money(row["left"]),
                    row["state"],
                    row["at"] if session.plain else format_time(row["at"], now_ms()),
                    row["note"],
                )
                for row in rows
            ],
            session.plain,
        )

    session.emit(rows, human)


@claim.command("show", example="p2pnode claim show 3f9a")
@click.argument("id_", metavar="ID")
@with_session
def show(session: Session, id_: str) -> None:
    """One claim."""
    data = session.call("claim.show", id=id_)

    def human() -> None:
        facts(
            [
                ("claim", data.get("claim_id")),
                ("with", data.get("name")),
                ("", data.get("direction")),
                *((name, session.money(data.get(name))) for name in ("amount", "paid", "left")),
                ("state", data.get("state")),
                ("when", format_time(data.get("at"), now_ms())),
                ("note", data.get("note")),
                ("exchange", data.get("exchange_id")),
            ],
            session.plain,
        )

    session.emit(data, human)


def _delivered(data: Any) -> bool:
    return bool(data.get("delivered"))


def _owed(session: Session, data: Any) -> str:
    """Who owes whom how much, as one would say it."""
    mine, name = data.get("direction") == "owed by me", data.get("name")
    amount, left = session.money(data.get("amount")), session.money(data.get("left"))
    if data.get("state") == "closed":
        return f"all of the {amount} that you owed {name}" if mine else f"all of the {amount} that {name} owed you"
    rest = amount if left == amount else f"{left} of {amount}"
    return f"you owe {name} {rest}" if mine else f"{name} owes you {rest}"


def _finish(session: Session, data: Any, what: str, done: Any, word: str) -> None:
    """Wait if that is wanted, and say how the claim stands."""
    if session.wait is not None and data.get("claim_id"):
        data = session.until(done, what, data, "claim.show", id=data["claim_id"])
        if word == "Proposed" and data.get("state") == "declined":
            raise Refusal("refused", f"{data.get('name')} does not agree to this claim", "Nothing is owed by it.")
        if word == "Proposed":
            word = f"Accepted by {data.get('name')}"

    def human() -> None:
        say(f"{short(data.get('claim_id'))}  {word}: {_owed(session, data)}")
        if not data.get("delivered", True):
            say(f"On its way to {data.get('name')}.")
        if data.get("duty") and word == "Accepted":
            say(f"That pays exchange {short(data.get('exchange_id'))}.")
        if data.get("state") == "offered":
            say(f"Waiting for {data.get('name')}: accept, decline")

    session.emit(data, human)
