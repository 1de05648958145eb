"""What is simulated: how many nodes, where they live, whom they dial, and what befalls them. Values only."""

from typing import Final, NamedTuple

from p2pnode.bounds import BY_CELL, VISIT_EVERY, WANTED_OUTBOUND
from protocols import cell
from protocols.limits import MINUTE, SECOND

CELL_OF: Final = 40  # nodes, where a network spans more than one cell
FIRST_CELL: Final = "u33dc"


class Dials(NamedTuple):
    """Whom a node connects to. wanted: how many; by_cell: at most so many of them by what they keep, as `dht.nearby`
    has it, of those that it knows; the rest are anybody. visits: pause from one connection beyond these, made to
    compare once, to the next, ms; 0: none is."""

    wanted: int = WANTED_OUTBOUND
    by_cell: int = BY_CELL
    visits: int = VISIT_EVERY


class Weather(NamedTuple):
    """What befalls frames, nodes and clocks. Times in ms, probabilities from 0 to 1.

    latency: median of a link, one way; its logarithm has the deviation `spread`. uplink: bytes a millisecond, of an
    honest node.
    lost: a frame vanishes, as from a full queue. resent: it comes 200 to 800 ms late, and what follows it waits.
    doubled, reordered: per frame. away: share of the nodes that are off, each on for `session` on the average; half of
    those that leave do so without a word, which is noticed after `silence`. skew: clocks are at most so far off.
    sybils: share of the nodes that keep what they are given to themselves; crowd: how many honest nodes each of them
    has dialled before these dialled anybody; withhold: they announce whatever they hear of at once to everybody and
    hand it out to nobody; of them, in turn, one says nothing of trees and answers nothing, one asks for everything at
    once, one answers each request with nothing, one does both; spam: records a second that each pushes to each of its
    neighbours.
    """

    latency: float = 25
    spread: float = 0.6
    jitter: float = 2
    uplink: float = 125
    lost: float = 0
    resent: float = 0
    doubled: float = 0
    reordered: float = 0
    away: float = 0
    session: int = 5 * MINUTE
    silence: int = 30 * SECOND
    skew: int = 30 * SECOND
    sybils: float = 0
    crowd: int = 32
    withhold: bool = False
    spam: float = 0


FAIR: Final = Weather()
WEATHERS: Final = {
    "fair": FAIR,
    "loss": Weather(lost=0.2),
    "churn": Weather(away=0.2),
    "sybils": Weather(sybils=0.2),
    "withhold": Weather(sybils=0.2, withhold=True),
    "foul": Weather(lost=0.02, resent=0.05, doubled=0.05, reordered=0.05, away=0.1, skew=5 * MINUTE, sybils=0.1),
}


def cells(nodes: int) -> list[str]:
    """A square of cells with about `CELL_OF` nodes in each."""
    side = max(1, round((nodes / CELL_OF) ** 0.5))
    south, west = cell.centre(FIRST_CELL)
    box = cell.decode(FIRST_CELL)
    high, wide = box.north - box.south, box.east - box.west
    return [cell.encode(south + row * high, west + column * wide, 5) for row in range(side) for column in range(side)]
