"""Connections made for a while, to compare with somebody else what both hold.

When a network falls apart, everybody soon has connections enough on his own side, and nobody lacks one to the other
side when the cut is gone. So each node now and then visits a peer that it has been connected to before, whether or not
that one has answered lately. What is new on either side then goes on by the connections that are there. Who was a
neighbour within the last hour is tried much more often; and when one of these is back, so may be the others.
"""

from collections.abc import Callable

from p2pnode.bounds import DIAL_WITHIN, LOST_AFTER, LOST_FOR, MAX_LOST, VISIT, VISIT_EVERY, VISIT_LOST_EVERY

from .book import Known
from .nearby import Nearby
from .state import State


class Visits:
    """free: whether a peer may be dialled. Times in ms."""

    def __init__(self, state: State, nearby: Nearby, known: dict[str, Known], free: Callable[[str], bool]) -> None:
        self._state = state
        self._nearby = nearby
        self._known = known
        self._free = free
        self._next_at = 0
        self._until: dict[str, int] = {}
        self._lost: dict[str, int] = {}  # neighbours that were → since when
        self._lost_at = 0  # when to try the next of them

    def started(self, now: int) -> None:
        self._next_at = now + self._state.rng.randrange(VISIT_EVERY)

    def __contains__(self, peer: str) -> bool:
        return peer in self._until

    def choose(self, now: int) -> str | None:
        """Whom to dial for a visit, if it is time: anybody, or by the same chance who keeps what we keep."""
        if self._next_at - 2 * VISIT_EVERY < now < self._next_at:
            return self._choose_lost(now)
        self._next_at = now + self._pause(VISIT_EVERY)
        among = [peer for peer, known in self._known.items() if self._may(peer, known, now)]
        if self._state.rng.random() < 0.5:
            among = self._nearby.keepers(among, now) or among
        if not among or not self._state.joined:
            return None
        return self._one_of(among, now)

    def _choose_lost(self, now: int) -> str | None:
        if not self._lost or self._lost_at - 2 * VISIT_LOST_EVERY < now < self._lost_at:
            return None
        self._lost_at = now + self._pause(VISIT_LOST_EVERY)
        self._lost = {p: at for p, at in self._lost.items() if p in self._known and at <= now < at + LOST_FOR}
        once = (peer for peer in self._lost if self._known[peer].brief < 2)  # not whoever hangs up on us each time
        among = [peer for peer in once if self._known[peer].addresses and self._free(peer)]
        return self._one_of(among, now) if among else None

    def _one_of(self, peers: list[str], now: int) -> str:
        peer = peers[self._state.rng.randrange(len(peers))]
        self._until[peer] = now + DIAL_WITHIN
        return peer

    def _pause(self, about: int) -> int:
        return about * 4 // 5 + self._state.rng.randrange(about * 2 // 5)

    def _may(self, peer: str, known: Known, now: int) -> bool:
        patient = not known.brief or known.next_at <= now  # who hung up at once is left alone for a while
        return bool(known.reached and known.addresses and patient and self._free(peer))

    def began(self, peer: str, now: int) -> None:
        self._until[peer] = now + VISIT

    def failed(self, peer: str) -> None:
        """It was not to be reached."""
        self._until.pop(peer, None)

    def ended(self, peer: str, since: int, now: int) -> bool:
        """The peer is gone, with which we were connected since then; whether it was a visit."""
        if self._until.pop(peer, None) is not None:
            return True
        if now - since >= LOST_AFTER:
            if not self._lost:
                self._lost_at = now + self._pause(VISIT_LOST_EVERY)
            self._lost[peer] = now
            if len(self._lost) > MAX_LOST:
                del self._lost[next(iter(self._lost))]
        return False

    def back(self, peer: str, now: int) -> None:
        """A peer is connected. If it was lost, what kept it away may be over for the others too."""
        if self._lost.pop(peer, None) is not None:
            self._lost_at = now

    def over(self, now: int) -> list[str]:
        """Those that have lasted long enough; again later, should they still be here."""
        peers = [peer for peer, until in self._until.items() if not until - VISIT - DIAL_WITHIN <= now < until]
        for peer in peers:
            if peer in self._state.connected:
                self._until[peer] = now + VISIT
            else:
                del self._until[peer]
        return peers

    def next_wake(self) -> int:
        return min([self._next_at, *([self._lost_at] if self._lost else []), *self._until.values()])
