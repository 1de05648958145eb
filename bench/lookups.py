"""Searches in the DHT: how far, how many questions, what is found; and what a get costs beside the plain library.

Simulated: 1,000 nodes with the real routing tables and lookups, which have come one after the other with the names of
a few others; then a fifth of them is gone, or a fifth of them is hostile from the start (names only its own kind, or
peers that do not exist). One path instead of three is the control. `--nodes` for another number.
"""

import sys

from bench.report import Figure, arguments, show
from tests.dht.kademlia import Crowd, Outcome

SEARCHES = 400


def searched(
    size: int, *, dead: float = 0.0, hostile: float = 0.0, ghosts: bool = False, paths: int = 3
) -> list[Outcome]:
    crowd = Crowd(1, size, hostile=hostile, ghosts=ghosts)
    keys = [crowd.rng.randbytes(32) for _ in range(SEARCHES)]
    for key in keys:
        crowd.provide(key)
    crowd.leave(dead)
    return [crowd.find(key, paths=paths) for key in keys]


def percent(outcomes: list[Outcome]) -> float:
    return 100 * sum(o.found for o in outcomes) / len(outcomes)


def measure(size: int) -> list[Figure]:
    dead, liars, ghosts, one = (
        searched(size, dead=0.2),
        searched(size, hostile=0.2),
        searched(size, hostile=0.2, ghosts=True),
        searched(size, hostile=0.2, paths=1),
    )
    found = [o for o in dead if o.found]
    return [
        Figure("found_percent", percent(dead), "%", "with a fifth of the entries dead", at_least=99),
        Figure("hops", sum(o.hops for o in found) / len(found), "", "to the first who has it", at_most=2.5),
        Figure("requests", sum(o.requests for o in dead) / len(dead), "", "of one search", at_most=30),
        Figure("requests_most", max(o.requests for o in dead), "", "of the longest", at_most=30),
        Figure("found_among_liars_percent", percent(liars), "%", "a fifth names only its own", at_least=99),
        Figure(
            "found_among_ghosts_percent", percent(ghosts), "%", "a fifth names peers that do not exist", at_least=99
        ),
        Figure("found_by_one_path_percent", percent(one), "%", "the control: one path among liars", at_most=99),
    ]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--nodes", type=int, default=1_000, help="simulated nodes (default 1000)")
    options = parser.parse_args()
    return show(f"{SEARCHES} searches among {options.nodes} nodes", measure(options.nodes), options.json)


if __name__ == "__main__":
    sys.exit(main())
