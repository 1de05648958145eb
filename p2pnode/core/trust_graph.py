"""The trust graph around our user, all at once: for a picture and a table."""

from collections.abc import Callable
from typing import Any

from ledger.reputation import View
from ledger.surroundings import Person, Tie, surroundings
from p2pnode import commands

from .exposures import Exposures
from .state import Network, State
from .vouches import Vouches


class TrustGraph:
    """view: of a network, as it stands at a time."""

    def __init__(
        self, state: State, vouches: Vouches, exposures: Exposures, view: Callable[[Network, int], View]
    ) -> None:
        self._state = state
        self._vouches = vouches
        self._exposures = exposures
        self._view = view

    def show(self, args: commands.TrustGraph, now: int) -> dict[str, Any]:
        network = self._state.network(args.network)
        view = self._view(network, now)
        found = surroundings(view, *self._exposures.all_of(network, now), args.most)
        vouched = frozenset(self._vouches.held_with(network.id))
        directory, me = self._state.directory, self._state.me
        ids = {me: directory.peer_id(me), **{p.author: directory.peer_id(p.author) for p in found.people}}
        names = {me: "you", **{p.author: directory.name(p.author) for p in found.people}}

        def by(tie: Tie) -> str:
            if tie.rated:
                return "rating"
            return "vouch" if me in (tie.a, tie.b) and vouched & {tie.a, tie.b} else "invite"

        def person(one: Person) -> dict[str, Any]:
            unit, at_risk = network.genesis.unit, one.exposure
            return {
                "peer_id": ids[one.author],
                "author": one.author.hex(),
                "name": names[one.author],
                "trust": round(one.trust, 4),
                "score": round(one.score.score, 4),
                "confidence": round(one.score.confidence, 4),
                "unheard": one.unheard,
                "most": None if at_risk is None else {"amount": at_risk.most, "unit": unit},
                "open": None if at_risk is None else {"amount": at_risk.open, "unit": unit},
                "path": [ids[author] for author in one.path],
                "path_names": [names[author] for author in one.path],
            }

        return {
            "peer_id": ids[me],
            "author": me.hex(),
            "name": self._state.settings.name,
            "people": [person(one) for one in found.people],
            "ties": [{"from": ids[tie.a], "to": ids[tie.b], "by": by(tie)} for tie in found.ties],
            "more": found.more,
        }
