"""What is kept of an exposure between two questions is never other than what all would be looked at anew."""

from random import Random
from typing import Any

from p2pnode.core.exposures import Exposures
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MINUTE
from tests.longer import LONGER
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node

STEPS = ("accept", "decline", "cancel", "done", "confirm", "pay", "dispute", "waive", "default", "attest")
WAITS = (MINUTE, MINUTE, HOUR, DAY, 9 * DAY, 40 * DAY)
WALK = 80
SEEDS = 5


class Street:
    """Four who trade by chance, in ways that may be refused; three of them are vouched for by each other's invites."""

    def __init__(self, seed: int) -> None:
        self.chance, self.lab = Random(seed), Lab(4)
        self.nodes: list[Node] = [self.lab.anna, self.lab.ben, self.lab.cleo, self.lab.dora]

    def try_to(self, node: Node, command: str, **args: Any) -> Any:
        try:
            return self.lab.ask(node, command, **args)
        except Refusal:
            return None

    def step(self) -> None:
        chance, node = self.chance, self.chance.choice(self.nodes)
        match chance.randrange(16):
            case 0 | 1:
                self._propose(node)
            case 2:
                self.lab.leap(chance.choice(WAITS))
            case 3:
                other = chance.choice(self.nodes)
                command = chance.choice(("vouch", "vouch.take", "unvouch"))
                amount = {} if command == "vouch.take" else {"amount": str(chance.randint(1, 5))}
                self.try_to(node, command, peer=other.peer_id, **amount)
            case 4:
                self.lab.sim.crash(node)
            case _:
                self._go_on(node)
        self.lab.sim.run(chance.choice((0, MINUTE)))

    def _propose(self, node: Node) -> None:
        chance, price = self.chance, f"{self.chance.randint(1, 4)}/hour"
        made = self.try_to(node, "listing.publish", direction="offer", kind="help", title="A wall", price=price)
        self.lab.sim.run(MINUTE)
        if made:
            taker = chance.choice(self.nodes)
            more = chance.choice(({}, {}, {"instalments": 2}, {"form": "full"}))
            self.try_to(taker, "exchange.propose", listing=made["listing_id"], quantity=chance.randint(1, 2), **more)

    def _go_on(self, node: Node) -> None:
        """What is to be done next, mostly; else anything."""
        rows = self.lab.ask(node, "exchange.list", all=True)
        shown = [self.lab.ask(node, "exchange.show", id=row["exchange_id"]) for row in rows]
        steps = [
            (one["exchange_id"], verb)
            for one in shown
            for step in one["next"]
            if step["who"] == "you"
            for verb in step["command"].split()
            if verb in STEPS
        ]
        if steps and self.chance.randrange(6):
            self._do(node, *self.chance.choice(steps))
        elif rows:
            self._do(node, self.chance.choice(rows)["exchange_id"], self.chance.choice(STEPS))

    def _do(self, node: Node, id_: str, verb: str) -> None:
        if verb == "attest":
            self.try_to(node, "attest", exchange=id_, outcome=self.chance.choice((-2, -1, 1, 2, 2)))
        else:
            self.try_to(node, f"exchange.{verb}", id=id_)

    def check(self) -> int:
        """How much is open, of all together."""
        found = 0
        for node in self.nodes:
            core, now = node.core, self.lab.now
            kept = core.reputations.exposures
            anew = Exposures(core.state, core.exchanges, core.listings, kept._read)
            for held in core.exchanges.held.values():
                looked = core.exchanges._evaluate(held, core.exchanges._passed(held), now)
                assert core.exchanges.view(held, now) == looked
            network = self.lab.network(node)
            for other in self.nodes:
                subject = self.lab.signer(other).author
                exposure = kept.to(network, subject, now)
                assert exposure == anew.to(network, subject, now)
                found += exposure.open
        return found


@LONGER
def test_what_was_kept_is_what_is_found_anew() -> None:
    opened, states = set[int](), set[str]()
    for seed in range(SEEDS):
        street = Street(seed)
        for _ in range(WALK):
            street.step()
            opened.add(street.check())
        for node in street.nodes:
            states.update(row["status"] for row in street.lab.ask(node, "exchange.list", all=True))
    assert len(opened) > SEEDS, "nothing was ever open"
    assert states >= {"agreed", "settled", "closed"}, "nothing came to an end"
