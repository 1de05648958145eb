"""What time it is, when the machine's clock may be wrong.

Many home machines have no clock that runs on while they are off, and some have one that is years ahead. So the time at
which the clock was last believed is kept, to the hour. A clock that is far from there is believed when most neighbours
say the same, or our user does; until then the node goes on from the last time that it believed (as fake-hwclock(8)
does), so that nothing expires by mistake, and nothing is signed with a date that no neighbour takes.

Neighbours can confirm what the clock says, and never move it: no crowd of strangers gives this node another time. Where
most of them are over a day from a clock that we would believe, no entry is signed until our user has decided.
"""

from collections.abc import Callable
from statistics import median

from p2pnode.bounds import CLOCK_AHEAD, CLOCK_BACK, CLOCK_KEPT_EVERY, CLOCK_UNHEARD, CLOCK_WRONG, EARLIEST
from p2pnode.when import date_of
from protocols.codec import decode, encode
from protocols.limits import DAY, HOUR, MAX_SKEW, MINUTE

from .effects import Remake
from .journal import Journal
from .keys import CLOCK


class Timekeeping:
    """counts: whether a peer's opinion counts. Times in ms; `wall` is what the machine's clock says."""

    def __init__(self, journal: Journal, wall: int, counts: Callable[[str], bool]) -> None:
        self._journal = journal
        self._counts = counts
        stored = journal.get(CLOCK)
        # known: whether the clock was ever believed; until then any date after EARLIEST is as good as another.
        row: tuple[int, bool, bool] = decode(stored) if stored is not None else (EARLIEST, False, False)
        self._at, self._known, self._insisted = row
        self._began = wall
        self._since = wall  # a clock that is set makes the core anew: what has passed since then is steady time
        self._differences: dict[str, int] = {}  # by connected peer: its time less that of our clock

    def now(self, wall: int) -> int:
        """The time to go by."""
        return wall if self._believed(wall) else self._reckoned(wall)

    def heard(self, peer: str, theirs: int, wall: int) -> None:
        """A connected peer said what time it has."""
        before = self.now(wall)
        self._differences[peer] = theirs - wall
        if self._confirmed():
            self._insisted = False
            if abs(before - wall) > MINUTE:
                self._keep(wall, wall)
                self._journal.out(Remake())  # every timer was set by another time

    def gone(self, peer: str) -> None:
        self._differences.pop(peer, None)

    def insist(self, wall: int) -> None:
        """Our user says that the clock is right."""
        before = self.now(wall)
        self._insisted = True
        self._keep(wall, wall)
        if abs(before - wall) > MINUTE:
            self._journal.out(Remake())

    def woke(self, wall: int) -> None:
        """To be called every minute or so: keeps the time that we go by."""
        now = self.now(wall)
        if (
            now == wall
            and not (self._confirmed() or self._insisted)
            and (self._votes() or wall < self._began + CLOCK_UNHEARD)
        ):
            return  # near enough to go by, but not to remember: neighbours contradict it, or may yet
        if now >= self._at + CLOCK_KEPT_EVERY or not self._known:
            self._keep(now, wall, known=self._known or now == wall)

    def objection(self) -> int:
        """How far most neighbours are ahead of our clock (behind: negative) if that is over `CLOCK_WRONG`; else 0."""
        votes = self._votes()
        if self._insisted or sum(abs(v) > CLOCK_WRONG for v in votes) * 2 <= len(votes):
            return 0
        return int(median(votes))

    def difference(self) -> int | None:
        """How far neighbours' clocks are ahead of ours, in the middle; None if nobody said."""
        votes = self._votes()
        return int(median(votes)) if votes else None

    def warnings(self, wall: int) -> list[str]:
        """What our user should know."""
        what_to_do = "Set the clock; if it is right: `p2pnode clock --is-right`"
        if not self._believed(wall):
            said, by = date_of(wall), date_of(self._reckoned(wall))
            return [f"this machine's clock says {said}, and nobody confirms it; the node goes by {by}. {what_to_do}"]
        far = self.difference()
        if far is None or abs(far) <= MAX_SKEW or self._insisted:
            return []
        where = "behind" if far > 0 else "ahead of"
        stop = ", so nothing is signed in the ledger" if self.objection() else ""
        return [f"this machine's clock is {_length(abs(far))} {where} its neighbours'{stop}. {what_to_do}"]

    def _believed(self, wall: int) -> bool:
        if self._insisted or self._confirmed():
            return True
        if not self._known:
            return wall >= EARLIEST
        return -CLOCK_AHEAD <= self._reckoned(wall) - wall <= CLOCK_BACK

    def _reckoned(self, wall: int) -> int:
        return self._at + max(0, wall - self._since)

    def _confirmed(self) -> bool:
        votes = self._votes()
        return sum(abs(v) <= MAX_SKEW for v in votes) * 2 > len(votes)

    def _votes(self) -> list[int]:
        return [d for peer, d in self._differences.items() if self._counts(peer)]

    def _keep(self, now: int, wall: int, known: bool = True) -> None:
        self._at, self._since, self._known = now, wall, known
        self._journal.put(CLOCK, encode([now, known, self._insisted]), durable=False)


def _length(ms: int) -> str:
    for unit, name in ((365 * DAY, "years"), (DAY, "days"), (HOUR, "hours")):
        if ms >= 2 * unit:
            return f"{ms // unit} {name}"
    return f"{ms // MINUTE} minutes"
