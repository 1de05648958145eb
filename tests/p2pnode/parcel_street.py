"""A street of real cores that hand parcels on."""

from typing import Any

from p2pnode.core.effects import Effect, Send
from protocols import custody_messages as messages
from protocols.limits import MINUTE
from tests.p2pnode.lab import EVES_PEER, Lab
from tests.sim.simulator import Node


class Street(Lab):
    """Anna sends something to Dora; Ben carries it, and has Cleo carry it the rest of the way."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.first = self.deliver(self.ben, self.anna, to=self.dora.peer_id, parcel=True)
        self.parcel = self.exchange(self.anna, self.first).terms.parcel

    def deliver(self, courier: Node, customer: Node, **more: Any) -> str:
        listing = self.ask(courier, "listing.publish", direction="offer", kind="deliver", title="Ride", price="1")
        self.sim.run(MINUTE)
        made = self.ask(customer, "exchange.propose", listing=listing["listing_id"], **more)["exchange_id"]
        self.sim.run(MINUTE)
        self.ask(courier, "exchange.accept", id=made)
        self.sim.run(MINUTE)
        return made

    def exchange(self, node: Node, id_: str) -> Any:
        held = node.core.exchanges.held[bytes.fromhex(id_)]
        return node.core.exchanges.view(held, self.now)

    def shown(self, node: Node) -> Any:
        return self.ask(node, "parcel.show", id=self.parcel.hex())

    def next(self, node: Node, exchange: str) -> tuple[str, str]:
        step = self.ask(node, "exchange.show", id=exchange)["next"][0]
        return step["who"], step["command"]

    def pass_on(self, giver: Node, taker: Node, exchange: str) -> None:
        self.ask(giver, "parcel.give", exchange=exchange, to=taker.peer_id)
        self.sim.run(MINUTE)
        (offer,) = self.ask(taker, "parcel.list")["offered"]
        self.ask(taker, "parcel.take", id=offer["id"])
        self.sim.run(MINUTE)

    def duties(self, node: Node, id_: str) -> dict[str, str]:
        return {name: str(state) for name, state in self.exchange(node, id_).duties.items()}

    def send(self, node: Node, message: messages.Message, peer: str = EVES_PEER) -> list[Effect]:
        return self.tell(node, messages.PROTOCOL, messages.encode_message(message), peer)


def answers(effects: list[Effect]) -> list[messages.Message]:
    return [messages.parse_message(e.data) for e in effects if isinstance(e, Send) and e.protocol == messages.PROTOCOL]
