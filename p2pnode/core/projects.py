"""Our projects: split into tasks that neighbours claim themselves, and what has come of each.

A task is a listing of its own. What a line of the table became is remembered by its number, in the batch that holds the
listing, so that a split can be broken off and run again. Who claims first gets it, since the listing says so
(`instant`); while somebody has it the listing is paused, so that others see it is taken, and it is to be had again when
that one cancels, or is made to.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import blake2b
from typing import Any, NamedTuple

from dht.keys import slot_hash
from p2pnode import commands
from p2pnode.project_arguments import ForeseeSplit, Line, OneProject, Split
from p2pnode.tasks import task_name
from protocols.amounts import parse_price
from protocols.codec import decode, encode
from protocols.duties import OVER, DutyState, Missed
from protocols.envelope import Record
from protocols.errors import Refusal
from protocols.exchange import NEGOTIATING, Exchange, Status
from protocols.fact import Fact
from protocols.labels import parse_labels
from protocols.listing import Listing
from protocols.payments import UNDER_WAY, Payment
from protocols.steps import parse_step
from protocols.terms import Duty

from .exchanges import Exchanges
from .held import Held, step_payload
from .keys import TASK
from .listings import Listings
from .standing_rules import StandingRules
from .state import Network, State
from .tending import Tending

KIND = "task"
_OVER = frozenset({Status.SETTLED, Status.CLOSED})


class Task(NamedTuple):
    """What a line became. project: 16 bytes, id of its listing; price: as typed; line: digest of all that it said."""

    network: bytes
    name: bytes
    project: bytes
    number: int
    title: str
    price: str
    line: bytes


class Projects:
    def __init__(self, state: State, exchanges: Exchanges, listings: Listings, rules: StandingRules) -> None:
        self._state = state
        self._exchanges = exchanges
        self._listings = listings
        self._tasks: dict[tuple[bytes, bytes], Task] = {}
        for key, value in state.journal.scan(TASK):
            task = Task(key[1:17], key[17:], *decode(value))
            self._tasks[task.network, task.name] = task
        rules.undecided = self.undecided

    # Commands

    def foresee(self, args: ForeseeSplit, now: int) -> dict[str, Any]:
        """Whether there is room, and what all tasks together will cost. `Refusal` for a price that is none."""
        network, record, listing, project = self.project(args.listing, args.network)
        there = [t for t in self.of(network, project) if t.number <= args.count]
        genesis, pay = network.genesis, dict[str, int]()
        for text, times in args.prices.items():
            price = parse_price(text, genesis.unit, genesis.decimals) if text else None
            if price is not None:
                pay[price.unit] = pay.get(price.unit, 0) + price.amount * times
        return {
            "listing_id": slot_hash(record.slot).hex(),
            "network": network.id.hex(),
            "title": listing.title,
            "there": len(there),
            "missing": args.count - len(there),
            "room": self._listings.room(network, listing.area),
            "quota": genesis.listings_per_author,
            "pay": [{"amount": amount, "unit": unit} for unit, amount in sorted(pay.items())],
            "spendable": {"amount": max(0, network.chain.state.figures.spendable), "unit": genesis.unit},
        }

    def split(self, args: Split, now: int) -> dict[str, Any]:
        """Publish what is not there yet, all of it or nothing."""
        network, record, listing, project = self.project(args.listing, args.network)
        if len({line.number for line in args.tasks}) < len(args.tasks):
            raise Refusal("usage", "a number is named twice", "Each line of the table is a task of its own.")
        new, changed = [], []
        for line in args.tasks:
            name = task_name(project, line.number)
            known = self._tasks.get((network.id, name))
            if known is None:
                new.append((name, line))
            elif known.line != _digest(line):
                changed.append(line.number)
        until = self._listings.ends_at(args.until, now)
        part = slot_hash(record.slot).hex()
        wanted = [(name, _publish(line, part, listing.area, args)) for name, line in new]
        made = self._listings.ready(network, wanted, until, now)
        for name, line in new:
            self._remember(Task(network.id, name, project, line.number, line.title, line.price, _digest(line)))
        rows = self._listings.put_up(network, made, now)
        return {
            "listing_id": part,
            "published": [
                {"number": line.number, "listing_id": row["listing_id"]}
                for (_, line), row in zip(new, rows, strict=True)
            ],
            "there": len(args.tasks) - len(new),
            "changed": changed,
        }

    def show(self, args: OneProject, now: int) -> dict[str, Any]:
        network, record, listing, project = self.project(args.listing, args.network)
        about = self.about_all(network)
        rows = [self.row(network, task, about.get(task.name, ()), now) for task in self.of(network, project)]
        counts = dict.fromkeys(
            ("free", "asked", "claimed", "overdue", "done", "contested", "confirmed", "withdrawn"), 0
        )
        paid, owed = dict[str, int](), dict[str, int]()
        for row in rows:
            counts[row["state"]] += 1
            for sums, key in ((paid, "paid"), (owed, "owed")):
                for unit, amount in row.pop(key).items():
                    sums[unit] = sums.get(unit, 0) + amount
        return {
            "listing_id": slot_hash(record.slot).hex(),
            "network": network.id.hex(),
            "title": listing.title,
            "tasks": rows,
            "counts": counts,
            "paid": [{"amount": amount, "unit": unit} for unit, amount in sorted(paid.items())],
            "owed": [{"amount": amount, "unit": unit} for unit, amount in sorted(owed.items())],
        }

    def results(self, args: OneProject, now: int) -> dict[str, Any]:
        """What was confirmed, by number; of each what was said and signed last."""
        network, record, listing, project = self.project(args.listing, args.network)
        found, waiting, every = [], [], self.about_all(network)
        for task in self.of(network, project):
            about = every.get(task.name, ())
            row, held = self.row(network, task, about, now), self.standing(about, now)
            if row["state"] != "confirmed" or held is None:
                waiting.append({key: row[key] for key in ("number", "title", "state", "who")})
                continue
            step = _last_word(self._done(held, now))
            found.append({**{key: row[key] for key in ("number", "title", "who", "exchange_id")}, **step})
        return {
            "listing_id": slot_hash(record.slot).hex(),
            "title": listing.title,
            "results": found,
            "waiting": waiting,
        }

    # What happens by itself

    def undecided(self, held: Held, now: int) -> None:
        """A proposal that has just arrived: if it is for a task that somebody has, it is declined, so that the claimer
        goes on to the next. What is not as the task says waits for our user, as any proposal does."""
        task = self._tasks.get((held.network, held.first.name))
        view = self._exchanges.view(held, now)
        if task is None or held.first.responder != self._state.me or view.status not in NEGOTIATING:
            return
        network = self._state.networks[held.network]
        current = self._listings.current(network, self._state.me, task.name)
        if self.standing(self._about(network, task.name), now) is not None:
            why = "Somebody else has this task"
        elif current is None or current[1].paused or current[0].id != held.first.listing:
            why = "This task is not to be had as it was"
        else:
            return
        with suppress(Refusal):
            self._exchanges.say(held, "decline", view.terms_fact.id, step_payload(why), now)

    def changed(self, held: Held, now: int) -> None:
        """An exchange has changed: its task is taken, to be had again, or over. Never raises."""
        task = self._tasks.get((held.network, held.first.name))
        if task is None or held.first.responder != self._state.me:
            return
        view = self._exchanges.view(held, now)
        if not view.agreed:
            return
        network = self._state.networks[held.network]
        standing = self.standing(self._about(network, task.name), now)
        with suppress(Refusal):
            if standing is not None and self._exchanges.view(standing, now).status in _OVER:
                self._listings.end(network, task.name, now)
            else:
                self._tending.set_paused(network, task.name, standing is not None, now)

    # Parts

    @property
    def _tending(self) -> Tending:
        return self._listings.tending

    def project(self, text: str, network: str | None) -> tuple[Network, Record, Listing, bytes]:
        place, record, listing = self._listings.own(text, network)
        if parse_labels(listing.tags).part:
            raise Refusal("usage", "this listing is itself a task of a project", "Name the project's.")
        return place, record, listing, slot_hash(record.slot)

    def has(self, network: Network, name: bytes) -> bool:
        """Whether a listing of ours is a task of a project."""
        return (network.id, name) in self._tasks

    def of(self, network: Network, project: bytes) -> list[Task]:
        return sorted((t for t in self.all(network) if t.project == project), key=lambda t: t.number)

    def all(self, network: Network) -> list[Task]:
        return [t for t in self._tasks.values() if t.network == network.id]

    def _remember(self, task: Task) -> None:
        self._tasks[task.network, task.name] = task
        row = [task.project, task.number, task.title, task.price, task.line]
        self._state.journal.put(TASK + task.network + task.name, encode(row))

    def _about(self, network: Network, name: bytes) -> list[Held]:
        """The exchanges about one task of ours."""
        me, every = self._state.me, self._exchanges.held.values()
        return [h for h in every if h.network == network.id and (h.first.responder, h.first.name) == (me, name)]

    def about_all(self, network: Network) -> dict[bytes, list[Held]]:
        """The exchanges about all tasks of ours, by the names of these."""
        found: dict[bytes, list[Held]] = {}
        for held in self._exchanges.held.values():
            if (network.id, held.first.name) in self._tasks and held.first.responder == self._state.me:
                found.setdefault(held.first.name, []).append(held)
        return found

    def standing(self, about: Iterable[Held], now: int) -> Held | None:
        """The exchange by which somebody has a task, or has done it."""
        return next(self._all_standing(about, now), None)

    def _all_standing(self, about: Iterable[Held], now: int) -> Iterator[Held]:
        """Several, where a word in time came after the task was freed and somebody else had it."""
        for held in about:
            view = self._exchanges.view(held, now)
            if view.agreed and not view.came_to_nothing:
                yield held

    def row(self, network: Network, task: Task, about: Iterable[Held], now: int) -> dict[str, Any]:
        every = [*self._all_standing(about, now)]
        held = every[0] if every else None
        row: dict[str, Any] = {
            "number": task.number,
            "title": task.title,
            "listing_id": slot_hash((self._state.me, "listing", task.name)).hex(),
            "state": "free",
            "who": None,
            "exchange_id": None,
            "until": None,
            "again": False,
            "late": None,
            "also": [self._also(other, now) for other in every[1:]],
            "payment": None,
            "delivered": True,
            "paid": {},
            "owed": {},
        }
        if held is not None:
            view = self._exchanges.view(held, now)
            row["who"] = self._state.directory.name(view.counterparty(self._state.me))
            row["exchange_id"] = held.id.hex()
            row["state"], row["until"] = self.state_of(held, now)
            row["again"] = row["state"] == "contested" and len(self._done(held, now)) > _contests(held, view)
            row["delivered"] = self._exchanges.delivered(held, now)
            row["payment"] = _payment(view, self._state.me)
            row["paid"], owed = _pay(view, self._state.me)
            row["owed"] = owed if row["state"] == "confirmed" else {}  # nobody need pay for what is contested
        elif any(self._exchanges.view(h, now).status in NEGOTIATING for h in about):
            row["state"] = "asked"
        elif not self._listings.is_mine(network, task.name):
            row["state"] = "withdrawn"
        else:
            row["late"] = self._late(about, now)
        return row

    def _also(self, held: Held, now: int) -> dict[str, Any]:
        """Who has a task besides the one whom its row names, and how far he has come."""
        who = self._state.directory.name(self._exchanges.view(held, now).counterparty(self._state.me))
        return {"who": who, "exchange_id": held.id.hex(), "state": self.state_of(held, now)[0]}

    def _late(self, about: Iterable[Held], now: int) -> dict[str, Any] | None:
        """Who had a task that is free last and did not do it in time, and until when that was, ms."""
        held = max(about, key=lambda h: (h.began_at, h.id), default=None)
        view = None if held is None else self._exchanges.view(held, now)
        missed = None if view is None else missed_work(view, self._state.me)
        if held is None or view is None or missed is None:
            return None
        who = self._state.directory.name(view.counterparty(self._state.me))
        return {"who": who, "exchange_id": held.id.hex(), "until": missed.until}

    def state_of(self, held: Held, now: int) -> tuple[str, int | None]:
        """One word for how far a claimed task has come, and until when it is to be done, ms."""
        view = self._exchanges.view(held, now)
        duty = work(view, self._state.me)
        if duty is None:
            return "claimed", None
        state = view.duties[duty.id]
        until = view.deadlines.get(duty.id)
        late = state is DutyState.DEFAULTED or (until is not None and until < now)
        words = {DutyState.DONE: "done", DutyState.CONTESTED: "contested"}
        if state in (DutyState.PENDING, DutyState.DEFAULTED):
            return ("overdue" if late else "claimed"), until
        return words.get(state, "confirmed"), None

    def _done(self, held: Held, now: int) -> list[Fact]:
        """What was said to be done of a task, the newest last."""
        view = self._exchanges.view(held, now)
        duty = work(view, self._state.me)
        said = [f for f in held.facts.values() if f.kind == "done" and f.author != self._state.me]
        said = [f for f in said if duty is not None and parse_step(f).duty == duty.id]
        return sorted(said, key=lambda f: (f.at, f.id))


def _publish(line: Line, part: str, area: str, args: Split) -> commands.Publish:
    return commands.Publish(
        direction="request", kind=KIND, title=line.title, text=line.text, price=line.price or None, quantity=1,
        area=area, part_of=part, instant=True, until=args.until, network=args.network,
    )  # fmt: skip


def _digest(line: Line) -> bytes:
    return blake2b(encode([line.number, line.title, line.text, line.price]), digest_size=16).digest()


def work(view: Exchange, me: bytes) -> Duty | None:
    """What the claimer owes us."""
    paid = {d.id for d in view.terms.payments}
    return next((d for d in view.terms.duties if d.receiver == me and d.id not in paid and not d.along), None)


def missed_work(view: Exchange, organiser: bytes) -> Missed | None:
    """How the work of a task was not done in time and came to nothing by that, or None."""
    duty = work(view, organiser)
    return view.missed.get(duty.id) if duty is not None and view.came_to_nothing else None


def _contests(held: Held, view: Exchange) -> int:
    return sum(f.kind == "contest" and f.author == view.terms.responder for f in held.facts.values())


def _pay(view: Exchange, me: bytes) -> tuple[dict[str, int], dict[str, int]]:
    """What we have paid for a task, and what we still owe now that it is confirmed: minor units by unit."""
    paid, owed = dict[str, int](), dict[str, int]()
    for duty in view.terms.payments:
        if duty.provider != me or duty.on:
            continue
        state, ledger = view.duties[duty.id], view.payments.get(duty.id)
        if ledger is Payment.SETTLED or (ledger is None and state in (DutyState.DONE, DutyState.CONFIRMED)):
            paid[duty.unit] = paid.get(duty.unit, 0) + duty.amount
        elif view.due(duty) and state is DutyState.PENDING:
            owed[duty.unit] = owed.get(duty.unit, 0) + duty.amount
    return paid, owed


def _payment(view: Exchange, me: bytes) -> str | None:
    """How far what we pay for a task has come, in a word; None if nothing is paid for it."""
    mine = [d for d in view.terms.payments if d.provider == me and not d.on]
    known = {view.payments.get(d.id) for d in mine}
    if not mine:
        return None
    if known & {*UNDER_WAY}:
        return "under way"
    if Payment.RELEASED in known:
        return "called off"
    if all(view.duties[d.id] in (*OVER, DutyState.DONE) for d in mine):
        return "paid"
    return "due" if any(view.due(d) and view.duties[d.id] is DutyState.PENDING for d in mine) else "later"


def _last_word(done: list[Fact]) -> dict[str, Any]:
    """The hash of the result that was signed last, and the text of the last that has one."""
    steps = [parse_step(f) for f in done]
    return {
        "hash": next((s.result.hex() for s in reversed(steps) if s.result), None),
        "text": next((s.text for s in reversed(steps) if s.text), None),
        "at": done[-1].at if done else None,
    }
