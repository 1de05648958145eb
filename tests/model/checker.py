"""Breadth-first over every reachable state of a `Model`; the first violation found has the shortest trace.

A state is (disks of the two sides, set of everything ever sent). Checked in each:
safety     what an honest party regards as final is the outcome of the union of everything signed; nobody honest signs
           two entries in one place or two for one step; every honest chain passes an audit (so no limit is overdrawn);
           money is neither made nor lost
liveness   (both honest) unless all is closed, sending what is outstanding and delivering it, whatever was under way
           being lost, changes a disk. A disk grows by a bounded number of entries, so every fair run ends closed.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from sys import intern
from typing import NamedTuple

from ledger.entry import Entry
from ledger.halves import check_half
from ledger.settlement import Deal
from ledger.tokens import Token
from protocols.errors import Reject
from protocols.identity import Signer

from .world import EARLY, LATE, Bug, Disk, Node, Plan, Rules, Step, fresh, parsed, said_in, unsound

CHOICES = ("accept", "release")


class State(NamedTuple):
    disks: tuple[Disk, ...]
    sent: int  # a bit for each message


class Found(NamedTuple):
    """The result: how many states, and the shortest way to a violation, or none."""

    states: int
    violation: str = ""
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        steps = "\n".join(f"  {i + 1:2d}. {s}" for i, s in enumerate(self.trace))
        return f"{self.states} states: {self.violation or 'ok'}" + (f"\n{steps}" if steps else "")


Forger = Callable[[tuple[Entry, ...]], list[bytes]]
"""What a dishonest party can sign, given all the entries that it can know."""


class Model:
    """people: who takes part, with endowments; bad: who signs whatever it likes (`forger` says what)."""

    in_order = False  # whether a plan begins only after those before it: enough where they differ by their ids alone
    eager = False  # whether what can be forged is added by `closed`, and not move by move

    def __init__(
        self,
        people: tuple[tuple[Signer, int, str], ...],
        plans: tuple[Plan, ...],
        *,
        rules: Rules | None = None,
        bad: bytes = b"",
        forger: Forger | None = None,
        clocks: tuple[int, ...] = (EARLY, LATE),
    ) -> None:
        self.rules = rules or Rules()
        self.nodes = [Node(signer, self.rules) for signer, _, _ in people]
        self.deal = self.nodes[0].deal
        self.names = {signer.author: name for signer, _, name in people}
        self.place = {signer.author: i for i, (signer, _, _) in enumerate(people)}
        self.begin = State(tuple(fresh(signer, endowment) for signer, endowment, _ in people), 0)
        self.plans, self.bad, self.forger, self.clocks = plans, bad, forger, clocks
        self._index: dict[bytes, int] = {}
        self._messages: list[bytes] = []
        self._alive: dict[tuple[Disk, ...], str] = {}
        self._forged: dict[tuple[bytes, ...], int] = {}
        self._safe: dict[tuple[tuple[Disk, ...], int], str] = {}
        self._verdicts: dict[tuple[frozenset[bytes], frozenset[bytes]], str] = {}
        self._valid: dict[bytes, bool] = {}
        self._under_way: dict[tuple[int, bytes], list[bytes]] = {}
        self._bad: int = 0  # a bit for each message of somebody dishonest, as far as they are counted
        self._counted = 0

    def check(self, liveness: bool = True, most: int = 5_000_000) -> Found:
        self.liveness = liveness and not self.bad
        begin = self.closed(self.begin)
        first = self.key(begin)
        before: dict[Hashable, tuple[Hashable, str] | None] = {first: None}
        queue = deque([(first, begin)])
        while queue:
            key, state = queue.popleft()
            try:
                violation = self.violation(state)
                if violation:
                    return Found(len(before), violation, trace_to(before, key))
                for label, after in self.moves(state):
                    after = self.closed(after)
                    new = self.key(after)
                    if new not in before:
                        before[new] = (key, intern(label))
                        queue.append((new, after))
            except Bug as e:
                return Found(len(before), f"the machine contradicts itself: {e}", trace_to(before, key))
            if len(before) > most:
                raise AssertionError(f"more states than expected: {len(before)}, {len(queue)} not yet looked into")
        self.seen = before.keys()
        return Found(len(before))

    def key(self, state: State) -> Hashable:
        """What a state is remembered by. States with one key behave alike: only the first one found is followed."""
        return state

    def closed(self, state: State) -> State:
        """The state with what is added to every state."""
        return state

    def moves(self, state: State) -> Iterator[tuple[str, State]]:
        for i, plan in enumerate(self.plans):
            place = self.place[plan.payer]
            begun = dict(state.disks[place].deals)
            if plan.payer == self.bad or plan.id in begun:
                continue
            if self.in_order and any(p.id not in begun for p in self.plans[:i]):
                continue
            for now in self.clocks:
                step = self.nodes[place].begin(state.disks[place], plan, now)
                yield from self.taken(state, place, step, f"begins deal {plan.id[:1].hex()} {at(now)}")
        for place, node in enumerate(self.nodes):
            if node.signer.author == self.bad:
                continue
            yield "resends", State(state.disks, state.sent | self.mask(node.outstanding(state.disks[place])))
            for data in self.under_way(state, node.signer.author):
                for now in self.clocks:
                    for choice in CHOICES if parsed(data).kind == "PAY_PROPOSE" else CHOICES[:1]:
                        step = node.arrived(state.disks[place], data, now, choice)
                        policy = f", {choice}" if parsed(data).kind == "PAY_PROPOSE" else ""
                        yield from self.taken(state, place, step, f"gets {self.told(data)} {at(now)}{policy}")
            if self.rules.cancels_alone:
                for id, stored in state.disks[place].deals:
                    if self.deal(stored).state == "proposed":
                        step = node.cancel(state.disks[place], id)
                        yield from self.taken(state, place, step, "cancels on a time-out")
        if self.forger is not None and not self.eager:
            can = self.forgeries(state) & ~state.sent
            for i in range(can.bit_length()):
                if can >> i & 1:
                    label = f"{self.names[self.bad]} signs {self.told(self._messages[i])}"
                    yield label, State(state.disks, state.sent | 1 << i)

    def taken(self, state: State, place: int, step: Step, label: str) -> Iterator[tuple[str, State]]:
        """A step to its end, or with a crash after its batch; in the mutants, with the crash elsewhere."""
        label = f"{self.names[self.nodes[place].signer.author]} {label}"
        if step.rejected and not self.bad:
            raise Bug(f"{label}: an honest message is called dishonest, {step.rejected}")
        old = state.disks[place]
        disks = replaced(state.disks, place, step.disk)
        sends = self.mask(step.sends)
        yield label, State(disks, state.sent | sends)
        if step.disk == old:
            return
        if self.rules.batch_first:
            yield f"{label}, crash before sending", State(disks, state.sent)
        else:
            yield f"{label}, sends, crash before the batch", State(state.disks, state.sent | sends)
        if not self.rules.deal_in_batch:
            half = step.disk._replace(deals=old.deals)
            yield f"{label}, crash before the deal is stored", State(replaced(state.disks, place, half), state.sent)

    def mask(self, messages: tuple[bytes, ...]) -> int:
        bits = 0
        for data in messages:
            if data not in self._index:
                self._index[data] = len(self._messages)
                self._messages.append(data)
            bits |= 1 << self._index[data]
        return bits

    def sent(self, state: State) -> list[bytes]:
        return [self._messages[i] for i in range(state.sent.bit_length()) if state.sent >> i & 1]

    def parties(self, disks: tuple[Disk, ...]) -> tuple[Disk, ...]:
        return disks

    def entries(self, state: State) -> list[bytes]:
        return self.sent(state)

    def under_way(self, state: State, to: bytes) -> list[bytes]:
        if (state.sent, to) not in self._under_way:
            self._under_way[state.sent, to] = [m for m in self.entries(state) if parsed(m).author != to]
        return self._under_way[state.sent, to]

    def forgeries(self, state: State) -> int:
        assert self.forger is not None
        seen = tuple(self.entries(state))
        if seen not in self._forged:
            self._forged[seen] = self.mask(tuple(self.forger(tuple(parsed(m) for m in seen))))
        return self._forged[seen]

    def told(self, data: bytes) -> str:
        entry, said = parsed(data), said_in(data)
        assert said is not None
        return f"{entry.kind}({said.deal[:1].hex()}, {said.amount}, {at(entry.at)}, #{self._index[data]})"

    def violation(self, state: State) -> str:
        for i in range(self._counted, len(self._messages)):
            self._bad |= self.is_bad(self._messages[i]) << i
        self._counted = len(self._messages)
        key = (state.disks, state.sent & (self._bad if self.rules.batch_first else -1))
        if key not in self._safe:
            self._safe[key] = self.unsafe(state)
        return self._safe[key] or (self.stuck(state.disks) if self.liveness else "")

    def is_bad(self, data: bytes) -> bool:
        return parsed(data).author == self.bad

    def unsafe(self, state: State) -> str:
        signed = {d for disk in self.parties(state.disks) for d in disk.entries} | set(self.entries(state))
        places: dict[tuple[bytes, int], bytes] = {}
        steps: dict[tuple[bytes, str, bytes], bytes] = {}
        for data in signed:
            entry = parsed(data)
            if entry.author == self.bad:
                continue
            said = None if entry.kind == "INCEPT" else said_in(data)
            if places.setdefault((entry.author, entry.seq), entry.id) != entry.id:
                return f"{self.names[entry.author]} forked its chain at entry {entry.seq}"
            if said and steps.setdefault((entry.author, entry.kind, said.deal), entry.id) != entry.id:
                return f"{self.names[entry.author]} signed {entry.kind} twice in one deal"
        for shown, tokens in self.views(state):
            mistaken = self.mistaken(state, shown, tokens)
            if mistaken:
                return mistaken
        for node, disk in zip(self.nodes, self.parties(state.disks), strict=True):
            author = node.signer.author
            for problem in () if author == self.bad else unsound(disk, author):
                return f"the chain of {self.names[author]} is unsound: {problem}"
        return "" if self.bad else self.made_money(self.parties(state.disks))

    def views(self, state: State) -> Iterator[tuple[set[bytes], list[Token]]]:
        """What somebody may have seen who has seen all that honest people signed: here simply all that was signed."""
        yield (
            {d for disk in self.parties(state.disks) for d in disk.entries} | set(self.entries(state)),
            self.tokens(state),
        )

    def mistaken(self, state: State, shown: set[bytes], tokens: list[Token]) -> str:
        """Whether somebody honest holds something to be final that this evidence does not say."""
        by_deal: dict[bytes, list[Entry]] = {}
        for data in shown:
            entry = parsed(data)
            said = None if entry.kind == "INCEPT" else said_in(data)
            if said is not None and self.holds(data):
                by_deal.setdefault(said.deal, []).append(entry)
        for node, disk in zip(self.nodes, self.parties(state.disks), strict=True):
            author = node.signer.author
            if author == self.bad:
                continue
            for id, stored in disk.deals:
                deal = self.deal(stored)
                final = "settled" if deal.settled else "cancelled" if deal.closed else ""
                verdict = self.verdict(by_deal.get(id, []), tokens)
                if final and final != verdict and not self.may_err(deal):
                    return f"{self.names[author]} holds deal {id[:1].hex()} to be {final}, the evidence says {verdict}"
        return ""

    def verdict(self, entries: list[Entry], tokens: list[Token]) -> str:
        key = (frozenset(e.id for e in entries), frozenset(t.wire for t in tokens))
        if key not in self._verdicts:
            self._verdicts[key] = self.rules.evidence.outcome(entries, tokens)
        return self._verdicts[key]

    def tokens(self, state: State) -> list[Token]:
        return []

    def may_err(self, deal: Deal) -> bool:
        return False

    def holds(self, data: bytes) -> bool:
        """Whether this entry counts as evidence: its halves and their signatures are right."""
        if data not in self._valid:
            entry, said = parsed(data), said_in(data)
            try:
                assert said is not None
                check_half(entry, said)
                self._valid[data] = True
            except Reject:
                self._valid[data] = False
        return self._valid[data]

    def made_money(self, disks: tuple[Disk, ...]) -> str:
        """Between honest parties: balances and payments on their way sum to zero, holds are open proposals."""
        total = 0
        for disk in disks:
            total += parsed(disk.entries[-1]).balance
            deals = [self.deal(stored) for _, stored in disk.deals]
            held = sum(d.amount for d in deals if d.payer and d.state in ("proposed", "requested"))
            if parsed(disk.entries[-1]).hold != held:
                return f"hold is {parsed(disk.entries[-1]).hold}, open proposals are {held}"
            for d in deals:
                other = dict(disks[self.place[d.counterparty]].deals).get(d.id)
                there = other is not None and self.deal(other).state == "settled"
                total += d.amount if d.payer and d.settled and not there else 0
        return f"balances and payments under way sum to {total}" if total else ""

    def stuck(self, disks: tuple[Disk, ...]) -> str:
        if disks not in self._alive:
            self._alive[disks] = self.is_stuck(disks)
        return self._alive[disks]

    def is_stuck(self, disks: tuple[Disk, ...]) -> str:
        deals = [{id: self.deal(stored) for id, stored in disk.deals} for disk in disks]
        known = {id for each in deals for id in each}
        if all(id in each and each[id].closed for id in known for each in deals):
            receipts = {id: {each[id].receipt for each in deals} for id in known}
            return next((f"two receipts in deal {id[:1].hex()}" for id in known if len(receipts[id]) > 1), "")
        for now in self.clocks:
            for choice in CHOICES:
                if not self.fair_round_helps(disks, now, choice):
                    return f"stuck for ever although every message arrives ({at(now)})"
        return ""

    def fair_round_helps(self, disks: tuple[Disk, ...], now: int, choice: str) -> bool:
        under_way = [data for node, disk in zip(self.nodes, disks, strict=True) for data in node.outstanding(disk)]
        for _ in range(4):  # what is sent, its answers, and theirs
            answers: list[bytes] = []
            for data in under_way:
                said = said_in(data)
                assert said is not None
                place = self.place[said.counterparty]
                step = self.nodes[place].arrived(disks[place], data, now, choice)
                if step.disk != disks[place]:
                    return True
                answers += step.sends
            under_way = answers
        return False


def trace_to(before: dict[Hashable, tuple[Hashable, str] | None], key: Hashable) -> tuple[str, ...]:
    labels: list[str] = []
    step = before[key]
    while step is not None:
        labels.append(step[1])
        step = before[step[0]]
    return tuple(reversed(labels))


def replaced(disks: tuple[Disk, ...], place: int, disk: Disk) -> tuple[Disk, ...]:
    return (*disks[:place], disk, *disks[place + 1 :])


def at(now: int) -> str:
    return "early" if now <= EARLY else "late"
