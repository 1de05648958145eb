"""What neighbours are told of their exchanges, in words, and whose turn it is."""

from typing import Any

from protocols.limits import DAY, HOUR, MINUTE
from tests.p2pnode.lab import Lab


class Listed(Lab):
    """Something of Ben's that Cleo asks for."""

    def __init__(self, **listing: Any) -> None:
        super().__init__(3)
        given = {"direction": "offer", "kind": "sell", "title": "Honey"} | listing
        self.listing = self.ask(self.ben, "listing.publish", **given)["listing_id"]
        self.sim.run(MINUTE)

    def propose(self, **asked: Any) -> str:
        self.id = str(self.ask(self.cleo, "exchange.propose", listing=self.listing, **asked)["exchange_id"])
        self.sim.run(MINUTE)
        return self.id

    def do(self, node: Any, verb: str, **fields: Any) -> Any:
        data = self.ask(node, f"exchange.{verb}", id=self.id, **fields)
        self.sim.run(MINUTE)
        return data

    def shown(self, node: Any) -> Any:
        return self.ask(node, "exchange.show", id=self.id)

    def mine(self, node: Any) -> list[tuple[str, int | None]]:
        steps = self.shown(node)["next"]
        return [(s["command"].split()[2], s["until"]) for s in steps if s["who"] == "you"]


def test_terms_with_a_fee_can_be_countered() -> None:
    lab = Listed(kind="rent", title="Mower", price="2/hour")
    lab.propose(start=lab.now + 2 * DAY, end=lab.now + 2 * DAY + 4 * HOUR, cancel_until=DAY, fee="1")
    assert lab.do(lab.ben, "counter", note="Mind the rain")["status"] == "countered"
    assert lab.do(lab.cleo, "accept")["status"] == "agreed"
