"""`contact`, and what is sent of it in an exchange: where partners find you, sealed."""

from typing import Any

import click

from p2pnode.turns import where_to_say

from .command import Command, Group, with_session
from .output import facts, indented, say, short
from .session import Session
from .times import format_time, now_ms


def _fields(function: Any) -> Any:
    for option in (
        click.option("--text", metavar="TEXT", help="Anything else: which bell, which path."),
        click.option("--phone", metavar="NUMBER", help="A phone number."),
        click.option("--address", metavar="ADDRESS", help="The exact address, in one line."),
    ):
        function = option(function)
    return function


@click.group(cls=Group, bare="show", example="p2pnode contact set --address 'Elm Street 7' --phone '030 901820'")
def contact() -> None:
    """Where the partners of your exchanges find you. It stays on this machine until it is sent, sealed, to one of
    them."""


@contact.command("set", example="p2pnode contact set --address 'Elm Street 7' --share always")
@_fields
@click.option(
    "--share",
    type=click.Choice(["always", "ask"]),
    help="always: sent at every agreement that can carry it; ask (at first): only by `exchange contact`.",
)
@with_session
def set_(session: Session, **given: Any) -> None:
    """Say where you are found. What is not named stays; '' clears it."""
    data = session.write("contact.set", **given)
    how = "It is sent at each agreement." if data.get("share") == "always" else "Send it: p2pnode exchange contact ID"
    session.emit(data, lambda: say(f"Kept on this machine. {how}"))


@contact.command("show", example="p2pnode contact show")
@with_session
def show(session: Session) -> None:
    """Your contact, as it would be sent."""
    data = session.call("contact.show")
    session.emit(data, lambda: _print(session, data))


def _print(session: Session, data: dict[str, Any]) -> None:
    if not data.get("set"):
        return say("None. p2pnode contact set --address …")
    facts([(name, data.get(name) or None) for name in ("address", "phone", "text", "share")], session.plain)


@contact.command("clear", example="p2pnode contact clear")
@with_session
def clear(session: Session) -> None:
    """Erase your contact here. What was sent is erased with its exchange."""
    data = session.write("contact.clear")
    session.emit(data, lambda: say("Erased." if data.get("cleared") else "There was none."))


@click.command(
    "contact",
    cls=Command,
    example="p2pnode exchange contact 77c1\np2pnode exchange contact 77c1 --phone '030 901820'",
)
@click.argument("id_", metavar="ID")
@_fields
@with_session
def send(session: Session, id_: str, **given: Any) -> None:
    """Send your contact, or what is named here, for the other side's eyes only.

    It is sealed to their key, and erased on both sides a week after the exchange is over. What you sent before is
    replaced.
    """
    data = session.write("exchange.contact", id=id_, **given)
    if session.wait is not None and not data.get("delivered"):
        known = "known to the other side"
        data = session.until(lambda d: bool(d.get("delivered")), known, data, "exchange.show", id=data["exchange_id"])
    session.emit(data, lambda: say("Sent, sealed." if data.get("delivered") else "Sealed, and on its way."))


@click.command("erase", cls=Command, example="p2pnode exchange erase 77c1")
@click.argument("id_", metavar="ID")
@with_session
def erase(session: Session, id_: str) -> None:
    """Erase the contacts of an exchange here, at once. The other side keeps what it has."""
    session.confirm("Erase the contacts of this exchange on this machine?")
    data = session.write("exchange.erase", id=id_)
    session.emit(data, lambda: say(f"{data.get('erased')} erased in {short(data.get('exchange_id'))}."))


IN_EXCHANGES = (send, erase)


def print_contact(data: dict[str, Any]) -> None:
    """What `exchange show` says of the two contacts, if anything."""
    said = data.get("contact") or {}
    theirs = said.get("theirs") or {}
    if theirs.get("state") == "open":
        parts = [theirs[name] for name in ("address", "phone", "text") if theirs.get(name)]
        say(f"  Found at: {indented(', '.join(parts), 6)}")
    elif theirs.get("state") == "unreadable":
        say(f"  Their contact cannot be read: {theirs.get('why')}")
    elif theirs.get("state") == "erased":
        say("  Their contact was erased.")
    mine = {"sent": "They have your contact.", "waits": "Your contact is on its way.", "erased": ""}
    if line := mine.get(str(said.get("mine"))):
        say(f"  {line}")
    ruled = data.get("rule") or {}
    if ruled.get("number"):
        say(f"  Accepted by your rule {ruled['number']}.")
    elif ruled and not ruled.get("reason"):
        say("  Accepted at once, as your listing says (--instant).")
    elif ruled.get("reason") and data.get("status") == "proposed":
        say(f"  Not accepted by a rule: {ruled['reason']}.")
    if said.get("erased_at"):
        say(f"  Contacts are erased {format_time(said['erased_at'], now_ms())}.")


def print_where(data: dict[str, Any]) -> None:
    """How to say where something is to be brought, while that is still to be said."""
    how = where_to_say(data)
    other = data.get("counterparty_name") or short(data.get("counterparty"))
    id_ = short(data.get("exchange_id"))
    if how == "sealed":
        say(f"Tell {other} where to bring it: p2pnode exchange contact {id_} --address …")
    elif how:
        by = f"p2pnode message send {short(data.get('counterparty'))} … --exchange {id_}"
        say(f"Tell {other} where to bring it: {by}  (a contact, erased after, takes --form full)")
