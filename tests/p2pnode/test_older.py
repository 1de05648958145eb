"""A neighbour whose node is from before form 2: what cannot be delivered to it, and until when."""

from typing import Any

from protocols import exchange_messages as messages
from protocols.limits import HOUR, MINUTE
from tests.p2pnode.lab import Lab

OLDER = {"Ben": {messages.SECOND_PROTOCOL}}
WHY = "their node is older and cannot take this: propose with --form plain"


class Street(Lab):
    """Cleo asks for Ben's snowblower, whose node is older."""

    def __init__(self) -> None:
        super().__init__()
        self.sim.unspoken = OLDER
        fields = {"direction": "offer", "kind": "rent", "title": "Snowblower", "price": "2/hour"}
        self.listing = self.ask(self.ben, "listing.publish", **fields)["listing_id"]
        self.sim.run(MINUTE)

    def propose(self, **more: Any) -> str:
        when = {"start": self.now + HOUR, "end": self.now + 2 * HOUR}
        made: str = self.ask(self.cleo, "exchange.propose", listing=self.listing, **when, **more)["exchange_id"]
        self.sim.run(MINUTE)
        return made

    def seen(self, id_: str) -> tuple[bool, str | None]:
        shown = self.ask(self.cleo, "exchange.show", id=id_)
        return shown["delivered"], shown["undeliverable"]


def test_what_an_older_node_cannot_take_says_so_until_it_is_newer() -> None:
    lab = Street()
    full, plain = lab.propose(), lab.propose(form="plain")
    assert lab.seen(full) == (False, WHY)
    assert lab.seen(plain) == (True, None)
    lab.sim.crash(lab.ben, away=MINUTE)
    lab.sim.run(MINUTE // 2)
    assert lab.seen(full) == (False, WHY), "while it is away nothing else is known"
    lab.sim.unspoken = {}
    lab.sim.run(5 * MINUTE)
    assert lab.seen(full) == (True, None)
    assert lab.ask(lab.ben, "exchange.show", id=full)["status"] == "proposed"


def test_after_a_restart_it_is_known_again() -> None:
    lab = Street()
    full = lab.propose()
    lab.sim.crash(lab.cleo)
    lab.sim.run(5 * MINUTE)
    assert lab.seen(full) == (False, WHY)


def test_who_is_merely_away_is_not_taken_for_older() -> None:
    lab = Street()
    lab.sim.unspoken = {}
    lab.sim.crash(lab.ben, away=HOUR)
    assert lab.seen(lab.propose()) == (False, None)


def test_nothing_is_sent_again_and_again_to_who_cannot_take_it() -> None:
    lab = Street()
    lab.propose()
    asked: list[str] = []
    transmit = lab.sim._transmit

    def noting(node: Any, peer: str, protocol: str, data: bytes) -> None:
        asked.append(protocol)
        transmit(node, peer, protocol, data)

    lab.sim._transmit = noting  # type: ignore[method-assign]
    lab.sim.run(HOUR)
    assert asked and messages.SECOND_PROTOCOL not in asked


def test_what_is_known_of_others_is_bounded_by_what_waits() -> None:
    lab = Street()
    full = lab.propose()
    outbox = lab.cleo.core.outbox
    for number in range(100):
        outbox.unspoken(f"12D3KooWnobody{number}", messages.SECOND_PROTOCOL)
    assert outbox._unspoken == {(lab.ben.peer_id, messages.SECOND_PROTOCOL)} and lab.seen(full) == (False, WHY)
