"""Story step 5: either node may be killed with SIGKILL at any moment of a deal and started again: the exchange
completes, nothing twice. P2PNODE_KILLS: how many kills; P2PNODE_SEED: repeats the instants of a run."""

import threading
import time
from pathlib import Path
from typing import Any

from p2pnode.client import Client
from protocols.errors import Refusal
from tests.e2e.killer import NO_DAEMON, Killer, kills, once, patient, seed, street
from tests.e2e.nodes import Failed, Node, until
from tests.e2e.story import finds

ORDER = ("accept", "handover", "confirm", "return", "pay")  # what a person does first, of what may be done
DEAL_WITHIN = 120.0  # seconds


class Deal:
    """One exchange from proposal to receipt, driven by what `exchange show` says is still to do."""

    def __init__(self, giver: Node, taker: Node, listing: str, killer: Killer) -> None:
        self.giver, self.taker, self.listing, self.killer = giver, taker, listing, killer
        self.id = ""
        self.in_doubt: set[tuple[str, str]] = set()  # steps whose command got no answer
        self.commands = 0

    def act_out(self) -> None:
        self._propose()
        end = time.monotonic() + DEAL_WITHIN
        while not self._over():
            self.killer.check()
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
        return once(node, "exchange", *args, calling=self.killer.calling)

    def _read(self, node: Node, *args: str) -> Any:
        return patient(node, *args, calling=self.killer.calling)


def ledger_kinds(node: Node, exchange: str) -> list[str]:
    return sorted(row["kind"] for row in node.cli("ledger", "log") if row["exchange_id"] == exchange)


def test_a_deal_survives_kills_at_any_moment(tmp_path: Path) -> None:
    budget, chosen = kills(7), seed()
    anna, ben, cleo = street(tmp_path, lambda name: Node(name, tmp_path))
    killer = Killer([ben, cleo], chosen, budget)
    try:
        fields = ["--kind", "rent", "--title", "Snowblower", "--price", "0.20/hour"]
        listing = ben.cli("offer", "publish", *fields, "--wait", "30")["listing_id"]
        until("Cleo finds it", lambda: finds(cleo, listing, "snow"))
        killer.start()
        deals: list[Deal] = []
        while not deals or not killer.spent.is_set():
            deals.append(Deal(ben, cleo, listing, killer))
            deals[-1].act_out()
        killer.end()
        print(f"{len(deals)} deals, kills: {' '.join(killer.kills)}")
        assert len(killer.kills) == budget
        for deal in deals:
            mine, theirs = (until("a view", lambda n=n, d=deal: n.cli("exchange", "show", d.id)) for n in (cleo, ben))
            assert mine["terms"] == theirs["terms"] and mine["receipt"] == theirs["receipt"]
            kinds = ledger_kinds(ben, deal.id)
            assert kinds == ["AGREE", "PAY_ACCEPT", "PAY_RECEIPT"], kinds
            assert ledger_kinds(cleo, deal.id) == ["AGREE", "PAY_COMPLETE", "PAY_PROPOSE"]
        paid = 30 * len(deals)
        for node, balance in ((ben, paid), (cleo, -paid)):
            figures = node.cli("ledger", "balance")
            assert figures["balance"]["amount"] == balance and figures["hold"]["amount"] == 0, figures
            checked = node.cli("ledger", "verify")
            assert checked["ok"] and not checked["missing"], checked
            assert {e["exchange_id"] for e in node.cli("exchange", "list")} == {d.id for d in deals}, "one each"
        for node in (anna, ben, cleo):
            assert until(f"{node.name} finds the listing", lambda n=node: finds(n, listing, "snow"))
    finally:
        killer.end()
        for node in (anna, ben, cleo):
            node.kill()


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    budget, chosen = min(kills(3), 50), seed()
    node = Node("Ben", tmp_path)
    node.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
    node.start()
    killer = Killer([node], chosen, budget)
    acknowledged: dict[str, str] = {}
    doubtful: set[str] = set()

    def publish(lane: int) -> None:
        client = Client(node.home)
        number = 0
        while not killer.spent.is_set() and number < 100:
            number += 1
            title = f"Thing {lane}-{number}"
            killer.calling.set()
            try:
                said = client.call("listing.publish", {"direction": "offer", "kind": "sell", "title": title})
                acknowledged[title] = said["listing_id"]
            except Refusal as e:
                assert e.code == "no_daemon", e
                doubtful.add(title)
                time.sleep(0.2)
            killer.calling.clear()

    try:
        killer.start()
        lanes = [threading.Thread(target=publish, args=(lane,), daemon=True) for lane in range(4)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join(180)
        killer.end()
        rows = {row["listing_id"]: row["title"] for row in Client(node.home).call("listing.list", {})}
        assert len(acknowledged) > 10
        print(f"{len(acknowledged)} acknowledged, {len(doubtful)} unanswered, kills: {' '.join(killer.kills)}")
        for title, listing in acknowledged.items():
            assert rows.get(listing) == title, f"lost: {title}"
        titles = list(rows.values())
        assert len(titles) == len(set(titles)), "one call, two listings"
        assert set(titles) <= acknowledged.keys() | doubtful
        found = {row["listing_id"] for row in Client(node.home).search("thing", limit=500)}
        assert set(acknowledged.values()) <= found, "the search index kept step"
        assert node.cli("ledger", "verify")["ok"]
    finally:
        killer.end()
        node.kill()


def test_the_driver_notices_what_is_lost(tmp_path: Path) -> None:
    """The control: a node whose store is put back by a moment, as a careless restore does, is caught."""
    node = Node("Ben", tmp_path)
    node.init("--area", "u33dc", "--new-network", "Elm Street", "--unit", "hour")
    node.start()
    try:
        node.cli("offer", "publish", "--kind", "sell", "--title", "First")
        node.kill()
        log = max((node.home / "store" / "db").glob("*.log"))
        size = log.stat().st_size
        node.start()
        lost = node.cli("offer", "publish", "--kind", "sell", "--title", "Second")["listing_id"]
        node.kill()
        newest = max((node.home / "store" / "db").glob("*.log"))
        with newest.open("r+b") as file:
            file.truncate(0 if newest != log else size)
        node.start()
        assert lost not in {row["listing_id"] for row in node.cli("offer", "list")}
    finally:
        node.kill()
