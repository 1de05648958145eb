"""How many records go unasked: from each peer to us, from us to each peer, from each peer on to the others. Pure.

Nobody has to push: what is announced by its id is asked for, and what was left out is found by the next comparison. So
a node keeps well below what it lets others do, and whoever goes far beyond that is no neighbour, whatever it pushes.
Counted by peer, over all networks, and remembered over connections: another connection brings nothing new.
"""

from collections import OrderedDict
from typing import Final

# Records a second, and at once after a pause.
TAKEN_RATE: Final = 32
TAKEN_BURST: Final = 64
EXCESS: Final = 64  # records beyond that are a strike each
SENT_RATE: Final = 16  # half, since what waits in a line arrives at once
SENT_BURST: Final = 40
PASSED_RATE: Final = 16  # what one peer pushes must not use up what the others' records need,
PASSED_BURST: Final = 12
GREEDY: Final = 60_000  # ms, in which nothing is pushed on of a peer that pushed too much
MAX_REMEMBERED: Final = 1_024  # peers


class Allowance:
    """`rate` a second, at most `burst` saved up. Times in ms."""

    def __init__(self, rate: int, burst: int, now: int) -> None:
        self._rate, self._burst = rate, burst
        self._left = burst * 1_000
        self._at = now

    def take(self, wanted: int, now: int) -> int:
        """As many of them as there are left."""
        self._left = min(self._burst * 1_000, self._left + max(0, now - self._at) * self._rate)
        self._at = now
        granted = min(wanted, self._left // 1_000)
        self._left -= granted * 1_000
        return granted


class Pushes:
    """What goes unasked between one peer and us."""

    def __init__(self, now: int) -> None:
        self._taken = Allowance(TAKEN_RATE, TAKEN_BURST, now)
        self._sent = Allowance(SENT_RATE, SENT_BURST, now)
        self._passed = Allowance(PASSED_RATE, PASSED_BURST, now)
        self._excess = 0
        self._greedy_until = now

    def take(self, count: int, now: int) -> int:
        """The peer pushes so many to us: how many of them to look at. The others count against it."""
        granted = self._taken.take(count, now)
        if granted < count:
            self._excess += count - granted
            self._greedy_until = now + GREEDY
        return granted

    def may_send(self, now: int) -> bool:
        """Whether one more may be pushed to this peer."""
        return self._sent.take(1, now) == 1

    def may_pass(self, now: int) -> bool:
        """Whether one more that came from this peer may be pushed to others."""
        return not now < self._greedy_until <= now + GREEDY and self._passed.take(1, now) == 1

    def strikes(self) -> int:
        """How many strikes the peer has earned since this was last asked."""
        count, self._excess = divmod(self._excess, EXCESS)
        return count


class Pushing:
    """All peers, those not heard of for longest forgotten first."""

    def __init__(self) -> None:
        self._peers: OrderedDict[str, Pushes] = OrderedDict()

    def of(self, peer: str, now: int) -> Pushes:
        found = self._peers.get(peer)
        if found is None:
            while len(self._peers) >= MAX_REMEMBERED:
                self._peers.popitem(last=False)
            found = self._peers[peer] = Pushes(now)
        self._peers.move_to_end(peer)
        return found
