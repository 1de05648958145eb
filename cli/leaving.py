"""`leave`: going out of a network."""

import shlex
from typing import Any

import click

from .command import Command, with_session
from .output import say, short
from .session import Session


@click.command(cls=Command, example='p2pnode leave\np2pnode leave "Elm Street" --dry-run')
@click.argument("name", required=False, metavar="[NETWORK]")
@click.option("--anyway", is_flag=True, help="Also with exchanges under way: they stay as they are.")
@with_session
def leave(session: Session, name: str | None, anyway: bool) -> None:
    """Leave a network: your listings in it end everywhere, and your node takes no part any more.

    What you signed there stays on this machine, and you can read it: p2pnode ledger log. Joining again goes on where
    you left; until then nothing is signed, and nobody can pay you there.
    """
    wanted = {"anyway": anyway, **({"network": name} if name else {})}
    if session.dry_run:
        seen = session.call("leave.foresee", **wanted)
        data = {"dry_run": True, "command": "leave", **seen}
        return session.emit(data, lambda: _print_leaving(session, data, "It would do this. Nothing was done."))
    if session.asks:
        seen = session.call("leave.foresee", **wanted)
        _print_leaving(session, seen)
        session.confirm(f"Leave {seen['network']['name']}?")
    data = session.write("leave", **wanted)

    def human() -> None:
        name = data["network"]["name"]
        told = "" if data["peers"] or not data["listings"] else " Nobody is there to be told: that follows."
        say(f"You have left {name}.{told} Back again: p2pnode join {shlex.quote(name)}")

    session.emit(data, human)


def _print_leaving(session: Session, seen: dict[str, Any], end: str = "") -> None:
    network, listings, balance = seen.get("network") or {}, seen.get("listings"), seen.get("balance") or {}
    say(f"Of you in {network.get('name')}:")
    say(f"  {listings} listing{'' if listings == 1 else 's'}, to end everywhere" if listings else "  no listing")
    for row in seen.get("exchanges") or ():
        say(f"  under way: {row['title']} ({short(row['exchange_id'])}, {row['status']})")
    if balance.get("amount"):
        money = session.money({**balance, "amount": abs(balance["amount"])}, network=network)
        which = "you owe" if balance["amount"] < 0 else "you have"
        say(f"  {which} {money}; it stays in your ledger, and waits until you are back")
    if (seen.get("hold") or {}).get("amount"):
        say(f"  bound: {session.money(seen['hold'], network=network)}, promised or vouched for others")
    if seen.get("open") is False:
        say("  it is joined by invite only; you are known there, and can come back by its name")
    if end:
        say(end)
