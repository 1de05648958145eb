"""How far the goals of our listings are: who has pledged, how much of it, and whether that is enough."""

from typing import TYPE_CHECKING, Any, NamedTuple

from protocols.exchange import NEGOTIATING, OPEN, Exchange, Status
from protocols.terms import Goal

from .state import Network

if TYPE_CHECKING:
    from .exchanges import Exchanges
    from .held import Held

_STANDING = OPEN | {Status.CLOSED}


class Counted(NamedTuple):
    """The pledges for a listing of ours. standing: agreed, and neither lapsed nor called off; enough: the most of them
    that together reach the goal of each of them; asked: those that wait for our answer."""

    standing: "tuple[tuple[Held, Exchange], ...]"
    enough: frozenset[bytes]
    asked: tuple[Exchange, ...]

    def waiting(self) -> "list[tuple[Held, Exchange]]":
        """Those that can go ahead, and were not yet told so."""
        return [(held, view) for held, view in self.standing if held.id in self.enough and view.waits_for_go]

    def measure(self, goal: Goal) -> int:
        """How much has been pledged towards a goal: minor units of its unit, or how many have pledged."""
        return _measure([view for _, view in self.standing], goal)

    def measure_enough(self, goal: Goal) -> int:
        return _measure([view for held, view in self.standing if held.id in self.enough], goal)

    def json(self, goal: Goal) -> dict[str, Any]:
        """pledged: as `least` counts; asked: how many wait for our answer; ready: how many can go ahead now."""
        return {
            "pledged": self.measure(goal),
            "pledges": len(self.standing),
            "asked": len(self.asked),
            "ready": len(self.waiting()),
            "reached": self.measure_enough(goal) >= goal.least,
        }


def of_listing(
    exchanges: "Exchanges", me: bytes, network: Network, name: bytes, label: dict[str, Any], now: int
) -> dict[str, Any]:
    """How far a listing of ours is on the way to the goal that its label names. until: of the last pledge to lapse."""
    counted = Goals(exchanges, me, now).counted(network.id, name)
    ends = [v.terms.goal.until for v in (*counted.asked, *(v for _, v in counted.standing)) if v.terms.goal is not None]
    until = max(ends, default=0)
    return {**counted.json(Goal(label["amount"], until, label["unit"])), "until": until or None}


class Goals:
    """A count of the pledges for each listing of ours, made when it is first asked for: for one command."""

    def __init__(self, exchanges: "Exchanges", me: bytes, now: int) -> None:
        self._exchanges = exchanges
        self._me = me
        self._now = now
        self._counted: dict[tuple[bytes, bytes], Counted] = {}

    def counted(self, network: bytes, name: bytes) -> Counted:
        slot = (network, name)
        if slot not in self._counted:
            self._counted[slot] = self._count(network, name)
        return self._counted[slot]

    def of(self, held: "Held", view: Exchange) -> Counted | None:
        """The pledges beside this one, if it is one and its listing is ours."""
        terms = view.terms
        return self.counted(held.network, terms.name) if terms.goal and terms.responder == self._me else None

    def next(
        self, held: "Held", view: Exchange, steps: list[tuple[bytes, str, int | None]]
    ) -> list[tuple[bytes, str, int | None]]:
        """The next steps, but what our user would be refused: to say that a goal is reached while it is not."""
        counted = self.of(held, view)
        if counted is None or held.id in counted.enough:
            return steps
        return [step for step in steps if step[1] != "go"]

    def _count(self, network: bytes, name: bytes) -> Counted:
        here = [
            (held, self._exchanges.view(held, self._now))
            for held in self._exchanges.held.values()
            if held.network == network and (held.first.responder, held.first.name) == (self._me, name)
        ]
        pledges = [(held, view) for held, view in here if view.terms.goal is not None]
        standing = [(h, v) for h, v in pledges if v.agreed and v.status in _STANDING and not v.called_off]
        asked = tuple(v for _, v in pledges if v.status in NEGOTIATING and v.turn == self._me)
        return Counted(tuple(standing), _enough(standing), asked)


def _enough(standing: "list[tuple[Held, Exchange]]") -> frozenset[bytes]:
    """The most pledges that together reach the goal of each of them."""
    left = list(standing)
    while True:
        views = [view for _, view in left]
        kept = [
            (h, v) for h, v in left if v.terms.goal is not None and _measure(views, v.terms.goal) >= v.terms.goal.least
        ]
        if len(kept) == len(left):
            return frozenset(held.id for held, _ in kept)
        left = kept


def _measure(views: list[Exchange], goal: Goal) -> int:
    if not goal.unit:
        return len(views)
    return sum(view.terms.amount for view in views if view.terms.unit == goal.unit)
