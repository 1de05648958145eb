"""Connections made for a while, to compare with somebody else what both hold.

When a network falls apart, everybody soon has connections enough on his own side, and nobody lacks one to the other
side when the cut is gone. So each node now and then visits a peer that it has been connected to before, whether or not
that one has answered lately. What is new on either side then goes on by the connections that are there.
"""

from collections.abc import Callable

from p2pnode.bounds import DIAL_WITHIN, VISIT, VISIT_EVERY

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

    def started(self, now: int) -> None:
        self._next_at = now + self._state.rng.randrange(VISIT_EVERY)

    def __contains__(self, peer: str) -> bool:
        return peer in self._until

    def choose(self, now: int) -> str | None:
        """Whom to dial for a visit, if it is time: anybody, or by the same chance who keeps what we keep."""
        if self._next_at - 2 * VISIT_EVERY < now < self._next_at:
            return None
        self._next_at = now + VISIT_EVERY * 4 // 5 + self._state.rng.randrange(VISIT_EVERY * 2 // 5)
        among = [peer for peer, known in self._known.items() if self._may(peer, known, now)]
        if self._state.rng.random() < 0.5:
            among = self._nearby.keepers(among, now) or among
        if not among or not self._state.networks:
            return None
        peer = among[self._state.rng.randrange(len(among))]
        self._until[peer] = now + DIAL_WITHIN
        return peer

    def _may(self, peer: str, known: Known, now: int) -> bool:
        patient = not known.brief or known.next_at <= now  # who hung up at once is left alone for a while
        return bool(known.reached and known.addresses and patient and self._free(peer))

    def began(self, peer: str, now: int) -> None:
        self._until[peer] = now + VISIT

    def ended(self, peer: str) -> bool:
        """The peer is gone; whether it was a visit."""
        return self._until.pop(peer, None) is not None

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
        return min([self._next_at, *self._until.values()])
