"""How the node is doing, in a few figures, and what its user should know."""

from collections.abc import Callable
from typing import Any, Final

from p2pnode import commands
from protocols.exchange import OPEN

from .exchange_json import hands_of
from .exchanges import Exchanges
from .goals import Goals
from .listings import Listings
from .local import Local
from .membership import Membership
from .neighbours import Neighbours
from .next_steps import next_steps
from .reachability import Reachability
from .recovery import Recovery
from .state import State

MAX_LATE_NAMED: Final = 3


class Status:
    def __init__(
        self,
        state: State,
        listings: Listings,
        exchanges: Exchanges,
        membership: Membership,
        neighbours: Neighbours,
        recovery: Recovery,
    ) -> None:
        self._state = state
        self._listings = listings
        self._exchanges = exchanges
        self._membership = membership
        self._neighbours = neighbours
        self._recovery = recovery
        self.reachability = Reachability(state)  # the core's takes its place
        self.local = Local(state, neighbours)  # likewise
        self.left: Callable[[], list[dict[str, Any]]] = list  # set by the core: networks that our user has left
        self.warnings: Callable[[], list[str]] = list  # of the disk, which the daemon knows
        self.indexing: Callable[[], dict[str, int] | None] = lambda: None  # how far a search index is that is made anew
        self.lan_page: Callable[[], dict[str, Any]] = dict  # whether the local network can reach the page
        self.unseen: Callable[[], int] = lambda: 0  # notices that our user has not seen
        self.unread: Callable[[], int] = lambda: 0  # messages that our user has not read
        self.hiding: Callable[[int], bool] = lambda now: False  # whether block lists hide anything from our user
        self.disk: Callable[[], dict[str, object]] = dict  # set by the core
        self.told: tuple[Callable[[int], list[str]], ...] = ()  # set by the core: what its parts leave to our user

    def status(self, args: commands.NoArgs, now: int) -> dict[str, Any]:
        networks = self._state.joined
        chosen = self._state.network(args.network) if args.network else networks[0] if networks else None
        joining = [j for j in self._membership.joining.values()]
        peers = len(self._state.connected)
        recovering = any(not n.chain.whole for n in networks)
        page = self.lan_page()
        word = "recovering" if recovering else "joined" if networks and peers else "joining" if joining else "alone"
        return {
            "peer_id": self._state.settings.peer_id,
            "author": self._state.me.hex(),
            "name": self._state.settings.name,
            "network": chosen.json if chosen else None,
            "networks": [n.json for n in networks],
            "left": self.left(),
            "state": word,
            "joining": [{"target": j.target, "since": j.since, "problem": j.problem or None} for j in joining],
            "peers": peers,
            "listings": sum(
                1 for n in networks for r in n.catalog.rows(kind="listing") if not r.withdrawn and r.until > now
            ),
            "indexing": self.indexing(),
            "exchanges_waiting": self._waiting(now),
            "notices": self.unseen(),
            "messages": self.unread(),
            "hiding": self.hiding(now),
            "lan_page": page,
            "addresses": list(self._state.addresses),
            "reachable": self.reachability.state in ("yes", "lan")
            or any(not c.outbound for c in self._state.connected.values()),
            "reach": self.reachability.json(),
            "lan": self.local.json(),
            "disk": self.disk(),
            "warnings": [
                *self.warnings(),
                *([f"the page is not open to the local network: {page['problem']}"] if page.get("problem") else []),
                *self._recovery.warnings(),
                *self._state.time.warnings(self._state.wall),
                *self._problems(),
                *self._late(now),
                *self._told(now),
            ],
        }

    def clock(self, args: commands.Clock, now: int) -> dict[str, Any]:
        """What time it is, here and to the neighbours. is_right: our user knows better than anybody."""
        time, wall = self._state.time, self._state.wall
        if args.is_right:
            time.insist(wall)
        return {
            "clock": wall,
            "time": time.now(wall),
            "neighbours_ahead_ms": time.difference(),
            "warnings": time.warnings(wall),
        }

    def whoami(self, args: commands.NoArgs) -> dict[str, Any]:
        networks = self._state.joined
        chosen = self._state.network(args.network) if args.network else networks[0] if networks else None
        return {
            "peer_id": self._state.settings.peer_id,
            "author": self._state.me.hex(),
            "name": self._state.settings.name,
            "addresses": list(self._state.addresses),
            "network": chosen.json if chosen else None,
            "area": self._state.settings.area or (chosen.genesis.area if chosen else ""),
            "cells": [cell for cell in chosen.scopes if cell] if chosen else [],
        }

    def _waiting(self, now: int) -> int:
        """Exchanges in which the next step is ours."""
        count, goals = 0, Goals(self._exchanges, self._state.me, now)
        for held in self._exchanges.held.values():
            view = self._exchanges.view(held, now)
            if view.status in OPEN:
                steps = goals.next(held, view, next_steps(view, now, hands_of(self._exchanges, held, view, now)))
                count += any(who == self._state.me and command != "attest" for who, command, _ in steps)
        return count

    def _late(self, now: int) -> list[str]:
        """A line for each exchange in which the time of something is over."""
        found, me = [], self._state.me
        for held in self._exchanges.held.values():
            view = self._exchanges.view(held, now)
            late = view.overdue(now) if view.status in OPEN and me in view.terms.parties else ()
            if late:
                other = self._state.directory.name(view.counterparty(me))
                found.append(f"overdue: {view.terms.title!r} with {other}: p2pnode exchange show {held.id.hex()[:8]}")
        more = len(found) - MAX_LATE_NAMED
        return found if more <= 0 else [*found[:MAX_LATE_NAMED], f"{more} more are overdue: p2pnode calendar"]

    def _told(self, now: int) -> list[str]:
        return [line for tell in self.told for line in tell(now)]

    def _problems(self) -> list[str]:
        found = []
        for joining in self._membership.joining.values():
            why = f": {joining.problem}" if joining.problem else ""
            found.append(f"still trying to join {joining.target[:60]}{why}")
        found += self._membership.given_up
        for peer, known in self._neighbours.known.items():
            if peer in self._neighbours.bootstraps and known.problem and peer not in self._state.connected:
                found.append(f"bootstrap peer {peer[:12]}… cannot be reached, trying again: {known.problem}")
        return found
