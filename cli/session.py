"""What every command shares: the global options, the connection to the node, waiting, asking, printing."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from p2pnode.home.folder import Home, default_home
from protocols.decimals import OTHER_DECIMALS, format_amount, in_words
from protocols.errors import Refusal

from .output import note, print_json, safe, watched

if TYPE_CHECKING:
    from p2pnode.client import Client

    from .terminal import Task

FIRST_PAUSE = 0.1  # seconds between looks while waiting; grows to LONGEST_PAUSE
LONGEST_PAUSE = 1.0
UNDER_WAY = {  # what is said of a command that takes its time
    "backup": "Writing the backup",
    "join": "Calling them",
    "ledger.audit": "Fetching and checking their ledger",
    "ledger.verify": "Checking every entry of the ledger",
    "ledger.export": "Reading the ledger",
    "reputation": "Working out whom to trust",
    "search": "Searching",
}


class Silent:
    """Where nobody watches, nothing is said."""

    seen = False

    def at(self, done: float, of: float | None, words: str = "") -> None:
        pass


class NotYet(Refusal):
    """The step was taken here, and what --wait is for cannot come true as things are. data: what was done."""

    def __init__(self, what: str, why: str, hint: str, data: Any) -> None:
        super().__init__("unreachable", f"Not {what}: {why}", hint)
        self.data = data


class TimeOut(Refusal):
    """The step was taken here, but has not arrived on the other side in time. data: what was done."""

    def __init__(self, what: str, seconds: float, data: Any) -> None:
        problem = data.get("problem") if isinstance(data, dict) else None
        super().__init__(
            "unreachable",
            f"Not {what} yet, after {seconds:g} s" + (f": {problem}" if problem else ""),
            "Nothing is lost: the node goes on trying. See p2pnode status",
        )
        self.data = data


@dataclass
class Session:
    """The global options of one run, and what is done with them."""

    home: str | None = None
    json: bool = False
    network: str | None = None
    no_input: bool = False
    yes: bool = False
    dry_run: bool = False
    plain: bool = False
    wait: float | None = None
    _networks: list[dict[str, Any]] | None = field(default=None)
    _task: "Task | Silent | None" = field(default=None)

    def folder(self) -> Home:
        return Home(Path(self.home).expanduser() if self.home else default_home())

    def client(self) -> "Client":
        from p2pnode.client import Client  # http.client comes with it; --help can do without

        return Client(self.folder().root, self.network)

    def call(self, name: str, /, **args: Any) -> Any:
        """Ask the node. Arguments that are None are left to the node's defaults."""
        with self.working(UNDER_WAY.get(name, "Waiting for the node")):
            return self.client().call(name, _given(args))

    def write(self, name: str, /, **args: Any) -> Any:
        """Have the node do something; with --dry-run only show what would be asked of it, and end."""
        if self.dry_run:
            wanted = {"dry_run": True, "command": name, "args": _given(args)}
            self.emit(wanted, lambda: note(f"Would ask the node: {name} {wanted['args']}. Nothing was done."))
            raise click.exceptions.Exit(0)
        with self.working(UNDER_WAY.get(name, "Waiting for the node")):
            return self.client().call(name, _given(args))

    @contextmanager
    def working(self, words: str) -> "Iterator[Task | Silent]":
        """Whoever watches a terminal sees that this is under way, if it takes a while, and how far. What is a part of
        something else that is under way is not said apart."""
        if self._task is not None or self.json or self.plain or not watched(sys.stderr):
            yield Silent()
            return
        from .terminal import working

        with working(safe(words), sys.stderr) as self._task:
            try:
                yield self._task
            finally:
                self._task = None

    def until(
        self,
        done: Callable[[Any], bool],
        what: str,
        result: Any,
        name: str,
        /,
        why: Callable[[Any, Any], Any] | None = None,
        **args: Any,
    ) -> Any:
        """With --wait, look until `done` holds of what `name` answers; returns that answer, or None without --wait.

        result: what the command did, for the time-out's error; why makes it fuller by what was seen last. Exit status
        7 when the time is over. Where nobody is connected who could bring it about, that is said, and it waits for one.
        """
        if self.wait is None:
            return None
        began, pause, first = time.monotonic(), FIRST_PAUSE, True
        with self.working(f"Not {what} yet; waiting at most {self.wait:g} s") as task:
            while True:
                seen = self.call(name, **args)
                if done(seen):
                    return seen
                so_far = time.monotonic() - began
                if first and name != "status":
                    self._say_who_lacks()
                first = False
                if so_far >= self.wait:
                    raise TimeOut(what, self.wait, result if why is None else why(seen, result))
                task.at(so_far, self.wait)
                time.sleep(min(pause, self.wait - so_far))
                pause = min(pause * 1.5, LONGEST_PAUSE)

    def _say_who_lacks(self) -> None:
        """What waiting is for where nobody is connected."""
        if self.json:
            return
        status = self.call("status")
        if status.get("joining") and not (status.get("network") or status.get("networks")):
            note("In no network yet: waiting until this node has joined, which is under way.")
        elif status.get("peers") == 0:
            note("No neighbour is connected: waiting until one is.")

    def emit(self, data: Any, human: Callable[[], None]) -> None:
        """Print the data: as JSON if that is wanted, else in words."""
        if self.json:
            print_json(data)
        else:
            human()

    def confirm(self, question: str) -> None:
        """Ask before what cannot be undone: on a terminal only, and not with --yes, --no-input or --json."""
        if self.asks and not click.confirm(question):
            raise click.Abort

    @property
    def asks(self) -> bool:
        """Whether there is somebody to confirm anything, who did not say yes before."""
        quiet = self.yes or self.no_input or self.json or self.dry_run
        return not quiet and sys.stdin.isatty() and sys.stdout.isatty()

    def money(self, amount: Any, unit: str | None = None, decimals: int | None = None, network: Any = None) -> str:
        """An amount of the API's JSON, with its unit: `2.5 hours`; with --plain the unit as it is, `2.5 hour`. Bare
        integers are in `unit`. network: of which network it is, as the JSON beside it says (an id, or an object with
        one)."""
        if amount is None:
            return "-"
        if isinstance(amount, dict):
            unit, decimals = amount.get("unit", unit), amount.get("decimals", decimals)
            amount = amount.get("amount", 0)
        name = unit or ""
        places = self.decimals(name, network) if decimals is None else decimals
        return f"{format_amount(amount, places)} {name}".strip() if self.plain else in_words(amount, places, name)

    def price(self, price: Any, network: Any = None) -> str:
        """A price of the API's JSON as one reads it: `2 hours per day`, `free`; with --plain as one types it."""
        if not price:
            return "free"
        per = price.get("per", "item")
        if self.plain:
            return self.bare(price, network) + ("" if per == "item" else f"/{per}")
        return self.money(price, network=network) + ("" if per == "item" else f" per {per}")

    def bare(self, amount: Any, network: Any = None) -> str:
        """An amount of the API's JSON for --plain: a number; with its unit only if that is not a network's own."""
        if not isinstance(amount, dict):
            return "" if amount is None else str(amount)
        unit = amount.get("unit", "")
        number = format_amount(amount.get("amount", 0), self.decimals(unit, network))
        own = any(one.get("unit") == unit for one in self._networks or ())
        return number if own else f"{number} {unit}".strip()

    def decimals(self, unit: str, network: Any = None) -> int:
        """How many decimals a unit has in a network; where none is named, in the one that --network means, else in
        the first that counts in it. Only the networks' own units can differ from 2."""
        for one in self._meant(network):
            if one.get("unit") == unit:
                decimals: int = one.get("decimals", OTHER_DECIMALS)
                return decimals
        return OTHER_DECIMALS

    def counts_in(self, unit: str, network: Any) -> bool:
        """Whether a unit is that of a network's credit; as if it were, of a network that is not known."""
        meant = [one.get("unit") for one in self._meant(network)] if network else []
        return not meant or unit in meant

    def _meant(self, network: Any) -> list[dict[str, Any]]:
        """The networks that may be meant, as `status` has them; the node is asked once."""
        if self._networks is None:
            try:
                status = self.call("status")
                self._networks = [
                    *(status.get("networks") or [status.get("network") or {}]),
                    *(status.get("left") or ()),
                ]
            except Refusal:
                self._networks = []
        identity = network.get("id") if isinstance(network, dict) else network
        meant = [one for one in self._networks if identity and one.get("id") == identity]
        if not meant and self.network is not None:
            meant = [n for n in self._networks if self.network == n.get("name")] or [
                n for n in self._networks if str(n.get("id", "")).startswith(self.network)
            ]
        return meant or self._networks


def _given(args: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in args.items() if value is not None}
