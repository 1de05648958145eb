"""Story step 5: either node may be killed with SIGKILL at any moment of a deal and started again: the exchange
completes, nothing twice. P2PNODE_KILLS: how many kills; P2PNODE_SEED: repeats the instants of a run."""

import threading
import time
from pathlib import Path

from p2pnode.client import Client
from protocols.errors import Refusal
from tests.e2e.deal import Deal
from tests.e2e.killer import Killer, kills, seed, street
from tests.e2e.nodes import Node, until
from tests.e2e.story import finds


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
            deals.append(Deal(ben, cleo, listing, killer.calling))
            deals[-1].act_out(killer.check)
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
        number = taken = 0
        while not (killer.spent.is_set() and taken > 2) and number < 100:  # a slow machine takes few between two kills
            number += 1
            title = f"Thing {lane}-{number}"
            killer.calling.set()
            try:
                said = client.call("listing.publish", {"direction": "offer", "kind": "sell", "title": title})
                acknowledged[title] = said["listing_id"]
                taken += 1
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
