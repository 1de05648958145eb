"""A node with one rule taken away, for the controls: `python -m tests.faults.mutant RULE [-m cli.main …]`.

`Node(…, prefix=mutant("acknowledge_first"))` runs it. The rest of the command line is that of a true node.
"""

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import trio

from p2pnode import clock, daemon
from p2pnode.core.effects import Effect, Reply
from p2pnode.core.timekeeping import Timekeeping
from p2pnode.loop import Loop
from protocols.limits import DAY

HELD_BACK = 0.4  # seconds between an answer and its commit


def acknowledge_first() -> None:
    """The user is answered before what he is told is on the disk."""
    finish = Loop.finish

    async def early(self: Loop, effects: list[Effect]) -> bool:
        answers = [effect for effect in effects if isinstance(effect, Reply)]
        for effect in answers:
            self._performer.perform(effect)
        if answers:
            await trio.sleep(HELD_BACK)
        return await finish(self, [effect for effect in effects if not isinstance(effect, Reply)])

    Loop.finish = early  # type: ignore[method-assign]


def unaware() -> None:
    """Neither head record nor marker is looked at when the node starts."""
    daemon.check_chains = lambda store: []
    daemon.examine = lambda store, marker, lost: None


def month_later() -> None:
    """No rule is taken away, but the clock is 30 days ahead."""
    now = clock.now
    clock.now = lambda: now() + 30 * DAY


def set_by_test() -> None:
    """No rule is taken away, but the clock is off by the milliseconds that stand in HOME.clock, now and at any time."""
    now, file = clock.now, Path(os.environ["P2PNODE_HOME"]).with_suffix(".clock")
    clock.now = lambda: max(0, now() + int(file.read_text()))


def credulous() -> None:
    """The same, and the node believes whatever the clock says."""
    set_by_test()
    Timekeeping._believed = lambda self, wall: True  # type: ignore[method-assign]


_ALL = (acknowledge_first, unaware, month_later, set_by_test, credulous)
RULES: dict[str, Callable[[], None]] = {rule.__name__: rule for rule in _ALL}


def mutant(rule: str) -> list[str]:
    """What to put before the command line of a node."""
    assert rule in RULES
    return [sys.executable, "-m", "tests.faults.mutant", rule]


if __name__ == "__main__":
    RULES[sys.argv[1]]()
    sys.argv[1:] = sys.argv[sys.argv.index("cli.main") + 1 :]
    runpy.run_module("cli.main", run_name="__main__", alter_sys=True)
