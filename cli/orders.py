"""`order`: a box each week."""

from typing import Any

import click

from .command import Command, Group, with_session
from .output import say, short, table
from .session import Session
from .times import format_time, local_zone, now_ms, parse_time


@click.group(cls=Group, bare="list", example="p2pnode order add 3f9a --every week --start 'Sat 10:00'")
def order() -> None:
    """Order the same thing again and again. Your node proposes each one some days before, once."""


@order.command(
    "add",
    example="p2pnode order add 3f9a --every week --start 'Sat 10:00'\n"
    "p2pnode order add 3f9a --every '2 weeks' --start 'Fri 17:30' --quantity 2 --until 2027-10-31\n"
    "p2pnode order add 3f9a --start 'Sat 10:00' --bring",
)
@click.argument("listing")
@click.option("--every", metavar="WEEKS", default="week", help="week (else), or '2 weeks'; 8 at most.")
@click.option("--start", metavar="DAY HH:MM", required=True, help="When it is handed over, as 'Sat 10:00'.")
@click.option("--zone", metavar="ZONE", help="The time zone of that, as Europe/Berlin: else this machine's.")
@click.option("--quantity", type=click.IntRange(min=1), help="How many each time: 1.")
@click.option("--price", metavar="PRICE", help="Another price than the one asked.")
@click.option("--bring", "way", flag_value="bring", help="It is brought, where the listing leaves that open.")
@click.option("--fetch", "way", flag_value="fetch", help="You fetch it, where the listing leaves that open.")
@click.option("--until", metavar="DATE", help="None after this day.")
@with_session
def add(session: Session, zone: str | None, until: str | None, **given: Any) -> None:
    """Order a LISTING again and again. If its price rises, nothing more is proposed until you say `order resume`."""
    end = None if until is None else parse_time(until, now_ms(), end=True)
    data = session.write("order.add", zone=zone or local_zone(), until=end, **given)
    session.emit(data, lambda: _one(data))


@order.command("list", example="p2pnode order list")
@with_session
def list_(session: Session) -> None:
    """Your standing orders: what comes next, and why something was not proposed."""
    rows = session.call("order.list")
    session.emit(rows, lambda: _print(session, rows))


def _simple(verb: str, text: str) -> None:
    @click.command(verb, cls=Command, help=text, example=f"p2pnode order {verb} 2")
    @click.argument("number", type=click.IntRange(min=1))
    @with_session
    def command(session: Session, number: int) -> None:
        data = session.write(f"order.{verb}", number=number)
        session.emit(data, lambda: say(f"Order {number} is gone.") if verb == "remove" else _one(data))

    order.add_command(command)


for _verb, _text in (
    ("pause", "Propose nothing more of it for now."),
    ("resume", "Go on with it, at the price of today."),
    ("skip", "Leave the next one out."),
    ("remove", "End it. What was agreed stays agreed."),
):
    _simple(_verb, _text)


def _one(data: dict[str, Any]) -> None:
    coming = f"next {format_time(data['next'], now_ms())}" if data.get("next") else data.get("state")
    say(f"Order {data.get('number')}: {_called(data)}, {coming}.")


def _called(data: dict[str, Any]) -> str:
    """`Box, brought`."""
    way = {"bring": ", brought", "fetch": ", fetched"}.get(data.get("handover") or "", "")
    return f"{data.get('title')}{way}"


def _print(session: Session, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return say("None. p2pnode order add LISTING --every week --start 'Sat 10:00'")
    table(
        ["N", "TITLE", "WEEKS", "NEXT", "STATE", "LAST", "WHY NOT"],
        [
            (
                row["number"],
                _called(row),
                row["every"],
                format_time(row.get("next"), now_ms()),
                row["state"],
                f"{short(row['exchange_id'])} {row.get('status') or ''}" if row.get("exchange_id") else "-",
                row.get("reason") or "",
            )
            for row in rows
        ],
        session.plain,
    )
