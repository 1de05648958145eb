"""What our user does with several tasks of a project at once, and what becomes of a task that is overdue.

Each task is an exchange of its own, so each step counts by itself: what is refused for one does not hold up the others,
and all of it can be said again. A task that was claimed and not done in time is free again by itself: it is signed that
it was not done, a while after its time, since a word that was said in time may be under way.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

from dht.keys import slot_hash
from p2pnode import amending_arguments, commands
from p2pnode.bounds import TASK_FREED_AFTER, TASK_HEARD_FOR, TASK_STEPS_AT_ONCE
from p2pnode.project_arguments import OfTasks, OneProject, ReadyTasks
from protocols.errors import Refusal
from protocols.exchange import OPEN

from .exchanges import Exchanges
from .held import Held
from .projects import Projects, Task
from .state import Network, State

Row = dict[str, Any]
Step = Literal["confirm", "pay"]
_NAMED = ("number", "title", "who", "exchange_id")


class TaskSteps:
    def __init__(self, state: State, exchanges: Exchanges, projects: Projects) -> None:
        self._state = state
        self._exchanges = exchanges
        self._projects = projects
        self.default: Callable[[amending_arguments.OfDuty, int], object]  # set by the table of handlers, as these:
        self.cancel: Callable[[commands.Step, int], object]
        self.confirm_one: Callable[[commands.Did, int], object]
        self.pay_one: Callable[[commands.Pay, int], object]
        self._late_since: dict[bytes, int] = {}  # exchange of a task that is overdue → when this run saw it first, ms

    # Commands

    def ready(self, args: ReadyTasks, now: int) -> Row:
        """Which tasks a step would be taken for, and what they cost."""
        project, chosen, left = self._chosen(args, args.step, now)
        owed: dict[str, int] = {}
        for row in chosen if args.step == "pay" else ():
            for unit, amount in row["owed"].items():
                owed[unit] = owed.get(unit, 0) + amount
        return {
            **project,
            "step": args.step,
            "tasks": [{key: row[key] for key in (*_NAMED, "state")} for row in chosen],
            "left": left,
            "pay": [{"amount": amount, "unit": unit} for unit, amount in sorted(owed.items())],
        }

    def confirm(self, args: OfTasks, now: int) -> Row:
        return self._each(args, "confirm", lambda id_: self.confirm_one(commands.Did(id=id_), now), now)

    def pay(self, args: OfTasks, now: int) -> Row:
        return self._each(args, "pay", lambda id_: self.pay_one(commands.Pay(id=id_), now), now)

    def free(self, args: OneProject, now: int) -> Row:
        """Say of what is overdue that it was not done, and end it: the task is to be had again."""
        network, _, _, project = self._projects.project(args.listing, args.network)
        late = self._late(network, self._projects.of(network, project), now)
        if not late:
            raise Refusal(
                "conflict", "no task is overdue", "`p2pnode project show` says until when each is to be done."
            )
        steps = [self._words(held, now) for _, held in late]
        for (_, held), more in zip(late, steps, strict=True):
            self._exchanges.check_room(held, more, besides=sum(steps) - more)
        freed = []
        for task, held in late:
            who = self._state.directory.name(self._exchanges.view(held, now).counterparty(self._state.me))
            self._end(held, now)
            freed.append({"number": task.number, "title": task.title, "who": who, "exchange_id": held.id.hex()})
        return {"freed": freed}

    # What happens by itself

    def woke(self, now: int) -> None:
        """Called now and then: what has been overdue for a while is free again. What cannot be said is tried again."""
        late = [held for n in self._state.joined for _, held in self._late(n, self._projects.all(n), now)]
        self._late_since = {held.id: self._late_since.get(held.id, now) for held in late}
        due = [held for held in late if self._free_at(held, now) <= now]
        for held in due[:TASK_STEPS_AT_ONCE]:
            with suppress(Refusal):
                self._exchanges.check_room(held, self._words(held, now))
                self._end(held, now)

    def _free_at(self, held: Held, now: int) -> int:
        """When an overdue task is free, ms: so long after its time, which a start of this node does not change. Who
        was off or asleep until then first hears what was said meanwhile."""
        until = self._projects.state_of(held, now)[1] or 0
        return max(until + TASK_FREED_AFTER, self._late_since[held.id] + TASK_HEARD_FOR)

    # Parts

    def _each(self, args: OfTasks, step: Step, say: Callable[[str], object], now: int) -> Row:
        project, chosen, left = self._chosen(args, step, now)
        tasks = []
        for row in chosen:
            before, refused = _is_over(row, step), None
            try:
                if row["exchange_id"] is None:
                    raise Refusal("conflict", "nobody has this task", "`p2pnode project show` says how it stands.")
                if not before:
                    say(row["exchange_id"])
            except Refusal as e:  # of this one: each stands for itself, and refuses before it changes anything
                refused = e
            problem = {"problem": refused.message if refused else None, "hint": refused.hint if refused else None}
            tasks.append({**{key: row[key] for key in _NAMED}, "before": before, **problem})
        return {**project, "step": step, "tasks": tasks, "left": left}

    def _chosen(self, args: OfTasks, step: Step, now: int) -> tuple[Row, list[Row], int]:
        """Which project it is, the tasks that are meant, and how many more are ready than are taken at once."""
        network, record, listing, project = self._projects.project(args.listing, args.network)
        of = {"listing_id": slot_hash(record.slot).hex(), "network": network.id.hex(), "title": listing.title}
        about = self._projects.about_all(network)
        rows = [
            self._projects.row(network, task, about.get(task.name, ()), now)
            for task in self._projects.of(network, project)
        ]
        if args.tasks:
            found = {row["number"]: row for row in (_named(rows, text) for text in args.tasks)}
            return of, list(found.values()), 0
        ready = [row for row in rows if _is_ready(row, step)]
        return of, ready[:TASK_STEPS_AT_ONCE], max(0, len(ready) - TASK_STEPS_AT_ONCE)

    def _late(self, network: Network, tasks: Sequence[Task], now: int) -> list[tuple[Task, Held]]:
        """The tasks that somebody has and has not done in time, with the exchange by which he has each."""
        about = self._projects.about_all(network) if tasks else {}
        standing = [(task, self._projects.standing(about.get(task.name, ()), now)) for task in tasks]
        pairs = [(task, held) for task, held in standing if held is not None]
        return [(task, held) for task, held in pairs if self._projects.state_of(held, now)[0] == "overdue"]

    def _words(self, held: Held, now: int) -> int:
        """How many words it takes at most to end it."""
        return len(self._exchanges.view(held, now).overdue(now)) + 1

    def _end(self, held: Held, now: int) -> None:
        if self._exchanges.view(held, now).overdue(now):
            self.default(amending_arguments.OfDuty(id=held.id.hex()), now)
        if self._exchanges.view(held, now).status in OPEN:
            self.cancel(commands.Step(id=held.id.hex()), now)


def _named(rows: list[Row], text: str) -> Row:
    """The task that a number means, or the beginning of the id of its listing or exchange."""
    numbered = [row for row in rows if text == str(row["number"])]
    wanted = text.lower()
    found = numbered or [
        row for row in rows if row["listing_id"].startswith(wanted) or (row["exchange_id"] or "").startswith(wanted)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise Refusal("conflict", f"{len(found)} tasks start with {text}", "Give its number.")
    raise Refusal("not_found", f"no task {text} in this project", "`p2pnode project show` numbers them.")


def _is_ready(row: Row, step: Step) -> bool:
    if step == "confirm":
        return row["state"] == "done" or bool(row["again"])
    return row["state"] == "confirmed" and row["payment"] in ("due", "called off")


def _is_over(row: Row, step: Step) -> bool:
    return row["state"] == "confirmed" if step == "confirm" else row["payment"] in ("paid", "under way")
