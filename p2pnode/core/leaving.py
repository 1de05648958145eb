"""Going out of a network, and coming back.

What was signed there stays: the ledger, the exchanges and what they rest on can be read, and a chain that was begun
anew would be a fork. So nothing is deleted. The node takes no part any more: it signs nothing there, answers no
proposals, tells and keeps nothing new; what it holds of others goes as it expires. Our listings end at once, and until
somebody has been told so, or `LEAVING_TOLD` is over, the node goes on gossiping, and does nothing else.
"""

from typing import Any

from dht.keys import slot_hash
from p2pnode import commands
from p2pnode.bounds import LEAVING_LOOK, LEAVING_TOLD
from protocols.codec import decode, encode
from protocols.errors import Refusal
from protocols.exchange import OPEN, Status

from .effects import Emit
from .exchanges import Exchanges
from .keys import JOIN, LEFT
from .listings import Listings
from .membership import Membership
from .state import Network, State

UNFINISHED = OPEN - {Status.SETTLED}  # what is settled can only be rated


class Leaving:
    def __init__(self, state: State, membership: Membership) -> None:
        self._state = state
        self._membership = membership
        membership.back = self.back
        self.listings: Listings  # set by the core
        self.exchanges: Exchanges  # likewise
        self._look_at: int | None = 0 if any(self._is_telling(n) for n in state.networks.values()) else None

    # Our user

    def foresee(self, args: commands.Leave, now: int) -> dict[str, Any]:
        """What leaving would end, and what it would leave open."""
        network = self._state.network(args.network)
        unit, figures = network.genesis.unit, network.chain.state
        return {
            "network": network.json,
            "state": "joined",
            "listings": len(self.listings.mine(network)),
            "exchanges": self._unfinished(network, now),
            "balance": {"amount": figures.balance, "unit": unit},
            "hold": {"amount": figures.hold, "unit": unit},
            "open": network.genesis.open,
            "peers": len(self._state.gossip.neighbours(network.id)),
        }

    def leave(self, args: commands.Leave, now: int) -> dict[str, Any]:
        seen = self.foresee(args, now)
        network = self._state.network(args.network)
        network.chain.check_ready()
        if seen["exchanges"] and not args.anyway:
            count = len(seen["exchanges"])
            raise Refusal(
                "conflict",
                f"{count} exchanges are under way there" if count > 1 else "an exchange is under way there",
                "`p2pnode exchange list --open` names them: see them through, or cancel; or leave with --anyway.",
            )
        for record, _ in self.listings.mine(network):
            which = slot_hash(record.slot).hex()
            self.listings.withdraw(commands.OneId(id=which, network=network.id.hex()), now)
        network.chain.left = now
        for joining in list(self._membership.joining.values()):
            if joining.link is not None and joining.link.invite.network == network.id:
                del self._membership.joining[joining.target]
                self._state.journal.delete(JOIN + joining.target.encode(), durable=True)
        self._state.journal.put(LEFT + network.id, encode([now, False]))
        self._look_at = now
        self._tell(network, "left")
        return {**seen, "state": "left"}

    def back(self, network: Network, now: int) -> None:
        """Our user joins again. The chain goes on where it ended. Nothing, where he has not left."""
        if network.left:
            network.chain.left = 0
            self._state.journal.delete(LEFT + network.id, durable=True)
            self._membership.adopted(network, now)
            self._tell(network, "joined")

    def json(self) -> list[dict[str, Any]]:
        """The networks that our user has left."""
        return [
            {**n.json, "left_at": n.left, "telling": self._is_telling(n)}
            for n in self._state.networks.values()
            if n.left
        ]

    # By itself

    def gossips(self, network: Network) -> bool:
        """Whether this node tells and hears records of a network."""
        return not network.left or self._is_telling(network)

    def woke(self, now: int) -> None:
        if self._look_at is None or now < self._look_at:
            return
        self._look_at = None
        for network in self._state.networks.values():
            if not network.left or not self._is_telling(network):
                continue
            if self._is_told(network) or now > network.left + LEAVING_TOLD:
                self._state.journal.put(LEFT + network.id, encode([network.left, True]))
                self._state.gossip.leave(network.id)
            else:
                self._look_at = now + LEAVING_LOOK

    def next_wake(self) -> int | None:
        return self._look_at

    # Parts

    def _unfinished(self, network: Network, now: int) -> list[dict[str, Any]]:
        found = []
        for held in self.exchanges.held.values():
            view = self.exchanges.view(held, now) if held.network == network.id else None
            if view is not None and view.status in UNFINISHED:
                found.append({"exchange_id": held.id.hex(), "title": view.terms.title, "status": str(view.status)})
        return sorted(found, key=lambda row: (row["title"], row["exchange_id"]))

    def _is_telling(self, network: Network) -> bool:
        stored = self._state.journal.get(LEFT + network.id)
        return stored is not None and not decode(stored)[1]

    def _is_told(self, network: Network) -> bool:
        """Whether of each listing that ended somebody knows."""
        gossip, rows = self._state.gossip, network.catalog.rows(kind="listing", author=self._state.me)
        return all(gossip.replicas(network.id, row.id) for row in rows)

    def _tell(self, network: Network, state: str) -> None:
        self._state.journal.out(Emit("network", {"id": network.id.hex(), "name": network.genesis.name, "state": state}))
