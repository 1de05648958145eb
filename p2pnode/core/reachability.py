"""Whether others can dial us: from outside, or from the local network only.

Known by a connection that came in from a public address, and by asking peers to dial back. What one peer says is shown;
what `REACH_WITNESSES` of them say, from different groups of addresses, is told to others as an address of ours.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from p2pnode.bounds import (
    REACH_AGAIN,
    REACH_ASKED,
    REACH_FIRST,
    REACH_KEPT,
    REACH_RENEWED,
    REACH_WITNESSES,
)
from protocols.nearness import PUBLIC, group_of, scope_of

from .effects import Probe
from .multiaddrs import with_peer
from .state import State

NAMED_AS_OUTSIDE = 2  # addresses


class Verdict(NamedTuple):
    """What a peer has found. block: its group of addresses; at: ms."""

    reached: bool
    address: str
    block: str
    at: int


class Reachability:
    def __init__(self, state: State) -> None:
        self._state = state
        self.changed: Callable[[int], None] = lambda now: None  # set by the core: our addresses are others now
        self._addresses: tuple[str, ...] = ()
        self._verdicts: dict[str, Verdict] = {}
        self._asked: dict[str, int] = {}
        self._ask_at = 0
        self._called = 0  # when somebody last came in from outside
        self._since = 0  # since when it is as it is
        self._was = "unknown"

    def started(self, now: int) -> None:
        """The host is up, or has other addresses: what was known before no longer counts."""
        if self._addresses != self._state.addresses:
            self._addresses = self._state.addresses
            self._verdicts.clear()
            self._asked.clear()
            self._called, self._state.outside = 0, ()
        self._ask_at = now + REACH_FIRST

    def connected(self, address: str, outbound: bool, now: int) -> None:
        if not outbound and scope_of(address) == PUBLIC:
            self._called = now
        self._ask_at = min(self._ask_at, now + REACH_FIRST)
        self._note(now)

    def disconnected(self, peer: str) -> None:
        self._asked.pop(peer, None)

    def answered(self, peer: str, reached: bool | None, address: str, now: int) -> None:
        """A peer that we asked has tried, or says nothing."""
        connection = self._state.connected.get(peer)
        if reached is None or peer not in self._asked or connection is None:
            return
        ip = re.fullmatch(rf"/ip[46]/[^/]+/tcp/{_port(self._state.addresses)}", address)
        if ip is None or scope_of(address) is None:  # it was asked about a port, and sees us at an IP address
            return
        self._verdicts.pop(peer, None)
        while len(self._verdicts) >= 4 * REACH_ASKED:
            del self._verdicts[next(iter(self._verdicts))]
        self._verdicts[peer] = Verdict(reached, address, group_of(connection.address) or peer, now)
        self._note(now)

    def woke(self, now: int) -> None:
        if self._ask_at > now + REACH_RENEWED:  # the clock was set back
            self._ask_at = now
        if now < self._ask_at:
            return
        self._verdicts = {p: v for p, v in self._verdicts.items() if 0 <= now - v.at < REACH_KEPT}
        port = _port(self._state.addresses)
        asked = self._choose(now) if port else []
        for peer in asked:
            self._asked[peer] = now
            self._state.journal.out(Probe(peer, port))
        enough = len({v.block for v in self._verdicts.values()}) >= REACH_WITNESSES
        self._ask_at = now + (REACH_RENEWED if enough or not asked else REACH_AGAIN)
        self._note(now)

    def next_wake(self) -> int | None:
        return self._ask_at if self._state.connected and self._state.addresses else None

    @property
    def state(self) -> str:
        """yes, no, lan (from the local network only, as far as is known) or unknown."""
        outside = [v for v in self._verdicts.values() if scope_of(v.address) == PUBLIC]
        good = sum(v.reached for v in outside)
        if self._called or (good and 2 * good >= len(outside)):
            return "yes"
        if outside:
            return "no"
        return "lan" if any(v.reached for v in self._verdicts.values()) else "unknown"

    def json(self) -> dict[str, Any]:
        state = self.state
        wanted = state in ("yes", "lan")
        scoped = [v for v in self._verdicts.values() if (scope_of(v.address) == PUBLIC) == (state in ("yes", "no"))]
        agreed = [v for v in scoped if v.reached == wanted]
        address = Counter(v.address for v in agreed).most_common(1)
        return {
            "state": state,
            "address": address[0][0] if address else None,
            "by": len(agreed),
            "called": bool(self._called),
            "since": self._since or None,
            "port": _port(self._state.addresses) or None,
        }

    def _choose(self, now: int) -> list[str]:
        """Whom to ask: not those who were asked a while ago, first those outside, no two of one group."""
        chosen: list[str] = []
        blocks: set[str] = set()
        ranked = sorted(
            self._state.connected.items(), key=lambda c: (scope_of(c[1].address) != PUBLIC, not c[1].outbound, c[0])
        )
        for peer, connection in ranked:
            block = group_of(connection.address) or peer
            if block not in blocks and not 0 <= now - self._asked.get(peer, -REACH_RENEWED) < REACH_RENEWED:
                blocks.add(block)
                chosen.append(peer)
        return chosen[:REACH_ASKED]

    def _note(self, now: int) -> None:
        state = self.state
        if state != self._was:
            self._was, self._since = state, now
        witnesses: dict[str, set[str]] = {}
        for verdict in self._verdicts.values():
            if verdict.reached and scope_of(verdict.address) == PUBLIC:
                witnesses.setdefault(verdict.address, set()).add(verdict.block)
        mine = self._state.settings.peer_id
        confirmed = sorted(with_peer(a, mine) for a, who in witnesses.items() if len(who) >= REACH_WITNESSES)
        outside = tuple(a for a in confirmed if a not in self._state.addresses)[:NAMED_AS_OUTSIDE]
        if outside != self._state.outside:
            self._state.outside = outside
            self.changed(now)


def _port(addresses: tuple[str, ...]) -> int:
    """The TCP port at which we listen; 0 for none."""
    ports = (a.split("/tcp/")[1].split("/")[0] for a in addresses if "/tcp/" in a)
    return next((int(p) for p in ports if p.isdigit()), 0)
