"""The story of a street: publish, find, agree, settle, attest. Acted out by real nodes, told by whoever runs it.

What people type goes through `Node.types`, as they would type it; what the story checks is asked with `--json`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.nodes import Narrator, Node, until

CELL = "u33dc"


def search(node: Node, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = node.cli("search", *args)
    return found


def finds(node: Node, listing: str, *args: str) -> dict[str, Any] | None:
    return next((row for row in search(node, *args) if row["listing_id"] == listing), None)


class Story:
    """The chapters in order. make: a node by name; each chapter asserts what the reader would check by hand."""

    def __init__(self, make: Callable[[str], Node], narrator: Narrator | None = None) -> None:
        self.anna, self.ben, self.cleo, self.dora = (make(name) for name in ("Anna", "Ben", "Cleo", "Dora"))
        self.nodes = [self.anna, self.ben, self.cleo, self.dora]
        self.tale = narrator or Narrator()
        self.snowblower = self.ladder = self.exchange = ""

    @property
    def chapters(self) -> list[Callable[[], None]]:
        return [
            self.join, self.publish, self.outlive, self.revise, self.agree, self.perform, self.pay, self.no_limit,
            self.attest,
        ]  # fmt: skip

    def end(self) -> None:
        for node in self.nodes:
            node.kill()

    def join(self) -> None:
        """1. Anna founds a network, Ben joins by her address, Cleo by an invite that carries a vouch."""
        self.tale.chapter("A street founds a network")
        self.tale.say("Anna starts a network for Elm Street. Its members count in hours of one another's time.")
        self.anna.types(
            "init", "--name", "Anna", "--area", CELL, "--new-network", "Elm Street", "--unit", "hour"
        )  # fmt: skip
        self.anna.start()
        self.held("Anna is in Elm Street", lambda: self.in_network(self.anna))
        self.tale.say("Ben joins by the address of Anna's node.")
        self.moves_in(self.ben)
        self.ben.types("join", self.anna.address, "--wait", "20")
        self.held("Ben has joined", lambda: self.in_network(self.ben))
        self.tale.say("Cleo joins by an invite link. Anna vouches with it: Cleo may owe the street up to 10 hours.")
        link = next(w for w in self.anna.types("invite", "--note", "for Cleo").split() if w.startswith("p2pnode://"))
        self.moves_in(self.cleo)
        self.cleo.types("join", link, "--wait", "20")
        self.held("Cleo has joined", lambda: self.in_network(self.cleo))
        self.held("her credit limit is 10 hours", lambda: self.balance(self.cleo, "limit") == 1000)

    def publish(self) -> None:
        """2a. Ben publishes; the others find it; Dora, who comes later, too."""
        self.tale.chapter("Ben offers his snowblower")
        self.ben.types(
            "offer", "publish", "--kind", "rent", "--title", "Snowblower, 60 cm", "--price", "2/hour", "--wait", "20"
        )
        self.ben.types("offer", "publish", "--kind", "lend", "--title", "Long ladder")
        mine = {row["title"]: row["listing_id"] for row in self.ben.cli("offer", "list")}
        self.snowblower, self.ladder = mine["Snowblower, 60 cm"], mine["Long ladder"]
        for node in (self.anna, self.cleo):
            self.reaches(node)
            node.types("search", "snow", "--within", "5km")
        self.tale.say("Dora joins only now, by address, and finds it too.")
        self.moves_in(self.dora)
        self.dora.types("join", self.anna.address, "--wait", "20")
        self.reaches(self.dora)
        self.dora.types("search", "snow", "--within", "5km")

    def outlive(self) -> None:
        """2b. Ben goes offline, Cleo restarts: the listing is still there, with Ben's last sign of life."""
        self.tale.chapter("Ben switches his node off; his listing stays")
        assert self.ben.stop() == 0
        self.tale.say("Cleo's node stops too, and starts again.")
        assert self.cleo.stop() == 0
        self.cleo.start()
        row = until("Dora still finds it", lambda: finds(self.dora, self.snowblower, "snow"))
        assert 0 < row["last_seen"] < row["valid_until"]
        self.dora.types("search", "snow")
        self.held("Cleo finds it after her restart", lambda: finds(self.cleo, self.snowblower, "snow"))
        self.ben.start()

    def revise(self) -> None:
        """2c. Ben edits the price and withdraws the ladder: so it is everywhere."""
        self.tale.chapter("Ben changes the price, and takes the ladder back")
        self.ben.types("offer", "edit", self.snowblower[:8], "--price", "1.50/hour")
        self.ben.types("offer", "withdraw", self.ladder[:8])
        for node in (self.anna, self.cleo, self.dora):
            self.held(
                f"{node.name} sees the new price",
                lambda node=node: (row := finds(node, self.snowblower, "snow")) and row["price"]["amount"] == 150,
            )
            self.held(f"{node.name} sees no ladder any more", lambda node=node: not search(node, "ladder"))
        self.dora.types("search")

    def agree(self) -> None:
        """3a. Cleo proposes an hour, Ben counters, Cleo accepts; both see the same terms."""
        self.tale.chapter("Cleo and Ben agree")
        self.cleo.types("exchange", "propose", self.snowblower[:8], "--quantity", "1", "--wait", "20")
        self.exchange = self.cleo.cli("exchange", "list")[0]["exchange_id"]
        self.held("Ben has the proposal", lambda: self.show(self.ben)["status"] == "proposed")
        self.ben.types("exchange", "list")
        self.ben.types("exchange", "counter", self.deal, "--price", "2/hour", "--note", "petrol is dear")
        self.held("Cleo has the counter-proposal", lambda: self.show(self.cleo)["status"] == "countered")
        self.cleo.types("exchange", "show", self.deal)
        self.cleo.types("exchange", "accept", self.deal)
        self.held(
            "both are agreed, on the same terms",
            lambda: (
                self.show(self.ben)["status"] == self.show(self.cleo)["status"] == "agreed"
                and self.show(self.ben)["terms"] == self.show(self.cleo)["terms"]
            ),
        )
        assert self.show(self.ben)["terms"]["price"] == {"amount": 200, "unit": "hour"}

    def perform(self) -> None:
        """3b. Ben hands over, Cleo confirms and returns it later."""
        self.tale.chapter("The snowblower goes over the fence, and comes back")
        self.ben.types("exchange", "handover", self.deal, "--note", "tank is full")
        self.held("Cleo sees the hand-over", lambda: self.duty(self.cleo, "handover") == "done")
        self.cleo.types("exchange", "confirm", self.deal)
        self.cleo.types("exchange", "return", self.deal)
        self.held("Ben sees the return", lambda: self.duty(self.ben, "return") == "done")
        self.ben.types("exchange", "confirm", self.deal)

    def pay(self) -> None:
        """3c. Cleo pays in mutual credit: one receipt in both ledgers, balances sum to zero."""
        self.tale.chapter("Cleo pays, in hours")
        self.cleo.types("exchange", "pay", self.deal, "--wait", "20")
        self.settled()
        for node in (self.ben, self.cleo):
            node.types("ledger", "balance")
            node.types("ledger", "verify")

    def settled(self) -> None:
        def same_receipt() -> bool:
            mine, theirs = self.show(self.cleo)["receipt"], self.show(self.ben)["receipt"]
            return mine is not None and mine == theirs

        self.held("both ledgers hold the same countersigned receipt", same_receipt)
        self.held("the balances sum to zero", lambda: (self.balance(self.ben), self.balance(self.cleo)) == (200, -200))
        for node in (self.ben, self.cleo):
            checked = node.cli("ledger", "verify")
            assert checked["ok"] and not checked["missing"], checked
        kinds = [row["kind"] for row in self.ben.cli("ledger", "log") if row["exchange_id"] == self.exchange]
        assert sorted(kinds) == sorted(set(kinds)), kinds  # nothing twice

    def no_limit(self) -> None:
        """3d. Dora joined without a vouch: her attempt to pay is refused, with the reason and what to do."""
        self.tale.chapter("Dora has no credit yet")
        self.tale.say("Nobody has vouched for Dora, so she cannot owe anything to anybody.")
        self.dora.types("exchange", "propose", self.snowblower[:8], "--quantity", "1")
        exchange = self.dora.cli("exchange", "list")[0]["exchange_id"]
        until("Ben has Dora's proposal", lambda: self.ben.cli("exchange", "show", exchange))
        self.ben.types("exchange", "accept", exchange[:8])
        until("Dora sees it", lambda: self.dora.cli("exchange", "show", exchange)["status"] == "agreed")
        shown = self.dora.types("exchange", "pay", exchange[:8], status=5)
        assert "limit" in shown and "vouch" in shown, shown
        self.held("Dora's payment is refused, with the reason", lambda: self.balance(self.dora) == 0)

    def attest(self) -> None:
        """4. Both attest; Anna, who took part in nothing, sees why Ben can be trusted."""
        self.tale.chapter("Both say how it went, and the street can know")
        self.held("the exchange is over", lambda: self.over(self.cleo) and self.over(self.ben))
        self.cleo.types("attest", self.deal, "--outcome", "2", "--text", "Starts at once")
        self.ben.types("attest", self.deal, "--outcome", "2")
        self.held("Anna knows", lambda: self.anna.cli("reputation", "Ben", "--why")["why"])
        self.anna.types("reputation", "Ben", "--why")
        seen = self.anna.cli("reputation", "Ben", "--why")
        why = seen["why"][0]
        assert seen["score"] > 0.9 and seen["confidence"] > 0
        assert why["exchange_id"] == self.exchange and why["rater"] == self.cleo.peer_id and why["outcome"] == 2
        assert why["path"][-1] == self.cleo.peer_id and why["path"][0] == self.anna.peer_id

    @property
    def deal(self) -> str:
        """The exchange's id as people type it."""
        return self.exchange[:8]

    def moves_in(self, node: Node) -> None:
        node.types("init", "--name", node.name, "--area", CELL)
        node.start()

    def held(self, what: str, true: Callable[[], Any]) -> None:
        until(what, true)
        self.tale.held(what)

    def reaches(self, node: Node) -> None:
        def both() -> bool:
            row = finds(node, self.snowblower, "snow", "--within", "5km")
            if row is None or not finds(node, self.ladder, "ladder"):
                return False
            return bool(row["author_name"] == "Ben" and row["price"] == {"amount": 200, "unit": "hour", "per": "hour"})

        self.held(f"Ben's offers have reached {node.name}", both)

    def in_network(self, node: Node) -> bool:
        return bool(node.cli("whoami")["network"]["name"] == "Elm Street")

    def balance(self, node: Node, figure: str = "balance") -> int:
        return int(node.cli("ledger", "balance")[figure]["amount"])

    def over(self, node: Node) -> bool:
        return self.show(node)["status"] in ("settled", "closed")

    def show(self, node: Node) -> dict[str, Any]:
        shown: dict[str, Any] = node.cli("exchange", "show", self.exchange)
        return shown

    def duty(self, node: Node, duty: str) -> str:
        return next(str(d["state"]) for d in self.show(node)["duties"] if d["id"] == duty)


def on_loopback(root: Path, narrator: Narrator | None = None) -> Story:
    return Story(lambda name: Node(name, root, narrator=narrator), narrator)
