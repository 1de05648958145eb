"""`project confirm` and `project pay`: a step of several tasks at once, each of which counts by itself."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from p2pnode.bounds import TASK_STEPS_AT_ONCE
from protocols.errors import Refusal

from .command import Command, Group, with_session
from .output import say, short
from .session import Session
from .times import until

_DONE = {"confirm": "Confirmed", "pay": "Paid"}
_READY = {"confirm": "Nothing waits to be confirmed.", "pay": "Nothing is to be paid now."}
_CONFLICT = 6  # the exit status where some could not be carried out


def _command(verb: str, text: str) -> click.Command:
    @click.command(
        verb,
        cls=Command,
        help=text,
        example=f"p2pnode project {verb} 3f9a --all --dry-run\np2pnode project {verb} 3f9a 1 2 5",
    )
    @click.argument("listing")
    @click.argument("tasks", nargs=-1)
    @click.option("--all", "all_", is_flag=True, help="All that are ready for it.")
    @with_session
    def command(session: Session, listing: str, tasks: tuple[str, ...], all_: bool) -> None:
        if bool(tasks) == all_:
            raise Refusal("usage", "Which tasks?", "Name their numbers, as `p2pnode project show` does, or --all.")
        if session.dry_run:
            ready = [session.call("project.ready", listing=listing, step=verb, **named) for named in _some(tasks)]
            data = {"dry_run": True, "command": f"project.{verb}", **_joined(ready)}
            return session.emit(data, lambda: _print_ready(session, verb, data))
        data = _joined(list(_carried_out(session, verb, listing, tasks)))
        if session.wait is not None and (said := [row["number"] for row in data["tasks"] if not row["problem"]]):
            session.until(
                lambda shown: _has_come(shown, verb, said), _HOPED[verb], data, "project.show", listing=listing
            )
        session.emit(data, lambda: _print_done(session, verb, data))
        if any(row["problem"] for row in data["tasks"]):
            raise click.exceptions.Exit(_CONFLICT)

    return command


_HOPED = {"confirm": "known to all of them", "pay": "paid"}


def _some(tasks: tuple[str, ...]) -> Iterator[dict[str, tuple[str, ...]]]:
    """The arguments of each request: so many as the node takes at once; none named means all."""
    for start in range(0, len(tasks), TASK_STEPS_AT_ONCE):
        yield {"tasks": tasks[start : start + TASK_STEPS_AT_ONCE]}
    if not tasks:
        yield {}


def _carried_out(session: Session, verb: str, listing: str, tasks: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for named in _some(tasks):
        while True:
            answer = session.write(f"project.{verb}", listing=listing, **named)
            more = bool(answer["left"]) and any(not row["problem"] for row in answer["tasks"])
            yield answer if not more else {**answer, "tasks": [r for r in answer["tasks"] if not r["problem"]]}
            if not more:
                break


def _joined(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Several answers as one; of one task what was said of it last."""
    rows = {row["number"]: row for answer in answers for row in answer["tasks"]}
    joined = {**answers[-1], "tasks": list(rows.values())}
    if "pay" in joined:
        sums: dict[str, int] = {}
        for much in (much for answer in answers for much in answer["pay"]):
            sums[much["unit"]] = sums.get(much["unit"], 0) + much["amount"]
        joined["pay"] = [{"amount": amount, "unit": unit} for unit, amount in sums.items()]
    return joined


def _has_come(shown: dict[str, Any], verb: str, numbers: list[int]) -> bool:
    rows = [row for row in shown["tasks"] if row["number"] in numbers]
    return all(row["delivered"] and (verb == "confirm" or row["payment"] != "under way") for row in rows)


def _called(row: dict[str, Any]) -> str:
    return f"{row['number']}  {row['title']}" + (f", {row['who']}" if row["who"] else "")


def _print_ready(session: Session, verb: str, data: dict[str, Any]) -> None:
    if not data["tasks"]:
        return say(_READY[verb])
    for row in data["tasks"]:
        say(f"Would {verb}: {_called(row)}")
    more = f", and {data['left']} more" if data["left"] else ""
    sums = " and ".join(session.money(much) for much in data["pay"])
    say(f"{len(data['tasks'])} in all{more}{f': {sums}' if sums else ''}. Nothing was done.")


def _print_done(session: Session, verb: str, data: dict[str, Any]) -> None:
    if not data["tasks"]:
        return say(_READY[verb])
    failed = [row for row in data["tasks"] if row["problem"]]
    for row in data["tasks"]:
        if not row["problem"]:
            say(f"{_DONE[verb]}{' before' if row['before'] else ''}: {_called(row)}")
    for row in failed:
        say(f"Not {_DONE[verb].lower()}: {_called(row)}: {row['problem']}")
        if row["hint"] and not session.plain:
            say(f"  {row['hint']}")
    if failed and len(failed) < len(data["tasks"]) and not session.plain:
        say("The others stand. The same command again does nothing twice.")
    elif verb == "confirm" and not failed and not session.plain:
        say(f"Next: p2pnode project pay {short(data['listing_id'])} --all  (if they are paid for)")


COMMANDS = (
    _command(
        "confirm",
        """Confirm several tasks of your own project: those with these numbers, or all that are done.

        TASKS are numbers as `project show` names them, or ids of their exchanges. What is refused for one does not
        hold up the others; the exit status is 6 then.
        """,
    ),
    _command(
        "pay",
        """Pay several tasks of your own project: those with these numbers, or all that are confirmed and to be paid.

        TASKS are numbers as `project show` names them, or ids of their exchanges. Each is a payment of its own: what
        is refused for one does not hold up the others; the exit status is 6 then.
        """,
    ),
)


def add_to(group: Group) -> None:
    for command in COMMANDS:
        group.add_command(command)


def print_besides(rows: Sequence[dict[str, Any]], now: int) -> None:
    """Who had a task that is free again, and who has one besides the one whom its row names."""
    for row in rows:
        if late := row.get("late"):
            had = f"{late['who']} had it {until(late['until'], now)}"
            say(f"{row['title']} can be claimed again: {had}, and did not do it.")
        for also in row.get("also") or ():
            has = f"{also['who']} has it, too ({also['state']})"
            say(f"{row['title']}: {has}, by exchange {short(also['exchange_id'])}.")
