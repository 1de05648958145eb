"""What every command shares: the global options, the connection to the node, waiting, asking, printing."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from p2pnode.home.folder import Home, default_home
from protocols.errors import Refusal

from .output import decimal, note, print_json

if TYPE_CHECKING:
    from p2pnode.client import Client

FIRST_PAUSE = 0.1  # seconds between looks while waiting; grows to LONGEST_PAUSE
LONGEST_PAUSE = 1.0


class TimeOut(Refusal):
    """The step was taken here, but has not arrived on the other side in time. data: what was done."""

    def __init__(self, what: str, seconds: float, data: Any) -> None:
        super().__init__(
            "unreachable",
            f"Done here, but not yet {what} after {seconds:g} s",
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
    _decimals: dict[str, int] = field(default_factory=dict)

    def folder(self) -> Home:
        return Home(Path(self.home).expanduser() if self.home else default_home())

    def client(self) -> "Client":
        from p2pnode.client import Client  # http.client comes with it; --help can do without

        return Client(self.folder().root, self.network)

    def call(self, name: str, /, **args: Any) -> Any:
        """Ask the node. Arguments that are None are left to the node's defaults."""
        return self.client().call(name, _given(args))

    def write(self, name: str, /, **args: Any) -> Any:
        """Have the node do something; with --dry-run only show what would be asked of it, and end."""
        if self.dry_run:
            wanted = {"dry_run": True, "command": name, "args": _given(args)}
            self.emit(wanted, lambda: note(f"Would ask the node: {name} {wanted['args']}. Nothing was done."))
            raise click.exceptions.Exit(0)
        return self.client().call(name, _given(args))

    def until(self, done: Callable[[Any], bool], what: str, result: Any, name: str, /, **args: Any) -> Any:
        """With --wait, look until `done` holds of what `name` answers; returns that answer, or None without --wait.

        result: what the command did, for the time-out's error. Exit status 7 when the time is over.
        """
        if self.wait is None:
            return None
        deadline, pause = time.monotonic() + self.wait, FIRST_PAUSE
        while True:
            seen = self.call(name, **args)
            if done(seen):
                return seen
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeOut(what, self.wait, result)
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def emit(self, data: Any, human: Callable[[], None]) -> None:
        """Print the data: as JSON if that is wanted, else in words."""
        if self.json:
            print_json(data)
        else:
            human()

    def confirm(self, question: str) -> None:
        """Ask before what cannot be undone: on a terminal only, and not with --yes, --no-input or --json."""
        if self.yes or self.no_input or self.json or self.dry_run or not (sys.stdin.isatty() and sys.stdout.isatty()):
            return
        if not click.confirm(question):
            raise click.Abort

    def money(self, amount: Any, unit: str | None = None, decimals: int | None = None) -> str:
        """An amount of the API's JSON, with its unit. Bare integers are in `unit`."""
        if amount is None:
            return "-"
        if isinstance(amount, dict):
            unit, decimals = amount.get("unit", unit), amount.get("decimals", decimals)
            amount = amount.get("amount", 0)
        name = unit or ""
        return f"{decimal(amount, self.decimals(name) if decimals is None else decimals)} {name}".strip()

    def price(self, price: Any) -> str:
        """A price of the API's JSON as one reads it: `2 hour per day`, `free`; with --plain as one types it."""
        if not price:
            return "free"
        per = price.get("per", "item")
        return self.money(price) + ("" if per == "item" else f"/{per}" if self.plain else f" per {per}")

    def decimals(self, unit: str) -> int:
        """How many decimals a unit has. Only the networks' own units can differ from 2; the node is asked once."""
        if not self._decimals:
            self._decimals[""] = 2
            try:
                network = self.call("status").get("network") or {}
                self._decimals[network.get("unit", "")] = network.get("decimals", 2)
            except Refusal:
                pass
        return self._decimals.get(unit, 2)


def _given(args: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in args.items() if value is not None}
