"""What one peer may have us take and do. Pure.

How many records go unasked: from each peer to us, from us to each peer, from each peer on to the others.

Nobody has to push: what is announced by its id is asked for, and what was left out is found by the next comparison. So
a node keeps well below what it lets others do, and whoever goes far beyond that is no neighbour, whatever it pushes.

How much is served, compared and fetched: what is beyond waits, and nothing is dropped. Peers that we have not chosen
share what is fetched of them: a name costs nothing, and an open network takes the records of any author.

Counted by peer, over all networks, and remembered over connections: another connection brings nothing new.
"""

from collections import OrderedDict
from typing import Final

from .budget import Budget

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

# A millisecond, and at once after a pause. Bytes:
SERVE_RATE: Final = 8 * 1024
SERVE_BURST: Final = 4 * 1024 * 1024
FETCH_RATE: Final = 64  # some hundred thousand records at once, then some hundred a second
FETCH_BURST: Final = 128 * 1024 * 1024
STRANGERS_RATE: Final = 256  # of all together that we have not chosen
# Steps of a comparison (see `dht.reconcile`), of a microsecond or two each; for all peers together:
TOIL_RATE: Final = 20
TOIL_BURST: Final = 400_000
TOIL_RATE_ALL: Final = 60
TOIL_BURST_ALL: Final = 800_000


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


class Shared:
    """What all peers together may have us do."""

    def __init__(self, now: int) -> None:
        self.strangers = Budget(STRANGERS_RATE, FETCH_BURST, now)
        self.toil = Budget(TOIL_RATE_ALL, TOIL_BURST_ALL, now)


class Pushes:
    """What goes between one peer and us. chosen: whether we connected to it by our own choice."""

    def __init__(self, now: int, shared: Shared) -> None:
        self.chosen = False
        self.serving = Budget(SERVE_RATE, SERVE_BURST, now)
        self._fetching = Budget(FETCH_RATE, FETCH_BURST, now)
        self._toil = Budget(TOIL_RATE, TOIL_BURST, now)
        self._shared = shared
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

    @property
    def fetching(self) -> Budget:
        """Bytes of records that are asked of this peer."""
        return self._fetching if self.chosen else self._shared.strangers

    def may_toil(self, now: int) -> bool:
        """Whether a comparison with this peer may go on."""
        return self._toil.ready(now) and self._shared.toil.ready(now)

    def toiled(self, cost: int) -> None:
        self._toil.spend(cost)
        self._shared.toil.spend(cost)

    def toil_due(self) -> int:
        """When it may go on again."""
        return max(self._toil.due(), self._shared.toil.due())

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
        self._shared: Shared | None = None

    def of(self, peer: str, now: int) -> Pushes:
        found = self._peers.get(peer)
        if found is None:
            while len(self._peers) >= MAX_REMEMBERED:
                self._peers.popitem(last=False)
            self._shared = self._shared or Shared(now)
            found = self._peers[peer] = Pushes(now, self._shared)
        self._peers.move_to_end(peer)
        return found
