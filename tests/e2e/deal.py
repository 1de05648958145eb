"""A deal between two nodes, driven as people drive it: by what `exchange show` says is still to do."""

import time
from collections.abc import Callable
from threading import Event
from typing import Any

from tests.e2e.killer import NO_DAEMON, once, patient
from tests.e2e.nodes import Failed, Node

ORDER = ("accept", "handover", "confirm", "return", "pay")  # what a person does first, of what may be done
DEAL_WITHIN = 120.0  # seconds


class Deal:
    """One exchange from proposal to receipt, driven by what `exchange show` says is still to do."""

    def __init__(self, giver: Node, taker: Node, listing: str, calling: Event | None = None) -> None:
        self.giver, self.taker, self.listing, self.calling = giver, taker, listing, calling
        self.id = ""
        self.in_doubt: set[tuple[str, str]] = set()  # steps whose command got no answer
        self.commands = 0

    def act_out(self, check: Callable[[], None] = lambda: None) -> None:
        """check: called between the steps; may raise."""
        self._propose()
        end = time.monotonic() + DEAL_WITHIN
        while not self._over():
            check()
            views = {n.name: self._show(n) for n in (self.giver, self.taker)}
            assert time.monotonic() < end, f"the deal does not end: {views}"
            if not any([self._next(self.giver, counters=True), self._next(self.taker)]):
                time.sleep(0.1)

    def _propose(self) -> None:
        before = {e["exchange_id"] for e in self._read(self.taker, "exchange", "list")}
        while not self.id:
            try:
                self.id = self._say(self.taker, "propose", self.listing, "--quantity", "1")["exchange_id"]
            except Failed as failed:
                assert failed.status == NO_DAEMON, failed
                new = {e["exchange_id"] for e in self._read(self.taker, "exchange", "list")} - before
                self.id = new.pop() if new else ""

    def _next(self, node: Node, counters: bool = False) -> bool:
        """Do the first thing that this side can do now, if there is one."""
        view = self._show(node)
        if view is None:
            return False
        words = {step["command"].split()[2] for step in view["next"] if step["who"] == "you"}
        if counters and view["status"] == "proposed" and "counter" in words:
            return self._try(node, "counter", "--price", "0.30/hour")
        for word in ORDER:
            if word in words:
                return self._try(node, word)
        return False

    def _try(self, node: Node, word: str, *options: str) -> bool:
        step = (node.name, word)
        try:
            self._say(node, word, self.id, *options)
        except Failed as failed:
            if failed.status == NO_DAEMON:
                self.in_doubt.add(step)
            else:  # done already, though nobody could say so
                assert step in self.in_doubt and failed.status in (5, 6), failed
        return True

    def _show(self, node: Node) -> dict[str, Any] | None:
        try:
            return self._read(node, "exchange", "show", self.id)  # type: ignore[no-any-return]
        except Failed as failed:  # the proposal has not arrived yet
            assert failed.status == 3 and node is self.giver, failed
            return None

    def _over(self) -> bool:
        mine, theirs = self._show(self.taker), self._show(self.giver)
        done = mine and theirs and mine["receipt"] and mine["receipt"] == theirs["receipt"]
        return bool(done) and all(d["state"] in ("done", "confirmed") for d in mine["duties"] if d["id"] != "pay")  # type: ignore[index]

    def _say(self, node: Node, *args: str) -> Any:
        self.commands += 1
        return once(node, "exchange", *args, calling=self.calling)

    def _read(self, node: Node, *args: str) -> Any:
        return patient(node, *args, calling=self.calling)
