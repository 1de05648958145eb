"""A killer of nodes: SIGKILL at instants that a seed decides, and a restart, while others use the nodes."""

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.e2e.nodes import Failed, Node

NO_DAEMON = 4  # exit status
MOMENT = 1.5  # seconds that a kill waits for its moment; then it comes all the same


def stored(node: Node) -> tuple[tuple[str, int, int], ...]:
    """What the files of a node's store look like: it changes with every commit."""
    found = []
    for folder in ("db", "heads"):
        for file in sorted((node.home / "store" / folder).glob("*")):
            try:
                stat = file.stat()
            except FileNotFoundError:
                continue
            found.append((file.name, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


class Killer(threading.Thread):
    """Kills one of the victims again and again, and starts it again: at any time, just after a commit, or inside of a
    command. `budget` kills in all; `spent` is set when they are used up. What goes wrong here is raised by `end()`."""

    def __init__(self, victims: Sequence[Node], seed: int, budget: int) -> None:
        super().__init__(name="killer", daemon=True)
        self.victims = victims
        self.rng = random.Random(seed)
        self.budget = budget
        self.kills: list[str] = []
        self.spent = threading.Event()
        self.calling = threading.Event()  # the driver is inside of a command
        self._enough = threading.Event()
        self._problem: BaseException | None = None

    def run(self) -> None:
        try:
            while len(self.kills) < self.budget and not self._enough.wait(self.rng.uniform(0.0, 1.0)):
                victim = self.rng.choice(self.victims)
                moment = self.rng.choice(("any", "commit", "call"))
                self._wait(moment, victim)
                victim.kill()
                self.kills.append(f"{victim.name}:{moment}")
                if self.rng.random() < 0.3:  # sometimes both are down for a while
                    self._enough.wait(self.rng.uniform(0.0, 1.0))
                victim.start()
        except BaseException as e:
            self._problem = e
        finally:
            self.spent.set()

    def end(self) -> None:
        self._enough.set()
        self.join(120)
        assert not self.is_alive()
        if self._problem is not None:
            raise self._problem

    def check(self) -> None:
        """Raise early what went wrong in the thread."""
        if self._problem is not None:
            raise self._problem

    def _wait(self, moment: str, victim: Node) -> None:
        end = time.monotonic() + MOMENT
        if moment == "commit":
            before = stored(victim)
            while stored(victim) == before and time.monotonic() < end:
                time.sleep(0.0005)
        elif moment == "call":
            self.calling.wait(MOMENT)
            time.sleep(self.rng.uniform(0.0, 0.4))


def patient(node: Node, *args: str, calling: threading.Event | None = None, patience: float = 60) -> object:
    """A command as a person gives it: again, for as long as no node answers. For commands that only read."""
    end = time.monotonic() + patience
    while True:
        try:
            return once(node, *args, calling=calling)
        except Failed as failed:
            if failed.status != NO_DAEMON or time.monotonic() > end:
                raise
        time.sleep(0.1)


def once(node: Node, *args: str, calling: threading.Event | None = None) -> object:
    """One command; the killer may know that it is under way."""
    if calling is not None:
        calling.set()
    try:
        return node.cli(*args)
    finally:
        if calling is not None:
            calling.clear()


def kills(short: int) -> int:
    """How many kills a test makes: `P2PNODE_KILLS`, or the short form."""
    return int(os.environ.get("P2PNODE_KILLS", short))


def seed() -> int:
    """`P2PNODE_SEED`, or another one each time; printed, so that a failure can be looked at again."""
    chosen = int(os.environ.get("P2PNODE_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"P2PNODE_SEED={chosen}")
    return chosen


def street(root: Path, make: Callable[[str], Node]) -> tuple[Node, Node, Node]:
    """Anna, who founded the network, Ben, and Cleo, whose invite carried a limit of 10 hours. All run."""
    anna, ben, cleo = (make(name) for name in ("Anna", "Ben", "Cleo"))
    try:
        anna.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour", "--decimals", "2")
        anna.start()
        for node in (ben, cleo):
            node.init("--area", "u33dc")
            node.start()
            link = anna.cli("invite")["link"]
            assert node.cli("join", link, "--wait", "30")["state"] == "joined"
    except BaseException:
        for node in (anna, ben, cleo):
            node.kill()
        raise
    return anna, ben, cleo
