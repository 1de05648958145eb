"""`rule`: what you have agreed to beforehand."""

from typing import Any

import click

from .command import Group, with_session
from .output import say, table
from .session import Session
from .times import local_zone


@click.group(cls=Group, bare="list", example="p2pnode rule add --kind rent --from regulars --hours 08:00-20:00")
def rule() -> None:
    """Have your node accept proposals by itself: those that are exactly what your listing asks, and fit a rule. What
    costs you anything, has a note, or is a counter-proposal always waits for you; but of the tasks that `project split`
    made who claims one gets it, for what it says it pays."""


@rule.command(
    "add",
    example="p2pnode rule add --kind rent --hours 08:00-20:00 --days mon-fri --most-hours 4\n"
    "p2pnode rule add --listing 3f9a --from Ben --from members",
)
@click.option("--kind", metavar="KIND", help="Only proposals of this kind.")
@click.option("--listing", metavar="ID", help="Only for this listing of yours.")
@click.option(
    "--from", "who", metavar="WHO", multiple=True, help="regulars (else), members, anyone, or a peer. Repeat it."
)
@click.option("--hours", metavar="HH:MM-HH:MM", help="Within which it is booked; or proposed, where nothing is booked.")
@click.option("--days", metavar="DAYS", help="As mon-fri or sat,sun.")
@click.option("--zone", metavar="ZONE", help="The time zone of these, as Europe/Berlin: else this machine's.")
@click.option("--most", metavar="AMOUNT", help="The highest price.")
@click.option("--most-hours", type=click.IntRange(min=1), help="The longest booking, in hours.")
@click.option(
    "--risk",
    metavar="AMOUNT",
    help="What rules may risk beyond what those you trust stand for: else what an inviter lends a newcomer.",
)
@click.option("--regular", type=click.IntRange(min=1), default=2, help="So many finished exchanges make a regular: 2.")
@with_session
def add(session: Session, who: tuple[str, ...], zone: str | None, **given: Any) -> None:
    """Make a rule. It counts for proposals that arrive from now on.

    What you would give before you get anything is bounded: by what those you trust stand for (`p2pnode reputation PEER`
    calls it exposure), and beyond that, for all that rules have accepted together, by --risk. More waits for your yes.
    """
    data = session.write("rule.add", who=who or ("regulars",), zone=zone or local_zone(), **given)
    session.emit(data, lambda: say(f"Rule {data.get('number')}: proposals that fit it are accepted from now on."))


@rule.command("list", example="p2pnode rule list")
@with_session
def list_(session: Session) -> None:
    """Your rules, and your listings that say --instant: p2pnode offer edit ID --no-instant ends that."""
    rows = session.call("rule.list")
    session.emit(rows, lambda: _print(session, rows))


@rule.command("remove", example="p2pnode rule remove 2")
@click.argument("number", type=click.IntRange(min=1))
@with_session
def remove(session: Session, number: int) -> None:
    """Let go of a rule. What it has accepted stays agreed."""
    data = session.write("rule.remove", number=number)
    session.emit(data, lambda: say(f"Rule {number} is gone."))


def _print(session: Session, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return say("None. Everything waits for you. p2pnode rule add --help")
    table(
        ["N", "WHAT", "FROM", "HOURS", "DAYS", "ZONE", "AT MOST", "RISK"],
        [
            (
                row["number"] or "instant",
                _about(row),
                ", ".join(row.get("from") or ()),
                row.get("hours"),
                row.get("days"),
                row.get("zone"),
                *(session.money(row.get(key), network=row.get("network")) for key in ("most", "risk")),
            )
            for row in rows
        ],
        session.plain,
    )


def _about(row: dict[str, Any]) -> str:
    """Which proposals a rule is for."""
    if row.get("part_of"):
        return f"tasks of {row['part_of'][:8]}"
    return ", ".join(filter(None, (row.get("title"), row.get("kind")))) or "all"
