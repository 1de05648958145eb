"""Cores in virtual time of which one is killed around one step: at any of its effects, or soon after."""

from collections.abc import Callable, Iterable
from typing import Any

from p2pnode.core.effects import Effect, Write
from p2pnode.core.events import Command, Event
from p2pnode.core.keys import HALF, RECEIPT
from protocols.errors import Refusal
from protocols.limits import MINUTE
from tests.faults.figures import LONG
from tests.sim.simulator import Node, Simulator

Step = tuple[str, str, int]
"""Who, what (a command, `offered` or `receipt`), and which time he does it, from 0."""

Case = tuple[Step, str, int]
"""A step, who is killed around it, and a seed."""

KEYS = {"offered": HALF, "receipt": RECEIPT}  # what is written without a command
PATIENCE = 15 * MINUTE
CONTROL_TURNS = 2 if LONG else 4
CONTROL_SEED = 1  # the same each time: a control must fail on any day


class Cut(Simulator):
    """The victim dies around the step, at its own effects or at what it does next, and is back after a while."""

    def __init__(self, seed: int, step: Step) -> None:
        super().__init__(seed)
        self.step = step
        self.victim: Node | None = None
        self.fired = self.early = False  # early: what leaves does so before it is written (a control)
        self.killed: Callable[[Node], None] = self.kill
        self._armed = self._deaf = False
        self._seen = 0

    def handle(self, node: Node, event: Event) -> None:
        if not node.alive or (self._deaf and node is self.victim):
            return
        effects = node.core.handle(event, self.clock(node))
        if self.victim is None or self.fired:
            return self.perform(node, effects)
        is_step = self._is_step(node, event, effects)
        if node is self.victim and (is_step or (self._armed and any(isinstance(e, Write) for e in effects))):
            self.fired = True
            return self._cut(node, effects)
        self.perform(node, effects)
        if is_step and not self._armed:
            self._armed = self.rng.random() < 0.5
            if not self._armed:
                self.fired = True
                self.at(self.now + self.rng.randrange(120), lambda: self.killed(self.victim))  # type: ignore[arg-type]

    def _cut(self, node: Node, effects: list[Effect]) -> None:
        if self.early:
            self._deaf = True  # what it has said arrives, and then it dies
            self.perform(node, [e for e in effects if not isinstance(e, Write)])
            return self.at(self.now + 100, lambda: self.killed(node))
        self.perform(node, effects[: self.rng.randrange(len(effects) + 1)])
        self.killed(node)

    def kill(self, node: Node) -> None:
        self._deaf = False
        self.crash(node, away=self.rng.randrange(500, MINUTE))

    def _is_step(self, node: Node, event: Event, effects: list[Effect]) -> bool:
        who, what, turn = self.step
        written = [e for e in effects if isinstance(e, Write)]
        if node.name != who or not written:
            return False
        if what in KEYS:
            found = not isinstance(event, Command) and any(k.startswith(KEYS[what]) for w in written for k in w.puts)
        else:
            found = isinstance(event, Command) and event.name == what
        self._seen += found
        return found and self._seen == turn + 1

    def insist(self, node: Node, name: str, **fields: Any) -> Any:
        """A command as somebody gives it who has agreed on it by word: again, until his node knows enough to do it."""
        end, refusal = self.now + PATIENCE, None
        while self.now < end:
            got: list[Any] = []
            if name == "exchange.accept":  # he reads what he accepts, after a restart again
                self.ask(node, "exchange.show", lambda _: None, id=fields["id"])
            self.ask(node, name, got.append, **fields)
            while not got and self.now < end:
                self.run(5_000)
            if got and not isinstance(got[0], Refusal):
                return got[0]
            refusal = got[0] if got else refusal
            self.run(10_000)
        raise AssertionError(f"{node.name} {name}: {refusal.message if refusal else 'no answer'}")


def tried(trial: Callable[[Case], None], cases: Iterable[Case], enough: int | None = None) -> tuple[int, list[str]]:
    """How many went as they should, and why the others did not. enough: so many of these end it."""
    done, problems = 0, []
    for case in cases:
        try:
            trial(case)
            done += 1
        except AssertionError as e:
            problems.append(f"{case}: {e}")
            if len(problems) == enough:
                break
    return done, problems


def caught_in(trial: Callable[[Case], None], cases: Iterable[Case]) -> tuple[int, list[str]]:
    """The same of a control, one that must fail; in the short form one failure is enough."""
    return tried(trial, cases, None if LONG else 1)
