"""The story of a street: publish, find, agree, settle, attest. Acted out by real nodes, told by whoever runs it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.nodes import Node, until

CELL = "u33dc"


def search(node: Node, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = node.cli("search", *args)
    return found


def finds(node: Node, listing: str, *args: str) -> dict[str, Any] | None:
    return next((row for row in search(node, *args) if row["listing_id"] == listing), None)


class Story:
    """The chapters in order. make: a node by name; each chapter asserts what the reader would check by hand."""

    def __init__(self, make: Callable[[str], Node]) -> None:
        self.anna, self.ben, self.cleo, self.dora = (make(name) for name in ("Anna", "Ben", "Cleo", "Dora"))
        self.nodes = [self.anna, self.ben, self.cleo, self.dora]
        self.snowblower = self.ladder = self.exchange = ""

    def end(self) -> None:
        for node in self.nodes:
            node.kill()

    def join(self) -> None:
        """1. Anna founds a network, Ben joins by her address, Cleo by an invite that carries a vouch."""
        founded = self.anna.init("--area", CELL, "--new-network", "Elm Street", "--unit", "hour", "--decimals", "2")
        assert founded["network"]["name"] == "Elm Street"
        self.anna.start()
        self.ben.init("--area", CELL)
        self.ben.start()
        joined = self.ben.cli("join", self.anna.address, "--wait", "20")
        assert joined["state"] == "joined" and joined["network"]["name"] == "Elm Street"
        self.cleo.init("--area", CELL)
        self.cleo.start()
        link = self.anna.cli("invite", "--note", "for Cleo")["link"]
        assert self.cleo.cli("join", link, "--wait", "20")["state"] == "joined"
        until("Cleo's limit", lambda: self.cleo.cli("ledger", "balance")["limit"]["amount"] == 1000)

    def publish(self) -> None:
        """2a. Ben publishes; the others find it; Dora, who comes later, too."""
        published = self.ben.cli(
            "offer", "publish", "--kind", "rent", "--title", "Snowblower, 60 cm", "--price", "2/hour", "--wait", "20"
        )
        self.snowblower = published["listing_id"]
        self.ladder = self.ben.cli("offer", "publish", "--kind", "lend", "--title", "Long ladder")["listing_id"]
        for node in (self.anna, self.cleo):
            row = until(
                f"{node.name} finds it", lambda node=node: finds(node, self.snowblower, "snow", "--within", "5km")
            )
            assert row["author_name"] == "Ben" and row["price"] == {"amount": 200, "unit": "hour", "per": "hour"}
            until(f"{node.name} finds the ladder", lambda node=node: finds(node, self.ladder, "ladder"))
        self.dora.init("--area", CELL)
        self.dora.start()
        assert self.dora.cli("join", self.anna.address, "--wait", "20")["state"] == "joined"
        until("Dora finds it", lambda: finds(self.dora, self.snowblower, "snow", "--within", "5km"))
        until("Dora finds the ladder", lambda: finds(self.dora, self.ladder, "ladder"))

    def outlive(self) -> None:
        """2b. Ben goes offline, Cleo restarts: the listing is still there, with Ben's last sign of life."""
        assert self.ben.stop() == 0
        assert self.cleo.stop() == 0
        self.cleo.start()
        row = until("Dora still finds it", lambda: finds(self.dora, self.snowblower, "snow"))
        assert 0 < row["last_seen"] < row["valid_until"]
        until("Cleo still finds it", lambda: finds(self.cleo, self.snowblower, "snow"))
        self.ben.start()

    def revise(self) -> None:
        """2c. Ben edits the price and withdraws the ladder: so it is everywhere."""
        edited = self.ben.cli("offer", "edit", self.snowblower, "--price", "1.50/hour")
        assert edited["listing_id"] == self.snowblower
        self.ben.cli("offer", "withdraw", self.ladder)
        for node in (self.anna, self.cleo, self.dora):
            until(
                f"{node.name} sees the new price",
                lambda node=node: (row := finds(node, self.snowblower, "snow")) and row["price"]["amount"] == 150,
            )
            until(f"{node.name} sees the ladder gone", lambda node=node: not search(node, "ladder"))

    def agree(self) -> None:
        """3a. Cleo proposes an hour, Ben counters, Cleo accepts; both see the same terms."""
        proposed = self.cleo.cli("exchange", "propose", self.snowblower, "--quantity", "1", "--wait", "20")
        self.exchange = proposed["exchange_id"]
        until("Ben has the proposal", lambda: self.show(self.ben)["status"] == "proposed")
        self.ben.cli("exchange", "counter", self.exchange, "--price", "2/hour", "--note", "petrol is dear")
        until("Cleo has the counter", lambda: self.show(self.cleo)["status"] == "countered")
        self.cleo.cli("exchange", "accept", self.exchange)
        until("both are agreed", lambda: self.show(self.ben)["status"] == self.show(self.cleo)["status"] == "agreed")
        assert self.show(self.ben)["terms"] == self.show(self.cleo)["terms"]
        assert self.show(self.ben)["terms"]["price"] == {"amount": 200, "unit": "hour"}

    def perform(self) -> None:
        """3b. Ben hands over, Cleo confirms and returns it later."""
        self.ben.cli("exchange", "handover", self.exchange, "--note", "tank is full")
        until("the hand-over arrives", lambda: self.duty(self.cleo, "handover") == "done")
        self.cleo.cli("exchange", "confirm", self.exchange)
        self.cleo.cli("exchange", "return", self.exchange)
        until("the return arrives", lambda: self.duty(self.ben, "return") == "done")
        self.ben.cli("exchange", "confirm", self.exchange)

    def pay(self) -> None:
        """3c. Cleo pays in mutual credit: one receipt in both ledgers, balances sum to zero."""
        self.cleo.cli("exchange", "pay", self.exchange)
        self.settled()

    def settled(self) -> None:
        def same_receipt() -> bool:
            mine, theirs = self.show(self.cleo)["receipt"], self.show(self.ben)["receipt"]
            return mine is not None and mine == theirs

        until("the same receipt on both sides", same_receipt)
        balances = [n.cli("ledger", "balance")["balance"]["amount"] for n in (self.ben, self.cleo)]
        assert balances == [200, -200], balances
        for node in (self.ben, self.cleo):
            checked = node.cli("ledger", "verify")
            assert checked["ok"] and not checked["missing"], checked
        kinds = [row["kind"] for row in self.ben.cli("ledger", "log") if row["exchange_id"] == self.exchange]
        assert sorted(kinds) == sorted(set(kinds)), kinds  # nothing twice

    def no_limit(self) -> None:
        """3d. Dora joined without a vouch: her attempt to pay is refused, with the reason and what to do."""
        exchange = self.dora.cli("exchange", "propose", self.snowblower, "--quantity", "1")["exchange_id"]
        until("Ben has Dora's proposal", lambda: self.ben.cli("exchange", "show", exchange))
        self.ben.cli("exchange", "accept", exchange)
        until("Dora sees it", lambda: self.dora.cli("exchange", "show", exchange)["status"] == "agreed")
        refused = self.dora.refused("exchange", "pay", exchange)
        assert refused.status == 5 and "limit" in refused.error["message"] and "vouch" in refused.error["hint"]

    def attest(self) -> None:
        """4. Both attest; Anna, who took part in nothing, sees why Ben can be trusted."""
        until("Cleo may attest", lambda: self.show(self.cleo)["status"] in ("settled", "closed"))
        self.cleo.cli("attest", self.exchange, "--outcome", "2", "--text", "Starts at once")
        until("Ben may attest", lambda: self.show(self.ben)["status"] in ("settled", "closed"))
        self.ben.cli("attest", self.exchange, "--outcome", "2")

        def known() -> Any:
            seen = self.anna.cli("reputation", "Ben", "--why")
            return seen if seen["why"] else None

        seen = until("Anna sees Ben's reputation", known)
        why = seen["why"][0]
        assert seen["score"] > 0.9 and seen["confidence"] > 0
        assert why["exchange_id"] == self.exchange and why["rater"] == self.cleo.peer_id and why["outcome"] == 2
        assert why["path"][-1] == self.cleo.peer_id and why["path"][0] == self.anna.peer_id

    def show(self, node: Node) -> dict[str, Any]:
        shown: dict[str, Any] = node.cli("exchange", "show", self.exchange)
        return shown

    def duty(self, node: Node, duty: str) -> str:
        return next(str(d["state"]) for d in self.show(node)["duties"] if d["id"] == duty)


def on_loopback(root: Path) -> Story:
    return Story(lambda name: Node(name, root))
